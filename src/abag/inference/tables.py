"""Predictions for a file of pairs; large tables stream through."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from abag.data.formats.reading import read_pairs
from abag.errors import FileFormatError, OptionError, Problem, TableError
from abag.files import require_file, require_other, sha256_of
from abag.inference.inputs import KEEP_GOING, library_parent
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
from abag.inference.variants import LIBRARY, GivenParent, read_variants
from abag.model.artefact import located
from abag.progress import hidden, task
from abag.uncertainty.calibration import DEFAULT_LEVEL
from abag.uncertainty.domain import Verdict
from abag.version import VERSION

if TYPE_CHECKING:
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

    Without ``model`` the shipped one predicts. ``out`` ends in .csv or .parquet. ``mapping`` holds
    texts such as ``heavy=VH``, ``antigen`` the chains for pairs that name none. ``choices`` decides
    where a file leaves a choice; ``shown`` chooses columns, order and rows of the result.

    Nothing is written when a row cannot be predicted, unless ``keep_going``. A table of more than
    2 MB is predicted in pieces, which are stored in ``OUT.partial``: after a stop the same call
    goes on from there, and ends with the same bytes. ``resume`` refuses to begin anew.

    With ``parent`` the rows are its variants (:mod:`abag.inference.variants`).

    Raises:
        OptionError: a bad ``out`` or ``mapping``, or nothing of this call to ``resume``.
        ModelError: the model cannot be loaded.
        TableError: faults of the table, all at once.
    """
    from abag.data.formats.choices import Choices

    if out is not None:
        require_writable(out)
        require_other(out, [table])
    predictor = Predictor.load(model, level=level)
    request = _TableRequest(
        predictor, table, out, tuple(mapping), tuple(antigen), keep_going, abstain,
        replace(
            choices or Choices(),
            parent=predictor.parent_chains,
            numbering=numbering or "sequential",
            keep_faulty=keep_going,
        ),
        shown or Shown(),
    )  # fmt: skip
    if isinstance(parent, GivenParent):
        return request.variants_of(parent, numbering)
    if out is not None and not request.shown.needs_all and _is_large_table(table):
        if parent == LIBRARY:
            raise OptionError("--parent library is for tables of less than 2 MB; name the parent")
        return request.in_pieces(out, model, level, resume)
    return request.at_once(parent)


@dataclass(frozen=True, slots=True)
class _TableRequest:
    """A table to be predicted, and how."""

    predictor: Predictor
    table: Path
    out: Path | None
    mapping: tuple[str, ...]
    antigen: tuple[str, ...]
    keep_going: bool
    abstain: bool
    choices: Choices
    shown: Shown

    def pairs(self, path: Path) -> UserPairs:
        """The pairs of the table, or of a piece of it."""
        from abag.data.mutation_column import SingleMistakesError

        unknown = not self.predictor.needs_antigen
        try:
            return read_pairs(
                path, self.mapping, self.antigen, self.choices, antigen_unknown=unknown
            )
        except SingleMistakesError as error:
            raise error.with_advice(KEEP_GOING) from None

    def predictions(
        self, pairs: UserPairs, parent: tuple[str, str | None] | None = None
    ) -> pl.DataFrame:
        """Columns of :data:`abag.inference.outputs.COLUMNS`, a row for each pair."""
        return self.predictor.predict_table(
            pairs.frame, keep_going=self.keep_going, abstain=self.abstain, path=self.table,
            parent=parent,
        )  # fmt: skip

    def at_once(self, parent: str | None) -> PredictedFile:
        """Predict the whole table; with ``parent`` its rows are a library of one antibody."""
        pairs = self.pairs(self.table)
        consensus, advice = _library(self.table, pairs.frame, parent)
        predictions = self.predictions(pairs, consensus)
        return self._written(predictions, pairs, _notes(predictions, advice))

    def variants_of(self, parent: GivenParent, numbering: str | None) -> PredictedFile:
        """Predict the rows as variants of a parent."""
        pairs = read_variants(self.table, parent, self.mapping, numbering)
        predictions = self.predictions(pairs, (parent.heavy, parent.light))
        notes = (f"every row is predicted as a variant of {parent.name}",)
        return self._written(predictions, pairs, notes)

    def _written(
        self, predictions: pl.DataFrame, pairs: UserPairs, notes: tuple[str, ...]
    ) -> PredictedFile:
        rows = predictions.height
        problems = rows - predictions["problem"].null_count()
        own_columns = _own_columns(self.table, self.mapping) if self.shown.keep_columns else None
        predictions = self.shown.of(predictions, own_columns)
        if self.out is not None:
            write_predictions(self.out, predictions)
        return PredictedFile(
            predictions, self.predictor.model_id, self.out, rows, problems, pairs.problems,
            (*pairs.notes, *notes),
        )  # fmt: skip

    def in_pieces(self, out: Path, model: Path | None, level: float, resume: bool) -> PredictedFile:
        """Predict a large table piece by piece, from where an earlier call was stopped."""
        options = {
            "--map": list(self.mapping), "--antigen": list(self.antigen),
            "--keep-going": self.keep_going, "--level": level, "--abstain": self.abstain,
            "--chains and --most-umis": repr(self.choices), "rows of a piece": PIECE_ROWS,
        }  # fmt: skip
        origin = _made_from(model, self.predictor, self.table, **options)
        with partial_result(out, origin, resume=resume) as partial:
            rows, problems, predictions = self._stream(out, partial)
        return PredictedFile(predictions, self.predictor.model_id, out, rows, problems)

    def _stream(self, out: Path, partial: PartialResult) -> tuple[int, int, pl.DataFrame]:
        """Counts of rows and of rows without a value; predictions unless the table is large."""
        pieces = rows = problems = 0
        faults: list[Problem] = []
        with pieces_of(self.table) as parts, task("predicting, % of the file", 100.0) as bar:
            behind = 0.0
            for piece in parts:
                try:
                    predictions = self._piece(piece, pieces, partial)
                except TableError as error:
                    faults += error.problems
                    if len(faults) >= MOST_PROBLEMS or any(p.row in (None, 1) for p in faults):
                        break
                    continue
                pieces += 1
                rows += predictions.height
                problems += predictions.height - predictions["problem"].null_count()
                bar.advance(100.0 * (piece.fraction_read - behind))
                behind = piece.fraction_read
        if faults:
            shutil.rmtree(partial.folder)
            raise TableError(self.table, faults)
        return rows, problems, self._joined(out, pieces, partial)

    def _joined(self, out: Path, pieces: int, partial: PartialResult) -> pl.DataFrame:
        frames = []
        with appending(out) as append:
            for number in range(pieces):
                part = partial.piece(number)
                if part is None:
                    raise FileFormatError(
                        f"{partial.folder} was changed while it was written; predict again"
                    )
                append(part)
                frames += [part] if self.table.stat().st_size <= KEPT_BYTES else []
        return pl.concat(frames) if frames else pl.DataFrame(schema=COLUMNS)

    def _piece(self, piece: TablePart, number: int, partial: PartialResult) -> pl.DataFrame:
        """The predictions of a piece, computed unless they are on disk."""
        from abag.antibody.numbering import clear_cache

        predictions = partial.piece(number)
        if predictions is None:
            with hidden():
                predictions = self.predictions(read_piece(piece, self.table, self.pairs))
            partial.keep(number, predictions)
            # Numbered chains are remembered; in a stream that would be the whole file.
            clear_cache()
        return predictions


def _own_columns(table: Path, mapping: Sequence[str]) -> pl.DataFrame | None:
    """The rows of a user's table as they stand; None for files that are no tables."""
    from abag.data.formats.content import FileKind, file_kind
    from abag.data.formats.mapping import mapping_from_texts
    from abag.data.formats.tables import read_table

    if table.is_dir() or file_kind(table) is not FileKind.TABLE:
        return None
    return read_table(table, **mapping_from_texts(mapping).constants.reading)


def _library(
    table: Path, pairs: pl.DataFrame, parent: str | None
) -> tuple[tuple[str, str | None] | None, str | None]:
    """The parent made of the table itself, where the user asks for it, and a note for the user."""
    parent_chains = library_parent(pairs)
    if parent != LIBRARY:
        return None, None if parent_chains is None else "the table is a library of one antibody"
    if parent_chains is None:
        raise OptionError(
            f"{table} is not plainly a library of one antibody: eight variants or more, nearly all "
            "of one length; give the parent, --parent FILE or --parent-heavy"
        )
    return parent_chains, "the parent is made of the commonest residues of the table"


def _notes(predictions: pl.DataFrame, library_note: str | None) -> tuple[str, ...]:
    rows = int((predictions["domain"] != Verdict.VARIANT.value).sum())
    if library_note is None or not rows:
        return () if library_note is None else (library_note,)
    return (
        f"{library_note}; {rows} of its rows have no measured relative: their order inside the "
        "library is worth more with --parent FILE, or --parent library",
    )


def _is_large_table(path: Path) -> bool:
    if path.is_dir():
        return False
    require_file(path)
    if path.stat().st_size <= STREAM_BYTES:
        return False
    from abag.data.formats.content import FileKind, file_kind
    from abag.data.formats.sheets.headline import starts_with_its_header

    return file_kind(path) is FileKind.TABLE and starts_with_its_header(path)


def _made_from(model: Path | None, predictor: Predictor, table: Path, **options: Any) -> Any:
    """What a prediction depends on, as plain values."""
    files = sorted(path for path in located(model).iterdir() if path.is_file()) if model else []
    return {
        "table": sha256_of(table),
        "model": {"id": predictor.model_id, **{file.name: sha256_of(file) for file in files}},
        "options": options,
        "abag version": VERSION,
    }
