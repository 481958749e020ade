"""A forest of extremely randomised regression trees as plain arrays.

It is grown by scikit-learn (Geurts, Ernst and Wehenkel, Mach Learn 2006) and read with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from abag.errors import installed

Reals = NDArray[np.float64]
_ROWS_OF_A_CHUNK = 256


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
        needs = "trees are grown by scikit-learn: pip install 'abag[workshop]'"
        grown = (
            installed("sklearn.ensemble", needs)
            .ExtraTreesRegressor(
                trees, min_samples_leaf=leaf, max_features=share, random_state=seed, n_jobs=1
            )
            .fit(features.astype(np.float32), target, sample_weight=weights)
        )
        grown_trees = [estimator.tree_ for estimator in grown.estimators_]
        sizes = [tree.node_count for tree in grown_trees]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        first = np.repeat(roots, sizes)
        feature = np.concatenate([tree.feature for tree in grown_trees]).astype(np.int64)
        leaf_node = feature < 0
        node = np.arange(len(feature))
        children = [
            np.where(
                leaf_node, node, np.concatenate([getattr(t, name) for t in grown_trees]) + first
            )
            for name in ("children_left", "children_right")
        ]
        threshold = np.concatenate([tree.threshold for tree in grown_trees])
        return cls(
            roots=roots,
            feature=np.where(leaf_node, -1, feature),
            # Features are single precision: round down, so that x <= threshold keeps its answer.
            threshold=_rounded_down(np.where(leaf_node, 0.0, threshold)),
            left=children[0],
            right=children[1],
            value=np.concatenate([tree.value[:, 0, 0] for tree in grown_trees]),
            depth=max(tree.max_depth for tree in grown_trees),
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
        values = self._leaves(features)
        # Added tree by tree, so that a row's number does not depend on the rows beside it.
        mean, square = np.zeros(len(features)), np.zeros(len(features))
        for of_tree in values:
            mean += of_tree
        mean /= len(values)
        for of_tree in values:
            square += (of_tree - mean) ** 2
        return np.stack([mean, np.sqrt(square / len(values))])

    def _leaves(self, features: NDArray[np.float32]) -> Reals:
        """Leaf values [trees, rows]; one step down takes all trees."""
        rows = np.arange(len(features))
        node = np.broadcast_to(self.roots[:, None], (len(self.roots), len(features))).copy()
        for _ in range(self.depth):
            # A leaf leads to itself, whatever the features.
            goes_left = features[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        return self.value[node]

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


def _rounded_down(threshold: Reals) -> NDArray[np.float32]:
    single = threshold.astype(np.float32)
    return np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single)
