"""Campaigns on made-up landscapes: what is counted, what is kept, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.data.splits.positions import consensus
from abag.engines import Processes
from abag.errors import OptionError
from abag.maturation.propose.acquisition import Policy
from abag.model.baselines.one_hot_ridge import OneHotRidge
from abag.model.mutation_effect import load_mutation_effect
from abag_lab.replay.landscapes import Landscape
from abag_lab.replay.simulation import (
    PickingStrategy,
    Plan,
    draw_pool,
    replay,
    simulate,
    strategies,
)
from abag_lab.replay.simulation_models import Pool, assay_gp_belief, one_hot_ridge_belief, shortlist
from synthetic_pairs import assay_table

PLAN = Plan(start=10, rounds=2, batch=8, most=200)


def landscape(rows: int = 160, seed: int = 0) -> pl.DataFrame:
    table = assay_table(rows, seed).unique(["heavy", "light"], maintain_order=True)
    return table.with_columns(rank_score=pl.col("pkd"))


def test_a_pool_holds_each_variant_once_with_the_mean_of_its_values() -> None:
    table = landscape(50)
    twice = pl.concat([table, table.with_columns(pl.col("rank_score") + 1.0)])
    pool = Pool.of("x", twice)
    assert pool.size == table.height
    np.testing.assert_allclose(pool.values, table["rank_score"].to_numpy() + 0.5)


def test_variants_that_tie_with_the_last_of_the_best_count_too() -> None:
    table = landscape(100)
    values = np.arange(table.height, dtype=float)
    values[-4:] = 500.0
    pool = Pool.of("x", table.with_columns(rank_score=pl.Series(values)), share=0.02)
    assert pool.top.sum() == 4


def test_the_linear_belief_has_the_mean_of_one_hot_ridge() -> None:
    pool = Pool.of("x", landscape())
    measured = np.arange(30)
    found = one_hot_ridge_belief(pool, measured)
    assert found is not None
    belief, rows = found
    ridge = OneHotRidge(target="rank_score").fit(
        pool.table[measured.tolist()].with_columns(record_id=pl.lit("r"))
    )
    np.testing.assert_allclose(belief.mean, ridge.predict(pool.table[rows.tolist()]), atol=1e-8)
    assert (belief.deviation > 0).all()


def test_the_linear_belief_conditions_as_bayesian_regression_does() -> None:
    pool = Pool.of("x", landscape())
    found = one_hot_ridge_belief(pool, np.arange(30))
    assert found is not None
    belief, rows = found
    train, new = (pool.one_hot[chosen].toarray() for chosen in (np.arange(30), rows))
    centre = train.mean(axis=0)
    ridge = OneHotRidge(target="rank_score").fit(pool.table[:30]).ridge
    scatter = (train - centre).T @ (train - centre) + ridge * np.eye(train.shape[1])
    expected = belief.noise * ((new - centre) @ np.linalg.solve(scatter, (new - centre).T) + 1 / 30)
    np.testing.assert_allclose(belief.covariance, expected, atol=1e-8)


def test_a_shortlist_keeps_the_largest_upper_bounds() -> None:
    rows = shortlist(np.arange(10, 14), np.array([0.0, 1.0, 0.0, 3.0]), np.array([2.0, 0, 0, 0]), 2)
    assert rows.tolist() == [10, 13]


def test_a_campaign_counts_what_it_finds() -> None:
    pool = draw_pool(Landscape("x", landscape()), PLAN, seed=1)
    found = replay(pool, strategies(Policy())[0], PLAN, seed=1)
    assert found.measured == (10, 18, 26)
    assert list(found.best) == sorted(found.best)
    assert list(found.hits) == sorted(found.hits)
    assert found.best[-1] > found.best[0]
    assert found.best_possible == pool.values.max()


def test_all_strategies_of_a_seed_start_from_the_same_variants() -> None:
    pool = draw_pool(Landscape("x", landscape()), PLAN, seed=2)
    starts = {replay(pool, arm, PLAN, 2).best[0] for arm in strategies(Policy("thompson"))}
    assert len(starts) == 1


def test_noise_is_in_what_is_measured_and_not_in_what_counts() -> None:
    pool = draw_pool(Landscape("x", landscape()), PLAN, seed=1)
    noisy = pool.measured_with(0.5, seed=1)
    added = noisy.values - pool.values
    assert added.std() == pytest.approx(0.5 * pool.values.std(), rel=0.2)
    assert noisy.table["rank_score"].to_list() == noisy.values.tolist()
    np.testing.assert_array_equal(noisy.top, pool.top)
    plan, arm = Plan(10, 2, 8, 200, noise=0.5), strategies(Policy())[0]
    plain, found = (replay(pool, arm, one, seed=1) for one in (PLAN, plan))
    assert found.best_possible == plain.best_possible
    assert found.best[0] == plain.best[0]
    assert found.tenths != plain.tenths


def test_a_campaign_may_start_from_what_the_global_model_ranks_highest() -> None:
    prior = load_mutation_effect()
    pool = Pool.of("x", landscape(), prior=prior)
    first = pool.predicted(10)
    effects = prior.delta(
        consensus(pool.table["heavy"].to_list()), pool.table["light"][0], pool.table
    )
    assert len(first) == 10
    assert effects[first].min() >= effects[pool.free(first)].max()
    arm = PickingStrategy("x", "assay-gp", Policy(), "predicted")
    assert replay(pool, arm, PLAN, 0).best[0] == pool.values[first].max()
    with pytest.raises(OptionError, match="has not learnt from the file"):
        Pool.of("x", landscape()).predicted(10)


def test_an_unknown_first_plate_is_refused() -> None:
    with pytest.raises(OptionError, match="known are natural, predicted"):
        PickingStrategy("x", "assay-gp", Policy(), "best")  # type: ignore[arg-type]


def test_strategies_have_names_of_their_own() -> None:
    found = strategies(Policy(), [Policy("top-set"), Policy("greedy")], ["natural"])
    assert [one.name for one in found][5:] == ["assay-gp top-set", "assay-gp natural start"]


def test_a_model_finds_better_variants_than_chance() -> None:
    plan = Plan(start=12, rounds=2, batch=12)
    table = landscape(400)
    ends: dict[str, list[float]] = {}
    for seed in range(3):
        pool = draw_pool(Landscape("x", table), plan, seed)
        for arm in strategies(Policy()):
            ends.setdefault(arm.name, []).append(replay(pool, arm, plan, seed).best[-1])
    assert np.mean(ends["assay-gp"]) > np.mean(ends["random"])


def test_rounds_without_anything_to_learn_are_filled_by_chance_and_counted() -> None:
    values = np.zeros(100)
    values[:2] = 1.0
    table = landscape(200)[:100].with_columns(rank_score=pl.Series(values))
    plan = Plan(start=5, rounds=1, batch=5)
    for arm in strategies(Policy())[:4]:
        found = replay(draw_pool(Landscape("x", table), plan, 4), arm, plan, 4)
        assert found.measured[-1] == 10
        assert found.blind_rounds == (found.best[0] == 0.0)


def test_finished_replays_are_kept_and_other_plans_are_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [Landscape("x", landscape())]
    arms = [strategies(Policy())[place] for place in (2, 4)]
    first = simulate(tables, tmp_path, arms, PLAN, [0, 1])
    assert len(list((tmp_path / "replays").iterdir())) == 4
    runs = []
    monkeypatch.setattr(
        "abag_lab.replay.simulation.replay",
        lambda *given: runs.append(given) or replay(*given),
    )
    assert simulate(tables, tmp_path, arms, PLAN, [0, 1]) == first
    assert not runs
    broken = next((tmp_path / "replays").iterdir())
    broken.write_text('{"key"')
    assert simulate(tables, tmp_path, arms, PLAN, [0, 1]) == first
    assert len(runs) == 1
    simulate(tables, tmp_path, arms, Plan(10, 1, 8, 200), [0])
    assert len(runs) == 3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"start": 2}, "5 variants are the fewest"),
        ({"rounds": 0}, "at least one round"),
        ({"share": 1.5}, "--top is 1.5"),
        ({"most": 50}, "measured in full by 120 wells"),
    ],
)
def test_a_plan_that_makes_no_campaign_is_refused(values: dict[str, float], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Plan(**values)  # type: ignore[arg-type]


def test_a_landscape_that_the_campaign_would_exhaust_is_refused() -> None:
    with pytest.raises(OptionError, match="small has 20 variants"):
        draw_pool(Landscape("small", landscape(40)[:20]), PLAN, 0)


def test_a_folder_with_other_files_takes_no_simulation(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match=r"other files than a simulation \(notes.txt\)"):
        simulate([], tmp_path, [], PLAN, [0])


def test_replays_of_other_measurements_are_run_again(tmp_path: Path) -> None:
    table, arm = landscape(), strategies(Policy())[4]
    first = simulate([Landscape("x", table)], tmp_path, [arm], PLAN, [0])
    changed = table.with_columns(pl.col("rank_score") + 1.0)
    again = simulate([Landscape("x", changed)], tmp_path, [arm], PLAN, [0])
    assert again[0].best[-1] == pytest.approx(first[0].best[-1] + 1.0)


def test_the_assay_model_starts_from_the_global_model_that_a_landscape_brings() -> None:
    table, measured = landscape(), np.arange(24)
    without, blind = Pool.of("x", table), Pool.of("x", table, prior=load_mutation_effect())
    found = [assay_gp_belief(pool, measured) for pool in (without, blind)]
    means = [one[0].mean for one in found if one is not None]
    assert len(means) == 2
    assert not np.allclose(*(mean[:50] for mean in means))


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(OptionError, match="unknown model 'oracle'"):
        PickingStrategy("x", "oracle")


def test_replays_are_the_same_by_processes_of_their_own(tmp_path: Path) -> None:
    made, plan = Landscape("x", landscape(60)), Plan(start=6, rounds=1, batch=4)
    arms = [PickingStrategy("random", None), PickingStrategy("one-hot-ridge", "one-hot-ridge")]
    here = simulate([made], tmp_path / "here", arms, plan, [0, 1])
    there = simulate([made], tmp_path / "there", arms, plan, [0, 1], Processes(2))
    assert here == there
    files = sorted((tmp_path / "here" / "replays").iterdir())
    assert len(files) == 4
    for path in files:
        assert path.read_bytes() == (tmp_path / "there" / "replays" / path.name).read_bytes()
