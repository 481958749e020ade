"""A short turn of each campaign of `benchmarks/faults`; `docs/promises.md` has the long ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
FAULTS = Path(__file__).parents[2] / "benchmarks" / "faults"
sys.path.insert(0, str(FAULTS))

import damage  # noqa: E402
import fuzzing  # noqa: E402


def test_no_reader_answers_a_damaged_input_with_a_traceback() -> None:
    result = fuzzing.fuzz(120, seed=7, chunk=120)
    assert result["faults"] == {}
    assert int(str(result["mebibytes_above_start"])) < fuzzing.MEBIBYTES


def test_no_damaged_file_of_ours_is_taken_with_other_values() -> None:
    result = damage.damage(160, seed=7, kinds=("table", "model", "partial", "adapter"))
    assert [one["faults"] for one in result.values()] == [[]] * 4
    assert all(one["refused"] > 20 and one["swaps"] > 0 for one in result.values())


def campaign_of(script: str, place: Path, *options: str) -> dict[str, Any]:
    """What a script of `benchmarks/faults` writes into its state; faults fail it."""
    state = place / "state.json"
    command = [sys.executable, str(FAULTS / script), "--state", str(state), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(state.read_text()))


needs_points = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs LD_PRELOAD and a compiler"
)


@needs_points
def test_a_command_killed_at_any_change_and_given_again_leaves_what_it_leaves_undisturbed(
    tmp_path: Path,
) -> None:
    found = campaign_of("kills.py", tmp_path, "--only", "import,split,fit", "--kills", "3")
    assert {*found} == {"import", "split", "fit"}
    assert all(one["faults"] == [] and one["whole"] for one in found.values())
    assert all(one["kills"] in (3, 4) for one in found.values())  # one is killed in its second call


@needs_points
def test_of_two_commands_at_once_each_result_is_whole(tmp_path: Path) -> None:
    found = campaign_of("together.py", tmp_path, "--only", "f,t.parquet")
    assert set(found) == {"f: fit | fit", "t.parquet: import | import"}
    assert [2, 0] in [one[:2] for one in found["f: fit | fit"]]  # the second was faster
    assert [0, 2] in [one[:2] for one in found["f: fit | fit"]]  # the first stood already
