"""Values that a quantity cannot take, so that its column must be another quantity."""

from __future__ import annotations

from typing import Final

import numpy as np

from abag.data.faults.fault import Fault, FaultKind, Severity, examples
from abag.data.faults.labels import AssayLabels
from abag.units import PKD_MAX, PKD_MIN, Quantity

USUAL_PKD: Final = (2.0, 14.0)
"""Measured antibody-antigen affinities lie here (KD of 10 mM to 10 fM)."""

USUAL_MEDIAN_PKD: Final = (3.0, 13.0)
"""The middle of an assay lies here; an assay of log enrichments has its middle near 0."""

MAX_UNUSUAL_SHARE: Final = 0.05
MAX_DELTA_PKD: Final = 10.0
"""No mutation changes an affinity by more than ten orders of magnitude (13.6 kcal/mol)."""

FEWEST_ROWS: Final = 5


def impossible_ranges(labels: AssayLabels) -> list[Fault]:
    """At most one fault: values outside the physical range, or an assay in the wrong place.

    Any pKd outside 0 to 16 is a fault; so is an assay of which 5 % lie outside 2 to 14, or whose
    median is outside 3 to 13. For ddG the limit is a factor of 10^10; IC50 and EC50 are held to 0
    to 16 only, and scores to nothing.
    """
    if not labels.is_physical or len(labels.values) + labels.impossible == 0:
        return []
    values = labels.values
    if labels.quantity is Quantity.DELTA_DELTA_G:
        outside = np.abs(values) > MAX_DELTA_PKD
        unusual = outside
    else:
        outside = (values < PKD_MIN) | (values > PKD_MAX)
        low, high = USUAL_PKD if labels.quantity.is_absolute else (PKD_MIN, PKD_MAX)
        unusual = (values < low) | (values > high)
    rows = int(outside.sum()) + labels.impossible
    least, median, greatest = (
        (float(f(values)) if len(values) else float("nan")) for f in (np.min, np.median, np.max)
    )
    misplaced = len(values) >= FEWEST_ROWS and (
        unusual.mean() >= MAX_UNUSUAL_SHARE
        or (
            labels.quantity.is_absolute and not USUAL_MEDIAN_PKD[0] <= median <= USUAL_MEDIAN_PKD[1]
        )
    )
    if not rows and not misplaced:
        return []
    concerned = int(unusual.sum()) + labels.impossible
    return [
        Fault(
            kind=FaultKind.IMPOSSIBLE_RANGE,
            assay=labels.assay,
            severity=Severity.ERROR,
            rows=concerned,
            share=concerned / labels.rows,
            message=_message(labels, concerned, median),
            evidence={
                "least": least,
                "median": median,
                "greatest": greatest,
                "outside_physical_range": rows,
                "outside_usual_range": concerned,
                "without_logarithm": labels.impossible,
            },
            examples=examples(labels.ids[unusual].tolist()),
        )
    ]


def _message(labels: AssayLabels, rows: int, median: float) -> str:
    if labels.quantity is Quantity.DELTA_DELTA_G:
        return (
            f"{rows} of {labels.rows} ddG change the affinity more than {10**MAX_DELTA_PKD:.0e}"
            "-fold; check the unit (kcal/mol or kJ/mol) and whether they are dG"
        )
    span = "pKd of 2 to 14" if labels.quantity.is_absolute else "-log10 concentrations of 0 to 16"
    return (
        f"{rows} of {labels.rows} values lie outside the {span} (median {median:.2f}): the column "
        f"is not {labels.quantity.value} in this unit. If it is an enrichment or a score, declare "
        "it as one (it then orders this assay only); else correct the unit"
    )
