"""The AbBiBench benchmark: correlations, intervals, and the peers' files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from abag.errors import FileFormatError, OptionError
from abag_lab.benchmarks.abbibench import benchmark_abbibench, read_peers
from abag_lab.benchmarks.abbibench_scores import Correlations, correlate


@pytest.fixture
def correlations() -> Correlations:
    rng = np.random.default_rng(0)
    truth = {"a": rng.normal(size=60), "b": np.round(rng.normal(size=80), 1)}
    scored = {
        name: (
            values,
            {"good": values + rng.normal(size=len(values)), "noise": rng.normal(size=len(values))},
        )
        for name, values in truth.items()
    }
    scored["a"][1]["partial"] = truth["a"]
    return correlate(scored, {"b"}, seed=1, resamples=400)


def test_a_figure_is_spearmans_correlation_with_ties():
    truth = np.array([1.0, 1.0, 2.0, 3.0, 3.0, 5.0])
    score = np.array([0.3, 0.1, 0.1, 0.7, 0.2, 0.2])
    found = correlate({"a": (truth, {"m": score})}, (), seed=0, resamples=100)
    assert found.values[0, 0] == pytest.approx(spearmanr(truth, score)[0])


def test_a_model_that_says_the_same_of_every_row_has_no_correlation():
    truth = np.arange(10.0)
    found = correlate({"a": (truth, {"m": np.ones(10)})}, (), seed=0, resamples=100)
    assert found.values[0, 0] == 0.0


def test_the_interval_of_a_correlation_is_that_of_fishers_transform(correlations: Correlations):
    figure = correlations.figure("b", "good")
    assert figure is not None
    half = 1.96 * np.sqrt((1 + figure.value**2 / 2) / (80 - 3))  # Bonett and Wright 2000
    low, high = np.tanh(np.arctanh(figure.value) + np.array([-half, half]))
    assert figure.low == pytest.approx(low, abs=0.06)
    assert figure.high == pytest.approx(high, abs=0.06)


def test_a_wrong_sign_in_the_label_turns_the_figure_against_it(correlations: Correlations):
    a, b = (correlations.figure(name, "good") for name in "ab")
    assert a is not None
    assert b is not None
    mean = correlations.mean("good")
    assert mean is not None
    assert mean.value == pytest.approx((a.value + b.value) / 2)
    assert correlations.mean_as_published("good") == pytest.approx((a.value - b.value) / 2)


def test_a_model_without_scores_of_an_assay_is_not_ranked(correlations: Correlations):
    assert correlations.ranked() == ["good", "noise"]
    assert correlations.figure("b", "partial") is None
    assert correlations.advantage("good", "partial") is None


def test_a_difference_of_means_is_paired(correlations: Correlations):
    found = correlations.advantage("good", "noise")
    assert found is not None
    assert found.low < found.value < found.high
    itself = correlations.advantage("good", "good")
    assert itself is not None
    assert (itself.low, itself.value, itself.high) == (0.0, 0.0, 0.0)


def peers_file(folder: Path) -> None:
    pl.DataFrame(
        {
            "mut_heavy_chain_seq": ["QVQLA", "QVQLC", "QVQLD"],
            "binding_score": [1.0, 2.0, 3.0],
            "ProteinMPNN": [-1.0, -2.0, -3.0],
            "FoldX": [5.0, 6.0, 7.0],
            "partial": [1.0, None, 2.0],
        }
    ).write_csv(folder / "peer_scores_x.csv.gz", check_extension=False)  # plain text is read, too


def test_peers_are_laid_on_the_canonical_rows_and_energies_are_negated(tmp_path: Path):
    peers_file(tmp_path)
    rows = pl.DataFrame({"source_row": [2, 4], "heavy": ["VQLA", "QVQLD"]})
    published, scores = read_peers(tmp_path, "x", rows)
    assert published["binding_score"].to_list() == ["1.0", "3.0"]
    assert {name: values.tolist() for name, values in scores.items()} == {
        "ProteinMPNN": [-1.0, -3.0],
        "-FoldX dG": [-5.0, -7.0],
        "partial": [1.0, 2.0],
    }


def test_a_peer_that_skipped_a_variant_is_not_compared(tmp_path: Path):
    peers_file(tmp_path)
    rows = pl.DataFrame({"source_row": [2, 3], "heavy": ["VQLA", "QVQLC"]})
    assert "partial" not in read_peers(tmp_path, "x", rows)[1]


def test_peers_of_other_variants_are_refused(tmp_path: Path):
    peers_file(tmp_path)
    rows = pl.DataFrame({"source_row": [2, 3], "heavy": ["QVQLA", "QVQLW"]})
    with pytest.raises(FileFormatError, match="not the variants"):
        read_peers(tmp_path, "x", rows)


def test_an_unknown_assay_is_refused_before_anything_is_read(tmp_path: Path):
    with pytest.raises(OptionError, match="unknown assay '4fqi'"):
        benchmark_abbibench(tmp_path / "nowhere", tmp_path / "out", assays=["4fqi"])


def test_a_difference_without_one_assay_is_that_of_the_others(correlations: Correlations):
    good, noise = (correlations.figure("b", name) for name in ("good", "noise"))
    assert good is not None
    assert noise is not None
    found = correlations.advantage_without("a", "good", "noise")
    assert found == pytest.approx(good.value - noise.value)
    assert correlations.advantage_without("a", "good", "partial") is None
