"""`abag train`, `abag compare` and `abag tune` from the command line, with the built-in encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("torch")

from abag.apps.cli import main
from abag.files import read_tensors, write_json
from abag.files.reading import SEAL
from abag.model.protocol import load_model
from abag.training.setup import Sources
from synthetic_pairs import complexes_table
from synthetic_runs import write_inputs

SMALL = [
    "--encoder", "builtin", "--set", "network.fusion.width=8", "--set", "network.fusion.heads=2",
    "--set", "network.head.hidden=[8]", "--set", "network.fusion.regions=false",
    "--set", "stopping.epochs=2", "--device", "cpu",
]  # fmt: skip


def run_command(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments), "--json"])
    assert not stopped.value.code
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return write_inputs(tmp_path_factory.mktemp("inputs"), complexes_table(30, antigens=4))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, sources: Sources) -> list[Path]:
    """v2.7 and default, trained by the command; the first one stopped once on its way."""
    folder = tmp_path_factory.mktemp("runs")
    common = ["--split", str(sources.split), "--store", str(folder / "store"), "--no-audit"]
    for name, more in (("v2.7", ["--stop-after", "1e-9"]), ("default", ["--tensorboard"])):
        with pytest.raises(SystemExit) as stopped:
            main(["train", str(sources.table), "--recipe", name, "--out", str(folder / name),
                  *common, *SMALL, *more])  # fmt: skip
        assert not stopped.value.code
    with pytest.raises(SystemExit):
        main(["train", "--resume", str(folder / "v2.7"), "--device", "cpu"])
    return [folder / "v2.7", folder / "default"]


def test_a_run_leaves_every_artefact(runs: list[Path]) -> None:
    for run in runs:
        assert {
            "checkpoint.safetensors", "metrics.json", "model", "recipe.json", "report.html",
            "run.json", "state.safetensors", "test_predictions.csv", "training_history.csv",
            "training_history.png", "training_summary.json",
        } <= {path.name for path in run.iterdir()}  # fmt: skip
        assert (run / "training_history.png").read_bytes().startswith(b"\x89PNG")
        assert (run / "report.html").read_text().startswith("<!doctype html>")


def test_metrics_hold_test_val_settings_split_and_audit(runs: list[Path]) -> None:
    metrics = json.loads((runs[0] / "metrics.json").read_text())
    assert metrics["hyper_parameters"]["name"] == "v2.7"
    assert metrics["hyper_parameters"]["network"]["antibody"]["id"] == "builtin"
    assert metrics["split"]["part"] == "test"
    # The first part of the run was told not to audit; the part that finished it was not.
    assert metrics["audit"]["verdict"]
    assert set(metrics["val"]) >= {"val_spearman", "val_rmse", "rows", "epoch"}
    assert metrics["test"]["rmse"]["interval"][0] <= metrics["test"]["rmse"]["value"]
    assert metrics["served_difference"] < 0.05
    assert metrics["size"]["trained_parameters"] > 1000


def test_the_summary_says_what_the_release_said_and_why_a_run_is_unstable(runs: list[Path]) -> None:
    summary = json.loads((runs[0] / "training_summary.json").read_text())
    assert set(summary) >= {
        "total_epochs", "best_spearman", "best_spearman_epoch", "best_recall", "lowest_loss",
        "recall_sd", "largest_recall_jump", "current_learning_rate", "status", "reasons",
    }  # fmt: skip
    assert summary["status"] in ("stable", "unstable")
    assert summary["total_epochs"] == 2
    history = pl.read_csv(runs[0] / "training_history.csv")
    assert summary["lowest_loss"] == pytest.approx(history["val_loss"].min())
    assert summary["best_spearman"] == pytest.approx(history["val_spearman"].max())


def test_predictions_carry_errors_and_bounds(runs: list[Path], sources: Sources) -> None:
    predicted = pl.read_csv(runs[0] / "test_predictions.csv")
    assert predicted.columns == ["record_id", "true", "pred", "error", "true_lower", "true_upper"]
    assert (predicted["pred"] - predicted["true"] - predicted["error"]).abs().max() < 1e-9
    assert predicted["pred"].is_between(4.0, 14.0).all()


def test_a_trained_model_predicts_like_any_other(
    runs: list[Path], sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(runs[0] / "model")
    assert model.training.origin["part"] == "train"
    heavy, antigen = "EVQLVESGGGLVQPGGSLRLSCAAS", "MKTAYIAKQRQISFVKSHFSRQ"
    table = pl.DataFrame({"heavy": [heavy], "light": [None], "antigen": [[antigen]]},
                         schema_overrides={"light": pl.String})  # fmt: skip
    assert 4.0 <= model.predict(table)[0] <= 14.0


def test_what_was_tested_is_the_saved_model_though_the_store_rounds(
    runs: list[Path], sources: Sources
) -> None:
    predicted = pl.read_csv(runs[1] / "test_predictions.csv")
    rows = pl.read_parquet(sources.table).join(
        predicted.select("record_id"), on="record_id", maintain_order="right"
    )
    found = load_model(runs[1] / "model").predict(rows)
    assert found.tolist() == pytest.approx(predicted["pred"].to_list(), abs=1e-6)


def test_checkpoints_hold_trained_parts_alone(runs: list[Path]) -> None:
    tensors, metadata = read_tensors(runs[0] / "checkpoint.safetensors")
    metrics = json.loads((runs[0] / "metrics.json").read_text())
    assert sum(t.numel() for t in tensors.values()) == metrics["size"]["trained_parameters"]
    assert json.loads(metadata["recipe"])["name"] == "v2.7"


def test_tensorboard_has_the_epochs(runs: list[Path]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(runs[1] / "tensorboard"))
    events.Reload()
    history = pl.read_csv(runs[1] / "training_history.csv")
    logged = [event.value for event in events.Scalars("val_rmse")]
    assert logged == pytest.approx(history["val_rmse"].to_list())


def test_runs_are_compared_on_the_same_rows(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run_command(capsys, "compare", *runs, "--out", tmp_path / "c")
    assert set(found["runs"]) == {"v2.7", "default"}
    metrics = json.loads((runs[1] / "metrics.json").read_text())
    ours = found["runs"]["default"]
    assert ours["spearman"]["value"] == metrics["test"]["spearman"]["value"]
    assert ours["trained_parameters"] == metrics["size"]["trained_parameters"]
    page = (tmp_path / "c" / "compare.md").read_text()
    assert "| RMSE (pKd) |" in page
    assert f"{metrics['test']['rmse']['value']:.2f} (" in page
    assert "<table>" in (tmp_path / "c" / "compare.html").read_text()
    assert (tmp_path / "c" / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_runs_on_other_rows_are_not_compared(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    metrics = json.loads((runs[0] / "metrics.json").read_text())
    metrics["split"]["digest"] = "0" * 64
    metrics.pop(SEAL, None)
    write_json(other / "metrics.json", metrics, seal=True)
    for arguments, reason in (
        ([runs[0], other], "tested on different rows"),
        ([runs[0]], "two runs or more"),
        ([runs[0], runs[0]], "named twice"),
        ([runs[0], tmp_path], "no finished run"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["compare", *map(str, arguments), "--out", str(tmp_path / "c")])
        assert stopped.value.code == 2
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "one of the two"),
        (["--out", "a"], "a new run needs TABLE, --recipe, --split"),
        (["t.parquet", "--split", "s", "--out", "a", "--recipe", "v2.9"], "did you mean"),
        (["--resume", "a", "--set", "seed=1"], "keeps what it was started with"),
        (["--resume", "a", "--stop-after", "0"], "--stop-after is 0.0; give more than 0"),
        (["--resume", "a"], "there is no folder a"),
        (["t.parquet", "--split", "s", "--out", "a", "--recipe", "v2.7", "--set",
          "optimiser.lrr=1"], "did you mean 'lr'"),
        (["t.parquet", "--split", "s", "--out", "a", "--recipe", "v2.7"], "there is no file"),
        (["--resume", "a", "--wandb"], "wandb is not installed"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_by_name(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    import importlib.util

    if "wandb" in reason and importlib.util.find_spec("wandb"):
        pytest.skip("wandb is installed")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["train", *arguments])
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
