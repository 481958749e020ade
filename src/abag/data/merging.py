"""Merges replicates into one row by a fixed rule.

Rows are one measurement when they agree in heavy and light chain, antigen chains (where the
source gives none: the antigen's name), assay and quantity; a ddG also in the structure, for it is
relative to a parent. With ``across_assays`` KD, KA and dG are one quantity and their assay does
not count.

The rule for one such group:

1. Exact rows with one structure id and one raw value are copies of one measurement (symmetry
   copies of a crystal): they count once and do not shrink the spread.
2. Exact labels (relation ``=`` or ``~``) become their median (mean of the middle two for an even
   count), in pKd or on the rank scale. ``spread`` is their sample standard deviation (n - 1), null
   for one label; ``replicates`` is their number. Rows that were merged before count with their
   ``replicates``. Bounds beside exact labels are not used.
3. Bounds alone become the tightest interval that all of them allow.
4. Labels that contradict each other set the flag ``replicate_conflict``: exact ones more than 1.0
   apart (binary ones: different; of 20 labels or more the middle 90 %), an exact one more than 1.0
   outside a bound, or bounds without a common interval. The exact median is kept; of contradicting
   bounds the first row's are kept.
5. All other columns come from the first exact row, or the first row where none is exact; first
   means lowest source, file, line number and record id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from abag.data.tables import SCHEMA, Measurements, antibody_key, antigen_key, is_exact
from abag.units import ABSOLUTE, Quantity

CONFLICT_FLAG: Final = "replicate_conflict"
MERGED_FLAG: Final = "replicates_merged"
COPIES_FLAG: Final = "symmetry_copies_merged"
CONFLICT_RANGE: Final = 1.0
"""Labels further apart than this (pKd, pIC50, delta pKd) contradict each other; laboratories agree
within 0.5 to 1."""

MANY: Final = 20
"""Of so many replicates the middle 90 % are judged: one of a hundred is far off by chance."""

_KEYS: Final = ["_antibody", "_antigen", "_antigen_name", "_assay", "_quantity", "_parent"]
_ORDER: Final = ["source", "source_file", "source_row", "record_id"]
_ENDS: Final = ("pkd_lower", "pkd_upper", "rank_lower", "rank_upper")


@dataclass(frozen=True, slots=True)
class MergeSummary:
    """Counts of a merge; ``rows_in = rows_out + replicates + copies`` always."""

    rows_in: int
    rows_out: int
    groups_merged: int
    """Rows of the result that more than one row went into."""
    replicates: int
    """Rows that went into another row as a repeated measurement."""
    copies: int
    """Rows left out as copies of another."""
    conflicts: int
    """Rows of the result whose labels contradicted each other."""
    largest_range: float
    """Largest difference between exact labels of one group; 0 where nothing was merged."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A table with one row a measurement, and the counts of the merge."""

    table: Measurements
    summary: MergeSummary


def merge_replicates(table: Measurements | pl.DataFrame, *, across_assays: bool = False) -> Merged:
    """Merge the rows of one measurement by the rule above.

    A merged row stands where the earliest of its rows stood. Its content does not depend on the
    order of the rows, and a second merge changes nothing. Raises :class:`SchemaError` when the
    table is not canonical.
    """
    table = Measurements.canonical(table)
    keyed = table.frame.with_row_index("_order").with_columns(_key_columns(across_assays))
    repeated = pl.len().over(_KEYS) > 1
    repeated_rows = keyed.filter(repeated).sort(_ORDER)
    single_rows = keyed.filter(~repeated)
    if repeated_rows.is_empty():
        summary = MergeSummary(table.height, table.height, 0, 0, 0, 0, 0.0)
        return Merged(Measurements(table.select(*SCHEMA)), summary)
    distinct = repeated_rows.filter(_is_no_copy())
    merged = _merged_rows(repeated_rows, distinct)
    columns = ["_order", *SCHEMA]
    result = pl.concat([single_rows.select(columns), merged.select(columns)]).sort("_order")
    copies = repeated_rows.height - distinct.height
    return Merged(
        table=Measurements(result.drop("_order")),
        summary=MergeSummary(
            rows_in=table.height,
            rows_out=result.height,
            groups_merged=merged.height,
            replicates=table.height - result.height - copies,
            copies=copies,
            conflicts=int(merged["_conflict"].sum()),
            largest_range=max(merged["_range"].to_list()),
        ),
    )


def _key_columns(across_assays: bool) -> list[pl.Expr]:
    shared = pl.col("quantity").is_in(ABSOLUTE) & pl.lit(across_assays)
    empty = pl.lit("")
    return [
        antibody_key().alias("_antibody"),
        antigen_key().alias("_antigen"),
        pl.when(pl.col("antigen").list.len() == 0)
        .then(pl.col("antigen_name").fill_null(""))
        .otherwise(empty)
        .alias("_antigen_name"),
        pl.when(shared).then(empty).otherwise("assay").alias("_assay"),
        pl.when(shared).then(empty).otherwise("quantity").alias("_quantity"),
        pl.when(pl.col("quantity") == Quantity.DELTA_DELTA_G.value)
        .then(pl.col("structure_id").fill_null(""))
        .otherwise(empty)
        .alias("_parent"),
        is_exact().alias("_exact"),
        pl.col("pkd").fill_null(pl.col("rank_score")).alias("_value"),
    ]


def _is_no_copy() -> pl.Expr:
    """Rows that are no copy of an earlier row of their group."""
    copy = [*_KEYS, "structure_id", "quantity", "raw_value", "raw_unit", "relation"]
    single = pl.col("structure_id").is_null() | ~pl.col("_exact")
    return single | pl.struct(copy).is_first_distinct()


def _merged_rows(repeated_rows: pl.DataFrame, distinct: pl.DataFrame) -> pl.DataFrame:
    """One row a group, with the canonical columns, ``_order``, ``_conflict`` and ``_range``."""
    firsts = (
        distinct.sort(pl.col("_exact").not_(), maintain_order=True)
        .group_by(_KEYS, maintain_order=True)
        .agg(pl.all().exclude("_order").first())
    )
    rows = firsts
    for facts in (_numbers(distinct), _origins(repeated_rows)):
        rows = rows.join(facts, on=_KEYS, how="left", maintain_order="left")
    exact, clash = pl.col("_exact"), pl.col("_bounds_clash")
    ends = {
        end: pl.when(exact)
        .then("_pkd" if end.startswith("pkd") else "_rank_score")
        .when(clash)
        .then(end)
        .otherwise(f"_{end}")
        for end in _ENDS
    }
    return rows.with_columns(
        **ends,
        pkd=pl.when(exact).then("_pkd"),
        rank_score=pl.when(exact).then("_rank_score"),
        replicates=pl.col("_replicates"),
        spread=pl.col("_spread"),
        flags=_flags(),
    )


def _numbers(distinct: pl.DataFrame) -> pl.DataFrame:
    """Medians, bounds, spread and conflicts of each group, from rows that are no copies."""
    exact = pl.col("_exact")
    value = pl.col("_value").filter(exact)
    first = pl.col("quantity").first()
    spread = (value.max() - value.min()).fill_null(0.0)
    span = span_of(value).fill_null(0.0)
    lower = pl.coalesce("pkd_lower", "rank_lower").filter(~exact).max()
    upper = pl.coalesce("pkd_upper", "rank_upper").filter(~exact).min()
    outside = pl.max_horizontal(lower - value.min(), value.max() - upper).fill_null(0.0)
    clash = (lower > upper).fill_null(False)
    limit = pl.when(first == Quantity.BINARY.value).then(0.0).otherwise(CONFLICT_RANGE)
    comparable = first != Quantity.ENRICHMENT.value
    bound = {
        f"_{end}": pl.col(end).filter(~exact).max()
        if end.endswith("lower")
        else pl.col(end).filter(~exact).min()
        for end in _ENDS
    }
    counted = pl.when(exact.any()).then(exact).otherwise(pl.lit(True))
    return distinct.group_by(_KEYS, maintain_order=True).agg(
        pl.col("pkd").filter(exact).median().alias("_pkd"),
        pl.col("rank_score").filter(exact).median().alias("_rank_score"),
        *[expression.alias(name) for name, expression in bound.items()],
        pl.col("replicates").filter(counted).sum().alias("_replicates"),
        pl.when(value.len() > 1)
        .then(value.std())
        .otherwise(pl.col("spread").filter(exact).first())
        .alias("_spread"),
        spread.alias("_range"),
        (clash & ~exact.any()).alias("_bounds_clash"),
        ((comparable & ((span > limit) | (outside > CONFLICT_RANGE))) | clash).alias("_conflict"),
        (pl.len() > 1).alias("_is_merged"),
    )


def span_of(value: pl.Expr) -> pl.Expr:
    """Expression: the largest difference of replicates; of :data:`MANY` that of the middle 90 %."""
    inner = value.quantile(0.95, "linear") - value.quantile(0.05, "linear")
    return pl.when(value.len() < MANY).then(value.max() - value.min()).otherwise(inner)


def _origins(repeated_rows: pl.DataFrame) -> pl.DataFrame:
    """Order, flags and whether there were copies, from all rows of each group."""
    copied = pl.struct("structure_id", "quantity", "raw_value", "raw_unit", "relation")
    return repeated_rows.group_by(_KEYS, maintain_order=True).agg(
        pl.col("_order").min(),
        pl.col("flags").explode().drop_nulls().unique().sort().alias("_all_flags"),
        copied.filter(pl.col("structure_id").is_not_null() & pl.col("_exact"))
        .is_duplicated()
        .any()
        .alias("_has_copies"),
    )


def _flags() -> pl.Expr:
    added = [
        pl.when(mark).then(pl.lit(flag))
        for mark, flag in (
            ("_is_merged", MERGED_FLAG),
            ("_has_copies", COPIES_FLAG),
            ("_conflict", CONFLICT_FLAG),
        )
    ]
    new = pl.concat_list(added).list.drop_nulls()
    return pl.concat_list("_all_flags", new).list.unique(maintain_order=True)
