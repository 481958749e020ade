"""A screen from its library to the best: planned, done shard by shard, gone on with, put together.

What is done is in the file system and nowhere else: ``OUT.partial`` holds a file for each shard
that is done, swapped in whole. A killed run, driver or worker, goes on from there with the same
call; the shards do not depend on who does them, so the result has the bytes of an undisturbed one.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from abag.engines import Engine, Work
from abag.errors import counted
from abag.files import replacing, require_own, swapping, unpacked
from abag.inference.partial import PartialResult, partial_result
from abag.inference.predictor import Predictor
from abag.progress import task
from abag.screening.library import LibraryShard, opened_file, plan_library
from abag.screening.options import ScreenOptions, require_antigen, work_of
from abag.screening.result import FILES, Merging, ScreenCounts, finished
from abag.screening.shards import NumberedShard, ScreenWork
from abag.version import VERSION


@dataclass(frozen=True, slots=True)
class Screened:
    """What became of a library."""

    out: Path
    counts: ScreenCounts
    model_id: str
    shards: int
    shards_before: int
    """Shards that an earlier call had done."""
    seconds: float
    pairs_a_second: float
    """Pairs that this call did, by the clock."""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Counts and speed; the result itself is in ``out``."""
        return {
            "out": str(self.out),
            "model_id": self.model_id,
            **asdict(self.counts),
            "shards": self.shards,
            "shards_before": self.shards_before,
            "seconds": round(self.seconds, 1),
            "pairs_a_second": round(self.pairs_a_second, 1),
            "notes": list(self.notes),
        }


def screen_library(
    library: Sequence[str],
    out: Path,
    options: ScreenOptions,
    engine: Engine,
    *,
    overwrite: bool = False,
) -> Screened:
    """Screen a library (see :mod:`abag.screening.library`) into the folder ``out``.

    ``out`` gets ``best.csv``, ``quarantine.csv``, ``manifest.json`` and the folder ``predictions``;
    :mod:`abag.screening.result` says what is in them. The same call goes on with a stopped screen,
    and leaves a finished one as it is.

    Raises:
        MissingFileError, FileFormatError, TableError: a file of the library cannot be read.
        OptionError: an option that does not fit, or a foreign folder at ``out``.
        ModelError: the model cannot be loaded.
        UnavailableError: the engine cannot be had, or its workers end again and again.
    """
    began = time.monotonic()
    predictor = Predictor.load(options.model, level=options.level)
    work = work_of(options, predictor)
    shards = plan_library(library, options.shard_rows)
    require_antigen(predictor, work, shards)
    made_from = _made_from(shards, options, work, predictor.model_id)
    if not overwrite and (counts := finished(out, made_from)) is not None:
        if out.with_name(f"{out.name}.partial").exists():
            with partial_result(out, made_from):
                pass  # a kill fell between the last two steps
        took = time.monotonic() - began
        return Screened(out, counts, predictor.model_id, len(shards), len(shards), took, 0.0)
    require_own(out, FILES, "a screen", overwrite=overwrite)
    with partial_result(out, made_from) as done:
        local = _unpacked(shards, done.folder)
        work = replace(work, mark=done.made_from)
        merging = Merging(done, work)
        before, rate = _do(local, work, engine, done, merging)
        with swapping(out) as place:
            counts, notes = merging.put_together(made_from, place, options)
    seconds = time.monotonic() - began
    return Screened(out, counts, predictor.model_id, len(shards), before, seconds, rate, notes)


def _made_from(
    shards: Sequence[LibraryShard], options: ScreenOptions, work: ScreenWork, model_id: str
) -> dict[str, Any]:
    """What every byte of the result depends on, as plain values."""
    files = {shard.file.name: shard.file.digest for shard in shards}
    return {
        "library": [[name, digest] for name, digest in files.items()],
        "antigens": [[name, list(chains)] for name, chains in work.antigens],
        "model": {
            "id": model_id,
            **{name: hashlib.sha256(content).hexdigest() for name, content in work.model},
        },
        "parent": None if work.parent is None else list(work.parent),
        "options": {
            "--level": work.level, "--map": list(work.reading.mapping),
            "--where": work.where, "--by": work.by, "--best": options.best,
            "--alike": options.alike, "--shard-rows": options.shard_rows,
            "reading": repr(work.reading),
        },
        "shards": len(shards),
        "abag version": VERSION,
    }  # fmt: skip


def _unpacked(shards: Sequence[LibraryShard], folder: Path) -> list[LibraryShard]:
    """The shards with gzip files unpacked beside the result: no place in one can be jumped to."""
    places: dict[str, str] = {}
    for shard in shards:
        if shard.file.packed and shard.file.path not in places:
            place = folder.resolve() / f".unpacked-{len(places):06d}"
            if not place.exists():
                _unpack(shard.file.path, place)
            places[shard.file.path] = str(place)
    return [
        replace(shard, file=replace(shard.file, path=places.get(shard.file.path, shard.file.path)))
        for shard in shards
    ]


def _unpack(path: str, place: Path) -> None:
    with opened_file(path) as packed, replacing(place) as made, made.open("wb") as stream:
        shutil.copyfileobj(unpacked(Path(path), packed), stream, 2**20)  # type: ignore[arg-type]


def _do(
    shards: Sequence[LibraryShard],
    work: ScreenWork,
    engine: Engine,
    done: PartialResult,
    merging: Merging,
) -> tuple[int, float]:
    """Do the shards that are not done; returns how many were, and pairs a second of the others."""
    left = [n for n in range(len(shards)) if not done.has(n)]
    for number in sorted(set(range(len(shards))) - set(left)):
        merging.add(number)
    pieces = [NumberedShard(n, shards[n]) for n in left]
    times = max(len(work.antigens), 1)
    pairs = times * sum(shard.records for shard in shards)
    behind = pairs - times * sum(piece.shard.records for piece in pieces)
    if not pieces:
        return len(shards), 0.0
    began, made = time.monotonic(), 0
    what = f"screening {counted(pairs, 'pair')}"
    if behind:
        what += f", {behind:,} of them done before"
    with task(what, pairs - behind) as bar:
        for place, content in engine.answers(Work(_FUNCTION, work), pieces):
            piece = pieces[place]
            done.keep_bytes(piece.number, content)
            merging.add(piece.number)
            made += times * piece.shard.records
            bar.describe(f"{what}, {made / (time.monotonic() - began):,.0f} pairs/s")
            bar.advance(times * piece.shard.records)
    return len(shards) - len(left), made / (time.monotonic() - began)


_FUNCTION: Final = "abag.screening.shards:screen_shard"
