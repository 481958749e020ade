"""Adapters of the mutant libraries, on small made-up files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abag.data.raw import RawTable
from abag.errors import FileFormatError, MissingFileError
from abag_lab.sources.libraries import (
    abbibench,
    alphabind,
    alphaseq_14,
    cr9114_dms,
    phillips_cr9114_cr6261,
    ranibizumab_cdrh3,
    titeseq_4420,
)

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
