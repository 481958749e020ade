"""``abag fit``: fit a model on the training part of a split and save it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.errors import OptionError, counted

if TYPE_CHECKING:
    from abag.model.fitting import FittedModel


def fit(
    table: Path,
    *,
    model: str | None = None,
    out: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    holdout: str | None = None,
    assay: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    seed: int = 0,
    calibrate: Annotated[bool, Parameter(negative=())] = False,
    calibration_folds: int = 10,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Fit a model on the training part of a split and save it.

    Args:
        table: Canonical table (.parquet) from `abag data build` or `abag data import`.
        model: pairs, mean, antigen-mean, nearest-neighbour, kmer-ridge, one-hot-ridge, assay-gp or
            network.
        out: New folder for the model.
        split: Split of this table from `abag split`; without one, every row is trained on.
        part: Part of the split to train on.
        holdout: Test part; the model is fitted on the rows that may train for it.
        assay: Fit on the rows of this assay alone.
        set_: A setting of the model, as ridge=0.1; repeat it for several.
        seed: Seed of anything that is drawn at random.
        calibrate: Also measure the errors on rows held out of these, so that predictions come with
            an interval and a verdict on what the model knows.
        calibration_folds: Folds of each of the two schemes of --calibrate.
        overwrite: Replace a saved model that is in the folder.
        json: Print one JSON object.
    """
    from abag.model.fitting import TrainingRows, fit_model
    from abag.model.protocol import MODELS, split_assignments

    if model is None:
        raise OptionError(f"--model is missing: choose one of {', '.join(MODELS)}")
    if out is None:
        raise OptionError("--out is missing: name a new folder for the model")
    settings = {"seed": str(seed), **split_assignments(set_ or [])}
    rows = TrainingRows(table, split, part, holdout, assay)
    if calibrate:
        from abag.uncertainty.served import fit_served

        fitted, served = fit_served(
            model, rows, out, settings, folds=calibration_folds, seed=seed, overwrite=overwrite
        )
        emit(
            {**fitted.as_json(), **served.as_json()}, f"{_text(fitted)}\n{served.in_words()}", json
        )
        return
    fitted = fit_model(model, rows, out, settings, overwrite=overwrite)
    emit(fitted.as_json(), _text(fitted), json)


def _text(fitted: FittedModel) -> str:
    counts = fitted.training
    lines = [
        f"{fitted.model_id} saved in {fitted.folder}",
        f"fitted on {counted(counts.rows_used, 'row')}: "
        f"{counted(counts.antibodies, 'antibody', 'antibodies')}, "
        f"{counted(counts.antigens, 'antigen')}; {_target(fitted)} mean {counts.target_mean:.2f}, "
        f"sd {counts.target_sd:.2f}",
    ]
    if counts.rows_censored:
        censored = counted(counts.rows_censored, "censored row")
        lines.append(f"left out: {censored} (bounds, not numbers)")
    if counts.rows_without_target:
        without = counted(counts.rows_without_target, "row")
        lines.append(f"left out: {without} without {_target(fitted)}")
    if counts.rows_used < counts.rows_exact:
        lines.append(
            f"sampled {counts.rows_used} of {counts.rows_exact} rows (--set max_rows=... for more)"
        )
    return "\n".join(lines)


def _target(fitted: FittedModel) -> str:
    return str(fitted.settings["target"])
