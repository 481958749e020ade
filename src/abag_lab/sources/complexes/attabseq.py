"""AttABseq: AB-Bind (AB1101, AB645) and general SKEMPI complexes (S1131) with mutant chains.

``AB1101.csv``, ``AB645.csv`` and ``S1131.csv`` from ``cross_validation/data`` of the repository
ruofanjin/AttABseq (MIT). All three hold ddG in kcal/mol (positive is weaker). The KD behind many
of these rows comes from the source ``skempi_v2``, which takes its wild-type chains from here.

AB645 repeats the single mutants of AB1101, so both share their assays. Neither is antibodies
alone: rows without a variable domain are set aside by the canonical step, and so are all of
S1131, general protein complexes. In AB1101 the mutations of the antigen of 3BN9 are named but
not made in the chains, and of an Fc dimer only one chain is given: such rows carry their problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.complexes.mutant_complexes import (
    CHAINS,
    ROLES,
    ab_bind_columns,
    differing_residues,
    mutant_columns,
    parse_substitutions,
)
from abag_lab.sources.published import Source, listed, present, read_text_table

AB_BIND_FILES: Final[dict[str, str]] = {"AB1101.csv": "Mutation2", "AB645.csv": "Mutation"}
"""Copies of AB-Bind, with the column of each that parts its mutations by commas."""


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each mutant: the two copies of AB-Bind, then S1131."""
    columns = chain_columns(folder)
    for path in present(folder, AB_BIND_FILES):
        yield _ab_bind(path, columns)
    for path in present(folder, ["S1131.csv"]):
        yield _s1131(path)


def chain_columns(folder: Path) -> dict[tuple[str, str], str]:
    """The column that holds a chain, by PDB code and chain letter.

    The files do not say it. It is learnt from the rows which name mutations in one chain only and
    whose sequences differ in one column only; a letter with two columns is left out.
    """
    columns_of: dict[tuple[str, str], set[str]] = {}
    for path in present(folder, AB_BIND_FILES):
        for row in read_text_table(path).iter_rows(named=True):
            letters = {s.chain for s in parse_substitutions(row[AB_BIND_FILES[path.name]])}
            changed = {c for c in CHAINS if differing_residues(row[c], row[f"{c}_mut"])}
            if len(letters) == 1 and len(changed) == 1:
                columns_of.setdefault((row["PDB"], *letters), set()).update(changed)
    return {key: next(iter(columns)) for key, columns in columns_of.items() if len(columns) == 1}


def _ab_bind(path: Path, columns: dict[tuple[str, str], str]) -> RawTable:
    original = read_text_table(path)
    mutations = AB_BIND_FILES[path.name]

    def roles_of(row: dict[str, Any]) -> dict[str, str]:
        letters = {s.chain for s in parse_substitutions(row[mutations])}
        known = {letter: columns.get((row["PDB"], letter), "") for letter in letters}
        return {letter: ROLES[c] for letter, c in known.items() if c in ROLES}

    method, kelvin = _method_and_temperature(original)
    return raw_table(
        path.name,
        original,
        method=method,
        temperature_kelvin=kelvin,
        **ab_bind_columns("attabseq"),
        **mutant_columns(original, mutations, roles_of),
    )


def _method_and_temperature(original: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
    """Method and kelvin; some rows of AB1101 have the assay columns moved left by one."""
    if "Assay Name" not in original.columns:
        nothing = pl.lit(None, dtype=pl.String)
        return nothing, nothing.cast(pl.Float64)
    name = pl.col("Assay Name")
    moved = name.is_null() | name.str.contains(r"^[\d.]+$")
    celsius = pl.when(moved).then(pl.col("Assay pH")).otherwise(pl.col("Assay Temp (Celcius)"))
    return pl.when(~moved).then(name), celsius.cast(pl.Float64, strict=False) + 273.15


def _s1131(path: Path) -> RawTable:
    return raw_table(
        path.name,
        read_text_table(path),
        heavy=pl.col("a_mut"),
        antigen=listed("b_mut"),
        quantity="ddG",
        value=pl.col("ddG"),
        unit="kcal/mol",
        assay=pl.format("attabseq:s1131:{}", pl.col("PDB").str.to_lowercase()),
        structure_id=pl.col("PDB").str.to_lowercase(),
        mutations=pl.col("mutation").str.replace_all(",", ";"),
        problem="S1131 holds general protein complexes; SKEMPI calls none of them antibody-antigen",
    )


SOURCE = Source(
    name="attabseq",
    title="AttABseq: AB-Bind and S1131 with sequences",
    licence="MIT",
    citation="Jin et al., AttABseq, Briefings in Bioinformatics 2024",
    origin="github.com/ruofanjin/AttABseq at 4cc1a9f, cross_validation/data",
    reader=read,
)
