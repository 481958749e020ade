"""Weights & Biases and MLflow are told the figures of a run, offline; stand-ins take them here."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from abag.errors import OptionError, UnavailableError
from abag.training.recipe import load_recipe
from abag.training.trackers import open_trackers

ROW = {"epoch": 3, "train_loss": 0.5, "val_spearman": None, "lr": 0.001}
END = ({"spearman": 0.25, "rmse": None}, {"total_epochs": 3, "status": "stable"})


def tell(tracker: Any) -> None:
    tracker.log(ROW)
    tracker.finish(*END)
    tracker.close()


def test_weights_and_biases_writes_an_offline_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {"log": [], "summary": {}}
    run = SimpleNamespace(
        log=lambda row, step: told["log"].append((step, row)), summary=told["summary"],
        finish=lambda: told.update(finished=True),
    )  # fmt: skip

    def init(**options: Any) -> SimpleNamespace:
        told["init"] = options
        return run

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    (tracker,) = open_trackers(["wandb"], tmp_path, load_recipe("v2.7"))
    tell(tracker)
    assert told["init"]["mode"] == "offline"
    assert told["init"]["dir"] == str(tmp_path)
    assert told["init"]["config"]["name"] == "v2.7"
    assert told["log"] == [(3, {"train_loss": 0.5, "lr": 0.001})]
    assert told["summary"] == {"test/spearman": 0.25, "status": "stable"}
    assert told["finished"]


def test_mlflow_writes_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, Any]] = []
    names = ("set_tracking_uri", "set_experiment", "start_run", "log_params", "log_metrics",
             "set_tag", "end_run")  # fmt: skip

    def taker(name: str) -> Any:
        return lambda *a, **k: told.append((name, (*a, *k.values())))

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(**{n: taker(n) for n in names}))
    (tracker,) = open_trackers(["mlflow"], tmp_path, load_recipe("v2.7"))
    tell(tracker)
    assert told[0] == ("set_tracking_uri", (f"sqlite:///{(tmp_path / 'mlflow.db').resolve()}",))
    (params,) = (values[0] for name, values in told if name == "log_params")
    assert params["optimiser.lr"] == "0.001"
    assert params["loss.0.kind"] == "mse"
    assert ("log_metrics", ({"train_loss": 0.5, "lr": 0.001}, 3)) in told
    assert told[-2:] == [("set_tag", ("status", "stable")), ("end_run", ())]


@pytest.mark.parametrize("name", ["wandb", "mlflow", "tensorboard"])
def test_a_library_that_is_not_there_is_named_with_its_mend(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UnavailableError, match="is not installed: pip install"):
        open_trackers([name], tmp_path, load_recipe("v2.7"))


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown tracker 'neptune'"):
        open_trackers(["neptune"], tmp_path, load_recipe("v2.7"))
