"""What fixes the covariance of two rows: positions, terms, hyper-parameters and training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.censoring import RowNormals
from abag.model.assay_gp.kernels.knowledge import Knowledge, contact_prior
from abag.model.assay_gp.kernels.substitution import Codes, distances, embedding
from abag.model.assay_gp.kernels.terms import CentredTerm, additive_terms
from abag.model.assay_gp.objective import Hyper, KernelChoice, Objective, Shifts, most_probable
from abag.model.assay_gp.positions import Positions

Reals = NDArray[np.float64]

LEVEL_VARIANCE: Final = 4.0
"""Prior variance of the common level, in units of the target's variance."""
SLOPES: Final = {"effects": 0.35}
"""Prior mean of the slope on a feature; that of measured landscapes (docs/measured/few-shot.md)."""


@dataclass(frozen=True, slots=True)
class Laid:
    """Rows as covariances need them.

    ``additive`` (rows, features) and ``shifts`` (rows, width) weighted, ``unseen`` (rows,) the
    distance that positions add which do not vary in training.
    """

    additive: Reals
    shifts: Reals
    unseen: Reals


@dataclass(frozen=True, slots=True)
class Kernel:
    """Everything that fixes the covariance of two rows of letters."""

    positions: Positions
    shifts: Shifts
    terms: tuple[CentredTerm, ...]
    hyper: Hyper
    training: Codes
    """Letters of the training rows, shape (n, P)."""

    @classmethod
    def fit(
        cls,
        positions: Positions,
        letters: Codes,
        normals: RowNormals,
        noise: Reals,
        choice: KernelChoice,
        rows: NDArray[np.int64],
        knowledge: Knowledge | None = None,
    ) -> Self:
        """Choose hyper-parameters on ``rows`` of the training rows, for use with all of them."""
        kernel, objective = cls.draft(positions, letters, normals, noise, choice, rows, knowledge)
        hyper = Hyper.of(most_probable(objective), len(kernel.terms))
        return replace(kernel, hyper=hyper.with_sites(len(kernel.shifts.active)))

    @classmethod
    def draft(
        cls,
        positions: Positions,
        letters: Codes,
        normals: RowNormals,
        noise: Reals,
        choice: KernelChoice,
        rows: NDArray[np.int64],
        knowledge: Knowledge | None = None,
    ) -> tuple[Self, Objective]:
        """The kernel before its hyper-parameters are chosen, and what they are chosen by."""
        shifts = Shifts.of(letters, positions.reference)
        plain_terms = additive_terms(positions, shifts.active, choice.terms, knowledge)
        terms = [CentredTerm.of(term, letters, positions) for term in plain_terms]
        features = [term.features(letters[rows]) for term in terms]
        by_site = choice.product or choice.linear
        objective = Objective(
            shifts.dense(letters[rows]) if by_site else np.zeros((len(rows), 0)),
            [block @ block.T for block in features],
            normals.target[rows] - prior_mean(terms, letters[rows]),
            noise[rows],
            choice,
            contact_prior(positions)[shifts.active] if by_site else np.zeros(0),
            normals.extra[rows],
        )
        hyper = Hyper.of(objective.mean, len(terms)).with_sites(len(shifts.active))
        return cls(positions, shifts, tuple(terms), hyper, letters), objective

    def scaled_shifts(self, letters: Codes) -> Reals:
        """W of rows times the root of the position weights."""
        width = embedding().shape[1]
        scale = np.repeat(np.sqrt(self.hyper.sites), width)
        return np.asarray(self.shifts.dense(letters) * scale)

    def additive(self, letters: Codes, shifts: Reals | None = None) -> Reals:
        """Features whose inner products are all additive terms, weighted; (rows, features).

        ``shifts`` are the rows' scaled shifts where they are known.
        """
        scaled = self.scaled_shifts(letters) if shifts is None else shifts
        blocks = [np.asarray(np.sqrt(self.hyper.linear) * scaled)]
        for weight, term in zip(self.hyper.terms, self.terms, strict=True):
            blocks.append(np.sqrt(weight) * term.features(letters))
        return np.concatenate(blocks, axis=1)

    def laid(self, letters: Codes) -> Laid:
        """What covariances need of rows, worked out once."""
        shifts = self.scaled_shifts(letters)
        return Laid(self.additive(letters, shifts), shifts, self.unseen(letters))

    def matrix(self, left: Codes, right: Codes) -> Reals:
        """Covariance without noise, with the common level, shape (left, right)."""
        return self.covariance(self.laid(left), self.laid(right))

    def covariance(self, left: Laid, right: Laid) -> Reals:
        """The same, of rows that were laid out before."""
        additive = left.additive @ right.additive.T + LEVEL_VARIANCE
        return np.asarray(additive + self.product(left, right))

    def product(self, left: Laid, right: Laid) -> Reals:
        """The product term alone, over every position, those that training never varied too."""
        shifts, other_shifts = left.shifts, right.shifts
        distance = (
            (shifts**2).sum(axis=1)[:, None]
            + (other_shifts**2).sum(axis=1)[None]
            - 2.0 * shifts @ other_shifts.T
        )
        unseen = left.unseen[:, None] + right.unseen[None, :]
        return np.asarray(
            self.hyper.product * np.exp(-0.5 * self.hyper.power * (distance + unseen))
        )

    def unseen(self, letters: Codes) -> Reals:
        """Distance that positions add which do not vary in training, whose weight is 1; (rows,)."""
        distance = distances()[letters[:, self.still], self.positions.reference[self.still]]
        return np.asarray(np.ascontiguousarray(distance).sum(axis=1))

    def unseen_variance(self, letters: Codes) -> Reals:
        """Prior variance that additive effects at those positions have, (rows,)."""
        changed = (letters[:, self.still] != self.positions.reference[self.still]).sum(axis=1)
        return np.asarray(self.hyper.linear * self.unseen(letters) + self.own_effect * changed)

    @property
    def still(self) -> NDArray[np.bool_]:
        """Positions that do not vary in training, (P,)."""
        mask = np.ones(self.positions.count, dtype=np.bool_)
        mask[self.shifts.active] = False
        return mask

    @property
    def own_effect(self) -> float:
        """Prior variance of the effect that the term ``mutations`` gives one mutation."""
        for weight, term in zip(self.hyper.terms.tolist(), self.terms, strict=True):
            if term.term.name == "mutations":
                return float(2.0 * weight / term.scale)
        return 0.0


def prior_mean(terms: Sequence[CentredTerm], letters: Codes) -> Reals:
    """Prior mean of rows (rows,): what the global model predicts, by its usual slope."""
    mean = np.zeros(len(letters))
    for term in terms:
        if slope := SLOPES.get(term.term.name, 0.0):
            mean += slope * term.features(letters)[:, 0]
    return mean
