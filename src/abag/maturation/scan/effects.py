"""Predicted effects of mutants against their parent: differences, intervals, flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.antibody import Chains
from abag.data.tables import TARGET_UNITS, Pairs
from abag.errors import ModelError, OptionError, counted
from abag.progress import track

if TYPE_CHECKING:
    from abag.model.mutation_effect.surroundings import Surroundings
    from abag.model.protocol import AffinityModel

Reals = NDArray[np.float64]

_STEP_ROWS: Final = 2_200


@dataclass(frozen=True, slots=True)
class Effects:
    """Differences of mutants from their parent; more is tighter, or better in the assay's order.

    All arrays have one entry for each of the n mutants that ``kept`` names.

    ``lower`` and ``upper`` bound a new measurement of the mutant, noise included, less the
    model's value of the parent (of a zero-shot model: a measured difference); None for a model
    without intervals.
    """

    delta: Reals
    lower: Reals | None
    upper: Reals | None
    flags: tuple[tuple[str, ...], ...]
    parent_value: float | None
    """The model's value of the parent; None for a model that knows differences alone."""
    unit: str
    """Unit of the values: pKd, or rank score."""
    model_id: str
    kept: tuple[int, ...]
    """Indices of the mutants that the model can predict, among all mutants of the call."""
    notes: tuple[str, ...] = ()
    measured: frozenset[Chains] = frozenset()
    """Variants that the model has learnt from: their values are known."""


def model_effects(
    model: AffinityModel,
    parent: Chains,
    mutants: Sequence[Chains],
    antigen: Sequence[str] = (),
    level: float = 0.9,
) -> Effects:
    """Effects under a fitted model of any kind; intervals where it gives them.

    Raises:
        ModelError: the model cannot predict the parent or a mutant.
        OptionError: the model reads the antigen, and none is given.
    """
    if "antigen" in model.inputs and not antigen:
        raise OptionError("this model reads the antigen; give its chains with --antigen")
    table = _chains_table([parent, *mutants], antigen)
    reasons = model.refusals(table)
    if reasons[0]:
        raise ModelError(f"the model {model.model_id} cannot predict this antibody: {reasons[0]}")
    kept = tuple(index for index, reason in enumerate(reasons[1:]) if not reason)
    if not kept:
        raise ModelError(f"the model {model.model_id} can predict no mutant: {reasons[1]}")
    table = table[[0, *(index + 1 for index in kept)]]
    starts = range(0, table.height, _STEP_ROWS)
    steps = track(starts, f"scanning {len(kept):,} mutants") if len(starts) > 1 else starts
    parts = [
        _value_and_interval(model, table[start : start + _STEP_ROWS], level) for start in steps
    ]
    value, lower, upper = (np.concatenate([part[i] for part in parts]) for i in range(3))
    raised = {name: rows[1:] for name, rows in model.row_flags(table).items()}
    flags = tuple(
        tuple(name for name, rows in raised.items() if rows[index]) for index in range(len(kept))
    )
    has_intervals = bool(np.isfinite(lower).all())
    return Effects(
        value[1:] - value[0],
        lower[1:] - value[0] if has_intervals else None,
        upper[1:] - value[0] if has_intervals else None,
        flags,
        float(value[0]),
        TARGET_UNITS[model.target],
        model.model_id,
        kept,
        tuple(_notes(model, table[:1], raised, reasons, has_intervals)),
        frozenset(model.training_chains()),
    )


def zero_shot_effects(
    parent: Chains,
    mutants: Sequence[Chains],
    antigen: Sequence[str] = (),
    level: float = 0.9,
    surroundings: Sequence[Surroundings] = (),
) -> Effects:
    """Effects under the shipped mutation-effect model, which needs no measurement.

    Intervals are those of a measured ΔpKd on an antibody that training had not, errors taken as
    normal. ``surroundings`` are those of the parent's two chains in a known complex.

    Raises:
        ModelError: the parent has no variable domain.
    """
    from scipy.special import ndtri

    from abag.model.mutation_effect import ParentAntibody, load_mutation_effect

    model = load_mutation_effect()
    numbered = ParentAntibody.of(*parent, antigen)
    if surroundings:
        numbered = numbered.within(surroundings)
    delta, deviation = model.predict(numbered, _chains_table(mutants, antigen))
    reach = float(ndtri(0.5 + level / 2)) * deviation
    notes = [
        "predicted without any measurement of this antibody: an order to begin with, no more; "
        "`abag adapt` makes a model of your own measurements"
    ]
    if surroundings:
        notes.append("contacts, burial and log-odds are those of the structure")
    elif antigen:
        notes.append("this model reads the antibody alone, not the antigen")
    return Effects(
        delta, delta - reach, delta + reach, ((),) * len(mutants), None, TARGET_UNITS["pkd"],
        model.model_id, tuple(range(len(mutants))), tuple(notes),
    )  # fmt: skip


def _chains_table(antibodies: Sequence[Chains], antigen: Sequence[str]) -> pl.DataFrame:
    schema = {"heavy": pl.String(), "light": pl.String(), "antigen": pl.List(pl.String)}
    rows = [(heavy, light, list(antigen)) for heavy, light in antibodies]
    return pl.DataFrame(rows, schema, orient="row")


def _value_and_interval(
    model: AffinityModel, table: pl.DataFrame, level: float
) -> tuple[Reals, Reals, Reals]:
    """Value and ends of the interval of each row, NaN of a model without intervals."""
    value = model.predict(table)
    unknown = np.full(len(value), np.nan)
    return value, *(model.interval(table, level) or (unknown, unknown))


def _notes(
    model: AffinityModel,
    parent: pl.DataFrame,
    raised: dict[str, NDArray[np.bool_]],
    reasons: Sequence[str | None],
    intervals: bool,
) -> list[str]:
    """``reasons`` of the model for refusing the parent and each mutant; None where it predicts."""
    notes = []
    refused = [reason for reason in reasons if reason]
    if refused:
        lost = counted(len(refused), "mutant")
        notes.append(f"{lost} left out that the model cannot predict: {refused[0]}")
    if not model.domain.knows_antibody(Pairs(parent))[0]:
        notes.append("the model has not been trained on this very parent; it is predicted, too")
    for name, rows in raised.items():
        if rows.any():
            flag = name.replace("_", " ")
            flagged = counted(int(rows.sum()), "mutant")
            notes.append(f"{flagged} of {len(rows):,} flagged: {flag}")
    if not intervals:
        notes.append(f"{model.model_id} gives no intervals; `abag adapt` makes a model that does")
    if model.target == "rank_score":
        notes.append("the quantity has no absolute scale: differences order mutants, no more")
    return notes
