"""Does an antibody resemble those that bind an antigen? A kernel on antibodies, by antigen cluster.

For each antigen cluster a ridge tells the antibodies that were measured on it from all others
(kernel: :mod:`abag.model.pairs.kernel`). Its value
is counted in standard deviations of the antibodies of other antigens, so that an antigen with many
measured antibodies is not found more often than one with few. Two-step kernel ridge with a cluster
as the second step: Stock et al., Neural Comput 30:2245 (2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.pairs.kernel import Columns

Reals = NDArray[np.float64]
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
        """What the kernel has to give for rows on these measured antigens (-1: none)."""
        asked = np.where(antigens >= 0, self.cluster[antigens], -1)
        return Columns(self.weights, asked)

    def scores(self, values: Reals, antigens: Places) -> Reals:
        """Standard deviations above the antibodies of other antigens; NaN without an antigen."""
        place = self.cluster[antigens]
        found = (values - self.mean[place]) / self.deviation[place]
        return np.where(antigens >= 0, found, np.nan)

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
