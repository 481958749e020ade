"""The part that remembers: kernel ridge on k-mer cosines, and how near a pair is to known ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from abag.data.tables import Pairs
from abag.model.pair_similarity import Cosines, PairSimilarity

Reals = NDArray[np.float64]

HEAVY_RESIDUES: Final = 130
LIGHT_RESIDUES: Final = 120


class Remembered(NamedTuple):
    """Prediction of the kernel for each row, and its similarity to the training pairs; (rows,)."""

    value: Reals
    pair: Reals
    """Normalised kernel to the nearest training pair, 0 to 1."""
    antigen: Reals
    """K-mer cosine to the nearest training antigen, 0 to 1."""
    antibody: Reals
    """Mean k-mer cosine of the chains to those of the nearest training antibody, 0 to 1."""


@dataclass(frozen=True)
class PairKernel:
    """0.4 H + 0.2 L + 0.2 A + 0.6 H A + 0.3 H L A of k-mer cosines, as in ``kmer-ridge``."""

    pairs: PairSimilarity
    weights: Reals
    mean: float

    @classmethod
    def fit(cls, frame: Pairs, target: Reals, noise: Reals) -> Self:
        """Solve for distinct pairs; ``noise`` of shape (pairs,) is added to the diagonal."""
        from scipy.linalg import cho_factor, cho_solve

        pairs = PairSimilarity.of(frame, HEAVY_RESIDUES, LIGHT_RESIDUES)
        kernel = pairs.in_chunks(frame, _kernel)
        kernel[np.diag_indices_from(kernel)] += noise
        factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
        mean = float(target.mean())
        return cls(pairs, cho_solve(factor, target - mean, check_finite=False), mean)

    def recall(self, frame: Pairs) -> Remembered:
        """Value and similarities of each row of a frame with heavy, light and antigen."""
        if frame.is_empty():
            return Remembered(*np.zeros((4, 0)))
        training = _self_kernel(self.pairs.light.present, self.pairs.antigen.present)

        def kernel_answer(cosines: Cosines) -> Reals:
            kernel = _kernel(cosines)
            # Sums of contiguous rows and not ``@``: a row's digits must not depend on its batch.
            values = np.multiply(kernel, self.weights, order="C").sum(axis=1) + self.mean
            self_kernel = _self_kernel(cosines.has_light, cosines.has_antigen)
            if (self_kernel == self_kernel[0]).all():
                self_kernel = self_kernel[:1]
            kernel /= np.sqrt(self_kernel[:, None] * training[None, :])
            antigen = np.broadcast_to(cosines.antigen.max(axis=1), values.shape)
            antibody = _antibody_cosines(cosines, self.pairs.light.present).max(axis=1)
            similarities = (kernel.max(axis=1), antigen, antibody)
            return np.stack(
                [values, *(similarity.clip(0.0, 1.0) for similarity in similarities)], axis=1
            )

        return Remembered(*self.pairs.in_chunks(frame, kernel_answer).T)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {
            **self.pairs.arrays(),
            "kernel.weights": self.weights,
            "kernel.mean": np.array([self.mean]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        pairs = PairSimilarity.from_arrays(arrays, HEAVY_RESIDUES, LIGHT_RESIDUES)
        return cls(pairs, arrays["kernel.weights"], float(arrays["kernel.mean"][0]))


def _kernel(cosines: Cosines) -> Reals:
    heavy, light, antigen = cosines.heavy, cosines.light, cosines.antigen
    both = heavy * antigen
    both *= 0.6 + 0.3 * light
    kernel = 0.4 * heavy
    kernel += 0.2 * light
    kernel += 0.2 * antigen
    kernel += both
    return np.asarray(kernel)


def _antibody_cosines(cosines: Cosines, light_in_training: NDArray[np.bool_]) -> Reals:
    """Mean of the cosines of both chains; of the heavy one where neither has a light chain."""
    has_light = cosines.has_light
    if (has_light == has_light[0]).all():
        has_light = has_light[:1]
    weight = np.where(has_light[:, None] | light_in_training[None, :], 0.5, 1.0)
    both = cosines.heavy + cosines.light
    both *= weight
    return np.asarray(both)


def _self_kernel(has_light: NDArray[np.bool_], has_antigen: NDArray[np.bool_]) -> Reals:
    return np.asarray(
        0.4 + 0.2 * has_light + 0.2 * has_antigen + has_antigen * (0.6 + 0.3 * has_light)
    )
