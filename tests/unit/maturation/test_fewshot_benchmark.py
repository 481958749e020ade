import numpy as np
import polars as pl

from abag.maturation.fewshot_benchmark import MODELS, FewShotBenchmark, FewShotScore, score_split
from abag.maturation.landscapes import Landscape, with_values
from synthetic_pairs import assay_table


def test_the_split_is_that_of_the_protocol() -> None:
    table = assay_table(50)
    scores = score_split(Landscape("made-up", table), 7, 24, MODELS)
    order = np.random.RandomState(7).permutation(50)
    assert [one.model for one in scores] == list(MODELS)
    assert {(one.rows, one.test_rows, one.size) for one in scores} == {(24, 10, "24")}
    from scipy.stats import spearmanr

    from abag.model.registry import create_model

    ridge = create_model("one-hot-ridge", {"target": "rank_score"}).fit(table[order[:24].tolist()])
    test = table[order[40:].tolist()]
    expected = spearmanr(ridge.predict(test), test["rank_score"].to_numpy()).statistic
    assert np.isclose(scores[1].spearman or 0.0, expected)


def test_a_size_beyond_the_training_rows_is_left_out() -> None:
    assert score_split(Landscape("made-up", assay_table(50)), 0, 41, MODELS) == []


def test_training_rows_that_are_all_at_the_floor_give_no_figure() -> None:
    flat = assay_table(50).with_columns(rank_score=pl.lit(6.0))
    scores = score_split(Landscape("flat", flat), 0, 24, MODELS)
    assert [one.spearman for one in scores] == [None, None, None]


def test_a_censored_row_stands_at_its_bound() -> None:
    table = assay_table(3).with_columns(
        pkd=pl.Series([None, 7.0, 8.0]), rank_score=pl.Series([None, 7.0, 8.0]),
        rank_upper=pl.Series([5.0, 7.0, 8.0]), rank_lower=pl.Series([None, 7.0, 8.0]),
    )  # fmt: skip
    assert with_values(table)["rank_score"].to_list() == [5.0, 7.0, 8.0]


def test_the_mean_is_over_landscapes_of_means_over_seeds() -> None:
    def score(landscape: str, seed: int, value: float) -> FewShotScore:
        return FewShotScore(landscape, "m", "24", seed, 24, 10, value, None, 0.0)

    scores = (score("a", 0, 0.0), score("a", 1, 0.2), score("b", 0, 0.5))
    done = FewShotBenchmark(scores, {})
    assert np.isclose(done.of("a", "m", "24") or 0.0, 0.1)
    assert np.isclose(done.mean("m", "24") or 0.0, 0.3)
    assert done.mean("m", "96") is None
