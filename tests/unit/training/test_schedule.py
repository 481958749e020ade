"""The learning rate of each step, by hand and against torch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from abag.training.engine.checkpoint import remembered_by
from abag.training.engine.schedule import Plateau, learning_rate
from abag.training.recipe import ScheduleConfig


def test_warm_up_climbs_in_equal_steps_and_then_the_cosine_falls_to_the_end():
    config = ScheduleConfig(kind="cosine", warmup_epochs=2, cosine_epochs=6, min_lr=0.1)
    rates = [learning_rate(step, 2, 1.0, config) for step in range(14)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == 1.0
    # Four of the eight steps of the cosine are done: half way between 1 and 0.1.
    assert rates[8] == pytest.approx(0.55)
    assert rates[5] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 8)))
    assert rates[12] == rates[13] == pytest.approx(0.1)


def test_part_of_an_epoch_is_a_warm_up_too():
    config = ScheduleConfig(kind="constant", warmup_epochs=0.5)
    assert [learning_rate(step, 8, 2.0, config) for step in range(5)] == [0.5, 1.0, 1.5, 2.0, 2.0]


def test_a_plateau_multiplies_the_rate_and_stops_at_the_lowest():
    config = ScheduleConfig(kind="plateau", factor=0.5, min_lr=0.2)
    rates = [learning_rate(9, 1, 1.0, config, reductions) for reductions in range(4)]
    assert rates == [1.0, 0.5, 0.25, 0.2]


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_plateau_rule_is_that_of_torch(higher_is_better: bool):
    torch = pytest.importorskip("torch")
    config = ScheduleConfig(kind="plateau", factor=0.6, patience=2)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, mode="max" if higher_is_better else "min", factor=0.6, patience=2
    )
    ours = Plateau(config, higher_is_better)
    for value in np.random.default_rng(0).uniform(0.1, 1.0, 60):
        ours.epoch(float(value))
        theirs.step(float(value))
        mine = learning_rate(0, 1, 1.0, config, ours.reductions)
        assert mine == pytest.approx(optimiser.param_groups[0]["lr"])
    assert ours.reductions > 3


def test_an_undefined_figure_is_no_gain():
    rule = Plateau(ScheduleConfig(kind="plateau", patience=1), higher_is_better=True)
    rule.epoch(0.5)
    rule.epoch(None)
    rule.epoch(None)
    assert (rule.reductions, rule.waited, rule.best) == (1, 0, 0.5)


def test_a_rule_goes_on_from_its_state():
    rule, other = (Plateau(ScheduleConfig(patience=1), True) for _ in range(2))
    for value in (0.1, -0.2, 0.3, 0.2):
        rule.epoch(value)
    vars(other).update(remembered_by(rule))
    rule.epoch(0.0)
    other.epoch(0.0)
    assert rule == other
    assert rule.reductions == 1
