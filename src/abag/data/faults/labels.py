"""The labels of one assay as plain arrays: all that the detectors of single columns need."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from abag.data.tables import antibody_key, antigen_key, is_exact
from abag.errors import SchemaError, UnitError
from abag.units import Dimension, Quantity, Unit, check_unit, is_decreasing, to_log10_scale

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"


@dataclass(frozen=True, slots=True)
class AssayLabels:
    """Exact labels of one assay; all arrays have shape (n,) and the same order."""

    assay: str
    quantity: Quantity
    values: NDArray[np.float64]
    """On the scale where higher is tighter: pKd, pIC50, delta pKd, or the score itself."""
    written: NDArray[np.float64]
    """The numbers as the source wrote them, to find repeated ones."""
    molecules: NDArray[np.int64]
    """Code of the antibody-antigen pair; rows of one pair count once where ties are counted."""
    ids: NDArray[np.str_]
    censored: int = 0
    """Rows of the assay that are declared bounds; they are in none of the arrays."""
    impossible: int = 0
    """Values that fit no logarithm (a KD of zero or below); they are in none of the arrays."""

    @property
    def rows(self) -> int:
        """Rows of the assay, declared bounds included."""
        return len(self.values) + self.censored + self.impossible

    @property
    def is_physical(self) -> bool:
        """Whether differences of ``values`` are factors of ten in a concentration."""
        return self.quantity not in (Quantity.ENRICHMENT, Quantity.BINARY)


def view_of(table: pl.DataFrame) -> pl.DataFrame:
    """The columns of a canonical table that detectors compare."""
    return table.select(
        "record_id", "source", "assay", "structure_id", "quantity", "raw_value", "raw_unit",
        "relation", "rank_score", is_exact().alias("is_exact"), antibody_key().alias("antibody"),
        antigen_key().alias("antigen"), pl.col("antigen_name").fill_null(""),
        value=pl.col("pkd").fill_null(pl.col("rank_score")),
        lower=pl.coalesce("pkd_lower", "rank_lower"), upper=pl.coalesce("pkd_upper", "rank_upper"),
    )  # fmt: skip


def reals(column: pl.Series) -> NDArray[np.float64]:
    """The numbers of a column, NaN where one is missing."""
    return column.to_numpy().astype(np.float64)


def skewness(values: NDArray[np.float64]) -> float:
    """Skewness of a distribution (biased); 0 where all values are the same."""
    centred = values - values.mean()
    deviation = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean() / deviation**3) if deviation > 0 else 0.0


def labels_of_table(table: pl.DataFrame) -> Iterator[AssayLabels]:
    """Labels of every (assay, quantity) of a canonical table, in the order of first appearance."""
    molecule = pl.concat_str("antibody", "antigen", "antigen_name", separator="|")
    written = pl.col("raw_value").str.extract(_NUMBER).cast(pl.Float64, strict=False)
    view = view_of(table).with_columns(
        written=written.fill_null(pl.col("value")), molecule=molecule.rank("dense").cast(pl.Int64)
    )
    for (assay, quantity), rows in view.group_by(["assay", "quantity"], maintain_order=True):
        exact_rows = rows.filter("is_exact", pl.col("rank_score").is_not_null())
        yield AssayLabels(
            assay=str(assay),
            quantity=Quantity(str(quantity)),
            values=reals(exact_rows["value"]),
            written=reals(exact_rows["written"]),
            molecules=exact_rows["molecule"].to_numpy().astype(np.int64),
            ids=np.asarray(exact_rows["record_id"].to_list(), dtype=np.str_),
            censored=rows.height - exact_rows.height,
        )


def labels_of_values(
    values: ArrayLike, quantity: Quantity, unit: Unit, groups: Sequence[str] | None = None
) -> Iterator[AssayLabels]:
    """Labels of plain numbers in ``unit``, one assay a group; rows are named by their number.

    ``values`` has shape (n,); NaN stands for a missing label and is left out. Row numbers start
    at 1. Raises :class:`UnitError` when the unit does not belong to the quantity, and
    :class:`SchemaError` when ``groups`` has another length.
    """
    check_unit(quantity, unit)
    if unit.dimension is Dimension.MASS_PER_VOLUME and quantity.is_absolute:
        raise UnitError(f"{unit.name} needs the molar mass of the antibody: convert it to nM first")
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1:
        raise SchemaError(f"labels are one column of numbers, not an array of {numbers.shape}")
    if groups is not None and len(groups) != len(numbers):
        raise SchemaError(f"{len(groups)} groups for {len(numbers)} values; give one a value")
    names = np.asarray(["values"] * len(numbers) if groups is None else list(groups), dtype=np.str_)
    row = np.arange(len(numbers))
    for name in dict.fromkeys(names.tolist()):
        in_group = (names == name) & np.isfinite(numbers)
        tight = _on_tight_scale(numbers[in_group], unit)
        usable = np.isfinite(tight)
        yield AssayLabels(
            assay=str(name),
            quantity=quantity,
            values=tight[usable],
            written=numbers[in_group][usable],
            molecules=row[in_group][usable].astype(np.int64),
            ids=np.char.add("row ", (row[in_group][usable] + 1).astype(np.str_)),
            impossible=int((~usable).sum()),
        )


def _on_tight_scale(numbers: NDArray[np.float64], unit: Unit) -> NDArray[np.float64]:
    """Numbers on the tight scale; NaN where they have no logarithm."""
    match unit.dimension:
        case Dimension.MOLAR | Dimension.PER_MOLAR | Dimension.MASS_PER_VOLUME:
            sign = -1.0 if is_decreasing(unit) else 1.0
            positive = np.where(numbers > 0, numbers, np.nan)
            return np.asarray(sign * (np.log10(positive) + math.log10(unit.scale)), np.float64)
        case Dimension.SCORE_HIGH_TIGHT | Dimension.LABEL:
            return numbers
        case Dimension.SCORE_LOW_TIGHT:
            return -numbers
        case _:
            # All other scales are linear: two points fix them.
            at_zero, at_one = to_log10_scale(0.0, unit), to_log10_scale(1.0, unit)
            return np.asarray(at_zero + (at_one - at_zero) * numbers, np.float64)
