"""Batches of molecules of like length, bounded by a budget of padded residues. Knows no model.

The longest come first: a batch that is too large for the memory shows at the start, not after an
hour. The same lengths and budget always give the same batches.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from abag.errors import OptionError

Item = TypeVar("Item", bound=Hashable)

MAX_PADDING: Final = 0.1
"""Largest share of padding in a row of a batch, and so in any batch."""


def distinct(items: Sequence[Item]) -> tuple[list[Item], NDArray[np.int64]]:
    """The distinct items in the order of their first appearance, and the place of each item.

    Returns:
        ``firsts`` and ``places`` [items] with ``firsts[places[i]] == items[i]``.
    """
    index: dict[Item, int] = {}
    places = [index.setdefault(item, len(index)) for item in items]
    return list(index), np.array(places, dtype=np.int64)


def plan_batches(lengths: Sequence[int], budget: int) -> list[tuple[int, ...]]:
    """Divide molecules among batches.

    Args:
        lengths: residues of each distinct molecule, 1 or more.
        budget: padded residues in a batch, at most; a longer molecule gets a batch of its own.

    Returns:
        Places in ``lengths`` by batch, from the longest molecule to the shortest; each occurs once.

    Raises:
        OptionError: for a budget below 1.
    """
    require_budget(budget)
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        longest = lengths[batches[-1][0]] if batches else 0
        full = batches and (len(batches[-1]) + 1) * longest > budget
        if not batches or full or lengths[index] < (1.0 - MAX_PADDING) * longest:
            batches.append([])
        batches[-1].append(index)
    return [tuple(batch) for batch in batches]


def require_budget(budget: int | None) -> None:
    """Raise :class:`OptionError` for a budget of residues in a batch that holds no molecule."""
    if budget is not None and budget < 1:
        raise OptionError(f"a budget of {budget} residues holds no molecule; give 1 or more")
