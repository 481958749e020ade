"""Heads on the fused pair: an MLP, last layers in fp32, and the range of a pKd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from abag.model.network.config import HeadConfig, OutputConfig
from abag.model.network.dropout import Dropout


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that takes a batch of one row in training, by its running figures.

    With ``recorded`` a list, a batch's mean and variance are appended there and move nothing:
    several processes record theirs, and :meth:`follow` moves all of them by all.
    """

    recorded: list[Tensor] | None = None

    def forward(self, rows: Float[Tensor, "pairs width"]) -> Float[Tensor, "pairs width"]:
        """The rows, normalised."""
        if self.training and rows.shape[0] == 1:
            if self.recorded is not None:
                self.recorded.append(self._figures * torch.nan)
            return nn.functional.batch_norm(
                rows, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        if self.recorded is None or not self.training:
            return super().forward(rows)
        mean, variance = torch.zeros_like(self._figures)
        out = nn.functional.batch_norm(
            rows, mean, variance, self.weight, self.bias, True, 1.0, self.eps
        )
        self.recorded.append(torch.stack([mean, variance]))
        return out

    def follow(self, batches: Float[Tensor, "batches 2 width"]) -> None:
        """Move the running figures by the mean and variance of batches, one after the other.

        What is not a number comes from a batch of one row, which moves nothing.
        """
        buffers = self._buffers
        with torch.no_grad():
            for figures in batches:
                if bool(figures.isfinite().all()):
                    for name, moved in zip(("running_mean", "running_var"), figures, strict=True):
                        cast(Tensor, buffers[name]).lerp_(moved, self.momentum or 0.0)
                    cast(Tensor, buffers["num_batches_tracked"]).add_(1)

    @property
    def _figures(self) -> Float[Tensor, "2 width"]:
        """Running mean and variance."""
        return torch.stack([cast(Tensor, self.running_mean), cast(Tensor, self.running_var)])


class HiddenLayer(nn.Module):
    """Linear, normalisation, GELU, dropout; with ``residual`` a linear path around them."""

    def __init__(self, width_in: int, width: int, config: HeadConfig) -> None:
        super().__init__()
        norms = {"none": nn.Identity, "layer": nn.LayerNorm, "batch": BatchNorm}
        self.linear = nn.Linear(width_in, width)
        self.norm = norms[config.normalisation](width)
        self.drop = Dropout(config.dropout)
        self.around = nn.Linear(width_in, width, bias=False) if config.residual else None

    def forward(self, rows: Float[Tensor, "pairs width_in"]) -> Float[Tensor, "pairs width"]:
        """The layer's output."""
        hidden = self.drop(nn.functional.gelu(self.norm(self.linear(rows))))
        if self.around is not None:
            hidden = hidden + self.around(rows)
        return cast(Tensor, hidden)


def hidden_layers(width: int, config: HeadConfig) -> tuple[nn.Sequential, int]:
    """The hidden layers of a head over vectors of ``width``, and the width that comes out."""
    widths: Sequence[int] = (width, *config.hidden)
    layers = [HiddenLayer(a, b, config) for a, b in pairwise(widths)]
    return nn.Sequential(*layers), widths[-1]


def last_layer(layer: nn.Linear, rows: Float[Tensor, "pairs width"]) -> Float32[Tensor, " pairs"]:
    """Rows through a layer of width 1, in fp32 under any autocast."""
    with torch.autocast(rows.device.type, enabled=False):
        return cast(Tensor, layer(rows.float())).squeeze(1)


class OutputRange(nn.Module):
    """From any number to a pKd.

    ``clamp`` cuts, so a value beyond an end has no gradient. ``sigmoid`` is
    ``low + (high - low) sigmoid(4 (x - middle) / (high - low))``: in the middle x itself, with
    slope 1, and nowhere flat.
    """

    def __init__(self, config: OutputConfig) -> None:
        super().__init__()
        self.kind = config.range
        self.low, self.high = config.low, config.high

    def forward(self, raw: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
        """Affinities in pKd."""
        if self.kind == "free":
            return raw
        if self.kind == "clamp":
            return raw.clamp(self.low, self.high)
        span, middle = self.high - self.low, (self.low + self.high) / 2
        return self.low + span * torch.sigmoid(4 / span * (raw - middle))

    def inverse(self, pkd: float) -> float:
        """The number that becomes a pKd; one near or beyond an end is moved 1 % inside."""
        if self.kind == "free":
            return pkd
        span, middle = self.high - self.low, (self.low + self.high) / 2
        share = min(max((pkd - self.low) / span, 0.01), 0.99)
        if self.kind == "clamp":
            return self.low + span * share
        return middle + span / 4 * math.log(share / (1 - share))
