"""The learning rate of each step: a pure function, but for what the plateau rule has seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from abag.training.recipe import ScheduleConfig

THRESHOLD: Final = 1e-4
"""Relative gain that counts as one, as in torch's ReduceLROnPlateau."""


@dataclass
class Plateau:
    """Multiplies the rate by ``factor`` after more than ``patience`` epochs without gain.

    The rule of ``torch.optim.lr_scheduler.ReduceLROnPlateau`` with a relative threshold (of the
    best figure's size, so that negative ones are judged alike); its state is three plain numbers.
    """

    config: ScheduleConfig
    higher_is_better: bool
    best: float | None = None
    waited: int = 0
    reductions: int = 0

    def epoch(self, value: float | None) -> None:
        """Note the figure of an epoch; an undefined one is no gain."""
        if value is not None and self._gains(value):
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited > self.config.patience:
            self.reductions, self.waited = self.reductions + 1, 0

    def _gains(self, value: float) -> bool:
        if self.best is None:
            return True
        margin = THRESHOLD * abs(self.best)
        return (value - self.best if self.higher_is_better else self.best - value) > margin


def learning_rate(
    step: int, steps_per_epoch: int, highest: float, config: ScheduleConfig, reductions: int = 0
) -> float:
    """Rate of a step (from 0).

    Linear warm-up to ``highest``; then constant, or down a cosine that ends at ``min_lr`` after
    ``cosine_epochs`` epochs counted from the start (and stays there), or ``highest`` times
    ``factor`` for each of the plateau rule's ``reductions``, never below ``min_lr``.
    """
    warmup = round(config.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return highest * (step + 1) / warmup
    floor = min(config.min_lr, highest)
    if config.kind == "constant":
        return highest
    if config.kind == "plateau":
        return max(floor, highest * config.factor**reductions)
    end = max(config.cosine_epochs * steps_per_epoch, warmup + 1)
    elapsed = min(1.0, (step - warmup) / (end - warmup))
    return floor + (highest - floor) * 0.5 * (1 + math.cos(math.pi * elapsed))
