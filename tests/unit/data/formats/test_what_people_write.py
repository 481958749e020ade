"""Small files as people make them, through the door of `abag.read_table`, with right values."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import polars as pl
import pytest

import abag
from abag.data.formats.own_tables import OwnTable
from abag.errors import AbagError
from abag.maturation.assay.file import AssayFile, read_groups
from synthetic_pairs import HEAVY, LIGHT

ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYV"
CHAINS = f"{HEAVY},{LIGHT},{ANTIGEN}"
TOP = "highest_concentration:=10 uM"


def read(folder: Path, text: str, *mapping: str) -> OwnTable:
    path = folder / "table.csv"
    path.write_text(text)
    return abag.read_table(path, mapping=mapping, set_aside=True)


def one_value(folder: Path, cell: str, header: str = "KD (nM)", *mapping: str) -> OwnTable:
    return read(folder, f'heavy,light,antigen,"{header}"\n{CHAINS},"{cell}"\n', *mapping)


def pkds(found: OwnTable) -> list[tuple[float | None, float | None]]:
    lower, upper = found.rows["pkd_lower"].round(3), found.rows["pkd_upper"].round(3)
    return list(zip(lower, upper, strict=True))


@pytest.mark.parametrize(
    ("cell", "lower", "upper"),
    [
        ("3.2 (2.9-3.5)", 8.495, 8.495),
        ("3.2 [2.9, 3.5]", 8.495, 8.495),
        ("3.2 (95% CI: 2.9–3.5)", 8.495, 8.495),
        ("3.2 (SD 0.4)", 8.495, 8.495),
        ("3.2 (± 0.4) nM", 8.495, 8.495),
        ("3.2 nM (SPR)", 8.495, 8.495),
        ("3.2 ± 0.4 (n = 3)", 8.495, 8.495),
        ("3.2×10⁰ nM", 8.495, 8.495),
        ("3.2\u202fnM", 8.495, 8.495),
        ("３.２", 8.495, 8.495),
        ("＞1000", None, 6.0),
        (">1000 (NB)", None, 6.0),
        ("> 1000 (no binding)", None, 6.0),
        ("NB (>1 µM)", None, 6.0),
        ("NB (1 uM)", None, 6.0),
        ("no binding up to 1 uM", None, 6.0),
        ("no binding detected at 1000 nM", None, 6.0),
        ("ND (>1 uM)", None, 6.0),
    ],
)
def test_a_cell_is_read_to_what_its_writer_meant(
    cell: str, lower: float | None, upper: float | None, tmp_path: Path
) -> None:
    assert pkds(one_value(tmp_path, cell)) == [(lower, upper)]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1-5", "two numbers"), ("1–5 nM", "two numbers"), ("1 to 5", "two numbers"),
        ("1/5", "two numbers"), ("1~5", "two numbers"), ("3.2; 4.0", "two numbers"),
        ("3.2*", "mark behind"), ("3.2†", "mark behind"), ("3.2 a", "mark behind"),
        ("3.2¹", "mark behind"), ("3.2 [1]", "mark behind"), ("5 %", "percentage"),
        ("3.2 (0.4)", "second number"), ("3.2 (4.1-5.0)", "second number"),
        ("3.2(-9)", "second number"), ("(3.2)", "not a number"), ("*3.2", "not a number"),
        ("1000 (NB)", "unknown unit"), ("½", "unit"), ("1 200", "comma or a space"),
        ("1’200", "comma or a space"), ("3.2 n M", "unknown unit"),
        ("3.2 nM; 4 nM", "unknown unit"),
        ("weak", "not a number"), ("+++", "not a number"), ("∞", "not a number"), ("0", "positive"),
        ("<LOD", "too weak or too tight"), ("below detection limit", "too weak or too tight"),
        ("OOR >", "too weak or too tight"), ("NB at 37 C", "unknown unit"),
        ("NB (2)", "not a number"), ("#DIV/0!", "an error of a spreadsheet"),
        ("KD = 3.2 nM", "not a number"),
    ],
)  # fmt: skip
def test_a_cell_with_two_readings_is_refused_and_says_why(
    cell: str, words: str, tmp_path: Path
) -> None:
    found = one_value(tmp_path, cell, "KD (nM)", TOP)
    assert found.rows.height == 0
    assert words in "; ".join(found.set_aside["reasons"][0])


@pytest.mark.parametrize(
    "header",
    ["KD (nM) ± SD", "KD ± SEM (nM)", "KD nM avg", "KD_nM_avg", "KD (nM) n=3", "KD (nM) at 37 °C",
     "KD @25C (nM)", "KD (nM) pH 7.4", "KD (in nM)", "KD (unit: nM)", "KD-nM", "KD — nM",
     "Dissoziationskonstante (nM)", "KD（nM）", "$K_D$ (nM)", "K_D^app (nM)", "KD (nM)*"],
)  # fmt: skip
def test_a_header_names_its_quantity_and_unit_wherever_people_put_them(
    header: str, tmp_path: Path
) -> None:
    assert pkds(one_value(tmp_path, "3.2", header)) == [(8.495, 8.495)]


@pytest.mark.parametrize(
    "header",
    ["ΔKD (nM)", "KD fold change", "KD ratio (WT/mut)", "1/KD (nM)", "KD x 10^9 (M)", "ln KD (nM)",
     "log2 KD (nM)", "KD rank (nM)", "KD (nM) SD", "KD (nmol)", "KD (nM/L)", "KD (kDa)", "KDa",
     "koff/kon (nM)", "КД (нМ)", "Ki (nM)", "KD (nM) [M]", "KD HER2 (nM)", "KD2 (nM)"],
)  # fmt: skip
def test_a_header_that_is_no_affinity_or_unclear_is_refused(header: str, tmp_path: Path) -> None:
    with pytest.raises(AbagError):
        one_value(tmp_path, "3.2", header)


def test_conditions_tell_two_columns_of_values_apart(tmp_path: Path) -> None:
    for one, other in (("KD (nM) pH 6.0", "KD (nM) pH 7.4"), ("KD (nM, 25 °C)", "KD (nM, 37 °C)")):
        with pytest.raises(AbagError, match="could each be value"):
            read(tmp_path, f'heavy,light,antigen,"{one}","{other}"\n{CHAINS},5,5.1\n')


def test_replicates_beside_each_other_are_asked_for(tmp_path: Path) -> None:
    text = f"heavy,light,antigen,KD1 (nM),KD2 (nM)\n{CHAINS},5,6\n"
    with pytest.raises(AbagError, match=r"'KD1 \(nM\)' or 'KD2 \(nM\)'.*a row each"):
        read(tmp_path, text)
    path = tmp_path / "table.csv"
    told = abag.read_table(path, mapping=["value=KD2 (nM)"], quantity="KD")
    assert told.rows["pkd"].round(3).to_list() == [8.222]


def test_means_and_deviations_of_rows_are_no_rows(tmp_path: Path) -> None:
    rows = "".join(
        f"{name},{CHAINS},{value}\n"
        for name, value in [
            ("a1", 1),
            ("a2", 3),
            ("Mean", 2),
            ("SD", 1.4),
            ("n", 2),
            ("CV (%)", 70),
        ]
    )
    found = read(tmp_path, f"name,heavy,light,antigen,KD (nM)\n{rows}")
    assert found.rows["antibody_name"].to_list() == ["a1", "a2"]
    assert found.set_aside["source_row"].to_list() == [4, 5, 6, 7]
    assert "summary of other rows (SD)" in found.set_aside["reasons"][1][0]


def test_a_column_that_calls_every_value_a_mean_makes_no_summary(tmp_path: Path) -> None:
    text = f"statistic,heavy,light,antigen,KD (nM)\nmean,{CHAINS},1\nmean,{CHAINS},3\n"
    assert read(tmp_path, text).rows.height == 2
    both = read(tmp_path, f"{text}SD,{CHAINS},0.4\n")
    assert (both.rows.height, both.set_aside["source_row"].to_list()) == (2, [4])


def test_an_antibody_may_be_called_n(tmp_path: Path) -> None:
    text = f"name,heavy,light,antigen,KD (nM)\nM,{CHAINS},1\nN,{CHAINS},3\n"
    assert read(tmp_path, text).rows["antibody_name"].to_list() == ["M", "N"]


def test_a_second_table_below_is_refused_at_its_header(tmp_path: Path) -> None:
    head = "name,heavy,light,antigen,KD ({})\n"
    text = f"{head.format('nM')}a1,{CHAINS},1\n\n{head.format('uM')}a2,{CHAINS},1\n"
    with pytest.raises(AbagError, match=r"row 4: it looks like the header of a second table"):
        read(tmp_path, text)


def test_a_header_that_comes_again_is_left_out_with_a_note(tmp_path: Path) -> None:
    head = "name,heavy,light,antigen,KD (nM)\n"
    found = read(tmp_path, f"{head}a1,{CHAINS},1\n{head}a2,{CHAINS},10\n")
    assert found.rows["pkd"].to_list() == [9.0, 8.0]
    assert found.notes == ("line 3 left out: the header once more",)


def test_a_line_of_units_belongs_to_the_header(tmp_path: Path) -> None:
    found = read(
        tmp_path, f"name,heavy,light,antigen,KD\n,,,,(nM)\na1,{CHAINS},1\na2,{CHAINS},10\n"
    )
    assert found.rows["pkd"].to_list() == [9.0, 8.0]
    assert "line 2 is read as units" in found.notes[0]
    with pytest.raises(AbagError, match="two units, nM and uM"):
        read(tmp_path, f"name,heavy,light,antigen,KD (nM)\n,,,,uM\na1,{CHAINS},1\n")


def test_comments_around_a_table_are_left_out(tmp_path: Path) -> None:
    text = f"# project X\n# 2024\nname,heavy,light,antigen,KD (nM)\na1,{CHAINS},1\n# end\n"
    found = read(tmp_path, text)
    assert found.rows["pkd"].to_list() == [9.0]
    assert any("line 5 left out: a comment" in note for note in found.notes)


def test_cells_that_are_kept_from_excel_are_read(tmp_path: Path) -> None:
    cells = ",".join(f'="{cell}"' for cell in ("a1", HEAVY, LIGHT, ANTIGEN, "1"))
    found = read(tmp_path, f"name,heavy,light,antigen,KD (nM)\n{cells}\n")
    assert found.rows.select("antibody_name", "pkd").row(0) == ("a1", 9.0)


@pytest.mark.parametrize("mark", ['""""', "''", "〃", "ditto", "same as above"])
def test_a_ditto_mark_is_no_missing_light_chain(mark: str, tmp_path: Path) -> None:
    text = f"heavy,light,antigen,KD (nM)\n{CHAINS},1\n{HEAVY},{mark},{ANTIGEN},2\n"
    found = read(tmp_path, text)
    assert found.set_aside["source_row"].to_list() == [3]
    assert "repeats the cell above" in found.set_aside["reasons"][0][0]


def excel(folder: Path, *rows: list[object], shown: str = "General") -> OwnTable:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    sheet.cell(2, sheet.max_column).number_format = shown
    book.save(folder / "sheet.xlsx")
    return abag.read_table(folder / "sheet.xlsx", set_aside=True)


def test_a_unit_in_the_format_of_a_cell_is_read(tmp_path: Path) -> None:
    row = ["a", HEAVY, LIGHT, ANTIGEN, 1.5]
    head = ["name", "heavy", "light", "antigen"]
    assert excel(tmp_path, [*head, "KD"], row, shown='0.0 "nM"').rows["pkd"].round(3)[0] == 8.824
    found = excel(tmp_path, [*head, "KD (nM)"], row, shown='0.0 "uM"')
    assert "the value says 'uM' but the unit is 'nM'" in found.set_aside["reasons"][0][0]
    with pytest.raises(AbagError, match="E2 is shown in thousands"):
        excel(tmp_path, [*head, "KD (nM)"], row, shown="0.0,")


def test_an_empty_first_column_and_spaces_around_names_are_left_out(tmp_path: Path) -> None:
    head = [None, "name", "heavy", "light", "antigen", "KD (nM)"]
    found = excel(tmp_path, head, [None, "a ", f" {HEAVY} ", LIGHT, ANTIGEN, 1])
    assert found.rows.select("antibody_name", "pkd").row(0) == ("a", 9.0)


@pytest.mark.parametrize("name", ["1-Mar", "02-Sep", "Mar-01", "2024-03-01T00:00:00"])
def test_a_name_that_a_spreadsheet_made_a_date_of_is_flagged(name: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"name,heavy,light,antigen,KD (nM)\n{name},{CHAINS},1\n")
    assert found.rows["flags"].to_list() == [["name_looks_like_a_date"]]


def variants(folder: Path, *texts: str) -> tuple[list[str], pl.DataFrame, tuple[str, ...]]:
    path = folder / "variants.csv"
    rows = "".join(f'"{text}",{place}\n' for place, text in enumerate(texts, 1))
    path.write_text(f"mutations,KD (nM)\n{rows}")
    told = AssayFile(parent_heavy=HEAVY, parent_light=LIGHT, quarantine=True)
    found = read_groups(path, told)
    (table,) = found.groups.values()
    return table["mutations"].to_list(), found.aside, found.notes


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("['Y33F', 'T54A']", "H:Y33F;H:T54A"), ("{Y33F,T54A}", "H:Y33F;H:T54A"),
        ("Y33F (H)", "H:Y33F"), ("Y33F(VH)", "H:Y33F"),
        ("Y33F (H), A32S (L)", "H:Y33F;L:A32S"), ("Ｙ33Ｆ", "H:Y33F"), ("Y33F\u200b", "H:Y33F"),
        ("Y33→F", "H:Y33F"), ("p.(Tyr33Phe)", "H:Y33F"), ("T32TF", "H:T32TF"),
        ("Y33del", "H:Y33-"),
    ],
)  # fmt: skip
def test_mutations_are_read_as_people_write_them(text: str, meant: str, tmp_path: Path) -> None:
    names, aside, _ = variants(tmp_path, "WT", "T54A", text)
    assert names == ["", "H:T54A", meant]
    assert aside.height == 0


@pytest.mark.parametrize(
    "text",
    ["1-Mar", "25-Sep", "SEPT2", "3E10", "1.00E+10", "Mar-01", "2-Mar", "Y33AF", "Y33FH", "Y33A/F",
     "Y33[AF]", "33F", "Y33", "Y33F x2", "Y33F*", "A:Y33F", "YB33F", "double mutant", "DM1",
     "Y33F?",
     "NA", "nan", "n.d.", "?", "unknown", "TBD", "0"],
)  # fmt: skip
def test_what_names_no_mutation_is_set_aside_and_never_the_parent(
    text: str, tmp_path: Path
) -> None:
    names, aside, _ = variants(tmp_path, "WT", "T54A", text)
    assert names == ["", "H:T54A"]
    assert aside["source_row"].to_list() == [4]


def test_rows_without_mutations_are_the_parent_with_a_note(tmp_path: Path) -> None:
    names, _, notes = variants(tmp_path, "Y33F", "T54A", "")
    assert names == ["H:Y33F", "H:T54A", ""]
    assert "1 row without mutations read as the parent (row 4)" in notes
