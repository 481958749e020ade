"""What is written goes through the one place that makes it safe, whoever writes it."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
OWN = "abag/files/tables.py"
SAFE = ("neutral_table(", "_as_csv(", "pl.DataFrame(schema=")
"""What a frame that is written as CSV came through; one without rows holds no text of a user's."""
WRITERS = frozenset({"write_csv", "sink_csv", "to_csv"})
NAMED = (*WRITERS, "writer", "DictWriter")
"""What a module that writes such a file names; the others need not be parsed."""


def writers_of_csv(module: ast.Module) -> list[str]:
    """The frames whose own ``write_csv`` is called, and writers of the csv module."""
    called = [
        node.func
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    of_frames = [ast.unparse(one.value) for one in called if one.attr in WRITERS]
    plain = [ast.unparse(one) for one in called]
    return [*of_frames, *(one for one in plain if one in ("csv.writer", "csv.DictWriter"))]


def test_no_csv_file_is_written_beside_the_rule_of_owasp() -> None:
    unsafe = {
        (path.relative_to(SOURCE).as_posix(), frame)
        for path in sorted((SOURCE / "abag").rglob("*.py"))
        if path.relative_to(SOURCE).as_posix() != OWN
        if any(name in (text := path.read_text(encoding="utf-8")) for name in NAMED)
        for frame in writers_of_csv(ast.parse(text))
        if not any(safe in frame for safe in SAFE)
    }
    assert unsafe == set()


def test_the_search_finds_writers() -> None:
    text = "table.write_csv(p)\nneutral_table(t).write_csv(p)\ncsv.writer(f)\ncsv.reader(f)"
    assert writers_of_csv(ast.parse(text)) == ["table", "neutral_table(t)", "csv.writer"]
