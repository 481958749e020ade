"""The next plate: the variants to measure, the prediction for each, and the reason.

Candidates come from :mod:`abag.maturation.propose.candidates`; those that would bring a severe
sequence liability are left out; of the best 1,000 the joint posterior is asked for, and a batch is
chosen by :mod:`abag.maturation.propose.acquisition`. Nothing that was measured is proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.antibody import Antibody, Chains
from abag.data.tables import TARGET_UNITS
from abag.errors import OptionError, counted
from abag.maturation.antibody.liabilities import Liability, new_liabilities, worst
from abag.maturation.antibody.naturalness import Naturalness
from abag.maturation.propose.aims import Judge, fronts, on_first_fronts
from abag.maturation.propose.candidates import CandidateSet, find_candidates
from abag.maturation.propose.design_space import DesignSpace, Genotype, size_of
from abag.maturation.propose.expectation import Expectation, expectations
from abag.maturation.propose.filling import Quota, fill, placed
from abag.maturation.propose.reasons import KEPT, Known, reason_for
from abag.maturation.propose.request import LIABILITY_RULES, Request
from abag.maturation.propose.scorer import Scorer
from abag.model.assay_gp.model import AssayGP
from abag.pages import Table, notebook

Reals = NDArray[np.float64]

SHORTLIST: Final = 1_000
"""Most candidates whose joint posterior is computed."""
SINGLES: Final = 100
"""Single mutants that the shortlist holds at least, where the plate keeps wells for them."""
_MOST_BY_DEFAULT: Final = 8


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
    acquisition: float | None
    """Value at the choice; None for a variant that a refilled plate keeps."""
    origin: str
    reason: str
    liabilities: tuple[str, ...]
    naturalness: float | None
    humanness: float
    """Change of ln(share among human antibodies), summed over positions."""
    germline_distance: int
    """Residues that differ from the nearest V gene."""
    chance_over_best: float
    """Probability that a measurement exceeds the largest value measured so far, noise included."""
    chance_over_parent: float
    """The same for the parent's value."""
    others: str = ""
    """Predicted change against the parent under the models of other antigens."""
    at_limit: bool = False
    """Whether the interval reaches a limit of the model, of physics or of the measured values."""
    front: int = 1
    """1 where no variant of the plate is better on one aim and as good on all, 2 behind those."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Measured, pending and failed variants besides the model's training rows; the open plate."""

    measured: Sequence[Chains] = ()
    """Variants that were measured."""
    pending: Sequence[Chains] = ()
    """Variants that are in the laboratory: not proposed again, and believed at their means."""
    failed: Sequence[Chains] = ()
    """Variants that gave no measurement (no expression, say): not proposed again."""
    plate: Sequence[Chains | None] = ()
    """The plate that is being refilled, with None where a variant is to be chosen."""
    scale: float = 1.0
    """Factor on the widths of intervals, learnt from the errors of earlier plates."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """The chosen variants in the order of choice, with their candidates, request and notes."""

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
    expected: Expectation
    """What the plate is expected to give, beside plates chosen otherwise."""
    interval_scale: float = 1.0
    """Factor on the widths of intervals, learnt from the errors of earlier plates."""

    @property
    def unit(self) -> str:
        """What the predicted numbers are."""
        return TARGET_UNITS[self.target]

    def _repr_html_(self) -> str:
        header = ("mutations", self.unit, "90 % interval", "liabilities", "reason")
        rows = tuple(
            (p.mutations, f"{p.predicted:.2f}", f"{p.lower_90:.2f} to {p.upper_90:.2f}",
             "; ".join(p.liabilities), p.reason)
            for p in self.chosen
        )  # fmt: skip
        title = f"Plate of {len(self.chosen)} variants of {self.candidates:,} candidates"
        return notebook(title, self.notes, Table("In the order of choice", header, rows))

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
            "interval_scale": self.interval_scale,
            "notes": list(self.notes),
            "expected": self.expected.as_json(),
            "proposals": list(map(asdict, self.chosen)),
        }


def propose(
    model: AssayGP,
    parent: Chains | None = None,
    request: Request | None = None,
    standing: Standing | None = None,
) -> Proposals:
    """Choose the next variants to measure.

    Args:
        model: A fitted model of the assay.
        parent: Heavy and light chain that mutations are counted from; the commonest residues of
            the training rows where it is None.
        request: What to propose.
        standing: What was measured, is pending or failed besides the model's training rows.

    Raises:
        ModelError: the model cannot read variants of this parent.
        OptionError: a range that the parent does not have, or nothing left to propose.
        SequenceError: the parent has no antibody variable domain.
    """
    request, standing = request or Request(), standing or Standing()
    heavy, light = parent or model.reference_chains()
    known = list(dict.fromkeys([*model.training_chains(), *standing.measured]))
    numbered = Antibody.of(heavy, light)
    notes: list[str] = []
    genotypes = _genotypes(numbered, known, notes)
    space = DesignSpace.of(
        numbered, _mutation_budget(request.most, genotypes, notes), cdrs=request.cdrs,
        positions=request.positions, freeze=request.freeze, letters=request.letters,
        numbering=request.numbering, measured=genotypes, untried=request.untried,
        most_untried=request.most_untried,
    )  # fmt: skip
    notes += _space_notes(space, request)
    scorer = Scorer(model, space)
    scorer.require_readable()
    on_plate = _genotypes(numbered, [chains for chains in standing.plate if chains], [])
    pending = [*_genotypes(numbered, list(standing.pending), []), *on_plate]
    excluded = [*genotypes, *pending, *_genotypes(numbered, list(standing.failed), [])]
    candidates = find_candidates(space, excluded, scorer.optimism, request.seed)
    judge = request.aims.judge(space)
    short, left_out = _shortlist(candidates, space, request, [*known, *standing.pending], judge)
    belief = scorer.belief(short, known, pending)
    short, belief = on_first_fronts(short, belief, judge, request.count, notes)
    batch = fill(belief, short, request, Quota.of(short, request, on_plate), len(on_plate), notes)
    picks = placed(batch, short, standing.plate, on_plate)
    parent_value = float(model.predict(scorer.table([frozenset()]))[0])
    variants, order = [variant for variant, _ in picks], np.argsort(-belief.mean, kind="stable")
    choice = _Choice(
        picks, belief.best, frozenset(short[row] for row in order[: request.count]),
        naturalness_of(space, variants), Known.of(genotypes), parent_value,
        expectations(model, space, variants, known, request.seed, standing.scale),
        judge.change_texts(variants), standing.scale,
    )  # fmt: skip
    if choice.natural is None:
        notes.append("naturalness is left out: it needs torch (pip install 'abag[network]')")
    chosen = _proposals(choice, scorer, space, candidates, judge)
    return Proposals(
        (heavy, light), parent_value, model.target, tuple(chosen), len(candidates.origins),
        left_out, tuple(notes), request, model.model_id, choice.expected, standing.scale,
    )  # fmt: skip


def _space_notes(space: DesignSpace, request: Request) -> list[str]:
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


def _genotypes(parent: Antibody, known: Sequence[Chains], notes: list[str]) -> list[Genotype]:
    """Measured variants as changes of the parent; those of other chains are counted."""
    space = DesignSpace(parent, (), "", 0)
    genotypes = [space.genotype(heavy, light) for heavy, light in known]
    variants = [variant for variant in genotypes if variant is not None]
    other_chains = len(genotypes) - len(variants)
    if other_chains:
        notes.append(
            f"{counted(other_chains, 'measured variant')} without the parent's light chain or with "
            "one that it lacks: they are not recombined"
        )
    nearest = min(map(size_of, variants), default=None)
    if nearest is not None and nearest > 2 * _MOST_BY_DEFAULT:
        notes.append(
            f"the nearest measured variant differs from the parent at {nearest} positions: is it "
            "the parent of these variants?"
        )
    return variants


def _mutation_budget(most: int | None, measured: Sequence[Genotype], notes: list[str]) -> int:
    if most is not None:
        return most
    largest = max(map(size_of, measured), default=0)
    budget = min(max(2, largest), _MOST_BY_DEFAULT)
    notes.append(f"at most {counted(budget, 'mutation')} a variant; --max-mutations changes it")
    return budget


def _shortlist(
    candidates: CandidateSet,
    space: DesignSpace,
    request: Request,
    known: Sequence[Chains],
    judge: Judge,
) -> tuple[list[Genotype], int]:
    """The best candidates that keep the rules, and how many before them did not."""
    ranked = _distinct_candidates(candidates, space, known)
    singles = [v for v in ranked if size_of(v) == 1][: SINGLES if request.singles else 0]
    ranked = list(dict.fromkeys([*singles, *ranked]))
    least = request.least_natural
    natural = None if least is None else naturalness_of(space, ranked, needed=True)
    refused = LIABILITY_RULES[request.liabilities]
    allowed = judge.keeps(ranked)
    short: list[Genotype] = []
    left_out = 0
    for rank, variant in enumerate(ranked):
        if len(short) == max(SHORTLIST, request.count):
            break
        unnatural = natural is not None and least is not None and natural[rank] < least
        if (
            unnatural
            or not allowed[rank]
            or (refused and worst(added_liabilities(space, variant)) in refused)
        ):
            left_out += 1
        else:
            short.append(variant)
    if not short:
        raise OptionError(
            f"all {counted(len(ranked), 'candidate')} were left out for liabilities, "
            "naturalness or other aims; use --liabilities flag, free other positions, or ask less"
        )
    return short, left_out


def _distinct_candidates(
    candidates: CandidateSet, space: DesignSpace, known: Sequence[Chains]
) -> list[Genotype]:
    """Candidates by rank that the model can read, each sequence once (indels may give it twice)."""
    ranked = [v for v in candidates.ranked() if candidates.scores[v] > -np.inf]
    if not space.indels:
        return ranked
    excluded = {(heavy, light or None) for heavy, light in known}
    by_chains: dict[Chains, Genotype] = {}
    for variant in ranked:
        by_chains.setdefault(space.chains(variant), variant)
    return [variant for chains, variant in by_chains.items() if chains not in excluded]


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
    heavy, light = space.chains(frozenset())
    return np.asarray(Naturalness().of_variants(heavy, light, list(map(space.chains, variants))))


@dataclass(frozen=True, slots=True)
class _Choice:
    """The chosen candidates in the order of the plate, and the figures that describe them."""

    picks: Sequence[tuple[Genotype, float | None]]
    best: float
    """Largest posterior mean among the measured variants, on the scale of scores."""
    highest: frozenset[Genotype]
    """Candidates with the highest means, as many as the plate holds."""
    natural: Reals | None
    known: Known
    parent_value: float
    expected: Expectation
    others: Sequence[str]
    scale: float


def _proposals(
    choice: _Choice, scorer: Scorer, space: DesignSpace, candidates: CandidateSet, judge: Judge
) -> list[Proposal]:
    from scipy.special import ndtr

    chosen = [variant for variant, _ in choice.picks]
    shown = scorer.shown(chosen, choice.scale)
    ranks = fronts(judge.merits(chosen, shown.mean_score))
    chance = ndtr((shown.mean_score - choice.best) / np.maximum(shown.deviation, 1e-9))
    chains = list(map(space.chains, chosen))
    humanness = judge.human.of_variants(chains)
    distance = judge.human.germline_distance(chains)
    proposals = []
    for order, (variant, acquisition) in enumerate(choice.picks):
        heavy, light = chains[order]
        origin, predicted = candidates.origins.get(variant, KEPT), float(shown.median[order])
        reason = reason_for(
            origin, space.mutations(variant), choice.known, predicted - choice.parent_value,
            float(chance[order]), variant in choice.highest,
        )  # fmt: skip
        proposals.append(
            Proposal(
                space.name(variant), size_of(variant), heavy, light, predicted,
                float(shown.lower[order]), float(shown.upper[order]), float(chance[order]),
                acquisition, origin, reason,
                tuple(str(liability) for liability in added_liabilities(space, variant)),
                None if choice.natural is None else float(choice.natural[order]),
                float(humanness[order]), int(distance[order]),
                float(choice.expected.over_best[order]), float(choice.expected.over_parent[order]),
                choice.others[order],
                bool(shown.limited[order]),
                int(ranks[order]),
            )
        )  # fmt: skip
    return proposals
