from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError
from abag.model.baselines.one_hot_ridge import RIDGES, OneHotRidge, ridge_by_leaving_one_out
from synthetic_pairs import HEAVY, assay_table, canonical, complexes_table


def test_effects_that_add_up_are_learnt() -> None:
    table = assay_table(200)
    model = OneHotRidge().fit(table[:150])
    found = model.predict(table[150:])
    assert np.corrcoef(found, table[150:]["pkd"].to_numpy())[0, 1] > 0.999
    assert model.ridge in RIDGES


def test_several_assays_are_refused_by_name() -> None:
    table = assay_table(10).with_columns(assay=pl.Series(["b", "a"] * 5))
    with pytest.raises(ModelError, match="a, b"):
        OneHotRidge().fit(table)


def test_several_antigens_are_refused() -> None:
    with pytest.raises(ModelError, match="does not see the antigen"):
        OneHotRidge().fit(complexes_table(20))


def test_copies_of_one_antibody_teach_nothing() -> None:
    with pytest.raises(ModelError, match="same chains"):
        OneHotRidge().fit(canonical({"pkd": [6.0, 7.0, 8.0]}))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ModelError, match="3 exact rows or more, not 2"):
        OneHotRidge().fit(assay_table(2))


def test_an_unseen_residue_is_flagged() -> None:
    model = OneHotRidge().fit(assay_table(60))
    new = assay_table(1).with_columns(heavy=pl.lit(HEAVY[:27] + "C" + HEAVY[28:]))
    flags = model.row_flags(pl.concat([assay_table(60)[:1], new]))
    assert flags["residue_not_seen_in_training"].tolist() == [False, True]


def test_a_chain_of_another_length_is_refused_not_guessed() -> None:
    model = OneHotRidge().fit(assay_table(30))
    shorter = assay_table(2).with_columns(heavy=pl.Series([HEAVY, HEAVY[:-1]]))
    refusals = model.refusals(shorter)
    assert refusals[0] is None
    assert "119 residues" in (refusals[1] or "")
    with pytest.raises(ModelError, match="row r1"):
        model.predict(shorter)


def test_variants_of_several_lengths_are_laid_on_imgt_positions() -> None:
    table = assay_table(60)
    # A residue less in the framework: the target must not change with it.
    shortened = table.with_columns(
        heavy=pl.when(pl.col("source_row") % 2 == 0)
        .then(pl.col("heavy").str.slice(1))
        .otherwise("heavy")
    )
    model = OneHotRidge().fit(shortened)
    assert np.corrcoef(model.predict(shortened), table["pkd"].to_numpy())[0, 1] > 0.99
    assert model.refusals(table[:3]) == [None] * 3


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(one, other)[0])


@pytest.mark.sources
@pytest.mark.parametrize(
    ("assay", "floors"),
    [("3gbn_h1", {24: 0.76, 96: 0.91, 0.8: 0.92}), ("1mlc", {24: 0.06, 96: 0.28, 0.8: 0.51})],
)
def test_the_few_shot_floors_of_abbibench_come_out_again(
    sources_dir: Path, assay: str, floors: dict[float, float]
) -> None:
    """Last 20 % of a permutation is the test set; the mean over five seeds is published."""
    name = f"{assay}_benchmarking_data_AntiBERTy_scores.csv"
    raw = pl.read_csv(sources_dir / "abbibench" / name)
    table = canonical(
        {
            "heavy": raw["mut_heavy_chain_seq"].to_list(),
            "rank_score": raw["binding_score"].to_list(),
        }
    )
    for size, published in floors.items():
        scores = []
        for seed in range(5):
            order = np.random.RandomState(seed).permutation(table.height)
            edge = int(0.8 * table.height)
            train = order[: edge if size < 1 else int(size)]
            test = table[order[edge:]]
            model = OneHotRidge(target="rank_score").fit(table[train])
            scores.append(spearman(model.predict(test), test["rank_score"].to_numpy()))
        assert np.mean(scores) == pytest.approx(published, abs=0.006)


def test_the_ridge_is_that_of_scikit_learn():
    reference = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    for rows, columns in ((12, 40), (60, 7), (30, 30)):
        x = rng.integers(0, 2, (rows, columns)).astype(float)
        y = x @ rng.normal(size=columns) + rng.normal(size=rows)
        ours = ridge_by_leaving_one_out(x, y)
        theirs = reference.RidgeCV(RIDGES).fit(x, y)
        assert ours[0] == theirs.alpha_
        np.testing.assert_allclose(ours[1], theirs.coef_, rtol=1e-6, atol=1e-9)
        assert ours[2] == pytest.approx(theirs.intercept_)
