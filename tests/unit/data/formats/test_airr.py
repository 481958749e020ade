"""Chains of one cell are a pair; every other row is accounted for."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from abag.data.formats import FileKind, file_kind, read_airr, read_pairs
from abag.data.formats.sequences.cells import tells_samples_apart
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


CELL = ("sequence_id", "cell_id", "locus", "productive", "sequence_alignment_aa")


@pytest.mark.parametrize(
    "column",
    ["sample_id", "library_id", "rearrangement_set_id", "donor", "SampleID", "orig.ident", "source",
     "patient_ID", "mouse", "libraryName", "data_processing_id", "Batch"],
)  # fmt: skip
def test_a_barcode_of_two_samples_is_no_pair_whatever_the_sample_is_called(
    tmp_path: Path, column: str
) -> None:
    rows = [
        ("a", "AAAC-1", "IGH", "T", "EVQLV", "one"), ("b", "AAAC-1", "IGK", "T", "DIQMT", "two"),
        ("c", "TTTG-1", "IGH", "T", "QVQLV", "one"), ("d", "TTTG-1", "IGK", "T", "EIVLT", "one"),
    ]  # fmt: skip
    found = read_airr(tsv(tmp_path, *rows, fields=(*CELL, column)))
    assert [(a.heavy, a.light) for a in found.antibodies] == [("QVQLV", "EIVLT")]
    assert [problem.row for problem in found.problems] == [2, 3]


@pytest.mark.parametrize("column", ["v_call", "rearrangement_id", "c_call", "umi_count", "chain"])
def test_what_tells_contigs_apart_parts_no_cell(column: str) -> None:
    assert not tells_samples_apart(column)


def test_transcripts_of_one_rearrangement_are_one_chain(tmp_path: Path) -> None:
    fields = (*CELL, "c_call", "umi_count")
    rows = [
        ("m", "c", "IGH", "T", "EVQLVESGG", "IGHM", "20"),
        ("d", "c", "IGH", "T", "EVQLVESGG", "IGHD", "8"),
        ("k", "c", "IGK", "T", "DIQMTQS", "IGKC", "50"),
        ("p", "c", "IGK", "T", "IQMTQ", "IGKC", "2"),
    ]
    found = read_airr(tsv(tmp_path, *rows, fields=fields))
    assert [(a.heavy, a.light) for a in found.antibodies] == [("EVQLVESGG", "DIQMTQS")]
    assert (found.merged, found.problems) == (2, ())
    assert found.rows_in == 2 * len(found.antibodies) + found.merged
    assert "2 rows" in found.notes[0]


def test_the_chain_with_the_most_umis_is_taken_on_request_only(tmp_path: Path) -> None:
    fields = (*CELL, "umi_count")
    rows = [
        ("h", "c", "IGH", "T", "EVQLV", "9"), ("k", "c", "IGK", "T", "DIQMT", "5"),
        ("l", "c", "IGL", "T", "QSVLT", "12"), ("h2", "e", "IGH", "T", "QVQLQ", "1"),
        ("k2", "e", "IGK", "T", "EIVLT", "4"), ("l2", "e", "IGL", "T", "SYELT", "4"),
    ]  # fmt: skip
    path = tsv(tmp_path, *rows, fields=fields)
    with pytest.raises(TableError, match="--most-umis"):
        read_airr(path)
    found = read_airr(path, most_umis=True)
    assert [(a.heavy, a.light) for a in found.antibodies] == [("EVQLV", "QSVLT")]
    reasons = {problem.row: problem.reason for problem in found.problems}
    assert reasons[3] == "another light chain of the cell has more UMIs (12, here 5)"
    assert "1 heavy and 2 light chains" in reasons[6]  # 4 and 4 UMIs: a tie decides nothing


def test_pairs_by_clone_are_told_and_flagged(tmp_path: Path) -> None:
    fields = ("sequence_id", "clone_id", "locus", "sequence_aa")
    path = tsv(tmp_path, ("a", "1", "IGH", "EVQLV"), ("b", "1", "IGK", "DIQMT"), fields=fields)
    found = read_airr(path)
    assert "paired by clone_id" in found.notes[0]
    assert read_pairs(path).frame["flags"].to_list() == [["paired_by_clone"]]


def test_contig_tables_of_cell_ranger_are_read(tmp_path: Path) -> None:
    regions = ("fwr1", "cdr1", "fwr2", "cdr2", "fwr3", "cdr3", "fwr4")
    header = ("barcode", "is_cell", "contig_id", "high_confidence", "chain", "v_gene", "productive")
    header += (*(f for name in regions for f in (name, f"{name}_nt")), "umis")

    def contig(cell: str, is_cell: str, chain: str, letters: str, productive: str = "true") -> str:
        cells = (cell, is_cell, f"{cell}_{chain}", "true", chain, f"{chain}V1", productive)
        return ",".join((*cells, *(x for one in letters for x in (one, "GCA")), "3"))

    path = tmp_path / "all_contig_annotations.csv"
    rows = [
        contig("A-1", "true", "IGH", "ACDEFGH"), contig("A-1", "true", "IGK", "KLMNPQR"),
        contig("B-1", "false", "IGH", "ACDEFGH"), contig("A-1", "true", "IGL", "STVWYAC", "None"),
        contig("A-1", "true", "Multi", "STVWYAC"),
    ]  # fmt: skip
    path.write_text("\n".join((",".join(header), *rows)) + "\n")
    assert file_kind(path) is FileKind.AIRR
    found = read_airr(path)
    assert [(a.name, a.heavy, a.light) for a in found.antibodies] == [("A-1", "ACDEFGH", "KLMNPQR")]
    assert [problem.row for problem in found.problems] == [4, 5, 6]


def test_a_cell_called_nan_is_no_cell(tmp_path: Path) -> None:
    rows = [("a", "nan", "IGH", "T", "EVQLV"), ("b", "nan", "IGK", "T", "DIQMT"),
            ("c", "x", "IGH", "T", "QVQLV"), ("d", "x", "IGK", "T", "EIVLT")]  # fmt: skip
    found = read_airr(tsv(tmp_path, *rows, fields=CELL))
    assert [a.name for a in found.antibodies] == ["x"]
