"""Which variants of a parent may be proposed: free positions, letters, and the mutation budget."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.antibody import Antibody
from abag.antibody.mutations import Mutation, find_mutations, join_names
from abag.antibody.notation import SEQUENTIAL
from abag.errors import OptionError
from abag.maturation.antibody.mutants import Site, choose_sites

Substitution: TypeAlias = tuple[str, int, str]
"""Chain letter, place in the chain from 1, new residue.

A measured insertion or deletion is one change, too: its new text holds that of each place it
changes, parted by ``/`` (``-/-`` for two residues that are gone, ``DGG`` for two behind a D).
"""
Genotype: TypeAlias = frozenset[Substitution]
"""A variant as the changes that make it of its parent; the parent is the empty set."""
Place: TypeAlias = tuple[str, int]

LEFT_OUT: Final = "C"
"""Residues that are proposed only where ``letters`` has them: a free cysteine forms wrong bonds."""
MEASURED: Final = "measured"
"""In place of letters: only substitutions that some measured variant has."""


@dataclass(frozen=True, slots=True)
class DesignSpace:
    """A parent, the places that may change, the letters they may take, and the budget."""

    parent: Antibody
    places: tuple[Place, ...]
    letters: str
    most: int
    """Largest number of substitutions of a proposed variant."""
    allowed: frozenset[Substitution] | None = None
    """The only substitutions to be used; None for every letter at every place."""
    tried: frozenset[Substitution] = frozenset()
    """Substitutions that some measured variant has."""
    most_untried: int | None = None
    """Largest number of other substitutions in a proposed variant; None for no limit."""
    indels: tuple[Substitution, ...] = ()
    """Measured insertions and deletions that may be used again, whole."""

    @classmethod
    def of(
        cls,
        parent: Antibody,
        most: int,
        *,
        cdrs: Sequence[str] = (),
        positions: Sequence[str] = (),
        freeze: Sequence[str] = (),
        letters: str = "",
        numbering: str = SEQUENTIAL,
        measured: Sequence[Genotype] = (),
        untried: bool = False,
        most_untried: int | None = None,
    ) -> DesignSpace:
        """Choose the places that may change: those of the options, else those tried; no cysteine.

        Args:
            parent: The antibody whose variants are proposed.
            most: Largest number of substitutions.
            cdrs: IMGT CDRs such as ``H3`` or ``L1``, or ``all``.
            positions: Ranges such as ``H:100-110``; added to the CDRs.
            freeze: Ranges that stay whatever else is asked for, such as ``H:1-26`` or ``L:50``.
            letters: Residues that may be put in; all but cysteine where it is empty; with
                ``measured`` the substitutions of measured variants alone.
            numbering: How ranges are counted (:data:`abag.antibody.mutations.NUMBERINGS`).
            measured: Variants that were measured.
            untried: Where neither CDRs nor positions are asked for, free the whole variable
                domains, and not only the places that measured variants change.
            most_untried: Largest number of substitutions that no measured variant has; None for
                no limit.

        Raises:
            OptionError: a CDR or range that the parent does not have, unknown letters, a budget
                below 1, or no place left.
        """
        if most < 1:
            raise OptionError(f"--max-mutations is {most}; give 1 or more")
        if most_untried is not None and most_untried < 0:
            raise OptionError(f"--max-untried is {most_untried}; give 0 or more")
        free = choose_sites(parent, cdrs=cdrs, positions=positions, numbering=numbering)
        frozen = set(_frozen_places(parent, freeze, numbering))
        tried = frozenset(change for variant in measured for change in variant)
        if not cdrs and not positions:
            free = _default_sites(parent, free, tried, untried)
        unfrozen = [(s.chain, s.place) for s in free if s.residue != "C"]
        places = tuple(place for place in unfrozen if place not in frozen)
        if not places:
            raise OptionError(
                "no position may change: --freeze, --positions and --cdrs together leave none"
            )
        only_measured = letters.lower() == MEASURED
        if only_measured and not any(change[:2] in places for change in tried):
            raise OptionError(
                "--letters measured leaves nothing: no measured variant changes these positions"
            )
        new, allowed = (AMINO_ACIDS, tried) if only_measured else (_parsed_letters(letters), None)
        indels = _usable_indels(parent, tried, places, new)
        return cls(parent, places, new, most, allowed, tried, most_untried, indels)

    @property
    def substitutions(self) -> list[Substitution]:
        """Every single change of the space, chain by chain in order of place; indels last."""
        return [
            (chain, place, letter)
            for chain, place in self.places
            for letter in self.letters
            if letter != self.residue(chain, place)
            and (self.allowed is None or (chain, place, letter) in self.allowed)
        ] + list(self.indels)

    def count(self) -> int:
        """Number of variants, the parent left out, before the limit on untried changes."""
        sizes: dict[Place, list[int]] = {}
        for change in self.substitutions:
            sizes.setdefault(change[:2], []).append(len(parts(change)))
        by_size = [1] + [0] * self.most  # variants of the places so far, by changed places
        for choices in sizes.values():
            for size in range(self.most, 0, -1):
                by_size[size] += sum(by_size[size - places] for places in choices if places <= size)
        return sum(by_size) - 1

    def every_variant(self) -> list[Genotype]:
        """All variants of the space, the parent left out; ask :meth:`count` before."""
        variants: list[Genotype] = [frozenset()]
        for place in self.places:
            here = [change for change in self.substitutions if change[:2] == place]
            variants += [
                v | {change} for v in variants if size_of(v) < self.most for change in here
            ]
        return [v for v in variants[1:] if self.limited(sorted(v)) == v]

    def limited(self, changes: Iterable[Substitution], most: int | None = None) -> Genotype:
        """The first change of each place, within the budgets of all and of untried changes.

        ``most`` is a smaller budget than the space's.
        """
        budget = self.most if most is None else min(most, self.most)
        chosen: list[Substitution] = []
        taken: set[Place] = set()
        untried = 0
        for change in changes:
            new = change not in self.tried
            here = {part[:2] for part in parts(change)}
            if here & taken or (new and untried == self.most_untried):
                continue
            if len(taken) == budget:
                break
            if len(taken) + len(here) <= budget:
                chosen.append(change)
                taken |= here
                untried += new
        return frozenset(chosen)

    def residue(self, chain: str, place: int) -> str:
        """The parent's residue at a place from 1."""
        return self.parent.chains[chain].sequence[place - 1]

    def within(self, variant: Genotype) -> Genotype | None:
        """The part of a measured variant that lies in the space, or None where it is too large."""
        free, letters = frozenset(self.places), frozenset(self.letters)
        inside = frozenset(
            change
            for change in variant
            if change in self.indels or (change[:2] in free and change[2] in letters)
        )
        return inside if size_of(inside) <= self.most else None

    def chains(self, variant: Genotype) -> tuple[str, str | None]:
        """Heavy and light chain of a variant."""
        residues = {letter: list(chain.sequence) for letter, chain in self.parent.chains.items()}
        for change in variant:
            for chain, place, new in parts(change):
                residues[chain][place - 1] = new.replace("-", "")
        light = residues.get("L")
        return "".join(residues["H"]), None if light is None else "".join(light)

    def genotype(self, heavy: str, light: str | None) -> Genotype | None:
        """A variant as changes of the parent, or None where it has other chains."""
        changes: list[Substitution] = []
        for chain, variant in (("H", heavy), ("L", light or "")):
            numbered = self.parent.chains.get(chain)
            parent = numbered.sequence if numbered else ""
            if bool(parent) != bool(variant):
                return None
            if len(parent) != len(variant):
                changes += _indel_changes(chain, parent, variant)
                continue
            pairs = zip(parent, variant, strict=True)
            changes += [(chain, i, new) for i, (old, new) in enumerate(pairs, 1) if old != new]
        return frozenset(changes)

    def mutations(self, variant: Genotype) -> tuple[Mutation, ...]:
        """The mutations of a variant, sorted, with their IMGT positions."""
        chains = self.parent.chains
        return tuple(
            Mutation(
                chain, place, self.residue(chain, place), letter,
                chains[chain].positions[place - 1] or None,
            )
            for change in sorted(variant)
            for chain, place, letter in parts(change)
        )  # fmt: skip

    def name(self, variant: Genotype) -> str:
        """The canonical text of a variant, ``H:A33G;L:S30T``."""
        return join_names(self.mutations(variant))


def parts(change: Substitution) -> list[Substitution]:
    """A change place by place: itself, or an indel of several places in its parts."""
    chain, place, new = change
    return [(chain, place + i, text) for i, text in enumerate(new.split("/"))]


def size_of(variant: Iterable[Substitution]) -> int:
    """Number of places that a variant changes."""
    return sum(len(parts(change)) for change in variant)


def is_indel(change: Substitution) -> bool:
    """Whether a change alters the length of its chain."""
    return any(len(new) > 1 or new == "-" for _, _, new in parts(change))


def _indel_changes(chain: str, parent: str, variant: str) -> list[Substitution]:
    """Changes of a chain of another length; neighbouring changes around an indel are one."""
    runs: list[list[tuple[int, str]]] = []
    for mutation in find_mutations(parent, None, variant, None):
        if not runs or runs[-1][-1][0] + 1 != mutation.place:
            runs.append([])
        runs[-1].append((mutation.place, mutation.mutant))
    changes: list[Substitution] = []
    for run in runs:
        joined = (chain, run[0][0], "/".join(new for _, new in run))
        changes += [joined] if is_indel(joined) else [(chain, place, new) for place, new in run]
    return changes


def _usable_indels(
    parent: Antibody,
    tried: Iterable[Substitution],
    places: Sequence[Place],
    letters: str,
) -> tuple[Substitution, ...]:
    """Measured indels in free places with allowed letters; ends of a chain are no design."""
    free, allowed = frozenset(places), frozenset(f"{letters}-")
    return tuple(
        sorted(
            change
            for change in tried
            if is_indel(change)
            and not _is_terminal(parent, change)
            and all(part[:2] in free for part in parts(change))
            and all(_inserted_letters(parent, part) <= allowed for part in parts(change))
        )
    )


def _is_terminal(parent: Antibody, change: Substitution) -> bool:
    """Whether a change holds the first or last residue of its chain, where constructs differ."""
    last = len(parent.chains[change[0]].sequence)
    return any(place in (1, last) for _, place, _ in parts(change))


def _inserted_letters(parent: Antibody, part: Substitution) -> frozenset[str]:
    """Letters of a part that are not the parent's own residue at its head."""
    chain, place, new = part
    residue = parent.chains[chain].sequence[place - 1]
    return frozenset(new[1:] if new[0] == residue else new)


def _default_sites(
    parent: Antibody, sites: Sequence[Site], tried: Collection[Substitution], untried: bool
) -> tuple[Site, ...]:
    """Sites of the variable domains: those that measured variants change, if there are any."""
    changed = {
        part[:2]
        for change in tried
        for part in parts(change)
        if not (is_indel(change) and _is_terminal(parent, change))
    }
    every = untried or not changed
    return tuple(
        site for site in sites if site.region and (every or (site.chain, site.place) in changed)
    )


def _frozen_places(parent: Antibody, freeze: Sequence[str], numbering: str) -> list[Place]:
    if not freeze:
        return []
    try:
        sites = choose_sites(parent, positions=freeze, numbering=numbering)
    except OptionError as error:
        raise OptionError(str(error).replace("--positions", "--freeze")) from None
    return [(site.chain, site.place) for site in sites]


def _parsed_letters(text: str) -> str:
    if not text:
        return "".join(letter for letter in AMINO_ACIDS if letter not in LEFT_OUT)
    letters = "".join(dict.fromkeys(text.upper().replace(",", "").replace(" ", "")))
    unknown = sorted(set(letters) - set(AMINO_ACIDS))
    if unknown or not letters:
        raise OptionError(
            f"--letters {text!r} holds {', '.join(unknown) or 'nothing'}; "
            f"give some of {AMINO_ACIDS}"
        )
    return letters
