"""The losses of a recipe, and their weighted sum.

Each term is a mean over the rows (or pairs of rows) of a batch that it can use. Where there is
none, the term is an exact zero that keeps the graph, so that every batch has gradients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from abag.data.labels import Labels
from abag.model.network.network import NetworkOutput
from abag.training.recipe import (
    BceLoss,
    FocalMseLoss,
    GaussianLoss,
    HuberLoss,
    LossTerm,
    MseLoss,
    RankingLoss,
    SoftSpearmanLoss,
    TobitLoss,
)

_HALF_LOG_2PI: Final = 0.5 * math.log(2 * math.pi)
_RANK_VARIANCE: Final = 1e-3
"""Added to the variance of ranks, so that equal predictions have a finite gradient."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels of the rows of a batch, each on its own scale."""

    value: Float[Tensor, " pairs"]
    """The measured value; nan where only a bound is known."""
    lower: Float[Tensor, " pairs"]
    """Lower bound; -inf where there is none. Not read where ``value`` is known."""
    upper: Float[Tensor, " pairs"]
    """Upper bound; inf where there is none. Not read where ``value`` is known."""
    assay: Int64[Tensor, " pairs"]
    """Rows of different assays are ranked apart, unless they are absolute."""
    absolute: Bool[Tensor, " pairs"]
    """Whether the row is on the absolute scale of pKd."""

    @classmethod
    def of(cls, labels: Labels, assay: NDArray[np.int64]) -> Self:
        """Targets of the rows of a table; ``assay`` is 0 for absolute ones."""
        value, lower, upper = (
            torch.from_numpy(known).float() for known in (labels.value, labels.lower, labels.upper)
        )
        codes = torch.from_numpy(assay)
        return cls(value, lower, upper, codes, codes == 0)

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Those of some rows."""
        chosen = torch.from_numpy(rows)
        return type(self)(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def to(self, device: torch.device | str) -> Self:
        """The same targets on a device."""
        moved = (
            getattr(self, name).to(device, non_blocking=True) for name in self.__dataclass_fields__
        )
        return type(self)(*moved)

    @property
    def exact(self) -> Bool[Tensor, " pairs"]:
        """Whether a value is known."""
        return torch.isfinite(self.value)

    @property
    def bounds(self) -> tuple[Float[Tensor, " pairs"], Float[Tensor, " pairs"]]:
        """Lower and upper bound; both are the value where it is known."""
        exact = self.exact
        return (
            torch.where(exact, self.value, self.lower),
            torch.where(exact, self.value, self.upper),
        )

    @property
    def groups(self) -> Int64[Tensor, " pairs"]:
        """Rows with the same number may be compared; 0 for absolute ones."""
        return torch.where(self.absolute, 0, self.assay + 1)


def compute_loss(
    terms: Sequence[LossTerm], output: NetworkOutput, targets: Targets, strong_pkd: float
) -> Float[Tensor, ""]:
    """The weighted sum of the terms.

    Args:
        terms: of the recipe.
        output: of the network.
        targets: of the same rows.
        strong_pkd: pKd from which a binder is strong.
    """
    values = [term.weight * term_loss(term, output, targets, strong_pkd) for term in terms]
    return torch.stack(values).sum()


def term_loss(
    term: LossTerm, output: NetworkOutput, targets: Targets, strong_pkd: float
) -> Float[Tensor, ""]:
    """One term, without its weight."""
    match term:
        case MseLoss():
            return mse(output, targets)
        case HuberLoss():
            return huber(output, targets, term.delta)
        case FocalMseLoss():
            return focal_mse(output, targets, term.gamma)
        case BceLoss():
            return bce(output, targets, strong_pkd)
        case SoftSpearmanLoss():
            return soft_spearman(output, targets, term.temperature)
        case RankingLoss():
            return ranking(output, targets, term.margin)
        case GaussianLoss():
            return gaussian_nll(output, targets)
        case TobitLoss():
            return tobit(output, targets, term.sigma)


def mse(output: NetworkOutput, targets: Targets) -> Float[Tensor, ""]:
    """Mean squared error of exact rows, (value - y)^2."""
    error, rows = _errors(output, targets)
    return _mean(error.square(), rows, output.value)


def huber(output: NetworkOutput, targets: Targets, delta: float) -> Float[Tensor, ""]:
    """e^2 / 2 up to ``delta``, then delta (|e| - delta / 2) (Huber 1964)."""
    error, rows = _errors(output, targets)
    loss = functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=delta)
    return _mean(loss, rows, output.value)


def focal_mse(output: NetworkOutput, targets: Targets, gamma: float) -> Float[Tensor, ""]:
    """(1 - exp(-e^2))^gamma e^2: the focal loss of Lin et al. 2017 with p = exp(-e^2)."""
    error, rows = _errors(output, targets)
    square = error.square()
    weight = (-torch.expm1(-square)).clamp_min(1e-12) ** gamma
    return _mean(weight * square, rows, output.value)


def bce(output: NetworkOutput, targets: Targets, strong_pkd: float) -> Float[Tensor, ""]:
    """Cross-entropy of pKd >= ``strong_pkd``, over absolute rows that decide it.

    A lower bound at or above it makes a row strong, an upper bound at or below it weak.
    """
    logit = _needed(output.strong_logit, "bce", "classifier")
    lower, upper = targets.bounds
    strong = lower >= strong_pkd
    weak = torch.where(targets.exact, upper < strong_pkd, upper <= strong_pkd)
    loss = functional.binary_cross_entropy_with_logits(
        logit, strong.to(logit.dtype), reduction="none"
    )
    return _mean(loss, (strong | weak) & targets.absolute, logit)


def soft_spearman(output: NetworkOutput, targets: Targets, temperature: float) -> Float[Tensor, ""]:
    """1 - Pearson correlation of soft ranks of predictions and ranks of values, O(n^2).

    The soft rank of x_i is 1/2 + sum_j sigmoid((x_i - x_j) / temperature), which goes to the
    average rank as the temperature goes to 0. Rows are ranked inside their group; groups count by
    their rows.
    """
    exact = targets.exact
    same = _same_group(targets, exact)
    size = same.sum(dim=1)
    predicted = torch.sigmoid(_differences(output.pkd) / temperature)
    values = torch.where(exact, targets.value, torch.zeros_like(targets.value))
    gaps = _differences(values)
    ranked = (gaps > 0).to(gaps.dtype) + 0.5 * (gaps == 0).to(gaps.dtype)
    same_real = same.to(predicted.dtype)
    # Less half the group plus one, ranks have mean 0 inside their group.
    middle = size.to(predicted.dtype) / 2
    soft = (same_real * predicted).sum(dim=1) - middle
    hard = (same_real * ranked).sum(dim=1) - middle
    # Sums over the group of each row: every row of a group has the same three numbers.
    shared, of_soft, of_hard = (same_real @ x for x in (soft * hard, soft * soft, hard * hard))
    count = size.to(predicted.dtype).clamp_min(1)
    correlation = shared / (
        (of_soft + _RANK_VARIANCE * count).sqrt() * of_hard.clamp_min(1e-12).sqrt()
    )
    return _mean(1 - correlation, exact & (of_hard > 1e-6), output.value)


def ranking(output: NetworkOutput, targets: Targets, margin: float) -> Float[Tensor, ""]:
    """Mean of log(1 + exp(x_j - x_i)) over pairs of a group where i is above j for certain.

    For certain: i's lower bound is more than ``margin`` (pKd, times the assay's scale) above j's
    upper bound; an exact value is both of its bounds (Burges et al. 2005).
    """
    lower, upper = targets.bounds
    every = torch.ones_like(targets.absolute)
    least = margin * output.scale.detach()[:, None]
    pairs = _same_group(targets, every) & (lower[:, None] - upper[None, :] > least)
    loss = functional.softplus(-_differences(output.pkd))
    return _mean(loss, pairs, output.value)


def gaussian_nll(output: NetworkOutput, targets: Targets) -> Float[Tensor, ""]:
    """-log N(y; value, variance) of exact rows (Nix and Weigend 1994)."""
    log_variance = _needed(output.log_variance, "gaussian-nll", "variance")
    error, rows = _errors(output, targets)
    loss = 0.5 * (log_variance + error.square() * (-log_variance).exp()) + _HALF_LOG_2PI
    return _mean(loss, rows, output.value + log_variance)


def tobit(output: NetworkOutput, targets: Targets, sigma: float) -> Float[Tensor, ""]:
    """Censored Gaussian likelihood (Tobin 1958): density of a value, probability of a bound.

    sigma is the predicted one where there is a variance, else ``sigma`` pKd times the assay's
    scale.
    """
    spread = sigma * output.scale
    if output.log_variance is not None:
        spread = (0.5 * output.log_variance).exp()
    lower, upper = targets.bounds
    exact = targets.exact
    below = (
        torch.where(torch.isfinite(lower), lower, output.value.detach()) - output.value
    ) / spread
    above = (
        torch.where(torch.isfinite(upper), upper, output.value.detach()) - output.value
    ) / spread
    density = 0.5 * below.square() + spread.log() + _HALF_LOG_2PI
    left = -torch.special.log_ndtr(above)  # only an upper bound: P(y <= upper)
    right = -torch.special.log_ndtr(-below)  # only a lower bound: P(y >= lower)
    has_lower, has_upper = torch.isfinite(lower), torch.isfinite(upper)
    both = has_lower & has_upper & (upper > lower) & ~exact
    inside = -log_interval(
        torch.where(both, below, torch.zeros_like(below)),
        torch.where(both, above, torch.ones_like(above)),
    )
    exact = exact | (has_lower & has_upper & ~both)
    loss = torch.where(
        exact, density, torch.where(both, inside, torch.where(has_upper, left, right))
    )
    return _mean(loss, (has_lower | has_upper) & output.comparable, output.value + spread)


def log_interval(
    below: Float[Tensor, " pairs"], above: Float[Tensor, " pairs"]
) -> Float[Tensor, " pairs"]:
    """log(Phi(above) - Phi(below)) for ``below < above``, also far from zero."""
    # In the right tail both probabilities are nearly 1; the mirrored ones are nearly 0.
    mirrored = below > 0
    a = torch.where(mirrored, -above, below)
    b = torch.where(mirrored, -below, above)
    log_a, log_b = torch.special.log_ndtr(a), torch.special.log_ndtr(b)
    tiny = torch.finfo(a.dtype).tiny
    return cast(Tensor, log_b + (-torch.expm1(log_a - log_b)).clamp_min(tiny).log())


def _errors(
    output: NetworkOutput, targets: Targets
) -> tuple[Float[Tensor, " pairs"], Bool[Tensor, " pairs"]]:
    """Error (0 where unknown) and the rows that have one."""
    rows = targets.exact & output.comparable
    known = torch.where(rows, targets.value, output.value.detach())
    return output.value - known, rows


def _mean(
    losses: Float[Tensor, "*axes"], chosen: Bool[Tensor, "*axes"], graph: Float[Tensor, " pairs"]
) -> Float[Tensor, ""]:
    """Mean over the chosen losses; without any, an exact 0 that leads back to ``graph``."""
    count = chosen.sum()
    total = torch.where(chosen, losses, torch.zeros_like(losses)).sum()
    return total / count.clamp_min(1) + 0.0 * graph.sum()


def _same_group(targets: Targets, chosen: Bool[Tensor, " pairs"]) -> Bool[Tensor, "pairs pairs"]:
    """Whether both rows are chosen and may be compared."""
    groups = targets.groups
    return (groups[:, None] == groups[None, :]) & chosen[:, None] & chosen[None, :]


def _differences(values: Float[Tensor, " n"]) -> Float[Tensor, "n n"]:
    """Row minus column."""
    return values[:, None] - values[None, :]


def _needed(part: Float[Tensor, " pairs"] | None, loss: str, head: str) -> Float[Tensor, " pairs"]:
    """The head of a loss; recipes are checked for it, so its absence is a defect of the caller."""
    if part is None:
        raise ValueError(f"the loss {loss} needs network.head.{head}=true")
    return part
