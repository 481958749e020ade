"""Mixed units: rows of one column that were written on different scales.

Four signs, none of which needs the unit:

* a cluster of labels cut off from the rest by an empty gap of one unit of pKd or more, with its
  middle where no affinity lies (:func:`detached_clusters`);
* a second peak of the distribution 3, 6 or 9 units from the first, as narrow as it: a slip from
  nM to uM or pM (:func:`shifted_peaks`);
* in a library, variants that lie so far off the effects of their substitutions in other variants
  (:func:`shifted_residuals`);
* two rows of one antibody-antigen pair that differ by 3, 6 or 9 units exactly
  (:func:`exact_slips`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.faults.additive import additive_residuals
from abag.data.faults.fault import Fault, FaultKind, Severity
from abag.data.faults.labels import AssayLabels
from abag.data.faults.landscape import VariantSet, spearman
from abag.data.faults.ranges import USUAL_MEDIAN_PKD
from abag.units import Quantity

SLIPS: Final = (3.0, 6.0, 9.0)
GAP: Final = 1.0
GAP_FILL_SHARE: Final = 0.001
CLUSTER_SHARE: Final = 0.005
CLUSTER_ROWS: Final = 10
CLUSTER_NUMBERS: Final = 5

P_SUBSTITUTIONS: Final = 1e-3
PEAK_ROWS: Final = 100
PEAK_SHARE: Final = 0.02
PEAK_PLACE: Final = 0.08
RESIDUAL_PLACE: Final = 0.2
PEAK_VALLEY: Final = 0.6
PEAK_WIDTHS: Final = 1.6
BIN: Final = 0.05
SMOOTHING: Final = 0.15

_SLIP_MEND: Final = (
    "they were probably written in a unit 10^3, 10^6 or 10^9 times larger or smaller (uM for nM). "
    "Check the unit of each row"
)

SLIP_TOLERANCE: Final = 0.02
SLIP_PAIRS: Final = 3
SLIP_SIGMA: Final = 3.0


def mixed_units(labels: AssayLabels) -> list[Fault]:
    """All signs of mixed units in the labels of one assay."""
    if not labels.is_physical or len(labels.values) < 4:
        return []
    return [*detached_clusters(labels), *shifted_peaks(labels), *exact_slips(labels)]


def detached_clusters(labels: AssayLabels) -> list[Fault]:
    """Clusters beyond an empty gap whose median is below 3 or above 13 (absolute labels only).

    The gap may hold 0.1 % of the labels. A cluster has at least 0.5 % and 10 of the labels, and
    5 distinct numbers: a single repeated number is a spike and reported as one.
    """
    if not labels.quantity.is_absolute:
        return []
    values = np.sort(labels.values)
    needed = max(CLUSTER_ROWS, CLUSTER_SHARE * len(values))
    low, high = USUAL_MEDIAN_PKD
    step = 1 + int(GAP_FILL_SHARE * len(values))
    gaps = values[step:] - values[:-step]
    faults = []
    for start in np.flatnonzero(gaps >= GAP):
        below, above = values[: start + 1], values[start + step :]
        for cluster, name, is_off in (
            (below, "below", np.median(below) < low),
            (above, "above", np.median(above) > high),
        ):
            enough = needed <= len(cluster) <= len(values) / 2
            if not (enough and is_off and len(np.unique(cluster)) >= CLUSTER_NUMBERS):
                continue
            edge = float(below[-1] if name == "below" else above[0])
            chosen = labels.values <= edge if name == "below" else labels.values >= edge
            faults.append(
                _fault(
                    labels,
                    chosen,
                    f"a cluster {name} {edge:.3g} (median {np.median(cluster):.3g}) is cut off "
                    "from the other labels and lies where no affinity is: its rows are on another "
                    "scale (an energy, a score, log10 of nM). Split the column by its origin and "
                    "give every row its unit",
                    {
                        "sign_detached_cluster": 1,
                        "gap": float(gaps[start]),
                        "edge": edge,
                        "cluster_median": float(np.median(cluster)),
                    },
                )
            )
            break
    # Neighbouring starting points describe one gap: keep the widest one.
    return sorted(faults, key=lambda fault: -float(fault.evidence["gap"]))[:1]


def shifted_peaks(labels: AssayLabels) -> list[Fault]:
    """A second peak 3, 6 or 9 units (within 0.08) from the first and as narrow as it.

    Peaks of a histogram smoothed with a Gaussian of 0.15; the density between the two falls below
    60 % of the lower one, their widths at 60 % of their heights differ by less than a factor of
    1.6. Binders and non-binders may lie so by chance, which :func:`follows_substitutions` detects.
    Floors are no peaks here: numbers that occur four times or more are left out.
    """
    values = labels.values[_in_few_rows(np.round(labels.values, 9))]
    if len(values) < PEAK_ROWS or labels.quantity is Quantity.DELTA_DELTA_G:
        return []
    peaks = _second_peak(values, SMOOTHING, PEAK_PLACE)
    if peaks is None:
        return []
    chosen = np.abs(labels.values - peaks.second) <= peaks.width
    if chosen.sum() < PEAK_SHARE * len(labels.values):
        return []
    return [
        _fault(
            labels,
            chosen,
            f"labels form two equal peaks {peaks.distance:.2f} units apart (at {peaks.main:.2f} "
            f"and {peaks.second:.2f}): {_SLIP_MEND}",
            {
                "sign_shifted_peak": 1,
                "distance": peaks.distance,
                "main_peak": peaks.main,
                "second_peak": peaks.second,
            },
        )
    ]


def shifted_residuals(library: VariantSet) -> list[Fault]:
    """Variants 3, 6 or 9 units (within 0.2) off the effects of their substitutions elsewhere.

    The residuals of :func:`abag.data.faults.additive.additive_residuals` have a second peak as
    :func:`shifted_peaks` asks for, with a share of 2 %. Sees slips that the spread of the labels
    hides, as long as the residuals' own spread is below about 0.6.
    """
    if len(library.values) < PEAK_ROWS:
        return []
    additive = additive_residuals(library)
    if additive is None:
        return []
    residuals, rows = additive.values, additive.rows
    spread = 1.4826 * float(np.median(np.abs(residuals)))
    peaks = _second_peak(residuals, max(SMOOTHING, spread / 2), RESIDUAL_PLACE)
    if peaks is None:
        return []
    chosen = np.abs(residuals - peaks.second) <= peaks.width
    chosen &= _in_few_rows(library.values[rows])  # a floor is a spike, and reported as one
    if chosen.mean() < PEAK_SHARE or _follows(chosen, library.severity[rows], peaks):
        return []
    return [
        _fault_of(
            library.assay,
            library.ids[rows][chosen],
            len(rows),
            f"labels lie {peaks.distance:.2f} units off what the same substitutions do in other "
            f"variants, and none lie between: {_SLIP_MEND}",
            {
                "sign_shifted_residuals": 1,
                "distance": round(peaks.distance, 6),
                "spread": round(spread, 6),
            },
        )
    ]


def _in_few_rows(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows whose number fewer than four rows share."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] < 4, np.bool_)


def follows_substitutions(fault: Fault, library: VariantSet) -> bool:
    """Whether the rows of the second peak are those with other substitutions than the first.

    Spearman of peak and BLOSUM62 score with p below 1e-3: the second peak is biology (variants
    that lost binding); a slip of the unit hits mild and drastic changes alike.
    """
    if "second_peak" not in fault.evidence:
        return False
    main, second = float(fault.evidence["main_peak"]), float(fault.evidence["second_peak"])
    is_second = np.abs(library.values - second) < np.abs(library.values - main)
    return _follows(is_second, library.severity, _Peaks(main, second, 0.0))


def _follows(is_second: NDArray[np.bool_], severity: NDArray[np.int64], peaks: _Peaks) -> bool:
    rho, p = spearman(is_second.astype(np.float64), severity.astype(np.float64))
    return p < P_SUBSTITUTIONS and (rho > 0) == (peaks.second > peaks.main)


@dataclass(frozen=True, slots=True)
class _Peaks:
    main: float
    second: float
    width: float

    @property
    def distance(self) -> float:
        return abs(self.second - self.main)


def _second_peak(values: NDArray[np.float64], smoothing: float, tolerance: float) -> _Peaks | None:
    """The second peak of :func:`shifted_peaks`, if there is one."""
    grid, density = _density(values, smoothing)
    inner = np.arange(1, len(grid) - 1)
    peaks = inner[(density[inner] >= density[inner - 1]) & (density[inner] > density[inner + 1])]
    main = peaks[np.argmax(density[peaks])]
    for peak in peaks:
        distance = abs(float(grid[peak] - grid[main]))
        if min(abs(size - distance) for size in SLIPS) > tolerance:
            continue
        between = density[min(peak, main) : max(peak, main) + 1].min()
        widths = _width(density, int(main)), _width(density, int(peak))
        if between <= PEAK_VALLEY * density[peak] and max(widths) <= PEAK_WIDTHS * min(widths):
            return _Peaks(float(grid[main]), float(grid[peak]), max(widths))
    return None


def exact_slips(labels: AssayLabels) -> list[Fault]:
    """Rows of one pair of molecules that differ by 3, 6 or 9 units within 0.02.

    At least three such pairs of molecules, and more than e + 3 sqrt(e + 1) of them, where e is
    the number expected from the pairs that differ by something else between 2.5 and 9.5.
    """
    order = np.lexsort((labels.values, labels.molecules))
    molecules, values = labels.molecules[order], labels.values[order]
    starts = np.flatnonzero(np.diff(molecules, prepend=molecules[0] - 1))
    spans = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    nearest = np.array(SLIPS)[np.argmin(np.abs(spans[:, None] - np.array(SLIPS)), axis=1)]
    slipped = np.abs(spans - nearest) <= SLIP_TOLERANCE
    wide = int(((spans > 2.5) & (spans < 9.5) & ~slipped).sum())
    expected = wide * len(SLIPS) * 2 * SLIP_TOLERANCE / (7.0 - len(SLIPS) * 2 * SLIP_TOLERANCE)
    count = int(slipped.sum())
    if count < max(SLIP_PAIRS, expected + SLIP_SIGMA * np.sqrt(expected + 1.0)):
        return []
    chosen = np.isin(labels.molecules, molecules[starts][slipped])
    return [
        _fault(
            labels,
            chosen,
            f"{count} antibody-antigen pairs have rows that differ by exactly 3, 6 or 9 units of "
            "pKd: the same measurement in two units. Check the unit of these rows",
            {"sign_exact_slip": 1, "pairs": count, "pairs_expected": expected},
        )
    ]


def _density(
    values: NDArray[np.float64], smoothing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    edges = np.arange(values.min() - 2.0, values.max() + 2.0 + BIN, BIN)
    counts = np.histogram(values, bins=edges)[0].astype(np.float64)
    half = int(4 * smoothing / BIN)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * BIN / smoothing) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), mode="same")
    return (edges[:-1] + edges[1:]) / 2, smooth


def _width(density: NDArray[np.float64], peak: int) -> float:
    """Width in units of pKd of the region around ``peak`` above 60 % of its height."""
    low = high = peak
    level = PEAK_VALLEY * density[peak]
    while low > 0 and density[low - 1] > level:
        low -= 1
    while high < len(density) - 1 and density[high + 1] > level:
        high += 1
    return (high - low + 1) * BIN


def _fault(
    labels: AssayLabels,
    chosen: NDArray[np.bool_],
    message: str,
    evidence: dict[str, float | int | str],
) -> Fault:
    return _fault_of(labels.assay, labels.ids[chosen], labels.rows, message, evidence)


def _fault_of(
    assay: str,
    ids: NDArray[np.str_],
    total: int,
    message: str,
    evidence: dict[str, float | int | str],
) -> Fault:
    message = f"{len(ids)} of {total} rows: {message}"
    kind = FaultKind.MIXED_UNITS
    return Fault.of_rows(kind, Severity.ERROR, assay, ids, total, message, evidence)
