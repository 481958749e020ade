"""Running figures of batch normalisation that follow the batches of all processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from abag.model.network.heads import BatchNorm
from abag.training.engine.world import World


@contextmanager
def following(network: nn.Module, world: World, batches: int) -> Iterator[None]:
    """Let running figures follow all batches of a step that is computed inside ``with``.

    Each process normalises its own batches; then every one gets the means and variances of all and
    moves its running figures by them in the order of the step, as one process would.

    Args:
        network: whose batch normalisations follow.
        world: process r of w computes batches r, r + w, ...
        batches: of the step.
    """
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    if world.size == 1 or not norms:
        yield
        return
    for norm in norms:
        norm.recorded = []
    try:
        yield
        for norm in norms:
            figures = torch.zeros(batches, 2, norm.num_features, device=norm.weight.device)
            if norm.recorded:
                figures[world.rank :: world.size] = torch.stack(norm.recorded)
            norm.follow(world.sum_of(figures))
    finally:
        for norm in norms:
            norm.recorded = None
