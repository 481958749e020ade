"""The few-shot protocol on two published assays: the floors of the ridge, and ours above them."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag_lab.replay.fewshot_benchmark import MODELS, Protocol, benchmark_fewshot
from abag_lab.replay.fewshot_scores import FewShotBenchmark

pytestmark = [pytest.mark.sources, pytest.mark.slow]


@pytest.fixture(scope="module")
def done(sources_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> FewShotBenchmark:
    protocol = Protocol(seeds=(0, 1, 2, 3, 4), sizes=("24", "96"), models=MODELS)
    out = tmp_path_factory.mktemp("fewshot")
    return benchmark_fewshot(sources_dir, out, protocol, ("1mlc", "2fjg"))


def test_the_ridge_has_the_published_floors(done: FewShotBenchmark) -> None:
    floors = {
        ("1mlc", "24"): 0.06,
        ("1mlc", "96"): 0.28,
        ("2fjg", "24"): 0.16,
        ("2fjg", "96"): 0.31,
    }
    for (landscape, size), floor in floors.items():
        assert done.of(landscape, "one-hot-ridge", size) == pytest.approx(floor, abs=0.01)


def test_ours_is_far_above_the_ridge_on_deep_scans(done: FewShotBenchmark) -> None:
    for landscape in ("1mlc", "2fjg"):
        for size in ("24", "96"):
            ours = done.of(landscape, "assay-gp", size) or 0.0
            assert ours > (done.of(landscape, "one-hot-ridge", size) or 1.0) + 0.2


def test_intervals_hold_nine_values_of_ten(done: FewShotBenchmark) -> None:
    for landscape in ("1mlc", "2fjg"):
        covered = done.of(landscape, "assay-gp", "96", "coverage")
        assert covered is not None
        assert 0.85 <= covered <= 0.95
