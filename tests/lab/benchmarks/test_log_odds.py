"""What log-odds add to the global model: the learnt weight, and the structures of assays."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from abag.errors import OptionError
from abag_lab.benchmarks.known_structures import KnownStructures
from abag_lab.benchmarks.log_odds import RANKS, ScoredAssay, benchmark_log_odds, learnt_weight


def assay(name: str, weight: float, seed: int = 0, rows: int = 200) -> ScoredAssay:
    """Values that are the effect and ``weight`` times the log-odds, and noise."""
    rng = np.random.default_rng(seed)
    effect, log_odds, noise = rng.normal(size=(3, rows))
    return ScoredAssay(name, name, effect + weight * log_odds + 0.1 * noise, effect, log_odds)


def test_the_weight_is_that_of_the_other_clusters():
    assays = [assay("a", 0.5, seed=1), assay("b", 0.5, seed=2), assay("own", -3.0, seed=3)]
    # 0.5, drawn towards 0 as two assays of 200 rows ask for; what the own cluster says is not seen.
    assert 0.4 < learnt_weight(assays, "own") < 0.5


def test_log_odds_that_harm_elsewhere_have_no_weight():
    assert learnt_weight([assay("a", -0.8), assay("own", 2.0)], "own") == 0.0


def test_nothing_is_learnt_from_the_own_cluster_alone():
    assert learnt_weight([assay("own", 2.0)], "own") == 0.0


def test_the_average_of_ranks_knows_no_sizes():
    one = assay("a", 1.0)
    larger = ScoredAssay("a", "a", one.delta, 100.0 * one.effect, one.log_odds)
    np.testing.assert_array_equal(one.scores(0.0)[RANKS], larger.scores(0.0)[RANKS])


def test_receptor_and_ligand_of_the_docking_benchmark_are_one_complex(tmp_path: Path):
    folder = tmp_path / "piercelab"
    folder.mkdir()
    for half, serial in (("r", 1), ("l", 2)):
        text = f"REMARK {half}\nATOM      {serial}  CA  ALA {half}   1\nTER\nEND\n"
        (folder / f"2FJG_{half}_b.pdb.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    known = KnownStructures(tmp_path)
    content = known.content("abbibench/2fjg")
    assert content is not None
    assert [line[:6].strip() for line in content.splitlines()] == [
        "ATOM", "TER", "ATOM", "TER", "END",
    ]  # fmt: skip
    assert known.content("abbibench/aayl49") is None
    assert known.content("attabseq:ab_bind:1abc") is None


def test_an_unknown_term_is_refused(tmp_path: Path):
    with pytest.raises(OptionError, match="unknown term 'esm9'; known are builtin"):
        benchmark_log_odds(tmp_path, tmp_path / "out", terms=["esm9"])
