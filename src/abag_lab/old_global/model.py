"""The global model: absolute pKd of an antibody-antigen pair, known antigens or new ones.

Two parts, joined by how well the antigen is known. A kernel ridge on k-mers remembers the training
pairs, and is of no use for a new antigen. A forest on germline distance, loops and composition of
the antibody predicts any antibody, but less well; the antigen is not among its features, because
traits of antigens did not carry over to new ones.
With a the k-mer cosine to the nearest training antigen and

    known = clip((a - cosine_new) / (cosine_known - cosine_new), 0, 1)

the prediction is forest + known * recall_share * (recall - forest). The spread is fitted to
the errors that the model makes on antigen families and antibodies that are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from abag.antibody.germlines import Germlines
from abag.data.tables import Pairs
from abag.model.array_model import ArrayModel, Arrays
from abag.model.cross_validation import Fold, cross_validate
from abag.model.protocol import Answer, Settings
from abag.model.training_set import TrainingSet
from abag_lab.old_global.features import antibody_features
from abag_lab.old_global.forest import Forest
from abag_lab.old_global.grouping import antibodies, antigen_families, folds_of
from abag_lab.old_global.kernel import PairKernel, Remembered

Reals = NDArray[np.float64]


_LEAST_VARIANCE: Final = 0.04
"""An assay repeated in one laboratory is off by 0.2 pKd or more."""


class GlobalSettings(Settings):
    """Settings of both parts and of how they are joined."""

    ridge: float = Field(0.1, gt=0.0, description="Ridge of the k-mer kernel.")
    trees: int = Field(300, ge=1, description="Trees of the forest.")
    leaf: int = Field(3, ge=1, description="Fewest pairs of a leaf.")
    feature_share: float = Field(0.1, gt=0.0, le=1.0, description="Features tried at a split.")
    family_power: float = Field(
        0.5, ge=0.0, le=1.0, description="A pair of a family of n antigens weighs n^-power."
    )
    cosine_new: float = Field(0.5, ge=0.0, le=1.0, description="Antigens up to it are new.")
    cosine_known: float = Field(0.9, ge=0.0, le=1.0, description="Antigens from it are known.")
    recall_share: float = Field(
        0.5, ge=0.0, le=1.0, description="Share of the kernel where the antigen is known."
    )
    folds: int = Field(3, ge=2, description="Folds on which the spread is measured.")
    max_rows: int = Field(6_000, ge=1, description="More training rows are sampled to this many.")


@dataclass(frozen=True)
class _Pairs:
    """Distinct training pairs: mean target, copies, weight in the forest, features."""

    frame: Pairs
    target: Reals
    copies: Reals
    weights: Reals
    features: Reals

    def take(self, rows: NDArray[np.bool_]) -> _Pairs:
        return _Pairs(
            self.frame.filter(pl.Series(rows)),
            self.target[rows],
            self.copies[rows],
            self.weights[rows],
            self.features[rows],
        )


@dataclass(frozen=True)
class _FittedParts:
    """Both parts, fitted."""

    kernel: PairKernel
    forest: Forest


class GlobalModel(ArrayModel[GlobalSettings]):
    """Predicts pKd, and how far off it may be."""

    name = "global"
    settings_type: ClassVar[type[Settings]] = GlobalSettings
    _germlines: Germlines
    _parts: _FittedParts
    _spread: Reals
    """Variance for each column of :func:`_spread_columns`."""

    def _choose(self, rows: TrainingSet) -> TrainingSet:
        return rows.sample(self.settings.max_rows, self.settings.seed)

    def _learn(self, rows: TrainingSet) -> None:
        self._germlines = Germlines.of_anarci()
        frame, target, copies = _distinct_pairs(rows)
        families = antigen_families(frame["antigen"].to_list(), self.settings.cosine_new)
        sizes = np.bincount(families)[families].astype(np.float64)
        weights = sizes**-self.settings.family_power
        features = antibody_features(frame, self._germlines)
        pairs = _Pairs(frame, target, copies, weights, features)
        self._spread = self._measured_spread(pairs, families)
        self._parts = self._fit(pairs, self.settings.trees)

    def _fit(self, pairs: _Pairs, trees: int) -> _FittedParts:
        settings = self.settings
        kernel = PairKernel.fit(pairs.frame, pairs.target, settings.ridge / pairs.copies)
        forest = Forest.grow(
            pairs.features,
            pairs.target,
            pairs.weights,
            trees=trees,
            leaf=settings.leaf,
            share=settings.feature_share,
            seed=settings.seed,
        )
        return _FittedParts(kernel, forest)

    def _measured_spread(self, pairs: _Pairs, families: NDArray[np.int64]) -> Reals:
        """Fit squared errors on left-out antigen families, and on left-out antibodies."""
        from scipy.optimize import nnls

        # Fewer trees: the error of a forest hardly depends on them, the time does.
        trees = max(self.settings.trees // 5, 1)
        folds = []
        for groups in (families, antibodies(pairs.frame)):
            fold_of_row = folds_of(groups, self.settings.folds, self.settings.seed)
            in_test = [fold_of_row == fold for fold in np.unique(fold_of_row)]
            folds += [
                Fold(str(number), pairs.take(~rows), pairs.take(rows))
                for number, rows in enumerate(in_test)
                if not rows.all()
            ]

        def learn(train: _Pairs) -> Callable[[Fold[_Pairs]], tuple[Reals, Reals]]:
            parts = self._fit(train, trees)
            return lambda fold: self._column_and_square(parts, fold.test)

        answers = [
            answer[""] for _, answer in cross_validate(folds, {"": learn}, "spread of errors")
        ]
        if not answers:
            return np.full(4, max(float(pairs.target.var()), 1e-6))
        spread, _ = nnls(*map(np.concatenate, zip(*answers, strict=True)))
        return np.asarray(spread)

    def _column_and_square(self, parts: _FittedParts, pairs: _Pairs) -> tuple[Reals, Reals]:
        """Columns of the variance of rows, and their squared errors."""
        value, column, _ = self._joined(parts, pairs.frame, pairs.features)
        return column, (value - pairs.target) ** 2

    def _joined(
        self, parts: _FittedParts, frame: Pairs, features: Reals
    ) -> tuple[Reals, Reals, Remembered]:
        """Prediction, columns of its variance, and the answer of the kernel."""
        settings = self.settings
        recall = parts.kernel.recall(frame)
        forest, trees_sd = parts.forest.predict(features)
        width = max(settings.cosine_known - settings.cosine_new, 1e-9)
        known = ((recall.antigen - settings.cosine_new) / width).clip(0.0, 1.0)
        value = forest + known * settings.recall_share * (recall.value - forest)
        return value, _spread_columns(known, recall, trees_sd), recall

    def _values(self, table: Pairs) -> Reals:
        return self.answer(table).value

    def answer(self, table: Pairs | pl.DataFrame) -> Answer:
        """Predictions, standard deviations, and how near the training pairs come."""
        table = self._checked_rows(table)
        if table.is_empty():
            return Answer.of(np.zeros(0))
        features = antibody_features(table, self._germlines)
        value, columns, recall = self._joined(self._parts, table, features)
        variance = np.multiply(columns, self._spread).sum(axis=1)
        spread = np.sqrt(np.maximum(variance, _LEAST_VARIANCE))
        return Answer(value, spread, recall.pair, recall.antibody, recall.antigen)

    def _arrays(self) -> Arrays:
        return {
            **self._parts.kernel.arrays(),
            **self._parts.forest.arrays("forest"),
            **self._germlines.arrays(),
            "spread": self._spread,
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._parts = _FittedParts(
            PairKernel.from_arrays(arrays), Forest.from_arrays("forest", arrays)
        )
        self._germlines = Germlines.from_arrays(arrays)
        self._spread = arrays["spread"]


def _spread_columns(known: Reals, recall: Remembered, trees_sd: Reals) -> Reals:
    """New antigen; known antigen and how far the nearest pair is; spread of the trees."""
    far = known * (1.0 - recall.pair)
    return np.stack([1.0 - known, known, far, trees_sd**2], axis=1)


def _distinct_pairs(rows: TrainingSet) -> tuple[Pairs, Reals, Reals]:
    """Distinct pairs in order of appearance, mean target and number of copies of each."""
    merged = (
        rows.pairs.select("heavy", pl.col("light").fill_null(""), pl.col("antigen"))
        .with_columns(key=pl.col("antigen").list.join("/").fill_null(""), target=rows.target)
        .group_by("heavy", "light", "key", maintain_order=True)
        .agg(pl.col("antigen").first(), pl.col("target").mean(), pl.len().alias("copies"))
    )
    frame = merged.select("heavy", pl.col("light").replace("", None), pl.col("antigen"))
    return Pairs(frame), merged["target"].to_numpy(), merged["copies"].to_numpy().astype(np.float64)
