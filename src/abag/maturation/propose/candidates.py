"""Candidates for the next plate: variants of a parent within a stated space and mutation budget.

Four ways lead to them: the scan of all single substitutions; combinations of the singles that the
model likes best; recombination of variants that were measured; and a guided search that changes,
crosses and selects variants under the model for some generations. A space of few variants is listed
in full instead. A variant is a set of substitutions; none that was measured comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from abag.errors import OptionError
from abag.maturation.propose.design_space import DesignSpace, Genotype, Substitution
from abag.progress import track

Reals = NDArray[np.float64]
Score: TypeAlias = Callable[[Sequence[Genotype]], Reals]
"""What the search climbs: one number a variant, higher is better."""

SCAN: Final = "scan"
COMBINATION: Final = "combination"
RECOMBINATION: Final = "recombination"
SEARCH: Final = "search"
ENUMERATION: Final = "enumeration"
ORIGINS: Final = (SCAN, COMBINATION, RECOMBINATION, SEARCH, ENUMERATION)


@dataclass(frozen=True, slots=True)
class SearchSizes:
    """How many candidates each way may give."""

    good_singles: int = 60
    combinations: int = 1_500
    good_parents: int = 40
    recombinations: int = 1_000
    generations: int = 6
    children: int = 400
    survivors: int = 60
    everything: int = 3_000
    """A space of no more variants than this is listed in full."""


@dataclass(slots=True)
class CandidateSet:
    """Candidates with the way they came about and their scores; what was measured stays out."""

    measured: frozenset[Genotype]
    origins: dict[Genotype, str] = field(default_factory=dict)
    scores: dict[Genotype, float] = field(default_factory=dict)

    def add(self, found: Iterable[Genotype], origin: str, score: Score) -> int:
        """Score and keep those that are new; returns how many."""
        fresh = [
            one
            for one in dict.fromkeys(found)
            if one and one not in self.origins and one not in self.measured
        ]
        for one, value in zip(fresh, score(fresh) if fresh else [], strict=True):
            self.origins[one] = origin
            self.scores[one] = float(value)
        return len(fresh)

    def ranked(self) -> list[Genotype]:
        """Candidates by falling score; equal ones by their names."""
        return sorted(self.scores, key=lambda one: (-self.scores[one], sorted(one)))


def find_candidates(
    space: DesignSpace,
    measured: Sequence[Genotype],
    score: Score,
    seed: int = 0,
    sizes: SearchSizes = SearchSizes(),
) -> CandidateSet:
    """Candidates by all four ways.

    Args:
        space: Sites, letters and the mutation budget.
        measured: Variants that were measured, the parent as the empty set or not at all.
        score: What the search climbs.
        seed: Seed of draws.
        sizes: How many candidates each way may give.

    Raises:
        OptionError: the space leaves no variant that was not measured.
    """
    rng = np.random.default_rng(seed)
    found = CandidateSet(frozenset(measured) | {frozenset()})
    singles = [one for one in map(space.limited, ([one] for one in space.substitutions)) if one]
    found.add(singles, SCAN, score)
    if space.most > 1 and space.count() <= sizes.everything:
        found.add(space.every_variant(), ENUMERATION, score)
    elif space.most > 1:
        known = [one for one in map(space.within, measured) if one]
        good = _good_singles(found, space, score, sizes.good_singles)
        found.add(combinations(good, space, sizes.combinations, rng), COMBINATION, score)
        parents = _best(list(dict.fromkeys(known)), score, sizes.good_parents)
        found.add(recombinations(parents, space, sizes.recombinations, rng), RECOMBINATION, score)
        _search(found, space, parents, score, sizes, rng)
    if not found.origins:
        raise OptionError(
            "every variant of this design space was measured; free more positions or allow more "
            "mutations"
        )
    return found


def combinations(
    singles: Sequence[Substitution], space: DesignSpace, count: int, rng: np.random.Generator
) -> list[Genotype]:
    """Sets of 2 or more of the singles, which come best first; the better, the more often."""
    if len(singles) < 2:
        return []
    weights = 1.0 / np.arange(1.0, len(singles) + 1.0)
    weights /= weights.sum()
    found = []
    for _ in range(count):
        size = min(int(rng.integers(2, space.most + 1)), len(singles))
        # Some are drawn too many, since untried ones and further ones of a place fall away.
        drawn = rng.choice(len(singles), size=min(4 * size, len(singles)), replace=False, p=weights)
        found.append(space.limited((singles[place] for place in drawn), size))
    return [one for one in dict.fromkeys(found) if len(one) > 1]


def recombinations(
    parents: Sequence[Genotype], space: DesignSpace, count: int, rng: np.random.Generator
) -> list[Genotype]:
    """Crosses of two parents: of each changed place the change of one of them, or none."""
    if len(parents) < 2:
        return []
    found = []
    for _ in range(count):
        one, other = rng.choice(len(parents), size=2, replace=False)
        found.append(crossed(parents[one], parents[other], space, rng))
    return [one for one in dict.fromkeys(found) if one]


def crossed(
    one: Genotype, other: Genotype, space: DesignSpace, rng: np.random.Generator
) -> Genotype:
    """A child of two variants, within the space's budgets."""
    both = sorted(one | other)
    kept = [change for change in both if rng.random() < _SHARE_KEPT]
    return space.limited(kept[place] for place in rng.permutation(len(kept)))


_SHARE_KEPT: Final = 0.75


def mutated(
    parent: Genotype,
    singles: Sequence[Substitution],
    space: DesignSpace,
    rng: np.random.Generator,
) -> Genotype:
    """A neighbour: one substitution more, one less, or one exchanged, within the budgets."""
    changes = sorted(parent)
    new = singles[int(rng.integers(len(singles)))]
    kind = rng.random()
    if changes and (kind < 0.25 or len(changes) >= space.most):
        changes.pop(int(rng.integers(len(changes))))
    if kind >= 0.25 or not changes:
        changes.insert(0, new)
    return space.limited(changes)


def _search(
    found: CandidateSet,
    space: DesignSpace,
    parents: Sequence[Genotype],
    score: Score,
    sizes: SearchSizes,
    rng: np.random.Generator,
) -> None:
    """Generations of children of the best candidates and of the best measured variants."""
    singles = space.substitutions
    for _ in track(range(sizes.generations), "guided search of variants"):
        best = found.ranked()[: sizes.survivors] + list(parents)
        children = []
        for _ in range(sizes.children):
            one, other = (best[int(place)] for place in rng.integers(len(best), size=2))
            child = crossed(one, other, space, rng) if rng.random() < 0.5 else one
            children.append(mutated(child, singles, space, rng))
        if not found.add(children, SEARCH, score):
            return


def _best(variants: Sequence[Genotype], score: Score, count: int) -> list[Genotype]:
    """The variants with the highest scores, best first."""
    if not variants:
        return []
    order = np.argsort(-score(variants), kind="stable")[:count]
    return [variants[place] for place in order]


def _good_singles(
    found: CandidateSet, space: DesignSpace, score: Score, count: int
) -> list[Substitution]:
    """The best tried and the best untried singles in turn, so that both may be combined."""
    tried = [frozenset((one,)) for one in space.substitutions if one in space.tried]
    known = [next(iter(one)) for one in _best(tried, score, count)]
    ranked = (next(iter(one)) for one in found.ranked())
    fresh = list(islice((one for one in ranked if one not in space.tried), count))
    both = [one for pair in zip_longest(known, fresh) for one in pair]
    return [one for one in both if one is not None]
