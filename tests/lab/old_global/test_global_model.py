from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.pair_similarity import count_kmers
from abag_lab.old_global.grouping import antigen_families, folds_of
from abag_lab.old_global.kernel import PairKernel
from abag_lab.old_global.model import GlobalModel
from synthetic_pairs import complexes_table

TABLE = complexes_table(90)
FAST = {"trees": 16, "leaf": 2, "feature_share": 0.3, "folds": 2}


@pytest.fixture(scope="module")
def model() -> GlobalModel:
    return GlobalModel(**FAST).fit(TABLE[:70])


def test_the_part_that_remembers_is_the_kmer_ridge() -> None:
    train, asked = TABLE[:70], TABLE[70:]
    frame = train.select("heavy", "light", "antigen")
    kernel = PairKernel.fit(frame, train["pkd"].to_numpy(), np.full(70, 0.1))
    ridge = KmerRidge(ridge=0.1).fit(train)
    answer = ridge.answer(asked)
    value, similarity = answer.value, answer.pair
    assert kernel.recall(asked).value == pytest.approx(value, abs=1e-9)
    assert kernel.recall(asked).pair == pytest.approx(similarity, abs=1e-9)


def test_similarity_to_the_nearest_antibody_is_the_mean_of_its_chains() -> None:
    train = TABLE[:70].with_columns(
        light=pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("light")
    )
    asked = pl.concat([TABLE[60:75], TABLE[70:80].with_columns(light=pl.lit(None, pl.String))])
    kernel = PairKernel.fit(train, train["pkd"].to_numpy(), np.full(70, 0.1))

    def units(chains: list[str | None], residues: int) -> np.ndarray:
        roots = np.sqrt(
            count_kmers([(c[:residues],) if c else () for c in chains]).sparse().toarray()
        )
        return roots / np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-12)

    both = np.array([[bool(a) or bool(b) for b in train["light"]] for a in asked["light"]])
    heavy = units(asked["heavy"].to_list(), 130) @ units(train["heavy"].to_list(), 130).T
    light = units(asked["light"].to_list(), 120) @ units(train["light"].to_list(), 120).T
    expected = np.where(both, (heavy + light) / 2.0, heavy).max(axis=1)
    assert kernel.recall(asked).antibody == pytest.approx(expected, abs=1e-12)


def test_it_learns(model: GlobalModel) -> None:
    asked = TABLE[70:]
    assert np.corrcoef(model.predict(asked), asked["pkd"])[0, 1] > 0.7


def test_a_row_is_predicted_alike_in_any_batch(model: GlobalModel) -> None:
    whole = np.stack(model.answer(TABLE)[:2])
    alone = np.concatenate(
        [np.stack(model.answer(TABLE[i : i + 1])[:2]) for i in range(12)], axis=1
    )
    assert np.array_equal(whole[:, :12], alone)


def test_the_saved_model_predicts_the_same_numbers(model: GlobalModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    again = GlobalModel.load(tmp_path / "m")
    assert isinstance(again, GlobalModel)
    assert again.model_id == model.model_id
    for mine, theirs in zip(again.answer(TABLE)[:2], model.answer(TABLE)[:2], strict=True):
        assert np.array_equal(mine, theirs)


def test_the_same_rows_and_seed_give_the_same_bytes(model: GlobalModel, tmp_path: Path) -> None:
    model.save(tmp_path / "one")
    GlobalModel(**FAST).fit(TABLE[:70]).save(tmp_path / "two")
    first, second = (tmp_path / name / "weights.safetensors" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_a_new_antigen_is_left_to_the_traits_and_is_less_certain(model: GlobalModel) -> None:
    asked = TABLE[:10]
    new = asked.with_columns(antigen=pl.lit(["WWHCWHHWCCHWWHCHWCWH" * 3]))
    _, known_sd = model.answer(asked)[:2]
    _, new_sd = model.answer(new)[:2]
    assert (new_sd > known_sd).all()
    other = asked.with_columns(antigen=pl.lit(["HCWWHCHWWCHWHCWHWCHW" * 3]))
    # Neither is near a known antigen, so only the antibody counts.
    assert np.array_equal(model.predict(new), model.predict(other))


def test_nanobodies_missing_antigens_and_chains_without_a_domain_get_numbers(
    model: GlobalModel,
) -> None:
    odd = TABLE[:3].with_columns(
        pl.Series("light", [None, "MKTAYIAKQR", None], dtype=pl.String),
        pl.Series("antigen", [[], ["MKT", "GGSGG"], ["X" * 40]], dtype=pl.List(pl.String)),
        pl.Series("heavy", [TABLE["heavy"][0], "MKTAYIAKQRQISFVKSHFSRQ", "X" * 120]),
    )
    value, spread = model.answer(odd)[:2]
    assert np.isfinite(value).all()
    assert (spread > 0).all()


def test_copies_weigh_in_the_kernel_and_the_order_of_rows_does_not_matter() -> None:
    train = TABLE[:40]
    copied = pl.concat([train, train[:5]])
    one = GlobalModel(**FAST).fit(train).predict(TABLE[70:])
    two = GlobalModel(**FAST).fit(copied).predict(TABLE[70:])
    assert not np.array_equal(one, two)
    assert np.abs(one - two).max() < 0.5


def test_related_antigens_are_one_family() -> None:
    first, second = TABLE["antigen"][0][0], "WHCWHHWCCHWWHCHWCWHKLMPRTWYVHH"
    found = antigen_families([[first], [first[:-2] + "AA"], [second], [first, second]], 0.5)
    assert found[0] == found[1] == found[3]
    assert found[2] == found[3]
    assert antigen_families([[first], [second]], 0.5).tolist() == [0, 1]


def test_folds_keep_groups_whole_and_sizes_near() -> None:
    groups = np.repeat(np.arange(30), np.arange(1, 31))
    folds = folds_of(groups, 5, seed=1)
    assert all(len(set(folds[groups == group])) == 1 for group in range(30))
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= 10
