"""A user's table is read cell for cell, or refused with the place and the mend."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from abag.data.formats import read_measurements, read_table
from abag.errors import FileFormatError, MissingFileError, TableError


def written(folder: Path, content: bytes | str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(folder: Path, content: bytes | str, name: str = "mine.csv") -> str:
    path = written(folder, content, name)
    with pytest.raises((FileFormatError, TableError)) as caught:
        read_table(path)
    assert name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in (["a", "b", "c"], ["1", "2,5", ""]))
    text = text.replace("2,5", '"2,5"')
    table = read_table(written(tmp_path, text))
    assert table.rows() == [(2, "1", "2,5", None)]


def test_decimal_commas_do_not_hide_a_semicolon(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "a;KD\n1;2,5\n3;4,5\n"))["KD"].to_list() == ["2,5", "4,5"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_carry_the_line_on_which_they_start(tmp_path: Path, end: str) -> None:
    lines = ["a,b", '"x', 'y",1', "", "z,2", '"p', "", 'q",3', "r,4", ""]
    table = read_table(written(tmp_path, end.join(lines)))
    assert table["source_row"].to_list() == [2, 5, 6, 9]
    assert table["a"].to_list() == [f"x{end}y", "z", f"p{end}{end}q", "r"]


def test_a_unicode_line_separator_is_no_line(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a,b\nx\u2028y,1\nz,2\n"))
    assert table["source_row"].to_list() == [2, 3]


def test_gzip_and_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    plain = read_table(written(tmp_path, "a,b\n1,2\n"))
    packed = written(tmp_path, gzip.compress(b"\xef\xbb\xbfa,b\n1,2\n"), "mine.csv.gz")
    assert read_table(packed).equals(plain)


def test_parquet_becomes_text_with_row_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pl.DataFrame({"KD": [1e-9, None], "n": [3, 4], "ag": [["A", "C"], []]}).write_parquet(path)
    assert read_table(path).rows() == [(2, "1e-9", "3", "A/C"), (3, None, "4", None)]


def test_a_users_own_source_row_is_kept_under_another_name(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "source_row,b\n77,2\n"))
    assert table.columns == ["source_row", "source_row_given", "b"]
    assert table.rows() == [(2, "77", "2")]


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"there is no file .*nothing\.csv"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(FileFormatError, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a,b\n", "has a header but no rows"),
        (b"heavy light KD\nA B 1\n", "parted by spaces"),
        (b"heavy\nA\n", "a single column"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "UTF-16"),
        (b"PK\x03\x04rest", "save the sheet as .xlsx or as CSV"),
        (b"PAR1rest", "not a readable Parquet file"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(tmp_path, content)


def test_a_damaged_gzip_is_named_wherever_the_damage_is(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 500)
    for broken in (whole[:-12], whole[:14] + b"\xff" * 8 + whole[22:], whole[:-1]):
        assert "gzip" in refused(tmp_path, broken, "mine.csv.gz")


def test_all_faults_of_the_header_come_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, "KD,,KD,x\n1,2,3,4\n")
    assert "row 1: no name above column number 2 of 4" in said
    assert "row 1, column 'KD': columns number 1, 3 have the same name" in said


def test_every_ragged_row_is_named_with_its_fields(tmp_path: Path) -> None:
    said = refused(tmp_path, 'a,b\n1,2\n"x\ny"\n1,2,3\n')
    assert "row 3: 1 field, but the header has 2" in said
    assert "row 5: 3 fields, but the header has 2" in said
    assert "this row by semicolon" in refused(tmp_path, "a,b\n1;2\n")


def test_mixed_encodings_are_named_by_line_and_byte(tmp_path: Path) -> None:
    said = refused(tmp_path, "a,b\nµ,1\n".encode() + b"x,\xb5M\n" + b"\xe9,3\n")
    assert "row 3: byte 0xb5 at place 3 of the line is not UTF-8 ('µ' in Windows-1252)" in said
    assert "row 4: byte 0xe9 at place 1" in said
    assert "Save the file again as UTF-8" in said


def test_a_nul_is_named_by_line_and_byte(tmp_path: Path) -> None:
    assert "row 3: a NUL character stands at byte 2" in refused(tmp_path, b"a,b\n1,2\n3\x00,4\n")


def test_an_open_quotation_mark_is_named_where_it_opens(tmp_path: Path) -> None:
    said = refused(tmp_path, 'a,b\n1,2\n3,"4\n5,6\n')
    assert "row 3: a quotation mark is opened and never closed" in said
    assert "row 2: quotation marks cannot be read" in refused(tmp_path, 'a,b\n"x"y,2\n3,4\n')


@pytest.mark.parametrize("letters", [100_001, 200_000])
def test_a_huge_cell_is_refused_by_row(tmp_path: Path, letters: int) -> None:
    said = refused(tmp_path, f"a,b\n1,2\n3,{'A' * letters}\n")
    assert "row 3" in said
    assert "characters" in said


def test_a_chain_of_ten_thousand_residues_is_left_to_the_canonical_step(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, f"a,b\n1,{'A' * 10_000}\n"))["b"][0] == "A" * 10_000


def test_a_parquet_column_without_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pl.DataFrame({"a": ["x"], "blob": [b"\xff\xfe"]}).write_parquet(path)
    with pytest.raises(TableError, match="column 'blob'"):
        read_table(path)


def test_an_antigen_for_all_rows_or_none_stands_in_every_row(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("heavy,light,pKd\n" + "EVQLVESGGG,DIQMTQSPSS,8.1\n" * 3)
    for mapping, chains in (
        (["antigen:=MKTAYIAK|QRQISFVK"], ["MKTAYIAK", "QRQISFVK"]),
        (["antigen_unknown:=true"], []),
    ):
        read = read_measurements(path, mapping=mapping)
        assert read.frame["antigen"].to_list() == [chains] * 3
