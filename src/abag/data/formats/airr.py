"""AIRR rearrangement tables: heavy and light chains paired by cell.

Field names are those of the AIRR Data Representation standard 1.x (Vander Heiden et al., Front
Immunol 2018): ``sequence_id``, ``locus`` or ``v_call``, ``productive``, ``cell_id``, ``clone_id``,
``sequence_alignment_aa``, ``sequence_aa`` and the regions ``fwr1_aa`` to ``fwr4_aa``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl

from abag.data.formats.fasta import AntibodyRecord
from abag.data.formats.tables import ROW, read_table
from abag.errors import Problem, TableError

Locus = Literal["heavy", "light"]

_LOCI: Final[dict[str, Locus]] = {"IGH": "heavy", "IGK": "light", "IGL": "light"}
_REGIONS: Final = (
    "fwr1_aa", "cdr1_aa", "fwr2_aa", "cdr2_aa", "fwr3_aa", "cdr3_aa", "fwr4_aa",
)  # fmt: skip
_SAMPLE_FIELDS: Final = ("repertoire_id", "sample_processing_id", "data_processing_id")
_TRUE, _FALSE = ("t", "true", "1", "yes"), ("f", "false", "0", "no")


@dataclass(frozen=True, slots=True)
class AirrPairs:
    """Paired antibodies, and one problem for each row that is in no pair."""

    antibodies: tuple[AntibodyRecord, ...]
    problems: tuple[Problem, ...]
    rows_in: int


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cell: tuple[str, ...]
    locus: Locus
    sequence: str


def is_airr(columns: Iterable[str]) -> bool:
    """Whether these are the columns of a rearrangement table."""
    names = set(columns)
    paired = "v_call" in names or {"locus", "cell_id"} <= names
    return (
        "sequence_id" in names
        and paired
        and bool(
            names & {"sequence_alignment_aa", "sequence_aa", _REGIONS[0], "productive", "locus"}
        )
    )


def read_airr(path: Path) -> AirrPairs:
    """Read a rearrangement TSV (plain or gzip) and pair heavy and light chains by ``cell_id``.

    Cells are told apart by ``repertoire_id`` and the like as well, where these columns are there.
    Without any ``cell_id`` the pairs are those of ``clone_id``. The sequence is
    ``sequence_alignment_aa`` without its gaps, else the regions joined, else ``sequence_aa``.
    Rows that are not productive, of other loci, without sequence or cell, cells without one of
    the two chains and cells with several of one kind are left out, each row with a problem.

    Raises :class:`TableError` when columns are missing or nothing could be paired.
    """
    table = read_table(path)
    _require_fields(path, table.columns)
    key_field = "cell_id" if _filled(table, "cell_id") else "clone_id"
    rows, problems = _usable_rows(table, key_field)
    cells: dict[tuple[str, ...], list[_Row]] = {}
    for row in rows:
        cells.setdefault(row.cell, []).append(row)
    antibodies: list[AntibodyRecord] = []
    for cell, members in cells.items():
        fault = _fault_of(members)
        if fault:
            name = "/".join(cell)
            problems += [
                Problem(row.line, key_field, f"{fault} in {key_field} {name!r}") for row in members
            ]
        else:
            antibodies.append(_antibody(cell, members))
    problems.sort(key=lambda problem: problem.row or 0)
    if not antibodies:
        raise TableError(path, problems, "No heavy chain has its light chain.")
    antibodies.sort(key=lambda antibody: antibody.line)
    return AirrPairs(tuple(antibodies), tuple(problems), table.height)


def _require_fields(path: Path, columns: Sequence[str]) -> None:
    wanted = {
        "a sequence": ("sequence_alignment_aa", "sequence_aa", "fwr1_aa"),
        "the locus": ("locus", "v_call"),
        "the cell": ("cell_id", "clone_id"),
    }
    problems = [
        Problem(1, None, f"no column gives {what}", f"One of {', '.join(names)} must be there")
        for what, names in wanted.items()
        if not set(names) & set(columns)
    ]
    if problems:
        raise TableError(path, problems, "This is not an AIRR rearrangement table of paired cells.")


def _filled(table: pl.DataFrame, name: str) -> bool:
    return name in table.columns and table[name].is_not_null().any()


def _usable_rows(table: pl.DataFrame, key_field: str) -> tuple[list[_Row], list[Problem]]:
    rows: list[_Row] = []
    problems: list[Problem] = []
    samples = [name for name in _SAMPLE_FIELDS if name in table.columns]
    for record in table.iter_rows(named=True):
        line = int(record[ROW])
        productive = (record.get("productive") or "").strip().lower()
        gene = (record.get("locus") or record.get("v_call") or "").strip().upper()[:3]
        key = (record.get(key_field) or "").strip()
        sequence = _sequence(record)
        if productive in _FALSE:
            problems.append(Problem(line, "productive", "the rearrangement is not productive"))
        elif productive and productive not in _TRUE:
            reason = f"{record['productive']!r} is neither T nor F"
            problems.append(Problem(line, "productive", reason))
        elif gene not in _LOCI:
            reason = f"{gene or 'nothing'} is not a locus of immunoglobulins (IGH, IGK, IGL)"
            problems.append(Problem(line, "locus", reason))
        elif not sequence:
            problems.append(Problem(line, "sequence_alignment_aa", "no amino-acid sequence"))
        elif not key:
            problems.append(Problem(line, key_field, "the row names no cell, so it has no partner"))
        else:
            cell = (*(record[name] or "" for name in samples), key)
            rows.append(_Row(line, cell, _LOCI[gene], sequence))
    return rows, problems


def _sequence(record: dict[str, str | None]) -> str:
    aligned = record.get("sequence_alignment_aa")
    regions = [record.get(name) for name in _REGIONS]
    joined = "".join(part for part in regions if part) if all(regions) else None
    text = aligned or joined or record.get("sequence_aa") or ""
    return "".join(text.split()).replace(".", "").replace("-", "")


def _fault_of(members: Sequence[_Row]) -> str:
    """Why the chains of one cell are no pair; empty when they are one heavy and one light."""
    heavies = sum(row.locus == "heavy" for row in members)
    lights = len(members) - heavies
    if heavies == lights == 1:
        return ""
    if heavies > 1 or lights > 1:
        return f"{heavies} heavy and {lights} light chains"
    return "a heavy chain without a light chain" if heavies else "a light chain without a heavy"


def _antibody(cell: tuple[str, ...], members: Sequence[_Row]) -> AntibodyRecord:
    chains = {row.locus: row for row in members}
    name = "/".join(part for part in cell if part)
    return AntibodyRecord(
        chains["heavy"].line, name, chains["heavy"].sequence, chains["light"].sequence
    )
