"""Screens: what shards cost, what a second worker brings, kills, and Ray core beside Ray Data.

    python benchmarks/screening.py overhead [--rows 20000]
    python benchmarks/screening.py workers [--rows 40000]
    python benchmarks/screening.py ray [--rows 20000]
    python benchmarks/screening.py kills [--kills 50] [--seed 0]
    python benchmarks/screening.py million --folder FOLDER [--rows 1000000] [--minutes 9]

``overhead`` compares processor seconds of a whole screen (planning, reading, predicting, writing,
putting together) with those of the bare predictor on the same rows in memory. ``workers`` compares
one process with two, in turns. ``ray`` does the same shards by Ray core, as `abag screen --ray`
does, and by Ray Data. ``kills`` ends the driver or one of its workers at random moments, calls the
same command again, and compares every byte with an undisturbed screen. ``million`` screens on two
processes in ``--folder`` and prints one JSON object: rate, processor seconds, most memory of driver
and workers, counts. After ``--minutes`` it ends the screen (exit status 3); the same call goes on
with it, and its seconds are added up.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from predict import HER2, library, processor_seconds

SHARD_ROWS = 2_000
TURNS = 3


def files_of(folder: Path, rows: int) -> tuple[str, str]:
    """A library and an antigen on disk."""
    library(rows).select("heavy", "light").write_parquet(folder / "library.parquet")
    (folder / "antigen.fasta").write_text(f">HER2\n{HER2}\n")
    return str(folder / "library.parquet"), str(folder / "antigen.fasta")


def screened(folder: Path, rows: int, engine: Any, name: str) -> tuple[float, Path]:
    """Wall-clock seconds of a screen, and its folder."""
    from abag.screening.options import ScreenOptions
    from abag.screening.run import screen_library

    path, antigen = files_of(folder, rows)
    options = ScreenOptions(antigens=(antigen,), shard_rows=SHARD_ROWS)
    finished = screen_library([path], folder / name, options, engine)
    return finished.seconds, finished.out


def used() -> float:
    """Processor seconds of this process and of its children that have ended."""
    import resource

    processes = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(processor_seconds(who) for who in processes)


def overhead(rows: int, _: argparse.Namespace) -> None:
    """Processor seconds of a screen and of the bare predictor."""
    from abag.antibody.numbering import clear_cache
    from abag.engines import Here
    from abag.inference import load
    from abag.progress import silence

    silence()
    predictor, pairs = load(), library(rows)
    predictor.predict_table(pairs[:100])
    seconds: dict[str, list[float]] = {"bare": [], "screen": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(TURNS):
            clear_cache()
            before = used()
            for start in range(0, rows, SHARD_ROWS):
                predictor.predict_table(pairs[start : start + SHARD_ROWS])
                clear_cache()
            seconds["bare"].append(used() - before)
            before = used()
            screened(Path(folder), rows, Here(), f"turn{turn}")
            seconds["screen"].append(used() - before)
    bare, of_screen = (min(seconds[name]) for name in ("bare", "screen"))
    print(f"{rows:,} pairs: bare {bare:.2f} s, {rows / bare:,.0f} pairs a processor second")
    print(f"screen {of_screen:.2f} s: {of_screen / bare:.3f} of it (with a start of the model)")


def workers(rows: int, _: argparse.Namespace) -> None:
    """One process and two, in turns."""
    from abag.engines import Processes
    from abag.progress import silence

    silence()
    wall: dict[int, list[float]] = {1: [], 2: []}
    cost: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(TURNS):
            for count in (1, 2):
                before = used()
                took, _out = screened(Path(folder), rows, Processes(count), f"{count}-{turn}")
                wall[count].append(took)
                cost[count].append(used() - before)
    for count in (1, 2):
        print(f"{count}: wall {min(wall[count]):.1f} s, processor {min(cost[count]):.1f} s")
    print(f"two against one: {min(wall[1]) / min(wall[2]):.2f} x by the clock")
    print(f"processor seconds of one against two: {min(cost[1]) / min(cost[2]):.2f}")


def ray(rows: int, _: argparse.Namespace) -> None:
    """The same shards by Ray core and by Ray Data, on two cores here, in turns."""
    import ray as cluster

    from abag.engines import RayCluster, Work
    from abag.progress import silence
    from abag.screening.library import plan_library
    from abag.screening.options import ScreenOptions, work_of
    from abag.screening.shards import NumberedShard

    silence()
    from abag.inference import load

    with tempfile.TemporaryDirectory() as folder:
        path, antigen = files_of(Path(folder), rows)
        work = work_of(ScreenOptions(antigens=(antigen,)), load())
        shards = [
            NumberedShard(n, shard) for n, shard in enumerate(plan_library([path], SHARD_ROWS))
        ]
        named_work = Work("abag.screening.shards:screen_shard", work)
        cluster.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        shared_work = cluster.put(named_work)

        def by_data(row: dict[str, Any]) -> dict[str, Any]:
            return {"n": row["n"], "bytes": cluster.get(shared_work).do(shards[row["n"]])}

        wall: dict[str, list[float]] = {"core": [], "data": []}
        digests = set()
        for turn in range(TURNS + 1):
            start = time.perf_counter()
            answers = dict(RayCluster("auto").answers(named_work, shards))
            wall["core"] += [time.perf_counter() - start] if turn else []
            digests.add(digest_of([answers[n] for n in sorted(answers)]))
            start = time.perf_counter()
            rows_of = cluster.data.from_items([{"n": n} for n in range(len(shards))])
            rows_of = rows_of.repartition(len(shards)).map(by_data).take_all()
            wall["data"] += [time.perf_counter() - start] if turn else []
            digests.add(
                digest_of([shard["bytes"] for shard in sorted(rows_of, key=lambda r: r["n"])])
            )
        cluster.shutdown()
    core, data = (min(wall[name]) for name in ("core", "data"))
    print(f"{len(shards)} shards: Ray core {core:.1f} s, Ray Data {data:.1f} s ({data / core:.2f})")
    print(f"the same bytes: {len(digests) == 1}")


def digest_of(parts: list[bytes]) -> str:
    """SHA-256 of bytes one after another."""
    return hashlib.sha256(b"".join(parts)).hexdigest()


def kills(rows: int, options: argparse.Namespace) -> None:
    """End drivers and workers until ``--kills`` are used up; exit status 1 where a byte differs."""
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        files_of(folder, rows)
        begun = time.monotonic()
        assert started(folder, "undisturbed", *SMALL).wait() == 0
        longest = 0.8 * (time.monotonic() - begun)
        wanted, killed, screens = bytes_of(folder / "undisturbed"), {"driver": 0, "worker": 0}, 0
        while sum(killed.values()) < options.kills:
            screens += 1
            name = f"killed{screens}"
            disturbed(folder, name, rng, killed, options.kills, longest)
            if bytes_of(folder / name) != wanted:
                print(f"screen {screens}: bytes differ")
                sys.exit(1)
    print(
        f"{killed['driver']} drivers and {killed['worker']} workers killed in {screens} screens of "
    )
    print(f"{rows} rows: every byte as in an undisturbed one")


def million(rows: int, options: argparse.Namespace) -> None:
    """Screen a large library, in calls of ``--minutes`` where one is not enough."""
    folder: Path = options.folder or sys.exit("--folder is missing: name one that stays")
    folder.mkdir(exist_ok=True)
    if not (folder / "library.parquet").exists():
        files_of(folder, rows)
    path = folder / "spent.json"
    spent = json.loads(path.read_text()) if path.exists() else NOTHING_SPENT
    before, began = used(), time.monotonic()
    running = started(folder, "screened")
    driver = workers = 0
    while running.poll() is None and time.monotonic() - began < 60 * options.minutes:
        time.sleep(1)
        driver = max(driver, resident_mb(running.pid))
        workers = max([workers, *map(resident_mb, children_of(running))])
    if unfinished := running.poll() is None:
        running.terminate()
    running.wait()
    spent = {
        "calls": spent["calls"] + 1,
        "seconds": spent["seconds"] + time.monotonic() - began,
        "processor_seconds": spent["processor_seconds"] + used() - before,
        "driver_mb": max(spent["driver_mb"], driver),
        "worker_mb": max(spent["worker_mb"], workers),
    }
    path.write_text(json.dumps(spent))
    if unfinished or running.returncode:
        print(json.dumps(spent))
        sys.exit(3)
    counts = json.loads((folder / "screened" / "manifest.json").read_text())["counts"]
    rate = counts["pairs"] / spent["seconds"]
    print(json.dumps({**spent, "pairs_a_second": rate, "counts": counts}))


NOTHING_SPENT = dict.fromkeys(
    ("calls", "seconds", "processor_seconds", "driver_mb", "worker_mb"), 0
)


def resident_mb(pid: int) -> int:
    """Resident memory of a process; 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(x.split()[1]) // 1024 for x in text.splitlines() if x.startswith("VmRSS")), 0)


def disturbed(
    folder: Path,
    name: str,
    rng: random.Random,
    killed: dict[str, int],
    most: int,
    longest: float,
) -> None:
    """One screen that is killed and called again until it ends well."""
    running = started(folder, name, *SMALL)
    while True:
        try:
            code = running.wait(rng.uniform(0.1, longest))
        except subprocess.TimeoutExpired:
            if sum(killed.values()) >= most:
                continue
            children = children_of(running)
            victim = rng.choice(children) if children and rng.random() < 0.6 else running.pid
            try:
                os.kill(victim, signal.SIGKILL)
                killed["driver" if victim == running.pid else "worker"] += 1
            except ProcessLookupError:
                pass
            continue
        if code == 0:
            return
        if code != -signal.SIGKILL:
            sys.exit(f"a screen ended with status {code}")
        running = started(folder, name, *SMALL)


def started(folder: Path, name: str, *more: str) -> subprocess.Popen[bytes]:
    """The command, in a process of its own."""
    arguments = [
        sys.executable, "-m", "abag", "screen", "library.parquet", "--antigen", "antigen.fasta",
        "--processes", "2", "--out", name, *more,
    ]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(arguments, cwd=folder, **quiet)  # type: ignore[call-overload,no-any-return]


SMALL = ("--shard-rows", "50", "--best", "5")
"""Options of a screen of many small shards."""


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Processes that it started."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(text) for text in path.read_text().split()] if path.exists() else []


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def main() -> None:
    """Run one measurement."""
    measurements = {
        "overhead": overhead,
        "workers": workers,
        "ray": ray,
        "kills": kills,
        "million": million,
    }
    rows = {
        "overhead": 20_000,
        "workers": 40_000,
        "ray": 20_000,
        "kills": 1_000,
        "million": 1_000_000,
    }
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("what", choices=sorted(measurements))
    arguments.add_argument("--rows", type=int)
    arguments.add_argument("--shard-rows", type=int, default=SHARD_ROWS)
    arguments.add_argument("--turns", type=int, default=TURNS)
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--minutes", type=float, default=float("inf"))
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    globals().update(SHARD_ROWS=options.shard_rows, TURNS=options.turns)
    measurements[options.what](options.rows or rows[options.what], options)


if __name__ == "__main__":
    main()
