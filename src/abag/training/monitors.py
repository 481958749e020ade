"""What can go wrong in a run, watched epoch by epoch, and a plain verdict at the end.

The predecessor's v2.6 swung between 18 % and 100 % recall, and its 23,961 test predictions held
nine values, while its loss curves looked well. These monitors look at the predictions themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import pstdev
from typing import Any, Final

from abag.training.recipe import MonitorConfig

WINDOW: Final = 10
"""Last epochs over which the spread of recall is measured."""

SETTLED: Final = 3
"""Epochs in which a network may still predict one value for all: it starts there."""


@dataclass(frozen=True, slots=True)
class Status:
    """The verdict on a run."""

    status: str
    """``stable`` or ``unstable``."""
    reasons: tuple[str, ...]
    recall_sd: float | None
    """Standard deviation of the recall of strong binders over the last epochs."""
    largest_recall_jump: float | None
    """Largest change of that recall from one epoch to the next, over the whole run."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "reasons": list(self.reasons)}


@dataclass
class Monitor:
    """Warns as it happens, once for each fault until it has passed, and remembers.

    An epoch's row has ``epoch`` (from 1), ``train_loss``, ``val_loss``, ``prediction_sd``,
    ``label_sd`` (validation part), ``distinct_share`` and ``recall_strong``; a figure that is
    absent or None is not judged.
    """

    config: MonitorConfig
    rows: list[dict[str, Any]] = field(default_factory=list)
    active: list[str] = field(default_factory=list)

    def epoch(self, row: Mapping[str, Any]) -> list[str]:
        """Judge an epoch; returns sentences for the faults that are new."""
        self.rows.append({key: row.get(key) for key in _KEYS})
        faults = self._faults(self.rows[-1])
        new = [text for kind, text in faults.items() if kind not in self.active]
        self.active = list(faults)
        return [f"epoch {row.get('epoch')}: {text}" for text in new]

    def verdict(self, kept_epoch: int | None = None) -> Status:
        """The verdict on the run, from the kept epoch (the last one by default) and the recalls."""
        if not self.rows:
            return Status("unstable", ("no epoch was finished",), None, None)
        chosen = [row for row in self.rows if row["epoch"] == kept_epoch] or self.rows[-1:]
        faults = self._faults(chosen[0])
        status = "unstable" if faults else "stable"
        return Status(status, tuple(faults.values()), self._recall_sd(), self._recall_jump())

    def _faults(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Sentences by kind of fault: of an epoch, and of the recalls of all of them."""
        judged = {
            "collapse": self._collapse(row),
            "repeats": self._repeats(row),
            "overfit": self._overfit(row),
            "recall": self._recall_fault(),
        }
        return {kind: text for kind, text in judged.items() if text is not None}

    def _collapse(self, row: Mapping[str, Any]) -> str | None:
        spread, labels = row["prediction_sd"], row["label_sd"]
        if spread is None or not labels or (row["epoch"] or 0) <= SETTLED:
            return None
        if spread >= self.config.collapse_sd * labels:
            return None
        return (
            f"predictions have collapsed: their sd is {spread:.3f}, that of the labels "
            f"{labels:.3f} (limit {self.config.collapse_sd:g} of it)"
        )

    def _repeats(self, row: Mapping[str, Any]) -> str | None:
        share = row["distinct_share"]
        if share is None or share >= self.config.distinct_share:
            return None
        return (
            f"different pairs get the same prediction: {share:.1%} of the values that there could "
            f"be are distinct (limit {self.config.distinct_share:.0%}); do the encoders see the "
            "sequences?"
        )

    def _overfit(self, row: Mapping[str, Any]) -> str | None:
        train, val = row["train_loss"], row["val_loss"]
        # A likelihood may be negative, and then a ratio says nothing.
        if train is None or val is None or train <= 0 or val <= self.config.overfit_ratio * train:
            return None
        return (
            f"overfit: the validation loss is {val / train:.1f} times the training loss "
            f"(limit {self.config.overfit_ratio:g})"
        )

    def _recalls(self) -> list[float]:
        return [float(r["recall_strong"]) for r in self.rows if r["recall_strong"] is not None]

    def _recall_sd(self) -> float | None:
        last = self._recalls()[-WINDOW:]
        return pstdev(last) if len(last) > 1 else None

    def _recall_jump(self) -> float | None:
        recalls = self._recalls()
        jumps = [abs(b - a) for a, b in pairwise(recalls)]
        return max(jumps) if jumps else None

    def _recall_fault(self) -> str | None:
        spread = self._recall_sd()
        if spread is None or spread <= self.config.recall_sd or len(self._recalls()) < SETTLED:
            return None
        return (
            f"the recall of strong binders swings: its sd over the last "
            f"{min(WINDOW, len(self._recalls()))} epochs is {spread:.2f} "
            f"(limit {self.config.recall_sd:g})"
        )


_KEYS: Final = (
    "epoch",
    "train_loss",
    "val_loss",
    "prediction_sd",
    "label_sd",
    "distinct_share",
    "recall_strong",
)


def distinct_share(predictions: Mapping[str, float]) -> float:
    """Distinct predictions (to 1e-6) over distinct inputs, from input key to prediction.

    Raises ValueError for no inputs.
    """
    if not predictions:
        raise ValueError("no predictions")
    values = {round(value, 6) for value in predictions.values() if math.isfinite(value)}
    return len(values) / len(predictions)
