"""What the tables of mutated complexes (AB-Bind, SKEMPI and their copies) have in common.

They name substitutions, and the chains must carry them. Two spellings are in use: ``H:S33G``
(AB-Bind) and ``SH33G`` (SKEMPI: residue, chain, number, residue). Numbers may have an insertion
code (``D100aG``, ``D60AA``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ne
from typing import Any, Final

import polars as pl

from abag_lab.sources.published import flagged, listed

CHAINS: Final = ("antibody_heavy_seq", "antibody_light_seq", "antigen_a_seq", "antigen_b_seq")
"""Columns of the wild type's chains; those of the mutant end in ``_mut``."""
ROLES: Final = {"antibody_heavy_seq": "H", "antibody_light_seq": "L"}
_COLON: Final = re.compile(r"([A-Za-z0-9]):([A-Z])(-?\d+[A-Za-z]?)([A-Z])")
_SKEMPI: Final = re.compile(r"([A-Z])([A-Za-z0-9])(-?\d+[a-z]?)([A-Z])")


@dataclass(frozen=True, slots=True)
class Substitution:
    """One residue of one chain, changed; ``position`` is in the numbering of the source."""

    chain: str
    before: str
    position: str
    after: str


def parse_substitutions(text: str | None) -> tuple[Substitution, ...]:
    """Read a comma-separated list; one item in neither spelling makes the whole list empty."""
    substitutions = []
    for item in (text or "").replace(" ", "").split(","):
        if match := _COLON.fullmatch(item):
            substitutions.append(Substitution(match[1], match[2], match[3], match[4]))
        elif match := _SKEMPI.fullmatch(item):
            substitutions.append(Substitution(match[2], match[1], match[3], match[4]))
        else:
            return ()
    return tuple(substitutions)


def written(text: str | None, roles: Mapping[str, str]) -> str | None:
    """Write a list as ``H:S33G;L:...``; ``roles`` maps chain letters to H and L.

    Chains without a role keep their letter, and text in no known spelling stays as it is.
    """
    substitutions = parse_substitutions(text)
    if not substitutions:
        return text
    return ";".join(
        f"{roles.get(s.chain, s.chain)}:{s.before}{s.position}{s.after}" for s in substitutions
    )


def differing_residues(before: str | None, after: str | None) -> int:
    """How many residues differ between chains of one length; every residue where lengths differ."""
    wild, mutant = before or "", after or ""
    if len(wild) != len(mutant):
        return max(len(wild), len(mutant))
    return 0 if wild == mutant else sum(map(ne, wild, mutant))


def missing_from_chains(stated: str | None, differing: int) -> str | None:
    """The problem of a row whose mutant chains do not carry the substitutions it states."""
    count = len((stated or "").split(","))
    if differing == count:
        return None
    return (
        f"the mutant chains do not carry the stated substitutions: {count} are stated, "
        f"{differing} residue(s) differ from the wild type"
    )


def mutant_columns(
    original: pl.DataFrame, column: str, roles_of: Callable[[dict[str, Any]], Mapping[str, str]]
) -> dict[str, pl.Expr]:
    """Raw columns of the mutant chains: their substitutions, and a problem where they lack them.

    ``column`` parts the substitutions of a row by commas; ``roles_of`` maps its chain letters.
    """
    texts, problems = [], []
    for row in original.iter_rows(named=True):
        texts.append(written(row[column], roles_of(row)))
        count = sum(differing_residues(row[c], row[f"{c}_mut"]) for c in CHAINS)
        problems.append(missing_from_chains(row[column], count))
    return {
        "heavy": pl.col("antibody_heavy_seq_mut"),
        "light": pl.col("antibody_light_seq_mut"),
        "antigen": listed("antigen_a_seq_mut", "antigen_b_seq_mut"),
        "mutations": pl.lit(pl.Series(texts, dtype=pl.String)),
        "problem": pl.lit(pl.Series(problems, dtype=pl.String)),
    }


def ab_bind_columns(source: str) -> dict[str, pl.Expr | str]:
    """Raw columns of the ddG of AB-Bind, in a table with its columns ``PDB`` and ``ddG``.

    AB-Bind writes 8 kcal/mol (-8 for the reverse change) where no binding was seen, a bound, and
    puts ``HM_`` before the code of the template of a homology model (Sirin et al., AB-Bind,
    Protein Science 2016).
    """
    number, pdb = pl.col("ddG").cast(pl.Float64, strict=False), pl.col("PDB")
    relation = pl.when(number == 8.0).then(pl.lit(">")).when(number == -8.0).then(pl.lit("<"))
    return {
        "quantity": "ddG",
        "value": pl.col("ddG"),
        "unit": "kcal/mol",
        "relation": relation,
        "assay": pl.format("{}:ab_bind:{}", pl.lit(source), pdb.str.to_lowercase()),
        "structure_id": pdb.str.strip_prefix("HM_").str.to_lowercase(),
        "flags": flagged(
            non_binder=relation.is_not_null(), homology_model=pdb.str.starts_with("HM_")
        ),
    }


def temperature_columns(column: str) -> dict[str, pl.Expr]:
    """Raw columns of SKEMPI's temperature, which says ``298(assumed)`` where nobody states it."""
    text = pl.col(column)
    return {
        "temperature_kelvin": text.str.extract(r"^([\d.]+)").cast(pl.Float64),
        "flags": flagged(temperature_assumed=text.str.contains("assumed")),
    }
