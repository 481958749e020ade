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
    """Candidates with their origin and score; measured variants stay out."""

    measured: frozenset[Genotype]
    origins: dict[Genotype, str] = field(default_factory=dict)
    scores: dict[Genotype, float] = field(default_factory=dict)

    def add(self, variants: Iterable[Genotype], origin: str, score: Score) -> int:
        """Score and keep the new variants; returns how many they are."""
        known = {frozenset(), *self.measured, *self.origins}
        new = [variant for variant in dict.fromkeys(variants) if variant not in known]
        for variant, value in zip(new, score(new) if new else [], strict=True):
            self.origins[variant] = origin
            self.scores[variant] = float(value)
        return len(new)

    def ranked(self) -> list[Genotype]:
        """Candidates by falling score; equal ones by their names."""
        return sorted(self.scores, key=lambda variant: (-self.scores[variant], sorted(variant)))


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
    candidates = CandidateSet(frozenset(measured) | {frozenset()})
    singles = filter(None, (space.limited([change]) for change in space.substitutions))
    candidates.add(singles, SCAN, score)
    if space.most > 1 and space.count() <= sizes.everything:
        candidates.add(space.every_variant(), ENUMERATION, score)
    elif space.most > 1:
        reachable = list(filter(None, map(space.within, measured)))
        good = _good_singles(candidates, space, score, sizes.good_singles)
        candidates.add(combinations(good, space, sizes.combinations, rng), COMBINATION, score)
        parents = _top_variants(list(dict.fromkeys(reachable)), score, sizes.good_parents)
        candidates.add(
            recombinations(parents, space, sizes.recombinations, rng), RECOMBINATION, score
        )
        _guided_search(candidates, space, parents, score, sizes, rng)
    if not candidates.origins:
        raise OptionError(
            "every variant of this design space was measured; free more positions or allow more "
            "mutations"
        )
    return candidates


def combinations(
    singles: Sequence[Substitution], space: DesignSpace, count: int, rng: np.random.Generator
) -> list[Genotype]:
    """Sets of 2 or more of the singles, which come best first; the better, the more often."""
    if len(singles) < 2:
        return []
    weights = 1.0 / np.arange(1.0, len(singles) + 1.0)
    weights /= weights.sum()
    variants = []
    for _ in range(count):
        size = min(int(rng.integers(2, space.most + 1)), len(singles))
        # Some are drawn too many, since untried ones and further ones of a place fall away.
        draws = rng.choice(len(singles), size=min(4 * size, len(singles)), replace=False, p=weights)
        variants.append(space.limited((singles[index] for index in draws), size))
    return [variant for variant in dict.fromkeys(variants) if len(variant) > 1]


def recombinations(
    parents: Sequence[Genotype], space: DesignSpace, count: int, rng: np.random.Generator
) -> list[Genotype]:
    """Crosses of two parents: of each changed place the change of one of them, or none."""
    if len(parents) < 2:
        return []
    children = []
    for _ in range(count):
        mother, father = rng.choice(len(parents), size=2, replace=False)
        children.append(crossed(parents[mother], parents[father], space, rng))
    return [child for child in dict.fromkeys(children) if child]


def crossed(
    mother: Genotype, father: Genotype, space: DesignSpace, rng: np.random.Generator
) -> Genotype:
    """A child of two variants, within the space's budgets."""
    inherited = [change for change in sorted(mother | father) if rng.random() < _SHARE_INHERITED]
    return space.limited(inherited[index] for index in rng.permutation(len(inherited)))


_SHARE_INHERITED: Final = 0.75


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


def _guided_search(
    candidates: CandidateSet,
    space: DesignSpace,
    parents: Sequence[Genotype],
    score: Score,
    sizes: SearchSizes,
    rng: np.random.Generator,
) -> None:
    """Generations of children of the best candidates and of the best measured variants."""
    singles = space.substitutions
    for _ in track(range(sizes.generations), "guided search of variants"):
        best = candidates.ranked()[: sizes.survivors] + list(parents)
        children = []
        for _ in range(sizes.children):
            mother, father = (best[int(index)] for index in rng.integers(len(best), size=2))
            child = crossed(mother, father, space, rng) if rng.random() < 0.5 else mother
            children.append(mutated(child, singles, space, rng))
        if not candidates.add(children, SEARCH, score):
            return


def _top_variants(variants: Sequence[Genotype], score: Score, count: int) -> list[Genotype]:
    """The variants with the highest scores, best first."""
    if not variants:
        return []
    order = np.argsort(-score(variants), kind="stable")[:count]
    return [variants[index] for index in order]


def _good_singles(
    candidates: CandidateSet, space: DesignSpace, score: Score, count: int
) -> list[Substitution]:
    """The best tried and the best untried singles in turn, so that both may be combined."""
    singles = [frozenset((change,)) for change in space.substitutions if change in space.tried]
    tried = [change for (change,) in _top_variants(singles, score, count)]
    ranked = (next(iter(variant)) for variant in candidates.ranked())
    untried = islice((change for change in ranked if change not in space.tried), count)
    in_turn = (change for pair in zip_longest(tried, untried) for change in pair)
    return [change for change in in_turn if change is not None]
