"""Which variants of a parent may be proposed: free positions, letters, and the mutation budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from abag.data.mutations import SEQUENTIAL, Mutation, join_names
from abag.errors import OptionError
from abag.maturation.mutants import choose_sites
from abag.maturation.numbered import NumberedAntibody
from abag.sequences import AMINO_ACIDS

Substitution: TypeAlias = tuple[str, int, str]
"""Chain letter, place in the chain from 1, new residue."""
Genotype: TypeAlias = frozenset[Substitution]
"""A variant as the substitutions that make it of its parent; the parent is the empty set."""
Place: TypeAlias = tuple[str, int]

LEFT_OUT: Final = "C"
"""Residues that are not proposed unless asked for: a free cysteine forms wrong bonds."""
ALL_CDRS: Final = "all"
MEASURED: Final = "measured"
"""In place of letters: only substitutions that some measured variant has."""


@dataclass(frozen=True, slots=True)
class DesignSpace:
    """A parent, the places that may change, the letters they may take, and the budget."""

    parent: NumberedAntibody
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

    @classmethod
    def of(
        cls,
        parent: NumberedAntibody,
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
        """Choose the places that may change: what is asked for, else what was tried.

        Cysteines never change.

        Args:
            parent: The antibody whose variants are proposed.
            most: Largest number of substitutions.
            cdrs: IMGT CDRs such as ``H3`` or ``L1``, or ``all``.
            positions: Ranges such as ``H:100-110``; added to the CDRs.
            freeze: Ranges that stay whatever else is asked for, such as ``H:1-26`` or ``L:50``.
            letters: Residues that may be put in; all but cysteine where it is empty; with
                ``measured`` the substitutions of measured variants alone.
            numbering: How ranges are counted (:data:`abag.data.mutations.NUMBERINGS`).
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
        asked = _all_cdrs(parent) if ALL_CDRS in [text.lower() for text in cdrs] else list(cdrs)
        free = choose_sites(parent, cdrs=asked, positions=positions, numbering=numbering)
        frozen = frozenset(_frozen(parent, freeze, numbering))
        tried = frozenset(change for one in measured for change in one)
        changed = frozenset(change[:2] for change in tried)
        anywhere = bool(asked or positions)
        places = tuple(
            (site.chain, site.place)
            for site in free
            if (anywhere or site.region)
            and (anywhere or untried or not changed or (site.chain, site.place) in changed)
            and site.residue != "C"
            and (site.chain, site.place) not in frozen
        )
        if not places:
            raise OptionError(
                "no position may change: --freeze, --positions and --cdrs together leave none"
            )
        if letters.lower() != MEASURED:
            return cls(parent, places, _letters(letters), most, None, tried, most_untried)
        if not any(change[:2] in places for change in tried):
            raise OptionError(
                "--letters measured leaves nothing: no measured variant changes these positions"
            )
        return cls(parent, places, AMINO_ACIDS, most, tried, tried, most_untried)

    @property
    def substitutions(self) -> list[Substitution]:
        """Every single substitution of the space, chain by chain in order of place."""
        return [
            (chain, place, letter)
            for chain, place in self.places
            for letter in self.letters
            if letter != self.residue(chain, place)
            and (self.allowed is None or (chain, place, letter) in self.allowed)
        ]

    def count(self) -> int:
        """Number of variants, the parent left out, before the limit on untried changes."""
        letters: dict[Place, int] = {}
        for chain, place, _ in self.substitutions:
            letters[chain, place] = letters.get((chain, place), 0) + 1
        by_size = [1] + [0] * self.most  # variants of the places so far, by substitutions
        for choices in letters.values():
            for size in range(self.most, 0, -1):
                by_size[size] += by_size[size - 1] * choices
        return sum(by_size) - 1

    def every_variant(self) -> list[Genotype]:
        """All variants of the space, the parent left out; ask :meth:`count` before."""
        found: list[Genotype] = [frozenset()]
        for place in self.places:
            here = [one for one in self.substitutions if one[:2] == place]
            found += [one | {new} for one in found if len(one) < self.most for new in here]
        return [one for one in found[1:] if self.limited(sorted(one)) == one]

    def limited(self, changes: Iterable[Substitution], most: int | None = None) -> Genotype:
        """The first change of each place, within the budgets of all and of untried changes.

        ``most`` is a smaller budget than the space's.
        """
        budget = self.most if most is None else min(most, self.most)
        kept: dict[Place, Substitution] = {}
        untried = 0
        for change in changes:
            new = change not in self.tried
            if change[:2] in kept or (new and untried == self.most_untried):
                continue
            if len(kept) == budget:
                break
            kept[change[:2]] = change
            untried += new
        return frozenset(kept.values())

    def residue(self, chain: str, place: int) -> str:
        """The parent's residue at a place from 1."""
        return self.parent.chains[chain].sequence[place - 1]

    def within(self, variant: Genotype) -> Genotype | None:
        """The part of a measured variant that lies in the space, or None where it is too large."""
        free, letters = frozenset(self.places), frozenset(self.letters)
        kept = frozenset(one for one in variant if one[:2] in free and one[2] in letters)
        return kept if len(kept) <= self.most else None

    def chains(self, variant: Genotype) -> tuple[str, str | None]:
        """Heavy and light chain of a variant."""
        residues = {letter: list(one.sequence) for letter, one in self.parent.chains.items()}
        for chain, place, letter in variant:
            residues[chain][place - 1] = letter
        light = residues.get("L")
        return "".join(residues["H"]), None if light is None else "".join(light)

    def genotype(self, heavy: str, light: str | None) -> Genotype | None:
        """A variant as substitutions of the parent, or None where lengths or chains differ."""
        given = {"H": heavy, "L": light or ""}
        changes: list[Substitution] = []
        for chain in ("H", "L"):
            numbered = self.parent.chains.get(chain)
            own = numbered.sequence if numbered else ""
            if len(own) != len(given[chain]):
                return None
            pairs = zip(own, given[chain], strict=True)
            changes += [(chain, i, new) for i, (old, new) in enumerate(pairs, 1) if old != new]
        return frozenset(changes)

    def mutations(self, variant: Genotype) -> tuple[Mutation, ...]:
        """The substitutions of a variant, sorted, with their IMGT positions."""
        chains = self.parent.chains
        return tuple(
            Mutation(
                chain, place, self.residue(chain, place), letter,
                chains[chain].positions[place - 1] or None,
            )
            for chain, place, letter in sorted(variant)
        )  # fmt: skip

    def name(self, variant: Genotype) -> str:
        """The canonical text of a variant, ``H:A33G;L:S30T``."""
        return join_names(self.mutations(variant))


def _all_cdrs(parent: NumberedAntibody) -> list[str]:
    return [f"{chain}{number}" for chain in parent.chains for number in (1, 2, 3)]


def _frozen(parent: NumberedAntibody, freeze: Sequence[str], numbering: str) -> list[Place]:
    if not freeze:
        return []
    try:
        sites = choose_sites(parent, positions=freeze, numbering=numbering)
    except OptionError as error:
        raise OptionError(str(error).replace("--positions", "--freeze")) from None
    return [(site.chain, site.place) for site in sites]


def _letters(given: str) -> str:
    if not given:
        return "".join(letter for letter in AMINO_ACIDS if letter not in LEFT_OUT)
    letters = "".join(dict.fromkeys(given.upper().replace(",", "").replace(" ", "")))
    unknown = sorted(set(letters) - set(AMINO_ACIDS))
    if unknown or not letters:
        raise OptionError(
            f"--letters {given!r} holds {', '.join(unknown) or 'nothing'}; "
            f"give some of {AMINO_ACIDS}"
        )
    return letters
