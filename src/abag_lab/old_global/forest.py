"""A forest of extremely randomised regression trees as plain arrays.

It is grown by scikit-learn (Geurts, Ernst and Wehenkel, Mach Learn 2006) and read with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from abag.errors import UnavailableError

Reals = NDArray[np.float64]
_ROWS_OF_A_CHUNK = 2_048
_FEW_ROWS = 100
"""Below this the steps of single trees cost more than the cache saves."""


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees in a row. A leaf has ``feature`` -1; ``left`` and ``right`` are nodes."""

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Reals
    depth: int

    @classmethod
    def grow(
        cls,
        features: Reals,
        target: Reals,
        weights: Reals,
        *,
        trees: int,
        leaf: int,
        share: float,
        seed: int,
    ) -> Self:
        """Grow ``trees``; ``leaf`` is the fewest rows of a leaf, ``share`` of features tried."""
        try:
            from sklearn.ensemble import ExtraTreesRegressor
        except ImportError:
            raise UnavailableError(
                "trees are grown by scikit-learn: pip install 'abag[workshop]'"
            ) from None
        grown = ExtraTreesRegressor(
            trees, min_samples_leaf=leaf, max_features=share, random_state=seed, n_jobs=1
        ).fit(features.astype(np.float32), target, sample_weight=weights)
        own = [estimator.tree_ for estimator in grown.estimators_]
        sizes = [tree.node_count for tree in own]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        first = np.repeat(roots, sizes)
        feature = np.concatenate([tree.feature for tree in own]).astype(np.int64)
        leaf_node = feature < 0
        node = np.arange(len(feature))
        children = [
            np.where(leaf_node, node, np.concatenate([getattr(t, name) for t in own]) + first)
            for name in ("children_left", "children_right")
        ]
        threshold = np.concatenate([tree.threshold for tree in own])
        return cls(
            roots=roots,
            feature=np.where(leaf_node, -1, feature),
            # Features are single precision: round down, so that x <= threshold keeps its answer.
            threshold=_rounded_down(np.where(leaf_node, 0.0, threshold)),
            left=children[0],
            right=children[1],
            value=np.concatenate([tree.value[:, 0, 0] for tree in own]),
            depth=max(tree.max_depth for tree in own),
        )

    def predict(self, features: Reals) -> tuple[Reals, Reals]:
        """Mean and standard deviation over the trees, each of shape (rows,)."""
        single = features.astype(np.float32)
        parts = [
            self._predict(single[start : start + _ROWS_OF_A_CHUNK])
            for start in range(0, len(single), _ROWS_OF_A_CHUNK)
        ]
        if not parts:
            return np.zeros(0), np.zeros(0)
        joined = np.concatenate(parts, axis=1)
        return joined[0], joined[1]

    def _predict(self, features: NDArray[np.float32]) -> Reals:
        few = len(features) < _FEW_ROWS
        values = self._all_at_once(features) if few else self._tree_by_tree(features)
        # Added tree by tree, so that a row's number does not depend on the rows beside it.
        mean, square = np.zeros(len(features)), np.zeros(len(features))
        for of_tree in values:
            mean += of_tree
        mean /= len(values)
        for of_tree in values:
            square += (of_tree - mean) ** 2
        return np.stack([mean, np.sqrt(square / len(values))])

    def _all_at_once(self, features: NDArray[np.float32]) -> Reals:
        """Leaf values [trees, rows]; one step down takes all trees."""
        rows = np.arange(len(features))
        node = np.broadcast_to(self.roots[:, None], (len(self.roots), len(features))).copy()
        for _ in range(self.depth):
            # A leaf leads to itself, whatever is asked.
            goes_left = features[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        return self.value[node]

    def _tree_by_tree(self, features: NDArray[np.float32]) -> Reals:
        """The same; one tree at a time stays in the cache, which is four times as fast."""
        short = self._without_questions_of(features)
        flat = np.ascontiguousarray(features).ravel()
        first = np.arange(len(features)) * features.shape[1]
        values = np.empty((len(self.roots), len(features)))
        ends = [*self.roots[1:], len(self.feature)]
        for place, (start, end) in enumerate(zip(self.roots, ends, strict=True)):
            own = slice(start, end)
            asked, threshold = np.maximum(self.feature[own], 0), self.threshold[own]
            child = np.stack([short.right[own], short.left[own]], axis=1).ravel() - start
            node = np.full(len(features), short.roots[place] - start)
            for _ in range(short.depths[place]):
                goes_left = flat.take(first + asked.take(node)) <= threshold.take(node)
                node = child.take(2 * node + goes_left)
            values[place] = self.value[own].take(node)
        return values

    def _without_questions_of(self, features: NDArray[np.float32]) -> _Shortened:
        """Leave out the nodes that ask for what is equal in all rows, such as one light chain."""
        node = np.arange(len(self.feature))
        asked = np.maximum(self.feature, 0)
        equal = (features == features[0]).all(axis=0)
        settled = equal[asked] & (self.feature >= 0)
        answer = np.where(features[0][asked] <= self.threshold, self.left, self.right)
        ahead = np.where(settled, answer, node)
        while not np.array_equal(further := ahead[ahead], ahead):
            ahead = further
        left, right, roots = ahead[self.left], ahead[self.right], ahead[self.roots]
        depths = np.zeros(len(roots), dtype=np.int64)
        tree, at = np.arange(len(roots)), roots
        while len(at):
            inner = self.feature[at] >= 0
            tree, at = np.tile(tree[inner], 2), at[inner]
            depths[tree] += 1
            at = np.concatenate([left[at], right[at]])
        return _Shortened(roots, left, right, depths)

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Arrays to be saved, under a name."""
        return {
            f"{name}.roots": self.roots.astype(np.int32),
            f"{name}.feature": self.feature.astype(np.int16),
            f"{name}.threshold": self.threshold,
            f"{name}.left": self.left.astype(np.int32),
            f"{name}.right": self.right.astype(np.int32),
            f"{name}.value": self.value,
            f"{name}.depth": np.array([self.depth], dtype=np.int32),
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        return cls(
            roots=arrays[f"{name}.roots"].astype(np.int64),
            feature=arrays[f"{name}.feature"].astype(np.int64),
            threshold=arrays[f"{name}.threshold"],
            left=arrays[f"{name}.left"].astype(np.int64),
            right=arrays[f"{name}.right"].astype(np.int64),
            value=arrays[f"{name}.value"].astype(np.float64),
            depth=int(arrays[f"{name}.depth"][0]),
        )


class _Shortened(NamedTuple):
    """Nodes to begin with, nodes that follow, and the most steps down, for each tree."""

    roots: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    depths: NDArray[np.int64]


def _rounded_down(threshold: Reals) -> NDArray[np.float32]:
    single = threshold.astype(np.float32)
    return np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single)
