"""The few-shot benchmark: rank an assay's unseen variants after seeing n of them.

Protocol: rows in the order of the file, permuted by ``numpy.random.RandomState(seed)``; the test
rows are the last 20 %, the training rows the first n (or the first 80 %); the score is Spearman's
correlation, averaged over seeds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.errors import ModelError, OptionError
from abag.files import require_folder_name, write_json, write_text
from abag.maturation.landscapes import ABBIBENCH, Landscape, read_landscapes
from abag.maturation.ranking import spearman
from abag.model.registry import create_model
from abag.progress import track

if TYPE_CHECKING:
    from abag.model.protocol import AffinityModel

Reals = NDArray[np.float64]

SIZES: Final = (24, 96, 384)
LEVEL: Final = 0.9
MODELS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "assay-gp": ("assay-gp", {}),
    "one-hot-ridge": ("one-hot-ridge", {}),
    "kmer-ridge": ("kmer-ridge", {}),
}
ABLATIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "product alone": ("assay-gp", {"linear": False, "terms": "none"}),
    "linear alone": ("assay-gp", {"product": False, "terms": "none", "cautious": False}),
    "terms alone": ("assay-gp", {"product": False, "linear": False, "cautious": False}),
    "no additive terms": ("assay-gp", {"terms": "none", "cautious": False}),
    "no cautious member": ("assay-gp", {"cautious": False}),
    "no warp": ("assay-gp", {"warp": False}),
    "one power": ("assay-gp", {"site_spread": 0.001}),
}


@dataclass(frozen=True, slots=True)
class FewShotScore:
    """One model on one split of one landscape."""

    landscape: str
    model: str
    size: str
    """Number of training rows as text, or ``80%``."""
    seed: int
    rows: int
    test_rows: int
    spearman: float | None
    """None where it is undefined, or the training rows are all equal."""
    coverage: float | None
    """Share of test rows inside the 90 % interval, for a model that gives one."""
    fit_seconds: float


@dataclass(frozen=True, slots=True)
class FewShotBenchmark:
    """All scores, and where they lie."""

    scores: tuple[FewShotScore, ...]
    settings: dict[str, Any]
    folder: Path | None = field(default=None)

    def mean(self, model: str, size: str, landscapes: Sequence[str] = ()) -> float | None:
        """Mean over landscapes of the mean over seeds; None where a landscape has no score."""
        names = landscapes or tuple(dict.fromkeys(one.landscape for one in self.scores))
        means = [self.of(name, model, size) for name in names]
        known = [value for value in means if value is not None]
        return float(np.mean(known)) if known and len(known) == len(means) else None

    def of(self, landscape: str, model: str, size: str, what: str = "spearman") -> float | None:
        """Mean over seeds of one figure."""
        found = [
            getattr(one, what)
            for one in self.scores
            if (one.landscape, one.model, one.size) == (landscape, model, size)
        ]
        known = [value for value in found if value is not None]
        return float(np.mean(known)) if known else None

    def names(self, what: str) -> tuple[str, ...]:
        """Distinct landscapes, models or sizes, in order."""
        return tuple(dict.fromkeys(getattr(one, what) for one in self.scores))

    def as_json(self) -> dict[str, Any]:
        """Means by landscape, model and size, and the settings."""
        return {
            "settings": self.settings,
            "spearman": {
                model: {
                    size: {
                        **{n: self.of(n, model, size) for n in self.names("landscape")},
                        "mean": self.mean(model, size),
                    }
                    for size in self.names("size")
                }
                for model in self.names("model")
            },
            "coverage_90": {
                size: {n: self.of(n, "assay-gp", size, "coverage") for n in self.names("landscape")}
                for size in self.names("size")
            },
            "folder": str(self.folder) if self.folder else None,
        }


def benchmark_fewshot(
    sources: Path,
    out: Path,
    *,
    landscapes: Sequence[str] = ABBIBENCH,
    seeds: int = 5,
    first_seed: int = 0,
    quick: bool = False,
    ablations: bool = False,
    sizes: Sequence[int] = SIZES,
    whole: bool = True,
) -> FewShotBenchmark:
    """Run the protocol and write ``fewshot.json`` and ``scores.csv`` into ``out``.

    Args:
        sources: Folder with the published sources.
        out: Folder for the two files.
        landscapes: Names of landscapes; all of them where empty.
        seeds: Number of permutations.
        first_seed: The first of them.
        quick: Two seeds, the three sizes, no 80 %.
        ablations: Also each kernel alone, and each part left out.
        sizes: Numbers of training rows.
        whole: Also train on the first 80 %.
    """
    if seeds < 1 or first_seed < 0:
        raise OptionError("give at least one seed, and seeds from 0")
    require_folder_name(out)
    chosen = {**MODELS, **(ABLATIONS if ablations else {})}
    numbers = range(first_seed, first_seed + (min(seeds, 2) if quick else seeds))
    scores: list[FewShotScore] = []
    for landscape in read_landscapes(sources, landscapes):
        plans = [(seed, size) for seed in numbers for size in sizes]
        plans += [(seed, 0) for seed in numbers if whole and not quick]
        for seed, size in track(plans, f"few-shot {landscape.name}"):
            scores += score_split(landscape, seed, size, chosen)
    settings = {
        "seeds": list(numbers), "sizes": list(sizes), "quick": quick,
        "models": {name: {"model": m, **s} for name, (m, s) in chosen.items()},
    }  # fmt: skip
    done = FewShotBenchmark(tuple(scores), settings, out)
    write_json(out / "fewshot.json", done.as_json())
    rows = pl.DataFrame([asdict(one) for one in scores], infer_schema_length=None)
    write_text(out / "scores.csv", rows.write_csv())
    return done


def score_split(
    landscape: Landscape,
    seed: int,
    size: int,
    models: dict[str, tuple[str, dict[str, Any]]],
) -> list[FewShotScore]:
    """Every model on one split; nothing where the landscape has too few rows for ``size``."""
    count = landscape.table.height
    order = np.random.RandomState(seed).permutation(count)
    train_rows = int(0.8 * count)
    if size > train_rows:
        return []
    train = landscape.table[order[: size or train_rows].tolist()]
    test = landscape.table[order[train_rows:].tolist()]
    found = []
    for name, (kind, settings) in models.items():
        started = time.perf_counter()
        try:
            model = create_model(kind, {"target": "rank_score", "seed": seed, **settings})
            model.fit(train)
            seconds = time.perf_counter() - started
            value, coverage = _scored(model, test)
        except ModelError:  # training rows that teach nothing: all at the assay's floor
            value, coverage, seconds = None, None, 0.0
        text = str(size) if size else "80%"
        found.append(
            FewShotScore(
                landscape.name, name, text, seed, train.height, test.height, value, coverage,
                round(seconds, 3),
            )
        )  # fmt: skip
    return found


def _scored(model: AffinityModel, test: pl.DataFrame) -> tuple[float | None, float | None]:
    from abag.model.assay_gp.model import AssayGP

    true = test["rank_score"].to_numpy()
    refused = np.array([reason is not None for reason in model.refusals(test)])
    kept = test.filter(pl.Series(~refused))
    # A row that a model cannot read stands in the middle, as it would for a user who asks for it.
    pred = np.full(len(true), np.nan)
    if kept.height:
        pred[~refused] = model.predict(kept)
    pred[refused] = np.nanmedian(pred) if kept.height else 0.0
    if not isinstance(model, AssayGP):
        return spearman(true, pred), None
    shown = model.distribution(kept, LEVEL)
    inside = (shown.lower <= true[~refused]) & (true[~refused] <= shown.upper)
    return spearman(true, pred), float(inside.mean())
