"""A training run that was stopped or killed ends with the bits of one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")

import torch

from abag.data.build import load_table
from abag.errors import BusyError, FileFormatError, OptionError
from abag.files import locked, read_tensors
from abag.model.artefact import read_manifest
from abag.model.network.model import NetworkModel
from abag.training.engine.checkpoint import LAST, PREVIOUS
from abag.training.run import resume, train
from abag.training.setup import Sources
from synthetic_runs import (
    QUIET,
    encoders,
    load_split,
    outcome,
    tiny_recipe,
    with_time,
    write_inputs,
)

RECIPES = {
    "default": [],
    "v2.5": ["network.antibody.pooling=mean", "network.antigen.pooling=mean"],
    "v2.6": [],
    "v2.7": ["schedule.patience=0"],
    "v2.8": ["sampler.kind=assay-balanced"],
}
"""Between them: dropout, mean of weights, plateau, batch normalisation, every sampler."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, sources: Sources) -> Path:
    """A run in one go."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert train(tiny_recipe(), sources, out, QUIET, encoders()).finished
    return out


@pytest.mark.parametrize("name", RECIPES)
def test_stopped_after_every_step_it_ends_with_the_same_bits(
    name: str, tmp_path: Path, sources: Sources, whole: Path
) -> None:
    recipe = tiny_recipe(*RECIPES[name], name=name)
    straight, stopped = whole, tmp_path / "stopped"
    if recipe != tiny_recipe():
        straight = tmp_path / "straight"
        train(recipe, sources, straight, QUIET, encoders())
    last = train(recipe, sources, stopped, with_time(0), encoders())
    assert (last.steps, last.finished, last.status) == (1, False, "training")
    steps = 1
    while not last.finished:
        steps += 1
        torch.manual_seed(steps)  # what another process would have drawn before
        last = resume(stopped, with_time(0), encoders=encoders())
        assert last.steps == steps
    assert last.epochs == recipe.stopping.epochs == 3
    assert outcome(stopped) == outcome(straight)


def test_a_finished_run_that_is_resumed_stays_what_it_is(whole: Path, tmp_path: Path) -> None:
    before = outcome(whole)
    assert resume(whole, QUIET, encoders=encoders()).finished
    assert outcome(whole) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.parametrize(
    ("kills", "epochs"), [(1, 4), pytest.param(20, 12, marks=pytest.mark.slow)]
)
def test_killed_at_any_moment_and_resumed_it_ends_with_the_same_bits(
    kills: int, epochs: int, tmp_path: Path
) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "kill_resume.py"
    result = tmp_path / "result.json"
    command = [sys.executable, str(script), "--kills", str(kills), "--epochs", str(epochs),
               "--out", str(result)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=900)
    found = json.loads(result.read_text())
    assert found["kills"] == kills
    assert found["equal"] == found["runs"] >= 1


def test_a_torn_state_costs_only_the_steps_since_the_one_before(
    tmp_path: Path, sources: Sources, whole: Path
) -> None:
    run = tmp_path / "run"
    train(tiny_recipe(), sources, run, with_time(0), encoders())
    resume(run, with_time(0), encoders=encoders())
    content = bytearray((run / LAST).read_bytes())
    content[-3] ^= 1
    (run / LAST).write_bytes(content)
    assert resume(run, QUIET, encoders=encoders()).finished
    assert outcome(run) == outcome(whole)


def test_without_a_whole_state_nothing_is_believed(tmp_path: Path, sources: Sources) -> None:
    run = tmp_path / "run"
    train(tiny_recipe(), sources, run, with_time(0), encoders())
    for name in (LAST, PREVIOUS):
        (run / name).write_bytes(b"half a file")
    with pytest.raises(FileFormatError, match=r"damaged.*damaged.*start a new run"):
        resume(run, QUIET, encoders=encoders())


def test_a_state_holds_everything_that_a_run_needs(whole: Path) -> None:
    tensors, metadata = read_tensors(whole / LAST)
    parts = {name.split(".")[0] for name in tensors}
    assert parts == {"model", "ema", "best", "optimiser"}
    moments = {name.split(".")[1] for name in tensors if name.startswith("optimiser.")}
    assert moments == {"exp_avg", "exp_avg_sq", "step"}
    weights, said = read_tensors(whole / "checkpoint.safetensors")
    assert {f"best.{name}" for name in weights} == {n for n in tensors if n.startswith("best.")}
    assert set(said) == {"recipe", "epoch", "encoders", "table_sha256", "split_digest",
                         "part"}  # fmt: skip
    assert {"progress", "monitor", "plateau", "identity"} <= set(metadata)


def test_the_kept_weights_are_those_of_the_best_epoch(whole: Path) -> None:
    history = pl.read_csv(whole / "training_history.csv")
    metrics = json.loads((whole / "metrics.json").read_text())
    best = int(history["val_spearman"].arg_max())
    assert metrics["val"]["epoch"] == best + 1
    assert metrics["val"]["val_spearman"] == pytest.approx(history["val_spearman"][best])


def test_early_stopping_ends_a_run_and_keeps_what_was_best(
    tmp_path: Path, sources: Sources
) -> None:
    recipe = tiny_recipe("stopping.epochs=40", "stopping.patience=2", "optimiser.lr=1e-12",
                         "optimiser.ema=0",
                         "network.head.normalisation=layer")  # fmt: skip
    done = train(recipe, sources, tmp_path / "run", QUIET, encoders())
    assert (done.epochs, done.best_epoch) == (3, 1)


def test_another_seed_gives_other_weights(tmp_path: Path, sources: Sources, whole: Path) -> None:
    train(tiny_recipe("seed=43"), sources, tmp_path / "run", QUIET, encoders())
    assert outcome(tmp_path / "run")["weights"] != outcome(whole)["weights"]


def test_the_mean_of_the_weights_is_validated_and_kept(tmp_path: Path, sources: Sources) -> None:
    recipe = tiny_recipe("stopping.epochs=1", "optimiser.ema=0.5")
    train(recipe, sources, tmp_path / "run", QUIET, encoders())
    tensors, _ = read_tensors(tmp_path / "run" / LAST)
    for name in [n for n in tensors if n.startswith("ema.")]:
        part = name.removeprefix("ema.")
        assert torch.equal(tensors[name], tensors[f"best.{part}"])
    moved = [n for n in tensors if n.startswith("ema.")
             if not torch.equal(tensors[n], tensors[n.replace("ema.", "model.", 1)])]  # fmt: skip
    assert moved


def test_a_taken_folder_is_left_as_it_is(tmp_path: Path, sources: Sources, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    with pytest.raises(OptionError, match="holds a run already; use --resume"):
        train(tiny_recipe(), sources, whole, QUIET, encoders())
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match=r"other files \(notes.txt\)"):
        train(tiny_recipe(), sources, tmp_path, QUIET, encoders())
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_fold_that_is_held_out_is_tested_and_nothing_else(tmp_path: Path) -> None:
    sources = replace(write_inputs(tmp_path, folds=4), holdout="fold-1")
    train(tiny_recipe("stopping.epochs=1"), sources, tmp_path / "run", QUIET, encoders())
    split = load_split(sources)
    tested = pl.read_csv(tmp_path / "run" / "test_predictions.csv")["record_id"]
    assert set(tested) == split.test_ids("fold-1")
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["part"] == "fold-1"
    assert told["rows"]["train"] + told["rows"]["val"] == len(split.training_ids("fold-1"))
    assert "no validation part" in told["notes"][0]
    # What `abag evaluate` asks of a saved model: that it has not seen the part it is tested on.
    origin = read_manifest(tmp_path / "run" / "model")["training"]["origin"]
    assert (origin["held_out"], origin["split_digest"]) == ("fold-1", split.digest)


def test_two_processes_do_not_train_one_run(tmp_path: Path, sources: Sources) -> None:
    run = tmp_path / "run"
    train(tiny_recipe(), sources, run, with_time(0), encoders())
    before = (run / LAST).read_bytes()
    mine = f"trained by process {os.getpid()}"
    with locked(run, "trained"), pytest.raises(BusyError, match=mine):
        resume(run, QUIET, encoders=encoders())
    assert (run / LAST).read_bytes() == before
    assert resume(run, with_time(0), encoders=encoders()).steps == 2


def test_who_follows_a_run_follows_it_after_a_stop(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[tuple[str, ...]] = []

    def opened(names: tuple[str, ...], *_: object) -> list[object]:
        followed.append(tuple(names))
        return []

    monkeypatch.setattr("abag.training.run.open_trackers", opened)
    run = tmp_path / "run"
    train(tiny_recipe(), sources, run, replace(with_time(0), trackers=("mlflow",)), encoders())
    resume(run, with_time(0), encoders=encoders())
    resume(run, replace(with_time(0), trackers=("tensorboard",)), encoders=encoders())
    assert followed == [("mlflow",), ("mlflow",), ("mlflow", "tensorboard")]


def test_predictions_are_those_of_the_saved_model(whole: Path, sources: Sources) -> None:
    predicted = pl.read_csv(whole / "test_predictions.csv")
    model = NetworkModel.load(whole / "model", device="cpu", encoders=encoders())
    table = load_table(sources.table)
    rows = predicted.select("record_id").join(table.frame, on="record_id", how="left")
    np.testing.assert_allclose(model.predict(rows), predicted["pred"], atol=1e-5)
    np.testing.assert_allclose(predicted["error"], predicted["pred"] - rows["pkd"], atol=1e-12)
