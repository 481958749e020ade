from __future__ import annotations

import pytest

from abag.encoders.batching import distinct, plan_batches
from abag.errors import OptionError


def test_the_longest_come_first_and_equal_lengths_keep_their_order():
    batches = plan_batches([3, 9, 9, 3, 3], budget=18)
    assert batches == [(1, 2), (0, 3, 4)]


def test_a_budget_counts_padding():
    # 10 + 9 + 9 = 28 residues would fit 29, but three rows of 10 are 30.
    assert plan_batches([10, 9, 9], budget=29) == [(0, 1), (2,)]


def test_a_molecule_longer_than_the_budget_goes_alone():
    assert plan_batches([5, 900, 5], budget=100) == [(1,), (0, 2)]


def test_rows_that_would_be_padded_by_more_than_a_tenth_start_a_batch():
    # 90 of 100 is padded by a tenth; 89 by more.
    assert plan_batches([100, 90], budget=10_000) == [(0, 1)]
    assert plan_batches([100, 89], budget=10_000) == [(0,), (1,)]


def test_nothing_to_encode_is_no_batch():
    assert plan_batches([], budget=10) == []


@pytest.mark.parametrize("budget", [0, -5])
def test_a_senseless_budget_is_refused(budget):
    with pytest.raises(OptionError, match="give"):
        plan_batches([4], budget)


def test_distinct_items_keep_the_order_of_their_first_appearance():
    found, places = distinct(["b", "a", "b", "c", "a"])
    assert found == ["b", "a", "c"]
    assert places.tolist() == [0, 1, 0, 2, 1]
