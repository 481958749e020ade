"""``abag benchmark log-odds --opened``: sealed assays are scored apart, each opening is logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from abag_lab.benchmarks import log_odds
from abag_lab.benchmarks.log_odds import ScoredAssay, learnt_weight
from abag_lab.mutation_effect.assay import VariantAssay
from command_line import run

ROWS = 60
WEIGHTS = {"abbibench/1mlc": 0.5, "open": 0.5, "first sealed": -3.0, "second sealed": -3.0}
"""Log-odds help in the open assays, and harm in the sealed ones."""


def parts_of(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Effects, log-odds and values of an assay."""
    effect, log_odds, noise = np.random.default_rng(len(name)).normal(size=(3, ROWS))
    return effect, log_odds, effect + WEIGHTS[name] * log_odds + 0.1 * noise


def assay(name: str) -> VariantAssay:
    table = pl.DataFrame({"heavy": ["EVQ"] * ROWS, "light": ["DIQ"] * ROWS})
    censored = np.zeros(ROWS, dtype=np.bool_)
    return VariantAssay(name, "EVQ", "DIQ", ("MKT",), table, parts_of(name)[2], censored, True)


@pytest.fixture
def assays_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two open and two sealed assays, each a cluster by itself; folders that were read for them."""
    published, other, *sealed = map(assay, WEIGHTS)
    folders: list[str] = []

    def read_assays(sources: Path) -> list[VariantAssay]:
        folders.append(sources.name)
        return [other, *sealed]

    priors = SimpleNamespace(assays=(other,), effects_without=lambda each: parts_of(each.name)[0])
    stand_ins: dict[str, object] = {
        "ASSAYS": ("1mlc",),
        "BlindPriors": SimpleNamespace(of=lambda sources: priors),
        "source_table": lambda sources, name: pl.DataFrame(),
        "read_assay": lambda sources, name, table: (published, pl.DataFrame()),
        "read_assays": read_assays,
        "parts": lambda assays: (assays[:1], assays[1:]),
        "complex_clusters": lambda assays: {each.name: each.name for each in assays},
        "_encoder_log_odds": lambda encoder: lambda each: parts_of(each.name)[1],
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(log_odds, name, stand_in)
    return folders


@pytest.fixture
def benchmark(tmp_path: Path, assays_read: list[str]) -> Callable[..., Path]:
    def call(*options: str, out: str = "out") -> Path:
        command = ("benchmark", "log-odds", "--sources", tmp_path / "sources", "--terms", "builtin")
        assert run(*command, "--bootstrap", "100", "--out", tmp_path / out, *options) == 0
        return tmp_path / out

    return call


def test_without_the_option_no_sealed_assay_is_read(
    benchmark: Callable[..., Path], assays_read: list[str]
):
    out = benchmark()
    assert assays_read == []
    assert not (out / "openings.jsonl").exists()
    figures = json.loads((out / "log-odds.json").read_text())
    assert figures.keys() == {"builtin, AbBiBench", "builtin, other open assays"}
    assert "sealed" not in (out / "log-odds.md").read_text()


def test_each_opening_is_a_line_with_the_sealed_figures_alone(benchmark: Callable[..., Path]):
    benchmark("--opened")
    out = benchmark("--opened")
    first, second = map(json.loads, (out / "openings.jsonl").read_text().splitlines())
    assert first == second
    assert first.keys() == {"builtin, sealed"}
    assert first["builtin, sealed"]["rows"] == {"first sealed": ROWS, "second sealed": ROWS}
    assert json.loads((out / "log-odds.json").read_text()).items() >= first.items()
    assert "## builtin, sealed" in (out / "log-odds.md").read_text()


def test_sealed_assays_teach_no_weight(benchmark: Callable[..., Path]):
    shut, opened = benchmark(out="shut"), benchmark("--opened", out="opened")
    before, after = (json.loads((out / "log-odds.json").read_text()) for out in (shut, opened))
    assert before.items() <= after.items()
    taught_by = []
    for name in ("abbibench/1mlc", "open"):
        effect, log_odds_of_rows, delta = parts_of(name)
        taught_by.append(ScoredAssay(name, name, delta, effect, log_odds_of_rows))
    weight = learnt_weight(taught_by, "no cluster of theirs")
    assert weight > 0.3
    assert after["builtin, sealed"]["weights"] == pytest.approx(
        {"first sealed": weight, "second sealed": weight}
    )
