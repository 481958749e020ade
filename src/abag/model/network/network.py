"""The network: fusion, hidden layers, and the numbers that a loss or a prediction reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from abag.model.network.config import NetworkConfig
from abag.model.network.fusion import make_fusion
from abag.model.network.heads import OutputRange, hidden_layers, last_layer
from abag.model.network.inputs import PairBatch, PairParts

LOG_VARIANCE_LIMIT: Final = 6.0
"""Predicted log variances lie between minus and plus this (standard deviations 0.05 to 20)."""

_ONE: Final = 0.5413248546129181
"""softplus(_ONE) = 1."""


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """Output of a network for each pair of a batch, in fp32."""

    pkd: Float[Tensor, " pairs"]
    """Predicted pKd, inside the range."""
    value: Float[Tensor, " pairs"]
    """Prediction on the row's own scale: ``pkd`` for the absolute one, ``scale * pkd + offset``
    for an assay with a scale of its own."""
    strong_logit: Float[Tensor, " pairs"] | None
    """Log odds that pKd reaches ``strong_pkd``."""
    log_variance: Float[Tensor, " pairs"] | None
    """Logarithm of the variance of ``value``."""
    scale: Float[Tensor, " pairs"]
    """Units of the row's own scale in one pKd; 1 for the absolute one."""
    comparable: Bool[Tensor, " pairs"]
    """Whether ``value`` is on the row's own scale. False for rows of assays where the
    network has no scale for them: they may be ranked inside their assay, not compared."""

    def split(self, pairs: Sequence[int]) -> list[Self]:
        """Outputs of batches that were computed together, from the number of pairs of each."""
        parts = [
            [None] * len(pairs) if tensor is None else tensor.split(list(pairs))
            for tensor in (getattr(self, name) for name in self.__dataclass_fields__)
        ]
        return [type(self)(*tensors) for tensors in zip(*parts, strict=True)]


class AffinityNetwork(nn.Module):
    """Pairs in, pKd out."""

    def __init__(
        self, config: NetworkConfig, antibody_width: int, antigen_width: int, assays: int = 0
    ) -> None:
        """Draw a network from torch's generator; :func:`make_network` takes a seed.

        Args:
            config: fusion, head and range.
            antibody_width: of the antibody encoder's rows.
            antigen_width: of the antigen encoder's rows.
            assays: number of assays with a scale of their own (codes 1 to ``assays``); with
                ``per_assay`` off they share pKd's, for rankings alone.
        """
        super().__init__()
        self.config = config
        self.antibody_width, self.antigen_width = antibody_width, antigen_width
        self.assays = assays
        self.fusion = make_fusion(config.fusion, antibody_width, antigen_width)
        self.hidden, width = hidden_layers(self.fusion.width, config.head)
        self.pkd = nn.Linear(width, 1)
        self.strong = nn.Linear(width, 1) if config.head.classifier else None
        self.log_variance = nn.Linear(width, 1) if config.head.variance else None
        self.range = OutputRange(config.output)
        self.scaled = config.head.per_assay and assays > 0
        if self.scaled:
            self.assay_scale = nn.Parameter(torch.full((assays,), _ONE))
            self.assay_offset = nn.Parameter(torch.zeros(assays))
        self.centre((config.output.low + config.output.high) / 2)

    def forward(self, batch: PairBatch | PairParts) -> NetworkOutput:
        """Read a batch; last layers, range and scales are fp32 under any autocast.

        A batch in parts meets in the head, which may normalise over all its rows.
        """
        hidden = self.hidden(self._fused(batch))
        pkd = self.range(last_layer(self.pkd, hidden))
        scale, offset = self._scales(batch.assay, pkd)
        log_variance = None
        if self.log_variance is not None:
            raw = last_layer(self.log_variance, hidden) / LOG_VARIANCE_LIMIT
            log_variance = LOG_VARIANCE_LIMIT * torch.tanh(raw) + 2 * scale.log()
        return NetworkOutput(
            pkd=pkd,
            value=scale * pkd + offset,
            strong_logit=None if self.strong is None else last_layer(self.strong, hidden),
            log_variance=log_variance,
            scale=scale,
            comparable=(batch.assay == 0) | self.scaled,
        )

    def _fused(self, batch: PairBatch | PairParts) -> Float[Tensor, "pairs width"]:
        """One vector a pair, of the fusion's width."""
        if isinstance(batch, PairBatch):
            return cast(Tensor, self.fusion(batch))
        return torch.cat([self.fusion(part) for part in batch.parts]).index_select(0, batch.places)

    def centre(self, mean_pkd: float) -> None:
        """Set the bias of the last layer so that training starts at the mean of the labels."""
        nn.init.constant_(self.pkd.bias, self.range.inverse(mean_pkd))

    def centre_assay(self, assay: int, mean: float, scale: float, mean_pkd: float) -> None:
        """Start the scale of an assay (code from 1) where ``mean_pkd`` reads ``mean`` on it."""
        if self.scaled:
            raw = scale + torch.log(-torch.expm1(torch.tensor(-scale))).item()
            with torch.no_grad():
                self.assay_scale[assay - 1] = raw
                self.assay_offset[assay - 1] = mean - scale * mean_pkd

    def _scales(
        self, assay: Int64[Tensor, " pairs"], like: Float[Tensor, " pairs"]
    ) -> tuple[Float[Tensor, " pairs"], Float[Tensor, " pairs"]]:
        """Scale (positive) and offset of each row's assay."""
        if not self.scaled:
            return torch.ones_like(like), torch.zeros_like(like)
        scales = functional.pad(functional.softplus(self.assay_scale.float()), (1, 0), value=1.0)
        return scales[assay], functional.pad(self.assay_offset.float(), (1, 0))[assay]


def make_network(
    config: NetworkConfig,
    antibody_width: int,
    antigen_width: int,
    assays: int = 0,
    seed: int = 0,
) -> AffinityNetwork:
    """A network whose weights depend on the seed alone; torch's generators are left as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AffinityNetwork(config, antibody_width, antigen_width, assays)
