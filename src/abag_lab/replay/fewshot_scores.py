"""Scores of the few-shot benchmark: of each split, their means, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from abag.errors import OptionError
from abag.files import read_parquet, write_csv, write_parquet
from abag_lab.replay.averages import Average

KEPT: Final = "scores.parquet"
SCORES: Final = "scores.csv"
OURS: Final = "assay-gp"
PRIOR: Final = "prior alone"
"""The global model of mutation effects, which sees no training row."""
FLOORS: Final = ("one-hot-ridge", PRIOR)
"""Below these ours must not be by more than the interval of the difference."""


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
        names = landscapes or tuple(dict.fromkeys(score.landscape for score in self.scores))
        means = [self.of(name, model, size) for name in names]
        known = [value for value in means if value is not None]
        return float(np.mean(known)) if known and len(known) == len(means) else None

    def of(self, landscape: str, model: str, size: str, figure: str = "spearman") -> float | None:
        """Mean over seeds of one figure."""
        values = [
            getattr(score, figure)
            for score in self.scores
            if (score.landscape, score.model, score.size) == (landscape, model, size)
        ]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    def spread(self, landscape: str, model: str, size: str) -> tuple[float, float, float] | None:
        """Mean, lowest and highest Spearman over seeds; None where there is none."""
        values = [
            score.spearman
            for score in self.scores
            if (score.landscape, score.model, score.size) == (landscape, model, size)
            and score.spearman is not None
        ]
        return (float(np.mean(values)), min(values), max(values)) if values else None

    def gain(self, landscape: str, floor: str, size: str) -> Average | None:
        """Spearman of ours less that of another model, seed by seed; None without such seeds."""
        spearman = {
            (score.model, score.seed): score.spearman
            for score in self.scores
            if (score.landscape, score.size) == (landscape, size) and score.spearman is not None
        }
        seeds = [seed for model, seed in spearman if model == OURS and (floor, seed) in spearman]
        return (
            Average.of([spearman[OURS, seed] - spearman[floor, seed] for seed in seeds])
            if seeds
            else None
        )

    def names(self, field: str) -> tuple[str, ...]:
        """Distinct landscapes, models or sizes, in order."""
        return tuple(dict.fromkeys(getattr(score, field) for score in self.scores))

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
                size: {n: self.of(n, OURS, size, "coverage") for n in self.names("landscape")}
                for size in self.names("size")
            },
            "gain": {
                floor: {
                    size: {
                        n: None if (gain := self.gain(n, floor, size)) is None else asdict(gain)
                        for n in self.names("landscape")
                    }
                    for size in self.names("size")
                }
                for floor in FLOORS
            },
            "folder": str(self.folder) if self.folder else None,
        }


class Journal:
    """The scores of a folder, written anew after each split.

    ``scores.parquet`` has a digest and is what is gone on with; ``scores.csv`` is for people.
    """

    def __init__(self, path: Path, scores: list[FewShotScore]) -> None:
        self.path, self.scores = path, scores
        self._known = {(s.landscape, s.model, s.size, s.seed) for s in scores}

    @classmethod
    def of(cls, folder: Path) -> Journal:
        """With the scores that are there."""
        path = folder / KEPT
        if not path.exists():
            return cls(path, [])
        table, _ = read_parquet(path)
        if set(table.columns) != {column.name for column in fields(FewShotScore)}:
            raise OptionError(f"{path} holds something else; choose another folder with --out")
        return cls(path, [FewShotScore(**row) for row in table.iter_rows(named=True)])

    def has(self, landscape: str, model: str, size: str, seed: int) -> bool:
        """Whether a score is there."""
        return (landscape, model, size, seed) in self._known

    def add(self, scores: Sequence[FewShotScore]) -> None:
        """Keep scores, and write them."""
        self.scores += scores
        self._known |= {(s.landscape, s.model, s.size, s.seed) for s in scores}
        rows = pl.DataFrame([asdict(score) for score in self.scores], infer_schema_length=None)
        write_parquet(self.path, rows)
        write_csv(self.path.with_name(SCORES), rows)
