"""What models share that keep their state in arrays: rows, checks of inputs, saving, loading."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Pairs, rows_to_predict
from abag.errors import ModelError, OptionError, counted
from abag.model import artefact
from abag.model.protocol import PlainModel, Settings, parse_settings
from abag.model.training_set import TrainingDomain, TrainingSet, TrainingSummary

S = TypeVar("S", bound=Settings)
Arrays = dict[str, NDArray[Any]]

_ANEW = "it was made by another abag: learn it anew from its rows (`abag adapt` or `abag fit`)"


class ArrayModel(PlainModel, Generic[S]):
    """An :class:`~abag.model.protocol.AffinityModel` that keeps its state in named arrays.

    A subclass gives ``_learn``, ``_values``, ``_arrays`` and ``_restore``; everything about
    rows, files and checks is here.
    """

    name: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]] = ("heavy", "light", "antigen")
    settings_type: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: S | None = None, **values: Any) -> None:
        """Take settings as one object, or as keywords (``KmerRidge(ridge=0.1)``)."""
        if settings is None:
            settings = parse_settings(self.settings_type, values, self.name)  # type: ignore[assignment]
        self.settings: S = settings  # type: ignore[assignment]
        self._fitted: tuple[TrainingDomain, TrainingSummary] | None = None

    @property
    def target(self) -> str:
        """The column that the model predicts."""
        return self.settings.target

    @property
    def domain(self) -> TrainingDomain:
        """The antibodies and antigens that the model was fitted on."""
        return self._require_fitted()[0]

    @property
    def training(self) -> TrainingSummary:
        """How many rows the model was fitted on, and which."""
        return self._require_fitted()[1]

    def fit(self, table: Pairs | pl.DataFrame, origin: Mapping[str, str] | None = None) -> Self:
        """Learn from the rows whose target is exact; censored rows are counted and left out.

        ``origin`` (checksums of table and split) is kept in the training summary.

        Raises:
            SchemaError: a column is missing.
            ModelError: no row has an exact target, or the rows do not suit the model.
        """
        rows = TrainingSet.of(table, self.target)
        rows = self._choose(rows)
        self._learn(rows)
        self._fitted = (TrainingDomain.of(rows.pairs), rows.summary(dict(origin or {})))
        self._model_id = None
        return self

    def predict(self, table: Pairs | pl.DataFrame) -> NDArray[np.float64]:
        """Predicted target of each row, shape (rows,), finite, in the table's order."""
        rows = self._checked_rows(table)
        return np.zeros(0) if rows.is_empty() else self._values(rows)

    def refusals(self, table: Pairs | pl.DataFrame) -> list[str | None]:
        """For each row, why this model cannot predict it, or None; most models refuse nothing."""
        return self._refusals(self._checked_rows(table))

    def row_flags(self, table: Pairs | pl.DataFrame) -> dict[str, NDArray[np.bool_]]:
        """Warnings of this kind of model: name of the flag, and the rows that it concerns."""
        self._checked_rows(table)
        return {}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote; raises ModelError on a changed or foreign file."""
        saved = artefact.read(folder)
        if saved.name != cls.name:
            raise ModelError(f"{folder} holds a model {saved.name!r}, not {cls.name!r}")
        try:
            model = cls(**saved.settings)
        except OptionError as error:
            raise ModelError(
                f"{folder} has settings that this abag does not take: {error}"
            ) from None
        if missing := sorted(set(type(model.settings).model_fields) - set(saved.settings)):
            raise ModelError(
                f"{folder} lacks the settings {', '.join(missing)} of {cls.name}; {_ANEW}"
            )
        try:
            model._fitted = (
                TrainingDomain.from_arrays(saved.arrays),
                TrainingSummary.from_json(saved.training),
            )
            model._restore(saved.arrays)
        except KeyError as error:
            raise ModelError(f"{folder} lacks the array {error} of {cls.name}; {_ANEW}") from None
        except (ValueError, TypeError, IndexError) as error:
            raise ModelError(f"{folder} is no whole {cls.name} of this abag ({error})") from None
        model._model_id = saved.model_id
        return model

    def _artefact(self) -> artefact.Artefact:
        arrays: Arrays = {**self.domain.arrays(), **self._arrays()}
        settings = self.settings.model_dump(mode="json")
        return artefact.Artefact(self.name, settings, self.training.as_json(), arrays)

    def _require_fitted(self) -> tuple[TrainingDomain, TrainingSummary]:
        if self._fitted is None:
            raise ModelError(f"this {self.name} model is not fitted; call fit() or load() first")
        return self._fitted

    def _checked_rows(self, table: Pairs | pl.DataFrame) -> Pairs:
        """Rows for a fitted model to predict; a user's bare frame is checked here."""
        self._require_fitted()
        return rows_to_predict(table, self.inputs)

    def _refusals(self, rows: Pairs) -> list[str | None]:
        """:meth:`refusals` of rows that were checked."""
        return [None] * rows.height

    def _require_predictable(self, rows: Pairs) -> None:
        """Raise ModelError that names the first row which this model refuses."""
        refused = [(i, reason) for i, reason in enumerate(self._refusals(rows)) if reason]
        if refused:
            index, reason = refused[0]
            name = rows["record_id"][index] if "record_id" in rows.columns else index
            raise ModelError(
                f"{self.name} cannot predict {counted(len(refused), 'row')}; row {name}: {reason}"
            )

    def _choose(self, rows: TrainingSet) -> TrainingSet:
        """Rows to learn from: all, unless a model must draw a sample."""
        return rows

    @abstractmethod
    def _learn(self, rows: TrainingSet) -> None:
        """Set the state of the model from exact rows."""

    @abstractmethod
    def _values(self, table: Pairs) -> NDArray[np.float64]:
        """Predict at least one row."""

    @abstractmethod
    def _arrays(self) -> Arrays:
        """State as named arrays."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of :meth:`_arrays`."""
