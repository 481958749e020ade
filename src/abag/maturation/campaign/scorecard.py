"""Predictions of sealed plates against measurements, for each round and for all together.

All predictions were sealed before anything was measured (:mod:`.seal`). A plate is judged by the
rank correlation of its predictions, by how many measurements its 90 % intervals hold, and by hits:
measurements above the best value of before, and above the parent. Beside them stand the expected
hits of the plate, of as many random variants, and of as many random single mutants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.antibody import Chains
from abag.data.tables import TARGET_COLUMNS, TARGET_UNITS
from abag.maturation.adapt.ranking import spearman
from abag.maturation.campaign.folder import Campaign, Round
from abag.maturation.campaign.seal import Seal, SealedWell

Reals = NDArray[np.float64]

LEVEL: Final = 0.9
_TEN: Final = 10.0
"""Wells' worth of belief that the model's own intervals are right."""
_WIDEST: Final = 3.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Hits of a plate beside their expectation: mean and central 90 % range."""

    hits: int
    expected: float
    lower: float
    upper: float

    def as_json(self) -> dict[str, float]:
        """Plain values."""
        return {"seen": self.hits, "expected": self.expected,
                "lower": self.lower, "upper": self.upper}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlateScore:
    """One plate: n of its variants are measured, in the order of the seal."""

    round: int
    seal: Seal
    failed: int
    wells: tuple[SealedWell, ...]
    """The n wells."""
    predicted: Reals
    """Shape (n,), as are the next three."""
    lower: Reals
    upper: Reals
    measured: Reals
    exact: NDArray[np.bool_]
    """Shape (n,): False for a bound, which stands in for its value."""
    spearman: float | None
    over_best: Tally
    over_parent: Tally
    others: dict[str, dict[str, Any]]
    """Expected hits and best value of as many random variants, and random single mutants."""

    @property
    def expected(self) -> dict[str, Any]:
        """What was expected of the whole plate (:class:`.expectation.PlateExpectation`)."""
        proposed: dict[str, Any] = self.seal.plates["proposed"]
        return proposed

    @property
    def proposed(self) -> int:
        """Variants of the plate."""
        return len(self.seal.variants)

    @property
    def pending(self) -> int:
        """Variants that are not measured yet, and did not fail."""
        return self.proposed - len(self.wells) - self.failed

    @property
    def inside(self) -> int:
        """Exact measurements that their 90 % interval holds."""
        within = (self.lower <= self.measured) & (self.measured <= self.upper)
        return int(within[self.exact].sum())

    def as_json(self) -> dict[str, Any]:
        """Plain values, the variants by name."""
        exact = int(self.exact.sum())
        return {
            "round": self.round,
            "seal_sha256": self.seal.sha256,
            "proposed": self.proposed,
            "measured": len(self.wells),
            "failed": self.failed,
            "pending": self.pending,
            "spearman": self.spearman,
            "spearman_expected": self.expected["spearman"],
            "coverage_90": self.inside / exact if exact else None,
            "inside_90": self.inside,
            "exact": exact,
            "mean_error": float((self.measured - self.predicted)[self.exact].mean())
            if exact
            else None,
            "over_best": self.over_best.as_json(),
            "over_parent": self.over_parent.as_json(),
            "best": float(self.measured.max()),
            "best_expected": self.expected["best"],
            "best_before": self.seal.best_so_far,
            "other_plates": self.others,
            "interval_scale": self.seal.interval_scale,
            "variants": [
                {"name": well.name, "predicted": well.predicted, "lower_90": low, "upper_90": high,
                 "measured": value, "exact": is_exact}
                for well, low, high, value, is_exact in zip(
                    self.wells, self.lower.tolist(), self.upper.tolist(), self.measured.tolist(),
                    self.exact.tolist(), strict=True,
                )
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All plates that have results."""

    plates: tuple[PlateScore, ...]
    unit: str

    @property
    def inside(self) -> int:
        """Exact measurements of all plates that their interval holds."""
        return sum(plate.inside for plate in self.plates)

    @property
    def exact(self) -> int:
        """Exact measurements of all plates."""
        return sum(int(plate.exact.sum()) for plate in self.plates)

    @property
    def coverage(self) -> tuple[float, float, float] | None:
        """Share inside its 90 % interval, with a 95 % interval (Wilson); None without any."""
        return wilson(self.inside, self.exact) if self.exact else None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        covered = self.coverage
        return {
            "unit": self.unit,
            "level": LEVEL,
            "coverage_90": None
            if covered is None
            else {"share": covered[0], "lower_95": covered[1], "upper_95": covered[2]},
            "inside_90": self.inside,
            "exact": self.exact,
            "over_best": sum(plate.over_best.hits for plate in self.plates),
            "over_best_expected": sum(plate.over_best.expected for plate in self.plates),
            "over_parent": sum(plate.over_parent.hits for plate in self.plates),
            "over_parent_expected": sum(plate.over_parent.expected for plate in self.plates),
            "rounds": [plate.as_json() for plate in self.plates],
        }


def wilson(inside: int, of: int) -> tuple[float, float, float]:
    """A share and its 95 % interval (Wilson, J Am Stat Assoc 22:209, 1927)."""
    z = 1.959964
    share = inside / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    reach = z / (1 + z**2 / of) * np.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    return share, float(middle - reach), float(middle + reach)


def score(campaign: Campaign) -> Scorecard:
    """Judge all sealed plates of a campaign by the results so far.

    Raises CampaignError where a seal is not what was sealed.
    """
    values = _measured_values(campaign)
    plates = [
        plate
        for round_ in campaign.measured_rounds
        if round_.seal is not None
        and (plate := _plate_score(round_, round_.seal, values)) is not None
    ]
    return Scorecard(tuple(plates), TARGET_UNITS[campaign.target])


def interval_scale(campaign: Campaign) -> tuple[float, int]:
    """Factor on the widths of the next intervals, and the number of wells that it stands on.

    It is a quantile (split conformal prediction) of errors of sealed wells over the half of their
    unscaled interval on that side, drawn towards 1 by the weight of ten wells; 1 at least, 3 at
    most. Sealed wells were chosen as the next ones are: random rows would not show the same errors.
    """
    ratios = []
    for plate in score(campaign).plates:
        above, below = plate.upper - plate.predicted, plate.predicted - plate.lower
        half = np.where(plate.measured > plate.predicted, above, below)
        errors = np.abs(plate.measured - plate.predicted) / half.clip(1e-3)
        ratios.append((errors * plate.seal.interval_scale)[plate.exact])
    errors = np.sort(np.concatenate([*ratios, np.zeros(0)]))
    if not len(errors):
        return 1.0, 0
    rank = min(len(errors), int(np.ceil(LEVEL * (len(errors) + 1))))
    weight = len(errors) / (len(errors) + _TEN)
    return float(np.clip(errors[rank - 1] ** weight, 1.0, _WIDEST)), len(errors)


def _measured_values(campaign: Campaign) -> dict[Chains, tuple[float, bool]]:
    """Measured value of each variant, and whether it is exact: the median, or a bound."""
    value, lower, upper = map(pl.col, TARGET_COLUMNS[campaign.target])
    median = value.median()
    rows = campaign.training().group_by("heavy", "light", maintain_order=True).agg(
        pl.coalesce(median, upper.min(), lower.max()).alias("value"),
        median.is_not_null().alias("exact"),
    )  # fmt: skip
    return {
        (heavy, light or None): (value, exact)
        for heavy, light, value, exact in rows.drop_nulls("value").iter_rows()
    }


def _plate_score(
    round_: Round, seal: Seal, values: dict[Chains, tuple[float, bool]]
) -> PlateScore | None:
    wells = [(well, *values[chains]) for chains, well in seal.variants.items() if chains in values]
    if not wells:
        return None
    measured = np.array([value for _, value, _ in wells])
    exact = np.array([is_exact for *_, is_exact in wells], dtype=np.bool_)
    predicted = np.array([well.predicted for well, *_ in wells])
    proposed, sealed = seal.plates["proposed"], tuple(well for well, *_ in wells)
    share = len(wells) / len(seal.variants)
    return PlateScore(
        round_.number, seal, len(round_.failed), sealed, predicted,
        np.array([_nan_if_none(well.lower_90) for well in sealed]),
        np.array([_nan_if_none(well.upper_90) for well in sealed]),
        measured, exact, spearman(measured, predicted),
        _tally(sealed, "over_best", measured > seal.best_so_far, proposed, share),
        _tally(sealed, "over_parent", measured > seal.parent, proposed, share),
        {
            name: {"over_best": plate["over_best"]["mean"] * len(wells) / plate["variants"],
                   "over_parent": plate["over_parent"]["mean"] * len(wells) / plate["variants"],
                   "best": plate["best"]}
            for name, plate in seal.plates.items() if name != "proposed"
        },
    )  # fmt: skip


def _tally(
    wells: Sequence[SealedWell],
    event: str,
    hits: NDArray[np.bool_],
    proposed: dict[str, Any],
    share: float,
) -> Tally:
    """Observed hits beside the hits predicted for the measured wells."""
    expected = sum(_nan_if_none(getattr(well, event)) for well in wells)
    lower, upper = proposed[event]["lower_90"] * share, proposed[event]["upper_90"] * share
    return Tally(int(hits.sum()), expected, float(np.floor(lower)), float(np.ceil(upper)))


def _nan_if_none(value: float | None) -> float:
    return float("nan") if value is None else value
