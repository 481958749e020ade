"""Figures of replayed campaigns, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag.maturation.propose.acquisition import Policy
from abag_lab.replay.averages import Average
from abag_lab.replay.simulation import Plan, Replay, strategies
from abag_lab.replay.simulation_report import draw_curves, legend_columns
from abag_lab.replay.simulation_summary import Summary, table_text

PLAN = Plan(rounds=1)


def replayed(landscape: str, strategy: str, seed: int, hits: int, top: int = 10) -> Replay:
    return Replay(
        landscape, strategy, seed, 1_000, top, (24, 48), (0, hits), (1, 13), (1.0, 2.0), 2.0, 0
    )


@pytest.fixture
def summary() -> Summary:
    arms = strategies(Policy())
    found = {"assay-gp": (4, 6), "one-hot-ridge": (3, 3), "random": (0, 1)}
    replays = [
        replayed(name, arm.name, seed, found.get(arm.name, (2, 2))[seed] if name == "a" else 2)
        for name in ("a", "b")
        for seed in (0, 1)
        for arm in arms
    ]
    return Summary(tuple(replays), PLAN, arms)


def test_an_average_has_the_interval_of_students_t() -> None:
    found = Average.of([1.0, 2.0, 3.0])
    # t(0.975, 2) = 4.3027; sd 1; 4.3027 / sqrt(3) = 2.4841
    assert (found.mean, found.seeds) == (2.0, 3)
    assert found.upper == pytest.approx(4.4841, abs=1e-4)
    assert found.lower == pytest.approx(-0.4841, abs=1e-4)
    assert Average.of([0.4]).lower is None


def test_shares_are_averaged_over_seeds_then_over_landscapes(summary: Summary) -> None:
    assert summary.share("a", "assay-gp").mean == pytest.approx(0.5)
    assert summary.mean_share("assay-gp") == pytest.approx((0.5 + 0.2) / 2)
    assert summary.mean_share("assay-gp", 0) == 0.0


def test_strategies_are_compared_seed_by_seed(summary: Summary) -> None:
    gain = summary.gain("a", "assay-gp", "one-hot-ridge")
    assert gain.mean == pytest.approx((0.1 + 0.3) / 2)
    assert summary.wins("assay-gp", "one-hot-ridge") == (1, 1, 0)
    assert summary.wins("random", "assay-gp") == (0, 1, 1)


def test_the_table_tells_shares_and_intervals(summary: Summary) -> None:
    text = table_text(summary)
    assert "| a | 1,000 | 10 | 0.50 ± 1.27 | 0.20 ± 0.00 | 0.30 ± 0.00 |" in text
    assert text.splitlines()[-3].startswith("| **mean** | | | **0.350** |")


def test_curves_have_a_row_a_round(summary: Summary, tmp_path: Path) -> None:
    table = summary.curves()
    assert table.height == 2 * 2 * 5 * 2
    assert set(table["measured"]) == {24, 48}
    draw_curves(summary, tmp_path / "curves.png")
    first = (tmp_path / "curves.png").read_bytes()
    draw_curves(summary, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() == first


def test_the_legend_of_one_landscape_is_no_wider_than_its_picture() -> None:
    assert legend_columns(3.1, 5) == 2
    assert legend_columns(8.5, 5) == 5
    assert legend_columns(1.0, 5) == 1


def test_foldes_measures_stand_beside_ours(summary: Summary) -> None:
    written = summary.as_json()
    hits = [one.hits[-1] > 0 for one in summary.of(None, "assay-gp")]
    assert written["chance_of_one_of_the_top"]["assay-gp"][-1] == sum(hits) / len(hits)
    assert written["share_of_proposed_in_best_tenth"]["assay-gp"] == [0.0, 0.5]
    assert "proposed variants in the best tenth" in table_text(summary)
