"""Level of a pair, and evidence that it binds, from measured pairs by k-mer cosines of chains.

With H, L and A the cosines of heavy chains, light chains and antigens
(:mod:`abag.model.pair_similarity`), and G the products of
g = exp(-m / 4) of heavy and of light chains, m mutations away from the germline: affinity grows
with the first of them and hardly with later ones

* of antibody and antigen together: 0.4 H² + 0.2 L² + (0.2 + 0.6 H² + 0.3 (H L)²) A² + G,
* of the antibody alone:            0.5 H⁸ + 0.3 L⁸ + G,

each a kernel ridge; and for the evidence that a pair binds, which asks for wider resemblance,
0.5 H² + 0.3 L² + 0.2 (H L)².

The second has no part in the antigen: between antigens that have nothing in common a cosine is
noise, and was worse than none (docs/models/pairs.md).

Does an antibody resemble those that bind an antigen? For each antigen cluster a ridge separates the
antibodies that were measured on it from all others. Its value is counted in standard deviations of
the antibodies of other antigens, so that an antigen with many measured antibodies is not found more
often than one with few. Two-step kernel ridge with a cluster as the second step: Stock et al.,
Neural Comput 30:2245 (2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.germlines import germline_distances
from abag.data.tables import Pairs
from abag.model.pair_similarity import Cosines, PairSimilarity

Reals = NDArray[np.float64]

HEAVY_RESIDUES: Final = 130
LIGHT_RESIDUES: Final = 120
FEW_MUTATIONS: Final = 4.0
"""After so many mutations two thirds of what maturation brings is there."""
_KERNEL_OF: Final = (0, 0, 1)
"""Which kernel each ridge has: 0 that of the pair, 1 that of the antibody."""


class Recalled(NamedTuple):
    """Levels and similarities by the measured pairs, each of shape (rows,)."""

    of_root: Reals
    """Level by antibody and antigen together, what changed from roots taken off, pKd."""
    of_pair: Reals
    """Level by antibody and antigen together, pKd."""
    of_antibody: Reals
    """Level by the antibody alone, pKd."""
    chosen: Reals
    """The further function that the row needs; NaN where it needs none."""
    pair: Reals
    """Normalised kernel to the nearest measured pair, 0 to 1."""
    antigen: Reals
    """K-mer cosine to the nearest measured antigen, 0 to 1."""
    antibody: Reals
    """Mean k-mer cosine of the chains to those of the nearest measured antibody, 0 to 1."""


class Columns(NamedTuple):
    """Further functions of the antibody, and the one that each row needs."""

    weights: NDArray[np.float32]
    """Shape (functions, pairs)."""
    function: NDArray[np.int64]
    """Shape (rows,); -1 for none."""


@dataclass(frozen=True)
class LevelKernel:
    """Three ridges on the same cosines: of the pair for roots, of the pair, of the antibody.

    ``weights`` has shape (3, pairs), ``mean`` (3,); ``germline`` (3, 2) is the slope in what is
    left of the germline, which the weights imply.
    """

    pairs: PairSimilarity
    weights: Reals
    mean: Reals
    germline: Reals

    @classmethod
    def fit(cls, frame: Pairs, targets: Reals, noise: Reals, shares: Reals) -> tuple[Self, Reals]:
        """Solve for distinct pairs; also the kernel of the evidence between them (pairs, pairs).

        Args:
            frame: ``heavy``, ``light``, ``antigen`` of the pairs.
            targets: pKd that each ridge is fitted to, shape (3, pairs).
            noise: added to the diagonals, shape (3, pairs).
            shares: weight of each pair in the means, shape (3, pairs); each row sums to 1.
        """
        pairs = PairSimilarity.of(frame, HEAVY_RESIDUES, LIGHT_RESIDUES)
        kernels = pairs.in_chunks(frame, lambda cosines: np.stack(_kernels(cosines), axis=1))
        germline = _germline_features(frame)
        mean = (shares * targets).sum(axis=1)
        weights = np.array(
            [
                _solved(kernels[:, of] + germline @ germline.T, noise[k], targets[k] - mean[k])
                for k, of in enumerate(_KERNEL_OF)
            ]
        )
        return cls(pairs, weights, mean, weights @ germline), np.ascontiguousarray(kernels[:, 2])

    def recall(self, frame: Pairs, columns: Columns | None = None) -> Recalled:
        """Levels and similarities of each row of a frame with heavy, light and antigen.

        ``columns`` are further functions of the antibody, of which each row needs one.
        """
        if frame.is_empty():
            return Recalled(*np.zeros((7, 0)))
        germline = _germline_features(frame)
        training = _self_kernel(self.pairs.light.present, self.pairs.antigen.present)
        parts, start = [], 0
        for chunk in self.pairs.chunks(frame):
            cosines = self.pairs.cosines(chunk)
            kernels = _kernels(cosines)
            # Sums of contiguous rows and not ``@``: a row's digits must not depend on its batch.
            rows = slice(start, start + chunk.height)
            values = [
                np.multiply(kernels[of], weights, order="C").sum(axis=1)
                + (germline[rows] * slope).sum(axis=1)
                + mean
                for of, weights, slope, mean in zip(
                    _KERNEL_OF, self.weights, self.germline, self.mean, strict=True
                )
            ]
            values.append(_further_values(kernels[2], columns, rows))
            self_kernel = _self_kernel(cosines.has_light, cosines.has_antigen)
            pair = (kernels[0] / np.sqrt(self_kernel[:, None] * training[None, :])).max(axis=1)
            antigen = np.broadcast_to(cosines.antigen.max(axis=1), pair.shape)
            antibody = _antibody_cosines(cosines, self.pairs.light.present).max(axis=1)
            similar = [similarity.clip(0.0, 1.0) for similarity in (pair, antigen, antibody)]
            parts.append(np.stack([*values, *similar], axis=1))
            start += chunk.height
        return Recalled(*np.concatenate(parts).T)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {
            **self.pairs.arrays(),
            "level.weights": self.weights,
            "level.mean": self.mean,
            "level.germline": self.germline,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        pairs = PairSimilarity.from_arrays(arrays, HEAVY_RESIDUES, LIGHT_RESIDUES)
        names = ("weights", "mean", "germline")
        return cls(pairs, *(arrays[f"level.{name}"] for name in names))


def _germline_features(frame: Pairs) -> Reals:
    """G of heavy and light chain of each row, (rows, 2); 0 for a chain that is not there."""
    chains = frame.chains()
    known = germline_distances(sorted({chain for row in chains for chain in row if chain}))
    distance = [[known.get(chain, np.inf) for chain in row] for row in chains]
    return np.exp(-np.array(distance).reshape(-1, 2) / FEW_MUTATIONS)


def _further_values(kernel: Reals, columns: Columns | None, rows: slice) -> Reals:
    values = np.full(len(kernel), np.nan)
    if columns is None:
        return values
    functions = columns.function[rows]
    rows_with_function = np.flatnonzero(functions >= 0)
    if len(rows_with_function):
        weights = columns.weights[functions[rows_with_function]]
        values[rows_with_function] = np.multiply(
            kernel[rows_with_function], weights, order="C"
        ).sum(axis=1)
    return values


def _solved(kernel: Reals, noise: Reals, target: Reals) -> Reals:
    from scipy.linalg import cho_factor, cho_solve

    kernel[np.diag_indices_from(kernel)] += noise
    factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, target, check_finite=False))


def _kernels(cosines: Cosines) -> tuple[Reals, Reals, Reals]:
    antigen, heavy, light = cosines.antigen**2, cosines.heavy**2, cosines.light**2
    with_antigen = heavy * (0.6 + 0.3 * light)
    with_antigen += 0.2
    with_antigen *= antigen
    pair = 0.4 * heavy + 0.2 * light + with_antigen
    antibody = 0.5 * (heavy * heavy) ** 2 + 0.3 * (light * light) ** 2
    alike = 0.5 * heavy + 0.3 * light + 0.2 * (heavy * light)
    return np.asarray(pair), np.asarray(antibody), np.asarray(alike)


def _antibody_cosines(cosines: Cosines, light_in_training: NDArray[np.bool_]) -> Reals:
    """Mean of the cosines of both chains; of the heavy one where neither has a light chain."""
    weight = np.where(cosines.has_light[:, None] | light_in_training[None, :], 0.5, 1.0)
    return np.asarray((cosines.heavy + cosines.light) * weight)


def _self_kernel(has_light: NDArray[np.bool_], has_antigen: NDArray[np.bool_]) -> Reals:
    return np.asarray(
        0.4 + 0.2 * has_light + 0.2 * has_antigen + has_antigen * (0.6 + 0.3 * has_light)
    )


Places = NDArray[np.int64]


@dataclass(frozen=True)
class BindingEvidence:
    """Ridges by antigen cluster.

    ``weights`` (clusters, pairs), ``mean`` and ``deviation`` (clusters,) over the antibodies of
    other antigens, ``cluster`` (antigens,) of each measured antigen.
    """

    weights: NDArray[np.float32]
    mean: Reals
    deviation: Reals
    cluster: Places

    @classmethod
    def fit(
        cls,
        matrix: Reals,
        cluster: Places,
        cluster_of_antigen: Places,
        noise: Reals,
    ) -> Self:
        """Learn from measured pairs; ``cluster`` (pairs,) is that of each pair's antigen.

        ``matrix`` (pairs, pairs) is their kernel; ``noise`` (pairs,) is added to its diagonal.
        """
        matrix[np.diag_indices_from(matrix)] += noise
        inverse = np.linalg.inv(matrix)
        member = (cluster[:, None] == np.arange(int(cluster.max(initial=-1)) + 1)).astype(float)
        weights = inverse @ (member - member.mean(axis=0))
        # What each pair's own antibody gets when it is left out, in closed form.
        left_out = (member - member.mean(axis=0)) - weights / np.diag(inverse)[:, None]
        others = np.where(member > 0, np.nan, left_out)
        deviation = np.nanstd(others, axis=0) if len(others) > 1 else np.ones(member.shape[1])
        mean = np.nanmean(others, axis=0) if len(others) > 1 else np.zeros(member.shape[1])
        return cls(
            np.ascontiguousarray(weights.T, dtype=np.float32),
            np.nan_to_num(mean),
            np.maximum(np.nan_to_num(deviation, nan=1.0), 1e-6),
            cluster_of_antigen,
        )

    def columns(self, antigens: Places) -> Columns:
        """Functions of the antibody for rows on these measured antigens (-1: none)."""
        functions = np.where(antigens >= 0, self.cluster[antigens], -1)
        return Columns(self.weights, functions)

    def scores(self, values: Reals, antigens: Places) -> Reals:
        """Standard deviations above the antibodies of other antigens; NaN without an antigen."""
        cluster = self.cluster[antigens]
        deviations = (values - self.mean[cluster]) / self.deviation[cluster]
        return np.where(antigens >= 0, deviations, np.nan)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {
            "binding.weights": self.weights,
            "binding.mean": self.mean,
            "binding.deviation": self.deviation,
            "binding.cluster": self.cluster,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        names = ("weights", "mean", "deviation", "cluster")
        return cls(*(arrays[f"binding.{name}"] for name in names))
