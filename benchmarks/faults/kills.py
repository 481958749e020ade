"""Kill every command at random points, give it again, and compare every byte.

    python benchmarks/faults/kills.py [--kills 100] [--only predict,scan] [--seed 0] [--out FILE]

Each command runs once undisturbed. Then it is started in a fresh copy of its inputs, killed
(SIGKILL) after a random share of that time, and given again until it ends: as it was, or gone on
with, or with --overwrite where its result stood already. What it leaves must be the undisturbed
bytes, and nothing else: no half file, no temporary name, no second copy. Commands run in processes
forked from this one, so that a start costs no import and kills fall into the work.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import polars as pl
from fuzzing import ANTIGEN, HEAVY, LIGHT

from abag.apps.cli import main as abag

APART = frozenset({".lock", "writer.lock", "study.db"})
"""Lock files, and a database that keeps the time of day."""


@dataclass(frozen=True)
class Command:
    """A command, its result, and how it is given again after a kill."""

    arguments: tuple[str, ...]
    result: tuple[str, ...]
    """Files or folders whose bytes count."""
    again: Callable[[Path], tuple[str, ...]] | None = None
    """Arguments after a kill, from what stands in the folder; by default the same."""


def overwriting(result: str, *arguments: str) -> Command:
    """A command that needs --overwrite where its result stands."""

    def again(folder: Path) -> tuple[str, ...]:
        return (*arguments, "--overwrite") if (folder / result).exists() else arguments

    return Command(arguments, (result,), again)


def variants(count: int, seed: int) -> pl.DataFrame:
    """Measured variants of one antibody, with a rule that can be learnt."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        heavy = list(HEAVY)
        for place in rng.sample(range(28, 60), 2):
            heavy[place] = rng.choice("ADEGHKNQRSTVY")
        value = 10 ** (9 - 8 - 0.1 * heavy.count("Y") + rng.gauss(0, 0.05))
        rows.append({"name": f"v{seed}-{number}", "heavy": "".join(heavy), "light": LIGHT,
                     "antigen": ANTIGEN, "KD (nM)": round(value, 4)})  # fmt: skip
    return pl.DataFrame(rows)


def make_tables(folder: Path) -> None:
    """The files that people bring."""
    variants(40, 0).write_csv(folder / "assay.csv")
    variants(12, 1).write_csv(folder / "more.csv")
    big = pl.concat([variants(40, seed) for seed in range(2, 12)] * 14)
    big.with_columns(name=pl.int_range(pl.len()).cast(pl.String)).write_csv(folder / "big.csv")


def make_inputs(folder: Path) -> None:
    """The files that the commands read; this process never computes, or its forks would hang."""
    maker = multiprocessing.get_context("fork").Process(target=make_tables, args=(folder,))
    maker.start()
    maker.join()
    run(("data", "import", "assay.csv", "--out", "table.parquet"), folder)
    run(("split", "table.parquet", "--strategy", "random", "--folds", "3",
         "--out", "split.parquet"),
        folder)  # fmt: skip
    run(("fit", "table.parquet", "--model", "kmer-ridge", "--out", "model"), folder)
    run(("adapt", "assay.csv", "--campaign", "begun"), folder)
    shutil.copytree(folder / "begun", folder / "open")
    run(("propose", "--campaign", "open", "--n", "4"), folder)


COMMANDS: dict[str, Command] = {
    "import": Command(("data", "import", "assay.csv", "--out", "t.parquet"),
                      ("t.parquet", "t.quarantine.parquet", "t.manifest.json")),
    "predict": Command(("predict", "--model", "model", "--table", "big.csv", "--out", "out.csv"),
                       ("out.csv",)),
    "fit": overwriting("m", "fit", "table.parquet", "--model", "kmer-ridge", "--out", "m"),
    "adapt": overwriting("m", "adapt", "assay.csv", "--out", "m"),
    "scan": overwriting("s", "scan", "--heavy", HEAVY, "--light", LIGHT, "--cdrs", "H2",
                        "--out", "s"),
    "evaluate": overwriting("e", "evaluate", "table.parquet", "--split", "split.parquet", "--model",
                            "kmer-ridge", "--bootstrap", "100", "--out", "e"),
    "campaign-start": Command(("adapt", "assay.csv", "--campaign", "new"), ("new",)),
    "campaign-propose": Command(("propose", "--campaign", "begun", "--n", "4"), ("begun",)),
    "campaign-results": Command(
        ("adapt", "more.csv", "--campaign", "open", "--allow-unproposed"), ("open",)),
    "embed": Command(("embed", "assay.csv", "--store", "store", "--encoder", "builtin"),
                     ("store",)),
}  # fmt: skip


def run(arguments: Sequence[str], folder: Path, seconds: float | None = None) -> int:
    """Exit status of a command in a forked process; it is killed after ``seconds``."""

    def work() -> None:
        os.chdir(folder)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        log = os.open(str(folder.parent / "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(nowhere, 1)
        os.dup2(log, 2)
        abag(list(arguments))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode or 0


def bits(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Digest of every file of a result; shards of a store by content, since kills part them."""
    found = {}
    for name in names:
        place = folder / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.name not in APART:
                key = str(path.relative_to(folder))
                found[key] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def leftovers(folder: Path) -> list[str]:
    """Names that only something unfinished has."""
    return [str(path) for path in folder.rglob("*")
            if ".abag-" in path.name or path.name.endswith(".partial")]  # fmt: skip


def measure(name: str, inputs: Path, place: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill one command; counts, and what differed."""
    command, rng = COMMANDS[name], random.Random(f"{seed} {name}")
    straight = place / "straight"
    shutil.copytree(inputs, straight)
    began = time.monotonic()
    status = run(command.arguments, straight)
    length = time.monotonic() - began
    if status:
        return {"fault": f"the undisturbed command ended with {status}"}
    wanted = bits(straight, command.result)
    killed = starts = 0
    faults: list[str] = []
    while killed < kills:
        folder = place / "work"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(inputs, folder)
        arguments, ended = command.arguments, False
        for attempt in range(6):
            starts += 1
            disturbed = attempt < 5 and killed < kills
            status = run(arguments, folder, rng.uniform(0, 1.05) * length if disturbed else None)
            if status == 0:
                ended = True
                break
            if status != -signal.SIGKILL:
                faults.append(f"the command given again ended with {status}: {' '.join(arguments)}")
                break
            killed += 1
            arguments = command.arguments if command.again is None else command.again(folder)
        if ended:
            if bits(folder, command.result) != wanted and name != "embed":
                faults.append("other bytes than the undisturbed ones")
            if left := leftovers(folder):
                faults.append(f"left behind: {left[:3]}")
            if name == "campaign-propose":
                continue
        if len(faults) > 5:
            break
    return {"kills": killed, "starts": starts, "seconds_undisturbed": round(length, 2),
            "faults": faults}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--only", default=",".join(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        inputs.mkdir()
        make_inputs(inputs)
        for name in options.only.split(","):
            place = Path(folder) / name
            place.mkdir()
            results[name] = measure(name, inputs, place, options.kills, options.seed)
            print(name, json.dumps(results[name]), flush=True)
            with contextlib.suppress(OSError):
                shutil.rmtree(place)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
