"""Predictions for a file of pairs; large tables stream through."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from abag.errors import FileFormatError, OptionError, Problem, TableError
from abag.files import require_file, require_other, sha256_of
from abag.inference.inputs import read_pairs
from abag.inference.outputs import COLUMNS, Shown, appending, require_writable, write_predictions
from abag.inference.partial import PartialResult, partial_result
from abag.inference.predictor import Predictor
from abag.inference.streaming import (
    KEPT_BYTES,
    MOST_PROBLEMS,
    PIECE_ROWS,
    STREAM_BYTES,
    TablePart,
    pieces_of,
    read_piece,
)
from abag.inference.variants import LIBRARY, GivenParent, library_parent, read_variants
from abag.model.shelf import located
from abag.progress import hidden, task
from abag.uncertainty.calibration import DEFAULT_LEVEL
from abag.uncertainty.domain import Verdict
from abag.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from abag.data.formats.choices import Choices
    from abag.data.formats.sequences.pairing import UserPairs


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
    resume: bool = False,
    parent: GivenParent | str | None = None,
    numbering: str | None = None,
    shown: Shown | None = None,
) -> PredictedFile:
    """Predict each pair of ``table`` (CSV, TSV, Parquet, FASTA, AIRR, PDB, mmCIF) into ``out``.

    ``mapping`` holds texts such as ``heavy=VH``, ``antigen`` the chains for pairs that name none,
    ``choices`` what the user decides where a file leaves a choice, ``shown`` what is wanted of the
    predictions,
    no ``model`` is the one that abag ships, ``out`` ends in .csv or .parquet. Nothing is written
    when a row cannot be predicted, unless ``keep_going``. A table of more than 2 MB is read and
    predicted in pieces, which wait in ``OUT.partial``: the same call goes on from there where it
    was stopped, and ends with the same bytes. ``resume`` insists on that.

    With ``parent`` the rows are its variants (:mod:`abag.inference.variants`).

    Raises:
        OptionError: a bad ``out`` or ``mapping``, or nothing of this call to ``resume``.
        ModelError: the model cannot be loaded.
        TableError: faults of the table, all at once.
    """
    from abag.data.formats.choices import Choices

    _require_out(out, table)
    predictor = Predictor.load(model, level=level)
    shown = shown or Shown()
    if isinstance(parent, GivenParent):
        pairs = read_variants(table, parent, mapping, numbering)
        own = _own_columns(table, mapping) if shown.keep_columns else None
        return _predict_variants(
            predictor, table, out, pairs, parent, keep_going, abstain, shown, own
        )
    choices = replace(
        choices or Choices(), parent=predictor.parent_chains, numbering=numbering or "sequential"
    )

    def read(path: Path) -> UserPairs:
        unknown = not predictor.needs_antigen
        return read_pairs(path, mapping, antigen, choices, antigen_unknown=unknown)

    def predict(pairs: UserPairs) -> pl.DataFrame:
        return predictor.predict_table(
            pairs.frame, keep_going=keep_going, abstain=abstain, path=table
        )

    if out is not None and not shown.needs_all and _is_large_table(table):
        _refuse_library(parent)
        options = {
            "--map": list(mapping), "--antigen": list(antigen), "--keep-going": keep_going,
            "--level": level, "--abstain": abstain, "--chains and --most-umis": repr(choices),
            "rows of a piece": PIECE_ROWS,
        }  # fmt: skip
        origin = _made_from(model, predictor, table, **options)
        return _streamed(predictor, table, out, read, predict, origin, resume)
    pairs = read(table)
    consensus, advice = _library(table, pairs.frame, parent)
    predictions = predictor.predict_table(
        pairs.frame, keep_going=keep_going, abstain=abstain, path=table, parent=consensus
    )
    notes = _notes(predictions, advice)
    own = _own_columns(table, mapping) if shown.keep_columns else None
    return _written(predictor, predictions, out, pairs, notes, shown, own)


def _refuse_library(parent: str | None) -> None:
    if parent == LIBRARY:
        raise OptionError("--parent library is for tables of less than 2 MB; name the parent")


def _require_out(out: Path | None, table: Path) -> None:
    if out is not None:
        require_writable(out)
        require_other(out, [table])


def _streamed(
    predictor: Predictor,
    table: Path,
    out: Path,
    read: Callable[[Path], UserPairs],
    predict: Callable[[UserPairs], pl.DataFrame],
    origin: Any,
    resume: bool,
) -> PredictedFile:
    with partial_result(out, origin, resume=resume) as done:
        rows, problems, kept = _stream(table, out, read, predict, done)
    return PredictedFile(kept, predictor.model_id, out, rows, problems)


def _written(
    predictor: Predictor,
    predictions: pl.DataFrame,
    out: Path | None,
    pairs: UserPairs,
    notes: tuple[str, ...],
    shown: Shown,
    own: pl.DataFrame | None,
) -> PredictedFile:
    rows = predictions.height
    problems = rows - predictions["problem"].null_count()
    predictions = shown.of(predictions, own)
    if out is not None:
        write_predictions(out, predictions)
    return PredictedFile(
        predictions, predictor.model_id, out, rows, problems, pairs.problems,
        (*pairs.notes, *notes),
    )  # fmt: skip


def _own_columns(table: Path, mapping: Sequence[str]) -> pl.DataFrame | None:
    """The rows of a user's table as they stand; None for files that are no tables."""
    from abag.data.formats.mapping import mapping_from_texts
    from abag.data.formats.reading import FileKind, file_kind
    from abag.data.formats.tables import read_table

    if table.is_dir() or file_kind(table) is not FileKind.TABLE:
        return None
    return read_table(table, **mapping_from_texts(mapping).constants.reading)


def _library(
    table: Path, pairs: pl.DataFrame, parent: str | None
) -> tuple[tuple[str, str | None] | None, str | None]:
    """The parent to take from the table itself, where it is asked for, and what is seen of it."""
    found = library_parent(pairs)
    if parent != LIBRARY:
        return None, None if found is None else "the table is a library of one antibody"
    if found is None:
        raise OptionError(
            f"{table} is not plainly a library of one antibody: eight variants or more, nearly all "
            "of one length; give the parent, --parent FILE or --parent-heavy"
        )
    return found, "the parent is made of the commonest residues of the table"


def _notes(predictions: pl.DataFrame, seen: str | None) -> tuple[str, ...]:
    lone = int((predictions["domain"] != Verdict.VARIANT.value).sum())
    if seen is None or not lone:
        return () if seen is None else (seen,)
    return (
        f"{seen}; {lone} of its rows have no measured relative: their order inside the library is "
        "worth more with --parent FILE, or --parent library",
    )


def _predict_variants(
    predictor: Predictor,
    table: Path,
    out: Path | None,
    pairs: UserPairs,
    parent: GivenParent,
    keep_going: bool,
    abstain: bool,
    shown: Shown,
    own: pl.DataFrame | None,
) -> PredictedFile:
    predictions = predictor.predict_table(
        pairs.frame,
        keep_going=keep_going,
        abstain=abstain,
        path=table,
        parent=(parent.heavy, parent.light),
    )
    notes = (f"every row is predicted as a variant of {parent.name}",)
    return _written(predictor, predictions, out, pairs, notes, shown, own)


def _is_large_table(path: Path) -> bool:
    if path.is_dir():
        return False
    require_file(path)
    if path.stat().st_size <= STREAM_BYTES:
        return False
    from abag.data.formats.reading import FileKind, file_kind
    from abag.data.formats.sheets.headline import starts_with_its_header

    return file_kind(path) is FileKind.TABLE and starts_with_its_header(path)


def _stream(
    table: Path,
    out: Path,
    read: Callable[[Path], UserPairs],
    predict: Callable[[UserPairs], pl.DataFrame],
    done: PartialResult,
) -> tuple[int, int, pl.DataFrame]:
    """Numbers of rows and of rows without a prediction, and the predictions of a middling table."""
    pieces = rows = problems = 0
    faults: list[Problem] = []
    with pieces_of(table) as parts, task("predicting, % of the file", 100.0) as bar:
        behind = 0.0
        for piece in parts:
            try:
                predictions = _predicted(piece, pieces, table, read, predict, done)
            except TableError as error:
                faults += error.problems
                if len(faults) >= MOST_PROBLEMS or any(p.row in (None, 1) for p in faults):
                    break
                continue
            pieces += 1
            rows += predictions.height
            problems += predictions.height - predictions["problem"].null_count()
            bar.advance(100.0 * (piece.done - behind))
            behind = piece.done
    if faults:
        shutil.rmtree(done.folder)
        raise TableError(table, faults)
    kept = []
    with appending(out) as append:
        for number in range(pieces):
            part = done.piece(number)
            if part is None:
                raise FileFormatError(
                    f"{done.folder} was changed while it was written; predict again"
                )
            append(part)
            kept += [part] if table.stat().st_size <= KEPT_BYTES else []
    return rows, problems, pl.concat(kept) if kept else pl.DataFrame(schema=COLUMNS)


def _predicted(
    piece: TablePart,
    number: int,
    table: Path,
    read: Callable[[Path], UserPairs],
    predict: Callable[[UserPairs], pl.DataFrame],
    done: PartialResult,
) -> pl.DataFrame:
    """The predictions of a piece, computed unless they are on disk."""
    from abag.antibody.numbering import clear_cache

    found = done.piece(number)
    if found is None:
        with hidden():
            found = predict(read_piece(piece, table, read))
        done.keep(number, found)
        # Numbered chains are remembered; in a stream that would be the whole file.
        clear_cache()
    return found


def _made_from(model: Path | None, predictor: Predictor, table: Path, **options: Any) -> Any:
    """What a prediction depends on, as plain values."""
    files = sorted(path for path in located(model).iterdir() if path.is_file()) if model else []
    return {
        "table": sha256_of(table),
        "model": {"id": predictor.model_id, **{one.name: sha256_of(one) for one in files}},
        "options": options,
        "abag version": VERSION,
    }
