"""Building the canonical table from published sources: every row accounted for, the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from abag.data.build import load_table
from abag.data.tables import SHIPPABLE_LICENCES
from abag.files import sha256_of
from abag_lab.sources import SOURCES
from abag_lab.sources.build import build_table

pytestmark = pytest.mark.sources

SMALL = ("saaint_db", "biomap", "attabseq", "skempi_v2", "deepnano", "cr9114_dms")


@pytest.fixture(scope="module")
def built(sources_dir: Path, tmp_path_factory: pytest.TempPathFactory):
    return build_table(sources_dir, tmp_path_factory.mktemp("small") / "table.parquet", names=SMALL)


def test_rows_in_are_rows_kept_and_rows_quarantined(built):
    quarantine = pl.read_parquet(built.quarantine)
    kept = load_table(built.table)
    for summary in built.summaries:
        assert summary.rows_in == summary.kept + summary.quarantined
        assert kept.filter(pl.col("source") == summary.source).height == summary.kept
        assert quarantine.filter(pl.col("source") == summary.source).height == summary.quarantined


def test_each_quarantined_row_keeps_its_line_its_reason_and_itself(built):
    quarantine = pl.read_parquet(built.quarantine)
    assert quarantine.filter(pl.col("reasons").list.len() == 0).height == 0
    assert quarantine.null_count().sum_horizontal().item() == 0
    for text in quarantine["original"].sample(50, seed=0):
        assert json.loads(text)


def test_no_censored_row_carries_a_number(built):
    censored = load_table(built.table).filter(pl.col("relation").is_in(["<", ">"]))
    assert censored.height > 100
    assert censored["pkd"].count() == 0
    assert censored["rank_score"].count() == 0
    one_sided = pl.col("rank_lower").is_null() != pl.col("rank_upper").is_null()
    assert censored.filter(~one_sided).height == 0


def test_every_pkd_is_physical_and_only_absolute_quantities_have_one(built):
    table = load_table(built.table)
    with_pkd = table.filter(pl.col("pkd").is_not_null())
    assert with_pkd["pkd"].is_between(0, 16).all()
    assert set(with_pkd["quantity"].unique()) <= {"KD", "KA", "dG"}


def test_the_manifest_holds_the_checksums_of_what_was_written(built):
    manifest = json.loads(built.manifest.read_text(encoding="utf-8"))
    for path in (built.table, built.quarantine):
        assert manifest["files_written"][path.name] == sha256_of(path)
    assert set(manifest["files_read"]) >= {"saaint_db/saaintdb_affinity_only_rows.csv"}


def test_permissive_rows_are_those_whose_licence_allows_shipping(sources_dir: Path, tmp_path: Path):
    built = build_table(
        sources_dir, tmp_path / "t.parquet", names=["biomap", "saaint_db"], licence="permissive"
    )
    by_name = {summary.source: summary for summary in built.summaries}
    assert by_name["biomap"].kept == 0
    assert by_name["biomap"].left_out_by_licence > 1000
    assert set(load_table(built.table)["licence"].unique()) <= SHIPPABLE_LICENCES


def test_the_same_sources_give_the_same_bytes(sources_dir: Path, tmp_path: Path):
    sums = []
    for name in ("first", "second"):
        made = build_table(
            sources_dir, tmp_path / name / "table.parquet", names=["deepnano", "skempi_v2"]
        )
        sums.append([sha256_of(p) for p in (made.table, made.quarantine, made.manifest)])
    assert sums[0] == sums[1]


@pytest.mark.slow
def test_all_sources_build_and_account_for_every_row(sources_dir: Path, tmp_path: Path):
    made = build_table(sources_dir, tmp_path / "all.parquet")
    assert {summary.source for summary in made.summaries} == set(SOURCES)
    assert all(s.rows_in == s.kept + s.quarantined for s in made.summaries)
    assert sum(s.rows_in for s in made.summaries) > 550_000
    load_table(made.table)
