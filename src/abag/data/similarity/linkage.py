"""Single linkage: two things are in one cluster when a chain of close pairs joins them.

Clusters by greedy representatives (CD-HIT, linclust) leave close pairs on both sides of a
cluster border, which is a leak when clusters become folds. Connected components leave none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import sequence_hash
from abag.progress import task

Linked = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.bool_]]
"""Whether item ``rows[i]`` is close to item ``columns[j]``, for two arrays of indices."""

_PAIRS_AT_ONCE: Final = 2_000_000
_SHOW_PROGRESS_FROM: Final = 3_000


class Components:
    """Disjoint sets of the integers below ``count`` (union by the smaller root)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, item: int) -> int:
        """The smallest member known to be joined with ``item``."""
        root = item
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[item] != root:
            self._parent[item], item = root, self._parent[item]
        return root

    def join(self, first: int, second: int) -> None:
        """Join two sets."""
        a, b = sorted((self.find(first), self.find(second)))
        self._parent[b] = a

    def labels(self) -> NDArray[np.intp]:
        """Smallest member of the set of each item."""
        return np.array([self.find(i) for i in range(len(self._parent))], dtype=np.intp)


def linked_components(count: int, linked: Linked, item_name: str = "items") -> NDArray[np.intp]:
    """Connected components of the graph ``linked``: the smallest member for each item.

    Only items that are not in a component yet are compared, so a library of variants of one
    parent costs about count x (number of clusters) comparisons; the worst case, nothing linked,
    costs count^2 / 2.
    """
    labels = np.full(count, -1, dtype=np.intp)
    remaining = np.arange(count, dtype=np.intp)
    bar = task(f"clustering {item_name}", count) if count >= _SHOW_PROGRESS_FROM else nullcontext()
    with bar as progress:
        while remaining.size:
            start, remaining = remaining[0], remaining[1:]
            labels[start] = start
            frontier = np.array([start], dtype=np.intp)
            while frontier.size and remaining.size:
                size = max(1, min(256, _PAIRS_AT_ONCE // remaining.size))
                rows, frontier = frontier[:size], frontier[size:]
                is_linked = linked(rows, remaining).any(axis=0)
                labels[remaining[is_linked]] = start
                frontier = np.concatenate([frontier, remaining[is_linked]])
                remaining = remaining[~is_linked]
                if progress is not None:
                    progress.advance(int(is_linked.sum()))
            if progress is not None:
                progress.advance()
    return labels


def cluster_names(keys: Sequence[str], labels: NDArray[np.intp], prefix: str) -> dict[str, str]:
    """Name of each key's cluster: ``prefix`` and a hash of its first member in the alphabet.

    So a name depends on the members alone and not on the order of rows.
    """
    first: dict[int, str] = {}
    for key, label in zip(keys, labels.tolist(), strict=True):
        first[label] = min(key, first.get(label, key))
    names = {label: prefix + sequence_hash(key) for label, key in first.items()}
    return {key: names[label] for key, label in zip(keys, labels.tolist(), strict=True)}
