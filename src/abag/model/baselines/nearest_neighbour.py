"""The target of the most similar training pair, or the mean of the k most similar.

Similarity of two pairs is the weighted mean of the k-mer cosines of heavy chain, light chain and
antigen. A light chain that only one of the two has counts as cosine 0; where neither has one, as
cosine 1. Equally similar pairs at the edge all count, so the order of the training rows does not
matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from abag.data.tables import Pairs
from abag.model.array_model import ArrayModel, Arrays
from abag.model.pair_similarity import Cosines, PairSimilarity
from abag.model.protocol import Answer, Settings
from abag.model.training_set import TrainingSet

_TIE: Final = 1e-9


class NearestNeighbourSettings(Settings):
    """What similar means, and how many neighbours vote."""

    neighbours: int = Field(1, ge=1, description="Number of neighbours whose targets are averaged.")
    heavy_weight: float = Field(0.35, gt=0.0, description="Weight of the heavy chain's cosine.")
    light_weight: float = Field(0.15, ge=0.0, description="Weight of the light chain's cosine.")
    antigen_weight: float = Field(0.5, ge=0.0, description="Weight of the antigen's cosine.")
    heavy_residues: int = Field(130, ge=1, description="Residues of the heavy chain that count.")
    light_residues: int = Field(120, ge=1, description="Residues of the light chain that count.")
    max_rows: int = Field(20_000, ge=1, description="More training rows are sampled to this many.")


class NearestNeighbour(ArrayModel[NearestNeighbourSettings]):
    """Pure memory: where it does well, a split measures memory."""

    name = "nearest-neighbour"
    settings_type = NearestNeighbourSettings
    _pairs: PairSimilarity
    _target: NDArray[np.float64]

    def _choose(self, rows: TrainingSet) -> TrainingSet:
        return rows.sample(self.settings.max_rows, self.settings.seed)

    def _learn(self, rows: TrainingSet) -> None:
        settings = self.settings
        self._pairs = PairSimilarity.of(
            rows.pairs, settings.heavy_residues, settings.light_residues
        )
        self._target = rows.target

    def _values(self, table: Pairs) -> NDArray[np.float64]:
        return self.answer(table).value

    def answer(self, table: Pairs | pl.DataFrame) -> Answer:
        """Predictions, and similarity to the nearest training pair."""
        table = self._checked_rows(table)
        if table.is_empty():
            return Answer.of(np.zeros(0))
        votes = self._pairs.in_chunks(table, self._vote)
        return Answer.of(votes[:, 0], votes[:, 1])

    def _similarity(self, cosines: Cosines) -> NDArray[np.float64]:
        weights = self.settings
        neither = ~cosines.has_light[:, None] & ~self._pairs.light.present[None, :]
        weighted = (
            weights.heavy_weight * cosines.heavy
            + weights.light_weight * np.where(neither, 1.0, cosines.light)
            + weights.antigen_weight * cosines.antigen
        )
        return weighted / (weights.heavy_weight + weights.light_weight + weights.antigen_weight)

    def _vote(self, cosines: Cosines) -> NDArray[np.float64]:
        similarity = self._similarity(cosines)
        k = min(self.settings.neighbours, similarity.shape[1])
        edge = np.partition(similarity, -k, axis=1)[:, -k]
        votes = similarity >= edge[:, None] - _TIE
        means = np.multiply(votes, self._target, order="C").sum(axis=1) / votes.sum(axis=1)
        return np.stack([means, similarity.max(axis=1)], axis=1)

    def _arrays(self) -> Arrays:
        return {**self._pairs.arrays(), "target": self._target}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        settings = self.settings
        self._pairs = PairSimilarity.from_arrays(
            arrays, settings.heavy_residues, settings.light_residues
        )
        self._target = arrays["target"]
