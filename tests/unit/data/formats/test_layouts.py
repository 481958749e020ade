"""Made-up miniatures in the layouts of databases and instruments: each is read as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag.data.canonical import Canonical, canonicalise
from abag.data.formats import read_measurements, read_pairs
from abag.errors import TableError
from synthetic_pairs import HEAVY, LIGHT

ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYV"


def file(folder: Path, text: str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def imported(path: Path, *mapping: str, **options: object) -> Canonical:
    raw = read_measurements(path, mapping=mapping, **options)  # type: ignore[arg-type]
    assert any("read as" in note for note in raw.notes)
    return canonicalise(raw, "user", "own-data")


def test_tdc_has_both_chains_in_one_cell_and_asks_for_the_unit(tmp_path: Path) -> None:
    row = f"1abc,\"['{HEAVY}', '{LIGHT}']\",Agn,{ANTIGEN},2e-9"
    path = file(tmp_path, f"Antibody_ID,Antibody,Antigen_ID,Antigen,Y\n{row}\n")
    with pytest.raises(TableError, match="unit of the values is not named"):
        read_measurements(path)
    made = imported(path, unit="M").table.row(0, named=True)
    assert (made["heavy"], made["light"], made["antigen"]) == (HEAVY, LIGHT, [ANTIGEN])
    assert made["pkd"] == pytest.approx(8.699, abs=1e-3)
    assert (made["antibody_name"], made["antigen_name"]) == ("1abc", "Agn")


@pytest.mark.parametrize("gap", ["", " "])
def test_thera_sabdab_gives_pairs_whose_target_is_a_name(tmp_path: Path, gap: str) -> None:
    header = f"Therapeutic,Format,Heavy{gap}Sequence,Light{gap}Sequence,Target"
    path = file(tmp_path, f"{header}\nAmab,mAb,{HEAVY},{LIGHT},HER2\nBmab,VHH,{HEAVY},na,TNF\n")
    frame = read_pairs(path).frame
    assert frame["heavy"].to_list() == [HEAVY, HEAVY]
    assert frame["light"].to_list() == [LIGHT, None]
    assert frame["antigen_name"].to_list() == ["HER2", "TNF"]
    assert frame["antigen"].to_list() == [[], []]


def test_cov_abdab_gives_pairs(tmp_path: Path) -> None:
    header = "Name,Ab or Nb,Binds to,Doesn't Bind to,VHorVHH,VL,Sources"
    path = file(tmp_path, f"{header}\nx,Ab,SARS-CoV2,,{HEAVY},{LIGHT},a\ny,Nb,MERS,,{HEAVY},ND,b\n")
    frame = read_pairs(path).frame
    assert frame["light"].to_list() == [LIGHT, None]
    assert frame["antigen_name"].to_list() == ["SARS-CoV2", "MERS"]


def test_oas_has_a_line_of_metadata_before_its_header(tmp_path: Path) -> None:
    metadata = '"{""Run"": ""SRR1"", ""Chain"": ""Paired""}"'
    header = "sequence_id_heavy,sequence_alignment_aa_heavy,sequence_alignment_aa_light"
    path = file(tmp_path, f"{metadata}\n{header}\na,{HEAVY},{LIGHT}\nb,{HEAVY},{LIGHT}\n")
    frame = read_pairs(path).frame
    assert frame["source_row"].to_list() == [3, 4]
    assert frame["light"].to_list() == [LIGHT, LIGHT]


def test_oas_unpaired_chains_go_to_their_own_column(tmp_path: Path) -> None:
    header = "sequence_id,v_call,sequence_alignment_aa,Redundancy,ANARCI_status"
    rows = f"a,IGHV3-66*01,{HEAVY},1,good\nb,IGKV1-39*01,{LIGHT},2,good\n"
    metadata = '"{""Run"": ""SRR1"", ""Chain"": ""Bulk""}"'
    frame = read_pairs(file(tmp_path, f"{metadata}\n{header}\n{rows}")).frame
    assert frame["heavy"].to_list() == [HEAVY, None]
    assert frame["light"].to_list() == [None, LIGHT]


def test_iedb_has_a_header_of_two_lines(tmp_path: Path) -> None:
    groups = "Epitope,Epitope,Assay,Assay,Assay,Assay,Chain 1,Chain 2,Reference,Receptor"
    fields = (
        "Name,Source Molecule,Response measured,Quantitative measurement,Measurement Inequality,"
        "Units,Protein Sequence,Protein Sequence,PMID,Reference Name"
    )
    row = f"{ANTIGEN},HER2,dissociation constant KD,10,>=,nM,{HEAVY},{LIGHT},12345678,C10"
    made = imported(file(tmp_path, f"{groups}\n{fields}\n{row}\n")).table.row(0, named=True)
    assert (made["quantity"], made["relation"], made["pkd_upper"]) == ("KD", ">", 8.0)
    assert (made["heavy"], made["light"], made["antigen"]) == (HEAVY, LIGHT, [ANTIGEN])
    assert (made["reference"], made["source_row"]) == ("12345678", 3)
    assert made["antibody_name"] == "C10"


def test_iedb_receptors_are_pairs_to_predict(tmp_path: Path) -> None:
    groups = "Receptor,Epitope,Epitope,Assay,Chain 1,Chain 2"
    fields = "Reference Name,Name,Source Molecule,Type,Protein Sequence,Protein Sequence"
    path = file(tmp_path, f"{groups}\n{fields}\nC10,{ANTIGEN},HER2,B cell,{HEAVY},{LIGHT}\n")
    pairs = read_pairs(path)
    made = pairs.frame.row(0, named=True)
    assert (made["heavy"], made["light"], made["antigen"]) == (HEAVY, LIGHT, [ANTIGEN])
    assert (made["antibody_name"], made["antigen_name"]) == ("C10", "HER2")
    assert any("read as IEDB receptors" in note for note in pairs.notes)


def test_proteingym_scores_order_variants_of_an_antibody(tmp_path: Path) -> None:
    path = file(tmp_path, f"mutant,mutated_sequence,DMS_score\nE1Q:V2L,{HEAVY},0.5\n")
    made = imported(path).table.row(0, named=True)
    assert (made["quantity"], made["rank_score"], made["pkd"]) == ("enrichment", 0.5, None)
    assert made["mutations"] == "E1Q;V2L"


@pytest.mark.parametrize(
    ("header", "row", "method"),
    [
        ("Capture 1 Solution,Analyte 1 Solution,ka (1/Ms),kd (1/s),KD (M),Rmax (RU),Chi² (RU²)",
         "ab1,HER2,1.0E+5,1.0E-4,1.0E-9,35.1,0.2", "SPR"),
        ("Sample ID,Loading Sample ID,Conc. (nM),Response,KD (M),KD Error,kon(1/Ms),kon Error,"
         "kdis(1/s),kdis Error,Full R^2",
         "HER2,ab1,100,0.5,1.0E-09,<1.0E-12,1.0E5,1E3,1.0E-4,1E-6,0.99", "BLI"),
        ("Ligand,Analyte,ka (M-1 s-1),kd (s-1),KD (M),Rmax (RU),Res SD",
         "ab1,HER2,1.0E+05,1.0E-04,1.0E-09,120,2.1", "SPR"),
        ("Ligand,Analyte,Block,Well,ROI,Fitting#,Rmax 1,Rmax Global,ka,ka StdErr,kd,kd StdErr,KD,"
         "KD StdErr",
         "ab1,HER2,1,A1,1,1,120.5,NA,100000.0,12.5,0.0001,1.4e-6,1.0e-9,4.3e-12", None),
    ],
)  # fmt: skip
def test_result_tables_of_instruments_go_with_sequences_by_name(
    tmp_path: Path, header: str, row: str, method: str | None
) -> None:
    results = file(tmp_path, f"Exported results\n\n{header}\n{row}\n")
    chains = file(tmp_path, f">ab1_VH\n{HEAVY}\n>ab1_VL\n{LIGHT}\n", "chains.fasta")
    antigen = file(tmp_path, f">HER2\n{ANTIGEN}\n", "antigen.fasta")
    made = imported(chains, labels=results, antigen=antigen).table.row(0, named=True)
    assert (made["pkd"], made["method"]) == (pytest.approx(9.0), method)
    assert (made["heavy"], made["antigen"]) == (HEAVY, [ANTIGEN])
    assert made["flags"] == []


def test_adaptyv_names_designs_that_did_not_bind(tmp_path: Path) -> None:
    linker = "GGGGSGGGGSGGGGS"
    rows = f"a,{HEAVY}{linker}{LIGHT},1e-9,True\nb,{HEAVY}{linker}{LIGHT},,False\n"
    path = file(tmp_path, f"name,sequence,kd,binding\n{rows}")
    told = (f"antigen:={ANTIGEN}", "highest_concentration:=1 uM")
    made = imported(path, *told).table
    assert made["pkd_upper"].to_list() == [pytest.approx(9.0), pytest.approx(6.0)]
    assert made["relation"].to_list() == ["=", ">"]


def test_adaptyv_names_replicates_and_the_top_of_its_range(tmp_path: Path) -> None:
    rows = (
        "a,1,2e-09,131072,0.000262144,strong,true,high\n"
        "a,2,1e-05,,,weak,true,high\nb,1,,,,none,false,high\n"
    )
    head = "name,replicate,kd,kon,koff,binding_strength,binding,expression\n"
    chains = file(tmp_path, f">a_H\n{HEAVY}\n>a_L\n{LIGHT}\n>b\n{HEAVY}\n", "chains.fasta")
    antigen = file(tmp_path, f">EGFR\n{ANTIGEN}\n", "antigen.fasta")
    told = ("highest_concentration:=1 uM",)
    made = imported(chains, *told, labels=file(tmp_path, head + rows), antigen=antigen).table
    assert made["relation"].to_list() == ["=", ">", ">"]
    upper = [round(value, 3) for value in made["pkd_upper"]]
    assert upper == [8.699, 5.0, 6.0]


def test_single_cycle_results_of_biacore_name_their_analyte(tmp_path: Path) -> None:
    head = "Channel,Capture 1 Solution,Single cycle kinetics 1 Solution,ka (1/Ms),kd (1/s),KD (M)\n"
    chains = file(tmp_path, f">ab1\n{HEAVY}\n", "chains.fasta")
    antigen = file(tmp_path, f">HER2\n{ANTIGEN}\n", "antigen.fasta")
    table = file(tmp_path, f"{head}1,ab1,HER2,1e5,1e-4,1e-9\n")
    made = imported(chains, labels=table, antigen=antigen).table
    assert made.select("antibody_name", "method").row(0) == ("ab1", "SPR")
    assert made["pkd"].to_list() == [pytest.approx(9.0)]


def test_what_the_user_says_wins_over_the_layout(tmp_path: Path) -> None:
    text = "Ligand,Analyte,KD (M)\nHER2,ab1,1e-9\n"
    chains = file(tmp_path, f">ab1\n{HEAVY}\n", "chains.fasta")
    antigen = file(tmp_path, f">HER2\n{ANTIGEN}\n", "antigen.fasta")
    told = ("antibody_name=Analyte", "antigen_name=Ligand")
    made = imported(chains, *told, labels=file(tmp_path, text), antigen=antigen)
    assert made.table["antibody_name"].to_list() == ["ab1"]
