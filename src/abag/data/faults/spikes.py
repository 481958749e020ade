"""Label spikes: one number written for many measurements that were not made.

A floor or ceiling of the assay (7.0 two hundred times) or a placeholder (ddG of 8 for "does not
bind") looks like a measurement and is a bound. Common round values of curated tables (1 nM,
10 nM) are no spikes: their neighbours are common, too. So a count is never judged alone:

* c is the number of distinct antibody-antigen pairs with exactly this number.
* At the edge (at most 0.5 % of the labels and at most c/4 lie beyond it): a spike if c >= 4 and
  c is at least four times the most frequent of the ten nearest other numbers. In a single-peaked
  distribution the outermost number is rarer than its inner neighbours, so this ratio is below 1
  without a floor.
* Inside: a spike if c >= 10, c is at least 1 % of the labels and at least five times the most
  frequent other number that is not a spike itself.

A ddG of exactly 0 (no effect) and binary labels are never spikes, declared bounds are not looked
at, and a column with fewer than five distinct numbers is a set of classes, not of measurements.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.faults.fault import Fault, FaultKind, Severity
from abag.data.faults.labels import AssayLabels
from abag.units import Quantity

EDGE_SHARE: Final = 0.005
EDGE_COUNT: Final = 4
EDGE_RATIO: Final = 4.0
NEIGHBOURS: Final = 10
INNER_COUNT: Final = 10
INNER_SHARE: Final = 0.01
INNER_RATIO: Final = 5.0
SEVERE_SHARE: Final = 0.10
SLIGHT_SHARE: Final = 0.005
FEWEST_NUMBERS: Final = 5


def label_spikes(labels: AssayLabels) -> list[Fault]:
    """A fault for each number that is a floor, a ceiling or a placeholder."""
    if labels.quantity is Quantity.BINARY or len(labels.values) < 2 * EDGE_COUNT:
        return []
    numbers, levels, counts, row_number = _ties(labels)
    if len(numbers) < FEWEST_NUMBERS:
        return []
    spikes: list[int] = []
    order = np.argsort(-counts, kind="stable")
    for index in order[counts[order] >= EDGE_COUNT]:
        if labels.quantity is Quantity.DELTA_DELTA_G and numbers[index] == 0.0:
            continue
        if _is_edge_spike(levels, counts, index) or _is_inner_spike(counts, index, spikes):
            spikes.append(int(index))
    return [_fault(labels, row_number == i, float(levels[i]), counts, i) for i in spikes]


def _ties(
    labels: AssayLabels,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct written numbers, their tight values, pairs with each, and each row's number.

    Numbers are in the order of their tight values.
    """
    numbers, inverse = np.unique(_ten_digits(labels.written), return_inverse=True)
    pairs = np.unique(np.stack([inverse, labels.molecules]), axis=1)
    counts = np.bincount(pairs[0], minlength=len(numbers)).astype(np.int64)
    total = np.bincount(inverse, weights=labels.values, minlength=len(numbers))
    levels = total / np.bincount(inverse, minlength=len(numbers))
    order = np.argsort(levels, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return numbers[order], levels[order], counts[order], rank[inverse]


def _ten_digits(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rounded to ten significant digits: the same number written otherwise stays one number."""
    size = np.where(numbers == 0.0, 1.0, np.abs(numbers))
    unit = 10.0 ** np.clip(np.floor(np.log10(size)) - 9.0, -300.0, 300.0)
    return np.asarray(np.round(numbers / unit) * unit, np.float64)


def _is_edge_spike(levels: NDArray[np.float64], counts: NDArray[np.int64], index: np.int64) -> bool:
    beyond = min(counts[:index].sum(), counts[index + 1 :].sum())
    if beyond > min(EDGE_SHARE * counts.sum(), counts[index] / EDGE_RATIO):
        return False
    distance = np.abs(levels - levels[index])
    distance[index] = np.inf
    nearest = np.argsort(distance, kind="stable")[:NEIGHBOURS]
    return bool(counts[index] >= EDGE_RATIO * counts[nearest[nearest != index]].max())


def _is_inner_spike(counts: NDArray[np.int64], index: np.int64, spikes: list[int]) -> bool:
    if counts[index] < max(INNER_COUNT, INNER_SHARE * counts.sum()):
        return False
    others = np.delete(counts, np.array([*spikes, int(index)]))
    return bool(len(others) and counts[index] >= INNER_RATIO * others.max())


def _severity(share: float) -> Severity:
    if share >= SEVERE_SHARE:
        return Severity.ERROR
    return Severity.WARNING if share >= SLIGHT_SHARE else Severity.NOTE


def _fault(
    labels: AssayLabels,
    same: NDArray[np.bool_],
    level: float,
    counts: NDArray[np.int64],
    index: int,
) -> Fault:
    rows, number = int(same.sum()), float(labels.written[same][0])
    tighter = float(counts[index + 1 :].sum() / counts.sum())
    looser = float(counts[:index].sum() / counts.sum())
    if looser <= EDGE_SHARE:
        meaning, relation = "the weakest value of the assay, so it means 'this weak or weaker'", "<"
    elif tighter <= EDGE_SHARE:
        meaning, relation = (
            "the tightest value of the assay, so it means 'this tight or tighter'",
            ">",
        )
    else:
        meaning, relation = (
            "far more frequent than any other value, so it is a floor or a placeholder",
            "<",
        )
    message = (
        f"{rows} of {labels.rows} labels are exactly {number:g}: {meaning}. Declare these rows "
        f"censored ('{relation}' {level:.4g} where higher is tighter) or leave them out; "
        "do not train on the number"
    )
    evidence: dict[str, float | int | str] = {
        "value": number,
        "on_tight_scale": level,
        "pairs_with_it": int(counts[index]),
        "next_most_frequent": int(np.delete(counts, index).max()),
        "share_weaker": looser,
        "share_tighter": tighter,
    }
    return Fault.of_rows(
        FaultKind.LABEL_SPIKE, _severity(rows / labels.rows), labels.assay, labels.ids[same],
        labels.rows, message, evidence,
    )  # fmt: skip
