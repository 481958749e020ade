"""Predictions for a file of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from abag.errors import Problem
from abag.files import require_other
from abag.inference.inputs import read_pairs
from abag.inference.outputs import require_writable, write_predictions
from abag.inference.predictor import Predictor
from abag.uncertainty.calibration import DEFAULT_LEVEL


@dataclass(frozen=True, slots=True)
class PredictedFile:
    """What became of a file of pairs."""

    predictions: pl.DataFrame
    """Columns of :data:`abag.inference.outputs.COLUMNS`."""
    model_id: str
    out: Path | None
    left_out: tuple[Problem, ...] = ()
    """Rows of a FASTA or AIRR file that are in no pair, each with its reason."""

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return self.predictions.height

    @property
    def problems(self) -> int:
        """Rows without a prediction."""
        return self.rows - self.predictions["problem"].null_count()

    @property
    def predicted(self) -> int:
        """Rows with a prediction."""
        return self.rows - self.problems

    def as_json(self) -> dict[str, Any]:
        """Counts, and the predictions themselves where no file was written."""
        content: dict[str, Any] = {
            "rows": self.rows,
            "predicted": self.predicted,
            "problems": self.problems,
            "model_id": self.model_id,
            "out": None if self.out is None else str(self.out),
            "left_out": [str(problem) for problem in self.left_out],
        }
        if self.out is None:
            content["predictions"] = self.predictions.to_dicts()
        return content


def predict_file(
    model: Path | None,
    table: Path,
    out: Path | None,
    mapping: Sequence[str] = (),
    *,
    antigen: Sequence[str] = (),
    keep_going: bool = False,
    level: float = DEFAULT_LEVEL,
    abstain: bool = False,
) -> PredictedFile:
    """Predict each pair of ``table`` (CSV, TSV, Parquet, FASTA, AIRR, PDB, mmCIF) into ``out``.

    ``mapping`` holds texts such as ``heavy=VH``, ``antigen`` the chains for pairs that name none,
    no ``model`` is the one that abag ships, ``out`` ends in .csv or .parquet. Nothing is written
    when a row cannot be predicted, unless ``keep_going``.

    Raises:
        OptionError: ``out`` has another ending, or ``mapping`` names what is not known.
        ModelError: the model cannot be loaded.
        TableError: faults of the table, all at once.
    """
    if out is not None:
        require_writable(out)
        require_other(out, [table])
    predictor = Predictor.load(model, level=level)
    pairs = read_pairs(table, mapping, antigen)
    predictions = predictor.predict_table(
        pairs.frame, keep_going=keep_going, abstain=abstain, path=table
    )
    if out is not None:
        write_predictions(out, predictions)
    return PredictedFile(predictions, predictor.model_id, out, pairs.problems)
