"""Predictions for rows that were not trained on: fold by fold, or of a saved model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Measurements
from abag.errors import ModelError, OptionError, SplitError
from abag.evaluation.controls import ModelFactory, with_other_antigens
from abag.evaluation.scores.risk_coverage import fold_familiarity, joined
from abag.model.cross_validation import Fold, cross_validate
from abag.model.protocol import AffinityModel, sound_answer
from abag.uncertainty.domain import Familiarity

Array = NDArray[np.float64]


class SplitLike(Protocol):
    """What evaluation needs of a split (:mod:`abag.data.splits`)."""

    @property
    def digest(self) -> str:
        """SHA-256 of the split: which row is in which part."""

    def fold_tables(self, table: Measurements) -> Iterator[tuple[str, Measurements, Measurements]]:
        """Name, training rows and test rows of each fold."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to evaluate: fitted on each fold, or before, or known by its predictions alone."""

    name: str
    build: ModelFactory | None = None
    """Makes an unfitted model."""
    fitted: AffinityModel | None = None
    predicted: Mapping[str, float] | None = None
    """Predictions by ``record_id`` that were made before."""
    baseline: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Hyper-parameters, for the record."""
    identity: str | None = None
    """Model id of a fitted model."""

    def __post_init__(self) -> None:
        sources = [
            source for source in (self.build, self.fitted, self.predicted) if source is not None
        ]
        if len(sources) != 1:
            raise ValueError(f"{self.name}: give one of build, fitted and predicted")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Test rows of all folds below each other, and what each candidate says about them."""

    table: Measurements
    folds: tuple[str, ...]
    """Fold of each row."""
    train_rows: Mapping[str, int]
    """Training rows of each fold."""
    predictions: Mapping[str, Array]
    """By the name of the candidate; one value a row."""
    scales: Mapping[str, Array] = field(default_factory=dict)
    """Standard deviation that each candidate gives with each row; ones where it gives none."""
    exchanged: Mapping[str, Array] = field(default_factory=dict)
    """What each candidate that is no baseline says with the test antigens exchanged."""
    familiarity: Familiarity | None = None
    """How near the training rows of its fold come to each row, for ``pkd``."""


def predict_held_out(
    candidates: Sequence[Candidate],
    table: Measurements,
    split: SplitLike,
    target: str = "pkd",
    part: str | None = None,
) -> HeldOut:
    """Fit each candidate on the training rows of each fold and predict its test rows.

    Raises:
        OptionError: two candidates share a name.
        SplitError: no test rows, or one row is tested twice.
        ModelError: a model predicts another target, or values that are not finite.
    """
    names = [candidate.name for candidate in candidates]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise OptionError(
            f"two models have the name {', '.join(doubles)}; name each once, or rename a folder"
        )
    folds = [
        Fold(*parts)
        for parts in split.fold_tables(table)
        if len(parts[2]) and part in (None, parts[0])
    ]
    if not folds:
        raise SplitError(
            "the split has no test rows in this table; make one of this table with `abag split`"
        )
    rows = pl.concat([fold.test.frame for fold in folds])
    if rows["record_id"].n_unique() != rows.height:
        raise SplitError(
            "the split tests a row in more than one fold; make it anew with `abag split`"
        )
    learners = {model.name: partial(_learn, model, target) for model in candidates}
    by_fold = [parts for _, parts in cross_validate(folds, learners, "fitting")]
    answers = {
        name: _FoldAnswer(
            *map(np.concatenate, zip(*(parts[name] for parts in by_fold), strict=True))
        )
        for name in names
    }
    familiarities = [
        fold_familiarity(fold.train, fold.test, target) if target == "pkd" else None
        for fold in folds
    ]
    return HeldOut(
        table=Measurements(rows),
        folds=tuple(fold.name for fold in folds for _ in range(fold.test.height)),
        train_rows={fold.name: fold.train.height for fold in folds},
        predictions={name: answer.value for name, answer in answers.items()},
        scales={name: answer.spread for name, answer in answers.items()},
        exchanged={
            model.name: answers[model.name].exchanged for model in candidates if not model.baseline
        },
        familiarity=joined(familiarities),
    )


class _FoldAnswer(NamedTuple):
    """Predictions of a fold's test rows, their spread, and predictions with antigens exchanged.

    The last are NaN for baselines, and where there are too few antigens.
    """

    value: Array
    spread: Array
    exchanged: Array


def _learn(
    candidate: Candidate, target: str, train: Measurements
) -> Callable[[Fold[Measurements]], _FoldAnswer]:
    """A function that predicts a fold: fitted on ``train``, or by stored predictions."""
    if candidate.predicted is not None:
        return partial(_stored_predictions, candidate.predicted)
    model = candidate.build() if candidate.build is not None else candidate.fitted
    if model is None:
        raise ValueError(f"{candidate.name} has no model")
    if model.target != target:
        raise ModelError(
            f"{candidate.name} predicts {model.target}, not {target}; evaluate it with that target"
        )
    fitted = model if candidate.build is None else model.fit(train)
    return partial(_predicted_by_model, fitted, candidate.baseline)


def _stored_predictions(by_record: Mapping[str, float], fold: Fold[Measurements]) -> _FoldAnswer:
    values = np.array([by_record[record] for record in fold.test.frame["record_id"]])
    return _FoldAnswer(values, np.ones(fold.test.height), values * np.nan)


def _predicted_by_model(
    model: AffinityModel, baseline: bool, fold: Fold[Measurements]
) -> _FoldAnswer:
    answer = sound_answer(model, fold.test.frame)
    exchanged_rows = None if baseline else with_other_antigens(fold.test)
    exchanged = (
        answer.value * np.nan if exchanged_rows is None else model.predict(exchanged_rows.frame)
    )
    return _FoldAnswer(answer.value, answer.spread, exchanged)
