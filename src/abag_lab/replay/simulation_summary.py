"""Replayed campaigns in figures: curves with intervals over seeds, and who found more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from abag.pages import markdown_table
from abag_lab.replay.averages import Average
from abag_lab.replay.simulation import CHANCE, OURS, RIDGE, PickingStrategy, Plan, Replay


@dataclass(frozen=True, slots=True)
class Summary:
    """All replays of one plan, and what follows from them."""

    replays: tuple[Replay, ...]
    plan: Plan
    arms: tuple[PickingStrategy, ...]

    @property
    def landscapes(self) -> list[str]:
        """Landscapes in the order of the replays."""
        return list(dict.fromkeys(replay.landscape for replay in self.replays))

    @property
    def names(self) -> list[str]:
        """Strategies in the order of the plan."""
        return [arm.name for arm in self.arms]

    def of(self, landscape: str | None, strategy: str) -> list[Replay]:
        """Replays of one strategy, on one landscape or all."""
        return [
            replay
            for replay in self.replays
            if replay.strategy == strategy and landscape in (None, replay.landscape)
        ]

    def share(self, landscape: str, strategy: str, step: int = -1) -> Average:
        """Share of the best variants that were found by a step."""
        replays = self.of(landscape, strategy)
        return Average.of([replay.hits[step] / replay.top for replay in replays])

    def mean_share(self, strategy: str, step: int = -1) -> float:
        """Mean over landscapes of the mean over seeds."""
        return float(np.mean([self.share(name, strategy, step).mean for name in self.landscapes]))

    def chance_of_top(self, strategy: str, step: int = -1) -> float:
        """Share of campaigns with one of the best 1 % or more by a step (FolDE)."""
        return float(np.mean([replay.hits[step] > 0 for replay in self.of(None, strategy)]))

    def tenths(self, strategy: str, step: int = -1) -> float:
        """Mean share of proposed variants among the best tenth of the pool by a step (FolDE)."""
        shares = [
            (replay.tenths[step] - replay.tenths[0])
            / max(1, replay.measured[step] - replay.measured[0])
            for replay in self.of(None, strategy)
        ]
        return float(np.mean(shares))

    def gain(self, landscape: str, strategy: str, other: str) -> Average:
        """Share found by one strategy less that of another, seed by seed, at the end."""
        pairs = {replay.seed: replay for replay in self.of(landscape, other)}
        return Average.of(
            [
                (replay.hits[-1] - pairs[replay.seed].hits[-1]) / replay.top
                for replay in self.of(landscape, strategy)
                if replay.seed in pairs
            ]
        )

    def wins(self, strategy: str, other: str) -> tuple[int, int, int]:
        """Landscapes on which a strategy's mean share is larger, equal, and smaller."""
        gains = [self.gain(name, strategy, other).mean for name in self.landscapes]
        return (
            sum(gain > 0 for gain in gains),
            sum(gain == 0 for gain in gains),
            sum(gain < 0 for gain in gains),
        )

    def curves(self) -> pl.DataFrame:
        """One row for each replay and step: variants measured, hits, best value."""
        return pl.DataFrame(
            [
                {"landscape": replay.landscape, "strategy": replay.strategy, "seed": replay.seed,
                 "round": step, "measured": measured, "pool": replay.pool, "top": replay.top,
                 "hits": hits, "share_of_top": hits / replay.top,
                 "in_best_tenth": replay.tenths[step], "best": best,
                 "best_possible": replay.best_possible}
                for replay in self.replays
                for step, (measured, hits, best) in enumerate(
                    zip(replay.measured, replay.hits, replay.best, strict=True)
                )
            ]
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Plan, strategies, shares by landscape and round, and comparisons."""
        steps = range(self.plan.rounds + 1)
        compared = [name for name in (RIDGE, CHANCE) if name in self.names and OURS in self.names]
        return {
            "plan": asdict(self.plan),
            "strategies": {arm.name: asdict(arm) for arm in self.arms},
            "landscapes": {
                name: {
                    strategy: {
                        "share_of_top": [asdict(self.share(name, strategy, s)) for s in steps],
                        "blind_rounds": sum(o.blind_rounds for o in self.of(name, strategy)),
                    }
                    for strategy in self.names
                }
                for name in self.landscapes
            },
            "mean_share_of_top": {
                strategy: [self.mean_share(strategy, step) for step in steps]
                for strategy in self.names
            },
            "chance_of_one_of_the_top": {
                strategy: [self.chance_of_top(strategy, step) for step in steps]
                for strategy in self.names
            },
            "share_of_proposed_in_best_tenth": {
                strategy: [self.tenths(strategy, step) for step in steps] for strategy in self.names
            },
            "against": {
                other: {
                    "landscapes_more_equal_fewer": list(self.wins(OURS, other)),
                    "gain": {n: asdict(self.gain(n, OURS, other)) for n in self.landscapes},
                }
                for other in compared
            },
        }


def table_text(summary: Summary) -> str:
    """The shares found by the end, as a Markdown table."""
    rows = []
    for name in summary.landscapes:
        replays = summary.of(name, summary.names[0])
        sizes = (
            _range([replay.pool for replay in replays]),
            _range([replay.top for replay in replays]),
        )
        shares = (_cell(summary.share(name, strategy)) for strategy in summary.names)
        rows.append((name, *sizes, *shares))
    lines = markdown_table(("landscape", "pool", "best", *summary.names), rows)
    for label, figures in (
        ("**mean**", [f"**{summary.mean_share(name):.3f}**" for name in summary.names]),
        (
            "one of the best or more, share of campaigns",
            [f"{summary.chance_of_top(name):.2f}" for name in summary.names],
        ),
        (
            "proposed variants in the best tenth",
            [f"{summary.tenths(name):.2f}" for name in summary.names],
        ),
    ):
        lines.append(f"| {label} | | | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


def _cell(average: Average) -> str:
    if average.lower is None or average.upper is None:
        return f"{average.mean:.2f}"
    return f"{average.mean:.2f} ± {average.upper - average.mean:.2f}"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def curve_of(
    summary: Summary, landscape: str, strategy: str, quantity: Callable[[Replay, int], float]
) -> list[Average]:
    """One quantity after the start and after each round."""
    replays = summary.of(landscape, strategy)
    return [
        Average.of([quantity(replay, step) for replay in replays])
        for step in range(summary.plan.rounds + 1)
    ]
