"""The mean of the training targets, for every pair: the floor of RMSE and R2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abag.data.tables import Pairs
from abag.model.array_model import ArrayModel, Arrays
from abag.model.protocol import Settings
from abag.model.training_set import TrainingSet


class MeanSettings(Settings):
    """The mean has no settings of its own."""


class Mean(ArrayModel[MeanSettings]):
    """Predicts one number; whatever ranks no better has learnt nothing."""

    name = "mean"
    settings_type = MeanSettings
    _mean: float

    def _learn(self, rows: TrainingSet) -> None:
        self._mean = float(rows.target.mean())

    def _values(self, table: Pairs) -> NDArray[np.float64]:
        return np.full(table.height, self._mean)

    def _arrays(self) -> Arrays:
        return {"mean": np.array([self._mean])}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._mean = float(arrays["mean"][0])
