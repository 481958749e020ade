"""What came out of the AbBiBench benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag_lab.benchmarks.abbibench_scores import Correlations

Reals = NDArray[np.float64]

OURS: Final = "abag"
BASELINES: Final = ("fewer mutations", "BLOSUM62", "repertoire")
INVERTED: Final = frozenset({"1mhp", "1mlc"})
"""Assays whose published score is larger for weaker binding."""


@dataclass(frozen=True, slots=True)
class AssayResult:
    """One assay: what was left out, and every model's scores of its rows."""

    name: str
    variants: pl.DataFrame
    """As published: ``mut_heavy_chain_seq`` and ``binding_score``."""
    truth: Reals
    scores: Mapping[str, Reals]
    left_out: tuple[str, ...]
    trained_on: int
    """Rows of the training assays that were kept."""


@dataclass(frozen=True, slots=True)
class AbBiBenchmark:
    """All assays, the correlations, and where the files lie."""

    results: tuple[AssayResult, ...]
    correlations: Correlations
    folder: Path

    def as_json(self) -> dict[str, Any]:
        """For ``--json`` and abbibench.json."""
        return {
            "assays": {
                one.name: {
                    "rows": len(one.truth),
                    "left_out": list(one.left_out),
                    "trained_on_rows": one.trained_on,
                }
                for one in self.results
            },
            **self.correlations.as_json(OURS),
            "folder": str(self.folder),
        }
