"""The order of rows is a function of seed and epoch."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from abag.errors import OptionError
from abag.training.engine.plan import RUN, BatchPlan
from abag.training.recipe import BatchConfig, SamplerConfig

KINDS = ["shuffle", "length-buckets", "pkd-bins", "assay-balanced"]


def plan_of(
    kind: str, rows: int = 53, size: int = 8, accumulate: int = 1, **other: Any
) -> BatchPlan:
    rng = np.random.default_rng(1)
    values = {
        "residues": rng.integers(100, 900, rows),
        "values": rng.normal(8.0, 1.0, rows),
        "assays": rng.integers(0, 3, rows),
        **other,
    }
    sampler, batch = SamplerConfig(kind=kind), BatchConfig(size=size, accumulate=accumulate)
    return BatchPlan(sampler, batch, 7, np.arange(rows) + 1000, **values)


def flat(plan: BatchPlan, epoch: int) -> list[int]:
    return [int(row) for step in plan.epoch(epoch) for batch in step for row in batch]


@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_depends_on_seed_and_number_alone(kind: str):
    first, again = plan_of(kind), plan_of(kind)
    again.epoch(3)
    assert flat(first, 5) == flat(again, 5)
    assert flat(first, 5) != flat(first, 6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [2, 8, 9, 16, 17, 53])
def test_every_epoch_has_the_steps_and_rows_that_are_announced(kind: str, rows: int):
    plan = plan_of(kind, rows, accumulate=2)
    for epoch in range(3):
        steps = plan.epoch(epoch)
        assert len(steps) == plan.steps_per_epoch
        assert sum(len(step) for step in steps) == plan.batches_per_epoch
        assert len(flat(plan, epoch)) == rows
        assert min(len(batch) for step in steps for batch in step) > 1


@pytest.mark.parametrize("kind", ["shuffle", "length-buckets"])
def test_each_row_comes_once_an_epoch(kind: str):
    assert sorted(flat(plan_of(kind), 2)) == list(range(1000, 1053))


def test_a_place_is_an_epoch_and_a_step_in_it():
    plan = plan_of("shuffle", rows=48, accumulate=2)
    assert plan.steps_per_epoch == 3
    assert [plan.place(step) for step in (0, 2, 3, 7)] == [(0, 0), (0, 2), (1, 0), (2, 1)]


def test_length_buckets_put_rows_of_like_length_together():
    def spread(plan: BatchPlan) -> float:
        lengths = plan.residues
        batches = [batch - 1000 for step in plan.epoch(0) for batch in step]
        return float(np.mean([np.ptp(lengths[batch]) for batch in batches]))

    assert spread(plan_of("length-buckets", 400)) < 0.1 * spread(plan_of("shuffle", 400))


def test_bins_of_pkd_come_equally_often_however_full_they_are():
    values = np.concatenate([np.full(90, 6.1), np.full(8, 8.0), np.full(2, 10.9)])
    plan = plan_of("pkd-bins", 100, values=values)
    drawn = Counter(values[row - 1000] for epoch in range(60) for row in flat(plan, epoch))
    assert all(abs(count / 6000 - 1 / 3) < 0.03 for count in drawn.values())
    assert len(drawn) == 3


def test_equal_labels_make_one_bin():
    plan = plan_of("pkd-bins", 20, values=np.full(20, 7.0))
    assert len(flat(plan, 0)) == 20


def test_small_assays_come_as_often_as_large_ones_and_in_runs():
    assays = np.array([0] * 300 + [1] * 20 + [2] * 12)
    plan = plan_of("assay-balanced", len(assays), size=16, assays=assays)
    drawn = [assays[row - 1000] for epoch in range(4) for row in flat(plan, epoch)]
    shares = [drawn.count(assay) / len(drawn) for assay in range(3)]
    assert all(abs(share - 1 / 3) < 0.04 for share in shares)
    assert len(set(drawn[:RUN])) == 1


def test_processes_share_a_step_without_overlap():
    plan = plan_of("shuffle", accumulate=4)
    (step, *_) = plan.epoch(0)
    shares = [BatchPlan.share_of(step, rank, 2) for rank in range(2)]
    assert [[place for place, _ in share] for share in shares] == [[0, 2], [1, 3]]
    plan.require_world(2)
    with pytest.raises(OptionError, match=r"batch\.accumulate=12 with batch\.size=2"):
        plan.require_world(3)


def test_the_rows_of_an_assay_come_in_turn_so_that_every_one_is_seen():
    assays = np.array([0] * 300 + [1] * 20 + [2] * 12)
    plan = plan_of("assay-balanced", len(assays), size=16, assays=assays)
    for epoch in range(3):
        drawn = Counter(row - 1000 for row in flat(plan, epoch))
        for assay in range(3):
            counts = [drawn[row] for row in np.flatnonzero(assays == assay)]
            assert max(counts) - min(counts) <= 1
            assert sum(counts) > 100
