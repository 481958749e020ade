"""Predictions as people read them: a KD with the unit that suits it, a table as CSV or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import polars as pl

from abag.errors import OptionError
from abag.files import neutral_table, replacing, scratch_folder, write_parquet, written_by_polars

COLUMNS: Final[dict[str, pl.DataType]] = {
    "row": pl.Int64(),
    "antibody_name": pl.String(),
    "antigen_name": pl.String(),
    "pkd": pl.Float64(),
    "kd_molar": pl.Float64(),
    "kd": pl.String(),
    "rank_score": pl.Float64(),
    "nearest_similarity": pl.Float64(),
    "antibody_similarity": pl.Float64(),
    "antigen_similarity": pl.Float64(),
    "pkd_lower": pl.Float64(),
    "pkd_upper": pl.Float64(),
    "domain": pl.String(),
    "antibody_identity": pl.Float64(),
    "antigen_identity": pl.Float64(),
    "group_rmse": pl.Float64(),
    "group_within_one": pl.Float64(),
    "group_rows": pl.Int64(),
    "binding": pl.String(),
    "binding_score": pl.Float64(),
    "level_pkd": pl.Float64(),
    "delta_pkd": pl.Float64(),
    "changes": pl.Int64(),
    "cdr_changes": pl.Int64(),
    "relative_pkd": pl.Float64(),
    "relative_antigen": pl.String(),
    "antigen_changes": pl.Int64(),
    "known_antigens": pl.String(),
    "model_id": pl.String(),
    "flags": pl.List(pl.String()),
    "problem": pl.String(),
}
"""Columns of a table of predictions.

``row`` is the line in the user's file (its header is line 1). A model of ``rank_score`` fills
that column and leaves ``pkd``, ``kd_molar`` and ``kd`` empty. ``nearest_similarity`` (0 to 1) is
there for models that compare with their training pairs, ``antibody_similarity`` and
``antigen_similarity`` for those that compare either side, too. From ``pkd_lower`` to
``group_rows`` a model needs a calibration: the interval, the verdict on what the model knows with
the identities behind it, and the error that was measured for pairs of that verdict. ``binding``
says what evidence there is that the pair binds at all (``none``: the pKd is that of a pair that
does) and ``binding_score`` (0 to 1) orders it. pkd = ``level_pkd`` + ``delta_pkd``: the level of
the nearest measured relative and the effect of ``changes`` from it; its antigen differs from the
row's in ``antigen_changes`` residues; ``known_antigens`` are those that the antibody, or one like
it, is known to bind. ``problem`` says why a row has no prediction.
"""

_SUFFIXES: Final = (".csv", ".xlsx", ".parquet")
_GROUP_ROWS: Final = 100_000
_PREFIXES: Final = (("fM", 1e-15), ("pM", 1e-12), ("nM", 1e-9), ("uM", 1e-6), ("mM", 1e-3))


def format_kd(kd_molar: float) -> str:
    """Two significant digits and the unit that puts the number between 1 and 1000: ``3.2 nM``."""
    for unit, scale in _PREFIXES:
        digits = float(f"{kd_molar / scale:.2g}")
        if digits < 1000.0:
            return _number(digits, unit)
    return _number(float(f"{kd_molar:.2g}"), "M")


def _number(digits: float, unit: str) -> str:
    return f"{digits:.1f} {unit}" if 1.0 <= digits < 10.0 else f"{digits:g} {unit}"


@dataclass(frozen=True, slots=True)
class Shown:
    """Which predictions of a table a user wants: more columns, an order, the best rows."""

    keep_columns: bool = False
    sort: str | None = None
    top: int | None = None

    @property
    def needs_all(self) -> bool:
        """Whether the predictions must be there all at once."""
        return self.keep_columns or self.sort is not None or self.top is not None

    def of(self, predictions: pl.DataFrame, own_columns: pl.DataFrame | None) -> pl.DataFrame:
        """The predictions with the columns, order and rows that the user wants.

        ``own_columns`` are the columns of the user's table, and ``source_row``.

        A column of the table that is called like one of the predictions gets ``_given`` behind
        its name.

        Raises:
            OptionError: a column to order by that is not there, or fewer than one row.
        """
        if self.top is not None and self.top < 1:
            raise OptionError(f"--top {self.top}: give the number of rows, 1 or more")
        if self.keep_columns and own_columns is not None:
            names = {n: f"{n}_given" for n in own_columns.columns if n in predictions.columns}
            renamed = own_columns.rename({**names, "source_row": "row"})
            predictions = predictions.join(renamed, on="row", how="left", maintain_order="left")
        by = self.sort
        if by is None and self.top is not None:
            by = "pkd" if predictions["pkd"].is_not_null().any() else "rank_score"
        if by is not None:
            if by not in predictions.columns:
                names_listed = ", ".join(predictions.columns)
                raise OptionError(f"--sort {by}: there is no such column; there are {names_listed}")
            predictions = predictions.sort(
                by, descending=True, nulls_last=True, maintain_order=True
            )
        return predictions if self.top is None else predictions.head(self.top)


def require_writable(path: Path) -> None:
    """Raise :class:`OptionError` unless the name ends in .csv, .xlsx or .parquet."""
    if path.suffix.lower() not in _SUFFIXES:
        raise OptionError(
            f"--out {path}: write predictions to a name ending in .csv, .xlsx or .parquet"
        )
    if path.is_dir():
        raise OptionError(f"--out {path} is a folder; name a file to write")


def write_predictions(path: Path, predictions: pl.DataFrame) -> None:
    """Write CSV or Excel (flags joined by ``;``) or Parquet, as the name ends, in one step."""
    require_writable(path)
    if path.suffix.lower() == ".parquet":
        write_parquet(path, predictions)
        return
    with replacing(path) as temporary:
        if path.suffix.lower() == ".xlsx":
            _write_workbook(temporary, predictions)
        else:
            _as_csv(predictions).write_csv(temporary)


@contextmanager
def appending(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Yield a function that appends predictions to ``path``, which appears when all is written."""
    require_writable(path)
    with replacing(path) as temporary:
        if path.suffix.lower() == ".parquet":
            with scratch_folder() as folder, written_by_polars(path):
                names = (folder / f"{number:09d}.parquet" for number in count(1))
                pl.DataFrame(schema=COLUMNS).write_parquet(folder / f"{0:09d}.parquet")
                yield lambda frame: frame.write_parquet(next(names), compression="lz4")
                # Row groups of one size: the bytes do not depend on the number of threads.
                pl.scan_parquet(folder).sink_parquet(temporary, row_group_size=_GROUP_ROWS)
        elif path.suffix.lower() == ".xlsx":
            parts: list[pl.DataFrame] = [pl.DataFrame(schema=COLUMNS)]
            yield parts.append
            _write_workbook(temporary, pl.concat(parts))
        else:
            with temporary.open("wb") as stream:
                pl.DataFrame(schema=COLUMNS).pipe(_as_csv).write_csv(stream)
                yield lambda frame: _as_csv(frame).write_csv(stream, include_header=False)


def _as_csv(predictions: pl.DataFrame) -> pl.DataFrame:
    return neutral_table(predictions.with_columns(pl.col("flags").list.join(";")))


def _write_workbook(path: Path, predictions: pl.DataFrame) -> None:
    from abag.data.formats.sheets.excel import write_workbook

    write_workbook(path, _as_csv(predictions))
