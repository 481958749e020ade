"""Trades between aims: nobody on the first front is beaten, everybody behind it is."""

import numpy as np

from abag.maturation.propose.aims import fronts


def test_a_trade_is_on_the_first_front_and_what_is_worse_in_all_is_behind() -> None:
    merits = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.5, 0.5], [0.0, 0.0], [1.0, 1.0]])
    assert fronts(merits).tolist() == [1, 1, 1, 2, 3, 1]


def test_a_front_is_what_its_definition_says() -> None:
    merits = np.random.default_rng(0).normal(size=(60, 3)).round(1)
    ranks = fronts(merits)
    beats = (merits[:, None] >= merits).all(axis=2) & (merits[:, None] > merits).any(axis=2)
    for row in range(60):
        behind = ranks[beats[:, row]]
        assert ranks[row] == 1 + (behind.max() if len(behind) else 0)


def test_one_aim_is_an_order() -> None:
    assert fronts(np.array([[3.0], [1.0], [2.0]])).tolist() == [1, 3, 2]
