"""What holds for any scores: quantiles grow with the level, and say what a count says."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from abag.uncertainty.calibration import ScoreDistribution, signed_scores

SCORES = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=60)
LEVELS = st.floats(0.01, 0.99)


@given(SCORES, LEVELS)
def test_rows_of_their_own_give_the_split_conformal_quantile(
    scores: list[float], level: float
) -> None:
    found = ScoreDistribution.of(np.array(scores), [str(i) for i in range(len(scores))])
    place = math.ceil(level * (len(scores) + 1) - 1e-9)
    expected = sorted(scores)[place - 1] if place <= len(scores) else math.inf
    assert found.quantile(level) == expected


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(0, 5)), min_size=1), LEVELS, LEVELS)
def test_a_higher_level_never_gives_a_narrower_interval(
    rows: list[tuple[float, int]], one: float, other: float
) -> None:
    scores = np.array([score for score, _ in rows])
    found = ScoreDistribution.of(scores, [str(cluster) for _, cluster in rows])
    low, high = sorted((one, other))
    assert found.quantile(low) <= found.quantile(high)


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(0, 5)), min_size=1), LEVELS)
def test_copies_of_a_whole_cluster_change_nothing(
    rows: list[tuple[float, int]], level: float
) -> None:
    copied = rows + [row for row in rows if row[1] == rows[0][1]]
    once, twice = (
        ScoreDistribution.of(np.array([s for s, _ in part]), [str(c) for _, c in part])
        for part in (rows, copied)
    )
    assert once.quantile(level) == twice.quantile(level)


@given(st.floats(0.0, 14.0), st.floats(0.1, 3.0), st.floats(0.0, 14.0))
def test_a_bound_never_counts_with_more_than_the_exact_value_would(
    predicted: float, scale: float, measured: float
) -> None:
    one = np.array([predicted]), np.array([scale])
    value, infinite = np.array([measured]), np.array([np.inf])
    exact = signed_scores(*one, value, value)
    for bound in (signed_scores(*one, value, infinite), signed_scores(*one, -infinite, value)):
        for side, true in zip(bound, exact, strict=True):
            assert np.isnan(side[0]) or side[0] == true[0]
