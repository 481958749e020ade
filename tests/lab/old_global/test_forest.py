import numpy as np
import pytest

from abag_lab.old_global.forest import Forest


def sample(rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    features = rng.normal(size=(rows, 12)).round(2)
    target = features[:, 0] * 2 + np.sin(3 * features[:, 1]) + rng.normal(0, 0.2, rows)
    return features, target, rng.uniform(0.2, 2.0, rows)


def grow(features: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Forest:
    return Forest.grow(features, target, weights, trees=30, leaf=3, share=0.4, seed=5)


def test_arrays_predict_what_scikit_learn_predicts() -> None:
    from sklearn.ensemble import ExtraTreesRegressor

    features, target, weights = sample()
    theirs = ExtraTreesRegressor(30, min_samples_leaf=3, max_features=0.4, random_state=5)
    theirs.fit(features[:200].astype(np.float32), target[:200], sample_weight=weights[:200])
    single = np.stack([t.predict(features.astype(np.float32)) for t in theirs.estimators_])
    mean, spread = grow(features[:200], target[:200], weights[:200]).predict(features)
    assert mean == pytest.approx(single.mean(axis=0), abs=1e-12)
    assert spread == pytest.approx(single.std(axis=0), abs=1e-12)


def test_a_row_is_predicted_alike_in_any_batch() -> None:
    features, target, weights = sample()
    forest = grow(features, target, weights)
    whole = forest.predict(features)[0]
    assert np.array_equal(whole[17:18], forest.predict(features[17:18])[0])


def test_a_forest_is_saved_and_read() -> None:
    features, target, weights = sample()
    forest = grow(features, target, weights)
    again = Forest.from_arrays("f", forest.arrays("f"))
    assert np.array_equal(again.predict(features)[0], forest.predict(features)[0])


def test_a_single_leaf_predicts_the_weighted_mean() -> None:
    features, target, weights = sample(4)
    forest = Forest.grow(features, target, weights, trees=3, leaf=4, share=1.0, seed=0)
    mean, spread = forest.predict(features)
    assert mean == pytest.approx(np.full(4, np.average(target, weights=weights)))
    assert spread == pytest.approx(np.zeros(4))


@pytest.mark.parametrize("equal", [(), (0,), (0, 1, 2, 3, 4, 5), tuple(range(12))])
def test_features_that_are_equal_in_all_rows_are_asked_once_and_change_nothing(equal) -> None:
    features, target, weights = sample()
    forest = grow(features, target, weights)
    asked = features[:150].copy()
    asked[:, list(equal)] = asked[3, list(equal)]
    few = [forest.predict(asked[start : start + 50]) for start in (0, 50, 100)]
    mean, spread = forest.predict(asked)
    assert np.array_equal(mean, np.concatenate([part[0] for part in few]))
    assert np.array_equal(spread, np.concatenate([part[1] for part in few]))
