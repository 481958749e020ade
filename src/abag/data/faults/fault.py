"""Faults: defects of whole columns of labels, reported and never repaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

MAX_EXAMPLES: Final = 5


class FaultKind(StrEnum):
    """The defects that the detectors know."""

    LABEL_SPIKE = "label_spike"
    INVERTED_SIGN = "inverted_sign"
    LOG_OF_LOG = "log_of_log"
    IMPOSSIBLE_RANGE = "impossible_range"
    MIXED_UNITS = "mixed_units"
    REPLICATE_CONFLICT = "replicate_conflict"
    SYMMETRY_COPY = "symmetry_copy"
    COLUMNS_DISAGREE = "columns_disagree"
    SIGN_NOT_JUDGED = "sign_not_judged"


class Severity(StrEnum):
    """How much harm a fault does to a model that is trained on the column as it stands."""

    ERROR = "error"
    """The values do not mean what the column says."""
    WARNING = "warning"
    """Some values are not measurements, or contradict each other."""
    NOTE = "note"
    """Harmless once it is known."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One defect of one assay (or group) of a table."""

    kind: FaultKind
    assay: str
    severity: Severity
    rows: int
    """Number of rows concerned."""
    share: float
    """``rows`` divided by the rows of the assay that were looked at."""
    message: str
    """What is wrong and what to do, in plain words."""
    evidence: Mapping[str, float | int | str] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    """Up to five ``record_id`` values (row numbers where the labels came without ids)."""

    @classmethod
    def of_rows(
        cls,
        kind: FaultKind,
        severity: Severity,
        assay: str,
        ids: Sequence[str] | NDArray[np.str_],
        total: int,
        message: str,
        evidence: Mapping[str, float | int | str],
    ) -> Self:
        """A fault of the rows ``ids`` of an assay of which ``total`` rows were looked at."""
        share = len(ids) / total
        return cls(kind, assay, severity, len(ids), share, message, evidence, examples(ids))

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "examples": list(self.examples), "evidence": dict(self.evidence)}


def examples(record_ids: Sequence[str] | NDArray[np.str_]) -> tuple[str, ...]:
    """The first few ids."""
    return tuple(str(name) for name in record_ids[:MAX_EXAMPLES])
