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
        changes = [part for one in measured for change in one for part in parts(change)]
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
    """What of the variant was measured before."""
    keys = [(one.chain, one.place, one.mutant) for one in mutations]
    seen = [
        f"{one} in {counted(known.substitutions[key], 'variant')}"
        for one, key in zip(mutations, keys, strict=True)
        if known.substitutions[key]
    ]
    fresh = [
        f"{one.chain}:{one.wild_type}{one.place}"
        for one, key in zip(mutations, keys, strict=True)
        if not known.places[key[:2]]
    ]
    parts = [f"Measured before: {', '.join(seen)}." if seen else "No change measured before."]
    if fresh:
        parts.append(f"Never changed before: {', '.join(fresh)}.")
    return " ".join(parts)
