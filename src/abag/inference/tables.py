"""Predictions for a file of pairs; large tables stream through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from abag.errors import Problem, TableError
from abag.files import require_file, require_other
from abag.inference.inputs import read_pairs
from abag.inference.outputs import COLUMNS, appending, require_writable, write_predictions
from abag.inference.predictor import Predictor
from abag.inference.streaming import MOST_PROBLEMS, STREAM_BYTES, pieces_of, read_piece
from abag.progress import hidden, task
from abag.uncertainty.calibration import DEFAULT_LEVEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from abag.data.formats.choices import Choices
    from abag.data.formats.pairing import UserPairs


@dataclass(frozen=True, slots=True)
class PredictedFile:
    """What became of a file of pairs."""

    predictions: pl.DataFrame
    """Columns of :data:`abag.inference.outputs.COLUMNS`; no rows where a large table streamed."""
    model_id: str
    out: Path | None
    rows: int
    """Rows of the file."""
    problems: int
    """Rows without a prediction."""
    left_out: tuple[Problem, ...] = ()
    """Rows of a FASTA or AIRR file that are in no pair, each with its reason."""
    notes: tuple[str, ...] = ()
    """What was done in reading that the user may not expect."""

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
            "notes": list(self.notes),
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
    choices: Choices | None = None,
) -> PredictedFile:
    """Predict each pair of ``table`` (CSV, TSV, Parquet, FASTA, AIRR, PDB, mmCIF) into ``out``.

    ``mapping`` holds texts such as ``heavy=VH``, ``antigen`` the chains for pairs that name none,
    ``choices`` what the user decides where a file leaves a choice,
    no ``model`` is the one that abag ships, ``out`` ends in .csv or .parquet. Nothing is written
    when a row cannot be predicted, unless ``keep_going``. A table of more than 16 MB is read,
    predicted and written in pieces.

    Raises:
        OptionError: ``out`` has another ending, or ``mapping`` names what is not known.
        ModelError: the model cannot be loaded.
        TableError: faults of the table, all at once.
    """
    if out is not None:
        require_writable(out)
        require_other(out, [table])
    predictor = Predictor.load(model, level=level)

    def read(path: Path) -> UserPairs:
        return read_pairs(path, mapping, antigen, choices)

    def predict(pairs: UserPairs) -> pl.DataFrame:
        return predictor.predict_table(
            pairs.frame, keep_going=keep_going, abstain=abstain, path=table
        )

    if out is not None and _is_large_table(table):
        rows, problems = _stream(table, out, read, predict)
        return PredictedFile(pl.DataFrame(schema=COLUMNS), predictor.model_id, out, rows, problems)
    pairs = read(table)
    predictions = predict(pairs)
    if out is not None:
        write_predictions(out, predictions)
    problems = predictions.height - predictions["problem"].null_count()
    return PredictedFile(
        predictions, predictor.model_id, out, predictions.height, problems, pairs.problems,
        pairs.notes,
    )  # fmt: skip


def _is_large_table(path: Path) -> bool:
    if path.is_dir():
        return False
    require_file(path)
    if path.stat().st_size <= STREAM_BYTES:
        return False
    from abag.data.formats.reading import FileKind, file_kind

    return file_kind(path) is FileKind.TABLE


def _stream(
    table: Path,
    out: Path,
    read: Callable[[Path], UserPairs],
    predict: Callable[[UserPairs], pl.DataFrame],
) -> tuple[int, int]:
    """Numbers of rows, and of rows without a prediction."""
    from abag.antibody.numbering import clear_cache

    rows = problems = 0
    faults: list[Problem] = []
    with (
        appending(out) as append,
        pieces_of(table) as pieces,
        task("predicting, % of the file", 100.0) as bar,
    ):
        done = 0.0
        for piece in pieces:
            with hidden():
                try:
                    predictions = predict(read_piece(piece, table, read))
                except TableError as error:
                    faults += error.problems
                    if len(faults) >= MOST_PROBLEMS or any(p.row in (None, 1) for p in faults):
                        break
                    continue
            if not faults:
                append(predictions)
            rows += predictions.height
            problems += predictions.height - predictions["problem"].null_count()
            bar.advance(100.0 * (piece.done - done))
            done = piece.done
            # Numbered chains are remembered; in a stream that would be the whole file.
            clear_cache()
        if faults:
            raise TableError(table, faults)
    return rows, problems
