"""What a plate is expected to give, and what plates chosen otherwise would: joint draws.

Draws of the joint posterior, noise of measuring included, stand for the laboratory: how many
measurements exceed the best value so far, or the parent's; the best value of the plate; the rank
correlation of predictions and measurements. The same is drawn of a plate of random variants with
as many mutations, and of a plate of random single mutants, of the same design space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
class Foretold:
    """A mean and a central 90 % range over draws."""

    mean: float
    lower: float
    upper: float

    @classmethod
    def of(cls, draws: Reals) -> Foretold:
        """Of one number a draw."""
        lower, upper = np.quantile(draws, [0.05, 0.95])
        return cls(float(draws.mean()), float(lower), float(upper))

    def as_json(self) -> dict[str, float]:
        """Plain values."""
        return {"mean": self.mean, "lower_90": self.lower, "upper_90": self.upper}


@dataclass(frozen=True, slots=True)
class PlateExpectation:
    """What one plate would give."""

    variants: int
    over_best: Foretold
    """Measurements above the largest value measured so far."""
    over_parent: Foretold
    """Measurements above the parent's value."""
    best: Foretold
    """The largest measurement, in the target's unit."""
    spearman: Foretold | None
    """Of predictions and measurements; None for fewer than three variants."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "variants": self.variants,
            "over_best": self.over_best.as_json(),
            "over_parent": self.over_parent.as_json(),
            "best": self.best.as_json(),
            "spearman": None if self.spearman is None else self.spearman.as_json(),
        }


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
            "plates": {name: one.as_json() for name, one in self.plates.items()},
        }


def expectations(
    model: AssayGP,
    space: DesignSpace,
    chosen: Sequence[Genotype],
    known: Sequence[Chains],
    seed: int = 0,
    scale: float = 1.0,
) -> Expectation:
    """What the chosen variants are expected to give, and what others would.

    Args:
        model: The model that chose them.
        space: What may be proposed.
        chosen: The variants of the plate.
        known: Measured variants, which other plates do not hold either.
        seed: Seed of draws.
        scale: Factor on the model's deviations.
    """
    rng = np.random.default_rng([seed, 7])
    measured = {space.genotype(*one) for one in known}
    parent = float(model.predict(table_of([space.chains(frozenset())]))[0])
    best = model.best_measured()
    thresholds = model.scores_of(np.array([best, parent]))
    plates = {
        "proposed": list(chosen),
        "random": _random([size_of(one) for one in chosen], space, measured, rng),
        "singles": _random([1] * len(chosen), space, measured, rng),
    }
    found: dict[str, PlateExpectation] = {}
    over = np.zeros((2, len(chosen)))
    for name, variants in plates.items():
        table = table_of([space.chains(one) for one in variants])
        table = table.filter(pl.Series([reason is None for reason in model.refusals(table)]))
        if table.is_empty():
            continue
        draws, mean = _measurements(model, table, rng, scale)
        above = draws[None] > thresholds[:, None, None]
        if name == "proposed":
            over = above.mean(axis=1)
        found[name] = PlateExpectation(
            table.height, Foretold.of(above[0].sum(axis=1)), Foretold.of(above[1].sum(axis=1)),
            Foretold.of(model.values_of(draws.max(axis=1))), _spearman(draws, mean),
        )  # fmt: skip
    return Expectation(best, parent, found, over[0], over[1])


def _measurements(
    model: AssayGP, table: pl.DataFrame, rng: np.random.Generator, scale: float
) -> tuple[Reals, Reals]:
    """Draws (draws, rows) of new measurements on the scale of scores, and their means (rows,)."""
    joint = model.joint(table, scale)
    belief = Belief(joint.mean, joint.covariance, joint.noise, 0.0)
    noise = rng.standard_normal((DRAWS, table.height)) * np.sqrt(joint.noise)
    return belief.draws(DRAWS, rng) + noise, joint.mean


def _spearman(draws: Reals, mean: Reals) -> Foretold | None:
    """Rank correlation of each draw with the means."""
    if draws.shape[1] < 3 or np.ptp(mean) == 0:
        return None
    order = draws.argsort(axis=1).argsort(axis=1).astype(np.float64)
    own = mean.argsort().argsort().astype(np.float64)
    order -= order.mean(axis=1, keepdims=True)
    own -= own.mean()
    return Foretold.of(order @ own / np.sqrt((order**2).sum(axis=1) * (own @ own)))


def _random(
    sizes: Sequence[int],
    space: DesignSpace,
    measured: set[Genotype | None],
    rng: np.random.Generator,
) -> list[Genotype]:
    """Random variants of the space with these numbers of changes, none measured, none twice."""
    changes = space.substitutions
    found: dict[Genotype, None] = {}
    for size in sizes:
        for _ in range(_TRIES):
            drawn = rng.permutation(len(changes))[: 4 * size]
            one = space.limited((changes[place] for place in drawn), size)
            if one and one not in measured and one not in found:
                found[one] = None
                break
    return list(found)
