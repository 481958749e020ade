"""Lines of text among saved arrays."""

from __future__ import annotations

import pytest

from abag.files.reading import packed_lines, unpacked_lines


@pytest.mark.parametrize("lines", [["EVQ|DIQ", "QVQ|"], [""], ["", "", ""], []])
def test_lines_come_back_from_an_array_of_bytes(lines: list[str]) -> None:
    assert unpacked_lines(packed_lines(lines), len(lines)) == lines


def test_of_one_empty_line_and_none_the_count_decides() -> None:
    assert packed_lines([""]).tolist() == packed_lines([]).tolist()
    assert unpacked_lines(packed_lines([])) == []
