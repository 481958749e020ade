"""Reads SAbDab's summary of structures together with a folder of their files.

Columns as SAbDab writes them (Dunbar et al., Nucleic Acids Res 2014): ``pdb``, ``Hchain``,
``Lchain``, ``antigen_chain`` (names parted by ``|``), ``affinity`` (KD in mol/L),
``temperature`` (degrees Celsius), ``affinity_method``, ``pmid``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.formats.choices import ChainNames
from abag.data.formats.columns import PAIRS_SCHEMA
from abag.data.formats.coordinates.complexes import complexes_table, read_complexes
from abag.data.formats.coordinates.structure_files import structure_files
from abag.data.formats.coordinates.structures import read_structure
from abag.data.formats.mapping import ColumnMapping
from abag.data.formats.selection import choose_columns
from abag.data.formats.sequences.pairing import joined_rows
from abag.data.formats.tables import read_table
from abag.data.raw import RawTable
from abag.errors import AbagError
from abag.progress import track

_KEYS: Final = ("pdb", "Hchain", "Lchain", "antigen_chain")
_SUMMARY_COLUMNS: Final = {
    "value": "affinity", "temperature_celsius": "temperature", "method": "affinity_method",
    "reference": "pmid", "antigen_name": "antigen_name", "structure_id": "pdb",
}  # fmt: skip
"""SAbDab's column of each raw column."""
LEFT_OUT: Final = "antigen_chain_left_out"
"""Flag of a row that names a chain which is no protein chain of the file (DNA, sugar, hapten)."""

_MISSING: Final = ("", "na", "n/a", "nan", "none", "null", "-")


def is_summary(columns: Iterable[str]) -> bool:
    """Whether these are the columns of SAbDab's summary."""
    return set(_KEYS) <= set(columns)


def read_summary(folder: Path, summary: Path, mapping: ColumnMapping | None = None) -> RawTable:
    """Raw rows of a summary: the chains that each row names, from its structure in ``folder``.

    A row whose structure is missing or cannot be read gets a problem.

    Raises:
        TableError: faults of the summary's header, or a column of ``mapping`` that is not there.
    """
    table = read_table(summary)
    mapping = _with_summary_columns(mapping or ColumnMapping(), table.columns)
    chosen = choose_columns(summary, table, mapping, with_chains=False)
    files = {name.lower(): path for name, path in structure_files(folder).items()}
    rows: list[pl.DataFrame] = []
    problems: list[str | None] = []
    records = list(table.select(_KEYS).iter_rows(named=True))
    for record in track(records, "reading structures"):
        pair, problem = _row(record, files)
        rows.append(pair)
        problems.append(problem)
    return joined_rows(summary, table, pl.concat(rows), chosen, mapping, problems=problems)


def _with_summary_columns(mapping: ColumnMapping, columns: Iterable[str]) -> ColumnMapping:
    """The mapping completed by SAbDab's columns; the user's choices win."""
    present = set(columns)
    fields = {
        field: name
        for field, name in _SUMMARY_COLUMNS.items()
        if name in present and getattr(mapping, field) is None
    }
    constants = mapping.constants
    if "value" in fields and constants.quantity is None and constants.unit is None:
        constants = constants.model_copy(update={"quantity": "KD", "unit": "M"})
    return mapping.model_copy(update={**fields, "constants": constants})


def _row(
    record: Mapping[str, str | None], files: Mapping[str, Path]
) -> tuple[pl.DataFrame, str | None]:
    """The pair of a row, and None; or a pair without chains, and its problem."""
    code = _cell(record["pdb"])
    file = files.get(code.lower()) or files.get(f"pdb{code.lower()}")
    names = ChainNames.of_row(
        _cell(record["Hchain"]), _cell(record["Lchain"]), _cell(record["antigen_chain"])
    )
    if names is None:
        return _pair_without_chains(code), "the row names no heavy chain"
    if file is None:
        return _pair_without_chains(code), f"the folder has no structure {code!r}"
    try:
        present = {chain.name for chain in read_structure(file).chains}
        proteins = tuple(name for name in names.antigen if name in present)
        complexes = read_complexes(file, replace(names, antigen=proteins), antigen_needed=False)
    except AbagError as error:
        return _pair_without_chains(code), str(error)
    table = complexes_table(complexes)
    if len(proteins) < len(names.antigen):
        table = table.with_columns(flags=pl.concat_list("flags", pl.lit(LEFT_OUT)))
    return table, None


def _pair_without_chains(code: str) -> pl.DataFrame:
    row = {"source_row": 1, "antibody_name": code, "antigen": [], "flags": []}
    return pl.DataFrame([row], schema=PAIRS_SCHEMA)


def _cell(text: str | None) -> str:
    text = (text or "").strip()
    return "" if text.lower() in _MISSING else text
