"""Splits and audits of the published SAAINT-DB rows."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from Bio import Align

from abag.data.leaks.leakage import NEITHER, audit
from abag.data.similarity import antibody_clusters, antigen_clusters, cdr_sets
from abag.data.similarity.antigens import chance_identity
from abag.data.splits import Split, make_split
from abag_lab.sources.build import read_source
from abag_lab.sources.complexes.saaint_db import SOURCE

pytestmark = pytest.mark.sources


@pytest.fixture(scope="module")
def saaint(sources_dir: Path) -> pl.DataFrame:
    made, _ = read_source(SOURCE, sources_dir)
    return made.table


@pytest.fixture(scope="module")
def cdrs(saaint: pl.DataFrame):
    return cdr_sets(saaint)


@pytest.fixture(scope="module")
def antigen_labels(saaint: pl.DataFrame) -> dict[str, str]:
    return antigen_clusters(saaint["antigen"].to_list())


@pytest.fixture(scope="module")
def by_antigen(saaint: pl.DataFrame, antigen_labels: dict[str, str]) -> Split:
    return make_split(saaint, "antigen-cluster", folds=10, antigen_labels=antigen_labels)


def test_a_random_split_leaks_antibodies_antigens_and_whole_pairs(saaint, cdrs):
    found = audit(saaint, make_split(saaint, "random", folds=3), cdrs=cdrs)
    assert found.share("pair") > 0.2
    assert found.share("antibody >= 0.8") > 0.6
    assert found.share("antigen >= 0.5") > 0.9
    assert found.believe == NEITHER
    assert found.is_leaky
    # Copying the nearest label looks like a good model, and is memory.
    assert found.copying.spearman > 0.6
    assert abs(found.copying.permuted_highest) < 0.15


def test_disjoint_structures_still_leak_antigens(saaint, cdrs):
    found = audit(saaint, make_split(saaint, "complex", folds=3), cdrs=cdrs)
    assert found.share("structure") == 0.0
    assert found.broken_promises == ()
    assert found.share("antigen >= 0.5") > 0.8
    assert found.believe == NEITHER


def test_antigen_clusters_leave_no_antigen_across_the_line(saaint, cdrs, by_antigen):
    found = audit(saaint, by_antigen, cdrs=cdrs)
    assert found.share("antigen >= 0.5") == 0.0
    assert found.broken_promises == ()
    assert found.copying.spearman < 0.2
    # Spike stays whole: about half of the rows in one fold, and the split says so.
    largest = max(by_antigen.parts().values()) / saaint.height
    assert 0.4 < largest < 0.65
    assert any("stays whole" in note for note in found.notes)


def test_another_alignment_finds_no_antigen_across_the_line_either(saaint, by_antigen):
    # Local alignment with unit scores, of random pairs that no k-mer has chosen.
    aligner = Align.PairwiseAligner(mode="local", match_score=2, mismatch_score=-1)
    aligner.open_gap_score, aligner.extend_gap_score = -4, -0.5
    part_of = dict(by_antigen.assignment.select("record_id", "part").iter_rows())
    chains = sorted(
        {
            (chain, part_of[record])
            for record, antigen in saaint.select("record_id", "antigen").iter_rows()
            for chain in antigen
            if len(chain) >= 36
        }
    )
    rng = random.Random(0)
    compared, nearest = 0, 0.0
    while compared < 1_500:
        (first, here), (second, there) = rng.sample(chains, 2)
        if here == there or max(len(first), len(second)) > 800:
            continue
        compared += 1
        shorter = min(len(first), len(second))
        identical = aligner.align(first, second)[0].counts().identities
        if identical / shorter >= chance_identity(shorter):
            nearest = max(nearest, identical / shorter)
    assert nearest < 0.5


def test_both_cold_is_clean(saaint, cdrs, antigen_labels):
    split = make_split(
        saaint,
        "both-cold",
        folds=10,
        antibody_labels=antibody_clusters(cdrs),
        antigen_labels=antigen_labels,
    )
    found = audit(saaint, split, cdrs=cdrs)
    assert found.verdict == "clean"
    assert sum(count for part, count in split.parts().items() if part == "train") < 100
