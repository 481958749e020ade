"""One shard of a screen: its rows are numbered, predicted and filtered, its candidates kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import polars as pl

from abag.errors import OptionError
from abag.files import parquet_bytes, scratch_folder
from abag.inference.outputs import COLUMNS
from abag.inference.partial import MADE_FROM
from abag.inference.predictor import Predictor
from abag.progress import hidden
from abag.screening.library import LibraryShard
from abag.screening.reading import LibraryReading, read_shard

CHAINS: Final = ("heavy", "light")
PREDICTED: Final[dict[str, pl.DataType]] = {
    "file": pl.String(),
    **{name: dtype for name, dtype in COLUMNS.items() if name not in ("model_id", "kd")},
    "passed": pl.Boolean(),
    **dict.fromkeys(CHAINS, pl.String()),
}
"""Columns of the predictions: those of :data:`abag.inference.outputs.COLUMNS`, the file, whether
the row passed the filter, and the chains of candidates for the best. A row with a ``problem`` has
no values; a record that could not be read has no antigen either."""
_REMEMBERED: Final = 50_000
"""Chains that a worker remembers between shards: a library of pairs has each chain many times."""
COUNTS: Final = "abag.counts"
"""Key of a shard's metadata: counts of its antibodies, refusals, unread records and passed rows."""


@dataclass(frozen=True, slots=True)
class ScreenWork:
    """The options that all shards of a screen share: plain values, and small."""

    mark: str
    """Digest of library, model and options."""
    antigens: tuple[tuple[str, tuple[str, ...]], ...]
    """Name and chains; none where the library's own rows name theirs, or the model needs none."""
    model: tuple[tuple[str, bytes], ...]
    """Files of the model by name; none for the model that abag ships."""
    level: float
    reading: LibraryReading
    where: str | None
    by: str
    """Column to rank by, highest first."""
    pool: int
    """Candidates that a shard keeps for each antigen."""
    parent: tuple[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class NumberedShard:
    """A shard and its number among all of them."""

    number: int
    shard: LibraryShard


def screen_shard(work: ScreenWork, item: NumberedShard) -> bytes:
    """Screen one shard: a Parquet file of :data:`PREDICTED`, the same bytes wherever it is done.

    Raises:
        FileFormatError, TableError: the file as a whole cannot be read.
        ModelError: the model cannot be loaded, or knows no effects of changes.
    """
    from abag.antibody.numbering import clear_cache

    records = read_shard(item.shard, work.reading)
    with hidden():
        table = predicted(predictor_of(work.model, work.level), records.pairs, work)
    # Numbered chains are remembered, some 3 kB each; over a library that would be all of it.
    clear_cache(beyond=_REMEMBERED)
    unread = pl.DataFrame(
        [(problem.row, problem.reason) for problem in records.unread],
        schema={"row": pl.Int64, "problem": pl.String},
        orient="row",
    )
    joined = pl.concat([table, unread], how="diagonal")
    shard_table = joined.with_columns(
        pl.lit(item.shard.file.name).alias("file"), pl.col("passed").fill_null(False)
    ).select(pl.col(name).cast(dtype) for name, dtype in PREDICTED.items())
    counts = {
        "antibodies": records.pairs.height,
        "refused": table.height - table["problem"].null_count(),
        "unread": unread.height,
        "passed": int(table["passed"].sum()),
    }
    marks = {MADE_FROM: f"{work.mark} {item.number}", COUNTS: json.dumps(counts)}
    return parquet_bytes(shard_table, marks)


def predicted(predictor: Predictor, pairs: pl.DataFrame, work: ScreenWork) -> pl.DataFrame:
    """Predictions of every antibody on every antigen, which of them passed, and candidates."""
    if work.antigens:
        antigens = pl.DataFrame(
            {"antigen_name": [n for n, _ in work.antigens],
             "antigen": [list(chains) for _, chains in work.antigens]},
            schema={"antigen_name": pl.String, "antigen": pl.List(pl.String)},
        )  # fmt: skip
        pairs = pairs.drop("antigen_name", "antigen").join(
            antigens, how="cross", maintain_order="left_right"
        )
    table = predictor.predict_table(pairs, keep_going=True, parent=work.parent, keep_chains=True)
    passed = pl.col("problem").is_null() & condition(work.where).fill_null(False)
    table = table.with_columns(passed=passed, place=pl.int_range(pl.len()))
    chosen = best_of(table, work.by, work.pool)["place"]
    candidate = pl.col("place").is_in(chosen.implode())
    return table.with_columns(
        pl.when(candidate).then(pl.col(name)).alias(name) for name in CHAINS
    ).drop("place")


def best_of(table: pl.DataFrame, by: str, count: int) -> pl.DataFrame:
    """The best ``count`` rows that passed, of each antigen, best first; earlier rows win ties."""
    passed = table.filter("passed", pl.col(by).is_not_null())
    order = passed.sort(by, descending=True, maintain_order=True)
    best = order.group_by("antigen_name", maintain_order=True).head(count)
    return best.select(table.columns)


def condition(where: str | None) -> pl.Expr:
    """The expression of ``--where``, an SQL condition on the columns of a prediction.

    Raises:
        OptionError: it is none, or names a column that is not there.
    """
    if where is None:
        return pl.lit(True)
    try:
        expression = pl.sql_expr(where)
        kind = pl.DataFrame(schema=COLUMNS).select(expression).dtypes[0]
    except (pl.exceptions.PolarsError, pl.exceptions.SQLInterfaceError) as error:
        reason = str(error).partition("\n")[0]
        raise OptionError(
            f"--where {where!r} cannot be used ({reason}); write a condition on the columns of a "
            "prediction, such as \"pkd >= 8 AND domain = 'variant of a measured pair'\""
        ) from None
    if kind != pl.Boolean():
        raise OptionError(f"--where {where!r} is no condition: it gives {kind}, not true or false")
    return expression


@lru_cache(maxsize=1)
def predictor_of(model: tuple[tuple[str, bytes], ...], level: float) -> Predictor:
    """The model, loaded once a process."""
    if not model:
        return Predictor.load(level=level)
    with scratch_folder() as folder:
        model_folder = folder / "model"
        for name, content in model:
            (model_folder / name).parent.mkdir(parents=True, exist_ok=True)
            (model_folder / name).write_bytes(content)
        return Predictor.load(model_folder, level=level)
