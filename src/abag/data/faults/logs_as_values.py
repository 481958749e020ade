"""Logarithms under a header of concentrations: -log10 KD, or log10 KD, taken for a KD in nM.

Affinities of different antibodies spread over decades; their logarithms do not. Numbers written as
concentrations that all lie within a factor of three and between 1 and 13, where pKd and
log10(KD/nM) lie, are more likely logarithms. So are numbers of at most 8 that are even as they
stand and crowd at the top once their logarithm is taken: the reverse of what affinities do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abag.data.faults.fault import Fault, FaultKind, Severity, examples
from abag.data.faults.labels import AssayLabels

FEWEST = 8
LARGEST_FACTOR = 3.0
LEAST_PKD = 4.0
LARGEST_FACTOR_OF_LOG = 2.0
"""Below pKd 4 the numbers can only be log10 of nM; panels of matured antibodies lie there, too."""
LEAST, MOST = 1.0, 13.0
MOST_LOG_NM = 8.0
"""log10(KD/nM) of 0.1 M; nothing binds weaker."""
FEWEST_FOR_SHAPE = 20
EVEN = 0.6
CROWDED = -1.0


def logarithms_as_values(labels: AssayLabels) -> list[Fault]:
    """A warning where the numbers of a column of concentrations look like logarithms."""
    written = labels.written
    if (
        not labels.quantity.is_absolute
        or len(np.unique(labels.molecules)) < FEWEST
        or len(np.unique(written)) < FEWEST // 2
        or not _are_concentrations(labels)
    ):
        return []
    low, high = (float(q) for q in np.quantile(written, [0.02, 0.98]))
    factor = LARGEST_FACTOR if low >= LEAST_PKD else LARGEST_FACTOR_OF_LOG
    if low >= LEAST and high <= MOST and high <= factor * low:
        reason = (
            f"the {len(written)} numbers lie between {low:.3g} and {high:.3g}, within a factor of "
            f"{high / low:.2g}, where -log10 KD and log10 of nM lie; affinities of different "
            "antibodies spread over decades"
        )
        return [_fault(labels, reason, {"sign_narrow": 1, "low": low, "high": high})]
    skew, logged = _skewness(written), _skewness(np.log10(written))
    shaped = abs(skew) < EVEN and logged < CROWDED and high <= MOST_LOG_NM
    if len(written) >= FEWEST_FOR_SHAPE and shaped:
        reason = (
            f"the {len(written)} numbers are even as they stand (skewness {skew:.2f}) and crowd at "
            f"the weak end once their logarithm is taken ({logged:.2f}); affinities do the reverse"
        )
        return [_fault(labels, reason, {"sign_even": 1, "skewness": skew, "of_log": logged})]
    return []


def _are_concentrations(labels: AssayLabels) -> bool:
    """Whether the values are -log10 of the numbers in nM or smaller units."""
    if (labels.written <= 0).any():
        return False
    offset = labels.values + np.log10(labels.written)
    return bool(np.ptp(offset) < 1e-6 and offset[0] > 5.0)


def _skewness(values: NDArray[np.float64]) -> float:
    centred = values - values.mean()
    deviation = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean() / deviation**3) if deviation > 0 else 0.0


def _fault(labels: AssayLabels, reason: str, evidence: dict[str, float | int | str]) -> Fault:
    return Fault(
        kind=FaultKind.LOG_OF_LOG,
        assay=labels.assay,
        severity=Severity.WARNING,
        rows=len(labels.values),
        share=len(labels.values) / labels.rows,
        message=(
            f"the numbers of the column look like logarithms taken for concentrations: {reason}. "
            "Compare with the original; name the column for what it is (pKd, or KD without a "
            "unit and --unit 'log10 nM' or --unit='-log10 nM')"
        ),
        evidence=evidence,
        examples=examples(labels.ids.tolist()),
    )
