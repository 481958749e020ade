"""A reader takes bounded memory, reads pipes, and names what it refuses."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from abag.errors import AbagError, FileFormatError, printable
from abag.files import read_bytes, read_json, require_file, sha256_of
from abag.files import reading as module


def test_a_gzip_file_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNPACKED_BYTES", 10_000)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"0" * 1_000_000))
    with pytest.raises(FileFormatError, match=r"unpacks to more than .*gunzip"):
        read_bytes(path)
    text = b"".join(b"%d\n" % (i * 7919 % 100_003) for i in range(3000))
    path.write_bytes(gzip.compress(text))
    assert read_bytes(path) == text


def test_a_plain_file_is_read_up_to_its_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLAIN_BYTES", 2**20)
    path = tmp_path / "long.csv"
    path.write_bytes(b"0" * 2**20)
    assert len(read_bytes(path)) == 2**20
    path.write_bytes(b"0" * (2**20 + 1))
    with pytest.raises(FileFormatError, match=r"more than 1 MB.*abag screen"):
        read_bytes(path)


def test_gzip_members_and_padding_are_read_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n") + b"\0" * 512)
    assert read_bytes(path) == b"one\ntwo\n"
    whole = gzip.compress(os.urandom(5000))
    for content in (whole[:100], whole[:-3], whole[:2000] + b"x" + whole[2001:]):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match="damaged or truncated gzip"):
            read_bytes(path)


def test_a_pipe_is_read_once_and_asked_often(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(b'{"a": 1}'))
    writer.start()
    require_file(path)
    writer.join()
    assert read_json(path) == {"a": 1}
    assert read_bytes(path) == b'{"a": 1}'
    (tmp_path / "file").write_bytes(b'{"a": 1}')
    assert sha256_of(path) == sha256_of(tmp_path / "file")


def test_an_empty_device_is_empty_and_an_endless_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(FileFormatError, match="is empty"):
        require_file(Path("/dev/null"))
    monkeypatch.setattr("abag.files.reading.PIPE_BYTES", 2**21)
    with pytest.raises(FileFormatError, match="gives more than 2 MB"):
        require_file(Path("/dev/zero"))


def test_messages_obey_no_terminal_and_command_none() -> None:
    assert str(AbagError("a\x1b[2Jb\nc\u202e")) == "a\\x1b[2Jb\nc\\u202e"
    assert printable("tab\tand\nline") == "tab\tand\nline"
