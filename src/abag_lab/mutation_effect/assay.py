"""One assay to learn from or to be judged by: measured variants of one parent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from abag.antibody.antibody import Chains
from abag.model.mutation_effect.priors import Reals


@dataclass(frozen=True, slots=True)
class VariantAssay:
    """Variants of one parent in one assay.

    ``table`` has ``heavy`` and ``light``; ``delta`` (rows,) is the value minus the parent's, in pKd
    if ``absolute`` and else in a unit of the assay, higher is tighter; a ``censored`` row stands at
    its bound, and the true value below it. ``shippable`` says whether the rows may shape shipped
    weights; ``designed`` whether somebody chose the variants for binding.
    """

    name: str
    parent_heavy: str
    parent_light: str
    antigen: tuple[str, ...]
    table: pl.DataFrame
    delta: Reals
    censored: np.ndarray[tuple[int], np.dtype[np.bool_]]
    absolute: bool
    shippable: bool = True
    designed: bool = False

    @property
    def variants(self) -> list[Chains]:
        """Chains of every row; a light chain that is not there is None."""
        chains = zip(self.table["heavy"], self.table["light"], strict=True)
        return [(heavy, light or None) for heavy, light in chains]
