"""The result of a screen, put together from its shards; memory does not grow with the library.

``best.csv``: the best rows of each antigen, best first, with chains, verdict, liabilities and the
CDR identity to the nearest better row. A row that is too like a better one is left out; the
candidates are the best rows of the whole library, twenty for each that is asked for.
``quarantine.csv``: every row without a prediction, with file, line and reason.
``predictions/``: a Parquet file for each shard (:data:`abag.screening.shards.PREDICTED`).
``manifest.json``: what it was made from, and counts that add up.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from abag.errors import FileFormatError
from abag.files import neutral_table, sha256_of, write_json
from abag.inference.outputs import format_kd
from abag.inference.partial import MADE_FROM
from abag.screening.shards import CHAINS, COUNTS, PREDICTED, ScreenWork, best_of

if TYPE_CHECKING:
    from abag.inference.partial import PartialResult
    from abag.screening.options import ScreenOptions

BEST: Final = "best.csv"
QUARANTINE: Final = "quarantine.csv"
MANIFEST: Final = "manifest.json"
PREDICTIONS: Final = "predictions"
FILES: Final = (BEST, QUARANTINE, MANIFEST, PREDICTIONS)
_QUARANTINED: Final = ("file", "row", "antibody_name", "antigen_name", "problem")


@dataclass(frozen=True, slots=True)
class ScreenCounts:
    """Counts of a screen.

    pairs = antibodies x antigens = predicted + refused, where antigens were given, else one pair an
    antibody; what could not be read is in no pair; quarantined = refused + unread.
    """

    antibodies: int
    antigens: int
    pairs: int
    predicted: int
    refused: int
    unread: int
    quarantined: int
    passed: int
    best: int

    def as_json(self) -> dict[str, int]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PutTogether:
    """Counts, and what the user should know of the result."""

    counts: ScreenCounts
    notes: tuple[str, ...]


def put_together(
    done: PartialResult,
    shards: int,
    work: ScreenWork,
    made_from: dict[str, Any],
    place: Path,
    options: ScreenOptions,
) -> PutTogether:
    """Write the result into the new folder ``place``.

    Raises:
        FileFormatError: a shard was changed on disk; it is removed, and the next call does it.
    """
    (place / PREDICTIONS).mkdir()
    pool = pl.DataFrame(schema=PREDICTED)
    total: Counter[str] = Counter()
    with (place / QUARANTINE).open("wb") as stream:
        pl.DataFrame(schema={n: PREDICTED[n] for n in _QUARANTINED}).write_csv(stream)
        for number in range(shards):
            told, own = _shard(done, number, work)
            _link(done.path_of(number), place / PREDICTIONS / f"{number:06d}.parquet")
            total.update(own)
            faulty = told.filter(pl.col("problem").is_not_null())
            neutral_table(faulty.select(_QUARANTINED)).write_csv(stream, include_header=False)
            pool = best_of(pl.concat([pool, told]), work.by, work.pool)
    best = _diverse(pool, options)
    neutral_table(best.with_columns(pl.col("flags").list.join(";"))).write_csv(place / BEST)
    pairs = total["antibodies"] * max(len(work.antigens), 1)
    counts = ScreenCounts(
        antibodies=total["antibodies"], antigens=len(work.antigens), pairs=pairs,
        predicted=pairs - total["refused"], refused=total["refused"], unread=total["unread"],
        quarantined=total["refused"] + total["unread"], passed=total["passed"], best=best.height,
    )  # fmt: skip
    digests = {name: sha256_of(place / name) for name in (BEST, QUARANTINE)}
    content = {**made_from, "counts": counts.as_json(), "files": digests}
    write_json(place / MANIFEST, content, seal=True)
    return PutTogether(counts, _notes(counts, options, work, pool.height))


def _shard(
    done: PartialResult, number: int, work: ScreenWork
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Candidates and faulty rows of a shard, and its counts; every page is checked."""
    import pyarrow
    from pyarrow import compute, parquet

    path = done.path_of(number)
    try:
        file = parquet.ParquetFile(path, page_checksum_verification=True)
        said = file.metadata.metadata or {}
        table = file.read()
    except (pyarrow.ArrowException, OSError, ValueError):
        said = {}
    if said.get(MADE_FROM.encode()) != f"{work.mark} {number}".encode():
        path.unlink(missing_ok=True)
        raise FileFormatError(f"{path} was damaged and is removed; call the same command again")
    kept = compute.or_(compute.is_valid(table["heavy"]), compute.is_valid(table["problem"]))
    plain = table.filter(kept).replace_schema_metadata()
    return pl.DataFrame(pl.from_arrow(plain)), json.loads(said[COUNTS.encode()])


def _link(made: Path, place: Path) -> None:
    """The same file under a second name; a copy where the file system has no such names."""
    try:
        os.link(made, place)
    except OSError:
        shutil.copyfile(made, place)


def _diverse(pool: pl.DataFrame, options: ScreenOptions) -> pl.DataFrame:
    """Of each antigen's candidates the best that are not too like a better one."""
    parts = [_diverse_of(part, options) for part in pool.partition_by("antigen_name")]
    empty = pl.DataFrame(schema={**PREDICTED, **_ADDED})
    found = pl.concat([empty, *parts], how="diagonal").drop("passed", "problem")
    kd = [None if one is None else format_kd(one) for one in found["kd_molar"]]
    first = ("rank", "file", "row", "antibody_name", "antigen_name", "pkd", "kd")
    rest = [name for name in found.columns if name not in first]
    return found.with_columns(pl.Series("kd", kd, pl.String)).select(*first, *rest)


_ADDED: Final = {
    "rank": pl.Int64(), "identity_to_better": pl.Float64(), "liabilities": pl.String(),
}  # fmt: skip


def _diverse_of(candidates: pl.DataFrame, options: ScreenOptions) -> pl.DataFrame:
    chosen, nearest = [], []
    for place, identity in _chosen(candidates, options.alike):
        chosen.append(place)
        nearest.append(identity)
        if len(chosen) == options.best:
            break
    kept = candidates[chosen]
    return kept.with_columns(
        pl.Series("rank", range(1, len(chosen) + 1), pl.Int64),
        pl.Series("identity_to_better", nearest, pl.Float64),
        pl.Series("liabilities", [_liabilities(*r) for r in kept.select(CHAINS).iter_rows()]),
    )


def _chosen(candidates: pl.DataFrame, alike: float) -> Iterator[tuple[int, float | None]]:
    """Places of rows in their order, each with its CDR identity to the nearest one before it."""
    from abag.data.schema import antibody_key
    from abag.data.similarity.antibodies import CdrTable, cdr_sets

    sets = cdr_sets(candidates)
    keys = candidates.select(antibody_key()).to_series().to_list()
    cdrs = CdrTable([sets[key] for key in keys])
    taken: list[int] = []
    for place in range(candidates.height):
        near = None
        if taken:
            one, others = np.array([place], dtype=np.intp), np.array(taken, dtype=np.intp)
            near = float(cdrs.identities(cdrs, one, others).max())
        if near is None or near < alike:
            taken.append(place)
            yield place, near


def _liabilities(heavy: str, light: str | None) -> str:
    """What may harm a molecule: ``deamidation H55 NG (high)``, joined by ``; ``."""
    from abag.antibody.antibody import Antibody
    from abag.errors import SequenceError
    from abag.maturation.antibody.liabilities import LiabilitySeverity, find_liabilities

    try:
        found = find_liabilities(Antibody.of(heavy, light))
    except SequenceError:
        return ""
    return "; ".join(
        f"{one.kind} {one.chain}{one.imgt} {one.motif} ({one.severity})"
        for one in found
        if one.severity is not LiabilitySeverity.LOW
    )


def _notes(
    counts: ScreenCounts, options: ScreenOptions, work: ScreenWork, pool: int
) -> tuple[str, ...]:
    wanted = options.best * max(len(work.antigens), 1)
    if counts.best >= wanted or counts.passed <= pool:
        return ()
    return (
        f"only {counts.best} of {wanted} differ enough among the best {pool} rows that passed; a "
        f"larger --best or --alike looks further",
    )
