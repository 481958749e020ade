"""Parent, bounds and noise of the rows of one assay, and how wide their intervals must be."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import TARGET_COLUMNS, Pairs
from abag.model.assay_gp.censoring import Bounds

Reals = NDArray[np.float64]

_VOTERS: Final = 200
"""Rows whose parent is counted."""
_SUBSTITUTION: Final = re.compile(r"([HL]):([A-Z])(\d+)([A-Z])")
_CALIBRATION: Final = 0.9
_NORMAL_90: Final = 1.6448536269514722
_OPTIMISM: Final = 3.0
"""Rows' worth of optimism of leave-one-out errors; chosen on seeds 10 and 11 of the benchmark."""


def parent_of(table: Pairs) -> tuple[str, str] | None:
    """Heavy and light chain of the parent: what most rows become when their mutations are undone.

    None where no row names substitutions that stand in its chains.
    """
    if "mutations" not in table.columns:
        return None
    votes: Counter[tuple[str, str]] = Counter()
    rows = table.filter(pl.col("mutations").is_not_null()).slice(0, _VOTERS)
    for heavy, light, text in rows.select("heavy", "light", "mutations").iter_rows():
        if (parent := _parent_chains({"H": list(heavy), "L": list(light or "")}, text)) is not None:
            votes[parent] += 1
    return votes.most_common(1)[0][0] if votes else None


def _parent_chains(chains: dict[str, list[str]], text: str) -> tuple[str, str] | None:
    for piece in filter(None, text.split(";")):
        substitution = _SUBSTITUTION.fullmatch(piece)
        if substitution is None:
            return None
        old, place, new = substitution[2], int(substitution[3]) - 1, substitution[4]
        chain = chains[substitution[1]]
        if place >= len(chain) or chain[place] != new:
            return None
        chain[place] = old
    return "".join(chains["H"]), "".join(chains["L"])


def lengths(chains: list[str]) -> int:
    """Number of different lengths."""
    return len({len(chain) for chain in chains})


def in_order(table: Pairs, target: str) -> Pairs:
    """Rows in an order of their own, so that the order of the file changes no digit."""
    return Pairs(table.frame.sort(["heavy", "light", target], nulls_last=True))


def censored_rows(table: Pairs, target: str) -> Pairs:
    """Rows that have a bound alone."""
    _, lower, upper = TARGET_COLUMNS[target]
    bounded = [pl.col(name).is_not_null() for name in (lower, upper) if name in table.columns]
    if not bounded:
        return table.filter(pl.lit(False))
    return table.filter(pl.col(target).is_null() & pl.any_horizontal(bounded))


def bounds_of(table: Pairs, target: str) -> Bounds:
    """Bounds of the targets, equal where exact, infinite where open."""
    value = table[target].to_numpy()
    bounds = []
    for name, open_end in zip(TARGET_COLUMNS[target][1:], (-np.inf, np.inf), strict=True):
        bound = (
            table[name].fill_null(open_end).to_numpy()
            if name in table.columns
            else np.full(table.height, open_end)
        )
        bounds.append(np.where(np.isfinite(value), value, bound))
    return Bounds(bounds[0], bounds[1])


def relative_noise(table: Pairs) -> Reals:
    """Noise of a row as a share of a single measurement's: half of it averages out.

    The other half stands for what the kernel cannot express, which no replicate removes.
    """
    if "replicates" not in table.columns:
        return np.ones(table.height)
    replicates = table["replicates"].fill_null(1).to_numpy().astype(np.float64).clip(1.0)
    return np.asarray(0.5 + 0.5 / replicates)


def widening_of(*blocks: Reals) -> float:
    """Factor that lets 90 % of new errors lie in their 90 % intervals, from left-out rows' errors.

    The quantile is that of split conformal prediction, the ceil(0.9 (n + 1))-th of n; it is drawn
    towards 1 by the weight of ten rows. Rows of a block were left out together and share their
    error, and so will the rows of a new one: the block that errs most speaks. Hyper-parameters
    were chosen with the rows in sight, so a share :data:`_OPTIMISM` / n is added.
    """
    count = sum(map(len, blocks))
    ratio = max(_upper_error(errors) for errors in blocks) / _NORMAL_90
    weight = count / (count + 10.0)
    return float(np.exp(weight * np.log(max(ratio, 0.3))) * (1.0 + _OPTIMISM / count))


def _upper_error(errors: Reals) -> float:
    rank = min(len(errors), int(np.ceil(_CALIBRATION * (len(errors) + 1))))
    return float(np.sort(errors)[rank - 1])
