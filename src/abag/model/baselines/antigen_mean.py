"""The mean target of each antigen, drawn towards the mean of all.

With n training rows of an antigen, mean m and global mean g the prediction is
(n m + s g) / (n + s): the posterior mean of a normal model whose within-antigen variance is s
times its between-antigen variance. An unknown antigen, or none, gets g.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from abag.data.tables import Pairs
from abag.model.array_model import ArrayModel, Arrays
from abag.model.protocol import Settings
from abag.model.training_set import TrainingSet, hashes


class AntigenMeanSettings(Settings):
    """How strongly an antigen with few rows is drawn towards the global mean."""

    shrinkage: float = Field(
        1.0, ge=0.0, description="Rows' worth of the global mean that every antigen gets."
    )


class AntigenMean(ArrayModel[AntigenMeanSettings]):
    """Knows antigens and no antibodies: beats the mean wherever antigens differ in level."""

    name = "antigen-mean"
    inputs = ("antigen",)
    settings_type = AntigenMeanSettings
    _global: float
    _antigens: NDArray[np.uint64]
    _means: NDArray[np.float64]

    def _learn(self, rows: TrainingSet) -> None:
        self._global = float(rows.target.mean())
        keys = rows.pairs.antigen_keys
        present = (keys != "").to_numpy()
        self._antigens, owner = np.unique(hashes(keys.filter(keys != "")), return_inverse=True)
        n = np.bincount(owner, minlength=len(self._antigens))
        sums = np.bincount(owner, rows.target[present], minlength=len(self._antigens))
        s = self.settings.shrinkage
        self._means = (sums + s * self._global) / (n + s)

    def _values(self, table: Pairs) -> NDArray[np.float64]:
        keys = hashes(table.antigen_keys)
        if not len(self._antigens):
            return np.full(table.height, self._global)
        index = np.searchsorted(self._antigens, keys).clip(max=len(self._antigens) - 1)
        return np.where(self._antigens[index] == keys, self._means[index], self._global)

    def _arrays(self) -> Arrays:
        return {
            "global": np.array([self._global]),
            "antigens": self._antigens,
            "means": self._means,
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._global = float(arrays["global"][0])
        self._antigens = arrays["antigens"]
        self._means = arrays["means"]
