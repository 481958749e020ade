"""More than one aim: rules for variants besides tighter binding to the campaign's antigen.

Rules on predictions of other models (keep binding to one antigen, lose it to another), on
humanness, on the distance from the germline and on charge. A candidate that breaks a
rule is left off the plate. Aims may be traded, too: variants that no other beats come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abag.errors import ModelError, OptionError, counted
from abag.maturation.antibody.humanness import Humanness
from abag.maturation.antibody.liabilities import net_charge
from abag.maturation.propose.acquisition import Belief
from abag.maturation.propose.design_space import DesignSpace, Genotype
from abag.maturation.propose.scorer import table_of
from abag.model.assay_gp.model import AssayGP

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Aims:
    """Rules for every variant of a plate; None and empty set no rule."""

    keep: tuple[str, ...] = ()
    """Folders of models of antigens still to be bound: no variant ``margin`` below the parent."""
    lose: tuple[str, ...] = ()
    """Folders of models of antigens not to be bound: every variant ``margin`` below the parent."""
    margin: float = 0.5
    """In the unit of those models, pKd or rank score."""
    least_human: float | None = None
    """Smallest change of ln(share among human antibodies) against the parent."""
    most_from_germline: int | None = None
    """Largest number of residues that differ from the nearest V gene."""
    least_charge: float | None = None
    """Smallest net charge of the variable domains at pH 7.4."""
    most_charge: float | None = None
    """Largest net charge of the variable domains at pH 7.4."""
    pareto: bool = False
    """Choose among candidates that no other one beats on all aims (:func:`fronts`)."""

    def __post_init__(self) -> None:
        """Raise OptionError for a range without anything in it."""
        if self.margin < 0:
            raise OptionError(f"--margin is {self.margin:g}; give a number from 0")
        low = -np.inf if self.least_charge is None else self.least_charge
        if low > (np.inf if self.most_charge is None else self.most_charge):
            raise OptionError("--least-charge is above --most-charge; turn them round")

    def judge(self, space: DesignSpace) -> Judge:
        """The rules, ready for variants of a parent; loads the models of other antigens."""
        models = tuple(
            (Path(folder).name, AssayGP.load(Path(folder))) for folder in (*self.keep, *self.lose)
        )
        return Judge(self, space, Humanness.of(*space.parent.sequences), models)


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules of :class:`Aims` for the variants of one parent."""

    aims: Aims
    space: DesignSpace
    human: Humanness
    models: tuple[tuple[str, AssayGP], ...]
    """Names and models of the antigens to be kept, then of those to be lost."""

    def keeps(self, variants: Sequence[Genotype]) -> Flags:
        """Whether each variant keeps all rules, shape (variants,)."""
        chains = [self.space.chains(variant) for variant in variants]
        good = np.ones(len(variants), dtype=np.bool_)
        aims = self.aims
        if aims.least_human is not None:
            good &= self.human.of_variants(chains) >= aims.least_human
        if aims.most_from_germline is not None:
            good &= self.human.germline_distance(chains) <= aims.most_from_germline
        if aims.least_charge is not None or aims.most_charge is not None:
            charge = np.array([net_charge(heavy + (light or "")) for heavy, light in chains])
            good &= charge >= (-np.inf if aims.least_charge is None else aims.least_charge)
            good &= charge <= (np.inf if aims.most_charge is None else aims.most_charge)
        for index, change in enumerate(self.changes(variants)):
            bound = index < len(aims.keep)
            good &= change >= -aims.margin if bound else change <= -aims.margin
        return good

    def changes(self, variants: Sequence[Genotype]) -> list[Reals]:
        """Predicted change against the parent under each other model, (variants,) each."""
        table = table_of([self.space.chains(variant) for variant in (frozenset(), *variants)])
        differences = []
        for name, model in self.models:
            refusals = [reason for reason in model.refusals(table) if reason]
            if refusals:
                raise ModelError(
                    f"the model of {name} cannot predict {counted(len(refusals), 'variant')}: "
                    f"{refusals[0]}"
                )
            values = model.predict(table)
            differences.append(np.asarray(values[1:] - values[0]))
        return differences

    def merits(self, variants: Sequence[Genotype], affinity: Reals) -> Reals:
        """Aims to maximise (variants, aims): affinity, other antigens, humanness, nearness."""
        chains = [self.space.chains(variant) for variant in variants]
        others = [
            change if index < len(self.aims.keep) else -change
            for index, change in enumerate(self.changes(variants))
        ]
        distance = -self.human.germline_distance(chains).astype(np.float64)
        return np.stack([affinity, *others, self.human.of_variants(chains), distance], axis=1)

    def change_texts(self, variants: Sequence[Genotype]) -> list[str]:
        """:meth:`changes` as a text a variant, ``mouse -0.12; human +0.30``."""
        columns = [
            [f"{name} {value:+.2f}" for value in change]
            for (name, _), change in zip(self.models, self.changes(variants), strict=True)
        ]
        return ["; ".join(parts) for parts in zip(*columns, strict=True)] or [""] * len(variants)


def fronts(merits: Reals) -> NDArray[np.int64]:
    """Front of each row of merits (n, aims), larger is better; 1 where no row beats it.

    A row beats another where it is as good on every aim and better on one; exact non-dominated
    sorting (Deb et al. 2002, without crowding), which for a thousand candidates takes no time.
    """
    count = len(merits)
    beats = np.ones((count, count), dtype=np.bool_)
    better = np.zeros((count, count), dtype=np.bool_)
    for aim in merits.T:
        beats &= aim[:, None] >= aim[None, :]
        better |= aim[:, None] > aim[None, :]
    beats &= better
    ranks = np.zeros(count, dtype=np.int64)
    number = 0
    while (left := ranks == 0).any():
        number += 1
        ranks[left & ~beats[left].any(axis=0)] = number
    return ranks


def on_first_fronts(
    short: Sequence[Genotype], belief: Belief, judge: Judge, count: int, notes: list[str]
) -> tuple[list[Genotype], Belief]:
    """Candidates of the first fronts that hold ``count``, and their belief; all without Pareto."""
    if not judge.aims.pareto:
        return list(short), belief
    ranks = fronts(judge.merits(short, belief.mean))
    last = int(np.sort(ranks)[min(count, len(ranks)) - 1])
    rows = np.flatnonzero(ranks <= last)
    notes.append(
        f"chosen among {counted(len(rows), 'candidate')} of the first "
        f"{counted(last, 'Pareto front')}"
    )
    return [short[row] for row in rows.tolist()], belief.among(rows)
