"""Predictions for rows that the model has not seen: fold by fold, or of a saved model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Measurements
from abag.errors import ModelError, OptionError, SplitError
from abag.evaluation.controls import ModelFactory, with_other_antigens
from abag.evaluation.scores.risk_coverage import fold_familiarity, joined
from abag.model.protocol import AffinityModel, sound_answer
from abag.progress import task
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
        given = [one for one in (self.build, self.fitted, self.predicted) if one is not None]
        if len(given) != 1:
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
    known: Familiarity | None = None
    """How near the training rows of its fold come to each row, for ``pkd``."""


def predict_held_out(
    candidates: Sequence[Candidate], table: Measurements, split: SplitLike, target: str = "pkd"
) -> HeldOut:
    """Fit each candidate on the training rows of each fold and predict its test rows.

    Raises:
        OptionError: two candidates share a name.
        SplitError: no test rows, or one row is tested twice.
        ModelError: a model predicts another target, or values that are not finite.
    """
    names = [candidate.name for candidate in candidates]
    if len(set(names)) < len(names):
        raise OptionError(f"two models share a name: {', '.join(sorted(names))}")
    folds = [fold for fold in split.fold_tables(table) if len(fold[2])]
    if not folds:
        raise SplitError("the split has no test rows in this table; nothing can be evaluated")
    rows = pl.concat([test.frame for _, _, test in folds])
    if rows["record_id"].n_unique() != rows.height:
        raise SplitError("the split tests a row in more than one fold; each row counts once")
    tested = Measurements(rows)
    parts: dict[str, list[Array]] = {name: [] for name in names}
    scales: dict[str, list[Array]] = {name: [] for name in names}
    exchanged: dict[str, list[Array]] = {}
    known = []
    with task("fitting", total=len(folds) * len(candidates)) as bar:
        for fold, train, test in folds:
            for candidate in candidates:
                bar.describe(f"{candidate.name}, {fold}")
                predicted, scale, other = _values(candidate, train, test, target)
                parts[candidate.name].append(predicted)
                scales[candidate.name].append(scale)
                if not candidate.baseline:
                    values = predicted * np.nan if other is None else other
                    exchanged.setdefault(candidate.name, []).append(values)
                bar.advance()
            known.append(fold_familiarity(train, test, target) if target == "pkd" else None)
    return HeldOut(
        table=tested,
        folds=tuple(name for name, _, test in folds for _ in range(test.height)),
        train_rows={name: train.height for name, train, _ in folds},
        predictions={name: np.concatenate(values) for name, values in parts.items()},
        scales={name: np.concatenate(values) for name, values in scales.items()},
        exchanged={name: np.concatenate(values) for name, values in exchanged.items()},
        known=joined(known),
    )


def _fitted(candidate: Candidate, train: Measurements, target: str) -> AffinityModel:
    """The candidate's model, fitted on a fold's training rows unless it was before."""
    model = candidate.build() if candidate.build is not None else candidate.fitted
    if model is None:
        raise ValueError(f"{candidate.name} has no model")
    if model.target != target:
        raise ModelError(
            f"{candidate.name} predicts {model.target}, not {target}; evaluate it with that target"
        )
    return model if candidate.build is None else model.fit(train)


def _values(
    candidate: Candidate, train: Measurements, test: Measurements, target: str
) -> tuple[Array, Array, Array | None]:
    """Predictions of a fold, their spread, and predictions with the antigens exchanged."""
    if candidate.predicted is not None:
        known = candidate.predicted
        made = np.array([known[record] for record in test.frame["record_id"]])
        return made, np.ones(test.height), None
    model = _fitted(candidate, train, target)
    answer = sound_answer(model, test.frame)
    other = None if candidate.baseline else with_other_antigens(test)
    return answer.value, answer.spread, None if other is None else model.predict(other.frame)
