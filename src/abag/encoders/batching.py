"""Batches of molecules of like length, bounded by a budget of padded residues. Knows no model.

The longest come first: a batch that is too large for the memory shows at the start, not after an
hour. The same lengths and budget always give the same batches.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from abag.errors import OptionError

Item = TypeVar("Item", bound=Hashable)

MAX_PADDING: Final = 0.1
"""Largest share of padding in a row of a batch, and so in any batch."""


@dataclass(frozen=True, slots=True)
class MoleculeBatch:
    """What goes through an encoder at once."""

    places: tuple[int, ...]
    """Indices of its molecules in the lengths that were planned."""
    longest: int
    """Length of its longest molecule, to which the others are padded."""
    residues: int
    """Number of residues without padding."""

    @property
    def padded(self) -> int:
        """Number of residues that are computed, padding included."""
        return self.longest * len(self.places)

    @property
    def padding(self) -> float:
        """Share of what is computed that is padding."""
        return 1.0 - self.residues / self.padded


def distinct(items: Sequence[Item]) -> tuple[list[Item], NDArray[np.int64]]:
    """The distinct items in the order of their first appearance, and the place of each item.

    Returns:
        ``found`` and ``places`` [items] with ``found[places[i]] == items[i]``.
    """
    index: dict[Item, int] = {}
    places = [index.setdefault(item, len(index)) for item in items]
    return list(index), np.array(places, dtype=np.int64)


def plan_batches(
    lengths: Sequence[int], budget: int, *, max_padding: float = MAX_PADDING
) -> list[MoleculeBatch]:
    """Divide molecules among batches.

    Args:
        lengths: residues of each distinct molecule, 1 or more.
        budget: padded residues in a batch, at most; a longer molecule gets a batch of its own.
        max_padding: share of a row that may be padding, 0 (rows of one length alone) up to 1.

    Returns:
        Batches from the longest molecule to the shortest; each place occurs in one of them.

    Raises:
        OptionError: for a budget below 1 or a share outside 0 to 1.
    """
    if budget < 1:
        raise OptionError(f"a budget of {budget} residues holds no molecule; give 1 or more")
    if not 0.0 <= max_padding <= 1.0:
        raise OptionError(f"the share of padding is {max_padding}; give a number from 0 to 1")
    batches: list[MoleculeBatch] = []
    open_: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if open_:
            longest = lengths[open_[0]]
            full = (len(open_) + 1) * longest > budget
            if full or lengths[place] < (1.0 - max_padding) * longest:
                batches.append(_closed(open_, lengths))
                open_ = []
        open_.append(place)
    if open_:
        batches.append(_closed(open_, lengths))
    return batches


def _closed(places: Sequence[int], lengths: Sequence[int]) -> MoleculeBatch:
    return MoleculeBatch(tuple(places), lengths[places[0]], sum(lengths[i] for i in places))
