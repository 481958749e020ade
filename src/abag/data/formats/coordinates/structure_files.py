"""Structures as tables of pairs: one file, or a folder of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.formats.choices import ChainNames
from abag.data.formats.columns import PAIRS_SCHEMA
from abag.data.formats.coordinates.complexes import (
    ANTIGEN_ANGSTROM,
    Complex,
    complexes_table,
    read_complexes,
)
from abag.data.formats.sequences.pairing import UserPairs
from abag.errors import FileFormatError
from abag.progress import track

_SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif")


def structure_files(path: Path) -> dict[str, Path]:
    """The structure files of a folder, or one file, by their names without suffixes."""
    files = (
        [f for f in sorted(path.iterdir()) if _suffix(f) in _SUFFIXES] if path.is_dir() else [path]
    )
    if not files:
        raise FileFormatError(f"{path} is a folder without PDB or mmCIF files")
    return {file.name.removesuffix(".gz").removesuffix(_suffix(file)): file for file in files}


def read_structures(path: Path, chains: ChainNames | None = None) -> UserPairs:
    """The distinct pairs of a structure or of a folder of structures.

    An antibody without an antigen in its file has none in the table, and a note says so. In a
    folder the first complex of a file bears the file's name.
    """
    tables: list[pl.DataFrame] = []
    notes: list[str] = []
    for number, (name, file, complexes) in enumerate(_complexes_by_file(path, chains), start=1):
        table = complexes_table(complexes)
        if path.is_dir():
            table = table.unique(["heavy", "light", "scfv", "antigen"], maintain_order=True)
            first = pl.int_range(pl.len()) == 0
            label = pl.when(first).then(pl.lit(name)).otherwise("antibody_name")
            table = table.with_columns(antibody_name=label, source_row=pl.lit(number, pl.Int64))
        tables.append(table)
        notes += [f"{file}: {note}" for note in _notes(complexes)]
    return UserPairs(pl.concat(tables), notes=tuple(notes))


def first_complexes(path: Path, chains: ChainNames | None = None) -> pl.DataFrame:
    """The first complex of each structure, named like its file without suffixes."""
    tables = []
    for number, (name, _, complexes) in enumerate(_complexes_by_file(path, chains), start=1):
        table = complexes_table(complexes[:1]).with_columns(
            antibody_name=pl.lit(name), source_row=pl.lit(number, pl.Int64)
        )
        tables.append(table)
    return pl.concat(tables) if tables else pl.DataFrame(schema=PAIRS_SCHEMA)


def _complexes_by_file(
    path: Path, chains: ChainNames | None
) -> Iterator[tuple[str, Path, tuple[Complex, ...]]]:
    files = list(structure_files(path).items())
    for name, file in track(files, "reading structures") if len(files) > 1 else files:
        yield name, file, read_complexes(file, chains, antigen_needed=False)


def _notes(complexes: tuple[Complex, ...]) -> Iterator[str]:
    alone = [c.name for c in complexes if not c.antigen]
    if alone:
        yield (
            f"no protein chain stands within {ANTIGEN_ANGSTROM:g} Å of the CDRs of "
            f"{', '.join(alone)}; name it (--chains heavy=H,light=L,antigen=A) or give the "
            "antigen's sequence (--antigen)"
        )
    joined = [c for c in complexes if "models_joined" in c.flags]
    if joined:
        yield "its models are copies or parts of one assembly and were read together"


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()
