"""Adapters of complexes, their mutants, nanobodies and neutralisation panels."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZipFile

import fastexcel
import polars as pl
import pytest

from abag.data.raw import RAW_SCHEMA, RawTable
from abag.errors import FileFormatError, MissingFileError
from abag_lab.sources import SOURCES
from abag_lab.sources.complexes import (
    attabseq,
    biomap,
    deepaai,
    deepinteraware,
    deepnano,
    sarscov2_ic50_cao2022,
    skempi_v2,
)
from abag_lab.sources.complexes.mutant_complexes import (
    differing_residues,
    missing_from_chains,
    parse_substitutions,
    written,
)
from abag_lab.sources.published import Source

# Made-up chains: no antibody, but of a length that substitutions can be made in.
HEAVY = "EVQLVESGGAWYC"
LIGHT = "DIQMTQSPSSLKF"
ANTIGEN = "MKTAYIAKQRQIS"


def mutated(chain: str, *substitutions: str) -> str:
    """Replace residues, written ``G8A``; the residue before must be there."""
    for text in substitutions:
        place = int(text[1:-1]) - 1
        assert chain[place] == text[0]
        chain = chain[:place] + text[-1] + chain[place + 1 :]
    return chain


def tables(source: Source, folder: Path) -> dict[str, RawTable]:
    return {table.file: table for table in source.reader(folder)}


def rows(table: RawTable) -> list[dict[str, object]]:
    assert table.frame.schema == RAW_SCHEMA
    return table.frame.to_dicts()


def write_sheets(path: Path, sheets: dict[str, list[list[object]]]) -> None:
    """A workbook of text cells, as small as a reader accepts: abag needs no writer."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    numbers = range(1, len(sheets) + 1)
    names = "".join(
        f'<sheet name="{n}" sheetId="{i}" r:id="r{i}"/>'
        for i, n in zip(numbers, sheets, strict=True)
    )
    with ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            + "".join(
                f'<Override PartName="/xl/s{i}.xml" ContentType="{kind}.worksheet+xml"/>'
                for i in numbers
            )
            + "</Types>",
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r0" '
            f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>{names}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">'
            + "".join(
                f'<Relationship Id="r{i}" Type="{rel}/worksheet" Target="s{i}.xml"/>'
                for i in numbers
            )
            + "</Relationships>",
        )
        for i, content in zip(numbers, sheets.values(), strict=True):
            lines = "".join(
                f'<row r="{y}">'
                + "".join(
                    f'<c r="{chr(65 + x)}{y}" t="inlineStr"><is><t>{escape(str(cell))}</t></is></c>'
                    for x, cell in enumerate(line)
                    if cell is not None
                )
                + "</row>"
                for y, line in enumerate(content, start=1)
            )
            archive.writestr(
                f"xl/s{i}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>',
            )


# Substitutions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("H:S33G", "H:S33G"),
        ("SB33G,TA5A", "H:S33G;L:T5A"),
        ("C:D100aG", "C:D100aG"),
        ("B:D60AA", "H:D60AA"),
        ("wild type", "wild type"),
        (None, None),
    ],
)
def test_both_spellings_of_a_substitution_become_one(text: str | None, expected: str) -> None:
    assert written(text, {"B": "H", "A": "L"}) == expected


def test_a_list_with_one_unknown_spelling_is_not_half_read() -> None:
    assert parse_substitutions("SB33G,insertion") == ()


def test_a_mutant_chain_without_its_mutation_is_a_problem() -> None:
    assert differing_residues(HEAVY, mutated(HEAVY, "G8A")) == 1
    assert missing_from_chains("H:G8A", 1) is None
    problem = missing_from_chains("H:G8A", 0)
    assert problem is not None
    assert "1 are stated" in problem
    assert differing_residues(HEAVY, HEAVY + "AA") == len(HEAVY) + 2


# Small made-up files


def test_biomap_states_free_energies_and_mends_the_code_a_spreadsheet_ate(tmp_path: Path) -> None:
    (tmp_path / "biomap.csv").write_text(
        "pdb,antibody_seq_a,antibody_seq_b,antigen_seq,delta_g\n"
        f"1ABC,{LIGHT},{HEAVY},{ANTIGEN},-10.9\n4-Jan,{HEAVY},,{ANTIGEN},\n"
    )
    first, second = rows(tables(biomap.SOURCE, tmp_path)["biomap.csv"])
    assert (first["quantity"], first["value"], first["unit"]) == ("dG", "-10.9", "kcal/mol")
    assert (first["heavy"], first["light"], first["antigen"]) == (LIGHT, HEAVY, [ANTIGEN])
    assert (first["structure_id"], first["source_row"]) == ("1abc", 2)
    assert (second["structure_id"], second["flags"]) == ("4jan", ["structure_id_mended"])
    assert second["value"] is None


def _write_mute(folder: Path, name: str, process: str, lines: list[str]) -> None:
    (folder / f"{name}_mute_data.csv").write_text(
        "PDB,heavy,light,antigen,Mutation,antibody_light_seq,antibody_heavy_seq,antigen_a_seq,"
        "antigen_b_seq,antibody_light_seq_mut,antibody_heavy_seq_mut,antigen_a_seq_mut,"
        "antigen_b_seq_mut,ddG\n" + "\n".join(lines) + "\n"
    )
    (folder / f"{name}_process_data.csv").write_text(process)


def test_deepinteraware_gives_the_kd_of_the_mutant_with_its_method_and_kelvin(
    tmp_path: Path,
) -> None:
    head = "1ABC,B,A,C,x"
    _write_mute(
        tmp_path,
        "SKEMPI",
        "#PDB,Mutation(s)_PDB,Affinity_mut (M),Affinity_wt (M),Reference,Protein 1,Protein 2,"
        "Temperature,Method,Notes\n"
        "1ABC,GB8A,>2.8E-06,1E-9,123,P,Q,298(assumed),SPR,\n"
        '1ABC,"GB8A,MA4L",1.0E-08,1E-9,123,P,Q,310,ITC,\n',
        [
            f"{head},{LIGHT},{HEAVY},{ANTIGEN},,{LIGHT},{mutated(HEAVY, 'G8A')},{ANTIGEN},,1",
            f"{head},{LIGHT},{HEAVY},{ANTIGEN},,{LIGHT},{mutated(HEAVY, 'G8A')},{ANTIGEN},,1",
        ],
    )
    first, second = rows(tables(deepinteraware.SOURCE, tmp_path)["SKEMPI_mute_data.csv"])
    assert (first["quantity"], first["value"], first["unit"]) == ("KD", ">2.8E-06", "M")
    assert (first["heavy"], first["mutations"]) == (mutated(HEAVY, "G8A"), "H:G8A")
    assert (first["temperature_kelvin"], first["flags"]) == (298.0, ["temperature_assumed"])
    assert (first["reference"], first["method"], first["problem"]) == ("123", "SPR", None)
    assert (second["temperature_kelvin"], second["flags"]) == (310.0, [])
    assert second["mutations"] == "H:G8A;L:M4L"
    assert "2 are stated, 1 residue(s) differ" in str(second["problem"])


def test_a_ddg_of_exactly_eight_is_a_bound_because_nothing_bound(tmp_path: Path) -> None:
    chains = f"{LIGHT},{HEAVY},{ANTIGEN},,{LIGHT},{mutated(HEAVY, 'G8A')},{ANTIGEN},"
    _write_mute(
        tmp_path,
        "AB-Bind",
        "#PDB,Mutation,Protein-1,Protein-2,Assay Name,Assay Temp (Celcius)\n"
        "HM_1ABC,H:G8A,P,Q,ELISA,25.0\n1ABC,H:G8A,P,Q,SPR,\n1ABC,H:G8A,P,Q,SPR,\n",
        [
            f"HM_1ABC,H,L,A,GH8A,{chains},8.0",
            f"1ABC,H,L,A,GH8A,{chains},7.9",
            f"1ABC,H,L,A,GH8A,{chains},-8.0",
        ],
    )
    model, near, reverse = rows(tables(deepinteraware.SOURCE, tmp_path)["AB-Bind_mute_data.csv"])
    assert (model["quantity"], model["relation"], model["value"]) == ("ddG", ">", "8.0")
    assert (model["flags"], model["structure_id"]) == (["non_binder", "homology_model"], "1abc")
    assert model["temperature_kelvin"] == pytest.approx(298.15, abs=1e-9)
    assert (near["relation"], near["flags"], near["temperature_kelvin"]) == (None, [], None)
    assert reverse["relation"] == "<"
    assert model["assay"] != near["assay"]


def test_tables_that_are_not_row_by_row_the_same_are_refused(tmp_path: Path) -> None:
    chains = ",".join([LIGHT, HEAVY, ANTIGEN, ""] * 2)
    _write_mute(
        tmp_path,
        "AB-Bind",
        "#PDB,Mutation,Protein-1,Protein-2,Assay Name,Assay Temp (Celcius)\n2XYZ,H:G8A,P,Q,SPR,\n",
        [f"1ABC,H,L,A,GH8A,{chains},1"],
    )
    with pytest.raises(FileFormatError, match="row by row"):
        tables(deepinteraware.SOURCE, tmp_path)


def test_a_shuffled_pair_is_flagged_and_has_no_structure(tmp_path: Path) -> None:
    (tmp_path / "SAbDab_ab_ag_pair.csv").write_text("ab_id,ag_id,label\n1,7,1\n1,8,0\n2,7,0\n")
    (tmp_path / "SAbDab_antibody.csv").write_text(
        f"ab_id,heavy,light,pdb_id\n1,{HEAVY},{LIGHT},1ABC\n"
    )
    (tmp_path / "SAbDab_antigen.csv").write_text(f"ag_id,ag_seq\n7,{ANTIGEN}\n8,{ANTIGEN[::-1]}\n")
    true, shuffled, unknown = rows(tables(deepinteraware.SOURCE, tmp_path)["SAbDab_ab_ag_pair.csv"])
    assert (true["value"], true["unit"], true["structure_id"]) == ("1", "label", "1abc")
    assert true["flags"] == []
    assert (shuffled["flags"], shuffled["structure_id"]) == (["shuffled_negative"], None)
    assert shuffled["antigen"] == [ANTIGEN[::-1]]
    assert (unknown["heavy"], unknown["source_row"]) == (None, 4)


def write_attabseq(folder: Path) -> None:
    """AB-Bind with the heavy chain called B and the light chain A, and a chain left unmutated."""
    folder.mkdir(exist_ok=True)
    wild = f"{LIGHT},{HEAVY},{ANTIGEN},"
    mutant = f"{LIGHT},{mutated(HEAVY, 'G8A')},{ANTIGEN},"
    (folder / "AB1101.csv").write_text(
        "PDB,Partners,Mutation,Mutation2,antibody_light_seq,antibody_heavy_seq,antigen_a_seq,"
        "antigen_b_seq,antibody_light_seq_mut,antibody_heavy_seq_mut,antigen_a_seq_mut,"
        "antigen_b_seq_mut,ddG,Assay Name,Assay pH,Assay Temp (Celcius)\n"
        f"1ABC,AB_C,x,B:G8A,{wild},{mutant},8,SPR,7.4,25\n"
        f"1ABC,AB_C,x,A:M4L,{wild},{mutated(LIGHT, 'M4L')},{HEAVY},{ANTIGEN},,0.5,7.4,37,\n"
        f"1ABC,AB_C,x,C:K2A,{wild},{wild},1.5,SPR,7.4,25\n"
    )
    (folder / "S1131.csv").write_text(
        f"PDB,Partners,mutation,a,b,a_mut,b_mut,ddG\n1XYZ,A_B,A:G8A,{HEAVY},{ANTIGEN},"
        f"{mutated(HEAVY, 'G8A')},{ANTIGEN},1.0\n"
    )


def test_attabseq_learns_which_chain_is_which_and_reads_moved_columns(tmp_path: Path) -> None:
    write_attabseq(tmp_path)
    made = tables(attabseq.SOURCE, tmp_path)
    floor, moved, unmade = rows(made["AB1101.csv"])
    assert (floor["mutations"], floor["relation"]) == ("H:G8A", ">")
    assert (moved["mutations"], moved["relation"]) == ("L:M4L", None)
    assert (moved["method"], moved["temperature_kelvin"]) == (None, 310.15)
    assert (floor["method"], floor["temperature_kelvin"]) == ("SPR", 298.15)
    assert unmade["mutations"] == "C:K2A"
    assert "1 are stated, 0 residue(s) differ" in str(unmade["problem"])
    (general,) = rows(made["S1131.csv"])
    assert (general["heavy"], general["antigen"]) == (mutated(HEAVY, "G8A"), [ANTIGEN])
    assert "general protein complexes" in str(general["problem"])


SKEMPI_HEADER = (
    "#Pdb;Mutation(s)_PDB;Mutation(s)_cleaned;Affinity_mut (M);Affinity_wt (M);Reference;"
    "Temperature;Method;SKEMPI version,,,\n"
)


def write_skempi(folder: Path, lines: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "skempi_v2.csv").write_text(SKEMPI_HEADER + "\n".join(lines) + "\n")


def test_skempi_mutants_are_made_from_chains_whose_numbering_agrees(tmp_path: Path) -> None:
    write_attabseq(tmp_path / "attabseq")
    write_skempi(
        tmp_path / "skempi_v2",
        [
            "1ABC_AB_C;GB108A;GB8A;1E-07;1E-09;123;298;SPR;2,,,",
            "1ABC_AB_C;EB101A,VB102A;EB1A,VB2A;>1E-05;1E-09;123;298(assumed);SPR;2,,,",
            "1ABC_AB_C;KC2A;KC2A;1E-06;1E-09;124;298;SPR;2,,,",
            "9ZZZ_A_B;GA8A;GA8A;1E-06;1E-09;125;298;SPR;2,,,",
        ],
    )
    made = tables(skempi_v2.SOURCE, tmp_path / "skempi_v2")
    one, two, antigen, unknown = rows(made["skempi_v2.csv"])
    assert (one["heavy"], one["light"]) == (mutated(HEAVY, "G8A"), LIGHT)
    assert (one["quantity"], one["value"], one["unit"]) == ("KD", "1E-07", "M")
    assert one["mutations"] == "H:G108A"
    assert two["heavy"] == mutated(HEAVY, "E1A", "V2A")
    assert (two["mutations"], two["flags"]) == ("H:E101A;H:V102A", ["temperature_assumed"])
    # One place alone may agree by chance, so the antigen's letter C is not believed.
    assert antigen["heavy"] is None
    assert unknown["heavy"] is None
    assert "no sequences" in str(unknown["problem"])
    wild = rows(made["skempi_v2.csv#wild_type"])
    assert [(w["value"], w["heavy"], w["mutations"]) for w in wild] == [
        ("1E-09", HEAVY, ""),
        ("1E-09", HEAVY, ""),
        ("1E-09", HEAVY, ""),
    ]
    assert [w["source_row"] for w in wild] == [2, 3, 4]


def test_a_chain_with_one_disagreeing_residue_is_not_used(tmp_path: Path) -> None:
    write_attabseq(tmp_path / "attabseq")
    places = ["GB8A", "EB1A", "VB2A", "KB3A"]
    write_skempi(
        tmp_path / "skempi_v2",
        [f"1ABC_AB_C;{m};{m};1E-07;1E-09;123;298;SPR;2,,," for m in places],
    )
    made = tables(skempi_v2.SOURCE, tmp_path / "skempi_v2")
    assert made["skempi_v2.csv"].frame["heavy"].null_count() == 4


def test_skempi_alone_comes_out_without_chains(tmp_path: Path) -> None:
    write_skempi(tmp_path / "skempi_v2", ["1ABC_AB_C;GB8A;GB8A;n.b;1E-09;123;298;SPR;2,,,"])
    (row,) = rows(tables(skempi_v2.SOURCE, tmp_path / "skempi_v2")["skempi_v2.csv"])
    assert (row["heavy"], row["value"]) == (None, "n.b")


def test_deepnano_keeps_rows_without_a_value_and_reads_a_pubmed_id_as_one(tmp_path: Path) -> None:
    (tmp_path / "all_binding_site_data_5A.csv").write_text(
        "pdb,seq_nanobody,seq_antigen,affinity,affinity_method\n"
        f"1abc,{HEAVY},{ANTIGEN},None,None\n1abd,{HEAVY},{ANTIGEN},2.30E-08,SPR\n"
        f"1abe,{HEAVY},{ANTIGEN},4.40e-08,12345678\n"
    )
    (tmp_path / "all_pair_data.csv").write_text(
        f"label,seq_nanobody,seq_antigen\nYes,{HEAVY},{ANTIGEN}\nNo,{HEAVY},{ANTIGEN[::-1]}\n"
    )
    (tmp_path / "mmc3_GST.csv").write_text(
        "Protein Sequenze,ELISA affinity (LogIC50 (O.D.450nm))\n"
        f'{HEAVY},2.93\n{HEAVY},"0, No binding"\n{HEAVY},/\n'
    )
    made = tables(deepnano.SOURCE, tmp_path)
    none, spr, pubmed = rows(made["all_binding_site_data_5A.csv"])
    assert (none["value"], none["method"], none["reference"]) == (None, None, None)
    assert (spr["value"], spr["method"], spr["light"]) == ("2.30E-08", "SPR", None)
    assert (pubmed["method"], pubmed["reference"]) == (None, "12345678")
    yes, no = rows(made["all_pair_data.csv"])
    assert (yes["value"], yes["flags"]) == ("1", [])
    assert (no["value"], no["flags"]) == ("0", ["shuffled_negative"])
    measured, silent, missing = rows(made["mmc3_GST.csv"])
    assert (measured["value"], measured["unit"], measured["antigen"]) == ("2.93", "score", [])
    assert (silent["value"], silent["relation"], silent["flags"]) == ("0", "<", ["non_binder"])
    assert (missing["value"], missing["relation"]) == (None, None)


def test_each_antibody_and_variant_of_cao_is_a_row_with_its_line(tmp_path: Path) -> None:
    cross = ("D614G", "BA.1", "BA.2", "BA.2.75", "BA.5", "BQ.1.1", "XBB")
    specific = (*cross[:4], "BA.5", "BA.2.75.2", "CA.1", "BQ.1.1", "BR.2", "BM.1.1.1", "XBB")
    ends = ["Heavy chain AA", "Light chain AA"]
    write_sheets(
        tmp_path / "antibody_info.xlsx",
        {
            "cross": [
                ["Pseudovirus"],
                ["Antibody  Name", *cross, *ends],
                ["mAb1", "0.5", ">10", "--", "1", "1", "1", "1", HEAVY, LIGHT],
            ],
            "specific": [
                ["Pseudovirus"],
                ["Antibody  Name", *specific, *ends],
                ["mAb2", *[">10"] * 11, HEAVY, LIGHT],
            ],
        },
    )
    made = tables(sarscov2_ic50_cao2022.SOURCE, tmp_path)
    assert len(made) == 7 + 11
    (d614g,) = rows(made["antibody_info.xlsx#cross:D614G"])
    (ba1,) = rows(made["antibody_info.xlsx#cross:BA.1"])
    (ba2,) = rows(made["antibody_info.xlsx#cross:BA.2"])
    assert (d614g["value"], ba1["value"], ba2["value"]) == ("0.5", ">10", "--")
    assert (d614g["unit"], d614g["molar_mass_g_per_mol"]) == ("ug/mL", 150_000.0)
    assert (d614g["source_row"], d614g["antigen"]) == (3, [])
    assert d614g["assay"] != ba1["assay"]
    (again,) = rows(made["antibody_info.xlsx#specific:BA.1"])
    assert again["assay"] == ba1["assay"]


def test_deepaai_gives_joined_chains_to_be_parted(tmp_path: Path) -> None:
    header = ["antibody_seq", "virus_seq", "ic50", "split"]
    joined = HEAVY + LIGHT
    write_sheets(
        tmp_path / "dataset_hiv_reg.xlsx",
        {
            "Sheet1": [header, [joined, ANTIGEN, "27.8", "seen"]],
            "Sheet2": [[joined, ANTIGEN, "27.8"]],
        },
    )
    write_sheets(
        tmp_path / "dataset_cov_cls.xlsx",
        {"Sheet1": [[*header[:2], "label", "split"], [joined, ANTIGEN, "0", "seen"]]},
    )
    made = tables(deepaai.SOURCE, tmp_path)
    (measured,) = rows(made["dataset_hiv_reg.xlsx"])
    assert (measured["scfv"], measured["heavy"]) == (joined, None)
    assert (measured["quantity"], measured["value"], measured["unit"]) == ("IC50", "27.8", "ug/mL")
    (label,) = rows(made["dataset_cov_cls.xlsx"])
    assert (label["quantity"], label["value"], label["unit"]) == ("binary", "0", "label")


def test_a_text_file_called_xlsx_is_named_as_no_workbook(tmp_path: Path) -> None:
    (tmp_path / "dataset_hiv_reg.xlsx").write_text("antibody_seq,virus_seq\n")
    with pytest.raises(FileFormatError, match=r"dataset_hiv_reg\.xlsx"):
        tables(deepaai.SOURCE, tmp_path)


def test_a_file_with_another_header_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "biomap.csv").write_text("pdb,heavy,light,antigen,kd\n1ABC,A,C,D,1\n")
    with pytest.raises(FileFormatError, match=r"biomap\.csv lacks a column.*antibody_seq_a"):
        tables(biomap.SOURCE, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"biomap\.csv"):
        tables(biomap.SOURCE, tmp_path)


# The published files

PUBLISHED_ROWS = {
    "biomap": {"biomap.csv": 1436},
    "deepinteraware": {
        "SKEMPI_mute_data.csv": 1021,
        "AB-Bind_mute_data.csv": 654,
        "SAbDab_ab_ag_pair.csv": 4262,
    },
    "attabseq": {"AB1101.csv": 1100, "AB645.csv": 645, "S1131.csv": 1131},
    "skempi_v2": {"skempi_v2.csv.gz": 7085},
    "deepnano": {
        "all_binding_site_data_5A.csv": 1184,
        "all_pair_data.csv.gz": 3481,
        "mmc3_GST.csv": 98,
        "mmc4_HSA.csv": 44,
    },
    "deepaai": {
        "dataset_hiv_reg.xlsx": 14995,
        "dataset_hiv_cls.xlsx": 29394,
        "dataset_cov_cls.xlsx": 124560,
    },
}


@pytest.fixture
def published(sources_dir: Path, request: pytest.FixtureRequest) -> dict[str, RawTable]:
    return tables(SOURCES[request.param], sources_dir / request.param)


def censored(table: RawTable) -> int:
    return table.frame.filter(
        pl.col("relation").is_in(["<", ">"]) | pl.col("value").str.contains("^[<>]")
    ).height


@pytest.mark.sources
@pytest.mark.parametrize(
    ("published", "expected"), PUBLISHED_ROWS.items(), indirect=["published"], ids=PUBLISHED_ROWS
)
def test_every_row_of_the_published_file_comes_out(
    published: dict[str, RawTable], expected: dict[str, int]
) -> None:
    assert {name: published[name].frame.height for name in expected} == expected
    for table in published.values():
        assert table.frame.schema == RAW_SCHEMA
        assert table.frame["source_row"].n_unique() == table.frame.height


@pytest.mark.sources
@pytest.mark.parametrize("published", ["sarscov2_ic50_cao2022"], indirect=True)
def test_cao_has_the_published_numbers_of_values_and_bounds(
    published: dict[str, RawTable],
) -> None:
    cross = [table for name, table in published.items() if "#cross:" in name]
    assert {table.frame.height for table in cross} == {3051}
    assert sum(censored(table) for table in cross) == 13_436
    numbers = sum(t.frame["value"].cast(pl.Float64, strict=False).count() for t in cross)
    assert numbers == 7_870
    specific = [table for name, table in published.items() if "#specific:" in name]
    assert {table.frame.height for table in specific} == {282}
    assert sum(censored(table) for table in specific) == 2_110
    names = [set(group[0].frame["antibody_name"]) for group in (cross, specific)]
    assert not names[0] & names[1]


@pytest.mark.sources
@pytest.mark.parametrize("published", ["deepinteraware"], indirect=True)
def test_deepinteraware_has_the_published_values_and_bounds(
    published: dict[str, RawTable],
) -> None:
    skempi, ab_bind = published["SKEMPI_mute_data.csv"], published["AB-Bind_mute_data.csv"]
    assert skempi.frame["value"].cast(pl.Float64, strict=False).count() == 976
    assert censored(skempi) == 1021 - 976
    assert skempi.frame["problem"].count() == 0
    assert censored(ab_bind) == 50
    assert ab_bind.frame["problem"].count() == 2
    pairs = published["SAbDab_ab_ag_pair.csv"].frame
    assert pairs.filter(pl.col("flags").list.contains("shuffled_negative")).height == 4262 // 2


@pytest.mark.sources
@pytest.mark.parametrize("published", ["attabseq"], indirect=True)
def test_twenty_seven_of_ab645_are_bounds_and_ab1101_lacks_mutations_of_3bn9(
    published: dict[str, RawTable],
) -> None:
    assert censored(published["AB645.csv"]) == 27
    assert published["AB645.csv"].frame["problem"].count() == 0
    faulty = published["AB1101.csv"].frame.filter(pl.col("problem").is_not_null())
    counts = dict(faulty.group_by("structure_id").len().iter_rows())
    assert counts == {"1t83": 246, "3bn9": 27, "3wjj": 25, "2ny7": 2, "1jtg": 2}


@pytest.mark.sources
@pytest.mark.parametrize("published", ["skempi_v2"], indirect=True)
def test_skempi_mutants_agree_with_those_that_others_made(
    published: dict[str, RawTable], sources_dir: Path
) -> None:
    """DeepInterAware made the same mutants from other (resolved) chains of the same complexes."""
    ours = published["skempi_v2.csv.gz"].frame.filter(pl.col("heavy").is_not_null())
    assert ours.height > 600
    theirs = tables(deepinteraware.SOURCE, sources_dir / "deepinteraware")
    other = theirs["SKEMPI_mute_data.csv"].frame
    both = ours.join(other, on=["structure_id", "mutations"], suffix="_other").unique(
        ["structure_id", "mutations"]
    )
    assert both.height > 400
    # The changed residue with its neighbours, as in both sequences of the variable domains.
    same = both.filter(
        pl.concat_str("heavy_other", "light_other").str.contains(
            pl.col("heavy").str.slice(5, 100), literal=True
        )
        & pl.concat_str("heavy_other", "light_other").str.contains(
            pl.col("light").str.slice(5, 90), literal=True
        )
    )
    assert same.height == both.height


@pytest.mark.sources
@pytest.mark.parametrize("published", ["deepaai"], indirect=True)
def test_sheet_2_of_deepaai_repeats_the_unseen_rows_of_sheet_1(
    published: dict[str, RawTable], sources_dir: Path
) -> None:
    """Why the adapter leaves Sheet2 unread."""
    book = fastexcel.read_excel(sources_dir / "deepaai" / "dataset_hiv_reg.xlsx")
    second = book.load_sheet("Sheet2", header_row=None, dtypes="string").to_polars()
    second.columns = ["antibody_seq", "virus_seq", "ic50"]
    unseen = published["dataset_hiv_reg.xlsx"].original.filter(pl.col("split") == "unseen")
    assert unseen.height == second.height == 2121
    assert unseen.join(second, on=second.columns, how="semi").height == 2121
