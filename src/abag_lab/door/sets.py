"""Orders, errors and intervals inside sets of designed variants, beside plainer orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP
from abag.antibody.residues import substitution_scores
from abag.maturation.adapt.ranking import spearman
from abag.model.pairs.layout import ImgtLayout, LaidAntibodies

Reals = NDArray[np.float64]

FEWEST: Final = 5
"""Fewest measured variants of a set in which an order counts."""
FEWER, BLOSUM = "fewer mutations", "BLOSUM62"


@dataclass(frozen=True, slots=True)
class RankedSet:
    """One set: how models and plain scores rank it, and errors of the shipped kind of model."""

    name: str
    rows: int
    spearman: Mapping[str, float]
    rmse: float
    bias: float
    covered: float | None
    """Share inside their 90 % intervals; None without intervals."""


def variant_sets(rows: pl.DataFrame, models: Sequence[str]) -> list[RankedSet]:
    """Every set of ``rows``: columns ``unit``, ``heavy``, ``light``, ``measured`` and the models'.

    ``inside`` tells where there are intervals; the first of ``models`` has the errors.
    """
    ranked = []
    for (name,), part in rows.group_by("unit", maintain_order=True):
        truth = part["measured"].to_numpy()
        if part.height < FEWEST or np.ptp(truth) == 0:
            continue
        fewer, blosum = plain_orders(part)
        orders = {model: part[model].to_numpy() for model in models}
        orders |= {FEWER: fewer, BLOSUM: blosum}
        error = part[models[0]].to_numpy() - truth
        ranked.append(
            RankedSet(
                str(name),
                part.height,
                {model: spearman(order, truth) or 0.0 for model, order in orders.items()},
                float(np.sqrt(np.mean(error**2))),
                float(error.mean()),
                float(part["inside"].mean()) if "inside" in part.columns else None,  # type: ignore[arg-type]
            )
        )
    return ranked


def plain_orders(part: pl.DataFrame) -> tuple[Reals, Reals]:
    """Minus the number of changes from the commonest residues of the set, and their BLOSUM62."""
    chains = part.select("heavy", pl.col("light").fill_null("")).rows()
    layout = ImgtLayout.of(chains)
    antibodies = layout.lay(chains)
    parent = _commonest(antibodies)
    padded = np.full((22, 22), -4.0)
    padded[:20, :20] = substitution_scores("BLOSUM62")
    differ = antibodies.codes != parent
    scores = np.where(differ, padded[parent, antibodies.codes] - padded[parent, parent], 0.0)
    return -differ.sum(axis=1).astype(np.float64), np.asarray(scores.sum(axis=1))


def _commonest(antibodies: LaidAntibodies) -> NDArray[np.uint8]:
    counts = np.stack([(antibodies.codes == code).sum(axis=0) for code in range(GAP + 2)])
    return np.asarray(counts.argmax(axis=0), dtype=np.uint8)
