"""The result of a screen, put together from its shards; memory does not grow with the library.

``best.csv``: the best rows of each antigen, best first, with chains, verdict, liabilities and the
CDR identity to the nearest better row. A row that is too like a better one is left out; the
candidates are the best rows of the whole library, twenty for each that is asked for.
``quarantine.csv``: every row without a prediction, with file, line and reason.
``predictions/``: a Parquet file for each shard (:data:`abag.screening.shards.PREDICTED`).
``manifest.json``: library, model and options that it was made from, and counts that add up.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from abag.errors import FileFormatError
from abag.files import neutral_table, read_json, read_parquet, sha256_of, write_json
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
    antibody; records that could not be read are in no pair; quarantined = refused + unread.
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


class Merging:
    """Candidates, counts and quarantine, put together while shards come.

    Shards are taken in their order, each as soon as all before it are there, so that nothing
    depends on which came first.
    """

    def __init__(self, partial: PartialResult, work: ScreenWork) -> None:
        self._partial, self._work = partial, work
        self._next, self._there = 0, set[int]()
        self.pool = pl.DataFrame(schema=PREDICTED)
        self.total: Counter[str] = Counter()
        self.quarantine = partial.folder / f".{QUARANTINE}"
        with self.quarantine.open("wb") as stream:
            pl.DataFrame(schema={n: PREDICTED[n] for n in _QUARANTINED}).write_csv(stream)

    def add(self, number: int) -> None:
        """A shard is on disk.

        Raises:
            FileFormatError: it was changed there; it is removed, and the next call does it.
        """
        self._there.add(number)
        while self._next in self._there:
            self._there.remove(self._next)
            self._take_in(self._next)
            self._next += 1

    def _take_in(self, number: int) -> None:
        rows, counts = _shard_rows(self._partial, number, self._work)
        self.total.update(counts)
        faulty = rows.filter(pl.col("problem").is_not_null())
        if faulty.height:
            with self.quarantine.open("ab") as stream:
                neutral_table(faulty.select(_QUARANTINED)).write_csv(stream, include_header=False)
        best = best_of(pl.concat([self.pool, rows]), self._work.by, self._work.pool)
        # Columns of text keep the memory of all tables that their rows came from: written and read
        # again they keep their own alone.
        copied = io.BytesIO()
        best.write_ipc_stream(copied, compat_level=pl.CompatLevel.oldest())
        copied.seek(0)
        self.pool = pl.read_ipc_stream(copied)

    def put_together(
        self, made_from: dict[str, Any], folder: Path, options: ScreenOptions
    ) -> tuple[ScreenCounts, tuple[str, ...]]:
        """Write the result into the new folder ``folder``; returns its counts, and notes."""
        (folder / PREDICTIONS).mkdir()
        for number in range(self._next):
            _link(self._partial.path_of(number), folder / PREDICTIONS / f"{number:06d}.parquet")
        shutil.copyfile(self.quarantine, folder / QUARANTINE)
        best = _best_table(self.pool, options)
        neutral_table(best.with_columns(pl.col("flags").list.join(";"))).write_csv(folder / BEST)
        work, total = self._work, self.total
        pairs = total["antibodies"] * max(len(work.antigens), 1)
        counts = ScreenCounts(
            antibodies=total["antibodies"], antigens=len(work.antigens), pairs=pairs,
            predicted=pairs - total["refused"], refused=total["refused"], unread=total["unread"],
            quarantined=total["refused"] + total["unread"], passed=total["passed"],
            best=best.height,
        )  # fmt: skip
        digests = {name: sha256_of(folder / name) for name in (BEST, QUARANTINE)}
        content = {**made_from, "counts": asdict(counts), "files": digests}
        write_json(folder / MANIFEST, content, seal=True)
        return counts, _notes(counts, options, work, self.pool.height)


def finished(out: Path, made_from: Mapping[str, Any]) -> ScreenCounts | None:
    """The counts of a screen in ``out`` that was made from the same; None where there is none."""
    if not (out / MANIFEST).is_file():
        return None
    try:
        content = read_json(out / MANIFEST)
        same = {name: content[name] for name in made_from} == made_from
        return ScreenCounts(**content["counts"]) if same else None
    except (FileFormatError, KeyError, TypeError):
        return None


def _shard_rows(
    partial: PartialResult, number: int, work: ScreenWork
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Candidates and faulty rows of a shard, and its counts; its digest is checked."""
    path = partial.path_of(number)
    try:
        table, metadata = read_parquet(path)
    except FileFormatError:
        table, metadata = pl.DataFrame(), {}
    if metadata.get(MADE_FROM) != f"{work.mark} {number}":
        path.unlink(missing_ok=True)
        raise FileFormatError(f"{path} was damaged and is removed; call the same command again")
    rows = table.filter(pl.col("heavy").is_not_null() | pl.col("problem").is_not_null())
    return rows, json.loads(metadata[COUNTS])


def _link(source: Path, target: Path) -> None:
    """The same file under a second name; a copy where the file system has no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _best_table(pool: pl.DataFrame, options: ScreenOptions) -> pl.DataFrame:
    """The best candidates of each antigen, without those too like a better one."""
    parts = [_diverse_rows(part, options) for part in pool.partition_by("antigen_name")]
    empty = pl.DataFrame(schema={**PREDICTED, **_ADDED})
    best = pl.concat([empty, *parts], how="diagonal").drop("passed", "problem")
    kd = [None if molar is None else format_kd(molar) for molar in best["kd_molar"]]
    leading = ("rank", "file", "row", "antibody_name", "antigen_name", "pkd", "kd")
    others = [name for name in best.columns if name not in leading]
    return best.with_columns(pl.Series("kd", kd, pl.String)).select(*leading, *others)


_ADDED: Final = {
    "rank": pl.Int64(), "identity_to_better": pl.Float64(), "liabilities": pl.String(),
}  # fmt: skip


def _diverse_rows(candidates: pl.DataFrame, options: ScreenOptions) -> pl.DataFrame:
    chosen, nearest = [], []
    for row, identity in _dissimilar(candidates, options.alike):
        chosen.append(row)
        nearest.append(identity)
        if len(chosen) == options.best:
            break
    best = candidates[chosen]
    return best.with_columns(
        pl.Series("rank", range(1, len(chosen) + 1), pl.Int64),
        pl.Series("identity_to_better", nearest, pl.Float64),
        pl.Series("liabilities", [_liability_text(*r) for r in best.select(CHAINS).iter_rows()]),
    )


def _dissimilar(candidates: pl.DataFrame, alike: float) -> Iterator[tuple[int, float | None]]:
    """Places of rows in their order, each with its CDR identity to the nearest one before it."""
    from abag.data.similarity.antibodies import CdrTable, cdr_sets
    from abag.data.tables import antibody_key

    sets = cdr_sets(candidates)
    keys = candidates.select(antibody_key()).to_series().to_list()
    cdrs = CdrTable([sets[key] for key in keys])
    taken: list[int] = []
    for index in range(candidates.height):
        nearest = None
        if taken:
            row, others = np.array([index], dtype=np.intp), np.array(taken, dtype=np.intp)
            nearest = float(cdrs.identities(cdrs, row, others).max())
        if nearest is None or nearest < alike:
            taken.append(index)
            yield index, nearest


def _liability_text(heavy: str, light: str | None) -> str:
    """Liabilities as text: ``deamidation H55 NG (high)``, joined by ``; ``."""
    from abag.antibody.antibody import Antibody
    from abag.errors import SequenceError
    from abag.maturation.antibody.liabilities import LiabilitySeverity, find_liabilities

    try:
        liabilities = find_liabilities(Antibody.of(heavy, light))
    except SequenceError:
        return ""
    return "; ".join(
        f"{risk.kind} {risk.chain}{risk.imgt} {risk.motif} ({risk.severity})"
        for risk in liabilities
        if risk.severity is not LiabilitySeverity.LOW
    )


def _notes(
    counts: ScreenCounts, options: ScreenOptions, work: ScreenWork, pool: int
) -> tuple[str, ...]:
    most = options.best * max(len(work.antigens), 1)
    if counts.best >= most or counts.passed <= pool:
        return ()
    return (
        f"only {counts.best} of {most} differ enough among the best {pool} rows that passed; a "
        f"larger --best or --alike looks further",
    )
