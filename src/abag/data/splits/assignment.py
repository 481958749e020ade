"""Assigns whole groups to parts of a wanted size."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from abag.data.splits.split import TEST, TRAIN, VALIDATION
from abag.errors import SplitError

DEFAULT_FOLDS: Final = 10


def part_targets(
    rows: int, folds: int | None = None, fractions: tuple[float, float, float] | None = None
) -> dict[str, float]:
    """Wanted number of rows of each part: ``folds`` equal ones, or (train, val, test) shares.

    Neither means ten folds. A share of 0 leaves the part away. Raises :class:`SplitError`.
    """
    if folds is not None and fractions is not None:
        raise SplitError("give either folds or train, val and test fractions, not both")
    if fractions is None:
        count = DEFAULT_FOLDS if folds is None else folds
        if count < 2:
            raise SplitError(f"--folds {count}: training and testing take 2 folds or more")
        return {f"fold-{i}": rows / count for i in range(count)}
    if len(fractions) != 3 or not all(math.isfinite(f) and 0 <= f <= 1 for f in fractions):
        raise SplitError(f"fractions are {fractions}; give train, val and test, each 0 to 1")
    if abs(sum(fractions) - 1.0) > 1e-6:
        raise SplitError(
            f"train, val and test fractions sum to {sum(fractions):g}; they must sum to 1, "
            "for example 0.8, 0.1 and 0.1"
        )
    if fractions[0] == 0 or fractions[2] == 0:
        raise SplitError("the train and test fractions must be above 0")
    shares = zip((TRAIN, VALIDATION, TEST), fractions, strict=True)
    return {name: fraction * rows for name, fraction in shares if fraction > 0}


def assign_groups(
    sizes: Mapping[str, int], targets: Mapping[str, float], seed: int, groups: str = "groups"
) -> dict[str, str]:
    """Part of each group: largest group first, always into the part that lacks most rows.

    Ties of groups and of parts are broken by the seed. The result depends on the groups' names
    and sizes alone. No part stays empty, and no fold exceeds the mean by more than the largest
    group. Raises :class:`SplitError` when there are fewer groups than parts.
    """
    if len(sizes) < len(targets):
        raise SplitError(
            f"the table has {len(sizes)} {groups}, fewer than the {len(targets)} parts asked for; "
            f"ask for at most {len(sizes)} folds, change the threshold or choose another strategy"
            if len(sizes) > 1
            else f"the table has fewer than two {groups}: nothing to part; choose another strategy"
        )
    generator = np.random.default_rng(seed)
    names = sorted(sizes)
    order = dict(zip(names, generator.permutation(len(names)).tolist(), strict=True))
    ranks = generator.permutation(len(targets)).tolist()
    lacking = [
        (-target, rank, part) for (part, target), rank in zip(targets.items(), ranks, strict=True)
    ]
    heapq.heapify(lacking)
    empty = set(targets)
    assigned: dict[str, str] = {}
    for n_assigned, name in enumerate(sorted(names, key=lambda n: (-sizes[n], order[n]))):
        set_aside = []
        if len(names) - n_assigned <= len(empty):
            # As many groups are left as parts are empty: each goes to one of those.
            while lacking[0][2] not in empty:
                set_aside.append(heapq.heappop(lacking))
        lack, rank, part = heapq.heappop(lacking)
        assigned[name] = part
        empty.discard(part)
        heapq.heappush(lacking, (lack + sizes[name], rank, part))
        for entry in set_aside:
            heapq.heappush(lacking, entry)
    return assigned


def majority_parts(
    members: Mapping[str, Sequence[str]], parts: Sequence[str], seed: int
) -> dict[str, str]:
    """Most frequent part among each group's members; ties are broken by the seed."""
    ranks = np.random.default_rng(seed).permutation(len(parts)).tolist()
    rank = dict(zip(sorted(parts), ranks, strict=True))
    result = {}
    for name in sorted(members):
        counts: dict[str, int] = {}
        for part in members[name]:
            counts[part] = counts.get(part, 0) + 1
        result[name] = min(counts, key=lambda part: (-counts[part], rank[part]))
    return result
