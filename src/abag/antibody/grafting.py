"""CDRs of a parent by three definitions, and variants that are given as CDRs alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from abag.antibody.numbering import IMGT_REGIONS, number_chains
from abag.antibody.numbering.domains import NumberedDomain, position_number
from abag.antibody.numbering.schemes import scheme_positions
from abag.errors import SequenceError

DEFINITIONS: Final = ("imgt", "kabat", "chothia")
LOOPS: Final = ("HCDR1", "HCDR2", "HCDR3", "LCDR1", "LCDR2", "LCDR3")
_BORDERS: Final[dict[str, dict[str, tuple[int, int]]]] = {
    "imgt": {
        f"{chain}{loop}": IMGT_REGIONS[loop] for chain in "HL" for loop in ("CDR1", "CDR2", "CDR3")
    },
    "kabat": {
        "HCDR1": (31, 35), "HCDR2": (50, 65), "HCDR3": (95, 102),
        "LCDR1": (24, 34), "LCDR2": (50, 56), "LCDR3": (89, 97),
    },
    "chothia": {
        "HCDR1": (26, 32), "HCDR2": (52, 56), "HCDR3": (95, 102),
        "LCDR1": (24, 34), "LCDR2": (50, 56), "LCDR3": (89, 97),
    },
}  # fmt: skip
"""First and last position of each loop, each in its own numbering (Lefranc et al. 2003; Kabat et
al. 1991; Al-Lazikani, Lesk and Chothia 1997)."""
_SPELT: Final = re.compile(r"^(?:V?([HL])|HEAVY|LIGHT)?CDR([HL])?([123])([HL])?$")


def loop_name(column: str) -> str | None:
    """``HCDR3`` for a column called HCDR3, CDRH3, CDR-H3, VH_CDR3 and the like; else None."""
    text = re.sub(r"[^A-Za-z0-9]", "", column).upper()
    match = _SPELT.match(text)
    if match is None:
        return None
    chains = {letter for letter in (match[1], match[2], match[4]) if letter}
    if text.startswith(("HEAVY", "LIGHT")):
        chains.add(text[0])
    return f"{chains.pop()}CDR{match[3]}" if len(chains) == 1 else None


def loops_of(heavy: str, light: str | None, definition: str) -> dict[str, str]:
    """The CDRs of an antibody; a chain without a variable domain has none."""
    loops = {}
    for letter, chain in (("H", heavy), ("L", light or "")):
        domain = _domain_of_type(chain, letter)
        if domain is None:
            continue
        positions = scheme_positions(domain, definition) or ()
        for loop, (first, last) in _BORDERS[definition].items():
            if loop[0] == letter:
                loops[loop] = "".join(
                    residue
                    for residue, position in zip(domain.sequence, positions, strict=True)
                    if position and first <= position_number(position.upper()) <= last
                )
    return loops


def graft(
    heavy: str, light: str | None, loops: Mapping[str, str], definition: str
) -> tuple[str, str | None]:
    """The parent's chains with some of its CDRs replaced.

    Raises:
        SequenceError: the parent lacks such a loop, or has its residues more than once.
    """
    parent_loops = loops_of(heavy, light, definition)
    chains = {"H": heavy, "L": light or ""}
    for loop, residues in loops.items():
        before = parent_loops.get(loop, "")
        count = chains[loop[0]].count(before) if before else 0
        if count != 1:
            problem = "is not found" if count == 0 else f"({before}) stands {count} times"
            raise SequenceError(
                f"{loop} of the parent ({definition}) {problem} in its chain, so that nothing "
                "can be put in its place; give the variants' whole chains"
            )
        chains[loop[0]] = chains[loop[0]].replace(before, residues)
    return chains["H"], chains["L"] or None


def fitting_definition(heavy: str, light: str | None, rows: Sequence[Mapping[str, str]]) -> str:
    """The definition by which the parent's loops differ least from the variants'.

    Raises:
        SequenceError: two definitions fit equally well and give other variants.
    """
    from rapidfuzz.distance import Levenshtein

    costs = {}
    for definition in DEFINITIONS:
        parent_loops = loops_of(heavy, light, definition)
        costs[definition] = sum(
            Levenshtein.distance(parent_loops.get(loop, ""), residues)
            for row in rows
            for loop, residues in row.items()
        )
    least = min(costs.values())
    best = [name for name in DEFINITIONS if costs[name] == least]
    grafted = {name: [graft(heavy, light, row, name) for row in rows] for name in best}
    if any(grafted[name] != grafted[best[0]] for name in best):
        raise SequenceError(
            f"the CDRs could be {' or '.join(best)} ones, and the variants would differ; name the "
            "definition by --numbering"
        )
    return best[0]


def _domain_of_type(chain: str, letter: str) -> NumberedDomain | None:
    if not chain:
        return None
    domains = number_chains([chain])[chain]
    of_type = (domain for domain in domains if domain.kind.is_light == (letter == "L"))
    return next(of_type, None)
