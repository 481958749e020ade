"""Checks that rows are of one assay with one scale, and notes for its user."""

from __future__ import annotations

import polars as pl

from abag.data.merging import MergeSummary
from abag.errors import ModelError, counted
from abag.units import Dimension, Quantity, parse_unit


def require_one(table: pl.DataFrame, where: str) -> None:
    """Raise ModelError for rows of several assays, quantities, antigens or scales."""
    for column in _MIXTURES:
        require_one_value(table, column, where)
    _require_one_scale(table, where)


_MIXTURES = {"assay": "assays", "quantity": "quantities", "antigen": "antigens"}


def require_one_value(table: pl.DataFrame, column: str, where: str) -> None:
    """Raise ModelError where a column has several values."""
    values = table[column].unique(maintain_order=True)
    if len(values) > 1:
        shown = ", ".join(_shown(value) for value in values.to_list()[:4])
        mend = "choose one with --assay" if column == "assay" else "split the file, one for each"
        raise ModelError(
            f"{where} mixes {len(values)} {_MIXTURES[column]} "
            f"({shown}{', ...' if len(values) > 4 else ''}); "
            f"their values have no common scale: {mend}"
        )


def _shown(value: object) -> str:
    text = "|".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _require_one_scale(table: pl.DataFrame, where: str) -> None:
    """Refuse units of one quantity that cannot be turned into each other."""
    if Quantity(table["quantity"][0]).is_absolute:
        return  # every row has its pKd
    units = sorted(set(table["raw_unit"].to_list()))
    scales = {_scale(parse_unit(unit).dimension) for unit in units}
    if len(scales) > 1:
        raise ModelError(
            f"{where} mixes units that have no common scale ({', '.join(units)}); "
            "write all values in one unit"
        )


def _scale(dimension: Dimension) -> Dimension:
    """Dimensions that differ by a logarithm alone are one scale."""
    logarithms = (Dimension.LOG10_MOLAR, Dimension.NEG_LOG10_MOLAR)
    return Dimension.MOLAR if dimension in logarithms else dimension


def notes_of(
    table: pl.DataFrame, exact: pl.DataFrame, target: str, merged: MergeSummary
) -> list[str]:
    """Notes on censored, converted and merged rows, and on a quantity without absolute scale."""
    notes = []
    censored = table.height - exact.height
    if censored:
        notes.append(
            f"{counted(censored, 'row')} censored: their bounds are used by truncated-normal "
            "imputation, an approximation"
        )
    if (table["mutations"] == "").fill_null(False).sum() == 0:
        notes.append(
            "no row is named as the parent; the commonest residue of each position stands for it"
        )
    units = sorted(set(table["raw_unit"].to_list()))
    if len(units) > 1:
        notes.append(f"values in {', '.join(units)} were converted to one scale")
    repeats = merged.rows_in - merged.rows_out
    if repeats:
        notes.append(
            f"{counted(repeats, 'row')} that repeat a variant merged: the median of its values, "
            "with less noise the more there are"
        )
    if merged.conflicts:
        notes.append(
            f"the replicates of {counted(merged.conflicts, 'variant')} contradict each other "
            f"(the furthest are {merged.largest_range:.1f} apart); measure them again"
        )
    if target == "rank_score":
        notes.append(
            "the quantity has no absolute scale: predictions order variants, no more; their rank "
            f"scores are {exact['quantity'][0]} in {', '.join(units)}, turned so that higher is "
            "tighter"
        )
    return notes
