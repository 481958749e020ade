"""Spearman's correlations of many models on several assays, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
LEVEL: Final = 0.95
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, resampled: Reals) -> Figure:
        """A value and the percentile interval of its resamples."""
        tail = (1.0 - LEVEL) / 2.0
        low, high = np.quantile(resampled, [tail, 1.0 - tail])
        return cls(float(value), float(low), float(high))

    def as_json(self) -> dict[str, Any]:
        """Value and interval."""
        return {"value": self.value, "interval": [self.low, self.high]}


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlation of each model in each assay.

    ``values`` (assays, models) and ``resampled`` (assays, models, resamples) are NaN for a model
    without scores of an assay, 0 for one whose scores are all equal. Resamples of one assay are the
    same for all models, so differences are paired.
    """

    assays: tuple[str, ...]
    models: tuple[str, ...]
    values: Reals
    resampled: Reals
    inverted: frozenset[str]

    def figure(self, assay: str, model: str) -> Figure | None:
        """One model in one assay, or None where it has no scores."""
        i, j = self.assays.index(assay), self.models.index(model)
        value = self.values[i, j]
        return Figure.of(value, self.resampled[i, j]) if np.isfinite(value) else None

    def mean(self, model: str) -> Figure | None:
        """Mean over assays, or None where the model lacks one of them."""
        j = self.models.index(model)
        value = self.values[:, j].mean()
        if not np.isfinite(value):
            return None
        return Figure.of(value, self.resampled[:, j].mean(axis=0))

    def mean_as_published(self, model: str) -> float:
        """Mean over assays against the labels as they stand in the files."""
        signs = np.array([-1.0 if assay in self.inverted else 1.0 for assay in self.assays])
        return float((signs * self.values[:, self.models.index(model)]).mean())

    def advantage(self, model: str, over: str) -> Figure | None:
        """Difference of two models' means over assays, paired."""
        i, j = (self.models.index(name) for name in (model, over))
        difference = self.values[:, i] - self.values[:, j]
        if not np.isfinite(difference).all():
            return None
        paired = (self.resampled[:, i] - self.resampled[:, j]).mean(axis=0)
        return Figure.of(float(difference.mean()), paired)

    def advantage_without(self, assay: str, model: str, over: str) -> float | None:
        """Difference of two models' means over the other assays; None where there is none."""
        others = [i for i, name in enumerate(self.assays) if name != assay]
        i, j = (self.models.index(name) for name in (model, over))
        difference = self.values[others, i] - self.values[others, j]
        if not others or not np.isfinite(difference).all():
            return None
        return float(difference.mean())

    def ranked(self) -> list[str]:
        """Models with scores of every assay, best mean first."""
        means = {name: self.mean(name) for name in self.models}
        known = {name: figure.value for name, figure in means.items() if figure is not None}
        return sorted(known, key=lambda name: (-known[name], name))

    def as_json(self, subject: str) -> dict[str, Any]:
        """Every figure, and the advantage of the subject over each model."""
        return {
            "level": LEVEL,
            "spearman": {
                model: {
                    assay: figure.as_json()
                    for assay in self.assays
                    if (figure := self.figure(assay, model)) is not None
                }
                for model in self.models
            },
            "mean": {
                model: {
                    **figure.as_json(),
                    "against_labels_as_published": self.mean_as_published(model),
                }
                for model in self.ranked()
                if (figure := self.mean(model)) is not None
            },
            f"advantage_of_{subject}": {
                model: figure.as_json()
                for model in self.ranked()
                if model != subject and (figure := self.advantage(subject, model)) is not None
            },
            f"advantage_of_{subject}_without": {
                assay: {
                    model: self.advantage_without(assay, subject, model)
                    for model in self.ranked()
                    if model != subject
                }
                for assay in self.assays
            },
        }


def correlate(
    scored: Mapping[str, tuple[Reals, Mapping[str, Reals]]],
    inverted: Collection[str],
    seed: int,
    resamples: int,
) -> Correlations:
    """Correlations of every model, and those of bootstrap resamples of the rows.

    A resample keeps the ranks of the whole assay and draws rows with their weights: Pearson's
    correlation of ranks, which differs from ranking anew by less than the draw itself.

    Args:
        scored: assay -> truth (rows,), and scores (rows,) of each model, higher is tighter.
        inverted: assays whose label is published with the wrong sign.
        seed: seed of the draws.
        resamples: number of draws.
    """
    models = tuple(dict.fromkeys(name for _, scores in scored.values() for name in scores))
    values = np.full((len(scored), len(models)), np.nan)
    resampled = np.full((len(scored), len(models), resamples), np.nan)
    rng = np.random.default_rng(seed)
    for i, (truth, scores) in enumerate(scored.values()):
        columns = [j for j, name in enumerate(models) if name in scores]
        ranks = _ranks([truth, *(scores[models[j]] for j in columns)])
        values[i, columns] = _weighted(ranks, np.ones((1, len(truth))))[0]
        start = 0
        for weights in _draws(len(truth), resamples, rng):
            batch = _weighted(ranks, weights)
            resampled[i, columns, start : start + len(weights)] = batch.T
            start += len(weights)
    return Correlations(tuple(scored), models, values, resampled, frozenset(inverted))


def _ranks(columns: list[Reals]) -> Reals:
    from scipy.stats import rankdata

    ranks = np.stack([rankdata(column) for column in columns], axis=1)
    return np.asarray((ranks - ranks.mean(axis=0)) / len(ranks))


def _draws(rows: int, resamples: int, rng: np.random.Generator) -> Iterator[Reals]:
    for start in range(0, resamples, _BATCH):
        count = min(_BATCH, resamples - start)
        yield rng.multinomial(rows, np.full(rows, 1.0 / rows), size=count).astype(np.float64)


def _weighted(ranks: Reals, weights: Reals) -> Reals:
    """Correlation of the first column with the others, shape (draws, columns - 1); 0 if flat."""
    total = weights.sum(axis=1, keepdims=True)
    mean = weights @ ranks / total
    square = weights @ ranks**2 / total - mean**2
    cross = weights @ (ranks[:, :1] * ranks[:, 1:]) / total - mean[:, :1] * mean[:, 1:]
    scale = np.sqrt(np.maximum(square[:, :1] * square[:, 1:], 0.0))
    return np.asarray(np.where(scale > 1e-12, cross / np.maximum(scale, 1e-12), 0.0))
