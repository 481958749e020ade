"""Adapters of the mutant libraries, on the published files."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest

from abag.data.raw import RAW_SCHEMA, RawTable
from abag_lab.sources.libraries import (
    abbibench,
    alphabind,
    alphaseq_14,
    cr9114_dms,
    phillips_cr9114_cr6261,
    ranibizumab_cdrh3,
    titeseq_4420,
    trastuzumab_her2_dms,
)

ADAPTERS = [
    abbibench,
    alphabind,
    alphaseq_14,
    cr9114_dms,
    phillips_cr9114_cr6261,
    ranibizumab_cdrh3,
    titeseq_4420,
    trastuzumab_her2_dms,
]


def tables(module: object, folder: Path) -> dict[str, RawTable]:
    return {table.file: table for table in module.read(folder)}  # type: ignore[attr-defined]


PUBLISHED = {
    "abbibench": [39, 1_229, 2_223, 1_887, 4_312, 8_953, 4_320],
    "alphabind": [7_540, 3_681, 9, 6, 26, 9, 13, 11_300, 27_539],
    "alphaseq_14": [13_922, 18_708, 11_670],
    "cr9114_dms": [2_521, 2_516, 2_504, 2_509],
    "phillips_cr9114_cr6261": [65_536, 2_034],
    "ranibizumab_cdrh3": [96_846],
    "titeseq_4420": [3_679, 3_680, 3_680, 73],
    "trastuzumab_her2_dms": [25_473, 5_459, 5_459],
}


@pytest.mark.sources
@pytest.mark.parametrize("module", ADAPTERS, ids=[module.SOURCE.name for module in ADAPTERS])
def test_every_published_row_comes_out_with_its_line(module: object, sources_dir: Path) -> None:
    source = module.SOURCE  # type: ignore[attr-defined]
    read = list(source.reader(sources_dir / source.name))
    assert sorted(table.frame.height for table in read) == sorted(PUBLISHED[source.name])
    for table in read:
        assert dict(table.frame.schema) == RAW_SCHEMA
        assert table.frame["source_row"].to_list() == list(range(2, table.frame.height + 2))
        for name in ("quantity", "unit", "relation", "assay", "method", "antigen", "flags"):
            assert table.frame[name].null_count() == 0, name


@pytest.mark.sources
def test_the_h3_landscape_has_its_known_floor(sources_dir: Path) -> None:
    name = "phillips_cr9114_cr6261"
    h3 = next(phillips_cr9114_cr6261.read(sources_dir / name)).frame
    assert (h3["relation"] == "<").sum() == 58_362
    assert h3.filter(pl.col("relation") == "<")["value"].unique().to_list() == ["6.0"]
    assert (h3["relation"] == "~").sum() == 1_727
    assert h3["heavy"].n_unique() == 65_536
    assert h3.filter(pl.col("mutations") == "").height == 1


@pytest.mark.sources
def test_the_bit_strings_of_cr6261_give_the_chains_of_abbibench(sources_dir: Path) -> None:
    folder = sources_dir / "phillips_cr9114_cr6261"
    bits = next(t for t in phillips_cr9114_cr6261.read(folder) if "CR6261" in t.file).frame
    name = "3gbn_h1_benchmarking_data_AntiBERTy_scores.csv"
    whole = tables(abbibench, sources_dir / "abbibench")[name].frame
    both = whole.join(bits, on=["heavy", "light"], suffix="_bits")
    assert both.height == whole.height == 1_887
    assert (both["mutations"] == both["mutations_bits"]).all()
    assert (both["relation"] == "<").sum() == 214
    exact = both.filter(pl.col("relation") == "=").with_columns(
        pl.col("value", "value_bits").cast(pl.Float64)
    )
    apart = (exact["value"] - exact["value_bits"]).abs()
    assert (apart < 1e-6).sum() == 1_558
    assert apart.max() < 0.75  # type: ignore[operator]


@pytest.mark.sources
def test_the_mended_log_of_a_log_is_the_alphaseq_value(sources_dir: Path) -> None:
    library = next(alphaseq_14.read(sources_dir / "alphaseq_14")).frame
    name = "aayl49_benchmarking_data_AntiBERTy_scores.csv"
    mended = tables(abbibench, sources_dir / "abbibench")[name].frame
    both = mended.join(library, on=["heavy", "light"], suffix="_log_nm")
    assert both.height == mended.height == 4_312
    pkd = both["value"].cast(pl.Float64)
    log_nm = both["value_log_nm"].cast(pl.Float64)
    assert (pkd - (9 - log_nm)).abs().max() < 1e-12  # type: ignore[operator]
    assert log_nm.min() > 0 > library["value"].cast(pl.Float64).min()  # type: ignore[operator]


@pytest.mark.sources
def test_the_scan_and_the_landscape_share_their_parent(sources_dir: Path) -> None:
    mature = tables(cr9114_dms, sources_dir / "cr9114_dms")["HC_WT_H3_KD_table_summary_kabat.csv"]
    parent = mature.frame.filter(pl.col("mutations") == "")["heavy"].unique().to_list()
    folder = sources_dir / "phillips_cr9114_cr6261"
    h3 = next(phillips_cr9114_cr6261.read(folder)).frame
    assert parent == h3.filter(pl.col("mutations") == "")["heavy"].to_list()


@pytest.mark.sources
def test_the_scan_counts_its_floors_and_makes_every_chain(sources_dir: Path) -> None:
    read = tables(cr9114_dms, sources_dir / "cr9114_dms")
    frame = pl.concat([table.frame for table in read.values()])
    missense = pl.concat([t.original.select("mut_class", "minus_log_Kd") for t in read.values()])
    labelled = missense.filter(pl.col("mut_class") == "missense", pl.col("minus_log_Kd") != "")
    assert labelled.height == 8_954
    assert frame["heavy"].null_count() == 0
    assert frame["problem"].null_count() == frame.height
    assert [(t.frame["relation"] == "<").sum() for t in read.values()] == [5, 0, 6, 55]
    assert (
        frame.filter(pl.col("heavy").str.contains("*", literal=True)).height
        == 120 + 120 + 119 + 119
    )


@pytest.mark.sources
def test_a_bli_kd_at_the_off_rate_limit_is_the_limit_over_the_on_rate(sources_dir: Path) -> None:
    read = tables(alphabind, sources_dir / "alphabind")
    bli = read["trastuzumab-scfv_bli_results.csv"]
    bound = bli.original.filter(bli.frame["relation"] == "<")
    assert bound.height == 16
    for kd, on in bound.select("KD(M)", "ka(1/Ms)").iter_rows():
        assert math.isclose(float(kd), 1e-4 / float(on), rel_tol=0.01)
    named = bli.frame.filter(pl.col("scfv").is_not_null())["antibody_name"].to_list()
    assert len(named) == 14
    assert named.count("trastuzumab") == 6


@pytest.mark.sources
def test_the_alphaseq_parents_are_the_seed_of_their_target_file(sources_dir: Path) -> None:
    folder = sources_dir / "alphabind"
    seed = (folder / "trastuzumab_cdr_variables.env").read_text().split()[0].split("=")[1]
    for table in alphabind.read(folder):
        if "validation_alphaseq" in table.file:
            parents = table.frame.filter(pl.col("mutations") == "")
            assert parents.height == 50
            assert parents["scfv"].unique().to_list() == [seed]
            assert parents["value"].cast(pl.Float64).mean() == pytest.approx(2.0, abs=0.2)


@pytest.mark.sources
def test_both_copies_of_the_her2_cdrs_agree_once_binder_wins(sources_dir: Path) -> None:
    sorted_twice = tables(alphabind, sources_dir / "alphabind")
    positive = set(sorted_twice["mHER_H3_AgPos.csv"].frame["heavy"])
    negative = set(sorted_twice["mHER_H3_AgNeg.csv.gz"].frame["heavy"])
    assert len(positive & negative) == 2_342
    read = tables(trastuzumab_her2_dms, sources_dir / "trastuzumab_her2_dms")
    published = pl.concat([table.frame.select("heavy", "value") for table in read.values()])
    expected = dict.fromkeys(positive, "1") | dict.fromkeys(negative - positive, "0")
    assert dict(published.iter_rows()) == expected


@pytest.mark.sources
def test_the_titration_ends_are_counted(sources_dir: Path) -> None:
    read = list(titeseq_4420.read(sources_dir / "titeseq_4420"))
    ends = [((t.frame["relation"] == "<").sum(), (t.frame["relation"] == ">").sum()) for t in read]
    assert ends == [(25, 2_237), (88, 2_516), (51, 2_494), (0, 20)]
    assert read[3].frame["heavy"].null_count() == 12


@pytest.mark.sources
def test_panning_replicates_are_joined_where_both_exist(sources_dir: Path) -> None:
    table = next(ranibizumab_cdrh3.read(sources_dir / "ranibizumab_cdrh3"))
    joined = table.frame["flags"].list.contains("mean_of_replicates")
    assert joined.sum() == 7_986
    assert table.frame["value"].null_count() == 0


@pytest.mark.sources
def test_the_rows_of_ab_14_in_the_scfv_file_repeat_the_half_libraries(sources_dir: Path) -> None:
    heavy, light, test = tables(alphaseq_14, sources_dir / "alphaseq_14").values()
    repeats = test.frame.filter(pl.col("flags").list.contains("repeats_14H_14L"))
    halves = pl.concat([heavy.frame, light.frame]).select("heavy", "light")
    assert repeats.height == 2_290 + 3_048
    assert repeats.join(halves, on=["heavy", "light"], how="semi").height == repeats.height
    assert test.frame["heavy"].null_count() == test.frame["light"].null_count() == 0
