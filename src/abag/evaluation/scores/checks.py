"""Has the model collapsed? Few distinct predictions, no spread, or a slope of nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.errors import counted

Array = NDArray[np.float64]

DECIMALS: Final = 6
"""Predictions are told apart to this many decimals."""
FEWEST_ROWS: Final = 20
"""Below this many rows, few distinct predictions prove nothing."""
NARROW_SD_RATIO: Final = 0.25
DISTINCT_SHARE: Final = 0.05


class Spread(StrEnum):
    """What the predictions look like, whatever the true values are."""

    CONSTANT = "constant"
    COLLAPSED = "collapsed"
    NARROW = "narrow"
    SOUND = "sound"
    UNKNOWN = "too few rows"


@dataclass(frozen=True, slots=True)
class CollapseCheck:
    """How varied predictions are, beside how varied the true values are."""

    verdict: Spread
    text: str
    rows: int
    distinct: int
    distinct_share: float
    """Distinct predictions as a share of rows."""
    distinct_true: int
    top_two_share: float
    """Share of rows that get one of the two most frequent predictions."""
    top_two_share_true: float
    sd_pred: float
    sd_true: float
    sd_ratio: float | None
    """Standard deviation of predictions over that of true values; None for constant truth."""
    slope_true_on_pred: float | None
    """Least-squares slope of the true value on the prediction; 1 is calibrated."""
    slope_pred_on_true: float | None


def collapse_check(true: Array, pred: Array) -> CollapseCheck:
    """Check predictions (n) against true values (n), numbers only.

    A model counts as collapsed when it says far fewer different things than there are to say:
    its two most frequent values cover half of the rows while those of the truth do not, or it
    has fewer than 5 % as many distinct values as the truth has.
    """
    rows = len(true)
    if rows == 0:
        raise ValueError("no rows to check")
    distinct, top = _variety(pred)
    distinct_true, top_true = _variety(true)
    sd_true, sd_pred = float(np.std(true)), float(np.std(pred))
    ratio = sd_pred / sd_true if sd_true > 0 else None
    check = CollapseCheck(
        verdict=_verdict(rows, distinct, distinct_true, top, top_true, ratio),
        text="",
        rows=rows,
        distinct=distinct,
        distinct_share=distinct / rows,
        distinct_true=distinct_true,
        top_two_share=top,
        top_two_share_true=top_true,
        sd_pred=sd_pred,
        sd_true=sd_true,
        sd_ratio=ratio,
        slope_true_on_pred=_slope(pred, true),
        slope_pred_on_true=_slope(true, pred),
    )
    return _with_text(check)


def _verdict(
    rows: int, distinct: int, distinct_true: int, top: float, top_true: float, ratio: float | None
) -> Spread:
    if distinct == 1 and rows > 1:
        return Spread.CONSTANT
    if rows < FEWEST_ROWS:
        return Spread.UNKNOWN
    if (top >= 0.5 > top_true) or distinct < DISTINCT_SHARE * distinct_true:
        return Spread.COLLAPSED
    return Spread.NARROW if ratio is not None and ratio < NARROW_SD_RATIO else Spread.SOUND


def _with_text(check: CollapseCheck) -> CollapseCheck:
    head = f"the model predicts {counted(check.distinct, 'distinct value')} "
    head += f"for {check.rows:,} rows"
    ratio = check.sd_ratio or 0.0
    text = {
        Spread.CONSTANT: f"{head}: it tells no row from another",
        Spread.COLLAPSED: f"{head}; the two most frequent cover {100 * check.top_two_share:.1f} % "
        f"(the true values: {check.distinct_true:,} and {100 * check.top_two_share_true:.1f} %)",
        Spread.NARROW: f"{head}, but they spread only {ratio:.2f} times as wide as the true values",
        Spread.SOUND: f"{head}, spread {ratio:.2f} times as wide as the true values",
        Spread.UNKNOWN: f"{head}: too few to judge",
    }[check.verdict]
    return replace(check, text=text)


def _variety(values: Array) -> tuple[int, float]:
    """Number of distinct values, and the share of rows with one of the two most frequent."""
    counts = np.sort(np.unique(np.round(values, DECIMALS), return_counts=True)[1])
    return len(counts), float(counts[-2:].sum() / len(values))


def _slope(x: Array, y: Array) -> float | None:
    """Least-squares slope of y on x; None where x does not vary."""
    centred = x - x.mean()
    size = float(centred @ centred)
    if size <= 1e-18 * len(x) * max(float(np.max(np.abs(x))) ** 2, 1e-300):
        return None
    return float(centred @ (y - y.mean()) / size)
