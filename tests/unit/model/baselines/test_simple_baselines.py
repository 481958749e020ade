import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError
from abag.model.baselines.antigen_mean import AntigenMean
from abag.model.baselines.mean import Mean
from abag.model.baselines.nearest_neighbour import NearestNeighbour
from synthetic_pairs import HEAVY, LIGHT, canonical, complexes_table

TABLE = canonical({"antigen": [["AAA"], ["AAA"], ["CCC", "DDD"], []], "pkd": [6.0, 8.0, 10.0, 4.0]})


def asked(*antigens: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"antigen": antigens}, schema={"antigen": pl.List(pl.String)})


def test_the_mean_is_the_mean_for_every_pair() -> None:
    assert Mean().fit(TABLE).predict(TABLE).tolist() == [7.0] * 4


def test_the_antigen_mean_is_shrunk_by_its_number_of_rows() -> None:
    model = AntigenMean(shrinkage=2.0).fit(TABLE)
    # (6 + 8 + 2 * 7) / (2 + 2), (10 + 2 * 7) / (1 + 2)
    assert model.predict(asked(["AAA"], ["CCC", "DDD"])).tolist() == [7.0, 8.0]


def test_without_shrinkage_the_antigen_mean_is_plain() -> None:
    model = AntigenMean(shrinkage=0.0).fit(TABLE)
    assert model.predict(asked(["AAA"], ["CCC", "DDD"])).tolist() == [7.0, 10.0]


def test_an_unknown_or_missing_antigen_gets_the_global_mean() -> None:
    model = AntigenMean().fit(TABLE)
    assert model.predict(asked(["WWW"], [], ["DDD", "CCC"])).tolist() == [7.0] * 3


def test_antigen_means_work_where_no_antigen_is_known() -> None:
    model = AntigenMean().fit(canonical({"antigen": [[], []], "pkd": [6.0, 8.0]}))
    assert model.predict(asked([], ["AAA"])).tolist() == [7.0, 7.0]


def test_the_nearest_neighbour_gives_back_its_own_target() -> None:
    table = complexes_table(30).unique(["heavy", "light", "antigen"], maintain_order=True)
    model = NearestNeighbour().fit(table)
    answer = model.answer(table)
    values, similarity = answer.value, answer.pair
    assert np.allclose(values, table["pkd"].to_numpy())
    assert np.allclose(similarity, 1.0)


def test_equally_near_pairs_are_averaged() -> None:
    table = canonical({"antigen": [["MKTAYI"]] * 3, "pkd": [6.0, 7.0, 11.0]})
    assert NearestNeighbour().fit(table).predict(table).tolist() == [8.0] * 3


def test_k_neighbours_vote() -> None:
    near = HEAVY.replace("WGGDGF", "WGGDGY")
    far = HEAVY.replace("WGGDGFYAMDY", "AAAAAAAAAAA")
    table = canonical({"heavy": [HEAVY, near, far], "pkd": [6.0, 8.0, 1.0]})
    query = table[:1]
    assert NearestNeighbour(neighbours=1).fit(table).predict(query).tolist() == [6.0]
    assert NearestNeighbour(neighbours=2).fit(table).predict(query).tolist() == [7.0]
    assert NearestNeighbour(neighbours=99).fit(table).predict(query).tolist() == [5.0]


def test_a_lone_heavy_chain_is_nearer_to_a_lone_heavy_chain() -> None:
    table = canonical({"light": [LIGHT, None], "pkd": [6.0, 8.0]})
    assert NearestNeighbour().fit(table).predict(table).tolist() == [6.0, 8.0]


def test_an_unfitted_model_says_so() -> None:
    with pytest.raises(ModelError, match="not fitted"):
        Mean().predict(TABLE)


def test_no_rows_to_predict_give_no_predictions() -> None:
    assert NearestNeighbour().fit(TABLE).predict(TABLE[:0]).shape == (0,)
