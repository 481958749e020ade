from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError
from abag.model.assay_gp.kernels.kernel import prior_mean
from abag.model.assay_gp.kernels.novelty import Widening
from abag.model.assay_gp.mixture import (
    FRESH_SHARES,
    MORE_SHARES,
    Mixture,
    log_likelihood,
    stacked,
)
from abag.model.assay_gp.model import AssayGP
from abag.model.assay_gp.posterior import Posterior
from abag.model.assay_gp.rows import widening_of
from abag.model.protocol import load_model
from synthetic_pairs import HEAVY, LIGHT, assay_table, canonical


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def plain(**values: object) -> AssayGP:
    return AssayGP(**values)


def test_it_orders_new_variants_after_forty_measurements() -> None:
    model = plain().fit(assay_table(40))
    test = assay_table(100, seed=1)
    assert rank_correlation(model.predict(test), test["pkd"].to_numpy()) > 0.8


def test_the_mean_by_lookup_is_the_mean_by_the_textbook() -> None:
    model = plain().fit(assay_table(30))
    posterior: Posterior = model._mixture.members[0]
    kernel = posterior.kernel
    new = model._letters(assay_table(12, seed=3))
    across = kernel.matrix(new, kernel.training)
    by_hand = prior_mean(kernel.terms, new) + across @ posterior.weights
    assert np.allclose(posterior.mean(new), by_hand, atol=1e-9)


def test_the_variance_and_the_left_out_means_are_those_of_the_textbook() -> None:
    model = plain().fit(assay_table(25))
    posterior = model._mixture.members[0]
    kernel = posterior.kernel
    covariance = kernel.matrix(kernel.training, kernel.training) + np.diag(posterior.noise + 1e-6)
    new = model._letters(assay_table(5, seed=3))
    across = kernel.matrix(new, kernel.training)
    solved = np.linalg.solve(covariance, across.T)
    variance = np.diag(kernel.matrix(new, new)) - (across * solved.T).sum(axis=1)
    assert np.allclose(posterior.variance(new), variance, atol=1e-8)
    prior = prior_mean(kernel.terms, kernel.training)
    away = covariance @ posterior.weights
    target = away + prior
    mean, spread = posterior.left_out(target)
    rest = np.arange(25) != 4
    row = kernel.matrix(kernel.training[[4]], kernel.training)[:, rest]
    solved = np.linalg.solve(covariance[np.ix_(rest, rest)], away[rest])
    assert mean[4] == pytest.approx(prior[4] + (row @ solved)[0], abs=1e-6)
    assert spread[4] > posterior.noise[4]


def test_a_loaded_model_gives_the_same_intervals(tmp_path: Path) -> None:
    model = plain().fit(assay_table(30))
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert isinstance(again, AssayGP)
    one, other = (each.distribution(assay_table(8, seed=4)) for each in (model, again))
    assert np.allclose(one.lower, other.lower)
    assert np.allclose(one.upper, other.upper)
    assert (one.lower < one.median).all()
    assert (one.median < one.upper).all()


def test_variants_with_deletions_are_laid_on_imgt_positions() -> None:
    table = assay_table(30)
    shorter = [h[:100] + h[101:] if i % 3 == 0 else h for i, h in enumerate(table["heavy"])]
    worth = [p - 3.0 * (i % 3 == 0) for i, p in enumerate(table["pkd"])]
    table = table.with_columns(heavy=pl.Series(shorter), pkd=pl.Series(worth))
    model = plain().fit(table)
    both = (
        table[:1].with_columns(heavy=pl.lit(HEAVY[:100] + HEAVY[101:])),
        table[:1].with_columns(heavy=pl.lit(HEAVY)),
    )
    assert model.predict(both[0])[0] < model.predict(both[1])[0] - 1.0


def test_a_change_at_a_position_that_never_varied_is_predicted_with_a_wider_interval() -> None:
    model = plain().fit(assay_table(40))
    known = assay_table(1, seed=8)
    letters = list(known["heavy"][0])
    letters[60] = "W"
    new = known.with_columns(heavy=pl.lit("".join(letters)))
    assert model.row_flags(new)["position_not_varied_in_training"].tolist() == [True]
    assert model.row_flags(known)["position_not_varied_in_training"].tolist() == [False]
    assert model.distribution(new).deviation[0] > model.distribution(known).deviation[0]


def test_censored_rows_teach_that_their_variants_are_weak() -> None:
    """Variants with a D at one place are all censored; exact rows never show that letter."""
    table = assay_table(120)
    weak = pl.Series([heavy[27] == "D" for heavy in table["heavy"]])
    bound = pl.lit(5.0)
    marked = table.with_columns(
        pkd=pl.when(weak).then(None).otherwise("pkd"),
        pkd_lower=pl.when(weak).then(None).otherwise("pkd_lower"),
        pkd_upper=pl.when(weak).then(bound).otherwise("pkd_upper"),
    )
    test = assay_table(200, seed=9)
    shows = np.array([heavy[27] == "D" for heavy in test["heavy"]])
    with_them = plain().fit(marked)
    without = plain().fit(marked.filter(~weak))
    assert with_them.training.rows_censored == int(weak.sum())
    assert with_them.predict(test)[shows].mean() < without.predict(test)[shows].mean() - 0.5


def bounded(table: pl.DataFrame, above: dict[int, float]) -> pl.DataFrame:
    """The table with some rows that only say "at most so much": from row to bound."""
    bound = pl.Series([above.get(row) for row in range(table.height)], dtype=pl.Float64)
    return table.with_columns(
        pkd=pl.when(bound.is_null()).then("pkd"),
        pkd_lower=pl.when(bound.is_null()).then("pkd_lower"),
        pkd_upper=pl.when(bound.is_null()).then("pkd_upper").otherwise(bound),
    )


def test_a_bound_never_counts_as_a_value() -> None:
    """Weak variants of which the file says only that their pKd is below 9."""
    table = assay_table(60)
    weak = [int(row) for row in np.flatnonzero(table["pkd"].to_numpy() < 7.5)[:8]]
    loose = bounded(table, dict.fromkeys(weak, 9.0))
    exact = loose.filter(pl.col("pkd").is_not_null())
    model, without = plain(warp=False).fit(loose), plain(warp=False).fit(exact)
    found, new = model.distribution(table[weak]), without.predict(table[weak])
    assert np.mean(found.median - new) < 0.25 * np.mean(9.0 - new)
    # Nor does a bound make a variant as certain as a measurement.
    measured = model.distribution(exact)
    assert found.deviation.mean() > 1.2 * measured.deviation.mean()


def test_imputation_goes_on_until_it_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a bound says of one row changes what is expected of the others, and so on."""
    table = assay_table(60)
    weak = [int(row) for row in np.flatnonzero(table["pkd"].to_numpy() < 7.5)[:8]]
    loose = bounded(table, dict.fromkeys(weak, 9.0))
    made = plain(warp=False).fit(loose).predict(table[weak])
    monkeypatch.setattr("abag.model.assay_gp.censoring.ROUNDS", 20)
    settled = plain(warp=False).fit(loose).predict(table[weak])
    assert made == pytest.approx(settled, abs=0.05)


def test_an_interval_holds_the_noise_and_is_widened_as_left_out_errors_ask() -> None:
    rng = np.random.default_rng(5)
    table = assay_table(80)
    noisy = table["pkd"] + pl.Series(rng.normal(0.0, 1.0, 80))
    model = plain(warp=False).fit(table.with_columns(pkd=noisy, pkd_lower=noisy, pkd_upper=noisy))
    asked = assay_table(200, seed=6)
    found = model.distribution(asked, 0.9)
    half = (found.upper - found.lower) / 2
    assert (half > 1.6448 * 0.8).all()  # no interval of a measurement is narrower than its noise
    # A new measurement, with a noise of its own, lies inside about as often as is said.
    again = asked["pkd"].to_numpy() + rng.normal(0.0, 1.0, 200)
    assert np.mean((found.lower <= again) & (again <= found.upper)) == pytest.approx(0.9, abs=0.06)
    before = model._widening
    model._widening = replace(before, known=2.0 * before.known)
    wider = model.distribution(asked, 0.9)
    free = ~wider.limited  # those that end at a limit of the model are no wider than that
    assert free.mean() > 0.9
    assert (wider.upper - wider.lower)[free] / 2 == pytest.approx(2.0 * half[free])
    assert wider.median.tolist() == found.median.tolist()


def test_replicates_count_for_more() -> None:
    """Two measurements of one variant disagree: the merged one of many replicates wins."""
    table = assay_table(40)
    pair = table[:2].with_columns(
        heavy=pl.lit(HEAVY), pkd=pl.Series([5.0, 9.0]), replicates=pl.Series([1, 64])
    )
    other = pair.with_columns(replicates=pl.Series([64, 1]))
    parent = table[:1].with_columns(heavy=pl.lit(HEAVY))
    first, second = (
        plain().fit(pl.concat([table, two])).predict(parent)[0] for two in (pair, other)
    )
    assert first > second


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (assay_table(4), "needs 5 exact rows"),
        (assay_table(20).with_columns(pkd=pl.lit(8.0)), "no order to learn"),
        (assay_table(20).with_columns(heavy=pl.lit(HEAVY), light=pl.lit(LIGHT)), "same chains"),
        (assay_table(20).with_columns(pkd=pl.lit(None, pl.Float64)), "none of 20 training rows"),
        (
            assay_table(20).with_columns(assay=pl.Series(["a", "b"] * 10)),
            "2 assays",
        ),
    ],
)
def test_rows_that_cannot_teach_are_refused_by_name(table: pl.DataFrame, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        plain().fit(table)


def test_an_unknown_term_is_named() -> None:
    with pytest.raises(ModelError, match="unknown term 'dreams'"):
        plain(terms="sites,dreams").fit(assay_table(20))


def test_more_rows_than_asked_for_are_sampled() -> None:
    model = plain(max_rows=20, hyper_rows=10).fit(assay_table(50))
    assert model.training.rows_used == 20
    assert np.isfinite(model.predict(assay_table(5, seed=2))).all()


def test_exact_and_censored_rows_are_sampled_in_their_proportion() -> None:
    weak = pl.Series([i % 4 == 0 for i in range(80)])
    table = assay_table(80).with_columns(
        pkd=pl.when(weak).then(None).otherwise("pkd"),
        pkd_lower=pl.when(weak).then(None).otherwise("pkd_lower"),
    )
    model = plain(max_rows=40, hyper_rows=20).fit(table)
    assert model.training.rows_used == 30
    assert len(model._mixture.kernel.training) == 40


def test_the_mixture_is_the_mean_of_its_members_by_their_shares() -> None:
    model = plain().fit(assay_table(30))
    letters = model._letters(assay_table(6, seed=3))
    members = model._mixture.members
    shares = model._mixture.shares_of(letters)
    by_hand = (shares * [one.mean(letters) for one in members]).sum(axis=0)
    mean, variance = model._mixture.moments(letters)
    assert np.allclose(mean, by_hand)
    second = [one.variance(letters) + one.mean(letters) ** 2 for one in members]
    assert np.allclose(variance + by_hand**2, (shares * second).sum(axis=0), atol=1e-9)
    named = [[term.term.name for term in one.kernel.terms] for one in members[1:]]
    assert named == [["mutations", "effects"], ["mutations"]]
    one = plain(additive=False).fit(assay_table(30))
    assert len(one._mixture.members) == 1
    assert np.allclose(one._mixture.mean(letters), members[0].mean(letters))


def test_rows_beyond_the_measured_ones_have_shares_of_their_own() -> None:
    """A place that nobody changed: members count by their own likelihood, simple ones first."""
    table = assay_table(30)
    mixture = plain().fit(table)._mixture
    fresh = mixture.rows[:1].copy()
    fresh[0, np.flatnonzero(mixture.kernel.still)[0]] += 1
    both = mixture.shares_of(np.concatenate([mixture.rows[:1], fresh]))
    assert np.allclose(both[:, 0], mixture.shares)
    assert np.allclose(both[:, 1], mixture.beyond[0])
    target = np.zeros(30)  # of which every member says the same: what was before remains
    equal = replace(mixture, members=(mixture.members[1],) * 3)
    beyond = equal.weighed(target, np.ones(30, dtype=np.bool_)).beyond
    assert beyond[0] == pytest.approx(FRESH_SHARES)
    assert beyond[1] == pytest.approx(MORE_SHARES)


def test_the_member_that_predicts_left_out_rows_better_earns_the_larger_share() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(size=200)
    good, bad = (target + rng.normal(0, s, 200) for s in (0.3, 1.5))
    shares = stacked(
        np.stack([log_likelihood(target, bad, 2.25), log_likelihood(target, good, 0.09)])
    )
    assert shares.sum() == pytest.approx(1.0)
    assert shares[1] > 0.9


def test_four_rows_hardly_move_the_shares() -> None:
    target = np.array([0.1, -0.2, 0.4, 0.3])
    poor, good = target + 1.0, target
    shares = stacked(np.stack([log_likelihood(target, one, 1.0) for one in (poor, good)]))
    assert shares[1] == pytest.approx(0.25, abs=0.12)


def test_rows_left_out_in_a_block_are_predicted_as_if_they_had_not_been_measured() -> None:
    model = plain().fit(assay_table(25))
    member = model._mixture.members[0]
    kernel = member.kernel
    covariance = kernel.matrix(kernel.training, kernel.training) + np.diag(member.noise + 1e-6)
    prior = prior_mean(kernel.terms, kernel.training)
    target = covariance @ member.weights + prior
    block = np.array([2, 3, 11, 20])
    rest = np.setdiff1d(np.arange(25), block)
    solved = np.linalg.solve(covariance[np.ix_(rest, rest)], (target - prior)[rest])
    ((mean, spread),) = member.blocks_left_out(target, [block])
    assert np.allclose(mean, prior[block] + covariance[np.ix_(block, rest)] @ solved, atol=1e-6)
    assert (spread > member.noise[block]).all()


def test_intervals_are_wider_where_blocks_of_rows_were_predicted_worse() -> None:
    """A new place may do anything; one that was measured may not."""
    table = assay_table(60)
    model = plain().fit(table)
    wide = model._widening
    assert wide.known <= wide.new_position <= 3.0 * wide.known
    known = assay_table(1, seed=8)
    new = known.with_columns(heavy=pl.lit(known["heavy"][0][:60] + "W" + known["heavy"][0][61:]))
    factors = wide.of_rows(model._mixture, model._letters(pl.concat([known, new])))
    assert factors.tolist() == pytest.approx([wide.known, wide.new_position])


def test_the_block_of_rows_that_errs_most_speaks_for_new_ones() -> None:
    """Rows of a block share their error: eighty good rows are no surety for a new block."""
    good, bad = np.linspace(0.0, 1.0, 40), np.linspace(0.0, 4.0, 40)
    assert widening_of(good, bad) > 1.4 * widening_of(np.concatenate([good, good, good, bad]))
    assert widening_of(good, good) == pytest.approx(widening_of(good, good[::-1]))


def test_intervals_grow_with_changes_that_nobody_measured() -> None:
    """Twice as many changes as any measured variant has: half as wide again."""
    mixture = plain().fit(assay_table(40))._mixture
    alike = Widening(known=1.0, new_position=1.0, more_mutations=1.0, most=6)
    places = np.flatnonzero(mixture.kernel.still)
    asked = np.repeat(mixture.kernel.positions.reference[None], 3, axis=0)
    for row, count in enumerate((6, 12, 90)):
        asked[row, places[:count]] = (asked[row, places[:count]] + 1) % 20
    assert alike.of_rows(mixture, asked).tolist() == pytest.approx([1.0, 1.5, 3.0])


def test_a_model_that_an_earlier_abag_saved_predicts_what_it_predicted(tmp_path: Path) -> None:
    """It had two members, and the same shares for every row."""
    model = plain().fit(assay_table(30))
    two = Mixture.of(model._mixture.members[:2], model._mixture.rows)
    model._mixture = replace(two, beyond=np.stack([two.shares, two.shares]))
    saved = model._artefact()
    arrays = {name: found for name, found in saved.arrays.items() if name != "mixture.beyond"}
    replace(saved, arrays=arrays).write(tmp_path / "old")
    test = assay_table(9, seed=4)
    back = AssayGP.load(tmp_path / "old").distribution(test)
    assert back.upper.tolist() == model.distribution(test).upper.tolist()


def test_a_saved_model_of_another_kind_says_how_to_make_it_anew(tmp_path: Path) -> None:
    saved = plain().fit(assay_table(12))._artefact()
    arrays = {name: one for name, one in saved.arrays.items() if not name.startswith("widening")}
    replace(saved, arrays=arrays).write(tmp_path / "old")
    with pytest.raises(ModelError, match="made by another abag: learn it anew from its rows"):
        AssayGP.load(tmp_path / "old")


def test_a_model_without_its_additive_member_comes_back_the_same(tmp_path: Path) -> None:
    model = plain(additive=False).fit(assay_table(50))
    assert len(model._mixture.members) == 1
    model.save(tmp_path / "model")
    test = assay_table(20, seed=4)
    found = load_model(tmp_path / "model").predict(test)
    assert found.tolist() == model.predict(test).tolist()


def test_the_parent_is_what_rows_become_when_their_mutations_are_undone() -> None:
    """Most variants carry W at one place: the commonest residue there is not the parent's."""
    places, rows = (53, 98, 100), []
    for number, letter in enumerate("ADEFGHIKLMNPQRST"):
        changed = {30: "W"} if number % 4 else {}
        changed[places[number % 3]] = letter if letter != HEAVY[places[number % 3]] else "V"
        chain = "".join(changed.get(place, own) for place, own in enumerate(HEAVY))
        text = ";".join(f"H:{HEAVY[place]}{place + 1}{new}" for place, new in changed.items())
        rows.append((chain, text, 8.0 + 0.1 * number))
    heavy, mutations, pkd = (list(column) for column in zip(*rows, strict=True))
    ends = dict.fromkeys(("pkd", "pkd_lower", "pkd_upper", "rank_score"), pkd)
    named = canonical({"heavy": heavy, "light": [LIGHT] * 16, "mutations": mutations, **ends})
    assert plain().fit(named).reference_chains() == (HEAVY, LIGHT)
    unnamed = named.with_columns(mutations=pl.lit(None, pl.String))
    assert plain().fit(unnamed).reference_chains()[0][30] == "W"
    wrong = named.with_columns(mutations=pl.lit("H:A1C"))
    assert plain().fit(wrong).reference_chains()[0][30] == "W"
