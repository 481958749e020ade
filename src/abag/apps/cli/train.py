"""``abag train``: train a recipe on the training part of a split, or go on with a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from abag.apps.cli.output import emit, tell
from abag.errors import OptionError

if TYPE_CHECKING:
    from abag.training.recipe import Recipe
    from abag.training.run import TrainedRun


def train(
    table: Path | None = None,
    *,
    recipe: str | None = None,
    split: Path | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    holdout: str | None = None,
    encoder: str | None = None,
    antibody_encoder: str | None = None,
    antigen_encoder: str | None = None,
    antibody_folder: Path | None = None,
    antigen_folder: Path | None = None,
    store: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
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
        recipe: v2.5, v2.6, v2.7, v2.8, default, or a .toml file.
        split: Split of this table from `abag split`; with --resume, where it lies now.
        out: New folder for the run.
        resume: Folder of a run to go on with.
        holdout: Test part of a split with folds, such as fold-3.
        encoder: Encoder of both sides in place of the recipe's, such as builtin.
        antibody_encoder: Encoder of the antibody in place of the recipe's.
        antigen_encoder: Encoder of the antigen in place of the recipe's.
        antibody_folder: Where the antibody encoder's files lie, instead of the hub.
        antigen_folder: Where the antigen encoder's files lie, instead of the hub.
        store: Folder of embeddings, filled and read; without it they are made anew.
        set_: A setting of the recipe, as optimiser.lr=5e-4; repeat it for several.
        device: auto, cpu, cuda or cuda:1.
        stop_after: Seconds of training after which to stop with a saved state.
        save_every: Steps between saved states; by default about a minute lies between them.
        tensorboard: Also write RUN/tensorboard.
        wandb: Also write an offline run of Weights & Biases.
        mlflow: Also write RUN/mlflow.db.
        audit: Audit the split for the report.
        json: Print one JSON object.
    """
    if (out is None) == (resume is None):
        raise OptionError("give --out for a new run or --resume for an old one, one of the two")
    for name, value in (("--stop-after", stop_after), ("--save-every", save_every)):
        if value is not None and not value > 0:
            raise OptionError(f"{name} is {value}; give more than 0")
    chosen = {"tensorboard": tensorboard, "wandb": wandb, "mlflow": mlflow}
    fresh: dict[str, Any] = {
        "--recipe": recipe, "--holdout": holdout, "--encoder": encoder, "--store": store,
        "--antibody-encoder": antibody_encoder, "--antigen-encoder": antigen_encoder,
        "--antibody-folder": antibody_folder, "--antigen-folder": antigen_folder, "--set": set_,
    }  # fmt: skip
    if resume is not None and (given := [name for name, value in fresh.items() if value]):
        raise OptionError(f"{', '.join(given)}: a resumed run keeps what it was started with")
    if out is not None:
        needed = {"TABLE": table, "--recipe": recipe, "--split": split}
        if missing := [name for name, value in needed.items() if value is None]:
            raise OptionError(f"a new run needs {', '.join(missing)}")
    require_torch()
    from abag.training import run as runs
    from abag.training.setup import Options, Sources
    from abag.training.trackers import require_trackers

    trackers = tuple(name for name, wanted in chosen.items() if wanted)
    require_trackers(trackers)
    options = Options(
        device=device, seconds=stop_after, save_steps=save_every, trackers=trackers,
        audit=audit, tell=_note,
    )  # fmt: skip
    if resume is not None:
        done = runs.resume(resume, options, table=table, split=split)
    elif table is not None and split is not None and out is not None and recipe is not None:
        sources = Sources(table, split, holdout, store, antibody_folder, antigen_folder)
        sides = (antibody_encoder or encoder, antigen_encoder or encoder)
        done = runs.train(chosen_recipe(recipe, set_ or [], *sides), sources, out, options)
    if os.environ.get("RANK", "0") == "0":
        emit(done.as_json(), _text(done), json)


def chosen_recipe(
    name: str, settings: list[str], antibody: str | None, antigen: str | None
) -> Recipe:
    """A recipe with the settings and encoders of the command line."""
    from abag.training.recipe import load_recipe

    sides = {"antibody": antibody, "antigen": antigen}
    own = [f"network.{side}.id={value}" for side, value in sides.items() if value]
    return load_recipe(name, [*own, *settings])


def require_torch() -> None:
    """Raise UnavailableError, naming the mend, where torch is not installed."""
    from abag.errors import UnavailableError

    try:
        import torch  # noqa: F401
    except ImportError:
        raise UnavailableError(
            'networks need PyTorch: pip install "abag[network]", or fit a model without it with '
            "`abag fit`"
        ) from None


def _note(text: str) -> None:
    tell(f"abag: {text}")


def _text(done: TrainedRun) -> str:
    best = "undefined" if done.best is None else f"{done.best:.3f}"
    head = f"{done.epochs} epochs, {done.steps:,} steps in {done.run}"
    if not done.finished:
        return f"{head}; go on with abag train --resume {done.run}"
    lines = [head, f"kept: epoch {done.best_epoch}, validation {done.metric} {best}"]
    for key in ("spearman", "pearson", "rmse", "recall"):
        if key in done.test:
            lines.append(f"test {key}: {_figure(done.test[key])}")
    lines.append(f"status: {done.status}" + "".join(f"\n  {reason}" for reason in done.reasons))
    lines.append(f"report: {done.run / 'report.html'}; model: {done.run / 'model'}")
    return "\n".join(lines)


def _figure(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return f"undefined ({found['reason']})"
    ends = found.get("interval")
    return f"{found['value']:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")
