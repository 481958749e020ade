"""A file of results as a campaign sees it: which wells have a value, are empty, or failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

import polars as pl

from abag.antibody.antibody import Chains
from abag.data.formats import FileKind, file_kind, mapping_from_texts, read_table
from abag.data.formats.mutants.variants import ASIDE
from abag.data.formats.selection import ChosenColumns, choose_columns
from abag.data.formats.tables import ROW
from abag.errors import CampaignError, Problem, TableError
from abag.maturation.assay.file import AssayFile
from abag.maturation.campaign.folder import BATCH, Campaign

FAILED_WORDS: Final = frozenset(
    {"failed", "fail", "no expression", "not expressed", "not expressing", "not produced",
     "no clone", "lost", "aggregated"}
)  # fmt: skip
"""Words in place of a value for a well that failed for good; case does not matter."""
PENDING_WORDS: Final = frozenset({"", "pending", "na", "n/a", "nan", "none", "-", "not measured"})
_BATCH_COLUMNS: Final = ("batch", "run", "plate")
"""Headers of the column of batches; the first that a file has is taken."""


@dataclass(frozen=True, slots=True)
class Results:
    """How a file of results is read, completed by the campaign, and its wells without a value."""

    assay_file: AssayFile
    failed: frozenset[Chains]
    batches: dict[int, str]
    """Batch by line of the file, where it has such a column."""
    aside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ASIDE))
    """Rows without a value, and why."""

    @classmethod
    def plain(cls, path: Path, assay_file: AssayFile) -> Self:
        """The file that starts a campaign."""
        table = _result_table(path)
        return cls(assay_file, frozenset(), {} if table is None else _batch_by_line(table))

    @classmethod
    def read(
        cls, path: Path, assay_file: AssayFile, campaign: Campaign, failed: Sequence[str] = ()
    ) -> Self:
        """Read a file of results; the campaign gives missing antigens, parent, chains of names.

        Raises:
            TableError: headers with problems.
            CampaignError: a failed well that is on no plate, or a file without any value.
        """
        names = campaign.names()
        unknown = [name for name in failed if name not in names]
        if unknown:
            raise CampaignError(f"--failed {unknown[0]}: no plate of {campaign.folder} has it")
        failed_chains = {names[name] for name in failed}
        table = _result_table(path)
        if table is None:
            return cls(assay_file, frozenset(failed_chains), {})
        mapping = mapping_from_texts(
            list(assay_file.mapping), unit=assay_file.unit, quantity=assay_file.quantity
        )
        chosen = choose_columns(path, table, mapping, with_values=False, with_chains=False)
        value = choose_columns(path, table, mapping, with_chains=False).column("value")
        empty, failed_rows = _without_value(table, value)
        failed_chains |= {
            _sealed_chains(path, row, chosen, campaign) for row in failed_rows.iter_rows(named=True)
        }
        listed_rows = _named_rows(table, chosen.column("antibody_name"), failed)
        left_out = {row for part in (empty, failed_rows, listed_rows) for row in part[ROW]}
        if len(left_out) == table.height:
            raise CampaignError(f"{path} has no value yet: all its rows are empty or failed")
        assay_file = replace(assay_file, leave_out=frozenset(left_out))
        if chosen.column("heavy") is None and chosen.column("scfv") is None:
            assay_file = replace(assay_file, names=names)
            if assay_file.parent_heavy is None:
                heavy, light = campaign.parent
                assay_file = replace(assay_file, parent_heavy=heavy, parent_light=light)
        if not (chosen.column("antigen") or mapping.constants.antigen or mapping.antigen_unknown):
            antigen = [f"antigen:={chain}" for chain in campaign.antigen]
            antigen = antigen or ["antigen_unknown:=true"]
            assay_file = replace(assay_file, mapping=[*assay_file.mapping, *antigen])
        parts = [(empty, "not measured yet"), (failed_rows, "failed"), (listed_rows, "failed")]
        columns = chosen.column("antibody_name"), chosen.column("mutations")
        aside = pl.concat([_aside_rows(part, *columns, reason) for part, reason in parts])
        aside = aside.unique("source_row", keep="last", maintain_order=True)
        return cls(assay_file, frozenset(failed_chains), _batch_by_line(table), aside)

    def with_batches(self, rows: pl.DataFrame, number: int, intakes: int) -> pl.DataFrame:
        """Canonical rows with the batch of each: the file's, the plate of its name, the file.

        They belong to round ``number``, which has had ``intakes`` files before.
        """
        suffix = f" ({intakes + 1})" if intakes else ""
        batches = []
        for line, name in rows.select("source_row", "antibody_name").iter_rows():
            prefix = f"R{number}-P"
            plate = name.split("-")[1] if name and name.startswith(prefix) else ""
            batch = self.batches.get(line, plate)
            batches.append(f"R{number}{f'-{batch}' if batch else ''}{suffix}")
        return rows.with_columns(pl.Series(BATCH, batches, pl.String))


def _result_table(path: Path) -> pl.DataFrame | None:
    if path.is_dir() or not path.exists() or file_kind(path) is not FileKind.TABLE:
        return None
    return None if path.suffix == ".parquet" else read_table(path)


def _batch_by_line(table: pl.DataFrame) -> dict[int, str]:
    by_case = {name.lower().strip(): name for name in table.columns}
    column = next((by_case[name] for name in _BATCH_COLUMNS if name in by_case), None)
    if column is None:
        return {}
    letter = "P" if column.lower().strip() == "plate" else ""
    cells = zip(table[ROW], table[column], strict=True)
    return {line: f"{letter}{str(cell).strip()}" for line, cell in cells if cell is not None}


def _without_value(table: pl.DataFrame, column: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose value is empty so far, and rows whose well failed."""
    if column is None:
        return table.clear(), table.clear()
    cells = pl.col(column).cast(pl.String).fill_null("").str.strip_chars().str.to_lowercase()
    return table.filter(cells.is_in(PENDING_WORDS)), table.filter(cells.is_in(FAILED_WORDS))


def _named_rows(table: pl.DataFrame, column: str | None, names: Sequence[str]) -> pl.DataFrame:
    if column is None:
        return table.clear()
    return table.filter(pl.col(column).cast(pl.String).str.strip_chars().is_in(list(names)))


def _aside_rows(
    rows: pl.DataFrame, name: str | None, mutations: str | None, reason: str
) -> pl.DataFrame:
    """Rows of the file under the columns of :data:`ASIDE`."""
    columns = {
        "source_row": pl.col(ROW), "antibody_name": pl.col(name) if name else pl.lit(None),
        "mutations": pl.col(mutations) if mutations else pl.lit(None), "reason": pl.lit(reason),
    }  # fmt: skip
    return rows.select(columns[name].cast(dtype).alias(name) for name, dtype in ASIDE.items())


def _sealed_chains(
    path: Path, row: dict[str, object], chosen: ChosenColumns, campaign: Campaign
) -> Chains:
    """The sealed variant of a failed row, by its name, its chains or its mutations."""
    texts = {field: str(row[name]).strip() for field in ("antibody_name", "heavy", "light",
             "mutations") if (name := chosen.column(field)) and row[name] is not None}  # fmt: skip
    names = campaign.names()
    if texts.get("antibody_name") in names:
        return names[texts["antibody_name"]]
    for round_ in campaign.rounds:
        for chains, well in round_.variants.items():
            same = chains == (texts.get("heavy"), texts.get("light"))
            if same or well.mutations == texts.get("mutations"):
                return chains
    line = row[ROW]
    problem = Problem(line if isinstance(line, int) else None, None, "failed, and on no plate")
    raise TableError(path, [problem], "Name the well as the plate does, or leave the row out.")
