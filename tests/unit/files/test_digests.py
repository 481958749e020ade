"""What is read back is what was written, or it is refused by name."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abag.errors import AbagError, FileFormatError
from abag.files import (
    neutral,
    read_json,
    read_parquet,
    read_tensors,
    restored,
    write_csv,
    write_json,
    write_parquet,
    write_tensors,
)
from abag.files.parquet_pages import require_sound_file

TABLE = pl.DataFrame(
    {
        "name": ["a", None, "=1+1", "é"],
        "pkd": [7.5, None, float("nan"), -0.0],
        "flags": [["x", "y"], [], None, [""]],
        "count": [1, 2, None, -3],
        "kept": [True, None, False, True],
    }
)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A flipped bit, or a file that was cut short."""
    place = rng.randrange(len(content))
    if rng.random() < 0.2:
        return content[:place]
    flipped = bytearray(content)
    flipped[place] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def test_a_table_comes_back_with_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(path, TABLE, {"key": "value"})
    found, said = read_parquet(path)
    assert found.equals(TABLE, null_equal=True)
    assert (found.schema, said) == (TABLE.schema, {"key": "value"})
    again = tmp_path / "again.parquet"
    write_parquet(again, TABLE, {"key": "value"})
    assert again.read_bytes() == path.read_bytes()


def test_no_damaged_table_is_taken_with_other_values(tmp_path: Path) -> None:
    path, rng = tmp_path / "t.parquet", random.Random(0)
    write_parquet(path, TABLE, {"key": "value"})
    whole, refused = path.read_bytes(), 0
    for _ in range(400):
        path.write_bytes(damaged(whole, rng))
        try:
            found, said = read_parquet(path)
        except AbagError:
            refused += 1
            continue
        assert found.equals(TABLE, null_equal=True)
        assert said.get("key", "value") == "value" or "abag.digest" not in said
    assert refused > 100


def test_a_changed_value_under_the_old_digest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(path, TABLE)
    said = pl.read_parquet_metadata(path)
    other = TABLE.with_columns(pkd=pl.Series([10.5, None, 1.0, 0.0]))
    other.write_parquet(path, metadata={"abag.digest": said["abag.digest"]})
    with pytest.raises(FileFormatError, match="its digest differs"):
        read_parquet(path)


def test_a_table_that_pyarrow_sealed_is_read_and_checked(tmp_path: Path) -> None:
    """Until version 0.2 tables were written through Arrow; their digest is of values, too."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    write_parquet(path, TABLE, {"key": "value"})
    _, said = read_parquet(path)
    digest = pl.read_parquet_metadata(path)["abag.digest"]
    arrow = TABLE.to_arrow(compat_level=pl.CompatLevel.oldest())
    parquet.write_table(
        arrow.replace_schema_metadata({**said, "abag.digest": digest}), path, compression="zstd"
    )
    assert read_parquet(path)[0].equals(TABLE, null_equal=True)
    other = arrow.slice(1).replace_schema_metadata({**said, "abag.digest": digest})
    parquet.write_table(other, path)
    with pytest.raises(FileFormatError, match="its digest differs"):
        read_parquet(path)


def test_a_disk_that_takes_no_more_is_a_message_and_leaves_nothing(tmp_path: Path) -> None:
    """The system refuses to write more than 1,000 bytes of a file."""
    code = """
import resource, sys
from pathlib import Path
import polars as pl
from abag.errors import FileFormatError
from abag.files import write_parquet
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_parquet(Path(sys.argv[1]), pl.DataFrame({"x": range(10_000)}))
except FileFormatError as error:
    print(error)
"""
    path = tmp_path / "t.parquet"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert f"{path} cannot be written: File too large" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_table_of_another_program_is_read_as_it_is(tmp_path: Path) -> None:
    TABLE.write_parquet(tmp_path / "t.parquet")
    assert read_parquet(tmp_path / "t.parquet")[0].equals(TABLE, null_equal=True)


def test_sealed_json_is_refused_when_changed_and_read_without_its_seal(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_json(path, {"step": 3, "best": 0.5}, seal=True)
    assert read_json(path) == {"step": 3, "best": 0.5}
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "step": 4}))
    with pytest.raises(FileFormatError, match="changed or damaged"):
        read_json(path)


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 100_000, "NaN", "[1e999]", "1" * 5000, "\udcff"]
)
def test_json_that_breaks_readers_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(FileFormatError, match=r"x\.json is not a JSON file"):
        read_json(path)


@given(st.text(max_size=20))
def test_a_neutral_cell_is_not_run_and_loses_nothing(text: str) -> None:
    cell = neutral(text)
    assert restored(cell) == text
    assert len(cell) < 2 or cell[0] not in "=+-@＝＋－＠"
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in cell)


@given(st.text("'=+-@\\x1b07 \t\n\x1b", max_size=12))
def test_texts_that_look_like_neutral_ones_come_back_too(text: str) -> None:
    assert restored(neutral(text)) == text


def test_a_spreadsheet_is_given_nothing_to_run(tmp_path: Path) -> None:
    cells = ["=cmd|' /C calc'!A0", "@SUM(1)", "-1+1", "=", "plain", "\x1b[31mred", None]
    table = pl.DataFrame({"name": cells, "number": [-1.5] * len(cells)})
    write_csv(tmp_path / "t.csv", table)
    found = pl.read_csv(tmp_path / "t.csv")
    assert found["name"].to_list() == [
        "'=cmd|' /C calc'!A0", "'@SUM(1)", "'-1+1", "=", "plain", r"\x1b[31mred", None,
    ]  # fmt: skip
    assert found["number"].to_list() == [-1.5] * len(cells)


def test_a_table_of_yours_with_a_damaged_header_of_a_page_is_refused_or_read_as_it_is(
    tmp_path: Path,
) -> None:
    """A page that says it holds 2**61 values would end the process inside of polars."""
    path = tmp_path / "yours.parquet"
    pl.DataFrame({"KD (nM)": [1.5, 2.5, 3.5]}).write_parquet(path)
    whole, wanted = path.read_bytes(), read_parquet(path)[0]
    refused = 0
    for place in range(4, 48):
        for bit in range(8):
            changed = bytes([whole[place] ^ (1 << bit)])
            path.write_bytes(whole[:place] + changed + whole[place + 1 :])
            try:
                assert read_parquet(path)[0].height == wanted.height
            except FileFormatError:
                refused += 1
    assert refused > 44


def test_places_and_counts_of_pages_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    TABLE.write_parquet(path)
    require_sound_file(path)
    empty = tmp_path / "empty.parquet"
    TABLE.clear().write_parquet(empty)
    require_sound_file(empty)
    whole = path.read_bytes()
    cases = (
        (whole[:-4] + b"PAR2", "no footer"),
        (whole[:100] + whole[120:], "page|column|type|cut|footer"),
        (b"PAR1" + b"\xff" * 30 + whole[34:], "page|number|type"),
    )
    for number, (content, words) in enumerate(cases):
        damaged_copy = tmp_path / f"{number}.parquet"
        damaged_copy.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            require_sound_file(damaged_copy)


def test_a_step_that_was_changed_in_a_state_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "state.safetensors"
    write_tensors(path, {"weights": torch.arange(6.0)}, {"step": "120", "best": "0.75"})
    tensors, metadata = read_tensors(path, sealed=True)
    assert tensors["weights"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert metadata == {"step": "120", "best": "0.75"}
    whole = path.read_bytes()
    for old, new in ((b'"120"', b'"129"'), (b'"0.75"', b'"0.95"'), (b'"step"', b'"stop"')):
        assert old in whole
        path.write_bytes(whole.replace(old, new))
        with pytest.raises(FileFormatError, match="has another digest"):
            read_tensors(path, sealed=True)
