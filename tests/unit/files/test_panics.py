"""The user sees one sentence of a damaged file, and nothing of the library that found it."""

from __future__ import annotations

import os

import pytest

from abag.files.panics import without_panics


def test_a_panic_is_not_printed_and_all_else_is(capfd: pytest.CaptureFixture[str]) -> None:
    with without_panics():
        os.write(2, b"thread 'async-executor-0' panicked at row_group_decode.rs:418\nstack\n")
    with without_panics(), without_panics():
        os.write(2, b"reading: 40 of 100\n")
    os.write(2, b"done\n")
    assert capfd.readouterr().err == "reading: 40 of 100\ndone\n"
