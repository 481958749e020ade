"""Benchmarks write into no folder with files of another kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag.data.tables import Measurements
from abag.errors import OptionError
from abag.evaluation.reporting import outputs
from abag_lab.benchmarks import saaint
from abag_lab.benchmarks.abbibench import benchmark_abbibench
from abag_lab.benchmarks.saaint import benchmark_saaint
from abag_lab.door.benchmark import benchmark_door
from abag_lab.replay.fewshot_benchmark import benchmark_fewshot
from synthetic_pairs import complexes_table


@pytest.mark.parametrize(
    "benchmark", [benchmark_saaint, benchmark_door, benchmark_fewshot, benchmark_abbibench]
)
def test_a_folder_with_other_files_is_left_as_it_is(benchmark, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OptionError, match=r"other files than .*thesis\.txt"):
        benchmark(tmp_path / "sources", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_benchmark_on_saaint_stands_whole_beside_its_table_and_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Measurements.canonical(complexes_table(40))
    monkeypatch.setattr(saaint, "saaint_table", lambda *_: rows)
    monkeypatch.setattr(saaint, "BASELINES", ())
    monkeypatch.setattr(saaint, "audit_png", lambda _: None)
    monkeypatch.setattr(outputs, "render_report", lambda *_: "no pictures, which take seconds")
    out = tmp_path / "out"

    def benchmark() -> None:
        benchmark_saaint(tmp_path, out, models=["mean"], folds=3, resamples=100)

    benchmark()
    assert {path.name for path in out.iterdir()} == {*saaint.FILES}
    with pytest.raises(OptionError, match="--overwrite"):
        benchmark()
