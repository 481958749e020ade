"""A logarithm that was taken for a value: of a logarithm, or in a column of concentrations.

AlphaSeq publishes v = log10(KD/nM). Taken for a KD in nM it becomes 9 - log10(v), which looks like
a pKd near 8.5: v of 1 to 7 is squeezed into 8.15 to 9, and the tightest rows (v <= 0) are lost.

Affinities of different antibodies spread over decades; their logarithms do not. Numbers written as
concentrations that all lie within a factor of three and between 1 and 13, where pKd and
log10(KD/nM) lie, are more likely logarithms. So are numbers of at most 8 that are even as they
stand and crowd at the top once their logarithm is taken: the reverse of what affinities do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.faults.fault import Fault, FaultKind, Severity
from abag.data.faults.labels import AssayLabels, skewness
from abag.data.faults.pairs import SharedLabels

Floats = NDArray[np.float64]

UNDO: Final[dict[str, Callable[[Floats], Floats]]] = {
    "pKd = 9 - 10**(9 - x)": lambda x: 9.0 - 10.0 ** (9.0 - x),
    "pKd = 12 - 10**(12 - x)": lambda x: 12.0 - 10.0 ** (12.0 - x),
    "pKd = 6 - 10**(6 - x)": lambda x: 6.0 - 10.0 ** (6.0 - x),
    "pKd = 10**x": lambda x: 10.0**x,
    "pKd = 10**(-x)": lambda x: 10.0**-x,
    "pKd = 9 - 10**x": lambda x: 9.0 - 10.0**x,
}
"""Ways back from a double logarithm to a pKd."""

SHARED: Final = 10
CLOSE: Final = 0.15
CLOSER: Final = 0.2
ROWS: Final = 100
LOOSEST_LOG_KD: Final = 8.0
"""log10(KD/nM) of 0.1 M; nothing binds weaker."""
BAND: Final = 2.6
SKEW: Final = 1.0

FEWEST: Final = 8
LARGEST_FACTOR: Final = 3.0
LEAST_PKD: Final = 4.0
LARGEST_FACTOR_OF_LOG: Final = 2.0
"""Below pKd 4 the numbers can only be log10 of nM; panels of matured antibodies lie there, too."""
LEAST, MOST = 1.0, 13.0
FEWEST_FOR_SHAPE: Final = 20
EVEN: Final = 0.6
CROWDED: Final = -1.0


def logs_of_logs_against_others(shared: Sequence[SharedLabels], judged: set[str]) -> list[Fault]:
    """Assays that agree with another one after undoing a logarithm, and do not before.

    With r the reference and x the label: median |r - undo(x)| is below 0.15 (slope 1, no offset)
    and below a fifth of median |r - x|, on ten shared molecules or more.
    """
    faults: dict[str, Fault] = {}
    for pair in shared:
        if pair.assay not in judged or pair.assay in faults or not pair.both_absolute:
            continue
        x, r = pair.values, pair.reference_values
        if len(x) < SHARED or np.std(r) == 0:
            continue
        plain = float(np.median(np.abs(r - x)))
        with np.errstate(over="ignore"):
            misfits = {name: float(np.median(np.abs(r - undo(x)))) for name, undo in UNDO.items()}
        name = min(misfits, key=lambda key: misfits[key])
        if misfits[name] >= min(CLOSE, CLOSER * plain):
            continue
        faults[pair.assay] = _fault(
            pair,
            f"{len(x)} molecules that {pair.reference!r} has, too, agree with it only after a "
            f"logarithm is undone ({name}): median difference {misfits[name]:.2g} instead of "
            f"{plain:.2g}. Convert the labels so, and look for tight binders that were lost",
            {
                "sign_other_assay": 1,
                "reference": pair.reference,
                "undo": name,
                "misfit_as_written": plain,
                "misfit_undone": misfits[name],
            },
        )
    return [faults[assay] for assay in sorted(faults)]


def logs_of_logs(labels: AssayLabels) -> list[Fault]:
    """The shape of 9 - log10(log10(KD/nM)) in one column of 100 absolute labels or more.

    The middle 98 % lie within 2.6 units, none below 9 - log10(8) = 8.1, the weak edge is sharp
    (median - 1 % quantile is less than 0.4 of 99 % quantile - median), the skewness is above 1 and
    undoing the logarithm brings it closer to 0. A real pKd landscape has its sharp edge at the
    tight end, where the parent is.
    """
    x = labels.values
    if not labels.quantity.is_absolute or len(x) < ROWS or labels.censored:
        return []
    low, middle, high = (float(q) for q in np.quantile(x, [0.01, 0.5, 0.99]))
    undone = UNDO["pKd = 9 - 10**(9 - x)"](x)
    if (
        x.min() < 9.0 - np.log10(LOOSEST_LOG_KD)
        or high - low > BAND
        or middle - low > 0.4 * (high - middle)
        or skewness(x) < SKEW
        or abs(skewness(undone)) > 0.8 * skewness(x)
        or middle > 9.0 + 0.5
    ):
        return []
    return [
        _fault(
            labels,
            f"{len(x)} labels crowd between {low:.2f} and {high:.2f} with a sharp edge at the weak "
            f"end ({x.min():.2f}), as 9 - log10(log10(KD/nM)) does. If the source wrote log10(KD), "
            "pKd = 9 - 10**(9 - x), and tight binders were lost; compare with the original table",
            {
                "sign_shape": 1,
                "least": float(x.min()),
                "median": middle,
                "skewness": skewness(x),
                "skewness_undone": skewness(undone),
            },
        )
    ]


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
        return [_taken_for_values(labels, reason, {"sign_narrow": 1, "low": low, "high": high})]
    skew, logged = skewness(written), skewness(np.log10(written))
    shaped = abs(skew) < EVEN and logged < CROWDED and high <= LOOSEST_LOG_KD
    if len(written) >= FEWEST_FOR_SHAPE and shaped:
        reason = (
            f"the {len(written)} numbers are even as they stand (skewness {skew:.2f}) and crowd at "
            f"the weak end once their logarithm is taken ({logged:.2f}); affinities do the reverse"
        )
        return [
            _taken_for_values(labels, reason, {"sign_even": 1, "skewness": skew, "of_log": logged})
        ]
    return []


def _are_concentrations(labels: AssayLabels) -> bool:
    """Whether the values are -log10 of the numbers in nM or smaller units."""
    if (labels.written <= 0).any():
        return False
    offset = labels.values + np.log10(labels.written)
    return bool(np.ptp(offset) < 1e-6 and offset[0] > 5.0)


def _fault(
    labels: AssayLabels | SharedLabels, reason: str, evidence: dict[str, float | int | str]
) -> Fault:
    message = f"the labels look like a logarithm of a logarithm: {reason}"
    kind, ids = FaultKind.LOG_OF_LOG, labels.ids
    return Fault.of_rows(kind, Severity.ERROR, labels.assay, ids, len(ids), message, evidence)


def _taken_for_values(
    labels: AssayLabels, reason: str, evidence: dict[str, float | int | str]
) -> Fault:
    message = (
        f"the numbers of the column look like logarithms taken for concentrations: {reason}. "
        "Compare with the original; name the column for what it is (pKd, or KD without a "
        "unit and --unit 'log10 nM' or --unit='-log10 nM')"
    )
    return Fault.of_rows(
        FaultKind.LOG_OF_LOG, Severity.WARNING, labels.assay, labels.ids, labels.rows, message,
        evidence,
    )  # fmt: skip
