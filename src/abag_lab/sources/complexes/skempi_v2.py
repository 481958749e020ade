"""SKEMPI 2.0: KD of wild-type and mutant complexes, made whole with the chains of AttABseq.

``skempi_v2.csv`` (plain, or gzip as ``skempi_v2.csv.gz``; separator ``;``) from the SKEMPI site
(CC BY 4.0) or a copy of it. The table names mutations and has no sequences. Where the folder
``attabseq`` (MIT) stands beside it, the wild-type chains come from there, and the mutants are
made by substitution. A chain is used only if every mutation that SKEMPI names on it finds the
stated residue at the stated place of its ``cleaned`` numbering, at three places or more. Rows of
other complexes come out without chains and are set aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.complexes import attabseq
from abag_lab.sources.complexes.mutant_complexes import (
    CHAINS,
    ROLES,
    Substitution,
    parse_substitutions,
    temperature_columns,
    written,
)
from abag_lab.sources.published import Source, flag_if, present, read_text_table

FILES: Final = ("skempi_v2.csv", "skempi_v2.csv.gz")
MIN_PLACES: Final = 3
"""A wrong numbering agrees at one place by chance once in twenty; at three, once in 8,000."""

_CHAIN_TYPE: Final = pl.Struct(
    {"heavy": pl.String, "light": pl.String, "antigen": pl.List(pl.String), "mutations": pl.String}
)


@dataclass(frozen=True, slots=True)
class WildType:
    """Chains of one complex, by AttABseq's columns, and the column of each usable letter."""

    chains: dict[str, str]
    column_of: dict[str, str]

    def mutant(self, substitutions: tuple[Substitution, ...]) -> dict[str, str] | None:
        """The chains with all substitutions made; None where one is on a chain not usable."""
        chains = dict(self.chains)
        for s in substitutions:
            column = self.column_of.get(s.chain)
            if column is None:
                return None
            place = int(s.position) - 1
            chains[column] = chains[column][:place] + s.after + chains[column][place + 1 :]
        return chains

    def roles(self) -> dict[str, str]:
        """H and L for the antibody's letters."""
        return {letter: ROLES[c] for letter, c in self.column_of.items() if c in ROLES}


def read(folder: Path) -> Iterator[RawTable]:
    """Every mutant of the table, then the wild type of each complex with known chains."""
    for path in present(folder, FILES)[:1]:
        original = read_text_table(path, separator=";")
        original = original.rename({original.columns[-1]: "SKEMPI version"})
        pdb = pl.col("#Pdb").str.split("_").list.first()
        original = original.with_columns(pdb.alias("PDB"))
        wild_types = _wild_types(original, folder.parent / "attabseq")
        yield _table(path.name, original, wild_types, "mut")
        key = ["PDB", "Affinity_wt (M)", "Reference", "Method", "Temperature"]
        known = original.filter(pl.col("PDB").is_in(list(wild_types)))
        distinct = known.unique(key, keep="first", maintain_order=True)
        yield _table(f"{path.name}#wild_type", distinct, wild_types, "wt")


def _wild_types(original: pl.DataFrame, attabseq_folder: Path) -> dict[str, WildType]:
    """Chains of the complexes of AB-Bind, with the letters whose numbering agrees."""
    columns = attabseq.chain_columns(attabseq_folder)
    chains: dict[str, dict[str, str]] = {}
    for path in present(attabseq_folder, attabseq.AB_BIND_FILES):
        for row in read_text_table(path).unique("PDB").iter_rows(named=True):
            chains[row["PDB"]] = {c: row[c] for c in CHAINS if row[c]}
    stated: dict[tuple[str, str], set[tuple[int, str]]] = {}
    for pdb, text in original.select("PDB", "Mutation(s)_cleaned").iter_rows():
        for s in parse_substitutions(text) if pdb in chains else ():
            place = int(s.position) if s.position.lstrip("-").isdigit() else 0
            stated.setdefault((pdb, s.chain), set()).add((place, s.before))
    wild_types = {p: WildType(c, {}) for p, c in chains.items() if "antibody_heavy_seq" in c}
    for (pdb, letter), places in stated.items():
        if pdb in wild_types:
            candidates = [columns[pdb, letter]] if (pdb, letter) in columns else list(chains[pdb])
            agreeing = [c for c in candidates if _agrees(chains[pdb][c], places)]
            if len(agreeing) == 1:
                wild_types[pdb].column_of[letter] = agreeing[0]
    return {pdb: wild for pdb, wild in wild_types.items() if wild.column_of}


def _agrees(chain: str, places: set[tuple[int, str]]) -> bool:
    """Whether the chain has every stated residue at its place (from 1)."""
    return len({place for place, _ in places}) >= MIN_PLACES and all(
        0 < place <= len(chain) and chain[place - 1] == residue for place, residue in places
    )


def _table(
    file: str, original: pl.DataFrame, wild_types: dict[str, WildType], side: str
) -> RawTable:
    chains = pl.Series(
        "chains",
        [_chains(row, wild_types, side == "mut") for row in original.iter_rows(named=True)],
        dtype=_CHAIN_TYPE,
    )
    field = pl.lit(chains).struct.field
    return raw_table(
        file,
        original,
        heavy=field("heavy"),
        light=field("light"),
        antigen=field("antigen"),
        quantity="KD",
        value=pl.col(f"Affinity_{side} (M)"),
        unit="M",
        assay="skempi_v2",
        method=pl.col("Method"),
        structure_id=pl.col("PDB").str.to_lowercase(),
        mutations=field("mutations"),
        reference=pl.col("Reference"),
        problem=flag_if(
            field("heavy").is_null(),
            "SKEMPI has no sequences, and attabseq no chains that agree with the mutations",
        ),
        **temperature_columns("Temperature"),
    )


def _chains(
    row: dict[str, Any], wild_types: dict[str, WildType], mutated: bool
) -> dict[str, object]:
    """Chains and mutations of one row, in PDB numbering; nothing where they are not known."""
    wild = wild_types.get(row["PDB"])
    stated = parse_substitutions(row["Mutation(s)_cleaned"]) if mutated else ()
    chains = wild.mutant(stated) if wild and (stated or not mutated) else None
    if wild is None or chains is None:
        text = row["Mutation(s)_PDB"].replace(",", ";") if mutated else ""
        return {"heavy": None, "light": None, "antigen": [], "mutations": text}
    antigen = [chains[c] for c in ("antigen_a_seq", "antigen_b_seq") if c in chains]
    return {
        "heavy": chains.get("antibody_heavy_seq"),
        "light": chains.get("antibody_light_seq"),
        "antigen": antigen,
        "mutations": written(row["Mutation(s)_PDB"], wild.roles()) if mutated else "",
    }


SOURCE = Source(
    name="skempi_v2",
    title="SKEMPI 2.0: KD of mutants of complexes in AB-Bind",
    licence="CC-BY-4.0",
    citation="Jankauskaite et al., SKEMPI 2.0, Bioinformatics 2019",
    origin="life.bsc.es/pid/skempi2; a copy in github.com/youpze/ScML at 59a7d68, skempi_v2.csv",
    reader=read,
)
