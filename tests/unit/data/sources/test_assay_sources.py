"""Adapters of the mutant libraries: on small made-up files, and on the published ones."""

from __future__ import annotations

import json
import math
from pathlib import Path

import polars as pl
import pytest

from abag.data.sources import (
    abbibench,
    alphabind,
    alphaseq_14,
    cr9114_dms,
    phillips_cr9114_cr6261,
    ranibizumab_cdrh3,
    titeseq_4420,
    trastuzumab_her2_dms,
)
from abag.data.sources.base import RAW_SCHEMA, RawTable
from abag.data.sources.variants import (
    TRASTUZUMAB,
    from_bits,
    number_text,
    point_changes,
    with_substitution,
)
from abag.errors import FileFormatError, MissingFileError

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
HEAVY, LIGHT = "ACDEFGHIKL", "MNPQRS"


def write(path: Path, *lines: str, end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(end.join(lines) + end, newline="")


def complexes(root: Path, **entries: dict[str, object]) -> None:
    write(root / "abbibench" / "complexes.json", json.dumps(entries))


def tables(module: object, folder: Path) -> dict[str, RawTable]:
    return {table.file: table for table in module.read(folder)}  # type: ignore[attr-defined]


def column(table: RawTable, name: str) -> list[object]:
    return table.frame[name].to_list()


# --- variants ---


def evaluate(expression: pl.Expr, texts: list[str | None]) -> list[str | None]:
    return pl.DataFrame({"text": texts}).select(expression.alias("out"))["out"].to_list()


def test_changes_are_counted_from_one_and_empty_for_the_parent() -> None:
    changes = point_changes(pl.col("text"), "ACDE", chain="L", first=27)
    assert evaluate(changes, ["ACDE", "GCDE", "AWDY", "ACD"]) == [
        "",
        "L:A27G",
        "L:C28W;L:E30Y",
        None,
    ]


def test_bits_choose_the_residue_of_each_site() -> None:
    heavy = from_bits(pl.col("text"), "AAAAA", [1, 4], ["g", "h"], ["M", "N"])
    assert evaluate(heavy, ["00", "01", "10", "11", "1x"]) == [
        "AgAAh",
        "AgAAN",
        "AMAAh",
        "AMAAN",
        None,
    ]


def test_a_substitution_that_does_not_fit_the_parent_makes_no_chain() -> None:
    texts = pl.Series(["C2W", "C2_", "WT", "A2W", "C9W", "nonsense", None])
    assert with_substitution(texts, "ACDE").to_list() == [
        "AWDE",
        "A*DE",
        "ACDE",
        None,
        None,
        None,
        None,
    ]


def test_a_number_survives_its_text_to_the_last_bit() -> None:
    values = [1 / 3, 1e-300, -2.5, 6.302971312345678]
    texts = pl.DataFrame({"x": values}).select(number_text(pl.col("x")))["x"]
    assert [float(text) for text in texts] == values


def test_a_grafted_cdr_replaces_the_ten_residues_of_trastuzumab() -> None:
    segment = TRASTUZUMAB.parent[:-1] + "A"
    assert evaluate(TRASTUZUMAB.graft(pl.col("text")), [segment])[0].count("CSRWGGDGFYAMAYWG") == 1  # type: ignore[union-attr]
    assert evaluate(TRASTUZUMAB.changes(pl.col("text")), [segment]) == ["H:D108A"]


# --- adapters on made-up files ---


def score_file(folder: Path, name: str, *rows: str) -> None:
    path = folder / f"{name}_benchmarking_data_AntiBERTy_scores.csv"
    write(path, "mut_heavy_chain_seq,binding_score,log-likelihood", *rows)


def test_each_abbibench_score_is_read_as_what_it_is(tmp_path: Path) -> None:
    parent = {"heavy_wt": HEAVY + "TAIL", "light": " " + LIGHT, "antigen": ["GG"]}
    names = ["1mhp", "1mlc", "2fjg", "3gbn_h1", "aayl49"]
    complexes(tmp_path, **{name: parent | {"antigen": None} for name in names})
    folder = tmp_path / "abbibench"
    for name, score in zip(
        names, ["9.1549", "2.5", "-1.5", "7.0", "8.698970004336019"], strict=True
    ):
        score_file(folder, name, f"{HEAVY[:-1]}W,{score},-2.0")
    read = {file.split("_bench")[0]: table for file, table in tables(abbibench, folder).items()}
    rows = {name: table.frame.row(0, named=True) for name, table in read.items()}
    # One unit above the wild type 8.1549 is one unit weaker: 7.1549.
    assert float(rows["1mhp"]["value"]) == pytest.approx(7.1549, abs=1e-12)
    assert (rows["1mhp"]["relation"], rows["1mhp"]["unit"]) == ("~", "pKd")
    assert (rows["1mlc"]["value"], rows["1mlc"]["unit"]) == ("2.5", "score (lower is tighter)")
    assert (rows["2fjg"]["quantity"], rows["2fjg"]["unit"]) == ("enrichment", "score")
    assert (rows["3gbn_h1"]["relation"], rows["3gbn_h1"]["value"]) == ("<", "7.0")
    # 8.69897 = 9 - log10(2), so log10(KD/nM) = 2, KD = 100 nM, pKd = 7.
    assert float(rows["aayl49"]["value"]) == pytest.approx(7.0, abs=1e-9)
    assert rows["aayl49"]["licence"] == "CC-BY-NC-SA-4.0"
    assert rows["1mhp"]["licence"] == "CC-BY-4.0"
    assert {row["mutations"] for row in rows.values()} == {"H:L10W"}
    assert {row["light"] for row in rows.values()} == {LIGHT}
    assert rows["1mhp"]["flags"] == rows["1mlc"]["flags"] == ["mended:inverted_sign"]
    assert "mended:log_of_log" in rows["aayl49"]["flags"]


def test_abbibench_as_published_calls_every_score_a_pkd(tmp_path: Path) -> None:
    complexes(tmp_path, **{"1mlc": {"heavy_wt": HEAVY, "light": LIGHT, "antigen": ["GG"]}})
    folder = tmp_path / "abbibench"
    score_file(folder, "1mlc", f"{HEAVY},2.5,-2.0")
    row = next(abbibench.read_as_published(folder)).frame.row(0, named=True)
    assert (row["quantity"], row["unit"], row["value"], row["relation"]) == (
        "KD",
        "pKd",
        "2.5",
        "=",
    )
    assert row["flags"] == []


def test_missing_constant_chains_are_named_with_their_place(tmp_path: Path) -> None:
    score_file(tmp_path / "abbibench", "1mlc", f"{HEAVY},2.5,-2.0")
    with pytest.raises(MissingFileError, match="constant chains of 1mlc"):
        list(abbibench.read(tmp_path / "abbibench"))


BITS = {"positions_0based": [1, 3], "mature": ["M", "N"], "germline": ["G", "H"]}


def test_a_floor_value_of_a_landscape_is_an_upper_bound(tmp_path: Path) -> None:
    known = {"heavy_mature": "AMDNF", "light": LIGHT, "antigen": ["GG", "HH"]}
    complexes(tmp_path, **{"4fqi_h3": known | {"bit_map_phillips_variant_string": BITS}})
    folder = tmp_path / "phillips_cr9114_cr6261"
    write(
        folder / "phillips_etal_CR9114_H3_notusing.csv",
        "variant,repd,repe,repf,logKd,h3_sem",
        "11,7.0,7.2,7.1,7.1,0.1",
        "00,6.0,6.0,,6.0,0.0",
        "01,6.0,6.6,6.6,6.4,0.2",
    )
    table = next(phillips_cr9114_cr6261.read(folder))
    assert column(table, "heavy") == ["AMDNF", "AGDHF", "AGDNF"]
    assert column(table, "mutations") == ["", "H:M2G;H:N4H", "H:M2G"]
    assert column(table, "relation") == ["=", "<", "~"]
    assert column(table, "value") == ["7.1", "6.0", "6.4"]
    assert "floor_in_a_replicate" in table.frame["flags"][2]
    assert table.frame["antigen"][0].to_list() == ["GG", "HH"]
    published = next(phillips_cr9114_cr6261.read_as_published(folder))
    assert column(published, "relation") == ["=", "=", "="]


def test_lost_leading_zeros_of_a_bit_string_come_back(tmp_path: Path) -> None:
    known = {"heavy_mature": "AMDNF", "light": LIGHT, "antigen": ["GG"]}
    complexes(tmp_path, **{"3gbn_h1": known | {"bit_map_phillips_variant_string": BITS}})
    folder = tmp_path / "phillips_cr9114_cr6261"
    write(
        folder / "phillips_etal_CR6261_H1.csv",
        "variant,logKd_x,A_x,logKd_y,logKd",
        "1,8.0,123,,9.0",
        "10,6.5,1,6.5,6.5",
    )
    table = next(phillips_cr9114_cr6261.read(folder))
    assert column(table, "heavy") == ["AGDNF", "AMDHF"]
    assert [float(value) for value in column(table, "value")] == [8.5, 6.5]  # type: ignore[arg-type]
    assert column(table, "relation") == ["=", "~"]


def test_controls_of_a_mutational_scan_come_out_too(tmp_path: Path) -> None:
    complexes(
        tmp_path, **{"4fqi_h1": {"heavy_mature": HEAVY, "light": LIGHT, "antigen": ["GG", "HH"]}}
    )
    folder = tmp_path / "cr9114_dms"
    write(folder / "CR9114_HC_WT.pep", ">x", HEAVY)
    header = "mut,mut_class,minus_log_Kd,minus_log_Kd_rep1,minus_log_Kd_rep2"
    for antigen in ("H1", "fluB"):
        write(
            folder / f"HC_WT_{antigen}_KD_table_summary_kabat.csv",
            header,
            "C2W,missense,8.1,8.0,8.2",
            "C2C,silent,9.0,9.0,9.0",
            "C2_,nonsense,5.0,5.0,5.0",
            "WT,WT,9.1,9.1,9.1",
            "D3W,missense,5.5,6.0,5.0",
            "D3Y,missense,,,6.0",
        )
    read = tables(cr9114_dms, folder)
    table = read["HC_WT_H1_KD_table_summary_kabat.csv"]
    assert column(table, "heavy")[:4] == ["AWDEFGHIKL", HEAVY, "A*DEFGHIKL", HEAVY]
    assert column(table, "mutations")[:4] == ["H:C2W", "", "H:C2*", ""]
    assert column(table, "relation") == ["=", "=", "<", "=", "~", "="]
    assert column(table, "value")[-1] is None
    flu = read["HC_WT_fluB_KD_table_summary_kabat.csv"]
    assert flu.frame["antigen"].list.len().to_list() == [0] * 6
    assert table.frame["flags"][0].to_list() == ["antigen_construct_differs"]


def test_a_scan_without_its_parent_chain_is_refused(tmp_path: Path) -> None:
    complexes(tmp_path, **{"4fqi_h1": {"heavy_mature": HEAVY, "light": LIGHT, "antigen": []}})
    folder = tmp_path / "cr9114_dms"
    write(folder / "CR9114_HC_WT.pep", "no fasta")
    write(folder / "HC_WT_H1_KD_table_summary_kabat.csv", "mut,mut_class,minus_log_Kd", "C2W,m,8")
    with pytest.raises(FileFormatError, match="FASTA"):
        list(cr9114_dms.read(folder))


ENV = "SEED_SEQUENCE=AAAA\nTARGET_SEQUENCE=GGGG\nMUTATION_START_IDX=1\n"
BLI = "Clone ID,Ab Capture (nm1),KD(M),kd(1/s),Comments,KD(M)"


def test_bli_clones_find_their_sequence_in_the_alphaseq_table(tmp_path: Path) -> None:
    folder = tmp_path / "alphabind"
    for name in ("trastuzumab_full", "trastuzumab_cdr"):
        write(folder / f"{name}_variables.env", ENV)
    write(
        folder / "trastuzumab-scfv-cdr_validation_alphaseq.csv",
        "mata_description,alphaseq_affinity,mata_sequence",
        "alphabind_7_d2,2.5,CCCC",
        "parental_0,,AAAA",
    )
    write(
        folder / "trastuzumab-scfv_bli_results.csv",
        BLI,
        "trastuzumab-scfv-cdr_alphabind_7_d2,1.0,3.0E-10,? 1.00E-04*,,N.B.",
        "trastuzumab-scfv-cdr_parental_1,1.0,3.0E-09,4.0E-04,L.B.,N.B.",
        "dms_candidate_1_d5,1.0,4.0E-09,4.0E-04,,N.B.",
        "Polyclonal Human IgG ,1.0,N.B.,N.B.,,N.B.",
    )
    read = tables(alphabind, folder)
    bli = read["trastuzumab-scfv_bli_results.csv"]
    assert column(bli, "scfv") == ["CCCC", "AAAA", None, None]
    assert [text is None for text in column(bli, "problem")] == [True, True, False, False]
    assert column(bli, "value") == ["3.0E-10", "3.0E-09", "4.0E-09", "N.B."]
    assert column(bli, "relation") == ["<", "~", "=", "="]
    library = read["trastuzumab-scfv-cdr_validation_alphaseq.csv"]
    assert column(library, "unit") == ["log10 nM", "log10 nM"]
    assert column(library, "value") == ["2.5", None]
    assert library.frame["antigen"][0].to_list() == ["GGGG"]


def test_a_target_file_without_a_target_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "tigit_variables.env", "SEED_SEQUENCE=AAAA")
    write(tmp_path / "aab-pp489_bli_results.csv", BLI, "aab-pp489_parental_1,1,1E-9,1E-4,,N.B.")
    with pytest.raises(FileFormatError, match="TARGET_SEQUENCE"):
        list(alphabind.read(tmp_path))


def test_sorted_cdrs_carry_their_class(tmp_path: Path) -> None:
    write(tmp_path / "antigens.json", json.dumps({"HER2": {"seq": "GGGG"}}))
    folder = tmp_path / "alphabind"
    write(folder / "mHER_H3_AgPos.csv", ",Count,AASeq,AgClass", "0,4,WGGDGFYAMA,1")
    write(folder / "mHER_H3_AgNeg.csv", ",Count,AASeq,AgClass", "0,4,WGGDGFYAMA,0")
    read = tables(alphabind, folder)
    values = [column(table, "value")[0] for table in read.values()]
    assert values == ["1", "0"]
    assert {column(table, "licence")[0] for table in read.values()} == {"not stated"}


def test_a_half_library_takes_its_other_chain_from_the_scfv_file(tmp_path: Path) -> None:
    linker = "GGGGSGGGGSGGGGS"
    write(
        tmp_path / "test_data_with_labels.csv",
        "POI,Sequence,Pred_affinity,affinity_class,seed_antibody",
        f"AAYL49_1,{HEAVY[:-1]}W{linker}{LIGHT},2.5,1,14",
        f"AAYL50_1,{HEAVY}{linker}{LIGHT[:-1]}W,3.5,1,14",
        f"AAYL51_1,{HEAVY}{LIGHT},1.5,1,91",
    )
    write(tmp_path / "df_14h_h_cdr.csv", ",heavy,affinity", f"0,{HEAVY[:-1]}Y,-0.5")
    write(tmp_path / "df_14l_l_cdr.csv", ",light,affinity", f"0,{LIGHT[:-1]}Y,0.5")
    heavy, light, test = tables(alphaseq_14, tmp_path).values()
    assert (column(heavy, "light"), column(heavy, "mutations")) == ([LIGHT], ["H:L10Y"])
    assert (column(light, "heavy"), column(light, "mutations")) == ([HEAVY], ["L:S6Y"])
    assert column(test, "scfv") == [None, None, HEAVY + LIGHT]
    assert column(test, "mutations") == ["H:L10W", "L:S6W", None]
    assert column(test, "assay") == [f"alphaseq_14/AAYL{n}" for n in (49, 50, 51)]
    assert heavy.frame["antigen"].list.len().to_list() == [0]


def test_without_the_scfv_file_the_half_libraries_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "df_14h_h_cdr.csv", ",heavy,affinity", f"0,{HEAVY},-0.5")
    with pytest.raises(MissingFileError, match="test_data_with_labels"):
        list(alphaseq_14.read(tmp_path))


def test_the_ends_of_a_titration_are_bounds(tmp_path: Path) -> None:
    write(
        tmp_path / "replicate_1.csv",
        ",CDR1H,CDR1H_AA,CDR3H,CDR3H_AA,expression,fit_KD,fit_KD_sigma,fit_fraction,extra",
        "0,A,TFSDYWMNWV,C,GSYYGMDYWG,1,1e-05,0,0,x",
        "1,A,TFSDYWMNWA,C,GSYYGMDYWG,1,3.16227766017e-10,0,0,x",
        "2,A,TFSDYWMNWV,C,ASYYGMDYWG,1,2.5e-09,0,0,x",
    )
    table = next(titeseq_4420.read(tmp_path))
    assert column(table, "relation") == [">", "<", "="]
    assert column(table, "mutations") == ["", "H:V37A", "H:G100A"]
    assert column(table, "heavy")[0] == titeseq_4420.HEAVY
    assert "extra" not in table.original.columns


def test_a_fit_beyond_the_highest_concentration_is_a_bound_and_old_mac_lines_are_read(
    tmp_path: Path,
) -> None:
    write(
        tmp_path / "titration_curves.csv",
        "name, date, CDR1HAA, CDR3HAA, KD",
        "18, 16.4.18, TFSDYSMNWV, GSYYGMDYWG, 1",
        "opt, 16.4.18, TFSDYWMNWV, GSYYGMDYWG,7.63E-11",
        "delta, 16.4.18, EPQSPSPQNK, AHETLLCCLW,0.0018",
        end="\r",
    )
    table = next(titeseq_4420.read(tmp_path))
    assert column(table, "source_row") == [2, 3, 4]
    assert column(table, "relation") == [">", "=", ">"]
    assert column(table, "value") == ["1e-05", "7.63E-11", "1e-05"]
    assert column(table, "heavy")[2] is None
    assert column(table, "heavy")[1] == titeseq_4420.HEAVY


def test_the_parent_segments_stand_once_in_4_4_20() -> None:
    for segment in (titeseq_4420.CDR1, titeseq_4420.CDR3):
        assert titeseq_4420.HEAVY.count(segment) == 1


def test_two_enrichments_become_their_mean_and_one_stays_as_written(tmp_path: Path) -> None:
    write(tmp_path / "antigens.json", json.dumps({"VEGF": {"seq": "GGGG"}}))
    folder = tmp_path / "ranibizumab_cdrh3"
    write(
        folder / "R2R3_enrichment_replicates_I_II.csv",
        ",log(R3/R2) replicate 2,log(R3/R2) replicate 1",
        "YPYYYGTSHWYFDV,1.0,2.0",
        "AAAAYDYWFDY,,-1.10",
        "AAAAYDYWFDX,-0.20,",
        "AAAAYDYWFDA,,",
    )
    table = next(ranibizumab_cdrh3.read(folder))
    assert column(table, "value") == ["1.5", "-1.10", "-0.20", None]
    assert column(table, "mutations") == ["", None, None, None]
    assert "CAKYPYYYGTSHWYFDVWGQG" in column(table, "heavy")[0]  # type: ignore[operator]
    assert "mean_of_replicates" in table.frame["flags"][0]
    assert "mean_of_replicates" not in table.frame["flags"][1]


# --- the published files ---

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
    read = list(source.read(sources_dir / source.name))
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
