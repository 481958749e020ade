"""How far a row walks through the house: files that it passes, and whether it goes only one way.

Counted by `benchmarks/walk.py` in a process of its own, where nothing is remembered.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def walked(name: str) -> dict[str, int]:
    script = ROOT / "benchmarks" / "walk.py"
    done = subprocess.run(
        [sys.executable, str(script), name], capture_output=True, text=True, check=True
    )
    counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counts


@pytest.mark.parametrize(("rows", "most_files"), [("predict", 50), ("variants", 60)])
def test_a_row_passes_few_files_and_goes_one_way(rows: str, most_files: int):
    """A variant of a measured pair passes the model of mutation effects as well."""
    counts = walked(rows)
    assert 0 < counts["files"] <= most_files
    assert counts["climbs"] == 0
    assert counts["returns"] == 0
    assert 0 < counts["checks"] <= 2
    assert 0 < counts["numberings"] <= 5


@pytest.mark.slow
def test_an_assay_is_numbered_and_checked_a_few_times():
    counts = walked("adapt")
    assert 0 < counts["numberings"] <= 5
    assert 0 < counts["checks"] <= 10
