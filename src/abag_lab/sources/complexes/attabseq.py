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
from typing import Final

import polars as pl

from abag.data.raw import RawTable, Source, flagged, listed, present, raw_table, read_text_table
from abag_lab.sources.complexes.mutant_complexes import (
    ab_bind_structure_id,
    differing_residues,
    missing_from_chains,
    non_binder_relation,
    parse_substitutions,
    written,
)

CHAINS: Final = ("antibody_heavy_seq", "antibody_light_seq", "antigen_a_seq", "antigen_b_seq")
AB_BIND_FILES: Final[dict[str, str]] = {"AB1101.csv": "Mutation2", "AB645.csv": "Mutation"}
"""Copies of AB-Bind, with the column of each that parts its mutations by commas."""
_ROLES: Final = {"antibody_heavy_seq": "H", "antibody_light_seq": "L"}


def read(folder: Path) -> Iterator[RawTable]:
    """One row a mutant: the two copies of AB-Bind, then S1131."""
    columns = chain_columns(folder)
    for path in present(folder, AB_BIND_FILES):
        yield _ab_bind(path, columns)
    for path in present(folder, ["S1131.csv"]):
        yield _general(path)


def chain_columns(folder: Path) -> dict[tuple[str, str], str]:
    """The column that holds a chain, by PDB code and chain letter.

    The files do not say it. It is learnt from the rows which name mutations in one chain only and
    whose sequences differ in one column only; a letter with two columns is left out.
    """
    seen: dict[tuple[str, str], set[str]] = {}
    for path in present(folder, AB_BIND_FILES):
        for row in read_text_table(path).iter_rows(named=True):
            letters = {s.chain for s in parse_substitutions(row[AB_BIND_FILES[path.name]])}
            changed = {c for c in CHAINS if differing_residues(row[c], row[f"{c}_mut"])}
            if len(letters) == 1 and len(changed) == 1:
                seen.setdefault((row["PDB"], *letters), set()).update(changed)
    return {key: next(iter(found)) for key, found in seen.items() if len(found) == 1}


def _ab_bind(path: Path, columns: dict[tuple[str, str], str]) -> RawTable:
    original = read_text_table(path)
    mutations, problem = _mutations(original, AB_BIND_FILES[path.name], columns)
    method, kelvin = _method_and_temperature(original)
    relation = non_binder_relation(pl.col("ddG"))
    return raw_table(
        path.name,
        original,
        heavy=pl.col("antibody_heavy_seq_mut"),
        light=pl.col("antibody_light_seq_mut"),
        antigen=listed("antigen_a_seq_mut", "antigen_b_seq_mut"),
        quantity="ddG",
        value=pl.col("ddG"),
        unit="kcal/mol",
        relation=relation,
        assay=pl.format("attabseq:ab_bind:{}", pl.col("PDB").str.to_lowercase()),
        method=method,
        temperature_kelvin=kelvin,
        structure_id=ab_bind_structure_id(pl.col("PDB")),
        mutations=mutations,
        flags=flagged(
            non_binder=relation.is_not_null(),
            homology_model=pl.col("PDB").str.starts_with("HM_"),
        ),
        problem=problem,
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


def _mutations(
    original: pl.DataFrame, column: str, columns: dict[tuple[str, str], str]
) -> tuple[pl.Expr, pl.Expr]:
    """The substitutions (heavy chain as H, light as L), and faults of the mutant chains."""
    texts, problems = [], []
    for row in original.iter_rows(named=True):
        letters = {s.chain for s in parse_substitutions(row[column])}
        known = {letter: columns.get((row["PDB"], letter), "") for letter in letters}
        roles = {letter: _ROLES[c] for letter, c in known.items() if c in _ROLES}
        texts.append(written(row[column], roles))
        count = sum(differing_residues(row[c], row[f"{c}_mut"]) for c in CHAINS)
        problems.append(missing_from_chains(row[column], count))
    return pl.lit(pl.Series(texts, dtype=pl.String)), pl.lit(pl.Series(problems, dtype=pl.String))


def _general(path: Path) -> RawTable:
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
    read=read,
)
