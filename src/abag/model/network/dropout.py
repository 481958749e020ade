"""Dropout whose draws do not depend on how many batches are computed at once.

A step adds up the gradients of several batches, each with a seed of its own, so that a batch is
the same in whichever process it is computed. Where small batches are computed together, each still
draws from its own generator, in the order in which it would draw alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

Draws = Sequence[tuple[int, torch.Generator]]
"""Number of pairs of each batch, and its generator."""

_DRAWS: ContextVar[Draws] = ContextVar("_DRAWS", default=())


@contextmanager
def drawn_apart(pairs: Sequence[int], seeds: Sequence[int], device: torch.device) -> Iterator[None]:
    """Let the next pairs of each batch draw from a generator of their own, inside ``with``.

    Args:
        pairs: number of pairs of each batch, which follow each other in what is computed.
        seeds: of each batch, as ``torch.manual_seed`` would take it.
        device: where the draws are made.
    """
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    token = _DRAWS.set(tuple(zip(pairs, generators, strict=True)))
    try:
        yield
    finally:
        _DRAWS.reset(token)


def dropped(rows: Float[Tensor, " pairs *rest"], share: float) -> Float[Tensor, " pairs *rest"]:
    """Dropout in training: zero with chance ``share``, the rest scaled up."""
    draws = _DRAWS.get()
    if not share or not draws:
        return functional.dropout(rows, share)
    keep = torch.empty(rows.shape, dtype=torch.bool, device=rows.device)
    for part, (_, generator) in zip(torch.split(keep, [n for n, _ in draws]), draws, strict=True):
        part.bernoulli_(1 - share, generator=generator)
    return rows.mul(keep).mul(1 / (1 - share))


def keep_mask(
    shape: torch.Size, chance: float, device: torch.device
) -> tuple[Bool[Tensor, ...], float]:
    """Bool of a shape, true with about that chance, and the chance as it is.

    For weights of attention, which are by far the most that is drawn. On a CPU one random number
    of 64 bits serves four of them, which takes a quarter of the time; chances are then multiples
    of 2^-16.
    """
    if device.type != "cpu":
        return torch.rand(shape, device=device) < chance, chance
    levels = min(round(chance * 2**16), 2**16 - 1)
    count = math.prod(shape)
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    return (bits.view(torch.int16)[:count] < levels - 2**15).view(shape), levels / 2**16


class Dropout(nn.Module):
    """``nn.Dropout`` by :func:`dropped`."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, rows: Float[Tensor, " pairs *rest"]) -> Float[Tensor, " pairs *rest"]:
        """The rows, some of their numbers zero in training."""
        return dropped(rows, self.share) if self.training else rows

    def extra_repr(self) -> str:
        """The share, for a printed network."""
        return f"share={self.share}"
