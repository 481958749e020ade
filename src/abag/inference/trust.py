"""How far to trust each prediction: its interval, the verdict and the error of that verdict."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.uncertainty.calibration import Calibration
from abag.uncertainty.domain import DomainIndex

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
    calibration: Calibration | None,
    domain: DomainIndex | None,
    level: float,
    pairs: pl.DataFrame,
    predicted: Reals,
    scale: Reals,
) -> dict[str, list[Any]]:
    """Columns :data:`TRUST_COLUMNS` for cleaned pairs; empty for a model without calibration.

    The ends of an interval are None where too few rows were held out to give one.
    """
    if calibration is None or domain is None:
        return {}
    familiarity = domain.familiarity(pairs)
    verdicts = familiarity.verdicts
    reaches = calibration.reaches(familiarity, scale, level)
    figures = [calibration.figures.get(verdict) for verdict in verdicts]
    return {
        "pkd_lower": _finite(predicted - reaches.below),
        "pkd_upper": _finite(predicted + reaches.above),
        "domain": [verdict.value for verdict in verdicts],
        "antibody_identity": familiarity.antibody.tolist(),
        "antigen_identity": familiarity.antigen.tolist(),
        "group_rmse": [known and known.rmse for known in figures],
        "group_within_one": [known and known.within_one for known in figures],
        "group_rows": [known and known.rows for known in figures],
    }


def _finite(values: Reals) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
