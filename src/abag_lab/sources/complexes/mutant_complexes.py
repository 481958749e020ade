"""What the tables of mutated complexes (AB-Bind, SKEMPI and their copies) have in common.

They name substitutions, and the chains must carry them. Two spellings are in use: ``H:S33G``
(AB-Bind) and ``SH33G`` (SKEMPI: residue, chain, number, residue). Numbers may have an insertion
code (``D100aG``, ``D60AA``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

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
    found = []
    for item in (text or "").replace(" ", "").split(","):
        if match := _COLON.fullmatch(item):
            found.append(Substitution(match[1], match[2], match[3], match[4]))
        elif match := _SKEMPI.fullmatch(item):
            found.append(Substitution(match[2], match[1], match[3], match[4]))
        else:
            return ()
    return tuple(found)


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
    return sum(a != b for a, b in zip(wild, mutant, strict=True))


def missing_from_chains(stated: str | None, differing: int) -> str | None:
    """The problem of a row whose mutant chains do not carry the substitutions it states."""
    count = len((stated or "").split(","))
    if differing == count:
        return None
    return (
        f"the mutant chains do not carry the stated substitutions: {count} are stated, "
        f"{differing} residue(s) differ from the wild type"
    )


def non_binder_relation(value: pl.Expr) -> pl.Expr:
    """AB-Bind writes 8 kcal/mol (-8 for the reverse change) where no binding was seen: a bound.

    Source: Sirin et al., AB-Bind, Protein Science 2016.
    """
    number = value.cast(pl.Float64, strict=False)
    return pl.when(number == 8.0).then(pl.lit(">")).when(number == -8.0).then(pl.lit("<"))


def ab_bind_structure_id(pdb: pl.Expr) -> pl.Expr:
    """AB-Bind puts ``HM_`` before the code of the template of a homology model."""
    return pdb.str.strip_prefix("HM_").str.to_lowercase()
