"""A short turn of each campaign of `benchmarks/faults`; `docs/promises.md` has the long ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "faults"))

import damage
import fuzzing


def test_no_reader_answers_a_damaged_input_with_a_traceback() -> None:
    result = fuzzing.fuzz(120, seed=7, chunk=120)
    assert result["faults"] == {}
    assert int(str(result["mebibytes_above_start"])) < fuzzing.MEBIBYTES


def test_no_damaged_file_of_ours_is_taken_with_other_values() -> None:
    result = damage.damage(210, seed=7)
    assert result["faults"] == []
    assert result["refused"] > 100
