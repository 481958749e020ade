"""In which order rows are shown: batches as a pure function of (seed, epoch).

So the only state of the loader is (epoch, step in the epoch), and a run that was stopped anywhere
goes on with the batch that it would have seen. A step is ``accumulate`` batches; of those, process
r of w computes batches r, r + w, ... (:meth:`BatchPlan.share_of`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.errors import OptionError
from abag.training.engine.rows import TrainingTable
from abag.training.recipe import BatchConfig, SamplerConfig

Rows = NDArray[np.intp]
Step = tuple[Rows, ...]
"""Batches whose gradients make one step."""

POOL: Final = 50
"""length-buckets: rows are sorted by length inside pools of so many batches."""
RUN: Final = 8
"""assay-balanced: rows of one assay that stand together, so that a batch has pairs to rank."""


@dataclass(frozen=True)
class BatchPlan:
    """The order of every epoch. ``rows`` index the table; the other arrays belong to ``rows``."""

    sampler: SamplerConfig
    batch: BatchConfig
    seed: int
    rows: Rows
    residues: NDArray[np.int64]
    """Length of a row's molecules, for length buckets."""
    values: NDArray[np.float64]
    """pKd, or the middle or end of its bounds where it is censored; for bins."""
    assays: NDArray[np.int64]
    """Assay of each row, for assay-balanced."""

    @classmethod
    def of(
        cls,
        rows: TrainingTable,
        residues: NDArray[np.int64],
        sampler: SamplerConfig,
        batch: BatchConfig,
        seed: int,
    ) -> Self:
        """The plan of the training rows; ``residues`` is given for each row of the table."""
        labels = rows.labels.take(rows.train)
        low = np.where(np.isfinite(labels.lower), labels.lower, labels.upper)
        high = np.where(np.isfinite(labels.upper), labels.upper, labels.lower)
        names = rows.table["assay"].to_list()
        code = {name: number for number, name in enumerate(sorted(set(names)))}
        assays = np.array([code[names[row]] for row in rows.train], dtype=np.int64)
        return cls(sampler, batch, seed, rows.train, residues[rows.train], (low + high) / 2, assays)

    @property
    def batches_per_epoch(self) -> int:
        """Batches of an epoch; the last one may be smaller, or have one row more."""
        return len(self._cuts)

    @cached_property
    def _cuts(self) -> list[tuple[int, int]]:
        """Ends of the batches in the order; one row left over joins the batch before it.

        A batch of one row has no spread to normalise, no pair to rank.
        """
        rows, size = len(self.rows), self.batch.size
        starts = list(range(0, rows, size))
        if len(starts) > 1 and rows - starts[-1] == 1 < size:
            starts.pop()
        return list(zip(starts, [*starts[1:], rows], strict=True))

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch; the last one may have fewer batches."""
        return -(-self.batches_per_epoch // self.batch.accumulate)

    def place(self, step: int) -> tuple[int, int]:
        """Epoch and step inside it of a step counted from the start; both from 0."""
        return divmod(step, self.steps_per_epoch)

    def epoch(self, epoch: int) -> list[Step]:
        """The steps of an epoch (from 0)."""
        # A generator of its own for each epoch: epoch 7 is the same whether or not the six before
        # it were planned in this process.
        rng = np.random.default_rng([self.seed, epoch])
        order = getattr(self, f"_{self.sampler.kind.replace('-', '_')}")(rng)
        count = self.batch.accumulate
        batches = [self.rows[order[at:end]] for at, end in self._cuts]
        if self.sampler.kind == "length-buckets":
            batches = _shuffled(batches, rng)
        return [tuple(batches[at : at + count]) for at in range(0, len(batches), count)]

    def step(self, number: int) -> Step:
        """The batches of a step counted from the start."""
        epoch, step_in_epoch = self.place(number)
        if epoch not in self._steps_of_epoch:
            self._steps_of_epoch.clear()
            self._steps_of_epoch[epoch] = self.epoch(epoch)
        return self._steps_of_epoch[epoch][step_in_epoch]

    @cached_property
    def _steps_of_epoch(self) -> dict[int, list[Step]]:
        """The steps of the last epoch that was planned."""
        return {}

    @staticmethod
    def share_of(step: Step, rank: int, world: int) -> list[tuple[int, Rows]]:
        """The batches of a step that one process computes, with their place in the step."""
        return list(enumerate(step))[rank::world]

    def require_world(self, world: int) -> None:
        """Raise :class:`OptionError` unless processes can share a step evenly."""
        if self.batch.accumulate % world:
            size, count = self.batch.size, self.batch.accumulate
            mend = f"batch.accumulate={count * world} with batch.size={max(1, size // world)}"
            raise OptionError(
                f"a step of {count} batches cannot be shared by {world} processes; --set {mend} "
                "keeps about as many rows a step"
            )

    def _shuffle(self, rng: np.random.Generator) -> Rows:
        return rng.permutation(len(self.rows))

    def _length_buckets(self, rng: np.random.Generator) -> Rows:
        """A shuffle, sorted by length inside pools: batches of like lengths, new ones each time."""
        order, pool = rng.permutation(len(self.rows)), POOL * self.batch.size
        parts = [order[at : at + pool] for at in range(0, len(order), pool)]
        return np.concatenate([part[np.argsort(self.residues[part], kind="stable")]
                               for part in parts])  # fmt: skip

    def _pkd_bins(self, rng: np.random.Generator) -> Rows:
        """Draws with replacement: each bin of equal width equally often, each row in it."""
        return rng.choice(len(self.rows), len(self.rows), p=self._bin_chances)

    @cached_property
    def _bin_chances(self) -> NDArray[np.float64]:
        edges = np.linspace(self.values.min(), self.values.max(), self.sampler.bins + 1)
        bins = np.clip(np.searchsorted(edges, self.values, side="right") - 1, 0, len(edges) - 2)
        counts = np.bincount(bins, minlength=len(edges) - 1)
        chances: NDArray[np.float64] = 1.0 / counts[bins]
        chances /= chances.sum()
        return chances

    def _assay_balanced(self, rng: np.random.Generator) -> Rows:
        """Runs of rows of one assay; every assay comes equally often, its rows in turn."""
        queues = [rng.permutation(np.flatnonzero(self.assays == a)) for a in np.unique(self.assays)]
        positions = [0] * len(queues)
        order: list[Rows] = []
        missing = len(self.rows)
        while missing > 0:
            for assay in rng.permutation(len(queues)):
                queue, start = queues[assay], positions[assay]
                run = queue[(start + np.arange(min(RUN, len(queue)))) % len(queue)]
                positions[assay] = start + len(run)
                order.append(run)
                missing -= len(run)
        return np.concatenate(order)[: len(self.rows)]


def _shuffled(batches: list[Rows], rng: np.random.Generator) -> list[Rows]:
    """Batches in a new order; the last one, which may be of another size, stays last."""
    return [*(batches[number] for number in rng.permutation(len(batches) - 1)), batches[-1]]
