"""The corpus: what is kept, what is left out and why, and a manifest that proves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag.errors import MissingFileError
from abag.files import sha256_of
from abag_lab.pretraining.corpora.corpus import SCHEMA, build_corpus, position_code, region_of
from abag_lab.pretraining.corpora.corpus_sources import (
    CORPUS_SOURCES,
    CorpusSource,
    RawMolecule,
    thinned,
)
from synthetic_antibodies import made_up_antibodies, write_sources

CONSTANT = (
    "ASTKGPSVFPLAPSSKSTSGGTAALGCLVKDYFPEPVTVSWNSGALTSGVHTFPAVLQSSGLYSLSSVVTVPSSSLGTQTYICNVNHKPSNTK"
)


def source(*rows: RawMolecule) -> tuple[CorpusSource, ...]:
    return (CorpusSource("made", "MIT", "here", lambda folder: iter([("rows.csv", list(rows))])),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "rows.csv").write_text("rows")
    return tmp_path


def test_imgt_positions_sort_and_keep_their_region() -> None:
    codes = [position_code(p) for p in ("104", "105", "111", "111A", "112B", "112", "118")]
    assert codes[1] < codes[2] < codes[3]
    assert [region_of(c) for c in codes] == ["FR3", *["CDR3"] * 5, "FR4"]


def test_fab_chains_are_cut_and_equal_antibodies_are_kept_once(folder: Path) -> None:
    (heavy, light), (other, _) = made_up_antibodies(2)
    rows = source(
        RawMolecule(heavy + CONSTANT, light, None, ("MKTAYIAKQR" * 4,)),
        RawMolecule(heavy, light, None, ("MKTAYIAKQR" * 4, "GSGS")),
        RawMolecule(other, None, None, ()),
        RawMolecule(None, None, heavy + "GGGGSGGGGSGGGGS" + light, ()),
        RawMolecule(light, light, None, ()),
        RawMolecule("MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQ", None, None, ()),
    )
    table, manifest = build_corpus(folder, sources=rows, held_out_share=0.2)
    assert dict(table.schema) == SCHEMA
    antibodies = table.filter(role="antibody").sort("light", nulls_last=True)
    assert antibodies["heavy"].to_list() == [heavy, other]
    assert antibodies["light"].to_list() == [light, None]
    for text, positions in antibodies.select("heavy", "heavy_positions").iter_rows():
        assert len(text) == len(positions)
    file = manifest["files"][0]
    assert file["kept"] == {"antibodies": 2, "antigens": 1}
    assert file["left_out"] == {
        "antibody seen before": 2,
        "antigen seen before": 1,
        "antigen under 30 residues": 1,
        "not one heavy and at most one light variable domain": 2,
    }
    assert file["sha256"] == sha256_of(folder / "made" / "rows.csv")


def test_no_cluster_stands_on_both_sides(tmp_path: Path) -> None:
    table, manifest = build_corpus(write_sources(tmp_path), held_out_share=0.2)
    sides = table.group_by("cluster").agg(sides=table["held_out"].n_unique())
    train, held = (set(table.filter(held_out=side)["cluster"]) for side in (False, True))
    assert sides.height == len(train | held)
    assert not train & held
    assert len(held) == pytest.approx(12, abs=2)
    again, same = build_corpus(tmp_path, held_out_share=0.2)
    assert again.equals(table)
    assert same == manifest


def test_a_library_is_thinned_to_a_few_variants_of_a_parent() -> None:
    (heavy, light), (other, second) = made_up_antibodies(2)
    variants = [heavy[:50] + letter + heavy[51:] for letter in "ACDEFGHI"]
    rows = [RawMolecule(v, light, None, ()) for v in variants] * 2
    rows += [RawMolecule(other + "A", second, None, ())]
    kept = thinned(rows)
    assert [row.heavy for row in kept] == [*variants[:4], other + "A"]


def test_a_source_that_may_not_shape_shipped_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be shipped"):
        CorpusSource("nanobodies", "CC-BY-NC-4.0", "", lambda folder: iter(()))
    left_out = {"oas_light_covid", "ha_abs", "avida_sarscov2", "biomap", "alphaseq_14"}
    assert not left_out & {source.name for source in CORPUS_SOURCES}


def test_a_folder_without_any_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="oas_paired"):
        build_corpus(tmp_path)
    with pytest.raises(MissingFileError, match="no folder"):
        build_corpus(tmp_path / "none")


@pytest.mark.sources
def test_the_published_affinity_tables_give_chains_of_every_kind(sources_dir: Path) -> None:
    chosen = tuple(s for s in CORPUS_SOURCES if s.name == "attabseq")
    table, manifest = build_corpus(sources_dir, sources=chosen)
    assert table.filter(role="antibody").height >= 60
    assert table.filter(role="antigen").height >= 80
    assert {file["licence"] for file in manifest["files"]} == {"MIT"}
