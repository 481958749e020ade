"""Ridge regression on the residues at the variable positions of one assay's variants.

Each (position, residue) seen in training is a column of zeros and ones. The ridge is chosen by
leave-one-out error from ``logspace(-2, 4, 13)``. Effects add up: the
model knows no interaction of two positions, nothing of a residue that it has not seen, and nothing
of the antigen, so it refuses rows of several assays or antigens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from abag.data.tables import Pairs
from abag.errors import ModelError, SchemaError
from abag.model.alignment import AlignBy, Alignment, Letters, chains_of, pair_refusals
from abag.model.array_model import ArrayModel, Arrays
from abag.model.protocol import Settings
from abag.model.training_set import TrainingSet

Reals = NDArray[np.float64]
RIDGES: Final = np.logspace(-2, 4, 13)
_CHUNK_ROWS: Final = 4096
_FEWEST_ROWS: Final = 3


def ridge_by_leaving_one_out(columns: Reals, target: Reals) -> tuple[float, Reals, float]:
    """The ridge of :data:`RIDGES` with the least leave-one-out error, coefficients, intercept.

    With the singular values s and left vectors U of the centred columns, the fitted values are
    U f U' y with f = s^2 / (s^2 + ridge), and leaving row i out gives the residual r_i / (1 - h_i)
    with h = U^2 f + 1 / n (Golub, Heath, Wahba 1979).

    Args:
        columns: [rows, columns].
        target: [rows].
    """
    centre, mean = columns.mean(axis=0), float(target.mean())
    left, sizes, right = np.linalg.svd(columns - centre, full_matrices=False)
    projected, residual = left.T @ (target - mean), target - mean
    errors = []
    for ridge in RIDGES:
        shrinkage = sizes**2 / (sizes**2 + ridge)
        leverage = left**2 @ shrinkage + 1.0 / len(target)
        errors.append(
            float(np.mean(((residual - left @ (shrinkage * projected)) / (1.0 - leverage)) ** 2))
        )
    ridge = float(RIDGES[int(np.argmin(errors))])
    coefficients: Reals = right.T @ (sizes / (sizes**2 + ridge) * projected)
    return ridge, coefficients, mean - float(centre @ coefficients)


class OneHotRidgeSettings(Settings):
    """How variants are laid on common positions."""

    align: AlignBy = Field(
        "auto",
        description="place (equal lengths), imgt, or auto: place where all lengths are equal.",
    )


class OneHotRidge(ArrayModel[OneHotRidgeSettings]):
    """The floor of any assay model: a few dozen measurements beat every zero-shot score."""

    name = "one-hot-ridge"
    inputs = ("heavy", "light")
    settings_type = OneHotRidgeSettings
    _heavy: Alignment
    _light: Alignment
    _columns: NDArray[np.int64]
    """Shape (columns,): index of the variable position, heavy positions first."""
    _residues: Letters
    """Shape (columns,): the letter that makes the column 1."""
    _coefficients: Reals
    _intercept: float
    _ridge: float

    @property
    def ridge(self) -> float:
        """The ridge that leave-one-out error chose."""
        self._require_fitted()
        return self._ridge

    def _choose(self, rows: TrainingSet) -> TrainingSet:
        if "assay" not in rows.pairs.columns:
            raise SchemaError("the training table lacks the column assay")
        assays = rows.pairs["assay"].unique().sort().to_list()
        if len(assays) > 1:
            shown = ", ".join(map(str, assays[:8])) + (", ..." if len(assays) > 8 else "")
            raise ModelError(
                f"{self.name} fits the variants of one assay, and the rows belong to "
                f"{len(assays)}: {shown}; choose one with `abag fit --assay`, or evaluate a table "
                "of one assay"
            )
        antigens = rows.pairs["antigen"].n_unique()
        if antigens > 1:
            raise ModelError(
                f"{self.name} does not see the antigen, and the rows of the assay {assays[0]!r} "
                f"have {antigens} antigens; use kmer-ridge, or choose the rows of one antigen"
            )
        if rows.pairs.height < _FEWEST_ROWS:
            raise ModelError(
                f"{self.name} needs {_FEWEST_ROWS} exact rows or more, not {rows.pairs.height}"
            )
        return rows

    def _learn(self, rows: TrainingSet) -> None:
        heavy, light = chains_of(rows.pairs)
        self._require_equal_lengths(heavy, light)
        self._heavy = Alignment.of(heavy, self.settings.align)
        self._light = Alignment.of(light, self.settings.align)
        letters = self._letters(rows.pairs)
        residues = [np.unique(column) for column in letters.T]
        if not residues:
            raise ModelError(
                f"the {rows.pairs.height} training rows all have the same chains; "
                f"{self.name} learns from differences"
            )
        self._columns = np.repeat(
            np.arange(len(residues)), [len(letters_there) for letters_there in residues]
        )
        self._residues = np.concatenate(residues)
        fitted = ridge_by_leaving_one_out(self._one_hot(letters), rows.target)
        self._ridge, self._coefficients, self._intercept = fitted

    def _require_equal_lengths(self, heavy: list[str], light: list[str]) -> None:
        if self.settings.align != "place":
            return
        for role, chains in (("heavy", heavy), ("light", light)):
            if len({len(chain) for chain in chains}) > 1:
                raise ModelError(f"{role} chains differ in length; fit with `--set align=imgt`")

    def _refusals(self, rows: Pairs) -> list[str | None]:
        heavy, light = chains_of(rows)
        return pair_refusals(zip(heavy, light, strict=True), self._heavy, self._light)

    def row_flags(self, table: Pairs | pl.DataFrame) -> dict[str, NDArray[np.bool_]]:
        """Flag rows with a residue that training did not show at its variable position."""
        letters = self._letters(self._checked_rows(table))
        known = self._one_hot(letters).sum(axis=1)
        return {"residue_not_seen_in_training": np.asarray(known < letters.shape[1])}

    def _values(self, table: Pairs) -> Reals:
        self._require_predictable(table)
        parts = []
        for start in range(0, table.height, _CHUNK_ROWS):
            features = self._one_hot(self._letters(table.slice(start, _CHUNK_ROWS)))
            # Sums of contiguous rows: BLAS, and sums over columns, may order the terms by the
            # number of rows, and then a row's last digits would depend on its batch.
            terms = np.multiply(features, self._coefficients, order="C")
            parts.append(terms.sum(axis=1) + self._intercept)
        return np.concatenate(parts)

    def _letters(self, table: Pairs) -> Letters:
        heavy, light = chains_of(table)
        return np.concatenate([self._heavy.letters(heavy), self._light.letters(light)], axis=1)

    def _one_hot(self, letters: Letters) -> Reals:
        return np.asarray(letters[:, self._columns] == self._residues, dtype=np.float64)

    def _arrays(self) -> Arrays:
        return {
            **self._heavy.arrays("heavy"),
            **self._light.arrays("light"),
            "columns": self._columns,
            "residues": self._residues,
            "coefficients": self._coefficients,
            "intercept": np.array([self._intercept]),
            "ridge": np.array([self._ridge]),
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._heavy = Alignment.from_arrays("heavy", arrays)
        self._light = Alignment.from_arrays("light", arrays)
        self._columns = arrays["columns"]
        self._residues = arrays["residues"]
        self._coefficients = arrays["coefficients"]
        self._intercept = float(arrays["intercept"][0])
        self._ridge = float(arrays["ridge"][0])
