import numpy as np
import pytest
from scipy import stats

from abag.data.labels import Labels
from abag.evaluation.scores.grouping import (
    Groups,
    antigen_groups,
    difference_over_groups,
    score_groups,
)
from abag.evaluation.scores.intervals import ClusterBootstrap


@pytest.fixture
def simpson():
    """Ranks well over antigens and wrongly inside each."""
    keys, true, pred = [], [], []
    for antigen in range(6):
        for step in range(6):
            keys.append(f"antigen {antigen}")
            true.append(2.0 * antigen + 0.1 * step)
            pred.append(2.0 * antigen - 0.1 * step)
    return keys, np.array(true), np.array(pred)


def test_inside_antigens_a_model_may_be_wrong_where_the_pooled_figure_is_high(simpson):
    keys, true, pred = simpson
    level = score_groups(Labels.of(true), pred, Groups.of("antigen", keys), ClusterBootstrap(keys))
    assert stats.spearmanr(true, pred)[0] > 0.9
    assert level.summary["spearman"].mean == pytest.approx(-1.0)
    assert level.summary["spearman"].groups == 6


def test_groups_weigh_the_same_whatever_their_size():
    keys = ["big"] * 50 + ["small"] * 5 + ["tiny"] * 4
    true = np.concatenate([np.arange(50.0), np.arange(5.0), np.arange(4.0)])
    pred = np.concatenate([np.arange(50.0), -np.arange(5.0), np.arange(4.0)])
    level = score_groups(Labels.of(true), pred, Groups.of("antigen", keys), ClusterBootstrap(keys))
    assert [group.name for group in level.groups] == ["big", "small"]
    assert level.summary["spearman"].mean == pytest.approx(0.0)
    assert level.rows == 55


def test_a_group_with_constant_predictions_is_counted_as_undefined():
    keys = ["a"] * 5 + ["b"] * 5
    true = np.tile(np.arange(5.0), 2)
    pred = np.concatenate([np.full(5, 7.0), np.arange(5.0)])
    level = score_groups(Labels.of(true), pred, Groups.of("antigen", keys), ClusterBootstrap(keys))
    found = level.summary["spearman"]
    assert (found.mean, found.groups, found.undefined) == (pytest.approx(1.0), 1, 1)
    assert level.groups[0].scores["spearman"].reason == "all predictions are equal"
    assert level.summary["rmse"].groups == 2


def test_censored_rows_make_a_group_large_enough_for_concordance_only():
    nan = np.nan
    labels = Labels(
        np.array([8.0, 9.0, nan, nan, nan]),
        np.array([8.0, 9.0, -np.inf, -np.inf, -np.inf]),
        np.array([8.0, 9.0, 6.0, 6.0, 6.0]),
    )
    pred = np.array([8.0, 9.0, 5.0, 5.0, 8.5])
    level = score_groups(labels, pred, Groups.of("assay", ["x"] * 5), ClusterBootstrap(range(5)))
    group = level.groups[0]
    assert group.scores["spearman"].reason == "fewer than 5 rows"
    # 9 > 8, and six pairs with censored rows: 8 lies below one of them in the predictions.
    assert group.scores["concordance"].value == pytest.approx(6 / 7)


def test_rows_without_a_structure_are_in_no_complex():
    groups = Groups.of("complex", ["1abc", None, "1abc", "", "2xyz"])
    assert groups.codes.tolist() == [0, -1, 0, -1, 1]
    assert groups.names == ("1abc", "2xyz")


def test_antigen_groups_are_called_by_their_commonest_name(fakes):
    table = fakes.rows(
        [
            {"heavy": "A", "antigen": ["MK"], "antigen_name": "HER2"},
            {"heavy": "C", "antigen": ["MK"], "antigen_name": "ErbB2"},
            {"heavy": "D", "antigen": ["MK"], "antigen_name": "ErbB2"},
            {"heavy": "E", "antigen": ["ML"], "structure_id": "1n8z"},
            {"heavy": "F", "antigen": [], "assay": "hapten"},
            {"heavy": "G", "antigen": ["MM"], "antigen_name": "ErbB2"},
        ]
    )
    groups = antigen_groups(table)
    assert groups.codes.tolist() == [0, 0, 0, 1, 2, 3]
    assert groups.names[0] == "ErbB2 #1"
    assert groups.names[1].endswith("(1n8z)")
    assert groups.names[2] == "antigen not given (hapten)"
    assert groups.names[3] == "ErbB2 #2"


def test_groups_that_cross_clusters_are_recognised():
    groups = Groups.of("assay", ["x", "x", "y", "y"])
    assert groups.inside(np.array([0, 0, 1, 1])).tolist() == [0, 1]
    assert groups.inside(np.array([0, 1, 1, 1])) is None


def test_the_difference_over_groups_is_paired(simpson):
    keys, true, pred = simpson
    groups, bootstrap = Groups.of("antigen", keys), ClusterBootstrap(keys)
    labels = Labels.of(true)
    wrong = score_groups(labels, pred, groups, bootstrap)
    right = score_groups(labels, true, groups, bootstrap)
    value, count, interval = difference_over_groups(right, wrong, "spearman", groups, bootstrap)
    assert (value, count) == (pytest.approx(2.0), 6)
    assert (interval.low, interval.high) == (pytest.approx(2.0), pytest.approx(2.0))
