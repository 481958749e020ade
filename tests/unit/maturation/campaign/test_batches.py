"""Offsets of plates from what was measured on several of them."""

from __future__ import annotations

import numpy as np
import pytest

from abag.maturation.campaign.batches import batch_offsets


def rows(
    offset: float, controls: int, noise: float = 0.1, seed: int = 0
) -> tuple[list[str], list[str], np.ndarray]:
    """Two plates of 40 new variants each, and the parent in some wells of both."""
    rng = np.random.default_rng(seed)
    variants = [f"a{i}" for i in range(40)] + ["parent"] * controls
    variants += [f"b{i}" for i in range(40)] + ["parent"] * controls
    batches = ["first"] * (40 + controls) + ["second"] * (40 + controls)
    worth = {one: rng.normal(8.0, 1.0) for one in dict.fromkeys(variants)}
    values = [worth[one] + offset * (b == "second") for one, b in zip(variants, batches,
              strict=True)]  # fmt: skip
    return variants, batches, np.array(values) + rng.normal(0.0, noise, len(values))


def test_controls_tell_how_much_higher_a_plate_reads() -> None:
    first, second = batch_offsets(*rows(0.5, controls=4))
    assert (first.offset, first.standard_error, first.shared_variants) == (0.0, 0.0, 1)
    assert second.offset == pytest.approx(0.5, abs=0.15)
    assert second.standard_error < 0.15
    assert second.rows == 44


def test_without_anything_in_common_nothing_is_taken_off() -> None:
    found = batch_offsets(*rows(0.5, controls=0))
    assert [one.offset for one in found] == [0.0, 0.0]
    assert batch_offsets([], [], np.zeros(0)) == []


def test_plates_that_agree_are_left_alone() -> None:
    offsets = [batch_offsets(*rows(0.0, controls=4, seed=seed))[1].offset for seed in range(10)]
    assert np.abs(offsets).max() < 0.15
    assert np.abs(offsets).mean() < 0.07


def test_one_noisy_pair_moves_a_plate_less_than_many() -> None:
    few = batch_offsets(*rows(0.5, controls=1, noise=0.01))[1]
    many = batch_offsets(*rows(0.5, controls=8, noise=0.01))[1]
    assert few.standard_error > many.standard_error
    assert 0.0 <= few.offset < 0.6
