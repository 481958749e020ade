"""A short run of the made-up landscapes: no kind is lost to a one-hot ridge, none explodes."""

import numpy as np
import pytest

from abag_lab.replay.made_landscapes import KINDS, MadeLandscape, score_landscape, summary

SHORT = (0, 20, 1, 21, 2, 22, 3, 23)
"""Twenty-four rows of each kind, with small and with large noise."""


@pytest.fixture(scope="module")
def scores():
    return [one for number in SHORT for one in score_landscape(MadeLandscape.of(number))]


def test_a_landscape_is_drawn_by_its_number_alone():
    one, again = MadeLandscape.of(5), MadeLandscape.of(5)
    assert one.table.equals(again.table)
    assert not one.table.equals(MadeLandscape.of(85).table)
    assert (one.kind, one.rows, one.noise) == ("epistatic", 48, 0.1)


def test_a_floor_holds_two_fifths_of_the_values():
    values = MadeLandscape.of(2).table["pkd"].to_numpy()
    assert (values == values.min()).mean() == pytest.approx(0.4, abs=0.02)


def test_no_kind_is_lost_to_a_one_hot_ridge(scores):
    found = summary(scores)
    assert set(found["kind"]) == set(KINDS)
    random = found.filter(found["held_out"] == "random")
    assert random["gain"].mean() > -0.03


def test_additive_truth_of_some_dozen_rows_is_not_lost_among_kernels():
    """Ninety-six rows with little noise: as good as the ridge however rows are held out."""
    additive = score_landscape(MadeLandscape.of(48))
    assert {one.held_out for one in additive} == {"random", "new positions", "more mutations"}
    assert all((one.kind, one.rows, one.noise) == ("additive", 96, 0.1) for one in additive)
    assert all(one.assay_gp > one.ridge - 0.03 for one in additive)
    assert all(one.coverage >= 0.85 for one in additive)


def test_intervals_hold_and_stay_within_physics(scores):
    random = [one for one in scores if one.held_out == "random"]
    assert 0.8 <= np.mean([one.coverage for one in random]) <= 0.99
    assert all(one.lowest >= 0.0 and one.highest <= 16.0 for one in scores)
