"""What `abag benchmark door` counts: errors beside kmer-ridge, orders in sets, shuffled pairs."""

import numpy as np
import polars as pl
import pytest

from abag_lab.door.benchmark import DoorFigures
from abag_lab.door.pairing import PairingFigure, _exchanged, auroc
from abag_lab.door.report import door_lines
from abag_lab.door.scores import PartScore, part_scores
from abag_lab.door.sets import RankedSet, variant_sets
from synthetic_pairs import HEAVY, LIGHT
from synthetic_variants import variants

RNG = np.random.default_rng(1)


def test_a_model_with_half_the_error_is_surely_below_the_ridge() -> None:
    truth = RNG.normal(8.0, 1.0, 200)
    error = RNG.normal(0.0, 1.0, 200)
    rows = pl.DataFrame(
        {
            "measured": truth,
            "cluster": [f"c{i % 40}" for i in range(200)],
            "pairs": truth + 0.5 * error,
            "kmer-ridge": truth + error,
        }
    )
    ours, ridge = part_scores("all", rows, ["pairs", "kmer-ridge"])
    assert ours.rmse == pytest.approx(0.5 * ridge.rmse)
    assert ridge.rmse_beyond_reference is None
    low, high = ours.rmse_beyond_reference or (0.0, 0.0)
    assert low < ours.rmse - ridge.rmse < high < 0.0


def test_a_set_of_variants_is_ranked_by_models_and_by_what_changed() -> None:
    heavies = [HEAVY, *variants(5)]
    measured = [9.0, 8.0, 7.5, 7.0, 6.5, 6.0]
    rows = pl.DataFrame(
        {
            "unit": ["one"] * 6,
            "heavy": heavies,
            "light": [LIGHT] * 6,
            "measured": measured,
            "pairs": [value + 1.0 for value in measured],
            "mean": [8.0] * 6,
            "inside": [True] * 5 + [False],
        }
    )
    (one,) = variant_sets(rows, ["pairs", "mean"])
    assert one.spearman["pairs"] == pytest.approx(1.0)
    assert one.spearman["mean"] == 0.0
    assert one.spearman["fewer mutations"] > 0.5
    assert (one.rmse, one.bias) == pytest.approx((1.0, 1.0))
    assert one.covered == pytest.approx(5 / 6)


def test_shuffled_pairs_have_each_antigen_as_often_as_true_ones_and_never_their_own() -> None:
    clusters = ["a"] * 4 + ["b"] * 3 + ["c"] * 3
    rows = pl.DataFrame({"antigen": [[name] for name in clusters], "cluster": clusters})
    decoys = _exchanged(rows, np.random.default_rng(0))
    assert decoys["cluster"].sort().to_list() == clusters
    assert (decoys["cluster"] != decoys["own_cluster"]).all()


def test_the_area_is_the_chance_to_rank_a_true_pair_above_a_decoy() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert auroc(np.array([1.0]), np.array([1.0])) == 0.5
    assert auroc(np.array([1.0]), np.array([])) is None


def test_the_report_has_a_line_for_each_part_each_set_and_the_evidence() -> None:
    score = PartScore("pairs", "sealed", 10, 3, 0.1, 1.35, 0.5, (-0.2, 0.1))
    one = RankedSet("family 1", 9, {"pairs": 0.4, "BLOSUM62": 0.2}, 0.8, -0.1, 0.9)
    other = RankedSet("family 2", 5, {"pairs": 0.2, "BLOSUM62": 0.4}, 1.0, 0.1, 0.8)
    evidence = PairingFigure("known antigen, new antibody", 450, 70, 0.75)
    text = "\n".join(
        door_lines(DoorFigures("ab" * 32, (score,), {}, {"open": [one, other]}, [evidence]))
    )
    assert "| sealed | pairs | 10 | 3 | 0.10 | 1.35 | +0.50 | -0.20 to +0.10 |" in text
    assert "| **mean of 2** | 14 | 0.30 | 0.30 | 0.90 | +0.00 | 85% |" in text
    assert "| known antigen, new antibody | 450 | 70 | 0.75 |" in text
    assert "| neither known |  |  | 0.50, no score |" in text
