"""Expected hits of a plate, and of plates chosen otherwise, from joint draws of the posterior.

Draws of the joint posterior, noise of measuring included, stand for the laboratory: how many
measurements exceed the best value so far, or the parent's; the best value of the plate; the rank
correlation of predictions and measurements. The same is drawn of a plate of random variants with
as many mutations, and of a plate of random single mutants, of the same design space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.antibody import Chains
from abag.maturation.propose.acquisition import Belief
from abag.maturation.propose.design_space import DesignSpace, Genotype, size_of
from abag.maturation.propose.scorer import table_of
from abag.model.assay_gp.model import AssayGP

Reals = NDArray[np.float64]

DRAWS: Final = 1_000
_TRIES: Final = 20
"""Draws of a random variant before its place stays empty."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A mean and a central 90 % range over draws."""

    mean: float
    lower_90: float
    upper_90: float

    @classmethod
    def of(cls, draws: Reals) -> Expected:
        """Of one number a draw."""
        lower, upper = np.quantile(draws, [0.05, 0.95])
        return cls(float(draws.mean()), float(lower), float(upper))


@dataclass(frozen=True, slots=True)
class PlateExpectation:
    """Expected hits, best value and rank correlation of one plate."""

    variants: int
    over_best: Expected
    """Measurements above the largest value measured so far."""
    over_parent: Expected
    """Measurements above the parent's value."""
    best: Expected
    """The largest measurement, in the target's unit."""
    spearman: Expected | None
    """Of predictions and measurements; None for fewer than three variants."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The plate's expectation beside those of other plates, and each variant's chances."""

    best_so_far: float
    """Largest value among the model's training rows, in the target's unit."""
    parent: float
    """Predicted value of the parent."""
    plates: dict[str, PlateExpectation]
    """``proposed``, ``random`` and ``singles``; the last two only where the space has any."""
    over_best: Reals
    """Chance of each proposed variant, shape (n,), to be measured above the best so far."""
    over_parent: Reals

    def as_json(self) -> dict[str, Any]:
        """Plain values, without those of single variants."""
        return {
            "best_so_far": self.best_so_far,
            "parent": self.parent,
            "plates": {name: asdict(plate) for name, plate in self.plates.items()},
        }


def expectations(
    model: AssayGP,
    space: DesignSpace,
    chosen: Sequence[Genotype],
    known: Sequence[Chains],
    seed: int = 0,
    scale: float = 1.0,
) -> Expectation:
    """Expected hits of the chosen variants, and of random plates of the same design space.

    Args:
        model: The model that chose them.
        space: What may be proposed.
        chosen: The variants of the plate.
        known: Measured variants, which other plates do not hold either.
        seed: Seed of draws.
        scale: Factor on the model's deviations.
    """
    rng = np.random.default_rng([seed, 7])
    measured = {space.genotype(*chains) for chains in known}
    parent = float(model.predict(table_of([space.chains(frozenset())]))[0])
    best = model.best_measured()
    thresholds = model.scores_of(np.array([best, parent]))
    plates = {
        "proposed": list(chosen),
        "random": _random_variants(list(map(size_of, chosen)), space, measured, rng),
        "singles": _random_variants([1] * len(chosen), space, measured, rng),
    }
    expected: dict[str, PlateExpectation] = {}
    over = np.zeros((2, len(chosen)))
    for name, variants in plates.items():
        table = table_of(list(map(space.chains, variants)))
        table = table.filter(pl.Series([reason is None for reason in model.refusals(table)]))
        if table.is_empty():
            continue
        joint = model.joint(table, scale)
        # New measurements on the scale of scores, shape (draws, rows).
        noise = rng.standard_normal((DRAWS, table.height)) * np.sqrt(joint.noise)
        draws = Belief(joint.mean, joint.covariance, joint.noise, 0.0).draws(DRAWS, rng) + noise
        above = draws[None] > thresholds[:, None, None]
        if name == "proposed":
            over = above.mean(axis=1)
        expected[name] = PlateExpectation(
            table.height, Expected.of(above[0].sum(axis=1)), Expected.of(above[1].sum(axis=1)),
            Expected.of(model.values_of(draws.max(axis=1))), _expected_spearman(draws, joint.mean),
        )  # fmt: skip
    return Expectation(best, parent, expected, over[0], over[1])


def _expected_spearman(draws: Reals, mean: Reals) -> Expected | None:
    """Rank correlation of each draw with the means."""
    if draws.shape[1] < 3 or np.ptp(mean) == 0:
        return None
    order = draws.argsort(axis=1).argsort(axis=1).astype(np.float64)
    ranks = mean.argsort().argsort().astype(np.float64)
    order -= order.mean(axis=1, keepdims=True)
    ranks -= ranks.mean()
    return Expected.of(order @ ranks / np.sqrt((order**2).sum(axis=1) * (ranks @ ranks)))


def _random_variants(
    sizes: Sequence[int],
    space: DesignSpace,
    measured: set[Genotype | None],
    rng: np.random.Generator,
) -> list[Genotype]:
    """Random variants of the space with these numbers of changes, none measured, none twice."""
    changes = space.substitutions
    variants: dict[Genotype, None] = {}
    for size in sizes:
        for _ in range(_TRIES):
            draws = rng.permutation(len(changes))[: 4 * size]
            variant = space.limited((changes[index] for index in draws), size)
            if variant and variant not in measured and variant not in variants:
                variants[variant] = None
                break
    return list(variants)
