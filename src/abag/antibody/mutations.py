"""Mutations of a parent antibody as people write them: read, checked, applied and named.

A mutation is ``H:A33G``: chain, the parent's residue, its place in the chain from 1, the new
residue. ``H:A33-`` is a deletion; ``H:A33AGS`` puts G and S behind A33. With a numbering scheme the
place is a position of that scheme (``H:Y100aF`` in Kabat), and is translated to the place in the
chain, the form that all other code uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from abag.antibody.notation import (
    NUMBERINGS,
    SEQUENTIAL,
    Piece,
    Reading,
    means_parent,
    read_pieces,
    require_numbering,
)
from abag.antibody.numbering import first_domain
from abag.antibody.numbering.schemes import scheme_positions
from abag.errors import MutationError

_ROLE: Final = {"H": "heavy", "L": "light"}
_Chains = tuple[str, str | None]


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
        text: mutations in the grammar of :mod:`abag.antibody.notation`, parted by ``;``, ``,``,
            ``+``, ``/``, ``|``, ``&``, ``:``, ``_`` or spaces; empty text, ``WT`` or ``parent``
            means none. A mutation without a chain is one of the heavy chain; behind one that
            names the light chain it may mean either, and must fit the light chain alone.
        parent_heavy: heavy chain of the parent.
        parent_light: its light chain, if it has one.
        scheme: how places are counted: ``sequential`` (from 1 along the chain as given), ``imgt``,
            ``kabat``, ``chothia``, ``martin`` or ``aho``; ``(Kabat)`` behind a mutation wins.

    Returns:
        The mutations, sorted by chain and place; a residue that stays itself is left out.

    Raises:
        MutationError: a text that names no mutation, a place outside the chain, a reference
            residue that is not the parent's (with the parent's residue and the numbering that
            fits), or two readings that both fit.
    """
    require_numbering(scheme)
    if means_parent(text):
        return ()
    parent = (parent_heavy, parent_light)
    mutations: dict[tuple[str, int], Mutation] = {}
    last = "H"
    for piece in read_pieces(text, scheme):
        mutation = _fitting_mutation(piece, parent, last)
        if any(reading.chain for reading in piece.readings):
            last = mutation.chain
        earlier = mutations.get((mutation.chain, mutation.place))
        if earlier is not None and earlier != mutation:
            raise MutationError(
                f"{text!r} changes residue {mutation.place} of the {_ROLE[mutation.chain]} chain "
                f"twice ({earlier} and {mutation}); keep one"
            )
        mutations[mutation.chain, mutation.place] = mutation
    return tuple(sorted(m for m in mutations.values() if m.wild_type != m.mutant))


def _fitting_mutation(piece: Piece, parent: _Chains, last: str) -> Mutation:
    """The one reading of a piece that fits the parent; ``last`` is the chain named before it."""
    readings = [
        replace(reading, chain=chain)
        for reading in piece.readings
        for chain in ([reading.chain] if reading.chain else dict.fromkeys((last, "H")))
    ]
    fitting: dict[Mutation, Reading] = {}
    for reading in readings:
        place = _place(reading, parent)
        if place is not None:
            chain = reading.chain or "H"
            imgt = _imgt_labels(parent[chain == "L"] or "")[place - 1]
            candidate = Mutation(chain, place, reading.wild_type, reading.mutant, imgt)
            fitting.setdefault(candidate, reading)
    unnamed = all(reading.chain is None for reading in piece.readings)
    if len(fitting) > 1:
        raise MutationError(_ambiguity_message(piece.text, fitting))
    if not fitting:
        raise MutationError(_misfit_message(piece.text, readings[0], parent))
    ((mutation, reading),) = fitting.items()
    if _is_two_changes(reading):
        insertion = f"{reading.wild_type}{reading.position}{reading.wild_type}{reading.mutant[-1]}"
        raise MutationError(
            f"{piece.text!r} gives several residues for one; write each change by itself, an "
            f"insertion as {insertion}, and name the numbering where a letter belongs to the place"
        )
    if unnamed and mutation.chain != last:
        raise MutationError(
            f"{piece.text}: the light chain was named before it, and {mutation} fits the heavy "
            "chain alone; name the chain of every mutation, as in L:S50A,H:Y33F"
        )
    return mutation


def _place(reading: Reading, parent: _Chains) -> int | None:
    """The place, from 1, where a reading fits its chain; None where it does not."""
    residues = parent[reading.chain == "L"]
    if not residues:
        return None
    place = _places(residues, reading.scheme).get(reading.position)
    return place if place and residues[place - 1] == reading.wild_type else None


def _is_two_changes(reading: Reading) -> bool:
    """Whether a mutation such as ``Y33AF`` would change a residue and insert another.

    Only in front of the first residue may residues be inserted before it (``E1ME``).
    """
    new, old = reading.mutant, reading.wild_type
    if len(new) < 2 or new[0] == old:
        return False
    return reading.position != "1" or old not in new


def _ambiguity_message(text: str, fitting: Mapping[Mutation, Reading]) -> str:
    options = []
    for mutation, reading in fitting.items():
        count = "" if reading.scheme == SEQUENTIAL else f" ({reading.scheme} {reading.position})"
        options.append(f"{mutation}{count}")
    if len({mutation.chain for mutation in fitting}) > 1:
        mend = "name the chain of every mutation, as in H:A33G"
    else:
        scheme = next(r.scheme for r in fitting.values() if r.scheme != SEQUENTIAL)
        mend = (
            f"name the numbering (--numbering {scheme}), or put residues in behind the one before"
        )
    return f"{text} has two readings that fit, {' and '.join(options)}; {mend}"


def apply_mutations(
    heavy: str, light: str | None, mutations: Iterable[Mutation]
) -> tuple[str, str | None]:
    """Heavy and light chain of the variant.

    Raises MutationError where a mutation's residue is not the parent's, or it is changed twice.
    """
    chains = {"H": heavy, "L": light}
    residues = {chain: list(letters or "") for chain, letters in chains.items()}
    changed: set[tuple[str, int]] = set()
    for mutation in mutations:
        _require_residue(mutation, chains[mutation.chain])
        if (mutation.chain, mutation.place) in changed:
            raise MutationError(
                f"{mutation}: residue {mutation.place} is changed twice; keep one change"
            )
        changed.add((mutation.chain, mutation.place))
        residues[mutation.chain][mutation.place - 1] = mutation.mutant.replace("-", "")
    return "".join(residues["H"]), None if light is None else "".join(residues["L"])


def find_mutations(
    parent_heavy: str, parent_light: str | None, heavy: str, light: str | None
) -> tuple[Mutation, ...]:
    """The mutations that make a variant of its parent; lengths may differ (fewest edits)."""
    mutations = []
    for chain, parent, variant in (("H", parent_heavy, heavy), ("L", parent_light, light)):
        if (parent or None) is None and (variant or None) is not None:
            raise MutationError(f"the variant has a {_ROLE[chain]} chain and the parent has none")
        labels = _imgt_labels(parent) if parent and parent != (variant or "") else ()
        for place, new in _changes(parent or "", variant or ""):
            old = (parent or "")[place - 1]
            mutations.append(Mutation(chain, place, old, new or "-", labels[place - 1]))
    return tuple(mutations)


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
    # Residues put in stand behind one that stays, so that Y100AF can only be Kabat's 100A.
    for place in range(len(now) - 1, 0, -1):
        if len(now[place]) > 1 and now[place][0] != parent[place]:
            now[place - 1] += now[place][:-1]
            now[place] = now[place][-1]
    now[0] = before + now[0]
    pairs = zip(parent, now, strict=True)
    return [(place, new) for place, (old, new) in enumerate(pairs, 1) if old != new]


def _misfit_message(piece: str, reading: Reading, parent: _Chains) -> str:
    """Message for a mutation that does not fit: the parent's residue, and where it would fit."""
    chain, wild_type, position = reading.chain or "H", reading.wild_type, reading.position
    scheme = reading.scheme
    residues = parent[chain == "L"] or ""
    if not residues:
        return f"{piece!r} changes the {_ROLE[chain]} chain, and the parent has none"
    count = "" if scheme == SEQUENTIAL else f" ({scheme} numbering)"
    role = _ROLE[chain]
    place = _places(residues, scheme).get(position)
    if place is None:
        problem = f"{piece}: the {role} chain has no residue {position}{count}"
        problem += f", it has {len(residues)} residues" if scheme == SEQUENTIAL else ""
    else:
        problem = (
            f"{piece}: residue {position} of the {role} chain{count} is {residues[place - 1]}, "
            f"not {wild_type}"
        )
    fitting = [
        numbering
        for numbering in NUMBERINGS
        if (at := _places(residues, numbering).get(position)) and residues[at - 1] == wild_type
    ]
    if fitting:
        return f"{problem}; it would fit {' or '.join(fitting)} numbering"
    other_chain = parent[chain == "H"] or ""
    at = _places(other_chain, scheme).get(position) if other_chain else None
    if at and other_chain[at - 1] == wild_type:
        return f"{problem}; the {_ROLE['L' if chain == 'H' else 'H']} chain has {wild_type} there"
    return f"{problem}; correct the mutation or the parent"


def _require_residue(mutation: Mutation, residues: str | None) -> None:
    if not residues or not 1 <= mutation.place <= len(residues):
        raise MutationError(
            f"{mutation}: the {_ROLE[mutation.chain]} chain has {len(residues or '')} residues"
        )
    if residues[mutation.place - 1] != mutation.wild_type:
        raise MutationError(
            f"{mutation}: residue {mutation.place} of the {_ROLE[mutation.chain]} chain is "
            f"{residues[mutation.place - 1]}, not {mutation.wild_type}"
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
