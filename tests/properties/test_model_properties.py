"""What must hold of every model, whatever it learns. A new model is tested by its registration."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abag.model.protocol import MODELS, AffinityModel, create_model, load_model
from synthetic_pairs import assay_table, complexes_table

OF_ONE_ASSAY = ("one-hot-ridge", "assay-gp")
FITTED: dict[str, AffinityModel] = {}
LEARNERS = [name for name in MODELS if name != "network"]
"""Models that learn by ``fit``; networks are trained by recipes, and have tests of their own."""
GROWN = ("pairs",)
"""Trees whose splits are drawn at random: rounding may turn a split, so that predictions move by a
little where other models stay as they are."""


def training_table(name: str) -> pl.DataFrame:
    return assay_table(60) if name in OF_ONE_ASSAY else complexes_table(60)


def fitted(name: str) -> AffinityModel:
    if name not in FITTED:
        FITTED[name] = create_model(name).fit(training_table(name))
    return FITTED[name]


def new_rows(name: str) -> pl.DataFrame:
    table = assay_table(40, 1) if name in OF_ONE_ASSAY else complexes_table(40, 6, 1)
    known = training_table(name)[:10]
    return pl.concat([table, known]).drop("pkd", "rank_score")


def tolerance(name: str) -> float:
    return 0.1 if name in GROWN else 1e-9


@pytest.mark.parametrize("name", LEARNERS)
@given(rows=st.lists(st.integers(0, 49), min_size=1, max_size=30))
@settings(max_examples=15)
def test_a_prediction_depends_on_its_row_alone(name: str, rows: list[int]) -> None:
    table, model = new_rows(name), fitted(name)
    whole = model.predict(table)
    assert np.array_equal(model.predict(table[rows]), whole[rows])
    assert model.predict(table[rows[:1]])[0] == whole[rows[0]]


@pytest.mark.parametrize("name", LEARNERS)
def test_every_prediction_is_a_finite_number(name: str) -> None:
    values = fitted(name).predict(new_rows(name))
    assert values.shape == (50,)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()


@pytest.mark.parametrize("name", LEARNERS)
def test_a_loaded_model_predicts_the_same_bits(name: str) -> None:
    model = fitted(name)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "m")
        again = load_model(Path(folder) / "m")
    assert np.array_equal(again.predict(new_rows(name)), model.predict(new_rows(name)))
    assert again.model_id == model.model_id
    assert again.training == model.training
    assert again.settings == model.settings


@pytest.mark.parametrize("name", LEARNERS)
def test_the_order_of_training_rows_does_not_matter(name: str) -> None:
    shuffled = training_table(name).sample(fraction=1.0, shuffle=True, seed=5)
    again = create_model(name).fit(shuffled)
    table = new_rows(name)
    assert np.allclose(again.predict(table), fitted(name).predict(table), atol=tolerance(name))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_shift_of_all_targets_shifts_all_predictions(name: str) -> None:
    shifted = training_table(name).with_columns(pl.col("pkd") + 2.5)
    moved = create_model(name).fit(shifted).predict(new_rows(name))
    still = fitted(name).predict(new_rows(name)) + 2.5
    assert np.allclose(moved, still, atol=tolerance(name) * (1 if name in GROWN else 10))


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "mean"])
def test_permuted_labels_give_no_skill(name: str) -> None:
    """Rank correlation on new rows, averaged over permutations, is about zero."""
    rng = np.random.default_rng(0)
    table, test = training_table(name), _labelled(name)
    honest = _correlation(fitted(name).predict(test), test)
    found = []
    for _ in range(20):
        permuted = table.with_columns(pkd=pl.Series(rng.permutation(table["pkd"].to_numpy())))
        found.append(_correlation(create_model(name).fit(permuted).predict(test), test))
    assert abs(float(np.mean(found))) < 0.2
    assert honest > 0.25


@pytest.mark.parametrize("name", LEARNERS)
def test_a_shuffled_antigen_changes_only_what_the_model_sees_of_it(name: str) -> None:
    table, model = new_rows(name), fitted(name)
    others = table["antigen"].reverse()
    changed = (others != table["antigen"]).to_numpy()
    moved = model.predict(table.with_columns(antigen=others)) != model.predict(table)
    assert not moved[~changed].any()
    if name in ("mean", *OF_ONE_ASSAY):
        assert not moved.any()
    if name in ("antigen-mean", "kmer-ridge"):
        # The last ten rows have antigens of the training table; reversed, they have not.
        assert moved[changed].any()


def test_the_antigen_mean_does_not_see_the_antibody() -> None:
    table = new_rows("antigen-mean")
    swapped = table.with_columns(table["heavy"].reverse(), table["light"].reverse())
    model = fitted("antigen-mean")
    assert np.array_equal(model.predict(swapped), model.predict(table))


def _labelled(name: str) -> pl.DataFrame:
    """New antibodies on the antigens of the training table."""
    if name in OF_ONE_ASSAY:
        return assay_table(120, 2)
    return complexes_table(180)[60:]


def _correlation(values: np.ndarray, table: pl.DataFrame) -> float:
    return float(np.corrcoef(values, table["pkd"].to_numpy())[0, 1])
