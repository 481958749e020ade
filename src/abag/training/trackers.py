"""Where a run's figures can be followed besides its own files; all of it works offline.

TensorBoard files go to ``RUN/tensorboard``, Weights & Biases writes an offline run to
``RUN/wandb`` (``wandb sync`` uploads it later), MLflow a SQLite file ``RUN/mlflow.db``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from abag.errors import OptionError, installed
from abag.training.recipe import Recipe


class Tracker(Protocol):
    """Takes the figures of a run."""

    def log(self, row: Mapping[str, Any]) -> None:
        """Take the row of an epoch."""

    def finish(self, test: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """Take the figures of the end."""

    def close(self) -> None:
        """Write what is left."""


class TensorBoard:
    """Scalars by epoch for TensorBoard."""

    def __init__(self, run: Path, recipe: Recipe) -> None:
        _require("tensorboard", "tensorboard", 'pip install "abag[training]"')
        from torch.utils.tensorboard import SummaryWriter

        # An epoch that is computed again after a kill replaces itself in the view.
        self._writer: Any = SummaryWriter(str(run / "tensorboard"))
        self._writer.add_text("recipe", f"```\n{recipe.model_dump_json(indent=2)}\n```")

    def log(self, row: Mapping[str, Any]) -> None:
        """One point for each figure."""
        for name, value in _numbers(row).items():
            self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()

    def finish(self, test: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """The test figures as text and scalars."""
        epoch = int(summary["total_epochs"])
        for name, value in _numbers(test).items():
            self._writer.add_scalar(f"test/{name}", value, epoch)
        self._writer.add_text("status", str(summary["status"]))

    def close(self) -> None:
        """Flush the files."""
        self._writer.close()


class WeightsAndBiases:
    """An offline run of Weights & Biases."""

    def __init__(self, run: Path, recipe: Recipe) -> None:
        wandb = _require("wandb", "wandb", "pip install wandb")
        self._run = wandb.init(
            project="abag", name=run.name, dir=str(run), mode="offline", config=recipe.as_json()
        )

    def log(self, row: Mapping[str, Any]) -> None:
        """One step for each epoch."""
        self._run.log(_numbers(row), step=int(row["epoch"]))

    def finish(self, test: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """The run's summary."""
        self._run.summary.update({f"test/{name}": v for name, v in _numbers(test).items()})
        self._run.summary.update({"status": summary["status"]})

    def close(self) -> None:
        """End the run."""
        self._run.finish()


class MLflow:
    """A local MLflow store."""

    def __init__(self, run: Path, recipe: Recipe) -> None:
        self._mlflow = _require("mlflow", "MLflow", "pip install mlflow")
        self._mlflow.set_tracking_uri(f"sqlite:///{(run / 'mlflow.db').resolve()}")
        self._mlflow.set_experiment("abag")
        self._mlflow.start_run(run_name=run.name)
        self._mlflow.log_params(_flat(recipe.as_json()))

    def log(self, row: Mapping[str, Any]) -> None:
        """One point for each figure."""
        self._mlflow.log_metrics(_numbers(row), step=int(row["epoch"]))

    def finish(self, test: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """The test figures and the verdict."""
        self._mlflow.log_metrics({f"test_{name}": v for name, v in _numbers(test).items()})
        self._mlflow.set_tag("status", summary["status"])

    def close(self) -> None:
        """End the run."""
        self._mlflow.end_run()


TRACKERS: Final[dict[str, Any]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
}


def open_trackers(names: Sequence[str], run: Path, recipe: Recipe) -> list[Tracker]:
    """Trackers by name.

    Raises:
        OptionError: an unknown name.
        UnavailableError: the library is not installed.
    """
    if unknown := sorted(set(names) - set(TRACKERS)):
        raise OptionError(f"unknown tracker {unknown[0]!r}; there are {', '.join(TRACKERS)}")
    return [TRACKERS[name](run, recipe) for name in dict.fromkeys(names)]


def require_trackers(names: Sequence[str]) -> None:
    """Raise :class:`UnavailableError` before anything slow where a library is missing."""
    for name in names:
        _require(name, name, f'pip install "abag[training]" or pip install {name}')


def _require(module: str, title: str, remedy: str) -> Any:
    return installed(
        module,
        f"{title} is not installed: {remedy}, or train without it (training_history.csv holds "
        "the same figures)",
    )


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in row.items()
        if isinstance(value, int | float) and name != "epoch"
    }


def _flat(values: Any, above: str = "") -> dict[str, str]:
    if isinstance(values, dict | list | tuple):
        items = values.items() if isinstance(values, dict) else enumerate(values)
        flat: dict[str, str] = {}
        for key, value in items:
            flat |= _flat(value, f"{above}.{key}" if above else str(key))
        return flat
    return {above: str(values)[:500]}
