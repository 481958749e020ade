"""One door for every file: its kind by content, and its rows."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import polars as pl
import pytest

from abag.data.formats import FileKind, file_kind, read_measurements, read_pairs
from abag.data.raw import RAW_SCHEMA
from abag.errors import FileFormatError, MissingFileError, OptionError

H, L, AG = "EVQLVESGGGLVQPGG", "DIQMTQSPSSLSASVG", "TQVCTGTDMKLRLPAS"
ATOMS = "ATOM      1  CA  GLY A   1       0.000   0.000   0.000  1.00  0.00           C\n"


def written(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("heavy,antigen\nA,B\n", FileKind.TABLE),
        ("header,antigen\nA,B\n", FileKind.TABLE),
        ("HEADER,SEQRES\nA,B\n", FileKind.TABLE),
        ("TITLE\tMODEL\nA\tB\n", FileKind.TABLE),
        ("\n>a\nEVQ\n", FileKind.FASTA),
        ("\ufeff>a\nEVQ\n", FileKind.FASTA),
        ("data_1ABC\n#\n", FileKind.STRUCTURE),
        ("# written by me\ndata_1ABC\n", FileKind.STRUCTURE),
        (ATOMS, FileKind.STRUCTURE),
        ("sequence_id\tv_call\tlocus\nx\ty\tz\n", FileKind.AIRR),
    ],
)
def test_the_kind_is_told_by_content_not_by_name(tmp_path: Path, text: str, kind: FileKind) -> None:
    path = written(tmp_path, text, "file.dat")
    assert file_kind(path) is kind
    packed = tmp_path / "file.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert file_kind(packed) is kind
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(packed.read_bytes()))
    writer.start()
    assert file_kind(pipe) is kind
    writer.join()


def test_a_table_needs_only_its_unit(tmp_path: Path) -> None:
    path = written(tmp_path, f"heavy,antigen,KD\n{H},{AG},5\n", "t.csv")
    raw = read_measurements(path, unit="nM")
    assert dict(raw.frame.schema) == RAW_SCHEMA
    assert raw.frame["unit"].to_list() == ["nM"]


def test_fasta_with_labels_and_antigens_is_a_table_of_measurements(tmp_path: Path) -> None:
    heavy = written(tmp_path, f">a_H\n{H}\n>b_H\n{H}A\n", "h.fa")
    light = written(tmp_path, f">a_L\n{L}\n>b_L\n{L}A\n", "l.fa")
    antigen = written(tmp_path, f">b\n{AG}\n>a\n{AG}A\n", "ag.fa")
    labels = written(tmp_path, "name,pKd\nb,8\na,7\n", "labels.csv")
    raw = read_measurements(heavy, light=light, antigen=antigen, labels=labels)
    assert raw.frame.select("heavy", "light", "antigen", "value").rows() == [
        (f"{H}A", f"{L}A", [AG], "8"),
        (H, L, [f"{AG}A"], "7"),
    ]
    assert dict(raw.frame.schema) == RAW_SCHEMA
    with pytest.raises(FileFormatError, match="holds no measurements; give a table of labels"):
        read_measurements(heavy)


def test_pairs_of_every_kind_have_one_schema(tmp_path: Path) -> None:
    table = written(tmp_path, f"heavy,antigen\n{H},{AG}\n", "t.csv")
    fasta = written(tmp_path, f">a\n{H}:{L}\n", "a.fa")
    first, second = read_pairs(table).frame, read_pairs(fasta, antigen=[AG]).frame
    assert first.schema == second.schema
    assert pl.concat([first, second])["antigen"].to_list() == [[AG], [AG]]


def test_options_that_a_kind_cannot_use_are_refused(tmp_path: Path) -> None:
    table = written(tmp_path, f"heavy,antigen\n{H},{AG}\n", "t.csv")
    with pytest.raises(OptionError, match="a table takes no light"):
        read_measurements(table, light=table)
    with pytest.raises(FileFormatError, match="a folder without PDB or mmCIF files"):
        read_pairs(tmp_path)
    with pytest.raises(MissingFileError):
        read_pairs(tmp_path / "none.csv")
    with pytest.raises(FileFormatError, match="is a folder; name a file inside it"):
        read_measurements(tmp_path)
