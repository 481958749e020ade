"""Variant libraries of one parent: their consensus, and the severity of each variant's changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.residues import scores_by_letter
from abag.units import Quantity

FEWEST_VARIANTS: Final = 20
MODAL_LENGTH_SHARE: Final = 0.6
MAX_CHANGED_SHARE: Final = 0.10
"""A library whose median variant differs more than this from the consensus has no one parent."""


@dataclass(frozen=True, slots=True)
class VariantSet:
    """Variants of one length; arrays have shape (n,)."""

    assay: str
    quantity: Quantity
    values: NDArray[np.float64]
    """Higher is tighter."""
    ids: NDArray[np.str_]
    parent: str
    """Heavy and light chain of the consensus, joined by ``/``."""
    parent_value: float | None
    """Median label of the variants that equal the consensus."""
    changes: NDArray[np.int64]
    severity: NDArray[np.int64]
    """Sum over changed positions of BLOSUM62[parent, variant] - BLOSUM62[parent, parent]; the
    lower, the more drastic."""
    residues_per_position: float
    """Mean number of residues at positions that vary."""
    letters: NDArray[np.uint8]
    """Character codes of the variants, shape (n, length)."""
    consensus: NDArray[np.uint8]
    """Character codes of ``parent``, shape (length,)."""

    def variants(self, chosen: NDArray[np.bool_]) -> list[str]:
        """The chains of the chosen variants, ``heavy/light``."""
        return [row.tobytes().decode("ascii") for row in self.letters[chosen]]


def landscape(
    assay: str, quantity: Quantity, rows: pl.DataFrame, fewest: int = FEWEST_VARIANTS
) -> VariantSet | None:
    """The library of an assay, or None where it is no library of one parent.

    ``rows`` needs ``antibody``, ``value`` and ``record_id``. A library has ``fewest`` or more
    variants, 60 % of them of one length, and a median variant within 10 % of the consensus.
    """
    rows = rows.with_columns(pl.col("antibody").str.len_chars().alias("length"))
    if rows.height < fewest:
        return None
    modal = rows["length"].mode().min()
    same_length = rows.filter(pl.col("length") == modal)
    if same_length.height < max(fewest, MODAL_LENGTH_SHARE * rows.height):
        return None
    text = "".join(same_length["antibody"].to_list()).encode("ascii", "replace")
    letters = np.frombuffer(text, dtype=np.uint8).reshape(same_length.height, -1)
    present = [np.bincount(column, minlength=128) for column in letters.T]
    consensus = np.array([counts.argmax() for counts in present], dtype=np.uint8)
    different = letters != consensus
    changes = different.sum(axis=1)
    varied = different.any(axis=0)
    if not varied.any() or np.median(changes) > MAX_CHANGED_SHARE * letters.shape[1]:
        return None
    scores = scores_by_letter("BLOSUM62")
    steps = scores[consensus[None, :], letters] - scores[consensus, consensus][None, :]
    values = same_length["value"].to_numpy().astype(np.float64)
    at_parent = values[changes == 0]
    return VariantSet(
        assay=assay,
        quantity=quantity,
        values=values,
        ids=np.asarray(same_length["record_id"].to_list(), dtype=np.str_),
        parent=consensus.tobytes().decode("ascii"),
        parent_value=float(np.median(at_parent)) if len(at_parent) else None,
        changes=changes.astype(np.int64),
        severity=np.where(different, steps, 0).sum(axis=1).astype(np.int64),
        letters=letters,
        consensus=consensus,
        residues_per_position=float(
            np.mean(
                [(counts > 0).sum() for counts, vary in zip(present, varied, strict=True) if vary]
            )
        ),
    )


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Spearman correlation and its two-sided p value; (0, 1) where one side is constant."""
    from scipy import stats

    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0, 1.0
    result = stats.spearmanr(a, b)
    return float(result.statistic), float(result.pvalue)
