"""Makes the canonical table and its quarantine of raw rows: rows in = kept + quarantined.

Each row is converted on its own: quantity and unit are read, the value becomes a pKd, a bound or
a rank score, chains are cleaned. A row with any problem goes to the quarantine with all its
reasons, its line number and the original row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

from abag.data.chains import AntibodyCleaner, clean_pairs
from abag.data.formats.mutants.parents import ParentChains
from abag.data.formats.mutants.variants import named_variants
from abag.data.raw import RawTable
from abag.data.tables import SCHEMA
from abag.errors import Problem, UnitError
from abag.units import ABSOLUTE
from abag.units.bounds import convert

QUARANTINE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "source": pl.String(),
    "source_file": pl.String(),
    "source_row": pl.Int64(),
    "reasons": pl.List(pl.String()),
    "original": pl.String(),
}
"""Rows that were set aside: where they stood, why, and the row itself as JSON."""

_CONVERTED: Final[dict[str, pl.DataType]] = {
    "raw_unit": pl.String(),
    "canonical_relation": pl.String(),
    "value_lower": pl.Float64(),
    "value_upper": pl.Float64(),
    "value_problem": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Canonical:
    """The rows of one raw table: converted, or set aside."""

    table: pl.DataFrame
    quarantine: pl.DataFrame
    rows_in: int

    def __post_init__(self) -> None:
        kept, aside = self.table.height, self.quarantine.height
        if kept + aside != self.rows_in:
            raise AssertionError(f"{self.rows_in} rows in, {kept} kept, {aside} quarantined")

    def problems(self) -> list[Problem]:
        """Each row that was set aside, with all its reasons."""
        rows = self.quarantine.select("source_row", "reasons").iter_rows()
        return [Problem(row, None, "; ".join(reasons)) for row, reasons in rows]


def canonicalise(
    raw: RawTable,
    source: str,
    licence: str,
    cleaner: AntibodyCleaner | None = None,
) -> Canonical:
    """Convert and clean every row of a raw table; rows with a problem are set aside."""
    frame = raw.frame.with_row_index("_row")
    values = _converted_values(frame)
    cleaned = clean_pairs(frame.select("_row", "heavy", "light", "scfv", "antigen"), cleaner)
    rows = (
        frame.drop("heavy", "light", "scfv", "antigen")
        .hstack(cleaned.drop("_row"))
        .hstack(values)
        .with_columns(
            reasons=pl.concat_list("problem", "value_problem", "chain_problem").list.drop_nulls()
        )
    )
    refused = rows.filter(pl.col("reasons").list.len() > 0)
    accepted = rows.filter(pl.col("reasons").list.len() == 0)
    table = _canonical_rows(accepted, raw.file, source, licence)
    if raw.parent is not None:
        table = table.with_columns(_mutation_names(table, raw.parent, cleaner or AntibodyCleaner()))
    return Canonical(table, _quarantined_rows(refused, raw, source), raw.frame.height)


def _mutation_names(
    table: pl.DataFrame, parent: tuple[str, str | None], cleaner: AntibodyCleaner
) -> pl.Series:
    """Mutations of the rows against their parent's variable domains; null where it has none."""
    triple = (*parent, None)
    cleaned = cleaner.clean([triple])[triple]
    if cleaned.problem or cleaned.heavy is None:
        return pl.Series("mutations", [None] * table.height, pl.String)
    return named_variants(table, ParentChains(cleaned.heavy, cleaned.light))


def _converted_values(frame: pl.DataFrame) -> pl.DataFrame:
    """Convert each distinct combination of value, unit and other facts once."""
    keys = ["value", "quantity", "unit", "relation", "temperature_kelvin", "molar_mass_g_per_mol",
            "highest_molar"]  # fmt: skip
    distinct = frame.select(keys).unique(maintain_order=True)
    rows: list[tuple[str | None, str | None, float | None, float | None, str | None]] = []
    for key in distinct.iter_rows():
        try:
            bounds = convert(*key)
        except UnitError as error:
            rows.append((None, None, None, None, str(error)))
        else:
            rows.append((bounds.unit, bounds.relation.value, bounds.lower, bounds.upper, None))
    lookup = distinct.hstack(pl.DataFrame(rows, schema=_CONVERTED, orient="row"))
    return frame.join(lookup, on=keys, how="left", nulls_equal=True, maintain_order="left").select(
        list(_CONVERTED)
    )


def _canonical_rows(accepted: pl.DataFrame, file: str, source: str, licence: str) -> pl.DataFrame:
    absolute = pl.col("quantity").is_in(ABSOLUTE)
    exact = pl.col("value_lower") == pl.col("value_upper")
    lower, upper = pl.col("value_lower"), pl.col("value_upper")
    name = pl.format("{}:{}:{}", pl.lit(source), pl.lit(file), pl.col("source_row"))
    return accepted.with_columns(
        record_id=name,
        source=pl.lit(source),
        source_file=pl.lit(file),
        raw_value=pl.col("value").str.strip_chars(),
        relation=pl.col("canonical_relation"),
        pkd=pl.when(absolute & exact).then(lower),
        pkd_lower=pl.when(absolute).then(lower),
        pkd_upper=pl.when(absolute).then(upper),
        rank_score=pl.when(exact).then(lower),
        rank_lower=lower,
        rank_upper=upper,
        replicates=pl.lit(1, pl.Int64),
        spread=pl.lit(None, pl.Float64),
        assay=pl.col("assay").fill_null(source),
        licence=pl.col("licence").fill_null(licence),
        flags=pl.concat_list(
            pl.col("flags").fill_null(pl.lit([], dtype=pl.List(pl.String))), "chain_flags"
        ).list.unique(maintain_order=True),
    ).select([pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()])


def _quarantined_rows(refused: pl.DataFrame, raw: RawTable, source: str) -> pl.DataFrame:
    original = raw.original[refused["_row"].to_list()] if refused.height else raw.original.head(0)
    text = pl.Series("original", [], pl.String)
    if original.width:
        text = original.select(original=pl.struct(pl.all()).struct.json_encode()).to_series()
    return refused.with_columns(text, source=pl.lit(source), source_file=pl.lit(raw.file)).select(
        [pl.col(name).cast(dtype) for name, dtype in QUARANTINE_SCHEMA.items()]
    )


def concatenate(parts: Iterable[Canonical]) -> Canonical:
    """All parts (one or more) as one, in their order."""
    parts = list(parts)
    return Canonical(
        table=pl.concat([part.table for part in parts]),
        quarantine=pl.concat([part.quarantine for part in parts]),
        rows_in=sum(part.rows_in for part in parts),
    )
