"""Several antigens at once: what a mutation does to one says something about the others.

Intrinsic coregionalisation (Bonilla, Chai and Williams 2008): the covariance of two rows is that of
their variants times B of their antigens, B[a, b] = s_a s_b off the diagonal and 1 on it. Each s is
tanh of a number with a normal prior that favours sharing; where antigens have nothing in common, or
oppose each other, s falls to 0 and each is on its own. What comes out of a file is a model of each
antigen, which has learnt from the rows of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Pairs
from abag.errors import ModelError
from abag.model.alignment import chains_of
from abag.model.assay_gp.censoring import Bounds, RowNormals, resolved
from abag.model.assay_gp.kernels.encoded import encoder_origin
from abag.model.assay_gp.kernels.kernel import Kernel
from abag.model.assay_gp.kernels.knowledge import Knowledge
from abag.model.assay_gp.kernels.novelty import Widening
from abag.model.assay_gp.kernels.substitution import Codes
from abag.model.assay_gp.mixture import Mixture
from abag.model.assay_gp.model import AssayGP, AssayGPSettings
from abag.model.assay_gp.objective import Hyper, KernelChoice, Objective, most_probable
from abag.model.assay_gp.positions import Positions
from abag.model.assay_gp.posterior import Posterior
from abag.model.assay_gp.rows import (
    bounds_of,
    censored_rows,
    in_order,
    parent_of,
    relative_noise,
)
from abag.model.assay_gp.warping import Warp
from abag.model.mutation_effect import MutationEffect
from abag.model.training_set import TrainingSet

Reals = NDArray[np.float64]
Tasks = NDArray[np.int64]


_SHARE_MEAN: Final = 1.0
_SHARE_SPREAD: Final = 1.0


def correlation(shares: Reals) -> Reals:
    """B of the antigens (T, T) from their shares (T,) between -1 and 1."""
    matrix = np.outer(shares, shares)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


class SharedObjective:
    """Minus log posterior of the kernel's hyper-parameters and, behind them, of atanh of shares."""

    def __init__(self, single: Objective, tasks: Tasks, count: int) -> None:
        self.single, self.tasks, self.count = single, tasks, count
        self.mean = np.concatenate([single.mean, np.full(self.count, _SHARE_MEAN)])

    def __call__(self, theta: Reals) -> tuple[float, Reals]:
        """Value and gradient at ``theta``."""
        kernel_theta, free = theta[: -self.count], theta[-self.count :]
        shares = np.tanh(free)
        mask = correlation(shares)[np.ix_(self.tasks, self.tasks)]
        value, gradient, on_mask = self.single.evaluate(kernel_theta, mask)
        if on_mask is None:
            return value, np.zeros_like(theta)
        member = np.eye(self.count)[self.tasks]
        by_task = member.T @ on_mask @ member
        np.fill_diagonal(by_task, 0.0)
        slope = 2.0 * (by_task @ shares) * (1.0 - shares**2)
        from_prior = (free - _SHARE_MEAN) / _SHARE_SPREAD
        return (
            value + 0.5 * float(from_prior @ from_prior),
            np.concatenate([gradient, slope + from_prior / _SHARE_SPREAD]),
        )


@dataclass(frozen=True, slots=True)
class SharedRows:
    """Rows of several antigens on common positions; ``tasks`` (n,) numbers their antigens."""

    positions: Positions
    letters: Codes
    noise: Reals
    tasks: Tasks
    count: int
    hyper_rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SharedMixture:
    """The mixtures of all antigens, conditioned together."""

    members: tuple[tuple[Posterior, ...], ...]
    """By kernel, then by antigen."""
    rows: Codes
    shares: Reals
    """How much each antigen has in common with the others (T,), mean over kernels."""

    @classmethod
    def fit(
        cls,
        data: SharedRows,
        normals: RowNormals,
        choices: Sequence[KernelChoice],
        knowledge: Knowledge | None,
    ) -> Self:
        """Choose hyper-parameters and shares on ``data.hyper_rows``, then solve all rows."""
        members, shares = [], []
        for choice in choices:
            kernel, single = Kernel.draft(
                data.positions, data.letters, normals, data.noise, choice, data.hyper_rows,
                knowledge,
            )  # fmt: skip
            objective = SharedObjective(single, data.tasks[data.hyper_rows], data.count)
            kernel_theta, free = np.split(most_probable(objective), [-data.count])
            hyper, share = Hyper.of(kernel_theta, len(kernel.terms)), np.tanh(free)
            kernel = replace(kernel, hyper=hyper.with_sites(len(kernel.shifts.active)))
            noise = hyper.noise * data.noise + normals.extra
            members.append(
                Posterior.of_antigens(kernel, normals.target, noise, data.tasks, correlation(share))
            )
            shares.append(share)
        return cls(tuple(members), data.letters, np.mean(shares, axis=0))

    def reconditioned(self, normals: RowNormals, noise: Reals) -> Self:
        """The same kernels on what the rows say now."""
        members = []
        for first, *_ in self.members:
            kernel, rows = first.kernel, first.antigens
            assert rows is not None
            variance = kernel.hyper.noise * noise + normals.extra
            members.append(
                Posterior.of_antigens(kernel, normals.target, variance, rows.tasks, rows.between)
            )
        return replace(self, members=tuple(members))

    def left_out(self, target: Reals) -> tuple[Reals, Reals]:
        """Leave-one-out mean and variance, with noise, of every row of every antigen."""
        return self.of_task(0).left_out(target)

    def of_task(self, task: int) -> Mixture:
        """The mixture of one antigen."""
        return Mixture.of(tuple(posteriors[task] for posteriors in self.members), self.rows)


@dataclass(frozen=True, slots=True)
class SharedModels:
    """A model of each antigen, and how much each has in common with the others (-1 to 1)."""

    models: Mapping[str, AssayGP]
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one antigen on the scale of normal scores."""

    name: str
    used: Pairs
    training: TrainingSet
    warp: Warp
    bounds: Bounds


def antigen_key(antigen: list[str] | None, name: str | None) -> str:
    """What an antigen is called: its name, else its chains."""
    return name or "/".join(antigen or []) or "antigen"


def by_antigen(table: Pairs) -> dict[str, Pairs]:
    """Rows of each antigen, in the order of first appearance.

    Two antigens of one name are kept apart by a number.
    """
    groups: dict[str, Pairs] = {}
    keyed = table.frame.with_columns(_chains=pl.col("antigen").list.join("/").fill_null(""))
    for (_,), part in keyed.group_by(["_chains"], maintain_order=True):
        key = antigen_key(part["antigen"].to_list()[0], part["antigen_name"].to_list()[0])
        unique, number = key, 2
        while unique in groups:
            unique, number = f"{key} ({number})", number + 1
        groups[unique] = Pairs(part.drop("_chains"))
    return groups


def fit_antigens(
    table: Pairs,
    settings: AssayGPSettings,
    origin: Mapping[str, str] | None = None,
    global_model: MutationEffect | None = None,
) -> SharedModels:
    """Fit a model of each antigen of one assay, with what they share.

    Args:
        table: canonical rows of one assay with two antigens or more.
        settings: as for one antigen; more than ``exact_rows`` rows in all are sampled.
        origin: checksums, kept in each model's summary.
        global_model: model of mutation effects; the shipped one where None.

    Raises:
        ModelError: an antigen whose rows cannot teach, or a single antigen.
    """
    parts = _parts(table, settings)
    together = Pairs.joined(part.used for part in parts)
    heavy, light = chains_of(together)
    positions = Positions.of(heavy, light, settings.align, parent_of(together))
    lower = np.concatenate([part.bounds.lower for part in parts])
    upper = np.concatenate([part.bounds.upper for part in parts])
    bounds = Bounds(lower, upper)
    noise = np.concatenate([relative_noise(part.used) for part in parts])
    tasks = np.repeat(np.arange(len(parts)), [part.used.height for part in parts])
    models = {part.name: AssayGP(settings) for part in parts}
    for model in models.values():
        model.global_model = global_model
    knowledge = next(iter(models.values())).knowledge(positions)
    letters = positions.letters(heavy, light)
    rows = settings.sizes.hyper(len(tasks))
    data = SharedRows(positions, letters, noise, tasks, len(parts), rows)

    def choose(normals: RowNormals) -> SharedMixture:
        return SharedMixture.fit(data, normals, settings.kernels, knowledge)

    mixture, normals = resolved(choose, bounds, noise)
    target, exact = normals.target, bounds.exact
    facts = {**(origin or {}), **encoder_origin(settings.embedding)}
    for task, part in enumerate(parts):
        antigen_mixture = mixture.of_task(task).weighed(target, exact)
        widening = Widening.of(antigen_mixture, target, exact & (tasks == task))
        models[part.name].adopt(
            antigen_mixture, part.warp, widening, part.used, part.training.summary(facts)
        )
    shares = {part.name: float(mixture.shares[i]) for i, part in enumerate(parts)}
    return SharedModels(models, shares)


def _parts(table: Pairs, settings: AssayGPSettings) -> list[_Part]:
    groups = by_antigen(table)
    if len(groups) < 2:
        raise ModelError("these rows have one antigen; fit a model of one")
    most = max(5, settings.exact_rows // len(groups))
    parts = []
    for name, group in groups.items():
        training = TrainingSet.of(group, settings.target)
        try:
            AssayGP(settings).require_one_assay(training.pairs)
        except ModelError as error:
            raise ModelError(f"antigen {name[:40]}: {error}") from None
        training = training.sample(most, settings.seed)
        censored = censored_rows(group, settings.target)
        room = min(censored.height, most - training.pairs.height)
        sampled = Pairs(censored.frame.sample(room, seed=settings.seed))
        used = in_order(Pairs.joined([training.pairs, sampled]), settings.target)
        raw = bounds_of(used, settings.target)
        values = raw.lower[raw.exact]
        warp = (Warp.of if settings.warp else Warp.plain)(values, settings.target)
        bounds = Bounds(warp.forward(raw.lower), warp.forward(raw.upper))
        parts.append(_Part(name, used, training, warp, bounds))
    return parts
