"""Neighbours of what people wrote: other words and marks for the same habit, with right values."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

import abag
from abag.data.chains import clean_antigen
from abag.data.formats import read_airr, read_antibodies, read_measurements, read_pairs
from abag.data.formats.content import decode
from abag.data.formats.own_tables import OwnTable, explain_file
from abag.data.raw import RawTable
from abag.errors import FileFormatError, OptionError, TableError, UnitError
from abag.units import parse_value
from abag.units.bounds import convert
from synthetic_pairs import HEAVY, LIGHT

ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYV"
OTHER = HEAVY.replace("RIYPTNGYTRYADSVKG", "RISPTNGYTRYADSVKG")
CHAINS, MUTANT = f"{HEAVY},{LIGHT},{ANTIGEN}", f"{OTHER},{LIGHT},{ANTIGEN}"


def table(folder: Path, header: str, *rows: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return path


def read(folder: Path, header: str, *rows: str, **told: object) -> OwnTable:
    return abag.read_table(table(folder, header, *rows), set_aside=True, **told)  # type: ignore[arg-type]


def pkds(found: OwnTable) -> list[float | None]:
    return found.rows["pkd"].round(3).to_list()


# -- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("(3.2 ± 0.4)", 3.2),
        ("(3.2 ± 0.4) nM", 3.2),
        ("(3.2±0.4)x10^-9 M", 3.2e-9),
        ("(3.2 ± 0.4) × 10⁻⁹ M", 3.2e-9),
        ("[3.2 +/- 0.4]E-9", 3.2e-9),
        ("3.2E-9 ± 0.4E-9", 3.2e-9),
    ],
)
def test_an_error_in_brackets_leaves_the_number(cell: str, number: float) -> None:
    assert math.isclose(parse_value(cell).number, number)


@pytest.mark.parametrize("cell", ["0.32 ± 0.04E-6", "3.2±0.4e-9", "5 +/- 1e-3"])
def test_a_power_of_ten_behind_the_error_alone_is_refused(cell: str) -> None:
    with pytest.raises(UnitError, match="behind its error alone"):
        convert(cell, "KD", "M")


@pytest.mark.parametrize("cell", ["1.234.567", "1..3", "5.5.5 nM"])
def test_two_points_are_no_number(cell: str) -> None:
    with pytest.raises(UnitError, match="two points"):
        convert(cell, "KD", "nM")


def test_a_decimal_comma_stands_beside_words_with_points(tmp_path: Path) -> None:
    cells = ["1,5", "n.b.", "N.B. (>1,5 uM)", "ca. 5,5", "1.200"]
    chains = CHAINS.replace(",", ";")
    path = table(tmp_path, "VH;VL;antigen;KD (nM)", *(f"{chains};{cell}" for cell in cells))
    told = ["decimal:=comma", "highest_concentration:=1,5 uM"]
    found = abag.read_table(path, mapping=told, set_aside=True)
    assert found.rows["pkd_upper"].round(3).to_list() == [8.824, 5.824, 5.824, 8.26]
    assert found.rows["pkd_lower"].round(3).to_list() == [8.824, None, None, 8.26]
    assert found.set_aside["source_row"].to_list() == [6]


def test_a_point_before_three_figures_beside_whole_hundreds_is_flagged(tmp_path: Path) -> None:
    cells = ["1.200", "2.500", "850"]
    rows = [f"{CHAINS},{cell}" for cell in cells]
    flags = read(tmp_path, "VH,VL,antigen,KD (nM)", *rows).rows["flags"].to_list()
    assert flags == [["point_may_part_thousands"]] * 2 + [[]]
    told = read(tmp_path, "VH,VL,antigen,KD (nM)", *rows, mapping=["decimal:=point"])
    assert told.rows["flags"].to_list() == [[]] * 3
    plain = read(tmp_path, "VH,VL,antigen,KD (nM)", *(f"{CHAINS},{c}" for c in ("1.250", "0.5")))
    assert plain.rows["flags"].to_list() == [[], []]


# -- headers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["KD (M) x 10^9", "KD*1e9 (M)", "ln KD (M)", "log2 KD (nM)", "KD (nM) log", "KD_nM_log10"],
)
def test_a_power_or_logarithm_in_a_mapped_header_is_never_dropped(
    header: str, tmp_path: Path
) -> None:
    with pytest.raises(TableError, match=r"in the header|the header speaks"):
        read(
            tmp_path, f"VH,VL,antigen,{header}", f"{CHAINS},1",
            mapping=[f"value={header}"], quantity="KD", unit="nM",
        )  # fmt: skip


def test_a_logarithm_behind_the_quantity_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, "VH,VL,antigen,KD log10 (nM)", f"{CHAINS},1", f"{MUTANT},2")
    assert pkds(found) == [8.0, 7.0]
    told = {"mapping": ["value=KD_nM_log10"], "quantity": "KD", "unit": "log10 nM"}
    assert pkds(read(tmp_path, "VH,VL,antigen,KD_nM_log10", f"{CHAINS},1", **told)) == [8.0]


@pytest.mark.parametrize(
    "again", ["KD (nM).1", "KD (nM)_1", "KD (nM) 2", "KD2 (nM)", "KD rep 2 (nM)"]
)
def test_a_repeat_of_the_values_is_asked_for(again: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"could each be value.*--map value='KD \(nM\)'"):
        read(tmp_path, f"VH,VL,antigen,KD (nM),{again}", f"{CHAINS},1,2")


def test_another_measurement_beside_the_values_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, "VH,VL,antigen,KD (nM),cyno KD (nM)", f"{CHAINS},1,200")
    assert pkds(found) == [9.0]
    assert any("'cyno KD (nM)' not used" in note for note in found.notes)


@pytest.mark.parametrize(
    "header",
    [
        "ka (10^5 M-1 s-1),kd (10^-4 s-1)",
        "kon (10^5 1/Ms),koff (1e-4 1/s)",
        "kon (nM-1 s-1),koff (s-1)",
    ],
)
def test_rates_of_any_size_make_kd(header: str, tmp_path: Path) -> None:
    on, off = ("1e-4", "1e-4") if "nM-1" in header else ("1", "1")
    found = read(tmp_path, f"VH,VL,antigen,{header}", f"{CHAINS},{on},{off}")
    assert pkds(found) == [9.0]
    assert found.rows["flags"].to_list() == [["kd_from_rates"]]


def test_labels_and_scores_may_say_how_they_are_written(tmp_path: Path) -> None:
    yes = read(tmp_path, "VH,VL,antigen,Binder (Y/N)", f"{CHAINS},Y", f"{MUTANT},N")
    assert yes.rows["rank_score"].to_list() == [1.0, 0.0]
    for header in ("log2 enrichment", "enrichment (log2)"):
        found = read(tmp_path, f"VH,VL,antigen,{header}", f"{CHAINS},1.5", f"{MUTANT},-2")
        assert found.rows["rank_score"].to_list() == [1.5, -2.0]


# -- around the rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mean of a", "a mean", "a (avg)", "Average a", "a_mean ± SD"])
def test_a_mean_of_other_rows_is_set_aside(name: str, tmp_path: Path) -> None:
    rows = [f"{label},{CHAINS},{n}" for label, n in (("a1", 1), ("a2", 3), (name, 2))]
    found = read(tmp_path, "name,VH,VL,antigen,KD (nM)", *rows)
    assert pkds(found) == [9.0, 8.523]
    assert found.set_aside["source_row"].to_list() == [4]


def test_means_alone_are_values(tmp_path: Path) -> None:
    rows = [f"{label} mean,{CHAINS},{n}" for label, n in (("a", 1), ("b", 10))]
    assert pkds(read(tmp_path, "name,VH,VL,antigen,KD (nM)", *rows)) == [9.0, 8.0]


@pytest.mark.parametrize(
    "below",
    ["* measured at 25 °C", "NB: no binding up to 1 uM", "Note: SPR on a T200,,,",
     "Values are means of three independent runs,,,"],
)  # fmt: skip
def test_text_below_the_rows_is_left_out_with_a_note(below: str, tmp_path: Path) -> None:
    found = read(tmp_path, "VH,VL,antigen,KD (nM)", f"{CHAINS},1", f"{MUTANT},10", "", below)
    assert pkds(found) == [9.0, 8.0]
    assert "line 5 left out: a text below the table" in found.notes
    assert found.set_aside.height == 0


def test_a_last_row_without_its_cells_is_still_a_row(tmp_path: Path) -> None:
    found = read(tmp_path, "name,VH,VL,antigen,KD (nM)", f"a,{CHAINS},1", "b,,,,")
    assert (found.rows.height, found.set_aside.height) == (1, 1)


@pytest.mark.parametrize(
    "groups", [",Antibody,,Antigen,Binding", "Sample,Antibody,Antibody,Antigen,SPR"]
)
def test_a_line_of_groups_above_the_names_is_left_out(groups: str, tmp_path: Path) -> None:
    rows = ("name,VH,VL,sequence,KD (nM)", f"a,{CHAINS},1", f"b,{MUTANT},10")
    found = read(tmp_path, groups, *rows)
    assert pkds(found) == [9.0, 8.0]
    assert found.rows["source_row"].to_list() == [3, 4]
    assert found.rows["antigen"].to_list() == [[ANTIGEN]] * 2


# -- encodings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "advice"),
    [("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"),
     ("utf-32", "utf-32"), ("cp1252", "cp1252")],
)  # fmt: skip
def test_the_encoding_that_is_advised_reads_the_file(
    encoding: str, advice: str, tmp_path: Path
) -> None:
    path = table(tmp_path, "VH,VL,antigen,KD (µM)", f"{CHAINS},1", encoding=encoding)
    with pytest.raises((FileFormatError, TableError), match=f"--map encoding:={advice}\\b"):
        abag.read_table(path)
    assert pkds(abag.read_table(path, mapping=[f"encoding:={advice}"])) == [6.0]


def test_windows_is_not_advised_where_its_bytes_do_not_fit(tmp_path: Path) -> None:
    content = "抗体,VH\nx,EVQL\n".encode("shift-jis")
    with pytest.raises(TableError, match="such as shift_jis"):
        decode(tmp_path / "a.csv", content)


def test_fasta_is_advised_what_it_can_take(tmp_path: Path) -> None:
    path = tmp_path / "a.fasta"
    path.write_bytes(f">µ1_H\n{HEAVY}\n".encode("cp1252"))
    with pytest.raises(TableError, match="Save the file again as UTF-8") as caught:
        read_antibodies(path)
    assert "--map" not in str(caught.value)


# -- chains ----------------------------------------------------------------------------------------

PEPTIDE = "GPGRAFVTIGK"


@pytest.mark.parametrize(
    "text",
    [f"Ac {PEPTIDE}", f"(Ac){PEPTIDE}(NH2)", f"[Ac]{PEPTIDE}", f"{PEPTIDE}(biotin)",
     f"biotin {PEPTIDE}", f"Ac-{PEPTIDE}-[NH2]"],
)  # fmt: skip
def test_groups_at_the_ends_are_taken_off_however_they_are_set_apart(text: str) -> None:
    found = clean_antigen(text)
    assert (found.sequence, found.problem) == (PEPTIDE, None)
    assert "end_groups_removed" in found.flags


def test_pyroglutamate_is_e_with_a_dash_as_well() -> None:
    assert clean_antigen(f"pE-{PEPTIDE}").sequence == f"E{PEPTIDE}"


@pytest.mark.parametrize(
    "text",
    [f"N-{PEPTIDE}-C", f"N-{ANTIGEN}-C", f"{PEPTIDE}-Fc",
     f"MBP-{PEPTIDE}", f"GST-{ANTIGEN}", f"{ANTIGEN}-Fc",
     f"{ANTIGEN}-HIS", f"{ANTIGEN}-FLAG", f"Spike {ANTIGEN}", f"human {ANTIGEN}", f"VH {ANTIGEN}",
     f"MeO-{PEPTIDE}", f"{PEPTIDE}-NHMe", f"{ANTIGEN} HA"],
)  # fmt: skip
def test_tags_and_names_set_apart_are_no_residues(text: str) -> None:
    assert clean_antigen(text).problem is not None


@pytest.mark.parametrize(
    "text",
    [f"{ANTIGEN}-HHHHHH", " ".join(ANTIGEN[i : i + 10] for i in range(0, len(ANTIGEN), 10)),
     f"{ANTIGEN[:30]} {ANTIGEN[30:]}", f"{HEAVY[:25]} {HEAVY[25:33].lower()} {HEAVY[33:]}",
     f"GSGSG-{ANTIGEN}", f"{ANTIGEN[:30]}---{ANTIGEN[30:]}"],
)  # fmt: skip
def test_blocks_gaps_and_linkers_are_residues(text: str) -> None:
    assert clean_antigen(text).problem is None


@pytest.mark.parametrize("mark", ["|", "/", ":", ";", ", ", " ; "])
def test_chains_of_an_antigen_may_be_joined_in_many_ways(mark: str, tmp_path: Path) -> None:
    joined = f'"{ANTIGEN}{mark}{ANTIGEN[:40]}"'
    found = read(tmp_path, "VH,VL,antigen,KD (nM)", f"{HEAVY},{LIGHT},{joined},1")
    assert found.rows["antigen"].to_list() == [[ANTIGEN, ANTIGEN[:40]]]


def test_a_list_of_chains_as_python_writes_it_is_read(tmp_path: Path) -> None:
    joined = f"\"['{ANTIGEN}', '{ANTIGEN[:40]}']\""
    found = read(tmp_path, "VH,VL,antigen,KD (nM)", f"{HEAVY},{LIGHT},{joined},1")
    assert found.rows["antigen"].to_list() == [[ANTIGEN, ANTIGEN[:40]]]


# -- FASTA and cells -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heavy", "light"), [("PGT121H", "PGT121L"), ("ab1VH", "ab1VL"), ("10E8HC", "10E8LC")]
)
def test_a_chain_glued_to_a_name_counts_where_both_are_there(
    heavy: str, light: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.fasta"
    path.write_text(f">{heavy}\n{HEAVY}\n>{light}\n{LIGHT}\n")
    (found,) = read_antibodies(path)
    assert (found.heavy, found.light) == (HEAVY, LIGHT)
    assert heavy.startswith(found.name)


FIELDS = "sequence_id\tcell_id\tlocus\tproductive\tsequence_alignment_aa"


def cells(folder: Path, *rows: tuple[str, str, str, str], fields: str = FIELDS) -> Path:
    path = folder / "cells.tsv"
    chains = {"IGH": HEAVY, "H": HEAVY, "heavy": HEAVY, "Ig heavy": HEAVY}
    lines = ["\t".join((*row, chains.get(row[2], LIGHT))) for row in rows]
    path.write_text("\n".join([fields, *lines]) + "\n")
    return path


@pytest.mark.parametrize("word", ["T", "TRUE", "1", "1.0", "yes", "Y", "Productive", "functional"])
def test_words_for_productive_are_known(word: str, tmp_path: Path) -> None:
    path = cells(tmp_path, ("s1", "c1", "IGH", word), ("s2", "c1", "IGK", word))
    assert len(read_airr(path).antibodies) == 1


@pytest.mark.parametrize(
    "word",
    ["F", "False", "0", "0.0", "no", "N", "Unproductive", "non-productive", "nonproductive",
     "not productive", "out-of-frame", "stop codon", "pseudogene"],
)  # fmt: skip
def test_words_for_not_productive_are_known(word: str, tmp_path: Path) -> None:
    path = cells(tmp_path, ("s1", "c1", "IGH", word), ("s2", "c1", "IGK", "T"),
                 ("s3", "c2", "IGH", "T"), ("s4", "c2", "IGK", "T"))  # fmt: skip
    found = read_airr(path)
    assert [one.name for one in found.antibodies] == ["c2"]
    assert found.problems[0].reason == "the rearrangement is not productive"


@pytest.mark.parametrize("word", ["maybe", "in-frame", "ORF"])
def test_other_words_are_not_guessed(word: str, tmp_path: Path) -> None:
    path = cells(tmp_path, ("s1", "c1", "IGH", word), ("s2", "c1", "IGK", "T"),
                 ("s3", "c2", "IGH", "T"), ("s4", "c2", "IGK", "T"))  # fmt: skip
    assert "neither T nor F" in read_airr(path).problems[0].reason


@pytest.mark.parametrize(
    ("heavy", "light"), [("H", "K"), ("heavy", "kappa"), ("Ig heavy", "Ig kappa"), ("H", "light")]
)
def test_words_for_the_locus_are_known(heavy: str, light: str, tmp_path: Path) -> None:
    path = cells(tmp_path, ("s1", "c1", heavy, "T"), ("s2", "c1", light, "T"))
    assert [(one.heavy, one.light) for one in read_airr(path).antibodies] == [(HEAVY, LIGHT)]


@pytest.mark.parametrize("locus", ["IGH|IGK", "IGH,IGK", "Multi"])
def test_a_contig_of_two_loci_is_none(locus: str, tmp_path: Path) -> None:
    path = cells(tmp_path, ("s1", "c1", locus, "T"), ("s2", "c1", "IGK", "T"))
    with pytest.raises(TableError, match="is not a locus"):
        read_airr(path)


def test_the_sample_may_stand_in_the_ids_of_the_contigs(tmp_path: Path) -> None:
    ids = ("donorA_AAACCTG-1_contig_1", "donorB_AAACCTG-1_contig_2")
    path = cells(tmp_path, (ids[0], "AAACCTG-1", "IGH", "T"), (ids[1], "AAACCTG-1", "IGK", "T"))
    with pytest.raises(TableError, match="a heavy chain without a light chain"):
        read_airr(path)
    ids = ("1_AAACCTG-1", "IGK_AAACCTG-1")
    path = cells(tmp_path, (ids[0], "AAACCTG-1", "IGH", "T"), (ids[1], "AAACCTG-1", "IGK", "T"))
    assert len(read_airr(path).antibodies) == 1


@pytest.mark.parametrize(
    "column", ["time_point", "treatment", "file_name", "GSM", "SRR accession", "stim", "sort gate"]
)
def test_more_columns_tell_samples_apart(column: str, tmp_path: Path) -> None:
    path = tmp_path / "cells.tsv"
    rows = [("s1", "c1", "IGH", "T", HEAVY, "A"), ("s2", "c1", "IGK", "T", LIGHT, "B")]
    path.write_text("\n".join([f"{FIELDS}\t{column}", *map("\t".join, rows)]) + "\n")
    with pytest.raises(TableError, match="a heavy chain without a light chain"):
        read_airr(path)


# -- relations and sheets --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["sign", "KD qualifier", "Operator KD", "symbol", "modifier", "rel"]
)
def test_a_column_of_signs_is_one_of_relations_whatever_its_name(name: str, tmp_path: Path) -> None:
    header = f"VH,VL,antigen,{name},KD (nM)"
    found = read(tmp_path, header, f"{CHAINS},>,1000", f"{MUTANT},,10")
    assert found.rows["pkd_lower"].round(3).to_list() == [None, 8.0]
    assert found.rows["pkd_upper"].round(3).to_list() == [6.0, 8.0]


@pytest.mark.parametrize(
    ("word", "lower", "upper"),
    [("gte", None, 6.0), ("right-censored", None, 6.0), ("le", 6.0, None), ("Equal", 6.0, 6.0),
     ("exact", 6.0, 6.0)],
)  # fmt: skip
def test_words_of_relations(
    word: str, lower: float | None, upper: float | None, tmp_path: Path
) -> None:
    found = read(tmp_path, "VH,VL,antigen,relation,KD (nM)", f"{CHAINS},{word},1000")
    assert (found.rows["pkd_lower"].to_list(), found.rows["pkd_upper"].to_list()) == (
        [lower], [upper],
    )  # fmt: skip


def test_a_column_that_says_censored_is_not_passed_over(tmp_path: Path) -> None:
    rows = (f"{CHAINS},1000,TRUE", f"{MUTANT},10,FALSE")
    found = read(tmp_path, "VH,VL,antigen,KD (nM),censored", *rows)
    assert pkds(found) == [8.0]
    assert "unknown relation" in found.set_aside["reasons"][0][0]


def test_rates_whose_units_are_exchanged_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="where their headers name their units"):
        read(tmp_path, "VH,VL,antigen,kon (1/s),koff (1/Ms)", f"{CHAINS},1e-4,1e5")


def sheet(folder: Path, change: Callable[[Worksheet], None]) -> OwnTable:
    book = openpyxl.Workbook()
    page = book.active
    page.append(["VH", "VL", "antigen", "KD (nM)"])
    page.append([*CHAINS.split(","), 1])
    page.append([*MUTANT.split(","), 10])
    change(page)
    book.save(folder / "a.xlsx")
    return abag.read_table(folder / "a.xlsx", set_aside=True)


@pytest.mark.parametrize("shown", ['">"0', "\\>0.0", '">"0.0;-0'])
def test_a_sign_in_the_format_of_a_cell_is_its_relation(shown: str, tmp_path: Path) -> None:
    found = sheet(tmp_path, lambda page: setattr(page["D3"], "number_format", shown))
    assert found.rows["pkd_upper"].to_list() == [9.0, 8.0]
    assert found.rows["pkd_lower"].to_list() == [9.0, None]


@pytest.mark.parametrize(
    "shown", ["General", "0.00", "0.00E+00", "#,##0.0", "_-* #,##0.00_-", '0.0" nM"', "[Red]0.0"]
)
def test_formats_that_say_no_more_change_nothing(shown: str, tmp_path: Path) -> None:
    found = sheet(tmp_path, lambda page: setattr(page["D3"], "number_format", shown))
    assert pkds(found) == [9.0, 8.0]


@pytest.mark.parametrize("shown", ['0.0"*"', '0.0" RU"', '"$"0.0'])
def test_other_words_in_a_format_are_refused_with_the_cell(shown: str, tmp_path: Path) -> None:
    found = sheet(tmp_path, lambda page: setattr(page["D3"], "number_format", shown))
    assert pkds(found) == [9.0]
    assert found.set_aside["source_row"].to_list() == [3]


def test_raised_figures_of_a_sheet_stay_raised(tmp_path: Path) -> None:
    def raised(text: str, power: str) -> CellRichText:
        return CellRichText(text, TextBlock(InlineFont(vertAlign="superscript"), power))

    found = sheet(tmp_path, lambda page: setattr(page["D2"], "value", raised("1.5x10", "3")))
    assert pkds(found) == [5.824, 8.0]
    found = sheet(tmp_path, lambda page: setattr(page["D2"], "value", raised("5", "2")))
    assert pkds(found) == [8.0]


def test_what_is_struck_out_is_told(tmp_path: Path) -> None:
    found = sheet(tmp_path, lambda page: setattr(page["D3"], "font", Font(strike=True)))
    assert found.notes == ("D3: struck out and read all the same; empty what is void",)


# -- tables of instruments -------------------------------------------------------------------------


def labels(folder: Path, header: str, *rows: str) -> RawTable:
    (folder / "chains.fasta").write_text(f">ab1_H\n{HEAVY}\n>ab1_L\n{LIGHT}\n")
    (folder / "antigen.fasta").write_text(f">HER2\n{ANTIGEN}\n")
    (folder / "results.csv").write_text("\n".join([header, *rows]) + "\n")
    return read_measurements(
        folder / "chains.fasta", labels=folder / "results.csv", antigen=folder / "antigen.fasta"
    )


@pytest.mark.parametrize(
    "header",
    ["Ligand,Analyte,ka (M-1 s-1),kd (s-1),KD (nM)",
     "Loading Sample ID,Sample ID,kon(1/Ms),kdis(1/s),KD (nM)",
     "Capture 1 Solution,Analyte 1 Solution,ka (1/Ms),kd (1/s),KD (nM)"],
)  # fmt: skip
def test_results_of_instruments_may_have_kd_in_another_unit(header: str, tmp_path: Path) -> None:
    found = labels(tmp_path, header, "ab1,HER2,1e5,1e-4,1").frame
    assert found.select("antibody_name", "value", "unit").row(0) == ("ab1", "1", "nM")


def test_the_coefficient_of_mass_transport_is_no_temperature(tmp_path: Path) -> None:
    header = "Capture 1 Solution,Analyte 1 Solution,KD (M),tc"
    found = labels(tmp_path, header, "ab1,HER2,1e-9,300").frame
    assert found.select("temperature_kelvin", "flags").row(0) == (None, [])
    warm = labels(tmp_path, header.replace("tc", "T (°C)"), "ab1,HER2,1e-9,25").frame
    assert warm["temperature_kelvin"].to_list() == [298.15]


def test_names_of_labels_fit_but_for_case_and_white_space(tmp_path: Path) -> None:
    found = labels(tmp_path, "Sample,KD (nM)", "AB1 ,1")
    assert found.frame["heavy"].to_list() == [HEAVY]
    assert found.notes == ("names told apart by case alone: AB1 is ab1",)


# -- in Python -------------------------------------------------------------------------------------


def test_an_index_with_a_name_is_a_column() -> None:
    pandas = pytest.importorskip("pandas")
    row = dict(zip(("VH", "VL", "antigen"), CHAINS.split(","), strict=True))
    frame = pandas.DataFrame([{**row, "KD (nM)": 1.0, "name": "ab1"}])
    named = abag.read_table(frame.set_index("name"))
    assert named.rows["antibody_name"].to_list() == ["ab1"]
    assert abag.read_table(frame).rows.height == 1


def test_what_is_no_table_is_not_explained_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.fasta"
    path.write_text(f">a\n{HEAVY}\n")
    with pytest.raises(FileFormatError, match=r"is FASTA.*--explain is for"):
        explain_file(path)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_rearrangements_are_read_in_the_encoding_that_is_advised(
    encoding: str, tmp_path: Path
) -> None:
    path = cells(tmp_path, ("s1", "µ1", "IGH", "T"), ("s2", "µ1", "IGK", "T"))
    path.write_text(path.read_text(), encoding=encoding)
    with pytest.raises((FileFormatError, TableError), match=f"--map encoding:={encoding}"):
        read_pairs(path)
    found = read_pairs(path, mapping=[f"encoding:={encoding}"])
    assert found.frame["antibody_name"].to_list() == ["µ1"]
    with pytest.raises(OptionError, match="takes no mapping"):
        read_pairs(path, mapping=["heavy=x"])


def test_fasta_in_utf_16_is_told_as_fasta(tmp_path: Path) -> None:
    path = tmp_path / "a.fasta"
    path.write_text(f">ab1\n{HEAVY}\n", encoding="utf-16")
    with pytest.raises(FileFormatError, match="encoded in UTF-16") as caught:
        read_pairs(path)
    assert "--map" not in str(caught.value)
