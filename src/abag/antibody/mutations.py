"""Mutations of a parent antibody as people write them: read, checked, applied and named.

A mutation is ``H:A33G``: chain, the parent's residue, its place in the chain from 1, the new
residue. ``H:A33-`` is a deletion; ``H:A33AGS`` puts G and S behind A33. With a numbering scheme the
place is a position of that scheme (``H:Y100aF`` in Kabat), and is translated to the place in the
chain, which is the one form that everything else knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from abag.antibody.alphabet import AMINO_ACIDS, UNKNOWN_RESIDUE
from abag.antibody.numbering import first_domain
from abag.antibody.numbering.schemes import SCHEMES, scheme_positions
from abag.errors import MutationError

SEQUENTIAL: Final = "sequential"
NUMBERINGS: Final = (SEQUENTIAL, *SCHEMES)
"""How the places of a file's mutations may be counted."""

_ROLE: Final = {"H": "heavy", "L": "light"}
_CHAINS: Final = {
    **dict.fromkeys(("H", "VH", "HC", "HEAVY"), "H"),
    **dict.fromkeys(("L", "VL", "LC", "LIGHT", "K", "VK"), "L"),
}
_PARENT: Final = frozenset({"", "wt", "wildtype", "wild type", "wild-type", "parent", "parental"})
_SEPARATORS: Final = re.compile(r"[;,+/|\s]+|(?<=\d[A-Za-z-]):(?=[A-Za-z])")
_WRITTEN: Final = re.compile(r"(?:([A-Za-z]+)[:._])?([A-Za-z]*)(\d+)([A-Za-z*-]+)")
_INSERTION_LETTER: Final = re.compile(r"[a-z](?![a-z]+$)")
"""``aF`` of ``H:Y100aF``: Kabat's position 100a, and no residues put in behind the hundredth."""
_THREE: Final = {
    "Ala": "A", "Cys": "C", "Asp": "D", "Glu": "E", "Phe": "F", "Gly": "G", "His": "H", "Ile": "I",
    "Lys": "K", "Leu": "L", "Met": "M", "Asn": "N", "Pro": "P", "Gln": "Q", "Arg": "R", "Ser": "S",
    "Thr": "T", "Val": "V", "Trp": "W", "Tyr": "Y",
}  # fmt: skip
_LONG: Final = re.compile("|".join(_THREE))
_ALLOWED: Final = AMINO_ACIDS + UNKNOWN_RESIDUE


@dataclass(frozen=True, slots=True, order=True)
class Mutation:
    """One change of a parent: residue ``wild_type`` at ``place`` becomes ``mutant``."""

    chain: str
    """``H`` or ``L``."""
    place: int
    """Place in the chain, from 1."""
    wild_type: str
    mutant: str
    """One letter; ``-`` for a deletion; several where residues are inserted behind the first."""
    imgt: str | None = field(default=None, compare=False)
    """IMGT position such as ``105`` or ``111A``; None outside a variable domain."""

    def __str__(self) -> str:
        """The canonical text, ``H:A33G``."""
        return f"{self.chain}:{self.wild_type}{self.place}{self.mutant}"


def parse_mutations(
    text: str,
    parent_heavy: str,
    parent_light: str | None = None,
    scheme: str = SEQUENTIAL,
) -> tuple[Mutation, ...]:
    """Read a text such as ``H:A33G``, ``H:A33G+L:S30T`` or ``HA33G; LS30T`` against its parent.

    Args:
        text: mutations parted by ``;``, ``,``, ``+``, ``/``, ``|``, ``:`` or spaces; empty text,
            ``WT`` or ``parent`` means none. A mutation without a chain is one of the heavy chain.
            Three-letter residues (``Ala33Gly``) and ``del`` are read.
        parent_heavy: heavy chain of the parent.
        parent_light: its light chain, if it has one.
        scheme: how places are counted: ``sequential`` (from 1 along the chain as given), ``imgt``,
            ``kabat``, ``chothia`` or ``martin``.

    Returns:
        The mutations, sorted by chain and place; a residue that stays itself is left out.

    Raises:
        MutationError: a text that names no mutation, a place outside the chain, or a reference
            residue that is not the parent's; it says what stands there and which numbering fits.
    """
    require_numbering(scheme)
    if is_parent_text(text):
        return ()
    found: dict[tuple[str, int], Mutation] = {}
    for piece in filter(None, _SEPARATORS.split(text.strip())):
        one = _read(piece, parent_heavy, parent_light, scheme)
        other = found.get((one.chain, one.place))
        if other is not None and other != one:
            raise MutationError(
                f"{text!r} changes residue {one.place} of the {_ROLE[one.chain]} chain twice "
                f"({other} and {one}); keep one"
            )
        found[one.chain, one.place] = one
    return tuple(sorted(one for one in found.values() if one.wild_type != one.mutant))


def is_parent_text(text: str) -> bool:
    """Whether a text of mutations means the unchanged parent."""
    return text.strip().lower().replace("_", " ") in _PARENT


def require_numbering(scheme: str) -> None:
    """Raise :class:`MutationError` for a numbering that is not known."""
    if scheme not in NUMBERINGS:
        raise MutationError(f"unknown numbering {scheme!r}; known are {', '.join(NUMBERINGS)}")


def apply_mutations(
    heavy: str, light: str | None, mutations: Iterable[Mutation]
) -> tuple[str, str | None]:
    """Heavy and light chain of the variant.

    Raises MutationError where a mutation's residue is not the parent's, or it is changed twice.
    """
    chains = {"H": heavy, "L": light}
    residues = {chain: list(letters or "") for chain, letters in chains.items()}
    taken: set[tuple[str, int]] = set()
    for one in mutations:
        _require_residue(one, chains[one.chain])
        if (one.chain, one.place) in taken:
            raise MutationError(f"{one}: residue {one.place} is changed twice; keep one change")
        taken.add((one.chain, one.place))
        residues[one.chain][one.place - 1] = one.mutant.replace("-", "")
    return "".join(residues["H"]), None if light is None else "".join(residues["L"])


def find_mutations(
    parent_heavy: str, parent_light: str | None, heavy: str, light: str | None
) -> tuple[Mutation, ...]:
    """The mutations that make a variant of its parent; lengths may differ (fewest edits)."""
    found = []
    for chain, parent, variant in (("H", parent_heavy, heavy), ("L", parent_light, light)):
        if (parent or None) is None and (variant or None) is not None:
            raise MutationError(f"the variant has a {_ROLE[chain]} chain and the parent has none")
        labels = _imgt_labels(parent) if parent and parent != (variant or "") else ()
        for place, new in _changes(parent or "", variant or ""):
            old = (parent or "")[place - 1]
            found.append(Mutation(chain, place, old, new or "-", labels[place - 1]))
    return tuple(found)


def name_of(parent_heavy: str, parent_light: str | None, heavy: str, light: str | None) -> str:
    """The canonical text of a variant, ``H:A33G;L:S30T``; empty for the parent itself."""
    return join_names(find_mutations(parent_heavy, parent_light, heavy, light))


def join_names(mutations: Iterable[Mutation]) -> str:
    """Mutations as the canonical table writes them."""
    return ";".join(map(str, mutations))


def fitting_numberings(
    text: str, parent_heavy: str, parent_light: str | None = None
) -> tuple[str, ...]:
    """Every numbering in which a text of mutations fits the parent."""
    fitting = []
    for scheme in NUMBERINGS:
        try:
            parse_mutations(text, parent_heavy, parent_light, scheme)
        except MutationError:
            continue
        fitting.append(scheme)
    return tuple(fitting)


def _changes(parent: str, variant: str) -> list[tuple[int, str]]:
    """Changed places from 1 with the residues that stand there now, in order."""
    if len(parent) == len(variant):
        pairs = zip(parent, variant, strict=True)
        return [(place, new) for place, (old, new) in enumerate(pairs, 1) if old != new]
    from rapidfuzz.distance import Levenshtein

    now = list(parent)
    before = ""
    for edit in Levenshtein.editops(parent, variant):
        letter = variant[edit.dest_pos] if edit.tag != "delete" else ""
        if edit.tag != "insert":
            now[edit.src_pos] = letter
        elif edit.src_pos == 0:
            before += letter
        else:
            now[edit.src_pos - 1] += letter
    now[0] = before + now[0]
    pairs = zip(parent, now, strict=True)
    return [(place, new) for place, (old, new) in enumerate(pairs, 1) if old != new]


def _read(piece: str, heavy: str, light: str | None, scheme: str) -> Mutation:
    match = _WRITTEN.fullmatch(_LONG.sub(lambda m: _THREE[m[0]], piece))
    if match is None:
        raise MutationError(
            f"{piece!r} names no mutation; write chain, the parent's residue, place and new "
            "residue, for example H:A33G"
        )
    chain, wild_type = _chain_and_residue(piece, match[1], match[2])
    insertion, mutant = "", match[4]
    lettered = _INSERTION_LETTER.match(mutant) is not None
    if (scheme != SEQUENTIAL or lettered) and len(mutant) > 1 and mutant != "del":
        insertion, mutant = mutant[0].upper(), mutant[1:]
    mutant = "-" if mutant == "del" else mutant.upper()
    for letter in wild_type + mutant.replace("-", "", int(mutant == "-")):
        if letter not in _ALLOWED:
            hint = " (a stop codon is no variant that binds)" if letter == "*" else ""
            raise MutationError(f"{piece!r}: {letter!r} is no amino acid{hint}")
    residues = heavy if chain == "H" else light
    if not residues:
        raise MutationError(f"{piece!r} changes the light chain, and the parent has none")
    position = f"{int(match[3])}{insertion}"
    place = _places(residues, scheme).get(position)
    if place is None or residues[place - 1] != wild_type:
        told = _misfit(piece, chain, wild_type, position, place, (heavy, light), scheme)
        raise MutationError(told)
    return Mutation(chain, place, wild_type, mutant, _imgt_labels(residues)[place - 1])


def _chain_and_residue(piece: str, named: str | None, letters: str) -> tuple[str, str]:
    """Chain letter and the parent's residue of ``H:A33G``, ``HA33G``, ``A33G``."""
    letters = letters.upper()
    if named is None and len(letters) > 1:
        named, letters = letters[:-1], letters[-1]
    chain = _CHAINS.get((named or "H").upper())
    if chain is None:
        raise MutationError(f"{piece!r}: unknown chain {named!r}; write H or L, as in H:A33G")
    if len(letters) != 1:
        raise MutationError(
            f"{piece!r} does not name the parent's residue; write it, as in H:A33G, so that the "
            "place can be checked"
        )
    return chain, letters


def _misfit(
    piece: str,
    chain: str,
    wild_type: str,
    position: str,
    place: int | None,
    parent: tuple[str, str | None],
    scheme: str,
) -> str:
    """What stands at the place instead, and where the mutation would fit."""
    residues = parent[chain == "L"] or ""
    count = "" if scheme == SEQUENTIAL else f" ({scheme} numbering)"
    role = _ROLE[chain]
    if place is None:
        told = f"{piece}: the {role} chain has no residue {position}{count}"
        told += f", it has {len(residues)} residues" if scheme == SEQUENTIAL else ""
    else:
        told = (
            f"{piece}: residue {position} of the {role} chain{count} is {residues[place - 1]}, "
            f"not {wild_type}"
        )
    fitting = [
        other
        for other in NUMBERINGS
        if (at := _places(residues, other).get(position)) and residues[at - 1] == wild_type
    ]
    if fitting:
        return f"{told}; it would fit {' or '.join(fitting)} numbering"
    other_chain = parent[chain == "H"] or ""
    at = _places(other_chain, scheme).get(position) if other_chain else None
    if at and other_chain[at - 1] == wild_type:
        return f"{told}; the {_ROLE['L' if chain == 'H' else 'H']} chain has {wild_type} there"
    return f"{told}; correct the mutation or the parent"


def _require_residue(one: Mutation, residues: str | None) -> None:
    if not residues or not 1 <= one.place <= len(residues):
        raise MutationError(
            f"{one}: the {_ROLE[one.chain]} chain has {len(residues or '')} residues"
        )
    if residues[one.place - 1] != one.wild_type:
        raise MutationError(
            f"{one}: residue {one.place} of the {_ROLE[one.chain]} chain is "
            f"{residues[one.place - 1]}, not {one.wild_type}"
        )


@lru_cache(maxsize=256)
def _places(residues: str, scheme: str) -> dict[str, int]:
    """Place from 1 of each position of the first variable domain, or of each residue."""
    if scheme == SEQUENTIAL:
        return {str(place): place for place in range(1, len(residues) + 1)}
    domain = first_domain(residues)
    if domain is None:
        return {}
    positions = scheme_positions(domain, scheme) or ()
    return {position: domain.start + i for i, position in enumerate(positions, start=1)}


@lru_cache(maxsize=256)
def _imgt_labels(residues: str) -> tuple[str | None, ...]:
    """IMGT position of each residue of a chain."""
    by_place = {place: position for position, place in _places(residues, "imgt").items()}
    return tuple(by_place.get(place) for place in range(1, len(residues) + 1))
