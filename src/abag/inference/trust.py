"""How far to trust each prediction: its interval, the verdict and the error of that verdict."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.model.protocol import Answer
from abag.uncertainty.calibration import Calibration
from abag.uncertainty.domain import Familiarity

Reals = NDArray[np.float64]

TRUST_COLUMNS: Final = (
    "pkd_lower",
    "pkd_upper",
    "domain",
    "antibody_identity",
    "antigen_identity",
    "group_rmse",
    "group_within_one",
    "group_rows",
)


def trust_columns(
    calibration: Calibration | None, known: Familiarity | None, level: float, answer: Answer
) -> dict[str, list[Any]]:
    """Columns :data:`TRUST_COLUMNS` of answered pairs; empty for a model without calibration.

    The ends of an interval are None where too few rows were held out to give one.
    """
    if calibration is None or known is None:
        return {}
    verdicts = known.verdicts
    reaches = calibration.reaches(known, answer.spread, level)
    figures = [calibration.figures.get(verdict) for verdict in verdicts]
    return {
        "pkd_lower": _finite(answer.value - reaches.below),
        "pkd_upper": _finite(answer.value + reaches.above),
        "domain": [verdict.value for verdict in verdicts],
        "antibody_identity": known.antibody.tolist(),
        "antigen_identity": known.antigen.tolist(),
        "group_rmse": [one and one.rmse for one in figures],
        "group_within_one": [one and one.within_one for one in figures],
        "group_rows": [one and one.rows for one in figures],
    }


def _finite(values: Reals) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
