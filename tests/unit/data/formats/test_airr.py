"""Chains of one cell are a pair; every other row is accounted for."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from abag.data.formats import FileKind, file_kind, read_airr, read_pairs
from abag.errors import TableError

FIELDS = ("sequence_id", "cell_id", "clone_id", "locus", "v_call", "productive",
          "sequence_alignment_aa", "sequence_aa")  # fmt: skip


def tsv(folder: Path, *rows: tuple[str, ...], fields: tuple[str, ...] = FIELDS) -> Path:
    path = folder / "cells.tsv"
    path.write_text("\n".join("\t".join(row) for row in (fields, *rows)) + "\n")
    return path


ROWS = (
    ("s1", "c1", "", "IGH", "IGHV1", "T", "EVQ..L-V", "MEVQLV"),
    ("s2", "c1", "", "", "IGKV1-5*01", "true", "", "DIQMT"),
    ("s3", "c2", "", "IGH", "IGHV1", "T", "AAA", ""),
    ("s4", "c2", "", "IGH", "IGHV1", "F", "CCC", ""),
    ("s5", "c3", "", "IGH", "IGHV1", "T", "AAA", ""),
    ("s6", "c3", "", "IGL", "IGLV1", "T", "CCC", ""),
    ("s7", "c3", "", "IGK", "IGKV1", "T", "DDD", ""),
    ("s8", "", "", "IGH", "IGHV1", "T", "AAA", ""),
    ("s9", "c4", "", "TRB", "TRBV1", "T", "AAA", ""),
    ("s10", "c5", "", "IGH", "IGHV1", "T", "", ""),
    ("s11", "c6", "", "IGK", "IGKV1", "T", "CCC", ""),
)


def test_cells_with_one_heavy_and_one_light_chain_are_pairs(tmp_path: Path) -> None:
    found = read_airr(tsv(tmp_path, *ROWS))
    assert [(a.line, a.name, a.heavy, a.light) for a in found.antibodies] == [
        (2, "c1", "EVQLV", "DIQMT")
    ]


def test_every_row_is_in_a_pair_or_has_one_problem(tmp_path: Path) -> None:
    found = read_airr(tsv(tmp_path, *ROWS))
    assert found.rows_in == len(ROWS) == 2 * len(found.antibodies) + len(found.problems)
    reasons = {problem.row: problem.reason for problem in found.problems}
    assert reasons == {
        4: "a heavy chain without a light chain in cell_id 'c2'",
        5: "the rearrangement is not productive",
        6: "1 heavy and 2 light chains in cell_id 'c3'",
        7: "1 heavy and 2 light chains in cell_id 'c3'",
        8: "1 heavy and 2 light chains in cell_id 'c3'",
        9: "the row names no cell, so it has no partner",
        10: "TRB is not a locus of immunoglobulins (IGH, IGK, IGL)",
        11: "no amino-acid sequence",
        12: "a light chain without a heavy in cell_id 'c6'",
    }


def test_equal_barcodes_of_two_samples_are_two_cells(tmp_path: Path) -> None:
    fields = ("sequence_id", "repertoire_id", "cell_id", "v_call", "sequence_aa")
    rows = [
        (f"{r}{v}", r, "AAAC", v, sequence)
        for r in ("r1", "r2")
        for v, sequence in (("IGHV1", f"EVQ{r}"[:3]), ("IGLV2", "DIQ"))
    ]
    found = read_airr(tsv(tmp_path, *rows, fields=fields))
    assert [a.name for a in found.antibodies] == ["r1/AAAC", "r2/AAAC"]


def test_without_cells_clones_are_paired_and_regions_joined(tmp_path: Path) -> None:
    regions = tuple(f"{n}_aa" for n in ("fwr1", "cdr1", "fwr2", "cdr2", "fwr3", "cdr3", "fwr4"))
    fields = ("sequence_id", "clone_id", "v_call", *regions)
    path = tsv(tmp_path, ("a", "k1", "IGHV1", *"ACDEFGH"), ("b", "k1", "IGKV1", *"KLMNPQR"),
               fields=fields)  # fmt: skip
    (antibody,) = read_airr(path).antibodies
    assert (antibody.heavy, antibody.light) == ("ACDEFGH", "KLMNPQR")


def test_a_table_without_the_fields_is_refused_with_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        read_airr(tsv(tmp_path, ("a", "b"), fields=("sequence_id", "productive")))
    assert len(caught.value.problems) == 3
    with pytest.raises(TableError, match="No heavy chain has its light chain"):
        read_airr(tsv(tmp_path, ROWS[2]))


def test_the_kind_is_told_by_content_and_the_left_out_rows_come_along(tmp_path: Path) -> None:
    plain = tsv(tmp_path, *ROWS)
    packed = tmp_path / "cells.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert file_kind(packed) is FileKind.AIRR
    pairs = read_pairs(packed)
    assert pairs.frame["heavy"].to_list() == ["EVQLV"]
    assert len(pairs.problems) == 9


def test_locus_and_cell_tell_a_rearrangement_table_without_v_call(tmp_path: Path) -> None:
    fields = ("sequence_id", "cell_id", "locus", "sequence_aa")
    path = tsv(tmp_path, ("s1", "c1", "IGH", "EVQLV"), ("s2", "c1", "IGK", "DIQMT"), fields=fields)
    assert file_kind(path) is FileKind.AIRR
    assert [(a.heavy, a.light) for a in read_airr(path).antibodies] == [("EVQLV", "DIQMT")]
