"""AIRR rearrangement tables and 10x contig tables: heavy and light chains paired by cell.

Field names are those of the AIRR Data Representation standard 1.x (Vander Heiden et al., Front
Immunol 2018): ``sequence_id``, ``locus`` or ``v_call``, ``productive``, ``cell_id``, ``clone_id``,
``sequence_alignment_aa``, ``sequence_aa`` and the regions ``fwr1_aa`` to ``fwr4_aa``. Columns of
Cell Ranger's ``all_contig_annotations.csv`` and ``filtered_contig_annotations.csv`` are read under
these names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.formats.content import AIRR_REGIONS, airr_names
from abag.data.formats.sequences.cells import (
    CellChain,
    Locus,
    group_cells,
    pair_fault,
    tells_samples_apart,
    with_most_umis,
)
from abag.data.formats.sequences.fasta import AntibodyRecord
from abag.data.formats.tables import ROW, read_table
from abag.errors import Problem, TableError, counted

_LOCI: Final[dict[str, Locus]] = {"IGH": "heavy", "IGK": "light", "IGL": "light"}
_LOCUS_WORDS: Final = {
    "H": "IGH", "VH": "IGH", "HEAVY": "IGH", "IG HEAVY": "IGH", "IGHEAVY": "IGH",
    "K": "IGK", "VK": "IGK", "KAPPA": "IGK", "IG KAPPA": "IGK", "IGKAPPA": "IGK",
    "L": "IGL", "LAMBDA": "IGL", "IG LAMBDA": "IGL", "IGLAMBDA": "IGL",
    "VL": "IGL", "LIGHT": "IGL", "IG LIGHT": "IGL", "IGLIGHT": "IGL",
}  # fmt: skip
"""Words for the locus; a light chain without its kind counts as one of IGL."""
_COUNTS: Final = ("umi_count", "duplicate_count")
"""UMIs of a contig; the standard's older name for them is ``duplicate_count``."""
_MARKS: Final = {"is_cell": "the barcode is no cell", "high_confidence": "a doubtful contig"}
_TRUE = ("t", "true", "1", "1.0", "yes", "y", "productive", "functional")
_FALSE = (
    "f", "false", "0", "0.0", "no", "n", "unproductive", "non-productive", "nonproductive",
    "not productive", "non-functional", "nonfunctional", "unfunctional", "not functional",
    "out-of-frame", "out of frame", "stop codon", "pseudogene",
)  # fmt: skip
_A_BARCODE: Final = 5
"""Cells with shorter names may stand in any id."""
_UNKNOWN: Final = ("na", "n/a", "nan", "none", "null", "-")

PAIRED_BY_CLONE: Final = "paired_by_clone"
"""Flag of a pair that shares a clone and no cell."""


@dataclass(frozen=True, slots=True)
class AirrPairs:
    """Paired antibodies, and one problem for each row that is in no pair."""

    antibodies: tuple[AntibodyRecord, ...]
    problems: tuple[Problem, ...]
    rows_in: int
    merged: int = 0
    """Rows that repeat the rearrangement of another row of their cell."""
    notes: tuple[str, ...] = ()


def read_airr(path: Path, *, most_umis: bool = False, encoding: str | None = None) -> AirrPairs:
    """Read rearrangements (plain or gzip) and pair heavy and light chains by ``cell_id``.

    The sample belongs to the key of a cell, too (``repertoire_id``, ``sample_id``, ``library_id``
    and so on), where there are such columns. Without any ``cell_id`` the pairs are those of
    ``clone_id``, with a note and a flag. The sequence is ``sequence_alignment_aa`` without its
    gaps, else the regions joined, else ``sequence_aa``. Transcripts of one V(D)J in one cell are
    one chain. Rows that are not productive, of other loci, without sequence or cell, cells
    without one of the two chains and cells with several of one kind are left out, each row with a
    problem.

    With ``most_umis`` the chain with the most UMIs is taken of several heavy or light ones of a
    cell; ``encoding`` is that of a text that is not UTF-8.

    Raises:
        TableError: columns are missing or nothing could be paired.
    """
    table = read_table(path, encoding=encoding)
    table = table.rename(airr_names(table.columns))
    _require_fields(path, table.columns)
    by_clone = not _filled(table, "cell_id")
    key_field = "clone_id" if by_clone else "cell_id"
    rows, problems = _usable_rows(table, key_field)
    cells, merged = group_cells(rows)
    antibodies: list[AntibodyRecord] = []
    for cell in cells:
        members, lesser = with_most_umis(cell) if most_umis else (cell, [])
        if fault := pair_fault(members):
            problems += [_left_out_problem(row, cell, fault, key_field, most_umis) for row in cell]
            continue
        problems += lesser
        antibodies.append(_antibody(members, (PAIRED_BY_CLONE,) if by_clone else ()))
    problems.sort(key=lambda problem: problem.row or 0)
    if not antibodies:
        raise TableError(path, problems, "No heavy chain has its light chain.")
    antibodies.sort(key=lambda antibody: antibody.line)
    notes = _notes(path, by_clone, merged)
    return AirrPairs(tuple(antibodies), tuple(problems), table.height, merged, notes)


def _notes(path: Path, by_clone: bool, merged: int) -> tuple[str, ...]:
    notes = []
    if by_clone:
        notes.append(
            f"{path}: no row names a cell, so chains were paired by clone_id (flag "
            f"{PAIRED_BY_CLONE}); in bulk data heavy and light clones are numbered apart, and "
            "such pairs mean nothing"
        )
    if merged:
        notes.append(
            f"{path}: {counted(merged, 'row')} with a rearrangement that their cell has already "
            "(such as IGHM and IGHD of one V(D)J) merged with it"
        )
    return tuple(notes)


def _left_out_problem(
    row: CellChain, members: Sequence[CellChain], fault: str, key_field: str, most_umis: bool
) -> Problem:
    mend = ""
    if len(members) > 2 and not most_umis:
        mend = "Take the chains with the most UMIs (--most-umis)"
        if any(member.umis is None for member in members):
            mend = "Keep one chain of each kind"
    reason = f"{fault} in {key_field} {'/'.join(filter(None, row.cell))!r}"
    return Problem(row.line, key_field, reason, mend)


def _require_fields(path: Path, columns: Sequence[str]) -> None:
    fields = {
        "a sequence": ("sequence_alignment_aa", "sequence_aa", "fwr1_aa"),
        "the locus": ("locus", "v_call"),
        "the cell": ("cell_id", "clone_id"),
    }
    problems = [
        Problem(1, None, f"no column gives {meaning}", f"One of {', '.join(names)} must be there")
        for meaning, names in fields.items()
        if not set(names) & set(columns)
    ]
    if problems:
        raise TableError(
            path, problems,
            "This is not a table of rearrangements of paired cells: it must follow AIRR, or be a "
            "contig table of Cell Ranger 5 or later.",
        )  # fmt: skip


def _text(record: dict[str, str | None], field: str) -> str:
    text = (record.get(field) or "").strip()
    return "" if text.lower() in _UNKNOWN else text


def _filled(table: pl.DataFrame, name: str) -> bool:
    if name not in table.columns:
        return False
    return (
        not table[name].str.strip_chars().str.to_lowercase().is_in(_UNKNOWN).fill_null(True).all()
    )


def _usable_rows(table: pl.DataFrame, key_field: str) -> tuple[list[CellChain], list[Problem]]:
    rows: list[CellChain] = []
    problems: list[Problem] = []
    samples = [name for name in table.columns if tells_samples_apart(name)]
    for record in table.iter_rows(named=True):
        line = int(record[ROW])
        if fault := _row_fault(record, line, key_field):
            problems.append(fault)
            continue
        key = _text(record, key_field)
        cell = (*(_text(record, name) for name in samples), _sample_in_id(record, key), key)
        rows.append(CellChain(line, cell, _LOCI[_locus(record)], _sequence(record), _umis(record)))
    return rows, problems


def _row_fault(record: dict[str, str | None], line: int, key_field: str) -> Problem | None:
    """Why a row cannot be in any pair; None for a productive chain of a cell."""
    productive = (record.get("productive") or "").strip().lower()
    if productive in _FALSE:
        return Problem(line, "productive", "the rearrangement is not productive")
    if productive in _UNKNOWN:
        return Problem(line, "productive", "nothing says that the rearrangement is productive")
    if productive and productive not in _TRUE:
        return Problem(line, "productive", f"{record['productive']!r} is neither T nor F")
    for field, reason in _MARKS.items():
        if _text(record, field).lower() in _FALSE:
            return Problem(line, field, reason)
    if _locus(record) not in _LOCI:
        gene = _locus(record) or "nothing"
        reason = f"{gene} is not a locus of immunoglobulins (IGH, IGK, IGL)"
        return Problem(line, "locus", reason)
    if not _sequence(record):
        return Problem(line, "sequence_alignment_aa", "no amino-acid sequence")
    if not _text(record, key_field):
        return Problem(line, key_field, "the row names no cell, so it has no partner")
    return None


def _sample_in_id(record: dict[str, str | None], cell: str) -> str:
    """The sample in an id such as ``donorA_AAAC-1_contig_1`` of the cell ``AAAC-1``."""
    stands = re.search(
        rf"(?<![A-Za-z0-9]){re.escape(cell)}(?![A-Za-z0-9])", _text(record, "sequence_id")
    )
    if stands is None or len(cell) < _A_BARCODE:
        return ""
    before = stands.string[: stands.start()].rstrip("_-.:|/ ")
    words = [word for word in re.split(r"[\W_]+", before.upper()) if word]
    of_the_chain = any(word in _LOCI or word in _LOCUS_WORDS or word.isdigit() for word in words)
    return "" if of_the_chain else before


def _locus(record: dict[str, str | None]) -> str:
    text = (_text(record, "locus") or _text(record, "v_call")).upper()
    word = _LOCUS_WORDS.get(text.removesuffix(" CHAIN").strip(), text[:3])
    loci = set(re.findall("IG[HKL]|TR[ABGD]", text))
    return "/".join(sorted(loci)) if len(loci) > 1 else word


def _umis(record: dict[str, str | None]) -> int | None:
    for field in _COUNTS:
        text = _text(record, field).removesuffix(".0")
        if text.isdecimal():
            return int(text)
    return None


def _sequence(record: dict[str, str | None]) -> str:
    regions = [_text(record, name) for name in AIRR_REGIONS]
    joined = "".join(regions) if all(regions) else ""
    text = _text(record, "sequence_alignment_aa") or joined or _text(record, "sequence_aa")
    return "".join(text.split()).replace(".", "").replace("-", "")


def _antibody(members: Sequence[CellChain], flags: tuple[str, ...]) -> AntibodyRecord:
    chains = {row.locus: row for row in members}
    heavy, light = chains["heavy"], chains["light"]
    name = "/".join(part for part in heavy.cell if part)
    return AntibodyRecord(heavy.line, name, heavy.sequence, light.sequence, flags=flags)
