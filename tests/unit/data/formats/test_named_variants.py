"""A column of mutations is held against the chains on import, and fills them in at every door."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag.data.build import import_table
from abag.data.canonical import canonicalise
from abag.data.formats import Choices, read_measurements, read_pairs
from abag.errors import TableError

VH = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
VL = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)
AG = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"


def heavy(*changes: tuple[int, str]) -> str:
    letters = list(VH)
    for place, new in changes:
        letters[place - 1] = new
    return "".join(letters)


def table(folder: Path, rows: list[tuple[str, ...]], header: str) -> Path:
    path = folder / "a.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return path


FULL = "mutations,KD (nM),heavy,light,antigen"
ROWS = [
    ("WT", "1", VH, VL, AG), ("YH33F", "2", heavy((33, "F")), VL, AG),
    ("Y33F;D102E", "3", heavy((33, "F"), (102, "E")), VL, AG),
    ("H:W99F", "4", heavy((50, "K")), VL, AG), ("nan", "5", heavy((58, "S")), VL, AG),
    ("improved", "6", heavy((55, "Q")), VL, AG), ("p.Asn55Gln", "7", heavy((55, "Q")), VL, AG),
]  # fmt: skip


def test_texts_become_canonical_and_contradictions_are_set_aside(tmp_path: Path) -> None:
    made = canonicalise(read_measurements(table(tmp_path, ROWS, FULL)), "user", "own-data")
    assert made.table["mutations"].to_list() == [
        "", "H:Y33F", "H:Y33F;H:D102E", "H:T58S", "H:N55Q",
    ]  # fmt: skip
    reasons = dict(made.quarantine.select("source_row", "reasons").rows())
    assert reasons[5] == ["the heavy chain is not the parent's with H:W99F; it carries H:R50K"]
    assert "'improved' names no mutation" in reasons[7][0]
    assert made.rows_in == made.table.height + made.quarantine.height


def test_an_import_with_a_contradiction_is_refused_by_its_row(tmp_path: Path) -> None:
    path = table(tmp_path, ROWS[:4], FULL)
    with pytest.raises(TableError, match="row 5: the heavy chain is not the parent's with H:W99F"):
        import_table(read_measurements(path), [path], tmp_path / "out.parquet")


def test_several_parents_leave_the_column_unchecked_and_say_so(tmp_path: Path) -> None:
    other = heavy((1, "Q"))
    rows = [("WT", "1", VH, VL, AG), ("WT", "2", other, VL, AG), ("Y33F", "3", VH, VL, AG)]
    frame = read_measurements(table(tmp_path, rows, FULL)).frame
    assert frame["mutations"].to_list() == [None] * 3
    assert all("mutations_unchecked" in flags for flags in frame["flags"])


def test_chains_and_antigen_of_the_parents_row_serve_all(tmp_path: Path) -> None:
    rows = [("WT", "1", VH, VL, AG), ("H:Y33F", "2", "", "", ""), ("L:S50A", "3", "", "", "")]
    made = canonicalise(read_measurements(table(tmp_path, rows, FULL)), "user", "own-data")
    assert made.table["heavy"].to_list() == [VH, heavy((33, "F")), VH]
    assert made.table["antigen"].to_list() == [[AG]] * 3
    assert made.table["mutations"].to_list() == ["", "H:Y33F", "L:S50A"]


def test_pairs_to_predict_may_be_mutations_of_a_known_parent(tmp_path: Path) -> None:
    path = table(tmp_path, [("WT", AG), ("Y33F", AG), ("H:D98W (Kabat)", AG)], "mutations,antigen")
    frame = read_pairs(path, choices=Choices(parent=(VH, VL))).frame
    assert frame["heavy"].to_list() == [VH, heavy((33, "F")), heavy((102, "W"))]
    assert frame["light"].to_list() == [VL] * 3
    with pytest.raises(TableError, match="wild type is missing"):
        read_pairs(path)
