"""Kernel ridge on k-mer cosines of heavy chain, light chain and antigen.

With H, L and A the cosines of square-rooted k-mer counts (k = 1 to 4) of two pairs, the kernel is
0.4 H + 0.2 L + 0.2 A + 0.6 H A + 0.3 H L A: sums let chains speak alone, products let an antibody
mean something on one antigen only. The prediction is the mean target plus K (K + ridge I)^-1 y.
It knows no structure and no biology; a network that does not beat it has learnt nothing.

Rows with the same chains are merged before solving. That is exact: n equal rows with mean m act
like one row m with ridge / n.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from abag.data.tables import Pairs
from abag.errors import ModelError
from abag.model.array_model import ArrayModel, Arrays
from abag.model.pair_similarity import Cosines, PairSimilarity
from abag.model.protocol import Answer, Settings
from abag.model.training_set import TrainingSet

Reals = NDArray[np.float64]


class KmerRidgeSettings(Settings):
    """Weights of the kernel's terms, and the ridge."""

    ridge: float = Field(
        0.1,
        gt=0.0,
        description="Added to the kernel's diagonal: 0.1 for distinct rows, 0.03 with copies.",
    )
    heavy: float = Field(0.4, ge=0.0, description="Weight of H.")
    light: float = Field(0.2, ge=0.0, description="Weight of L.")
    antigen: float = Field(0.2, ge=0.0, description="Weight of A.")
    heavy_antigen: float = Field(0.6, ge=0.0, description="Weight of H A.")
    heavy_light_antigen: float = Field(0.3, ge=0.0, description="Weight of H L A.")
    heavy_residues: int = Field(130, ge=1, description="Residues of the heavy chain that count.")
    light_residues: int = Field(120, ge=1, description="Residues of the light chain that count.")
    max_rows: int = Field(
        6_000, ge=1, description="More training rows are sampled to this many (memory is n^2)."
    )


class KmerRidge(ArrayModel[KmerRidgeSettings]):
    """The strongest baseline on mixed antigens."""

    name = "kmer-ridge"
    settings_type = KmerRidgeSettings
    _pairs: PairSimilarity
    _mean: float
    _weights: Reals

    def _choose(self, rows: TrainingSet) -> TrainingSet:
        return rows.sample(self.settings.max_rows, self.settings.seed)

    def _learn(self, rows: TrainingSet) -> None:
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        settings = self.settings
        distinct, owner = _distinct_pairs(
            rows.pairs, settings.heavy_residues, settings.light_residues
        )
        copies = np.bincount(owner).astype(np.float64)
        target = np.bincount(owner, rows.target) / copies
        self._pairs = PairSimilarity.of(distinct, settings.heavy_residues, settings.light_residues)
        self._mean = float(rows.target.mean())
        kernel = self._pairs.in_chunks(distinct, self.kernel)
        kernel[np.diag_indices_from(kernel)] += settings.ridge / copies
        try:
            factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            raise ModelError(
                f"the kernel matrix cannot be solved with ridge {settings.ridge}; "
                "use a larger one, for example --set ridge=0.1"
            ) from None
        self._weights = cho_solve(factor, target - self._mean, check_finite=False)

    def kernel(self, cosines: Cosines) -> Reals:
        """Kernel of each row to each training row, shape (rows, training rows)."""
        weights = self.settings
        with_light = weights.heavy_antigen + weights.heavy_light_antigen * cosines.light
        return np.asarray(
            weights.heavy * cosines.heavy
            + weights.light * cosines.light
            + weights.antigen * cosines.antigen
            + cosines.heavy * cosines.antigen * with_light
        )

    def _values(self, table: Pairs) -> Reals:
        return self._pairs.in_chunks(table, lambda cosines: self._dot(self.kernel(cosines)))

    def _dot(self, kernel: Reals) -> Reals:
        # Sums of contiguous rows and not ``@``: BLAS may order the terms by the number of rows,
        # and then a row's last digits would depend on its batch.
        terms = np.multiply(kernel, self._weights, order="C")
        return np.asarray(terms.sum(axis=1) + self._mean)

    def answer(self, table: Pairs | pl.DataFrame) -> Answer:
        """Predictions, and the normalised kernel to the nearest training pair."""
        table = self._checked_rows(table)
        if table.is_empty():
            return Answer.of(np.zeros(0))
        of_training = self._self_kernel(self._pairs.light.present, self._pairs.antigen.present)

        def value_and_nearness(cosines: Cosines) -> Reals:
            kernel = self.kernel(cosines)
            values = self._dot(kernel)
            self_kernel = self._self_kernel(cosines.has_light, cosines.has_antigen)
            kernel /= np.sqrt(self_kernel[:, None] * of_training[None, :])
            return np.stack([values, kernel.max(axis=1).clip(0.0, 1.0)], axis=1)

        joined = self._pairs.in_chunks(table, value_and_nearness)
        return Answer.of(joined[:, 0], joined[:, 1])

    def _self_kernel(self, has_light: NDArray[np.bool_], has_antigen: NDArray[np.bool_]) -> Reals:
        """Kernel of a pair with itself: every cosine is 1 where the molecule is there."""
        weights = self.settings
        return np.asarray(
            np.maximum(
                weights.heavy
                + weights.light * has_light
                + weights.antigen * has_antigen
                + weights.heavy_antigen * has_antigen
                + weights.heavy_light_antigen * (has_light & has_antigen),
                1e-12,
            )
        )

    def _arrays(self) -> Arrays:
        return {
            **self._pairs.arrays(),
            "mean": np.array([self._mean]),
            "weights": self._weights,
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        settings = self.settings
        self._pairs = PairSimilarity.from_arrays(
            arrays, settings.heavy_residues, settings.light_residues
        )
        self._mean = float(arrays["mean"][0])
        self._weights = arrays["weights"]


def _distinct_pairs(
    pairs: Pairs, heavy_residues: int, light_residues: int
) -> tuple[Pairs, NDArray[np.int64]]:
    """Distinct pairs in order of appearance, and the pair of each row."""
    cut = pairs.select(
        pl.col("heavy").str.slice(0, heavy_residues),
        pl.col("light").fill_null("").str.slice(0, light_residues),
        pl.col("antigen"),
    )
    keyed = cut.with_columns(key=pl.col("antigen").list.join("/").fill_null("")).with_row_index(
        "row"
    )
    distinct = keyed.unique(["heavy", "light", "key"], keep="first", maintain_order=True)
    numbered = distinct.select("heavy", "light", "key").with_row_index("pair")
    owner = keyed.join(numbered, on=["heavy", "light", "key"], how="left", maintain_order="left")
    chains = Pairs(distinct.select("heavy", "light", "antigen"))
    return chains, owner["pair"].to_numpy().astype(np.int64)
