"""A screen of a library: planned, done shard by shard, continued after a stop, put together.

Its state is in the file system and nowhere else: ``OUT.partial`` holds a file for each shard that
is done, swapped in whole. After a kill of driver or worker the same call goes on from there; shards
do not depend on who does them, so the result has the bytes of an undisturbed run.
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
    """The outcome of a screen: counts, speed and notes; the result itself is in ``out``."""

    out: Path
    counts: ScreenCounts
    model_id: str
    shards: int
    shards_before: int
    """Shards that an earlier call had done."""
    seconds: float
    pairs_a_second: float
    """Pairs that this call screened, by the clock."""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
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
        seconds = time.monotonic() - began
        return Screened(out, counts, predictor.model_id, len(shards), len(shards), seconds, 0.0)
    require_own(out, FILES, "a screen", overwrite=overwrite)
    with partial_result(out, made_from) as partial:
        local = _unpacked(shards, partial.folder)
        work = replace(work, mark=partial.made_from)
        merging = Merging(partial, work)
        before, rate = _screen_shards(local, work, engine, partial, merging)
        with swapping(out) as folder:
            counts, notes = merging.put_together(made_from, folder, options)
    seconds = time.monotonic() - began
    return Screened(out, counts, predictor.model_id, len(shards), before, seconds, rate, notes)


def _made_from(
    shards: Sequence[LibraryShard], options: ScreenOptions, work: ScreenWork, model_id: str
) -> dict[str, Any]:
    """Everything that the bytes of the result depend on, as plain values."""
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
    """The shards, gzip files unpacked beside the result: they cannot be read from the middle."""
    places: dict[str, str] = {}
    for shard in shards:
        if shard.file.packed and shard.file.path not in places:
            path = folder.resolve() / f".unpacked-{len(places):06d}"
            if not path.exists():
                _unpack(shard.file.path, path)
            places[shard.file.path] = str(path)
    return [
        replace(shard, file=replace(shard.file, path=places.get(shard.file.path, shard.file.path)))
        for shard in shards
    ]


def _unpack(path: str, target: Path) -> None:
    with opened_file(path) as packed, replacing(target) as new, new.open("wb") as stream:
        shutil.copyfileobj(unpacked(Path(path), packed), stream, 2**20)  # type: ignore[arg-type]


def _screen_shards(
    shards: Sequence[LibraryShard],
    work: ScreenWork,
    engine: Engine,
    partial: PartialResult,
    merging: Merging,
) -> tuple[int, float]:
    """Screen the shards that remain; returns how many were done before, and pairs a second."""
    remaining = [n for n in range(len(shards)) if not partial.has(n)]
    for number in sorted(set(range(len(shards))) - set(remaining)):
        merging.add(number)
    pieces = [NumberedShard(n, shards[n]) for n in remaining]
    times = max(len(work.antigens), 1)
    pairs = times * sum(shard.records for shard in shards)
    pairs_before = pairs - times * sum(piece.shard.records for piece in pieces)
    if not pieces:
        return len(shards), 0.0
    began, screened = time.monotonic(), 0
    title = f"screening {counted(pairs, 'pair')}"
    if pairs_before:
        title += f", {pairs_before:,} of them done before"
    with task(title, pairs - pairs_before) as bar:
        for index, content in engine.answers(Work(_FUNCTION, work), pieces):
            piece = pieces[index]
            partial.keep_bytes(piece.number, content)
            merging.add(piece.number)
            screened += times * piece.shard.records
            bar.describe(f"{title}, {screened / (time.monotonic() - began):,.0f} pairs/s")
            bar.advance(times * piece.shard.records)
    return len(shards) - len(remaining), screened / (time.monotonic() - began)


_FUNCTION: Final = "abag.screening.shards:screen_shard"
