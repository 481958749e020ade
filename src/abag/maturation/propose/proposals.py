"""The next plate: which variants to measure, what the model expects of each, and why.

Candidates come from :mod:`abag.maturation.propose.candidates`; those that would bring a severe
sequence liability are left out; of the best 1,000 the joint posterior is asked for, and a batch is
chosen by :mod:`abag.maturation.propose.acquisition`. Nothing that was measured is proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.antibody import Antibody, Chains
from abag.antibody.mutations import SEQUENTIAL
from abag.errors import ModelError, OptionError, counted, require_seed
from abag.maturation.antibody.liabilities import Liability, Severity, new_liabilities, worst
from abag.maturation.propose.acquisition import Batch, Belief, Policy
from abag.maturation.propose.candidates import CandidateSet, find_candidates
from abag.maturation.propose.design_space import DesignSpace, Genotype, size_of
from abag.maturation.propose.reasons import Known, reason_for
from abag.model.assay_gp.model import AssayGP, Predictions

Reals = NDArray[np.float64]

SHORTLIST: Final = 1_000
MOST_PROPOSALS: Final = 960
"""Ten plates; the joint posterior of a shortlist bears no more."""
LIABILITY_RULES: Final[dict[str, tuple[Severity, ...]]] = {
    "avoid": (Severity.HIGH,),
    "strict": (Severity.HIGH, Severity.MEDIUM),
    "flag": (),
}
"""Which new liabilities keep a candidate off the plate; the others are named beside it."""
_MOST_BY_DEFAULT: Final = 8
_REACH: Final = 1.0
"""Deviations added to the mean when candidates are ranked for the shortlist."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to propose.

    ``most`` is the mutation budget; None takes the most that any measured variant has, between 2
    and 8.
    """

    count: int = 96
    most: int | None = None
    cdrs: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    letters: str = ""
    numbering: str = SEQUENTIAL
    untried: bool = False
    """Free positions, too, that no measured variant changes (where none are asked for)."""
    most_untried: int | None = 1
    """Most substitutions of a variant that no measured variant has; None for no limit."""
    liabilities: str = "avoid"
    least_natural: float | None = None
    """Candidates less natural than this are left out (None: none is)."""
    policy: Policy = field(default_factory=Policy)
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise OptionError for numbers out of range and unknown rules."""
        require_seed(self.seed)
        if not 1 <= self.count <= MOST_PROPOSALS:
            raise OptionError(f"--n is {self.count}; give 1 to {MOST_PROPOSALS}")
        if self.liabilities not in LIABILITY_RULES:
            raise OptionError(
                f"--liabilities {self.liabilities!r} is not known; give "
                f"{', '.join(LIABILITY_RULES)}"
            )


@dataclass(frozen=True, slots=True)
class Proposal:
    """One variant to be measured; predictions are in the target's unit."""

    mutations: str
    mutation_count: int
    heavy: str
    light: str | None
    predicted: float
    lower_90: float
    upper_90: float
    chance_to_improve: float
    """Posterior probability of a true value above the best of the measured variants."""
    acquisition: float
    origin: str
    reason: str
    liabilities: tuple[str, ...]
    naturalness: float | None


@dataclass(frozen=True, slots=True)
class Proposals:
    """The chosen variants in the order of choice, and what they were chosen from."""

    parent: Chains
    parent_predicted: float
    target: str
    chosen: tuple[Proposal, ...]
    candidates: int
    left_out: int
    """Candidates left out for their liabilities or naturalness."""
    notes: tuple[str, ...]
    request: Request
    model_id: str

    @property
    def unit(self) -> str:
        """What the predicted numbers are."""
        return "pKd" if self.target == "pkd" else "rank score"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "parent": {"heavy": self.parent[0], "light": self.parent[1]},
            "parent_predicted": self.parent_predicted,
            "target": self.target,
            "unit": self.unit,
            "model_id": self.model_id,
            "request": asdict(self.request),
            "candidates": self.candidates,
            "left_out": self.left_out,
            "notes": list(self.notes),
            "proposals": [asdict(one) for one in self.chosen],
        }


def propose(
    model: AssayGP,
    parent: Chains | None = None,
    request: Request | None = None,
    measured: Sequence[Chains] = (),
) -> Proposals:
    """Choose the next variants to measure.

    Args:
        model: A fitted model of the assay.
        parent: Heavy and light chain that mutations are counted from; the commonest residues of
            the training rows where it is None.
        request: What to propose.
        measured: Variants that were measured besides the model's training rows.

    Raises:
        ModelError: the model cannot read variants of this parent.
        OptionError: a range that the parent does not have, or nothing left to propose.
        SequenceError: the parent has no antibody variable domain.
    """
    request = request or Request()
    heavy, light = parent or model.reference_chains()
    known = list(dict.fromkeys([*model.training_chains(), *measured]))
    numbered = Antibody.of(heavy, light)
    notes: list[str] = []
    genotypes = _genotypes(numbered, known, notes)
    space = DesignSpace.of(
        numbered, _budget(request.most, genotypes, notes), cdrs=request.cdrs,
        positions=request.positions, freeze=request.freeze, letters=request.letters,
        numbering=request.numbering, measured=genotypes, untried=request.untried,
        most_untried=request.most_untried,
    )  # fmt: skip
    notes += _of_space(space, request)
    scorer = _Scorer(model, space)
    scorer.require_readable()
    found = find_candidates(space, genotypes, scorer.optimism, request.seed)
    short, left_out = _shortlisted(found, space, request, known)
    if len(short) < request.count:
        notes.append(f"only {counted(len(short), 'variant')} may be proposed under these rules")
    belief = _belief(model, scorer, short, known)
    batch = request.policy.choose(belief, request.count, request.seed)
    shown = model.distribution(scorer.table(short))
    natural = naturalness_of(space, [short[row] for row in batch.rows.tolist()])
    if natural is None:
        notes.append("naturalness is left out: it needs torch (pip install 'abag[network]')")
    parent_value = float(model.predict(scorer.table([frozenset()]))[0])
    told = _Told(batch, belief, shown, short, natural, Known.of(genotypes), parent_value)
    chosen = _described(told, space, found)
    return Proposals(
        (heavy, light), parent_value, model.target, tuple(chosen), len(found.origins), left_out,
        tuple(notes), request, model.model_id,
    )  # fmt: skip


def _of_space(space: DesignSpace, request: Request) -> list[str]:
    """Notes on what may change."""
    notes = []
    if not (request.untried or request.cdrs or request.positions):
        notes.append(
            f"only {counted(len(space.places), 'position')} change that measured variants change; "
            "--untried frees the others, --cdrs and --positions choose"
        )
    if space.indels:
        indels = "measured insertion or deletion", "measured insertions or deletions"
        notes.append(
            f"{counted(len(space.indels), *indels)} may be combined with other changes; "
            "none is made up"
        )
    return notes


class _Scorer:
    """What the model says of genotypes."""

    def __init__(self, model: AssayGP, space: DesignSpace) -> None:
        self._model, self._space = model, space

    def table(self, variants: Sequence[Genotype]) -> pl.DataFrame:
        """Chains of variants, as the model reads them."""
        return _table([self._space.chains(one) for one in variants])

    def require_readable(self) -> None:
        """Raise ModelError where the model cannot read the parent's length."""
        reason = self._model.refusals(self.table([frozenset()]))[0]
        if reason:
            raise ModelError(
                f"the model cannot predict variants of this parent: {reason}. Give the parent "
                "whose variants were measured, cut as they were"
            )

    def optimism(self, variants: Sequence[Genotype]) -> Reals:
        """Posterior mean plus one deviation, on the scale of normal scores.

        Minus infinity for a variant whose length the model cannot read.
        """
        table = self.table(variants)
        found = np.full(table.height, -np.inf)
        good = np.ones(table.height, dtype=np.bool_)
        if self._space.indels:
            good = np.array([reason is None for reason in self._model.refusals(table)])
        if good.any():
            shown = self._model.distribution(table.filter(pl.Series(good)))
            found[good] = shown.mean_score + _REACH * shown.deviation
        return found


def _table(chains: Sequence[Chains]) -> pl.DataFrame:
    return pl.DataFrame(
        {"heavy": [one[0] for one in chains], "light": [one[1] for one in chains]},
        schema={"heavy": pl.String(), "light": pl.String()},
    )


def _genotypes(parent: Antibody, known: Sequence[Chains], notes: list[str]) -> list[Genotype]:
    """Measured variants as changes of the parent; those of other chains are counted."""
    space = DesignSpace(parent, (), "", 0)
    found = [space.genotype(heavy, light) for heavy, light in known]
    kept = [one for one in found if one is not None]
    other = len(found) - len(kept)
    if other:
        notes.append(
            f"{counted(other, 'measured variant')} without the parent's light chain or with one "
            "that it lacks: they are not recombined"
        )
    nearest = min((size_of(one) for one in kept), default=None)
    if nearest is not None and nearest > 2 * _MOST_BY_DEFAULT:
        notes.append(
            f"the nearest measured variant differs from the parent at {nearest} positions: is it "
            "the parent of these variants?"
        )
    return kept


def _budget(most: int | None, measured: Sequence[Genotype], notes: list[str]) -> int:
    if most is not None:
        return most
    largest = max((size_of(one) for one in measured), default=0)
    budget = min(max(2, largest), _MOST_BY_DEFAULT)
    notes.append(f"at most {counted(budget, 'mutation')} a variant; --max-mutations changes it")
    return budget


def _shortlisted(
    found: CandidateSet, space: DesignSpace, request: Request, known: Sequence[Chains]
) -> tuple[list[Genotype], int]:
    """The best candidates that keep the rules, and how many before them did not."""
    ranked = _distinct(found, space, known)
    least = request.least_natural
    natural = None if least is None else naturalness_of(space, ranked, needed=True)
    refused = LIABILITY_RULES[request.liabilities]
    short: list[Genotype] = []
    left_out = 0
    for place, one in enumerate(ranked):
        if len(short) == max(SHORTLIST, request.count):
            break
        rough = natural is not None and least is not None and natural[place] < least
        if rough or (refused and worst(added_liabilities(space, one)) in refused):
            left_out += 1
        else:
            short.append(one)
    if not short:
        raise OptionError(
            f"all {counted(len(ranked), 'candidate')} were left out for liabilities or "
            "naturalness; use --liabilities flag, or free other positions"
        )
    return short, left_out


def _distinct(found: CandidateSet, space: DesignSpace, known: Sequence[Chains]) -> list[Genotype]:
    """Candidates by rank that the model can read, each once: indels may meet in one sequence."""
    ranked = [one for one in found.ranked() if found.scores[one] > -np.inf]
    if not space.indels:
        return ranked
    seen = {(heavy, light or None) for heavy, light in known}
    kept = []
    for one in ranked:
        chains = space.chains(one)
        if chains not in seen:
            seen.add(chains)
            kept.append(one)
    return kept


def added_liabilities(space: DesignSpace, variant: Genotype) -> tuple[Liability, ...]:
    """Liabilities that a variant adds to its parent's."""
    return new_liabilities(space.parent, space.parent.variant(*space.chains(variant)))


def naturalness_of(
    space: DesignSpace, variants: Sequence[Genotype], needed: bool = False
) -> Reals | None:
    """Naturalness under the built-in encoder, (variants,); None where torch is not there.

    Raises UnavailableError where it is ``needed`` and torch is not there.
    """
    from importlib.util import find_spec

    if find_spec("torch") is None and not needed:
        return None
    from abag.maturation.antibody.naturalness import Naturalness

    heavy, light = space.chains(frozenset())
    chains = [space.chains(one) for one in variants]
    return np.asarray(Naturalness().of_variants(heavy, light, chains))


def _belief(
    model: AssayGP, scorer: _Scorer, short: Sequence[Genotype], known: Sequence[Chains]
) -> Belief:
    joint = model.joint(scorer.table(short))
    readable = _table(known)
    readable = readable.filter(pl.Series([r is None for r in model.refusals(readable)]))
    best = float(model.distribution(readable).mean_score.max())
    return Belief(joint.mean, joint.covariance, joint.noise, best)


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of the chosen candidates: rows of the shortlist, and what is known of it."""

    batch: Batch
    belief: Belief
    shown: Predictions
    short: Sequence[Genotype]
    natural: Reals | None
    """Of the chosen, in the order of choice."""
    known: Known
    parent_value: float


def _described(told: _Told, space: DesignSpace, found: CandidateSet) -> list[Proposal]:
    from scipy.special import ndtr

    belief, shown, count = told.belief, told.shown, len(told.batch.rows)
    chance = ndtr((belief.mean - belief.best) / np.maximum(belief.deviation, 1e-9))
    highest = set(np.argsort(-belief.mean, kind="stable")[:count].tolist())
    described = []
    for order, row in enumerate(told.batch.rows.tolist()):
        one = told.short[row]
        heavy, light = space.chains(one)
        origin, predicted = found.origins[one], float(shown.median[row])
        reason = reason_for(
            origin, space.mutations(one), told.known, predicted - told.parent_value,
            float(chance[row]), row in highest,
        )  # fmt: skip
        described.append(
            Proposal(
                space.name(one), size_of(one), heavy, light, predicted, float(shown.lower[row]),
                float(shown.upper[row]), float(chance[row]), float(told.batch.values[order]),
                origin, reason,
                tuple(str(liability) for liability in added_liabilities(space, one)),
                None if told.natural is None else float(told.natural[order]),
            )
        )  # fmt: skip
    return described
