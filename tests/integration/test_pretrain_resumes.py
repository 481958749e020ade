"""A pre-training run that was stopped and resumed ends with the bits of one that was not."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("torch")

from safetensors.numpy import load_file

from abag.apps.cli import main
from abag.encoders.adapters.builtin import BuiltinEncoder
from abag.encoders.protocol import Molecule, Role
from abag.errors import OptionError
from abag_lab.pretraining.config import PretrainConfig
from abag_lab.pretraining.loop import LAST
from abag_lab.pretraining.run import pretrain, resume
from synthetic_antibodies import write_sources

TINY = PretrainConfig(
    width=16, layers=1, heads=2, feed_forward=32, steps=8, warmup_steps=2, tokens_per_batch=2400,
    held_out_share=0.15, log_every=2, evaluate_every=4, evaluate_molecules=4, checkpoint_every=3,
    threads=1, precision="fp32",
)  # fmt: skip


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, sources: Path) -> Path:
    """A run from first to last step in one go."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert pretrain(sources, run, TINY).finished
    return run


def tensors(path: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in load_file(path).items()}


def test_stopped_after_every_step_it_ends_with_the_same_bits(
    tmp_path: Path, sources: Path, whole: Path
) -> None:
    run = tmp_path / "run"
    outcome = pretrain(sources, run, TINY, seconds=0)
    assert (outcome.steps, outcome.finished) == (1, False)
    while not outcome.finished:
        outcome = resume(run, seconds=0)
    assert outcome.steps == TINY.steps
    assert tensors(run / LAST) == tensors(whole / LAST)
    assert (run / "weights.safetensors").read_bytes() == (
        whole / "weights.safetensors"
    ).read_bytes()
    assert (run / "perplexity.json").read_bytes() == (whole / "perplexity.json").read_bytes()
    columns = ["step", "epoch", "tokens", "learning_rate", "held_out_loss"]
    stopped, straight = (pl.read_csv(r / "loss_curve.csv") for r in (run, whole))
    assert stopped.select(columns).equals(straight.select(columns))


def test_more_than_one_epoch_was_trained(whole: Path) -> None:
    assert json.loads((whole / "card.json").read_text())["training"]["epochs"] >= 1


def test_a_torn_checkpoint_costs_only_the_steps_since_the_one_before(
    tmp_path: Path, sources: Path, whole: Path
) -> None:
    run = tmp_path / "run"
    pretrain(sources, run, TINY, seconds=0)
    resume(run, seconds=0)
    content = (run / LAST).read_bytes()
    (run / LAST).write_bytes(content[: len(content) // 2])
    assert resume(run).finished
    assert tensors(run / LAST) == tensors(whole / LAST)


def test_the_run_is_an_encoder_and_its_card_tells_what_it_is(whole: Path) -> None:
    encoder = BuiltinEncoder(whole)
    card = json.loads((whole / "card.json").read_text())
    assert encoder.facts.width == TINY.width
    assert encoder.encode([Molecule(Role.ANTIGEN, ("ACDEFG",))])[0].rows.shape == (6, TINY.width)
    assert card["training"]["steps"] == TINY.steps
    assert card["corpus"]["files"][0]["kept"] == {"antibodies": 60}
    held_out = card["held_out_perplexity"]
    assert {"model", "unigram", "trigram", "profile"} <= set(held_out["antibody"])
    assert held_out["heavy framework"]["profile"] < held_out["heavy CDR3"]["profile"]
    text = (whole / "card.md").read_text()
    assert "Held-out perplexity" in text
    assert "SARS-COV1.csv" in text
    assert (whole / "loss_curve.png").read_bytes().startswith(b"\x89PNG")


def test_steps_may_be_changed_on_resuming_and_the_card_says_so(tmp_path: Path, whole: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    assert resume(run, {"steps": 9}).steps == 9
    card = json.loads((run / "card.json").read_text())
    assert card["training"]["changes_on_resuming"] == [{"step": 8, "steps": 9}]
    assert "at step 8 `steps` was set to 9" in (run / "card.md").read_text()


def test_what_would_make_it_another_run_is_refused(whole: Path, sources: Path) -> None:
    with pytest.raises(OptionError, match=r"has done .* already; give as many or more"):
        resume(whole, {"steps": 1})
    with pytest.raises(OptionError, match="cannot change learning_rate"):
        resume(whole, {"learning_rate": 1.0})
    with pytest.raises(OptionError, match="holds a run already"):
        pretrain(sources, whole, TINY)


def test_the_command_trains_and_prints_one_json_object(
    tmp_path: Path, sources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [f"--set={k}={v}" for k, v in TINY.model_dump().items()]
    out = tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        main(["pretrain", "--sources", str(sources), "--out", str(out), "--minutes", "1e-9",
              "--json", *settings])  # fmt: skip
    assert not stopped.value.code
    first = json.loads(capsys.readouterr().out)
    assert (first["steps"], first["finished"]) == (1, False)
    with pytest.raises(SystemExit):
        main(["pretrain", "--resume", str(out), "--finish", "--json"])
    assert json.loads(capsys.readouterr().out)["finished"] is True
    assert "1 steps of 8 planned" in (out / "card.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "one of the two"),
        (["--out", "a", "--resume", "b"], "one of the two"),
        (["--out", "a", "--sources", ".", "--set", "stepz=3"], "did you mean 'steps'"),
        (["--out", "a", "--sources", ".", "--minutes", "0"], "more than 0"),
        (["--resume", "a", "--config", "b"], "change a resumed one with --set"),
    ],
)
def test_wrong_options_are_refused_by_name(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABAG_DATA_SOURCES", raising=False)
    with pytest.raises(SystemExit) as stopped:
        main(["pretrain", *arguments])
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err


def test_without_torch_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit) as ended:
        main(["pretrain", "--sources", str(tmp_path), "--out", str(tmp_path / "run")])
    assert ended.value.code == 2
    assert "pre-training needs PyTorch" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
