"""What a run trains on: rows, targets, embeddings, and the order of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from abag.model.network.inputs import AT_ONCE, PairBatch, PairFeatures, PairParts
from abag.training.engine.accumulation import usable_rows
from abag.training.engine.losses import Targets
from abag.training.engine.plan import BatchPlan, Rows
from abag.training.engine.rows import TrainingTable
from abag.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingData:
    """Rows, targets, embeddings and order of a run."""

    recipe: Recipe
    rows: TrainingTable
    features: PairFeatures
    plan: BatchPlan

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Which rows each term of the loss can use: [terms, rows of the table]."""
        return usable_rows(self.rows, self.recipe)

    def batch(self, rows: Rows, device: torch.device) -> PairBatch | PairParts:
        """The pairs of some rows on a device; in parts where padding costs more than calls."""
        # A GPU waits for calls, not for padding.
        gather = self.features.parts if device.type == "cpu" else self.features.batch
        return gather(rows.tolist(), self.rows.assay[rows].tolist()).to(device)

    def joined(self, step: Sequence[tuple[int, Rows]]) -> list[list[tuple[int, Rows]]]:
        """Batches of a step in groups that are computed together.

        Batches of pooled molecules are small beside the weights that each would read again.
        Nothing else changes: batch normalisation needs each batch alone.
        """
        if self.recipe.network.head.normalisation == "batch":
            return [[batch_of_step] for batch_of_step in step]
        groups: list[list[tuple[int, Rows]]] = []
        room = 0
        for number, batch in step:
            pooled = bool((self.features.lengths[batch] == 1).all())
            if not pooled or len(batch) > room:
                groups.append([])
                room = AT_ONCE // 2 if pooled else 0
            groups[-1].append((number, batch))
            room -= len(batch)
        return groups

    def targets_of(self, rows: Rows, device: torch.device) -> Targets:
        """Targets of some rows on a device."""
        return self._targets.take(rows).to(device)

    @cached_property
    def _targets(self) -> Targets:
        return Targets.of(self.rows.labels, self.rows.assay)
