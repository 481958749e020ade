"""Shards hold every record of a library once, and cut no antibody through."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from abag.errors import FileFormatError, MissingFileError, OptionError
from abag.screening.library import LibraryShard, plan_library
from abag.screening.reading import LibraryReading, read_shard
from synthetic_antibodies import made_up_antibodies

ANTIBODIES = made_up_antibodies(40, seed=5)


def chains_of(shards: list[LibraryShard]) -> list[tuple[str, str | None]]:
    parts = [read_shard(shard, LibraryReading(antigen_unknown=True)).pairs for shard in shards]
    return pl.concat(parts).select("heavy", "light").rows()


def lines_of(shards: list[LibraryShard]) -> list[int]:
    parts = [read_shard(shard, LibraryReading(antigen_unknown=True)).pairs for shard in shards]
    return pl.concat(parts)["source_row"].to_list()


def table() -> pl.DataFrame:
    names = [f'clone "{i}"\nof round 2' if i % 7 == 3 else f"clone {i}" for i in range(40)]
    heavy, light = zip(*ANTIBODIES, strict=True)
    return pl.DataFrame({"name": names, "heavy": heavy, "light": light})


def write(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".parquet"):
        table().write_parquet(path, row_group_size=16)
    elif "fasta" in name:
        text = "".join(
            f">ab{i}_H\n{heavy[:60]}\n{heavy[60:]}\n>ab{i}_L\n{light}\n"
            for i, (heavy, light) in enumerate(ANTIBODIES)
        )
        path.write_text(text)
    elif name.endswith(".airr.tsv"):
        rows = [
            f"s{i}{locus}\t{locus}\tT\tcell{i}\t{chain}"
            for i, pair in enumerate(ANTIBODIES)
            for locus, chain in zip(("IGH", "IGK"), pair, strict=True)
        ]
        header = "sequence_id\tlocus\tproductive\tcell_id\tsequence_alignment_aa"
        path.write_text("\n".join([header, *rows]) + "\n")
    else:
        content = ("\n" + table().write_csv()).encode()
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("rows", [5, 16, 1000])
@pytest.mark.parametrize("name", ["l.csv", "l.parquet", "l.fasta", "l.airr.tsv"])
def test_shards_hold_every_antibody_once_in_its_order(tmp_path: Path, name: str, rows: int):
    shards = plan_library([str(write(tmp_path, name))], rows)
    assert chains_of(shards) == ANTIBODIES
    whole = plan_library([str(write(tmp_path, name))], 1000)
    assert len(whole) == 1
    assert lines_of(shards) == lines_of(whole), "line numbers do not depend on shards"
    if rows < 40:
        assert len(shards) > 1
        assert max(shard.records for shard in shards) <= rows + 1


def test_a_folder_is_read_in_the_order_of_its_names_and_hidden_files_are_left(tmp_path: Path):
    for name in ("b.csv", "a.csv", ".hidden.csv", "_SUCCESS", "notes.md"):
        write(tmp_path, name)
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep", "c.parquet")
    names = [shard.file.name for shard in plan_library([str(tmp_path)])]
    assert names == ["a.csv", "b.csv", "deep/c.parquet"]


def test_files_of_one_name_are_told_apart_and_none_counts_twice(tmp_path: Path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "l.csv")
    paths = [str(tmp_path / folder / "l.csv") for folder in ("one", "two")]
    assert [shard.file.name for shard in plan_library(paths)] == paths
    with pytest.raises(OptionError, match="given twice"):
        plan_library([paths[0], str(tmp_path / "one")])


def test_a_library_lies_wherever_fsspec_opens_files(tmp_path: Path):
    import fsspec

    content = write(tmp_path, "l.parquet").read_bytes()
    with fsspec.open("memory://lab/round2/l.parquet", "wb") as stream:
        stream.write(content)
    shards = plan_library(["memory://lab/round2"], 16)
    assert [shard.file.name for shard in shards] == ["l.parquet"] * 3
    assert chains_of(shards) == ANTIBODIES


def test_places_in_a_gzip_file_are_those_of_what_it_holds(tmp_path: Path):
    plain = write(tmp_path, "l.csv")
    packed = tmp_path / "l.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    places = [
        [(s.start, s.stop, s.line, s.records) for s in plan_library([str(path)], 9)]
        for path in (plain, packed)
    ]
    assert places[0] == places[1]


def test_a_quotation_mark_that_is_never_closed_costs_its_record(tmp_path: Path):
    rows = [f"n{i},{heavy},{light}" for i, (heavy, light) in enumerate(ANTIBODIES)]
    rows[4] = rows[4].replace("n4", '"n4')
    path = tmp_path / "l.csv"
    path.write_text("name,heavy,light\n" + "\n".join(rows) + "\n")
    (shard,) = plan_library([str(path)])
    found = read_shard(shard, LibraryReading(antigen_unknown=True))
    assert found.pairs["source_row"].to_list() == [i + 2 for i in range(40) if i != 4]
    assert [problem.row for problem in found.unread] == [6]
    assert "never closed" in found.unread[0].reason


def test_a_record_that_cannot_be_read_costs_a_line(tmp_path: Path):
    lines = write(tmp_path, "l.fasta").read_text().splitlines()
    lines[7] = lines[7][:10] + "1" + lines[7][10:]  # in ab1_H
    (tmp_path / "l.fasta").write_text("\n".join(lines) + "\n")
    (shard,) = plan_library([str(tmp_path / "l.fasta")])
    found = read_shard(shard, LibraryReading())
    assert found.pairs["antibody_name"].to_list() == [f"ab{i}" for i in range(40) if i != 1]
    reasons = {problem.row: problem.reason for problem in found.unread}
    assert "'1' at place 11" in reasons[8]
    assert reasons[9] == "the light chain of 'ab1' has no heavy chain"


def test_a_fault_of_the_whole_file_is_no_line_of_a_quarantine(tmp_path: Path):
    path = tmp_path / "l.csv"
    path.write_text("colour,size\nred,4\nblue,5\n")
    (shard,) = plan_library([str(path)])
    with pytest.raises(ValueError, match=r"l\.csv"):
        read_shard(shard, LibraryReading())


def test_what_is_no_library_is_refused_before_work_begins(tmp_path: Path):
    (tmp_path / "empty.csv").touch()
    with pytest.raises(FileFormatError, match="is empty"):
        plan_library([str(tmp_path / "empty.csv")])
    with pytest.raises(MissingFileError, match=r"nothing\.csv"):
        plan_library([str(tmp_path / "nothing.csv")])
    (tmp_path / "sub").mkdir()
    with pytest.raises(MissingFileError, match="holds no file of a library"):
        plan_library([str(tmp_path / "sub")])
    with pytest.raises(OptionError, match="--shard-rows 0"):
        plan_library([str(tmp_path / "empty.csv")], 0)


def test_a_file_that_became_shorter_is_noticed(tmp_path: Path):
    path = write(tmp_path, "l.csv")
    shards = plan_library([str(path)], 16)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(FileFormatError, match="shorter than when the screen began"):
        read_shard(shards[-1], LibraryReading(antigen_unknown=True))
