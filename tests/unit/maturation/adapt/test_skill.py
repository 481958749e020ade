import numpy as np
import polars as pl
import pytest

from abag.maturation.adapt.ranking import spearman, spearman_interval
from abag.maturation.adapt.skill import (
    count_folds,
    learning_curve,
    measure_skill,
    position_folds,
    random_folds,
)
from synthetic_pairs import HEAVY, assay_table, canonical


def mutated(*places: int) -> str:
    letters = list(HEAVY)
    for place in places:
        letters[place] = "W" if letters[place] != "W" else "A"
    return "".join(letters)


def variants(sets: list[tuple[int, ...]]) -> pl.DataFrame:
    values = [float(len(places)) for places in sets]
    return canonical(
        {
            "heavy": [mutated(*places) for places in sets], "pkd": values, "pkd_lower": values,
            "pkd_upper": values, "rank_score": values,
            "mutations": [";".join(f"H:A{p}W" for p in places) for places in sets],
        }
    )  # fmt: skip


def test_every_row_is_tested_once_and_never_trained_on_there() -> None:
    folds = random_folds(23, 5, seed=1)
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(23))
    assert all(not set(train.tolist()) & set(test.tolist()) for train, test in folds)


def test_a_dozen_rows_are_left_out_one_by_one() -> None:
    assert [len(test) for _, test in random_folds(12, 5, seed=0)] == [1] * 12


def test_no_training_row_changes_a_position_that_is_held_out() -> None:
    table = variants([(place,) for place in range(10, 70)])
    folds = position_folds(table, 5)
    assert len(folds) == 5
    for train, test in folds:
        positions = [{place + 10 for place in rows.tolist()} for rows in (train, test)]
        assert not positions[0] & positions[1]
        assert len(test) == 12


def test_doubles_are_predicted_from_singles() -> None:
    table = variants([(place,) for place in range(12)] + [(p, p + 20) for p in range(8)])
    ((train, test),) = count_folds(table)
    assert train.tolist() == list(range(12))
    assert test.tolist() == list(range(12, 20))


def test_an_assay_of_singles_has_no_question_of_more_mutations() -> None:
    assert count_folds(variants([(place,) for place in range(30)])) == []


def test_skill_of_an_additive_assay_is_high_and_the_mean_has_no_order() -> None:
    skills = measure_skill(assay_table(60), "pkd")
    assert skills[0].name == "random"
    own = skills[0].of("assay-gp")
    assert own.spearman is not None
    assert own.spearman > 0.8
    assert own.interval is not None
    assert own.interval[0] < own.spearman < own.interval[1]
    assert skills[0].of("mean").spearman is None
    assert own.rmse is not None
    assert own.rmse < (skills[0].of("mean").rmse or 0.0)


def test_shuffled_values_have_no_skill() -> None:
    table = assay_table(60)
    shuffled = table.with_columns(pkd=table["pkd"].shuffle(seed=4))
    own = measure_skill(shuffled, "pkd")[0].of("assay-gp")
    assert own.spearman is not None
    assert abs(own.spearman) < 0.35


def test_the_learning_curve_rises_on_an_assay_that_can_be_learnt() -> None:
    points = {one.rows: one.spearman for one in learning_curve(assay_table(120), "pkd")
              if one.model == "assay-gp"}  # fmt: skip
    assert list(points) == [12, 24, 48, 96]
    assert (points[96] or 0.0) > (points[12] or 0.0)


def test_spearman_of_a_hand_worked_example() -> None:
    # ranks 1 2 3 4 5 against 2 1 4 3 5: 1 - 6 * 4 / (5 * 24) = 0.8
    assert spearman(np.arange(5.0), np.array([2.0, 1.0, 4.0, 3.0, 5.0])) == pytest.approx(0.8)


def test_spearman_of_equal_predictions_is_undefined() -> None:
    assert spearman(np.arange(5.0), np.full(5, 3.0)) is None
    assert spearman_interval(np.arange(5.0), np.full(5, 3.0)) is None


def test_a_variant_that_is_predicted_twice_makes_the_interval_no_narrower() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=30)
    pred = true + rng.normal(size=30)
    twice = np.tile(np.arange(30), 2)
    found = spearman_interval(true[twice], pred[twice], variants=twice)
    assert found == pytest.approx(spearman_interval(true, pred))
    alone = spearman_interval(true[twice], pred[twice])
    assert found is not None
    assert alone is not None
    assert found[1] - found[0] > alone[1] - alone[0]
