"""A user's assay as a canonical table of one antibody's variants on one antigen, or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from abag.data.build import load_table
from abag.data.canonical import canonicalise
from abag.data.formats import read_measurements
from abag.errors import ModelError, Problem, TableError, counted
from abag.model.assay_gp.model import FEWEST_ROWS


@dataclass(frozen=True, slots=True)
class Assay:
    """The rows to learn from: ``target`` is pkd, or rank_score where no absolute scale is known."""

    table: pl.DataFrame
    target: str
    unit: str
    """What the target's numbers are, for tables and axes."""
    notes: tuple[str, ...]

    @property
    def exact(self) -> pl.DataFrame:
        """Rows whose target is a number."""
        return self.table.filter(pl.col(self.target).is_not_null())


def read_assay(
    path: Path,
    *,
    mapping: Sequence[str] = (),
    unit: str | None = None,
    quantity: str | None = None,
    assay: str | None = None,
) -> Assay:
    """Read a canonical table (.parquet) or a user's own file, and check that it can teach.

    Raises:
        TableError: rows or headers with problems, each named with its line.
        ModelError: one variant only, all values equal, all censored, several assays or antigens.
    """
    table = _canonical(path, mapping, unit, quantity)
    if assay is not None:
        table = table.filter(pl.col("assay") == assay)
    return check_assay(table, str(path))


def check_assay(table: pl.DataFrame, where: str = "the table") -> Assay:
    """Check canonical rows of one assay; raises ModelError that names what is wrong."""
    if table.is_empty():
        raise ModelError(f"{where} has no row of this assay; `abag data check` shows what it has")
    _require_one(table, where)
    target = "pkd" if table["pkd"].is_not_null().any() else "rank_score"
    exact = table.filter(pl.col(target).is_not_null())
    if exact.is_empty():
        raise ModelError(
            f"{where}: all {counted(table.height, 'row')} are censored (bounds such as KD > 10 uM, "
            "no numbers); measure some of them in a wider window"
        )
    pairs = exact.select("heavy", "light").n_unique()
    if pairs == 1:
        raise ModelError(
            f"{where} has one variant only, measured {exact.height} times; a model of an assay "
            "learns from differences between variants"
        )
    if exact[target].n_unique() == 1:
        raise ModelError(
            f"{where}: all {counted(exact.height, 'value')} are equal ({exact[target][0]:g}); "
            "there is no order to learn. Check that the value column is the measurement"
        )
    if exact.height < FEWEST_ROWS:
        raise ModelError(
            f"{where} has {counted(exact.height, 'row')} with a number; "
            f"{FEWEST_ROWS} are the fewest to learn from"
        )
    unit = "pKd" if target == "pkd" else "rank score"
    return Assay(table, target, unit, tuple(_notes(table, exact, target)))


def _canonical(
    path: Path, mapping: Sequence[str], unit: str | None, quantity: str | None
) -> pl.DataFrame:
    from abag.data.schema import SCHEMA

    if path.suffix == ".parquet" and path.is_file():
        names = pl.read_parquet_schema(path)
        if set(SCHEMA) <= set(names):
            return load_table(path)
    raw = read_measurements(path, mapping=list(mapping), unit=unit, quantity=quantity)
    made = canonicalise(raw, "user", "own-data")
    if made.quarantine.height:
        problems = [
            Problem(row, None, "; ".join(reasons))
            for row, reasons in made.quarantine.select("source_row", "reasons").iter_rows()
        ]
        raise TableError(path, problems, "Correct these rows, or leave them out of the file.")
    return made.table


def _require_one(table: pl.DataFrame, where: str) -> None:
    for column, what in (("assay", "assays"), ("quantity", "quantities"), ("antigen", "antigens")):
        found = table[column].unique(maintain_order=True)
        if len(found) > 1:
            shown = ", ".join(str(value)[:40] for value in found.to_list()[:4])
            mend = (
                "choose one with --assay" if column == "assay" else "split the file, one for each"
            )
            raise ModelError(
                f"{where} mixes {len(found)} {what} ({shown}{', ...' if len(found) > 4 else ''}); "
                f"their values have no common scale: {mend}"
            )


def _notes(table: pl.DataFrame, exact: pl.DataFrame, target: str) -> list[str]:
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
    repeats = exact.height - exact.select("heavy", "light").n_unique()
    if repeats:
        notes.append(
            f"{counted(repeats, 'row')} repeat a variant; `abag data merge` would join them"
        )
    if target == "rank_score":
        notes.append("the quantity has no absolute scale: predictions order variants, no more")
    return notes
