"""Sheets as spreadsheets and instruments write them: rows in are rows read, the rest is noted."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path

import openpyxl
import polars as pl
import pytest

import abag
from abag.data.formats import read_pairs, read_table
from abag.data.formats.own_tables import explain_file
from abag.data.formats.sheets.excel import write_workbook
from abag.data.formats.sheets.headline import starts_with_its_header
from abag.data.formats.tables import read_noted
from abag.errors import AbagError, FileFormatError, SchemaError, TableError
from abag.files import is_temporary
from abag.inference.inputs import normalised

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYV"


def written(folder: Path, text: str | bytes, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def workbook(folder: Path, *rows: list[object], **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name, more in sheets.items():
        sheet = book.create_sheet(name)
        for row in more:
            sheet.append(row)
    path = folder / "mine.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_line_by_which_excel_names_its_delimiter_is_read(tmp_path: Path, line: str) -> None:
    table = read_table(written(tmp_path, f"{line}\na;b\n1;2,5\n"))
    assert table.rows() == [(3, "1", "2,5")]


@pytest.mark.parametrize(
    "before", ["Exported by an instrument\n", "Report,,\nDate,2024-01-01,\n\n", "# made today\n\n"]
)
def test_lines_before_the_header_are_left_out_with_a_note(tmp_path: Path, before: str) -> None:
    text = f"{before}name,KD (nM),method\nx,1,SPR\ny,2,SPR\n"
    table, notes = read_noted(written(tmp_path, text))
    assert table["name"].to_list() == ["x", "y"]
    assert table["source_row"].to_list() == [before.count("\n") + 2, before.count("\n") + 3]
    assert "before the header left out" in notes[0]


def test_a_title_and_a_text_below_are_both_left_out(tmp_path: Path) -> None:
    header = "Clone,VH,Antigen Sequence,KD (nM)"
    row = f"ab1,{HEAVY},{ANTIGEN},1.2"
    text = "\n".join(["Report of a laboratory", header, row, row, "* at 25 C", ""])
    notes = abag.read_table(written(tmp_path, text)).notes
    assert [note.split(" left out")[0] for note in notes[:2]] == [
        "line 1 before the header",
        "line 5",
    ]


def test_a_header_with_an_odd_first_row_stays_the_header(tmp_path: Path) -> None:
    table, notes = read_noted(written(tmp_path, "a,b,c\nx,,\ny,z,w\n"))
    assert (table.columns[1:], table.height, notes) == (["a", "b", "c"], 2, ())


def test_records_of_commas_alone_and_empty_columns_are_no_data(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a,b,,\n1,2,,\n,,,\n3,4,,\n,,,\n"))
    assert table.rows() == [(2, "1", "2"), (4, "3", "4")]


def test_row_numbers_without_a_name_are_left_out_and_other_columns_are_not(tmp_path: Path) -> None:
    table, notes = read_noted(written(tmp_path, ",a,b\n0,1,2\n1,3,4\n"))
    assert (table.columns, len(notes)) == (["source_row", "a", "b"], 1)
    with pytest.raises(TableError, match="no name above column number 1"):
        read_table(written(tmp_path, ",a,b\nx,1,2\ny,3,4\n"))


def test_an_encoding_is_read_where_it_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a,KD (µM)\nx,1\n".encode("cp1252"))
    with pytest.raises(TableError, match="encoding:=cp1252"):
        read_table(path)
    assert read_table(path, encoding="cp1252").columns[2] == "KD (µM)"
    wide = written(tmp_path, "a\tb\nx\t1\n".encode("utf-16"))
    assert read_table(wide, encoding="utf-16").rows() == [(2, "x", "1")]
    with pytest.raises(AbagError, match="unknown encoding"):
        read_table(path, encoding="windows")


def test_a_workbook_is_read_by_its_values(tmp_path: Path) -> None:
    path = workbook(
        tmp_path, ["Results of the week"], [], ["name", "KD (nM)", "binds", "measured"],
        ["6E62", 1.5, True, datetime.datetime(2024, 3, 1)],
        ["x", 20, False, datetime.datetime(2024, 3, 2)],
    )  # fmt: skip
    table, notes = read_noted(path)
    assert table.rows() == [
        (4, "6E62", "1.5", "True", "2024-03-01T00:00:00"),
        (5, "x", "20", "False", "2024-03-02T00:00:00"),
    ]
    assert notes == ("line 1 before the header left out",)


@pytest.mark.parametrize(
    ("cell", "said"),
    [("=B3*2", "row 2: cell B2 holds a formula"),
     (datetime.datetime(2024, 9, 7), "row 2: cell B2 holds a date"),
     ("#DIV/0!", "row 2: cell B2 holds the error")],
)  # fmt: skip
def test_what_is_no_value_is_refused_by_its_cell(tmp_path: Path, cell: object, said: str) -> None:
    with pytest.raises(TableError, match=said):
        read_table(workbook(tmp_path, ["a", "b"], ["x", cell], ["y", "SEPT7"]))


def test_merged_cells_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a", "b"], ["x", 1], [None, 2])
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("A2:A3")
    book.save(path)
    with pytest.raises(TableError, match="the cells A2:A3 are merged"):
        read_table(path)


def test_what_a_sheet_hides_is_read_with_a_note_and_left_out_on_request(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a", "b", "old"], ["x", 1, 5], ["y", 2, 6], ["z", 3, 7])
    book = openpyxl.load_workbook(path)
    book.active.row_dimensions[3].hidden = True
    book.active.column_dimensions["C"].hidden = True
    book.save(path)
    table, notes = read_noted(path)
    assert table["b"].to_list() == ["1", "2", "3"]
    assert "1 hidden row and 1 hidden column of the sheet were read" in notes[0]
    assert "--map hidden:=skip" in notes[0]
    table, notes = read_noted(path, hidden="skip")
    assert table.rows() == [(2, "x", "1"), (4, "z", "3")]
    assert "1 hidden row and 1 hidden column of the sheet were left out" in notes[0]


def test_what_was_left_out_around_a_table_is_told_where_pairs_are_read_too(tmp_path: Path) -> None:
    text = f"Exported today\n\nname,heavy,antigen\na,{HEAVY},{ANTIGEN}\n"
    assert read_pairs(written(tmp_path, text)).notes == ("line 1 before the header left out",)


def test_one_of_several_sheets_is_asked_for(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a", "b"], ["x", 1], Other=[["a", "b"], ["y", 2]])
    with pytest.raises(FileFormatError, match="sheet:=NAME"):
        read_table(path)
    assert read_table(path, sheet="Other").rows() == [(2, "y", "2")]


def test_a_workbook_is_written_as_text_and_read_back(tmp_path: Path) -> None:
    table = pl.DataFrame({"id": ["6E62", "=1+1", "0012"], "pkd": [9.5, None, 7.0]})
    path = tmp_path / "out.xlsx"
    write_workbook(path, table)
    again = read_table(path)
    assert again["id"].to_list() == ["6E62", "=1+1", "0012"]
    assert again["pkd"].to_list() == ["9.5", None, "7"]
    first = path.read_bytes()
    write_workbook(path, table)
    assert path.read_bytes() == first


def test_what_is_collected_for_a_workbook_lies_where_it_is_swept_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[str] = []
    save = openpyxl.Workbook.save

    def looked_at(book: openpyxl.Workbook, out: object) -> None:
        seen.extend(path.name for path in tmp_path.rglob("*.xml"))
        assert [path for path in tmp_path.iterdir() if not is_temporary(path)] == []
        save(book, out)

    monkeypatch.setattr(openpyxl.Workbook, "save", looked_at)
    write_workbook(tmp_path / "out.xlsx", pl.DataFrame({"id": ["a"]}))
    assert seen == ["1.xml"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.xlsx"]


def test_import_says_what_each_column_is_taken_for(tmp_path: Path) -> None:
    text = (
        "Clone,VH,Antigen,Antigen Sequence,KD (nM),pKd,koff (1/s),Notes\n"
        f"x,{HEAVY},HER2,{ANTIGEN},1,9,1e-4,fine\n"
    )
    found = explain_file(written(tmp_path, text))
    taken = {use.column: use.taken_for for use in found.columns}
    assert taken == {
        "Clone": "antibody_name", "VH": "heavy", "Antigen": "antigen_name",
        "Antigen Sequence": "antigen", "KD (nM)": "value", "pKd": "a second writing of 'KD (nM)'",
        "koff (1/s)": "koff", "Notes": "-",
    }  # fmt: skip
    assert found.problems == ()
    assert "KD in nM" in found.as_text()
    faulty = explain_file(written(tmp_path, f"VH,Antigen,KD\n{HEAVY},Streptavidin,1\n"))
    assert len(faulty.problems) == 2


def rows() -> list[dict[str, object]]:
    return [
        {"VH": HEAVY, "antigen sequence": ANTIGEN, "KD (nM)": 1.0, "mAb": "x"},
        {"VH": HEAVY, "antigen sequence": ANTIGEN, "KD (nM)": None, "mAb": "y"},
    ]


@pytest.mark.parametrize("kind", ["list", "polars", "lazy", "pandas", "file"])
def test_read_table_takes_any_table_and_accounts_for_every_row(tmp_path: Path, kind: str) -> None:
    frame = pl.DataFrame(rows())
    path = tmp_path / "mine.csv"
    frame.write_csv(path)
    table = {"list": rows(), "polars": frame, "lazy": frame.lazy(), "file": path}.get(kind)
    if kind == "pandas":
        table = pytest.importorskip("pandas").DataFrame(rows())
    read = abag.read_table(table, set_aside=True)
    assert read.rows["pkd"].to_list() == [pytest.approx(9.0)]
    assert (read.rows.height, read.set_aside.height) == (1, 1)
    with pytest.raises(TableError, match="no value"):
        abag.read_table(table)


def test_pairs_in_memory_are_found_by_usual_names() -> None:
    frame = normalised(rows())
    assert frame["heavy"].to_list() == [HEAVY, HEAVY]
    assert frame["antigen"].to_list() == [[ANTIGEN], [ANTIGEN]]
    with pytest.raises(SchemaError, match="is no table"):
        normalised("heavy")


def test_predictions_are_written_as_a_workbook(tmp_path: Path) -> None:
    from abag.inference.outputs import COLUMNS, appending, write_predictions

    none = pl.DataFrame(schema=COLUMNS)
    write_predictions(tmp_path / "p.xlsx", none)
    with appending(tmp_path / "q.xlsx") as append:
        append(none)
    assert (tmp_path / "p.xlsx").read_bytes() == (tmp_path / "q.xlsx").read_bytes()


def test_only_a_file_that_starts_with_its_header_is_read_in_pieces(tmp_path: Path) -> None:
    assert starts_with_its_header(written(tmp_path, "a,b\n1,2\n"))
    assert not starts_with_its_header(written(tmp_path, "sep=;\na;b\n1;2\n"))
    assert not starts_with_its_header(written(tmp_path, "Results of the week\na,b\n1,2\n"))
    assert not starts_with_its_header(workbook(tmp_path, ["a", "b"], ["x", 1]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 rest", r"old Excel \(.xls\).*save the sheet as .xlsx"),
        (
            b"PK\x03\x04" + b"\x00" * 26
            + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            r"OpenDocument sheet \(.ods\); save it as .xlsx",
        ),
    ],
)  # fmt: skip
def test_other_spreadsheets_are_refused_with_the_way(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.xls"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=words):
        read_table(path)
