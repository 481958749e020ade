"""The level of a pair: what measured pairs say of it, by k-mer cosines of the chains.

With H, L and A the cosines of heavy chains, light chains and antigens (:mod:`abag.model.kmers`)

* of antibody and antigen together: 0.4 H² + 0.2 L² + 0.2 A + 0.6 H² A + 0.3 (H L)² A,
* of the antibody alone:            0.5 H⁸ + 0.3 L⁸,

each a kernel ridge. The second has no part in the antigen: between antigens that have nothing in
common a cosine is noise, and was worse than none (docs/models/pairs.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.model.pair_similarity import Cosines, PairSimilarity

Reals = NDArray[np.float64]

HEAVY_RESIDUES: Final = 130
LIGHT_RESIDUES: Final = 120


class Recalled(NamedTuple):
    """What the measured pairs say of each row; all of shape (rows,)."""

    of_pair: Reals
    """Level by antibody and antigen together, pKd."""
    of_antibody: Reals
    """Level by the antibody alone, pKd."""
    chosen: Reals
    """The further function that the row asks for; NaN where it asks for none."""
    pair: Reals
    """Normalised kernel to the nearest measured pair, 0 to 1."""
    antigen: Reals
    """K-mer cosine to the nearest measured antigen, 0 to 1."""
    antibody: Reals
    """Mean k-mer cosine of the chains to those of the nearest measured antibody, 0 to 1."""


class Columns(NamedTuple):
    """Further functions of the antibody, and which of them each row asks for."""

    weights: NDArray[np.float32]
    """Shape (functions, pairs)."""
    asked: NDArray[np.int64]
    """Shape (rows,); -1 for none."""


@dataclass(frozen=True)
class LevelKernel:
    """Both kernel ridges on the same cosines. ``weights`` has shape (2, pairs), ``mean`` (2,)."""

    pairs: PairSimilarity
    weights: Reals
    mean: Reals

    @classmethod
    def fit(cls, frame: pl.DataFrame, target: Reals, noise: Reals, shares: Reals) -> Self:
        """Solve for distinct pairs.

        Args:
            frame: ``heavy``, ``light``, ``antigen`` of the pairs.
            target: pKd, shape (pairs,).
            noise: added to the diagonals, shape (2, pairs).
            shares: weight of each pair in the two means, shape (2, pairs); each row sums to 1.
        """
        pairs = PairSimilarity.of(frame, HEAVY_RESIDUES, LIGHT_RESIDUES)
        kernels = pairs.in_chunks(frame, lambda cosines: np.stack(_kernels(cosines), axis=1))
        mean = shares @ target
        weights = [
            _solved(np.ascontiguousarray(kernels[:, k]), noise[k], target - mean[k])
            for k in range(2)
        ]
        return cls(pairs, np.array(weights), mean)

    def recall(self, frame: pl.DataFrame, columns: Columns | None = None) -> Recalled:
        """Levels and similarities of each row of a frame with heavy, light and antigen.

        ``columns`` are further functions of the antibody, of which each row asks for one.
        """
        if frame.is_empty():
            return Recalled(*np.zeros((6, 0)))
        training = _self_kernel(self.pairs.light.present, self.pairs.antigen.present)
        parts, start = [], 0
        for chunk in self.pairs.chunks(frame):
            cosines = self.pairs.cosines(chunk)
            kernels = _kernels(cosines)
            # Sums of contiguous rows and not ``@``: a row's digits must not depend on its batch.
            values = [
                np.multiply(kernel, weights, order="C").sum(axis=1) + mean
                for kernel, weights, mean in zip(kernels, self.weights, self.mean, strict=True)
            ]
            values.append(_chosen(kernels[1], columns, slice(start, start + chunk.height)))
            own = _self_kernel(cosines.has_light, cosines.has_antigen)
            near = (kernels[0] / np.sqrt(own[:, None] * training[None, :])).max(axis=1)
            antigen = np.broadcast_to(cosines.antigen.max(axis=1), near.shape)
            antibody = _antibody_cosines(cosines, self.pairs.light.present).max(axis=1)
            similar = [one.clip(0.0, 1.0) for one in (near, antigen, antibody)]
            parts.append(np.stack([*values, *similar], axis=1))
            start += chunk.height
        return Recalled(*np.concatenate(parts).T)

    def antibody_kernel(self, frame: pl.DataFrame) -> Reals:
        """Kernel of the antibody alone between rows of a frame and the pairs, (rows, pairs)."""
        return self.pairs.in_chunks(frame, lambda cosines: _kernels(cosines)[1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {**self.pairs.arrays(), "level.weights": self.weights, "level.mean": self.mean}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        pairs = PairSimilarity.from_arrays(arrays, HEAVY_RESIDUES, LIGHT_RESIDUES)
        return cls(pairs, arrays["level.weights"], arrays["level.mean"])


def _chosen(kernel: Reals, columns: Columns | None, rows: slice) -> Reals:
    found = np.full(len(kernel), np.nan)
    if columns is None:
        return found
    asked = columns.asked[rows]
    some = np.flatnonzero(asked >= 0)
    if len(some):
        weights = columns.weights[asked[some]]
        found[some] = np.multiply(kernel[some], weights, order="C").sum(axis=1)
    return found


def _solved(kernel: Reals, noise: Reals, target: Reals) -> Reals:
    from scipy.linalg import cho_factor, cho_solve

    kernel[np.diag_indices_from(kernel)] += noise
    factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, target, check_finite=False))


def _kernels(cosines: Cosines) -> tuple[Reals, Reals]:
    antigen = cosines.antigen
    heavy, light = cosines.heavy**2, cosines.light**2
    with_antigen = heavy * antigen
    with_antigen *= 0.6 + 0.3 * light
    pair = 0.4 * heavy + 0.2 * light + 0.2 * antigen + with_antigen
    antibody = 0.5 * (heavy * heavy) ** 2 + 0.3 * (light * light) ** 2
    return np.asarray(pair), np.asarray(antibody)


def _antibody_cosines(cosines: Cosines, light_in_training: NDArray[np.bool_]) -> Reals:
    """Mean of the cosines of both chains; of the heavy one where neither has a light chain."""
    weight = np.where(cosines.has_light[:, None] | light_in_training[None, :], 0.5, 1.0)
    return np.asarray((cosines.heavy + cosines.light) * weight)


def _self_kernel(has_light: NDArray[np.bool_], has_antigen: NDArray[np.bool_]) -> Reals:
    return np.asarray(
        0.4 + 0.2 * has_light + 0.2 * has_antigen + has_antigen * (0.6 + 0.3 * has_light)
    )
