"""Which published files the built-in encoder may learn from, and how their chains are read.

Only sources whose licence lets the package ship what was learnt from them. Left out for that
reason: light chains of the PALM demonstration (PolyForm Noncommercial), haemagglutinin antibodies
of HA_Abs (not stated), nanobodies of AVIDa (CC BY-NC) and every non-commercial affinity table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.tables import SHIPPABLE_LICENCES
from abag_lab.sources import SOURCES
from abag_lab.sources.published import read_text_table

COPIES_OF_A_LIBRARY: Final = 4
"""Variants kept of one parent in the tables of mutants, so that no library floods the corpus."""


@dataclass(frozen=True, slots=True)
class RawMolecule:
    """One row of a file as written: an antibody, its antigen chains, or both."""

    heavy: str | None
    light: str | None
    scfv: str | None
    antigen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """A folder of published files and how to read its chains, file by file."""

    name: str
    licence: str
    statement: str
    """Where the licence is stated."""
    reader: Callable[[Path], Iterator[tuple[str, list[RawMolecule]]]]
    is_library: bool = False
    """Whether its rows are variants of a few parents, to be thinned before anything else."""

    def __post_init__(self) -> None:
        if self.licence not in SHIPPABLE_LICENCES:
            raise ValueError(f"{self.name}: weights shaped by {self.licence} cannot be shipped")


def _columns(
    names: tuple[str, ...], heavy: str, light: str
) -> Callable[[Path], Iterator[tuple[str, list[RawMolecule]]]]:
    """Reader of CSV files, plain or gzip, with one antibody a row."""

    def read(folder: Path) -> Iterator[tuple[str, list[RawMolecule]]]:
        for name in names:
            path = next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
            if path is None:
                continue
            rows = read_text_table(path).select(heavy, light).iter_rows()
            yield path.name, [RawMolecule(vh, _present(vl), None, ()) for vh, vl in rows]

    return read


def _present(text: str | None) -> str | None:
    """A chain, or None where the cell says that there is none (empty, ND, NA)."""
    return text if text and len(text.strip()) > 5 else None


def _adapter(name: str) -> Callable[[Path], Iterator[tuple[str, list[RawMolecule]]]]:
    """Reader of an affinity table through its adapter; rows with a known fault are left out."""

    def read(folder: Path) -> Iterator[tuple[str, list[RawMolecule]]]:
        for table in SOURCES[name].reader(folder):
            chosen = table.frame.filter(pl.col("problem").is_null())
            rows = chosen.select("heavy", "light", "scfv", "antigen").iter_rows()
            yield table.file, [RawMolecule(vh, vl, s, tuple(a or ())) for vh, vl, s, a in rows]

    return read


CORPUS_SOURCES: Final = (
    CorpusSource(
        "oas_paired",
        "CC-BY-4.0",
        "Observed Antibody Space is CC BY 4.0 by its site; the copy that was read states none",
        _columns(
            ("paired_1_val_set.csv",),
            "sequence_alignment_aa_heavy",
            "sequence_alignment_aa_light",
        ),
    ),
    CorpusSource(
        "alm_benchmark_covid",
        "CC-BY-4.0",
        "CoV-AbDab is CC BY 4.0 by its site; the copy that was read states none",
        _columns(("SARS-COV1.csv", "SARS-COV2.csv"), "VHorVHH", "VL"),
    ),
    CorpusSource("saaint_db", "MIT", "licence of the repository", _adapter("saaint_db")),
    CorpusSource(
        "alphabind", "MIT", "licence of the repository", _adapter("alphabind"), is_library=True
    ),
    CorpusSource(
        "attabseq", "MIT", "licence of the repository", _adapter("attabseq"), is_library=True
    ),
)


def thinned(rows: list[RawMolecule], most: int = COPIES_OF_A_LIBRARY) -> list[RawMolecule]:
    """At most ``most`` distinct rows among those whose chains are of one length and begin alike."""
    members_of: dict[tuple[object, ...], set[RawMolecule]] = {}
    result = []
    for row in rows:
        chains = (row.heavy, row.light, row.scfv, *row.antigen)
        key = tuple((len(chain), chain[:15]) for chain in chains if chain)
        members = members_of.setdefault(key, set())
        if row not in members and len(members) < most:
            members.add(row)
            result.append(row)
    return result
