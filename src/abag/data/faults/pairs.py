"""The same antibody and antigen in two assays, for all checks between sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.faults.labels import reals, view_of
from abag.units import ABSOLUTE, Quantity

MAX_PANEL: Final = 20
"""Antibodies measured on more antigens than this in one assay (neutralisation panels) are left
out: their rows do not show the sign of an affinity."""

KMER: Final = 5
CONTAINED: Final = 0.9
FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class SharedLabels:
    """Two assays that share molecules; arrays have shape (n,), one item a shared pair."""

    assay: str
    reference: str
    values: NDArray[np.float64]
    reference_values: NDArray[np.float64]
    both_absolute: bool
    antigens: NDArray[np.int64]
    ids: NDArray[np.str_]

    def centred(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both sides minus their median on each antigen, for labels that share no zero."""
        a, b = self.values.copy(), self.reference_values.copy()
        keep = np.zeros(len(a), dtype=np.bool_)
        for antigen in np.unique(self.antigens):
            on_antigen = self.antigens == antigen
            if on_antigen.sum() >= FEWEST:
                a[on_antigen] -= np.median(a[on_antigen])
                b[on_antigen] -= np.median(b[on_antigen])
                keep |= on_antigen
        return a[keep], b[keep]


def measured(table: pl.DataFrame) -> pl.DataFrame:
    """One row an assay, antibody and antigen: the median exact label (pKd where there is one)."""
    labelled = pl.col("is_exact") & pl.col("rank_score").is_not_null()
    keys = ["source", "assay", "quantity", "antibody", "antigen", "antigen_name"]
    return (
        view_of(table)
        .filter(labelled & (pl.col("quantity") != Quantity.BINARY.value))
        .group_by(keys, maintain_order=True)
        .agg(pl.col("value").median(), pl.col("record_id").first())
    )


def shared_labels(table: pl.DataFrame, reference: pl.DataFrame) -> Iterator[SharedLabels]:
    """Every assay of ``table`` beside every other assay of ``reference`` that shares molecules.

    Both are frames of :func:`measured`. Antigens match when they are equal, when one lies inside
    the other, when 90 % of the 5-mers of the shorter are in the longer, or (between sources, or
    under one name) when a source gives no sequence.
    """
    keys = ["source", "assay", "quantity", "antibody"]
    small = [
        frame.filter(pl.len().over(keys) <= MAX_PANEL).with_columns(
            antigen_code=pl.col("antigen").rank("dense").cast(pl.Int64)
        )
        for frame in (table, reference)
    ]
    joined = small[0].join(small[1], on="antibody", how="inner", suffix="_ref")
    joined = joined.filter(pl.col("assay") != pl.col("assay_ref"))
    if joined.is_empty():
        return
    sides = ["source", "antigen", "antigen_name", "source_ref", "antigen_ref", "antigen_name_ref"]
    distinct = joined.select(sides).unique(maintain_order=True)
    likeness = pl.Series("likeness", [_likeness(*row) for row in distinct.iter_rows()], pl.Float64)
    joined = joined.join(distinct.with_columns(likeness), on=sides, how="left").filter(
        (pl.col("likeness") > 0)
        # Of the antigens that match (point mutants do) the nearest one counts.
        & (pl.col("likeness") == pl.col("likeness").max().over("record_id", "assay_ref"))
    )
    pairs = ["assay", "quantity", "assay_ref", "quantity_ref"]
    per_row = joined.group_by([*pairs, "record_id"], maintain_order=True).agg(
        pl.col("value", "antigen_code").first(), pl.col("value_ref").median()
    )
    for key, rows in per_row.sort([*pairs, "record_id"]).group_by(pairs, maintain_order=True):
        yield SharedLabels(
            assay=str(key[0]),
            reference=str(key[2]),
            values=reals(rows["value"]),
            reference_values=reals(rows["value_ref"]),
            both_absolute=str(key[1]) in ABSOLUTE and str(key[3]) in ABSOLUTE,
            antigens=rows["antigen_code"].to_numpy().astype(np.int64),
            ids=np.asarray(rows["record_id"].to_list(), dtype=np.str_),
        )


def _likeness(
    source: str, antigen: str, name: str, source_ref: str, antigen_ref: str, name_ref: str
) -> float:
    """1 for equal antigens, 0 for different ones, between where they are probably one antigen."""
    if not antigen or not antigen_ref:
        return 0.5 if source != source_ref or name == name_ref else 0.0
    if antigen == antigen_ref:
        return 1.0
    short, long = sorted((antigen, antigen_ref), key=len)
    if short in long:
        return 0.99
    words = {short[i : i + KMER] for i in range(len(short) - KMER + 1)}
    inside = sum(word in long for word in words) / len(words) if words else 0.0
    return 0.9 * inside if inside >= CONTAINED else 0.0
