"""``abag train``: train a recipe on the training part of a split, or go on with a run."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from abag.apps.cli import emit, tell
from abag.errors import OptionError

if TYPE_CHECKING:
    from abag.training.recipe import Recipe
    from abag.training.run import TrainedRun


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is started with; a resumed one keeps it."""

    recipe: str | None = None
    """v2.5, v2.6, v2.7, v2.8, default, or a .toml file."""
    holdout: str | None = None
    """Test part of a split with folds, such as fold-3."""
    encoder: str | None = None
    """Encoder of both sides in place of the recipe's, such as builtin."""
    antibody_encoder: str | None = None
    """Encoder of the antibody in place of the recipe's."""
    antigen_encoder: str | None = None
    """Encoder of the antigen in place of the recipe's."""
    antibody_folder: Path | None = None
    """Where the antibody encoder's files lie, instead of the hub."""
    antigen_folder: Path | None = None
    """Where the antigen encoder's files lie, instead of the hub."""
    store: Path | None = None
    """Folder of embeddings, filled and read; without it they are made anew."""
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None
    """A setting of the recipe, as optimiser.lr=5e-4; repeat it for several."""

    @property
    def given(self) -> list[str]:
        """The options that were given."""
        names = [field.name for field in fields(self) if getattr(self, field.name)]
        return [f"--{name.strip('_').replace('_', '-')}" for name in names]

    def chosen(self) -> Recipe:
        """The recipe with its settings and encoders; it must have been given."""
        sides = (self.antibody_encoder or self.encoder, self.antigen_encoder or self.encoder)
        return chosen_recipe(self.recipe or "", self.set_ or [], *sides)


def train(
    table: Path | None = None,
    *,
    split: Path | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    start: Annotated[NewRun, Parameter(name="*")] = NewRun(),
    device: str = "auto",
    stop_after: float | None = None,
    save_every: int | None = None,
    tensorboard: Annotated[bool, Parameter(negative=())] = False,
    wandb: Annotated[bool, Parameter(negative=())] = False,
    mlflow: Annotated[bool, Parameter(negative=())] = False,
    audit: bool = True,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Train a recipe on the training part of a split; the test part is looked at once, at the end.

    A run that was stopped, by --stop-after or by force, goes on with --resume and ends with the
    same weights as one that was not. `abag recipes` lists what can be trained.

    Args:
        table: Canonical table (.parquet); with --resume, where it lies now if it was moved.
        split: Split of this table from `abag split`; with --resume, where it lies now.
        out: New folder for the run.
        resume: Folder of a run to go on with.
        start: What the run is started with.
        device: auto, cpu, cuda or cuda:1.
        stop_after: Seconds of training after which to stop with a saved state.
        save_every: Steps between saved states; by default about a minute lies between them.
        tensorboard: Also write RUN/tensorboard.
        wandb: Also write an offline run of Weights & Biases.
        mlflow: Also write RUN/mlflow.db.
        audit: Audit the split for the report.
        json: Print one JSON object.
    """
    for name, value in (("--stop-after", stop_after), ("--save-every", save_every)):
        if value is not None and not value > 0:
            raise OptionError(f"{name} is {value}; give more than 0")
    require_inputs(table, split, out, resume, start)
    require_torch()
    from abag.training import run as runs
    from abag.training.setup import Options, Sources
    from abag.training.trackers import require_trackers

    trackers_by_name = {"tensorboard": tensorboard, "wandb": wandb, "mlflow": mlflow}
    trackers = tuple(name for name, wanted in trackers_by_name.items() if wanted)
    require_trackers(trackers)
    options = Options(device, stop_after, save_every, trackers=trackers, audit=audit, tell=note)
    if resume is not None:
        trained = runs.resume(resume, options, table=table, split=split)
    elif table is not None and split is not None and out is not None:
        folders = (start.antibody_folder, start.antigen_folder)
        sources = Sources(table, split, start.holdout, start.store, *folders)
        trained = runs.train(start.chosen(), sources, out, options)
    if os.environ.get("RANK", "0") == "0":
        emit(trained.as_json(), _text(trained), json)


def require_inputs(
    table: Path | None, split: Path | None, out: Path | None, resume: Path | None, start: NewRun
) -> None:
    """Raise OptionError unless what is given makes a new run, or lets an old one go on."""
    if (out is None) == (resume is None):
        raise OptionError("give --out for a new run or --resume for an old one, one of the two")
    if resume is not None and start.given:
        options = ", ".join(start.given)
        raise OptionError(
            f"{options}: a resumed run keeps what it was started with; leave this out"
        )
    if out is not None:
        needed = {"TABLE": table, "--recipe": start.recipe, "--split": split}
        if missing := [name for name, value in needed.items() if value is None]:
            raise OptionError(f"a new run needs {', '.join(missing)}")


def chosen_recipe(
    name: str, settings: list[str], antibody: str | None, antigen: str | None
) -> Recipe:
    """A recipe with the settings and encoders of the command line."""
    from abag.training.recipe import load_recipe

    sides = {"antibody": antibody, "antigen": antigen}
    encoders = [f"network.{side}.id={value}" for side, value in sides.items() if value]
    return load_recipe(name, [*encoders, *settings])


def require_torch() -> None:
    """Raise UnavailableError, naming the mend, where torch is not installed."""
    from abag.errors import installed

    installed(
        "torch",
        'networks need PyTorch: pip install "abag[network]", or fit a model without it with '
        "`abag fit`",
    )


def note(text: str) -> None:
    """Print what a run says on its way."""
    tell(f"abag: {text}")


def _text(trained: TrainedRun) -> str:
    best = "undefined" if trained.best is None else f"{trained.best:.3f}"
    head = f"{trained.epochs} epochs, {trained.steps:,} steps in {trained.run}"
    if not trained.finished:
        return f"{head}; go on with abag train --resume {trained.run}"
    lines = [head, f"kept: epoch {trained.best_epoch}, validation {trained.metric} {best}"]
    for key in ("spearman", "pearson", "rmse", "recall"):
        if key in trained.test:
            lines.append(f"test {key}: {_figure(trained.test[key])}")
    lines.append(
        f"status: {trained.status}" + "".join(f"\n  {reason}" for reason in trained.reasons)
    )
    lines.append(f"report: {trained.run / 'report.html'}; model: {trained.run / 'model'}")
    return "\n".join(lines)


def _figure(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return f"undefined ({figure['reason']})"
    ends = figure.get("interval")
    return f"{figure['value']:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")
