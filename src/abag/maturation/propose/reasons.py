"""Why a variant is on the plate, in one or two sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from abag.antibody.mutations import Mutation
from abag.errors import counted
from abag.maturation.propose.candidates import COMBINATION, ENUMERATION, RECOMBINATION, SCAN, SEARCH
from abag.maturation.propose.design_space import Genotype, Place, Substitution, parts

KEPT: Final = "kept"
"""Origin of a variant that stood on the plate before it was refilled."""
_ORIGIN: Final[Mapping[str, str]] = {
    KEPT: "Kept when the plate was refilled",
    SCAN: "Single change",
    COMBINATION: "Combines single changes that the model ranks high",
    RECOMBINATION: "Crosses variants that were measured",
    SEARCH: "Found by guided search",
    ENUMERATION: "One of all variants of a small space",
}


@dataclass(frozen=True, slots=True)
class Known:
    """How often each substitution was measured, and each place was changed."""

    substitutions: Counter[Substitution]
    places: Counter[Place]

    @classmethod
    def of(cls, measured: Iterable[Genotype]) -> Self:
        """Count over measured variants."""
        changes = [part for variant in measured for change in variant for part in parts(change)]
        return cls(Counter(changes), Counter(change[:2] for change in changes))


def reason_for(
    origin: str,
    mutations: Sequence[Mutation],
    known: Known,
    gain: float,
    chance: float,
    among_highest: bool,
) -> str:
    """The reason for a choice.

    Args:
        origin: How the candidate came about.
        mutations: Its changes.
        known: What was measured.
        gain: Predicted value less that of the parent.
        chance: Probability of being better than the best measured variant.
        among_highest: Whether its mean is among the highest, as many as the plate holds.
    """
    against = f"{gain:+.2f} against the parent"
    if among_highest:
        why = f"among the highest predictions ({against})"
    else:
        why = f"uncertain enough to be worth a well ({against})"
    beats = f"{chance:.0%} chance to beat the best measured"
    return f"{_ORIGIN[origin]}; {why}, {beats}. {_evidence(mutations, known)}"


def _evidence(mutations: Sequence[Mutation], known: Known) -> str:
    """Which changes of the variant were measured before, and which places never changed."""
    measured, untried = [], []
    for mutation in mutations:
        place = (mutation.chain, mutation.place)
        if count := known.substitutions[*place, mutation.mutant]:
            measured.append(f"{mutation} in {counted(count, 'variant')}")
        if not known.places[place]:
            untried.append(f"{mutation.chain}:{mutation.wild_type}{mutation.place}")
    text = f"Measured before: {', '.join(measured)}." if measured else "No change measured before."
    return f"{text} Never changed before: {', '.join(untried)}." if untried else text
