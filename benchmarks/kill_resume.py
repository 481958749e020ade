"""Kill a training run with SIGKILL at random moments, resume it, and compare every bit.

    python benchmarks/kill_resume.py [--kills 100] [--epochs 12] [--seed 0] [--out kill_resume.json]

A small table of random chains is made and embedded once by the built-in encoder. One run goes
through without a stop. Then a run is started again and again: each start is killed after a random
time (anywhere between its start and its end, the writing of states and of the last files
included), and the next start resumes what it left. When a start comes through, weights, optimiser
state, history and test predictions are compared with those of the straight run, and a new run
begins, until the kills are used up. Everything runs in processes forked from this one, which
never computes, so that a start costs no import.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
import polars as pl
import scipy.stats  # noqa: F401
import torch._dynamo  # imported by the optimiser, slowly
from safetensors import safe_open

import abag.model.baselines.kmer_ridge
import abag.model.baselines.nearest_neighbour
import abag.training.finish
import abag.training.run  # noqa: F401
from abag import progress
from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.splits import make_split
from abag.data.tables import SCHEMA
from abag.encoders.adapters import builtin  # noqa: F401
from abag.files import write_parquet
from abag.training.recipe import load_recipe
from abag.training.setup import Options, Sources

SETTINGS = [
    "network.antibody.id=builtin", "network.antigen.id=builtin", "network.fusion.width=16",
    "network.fusion.heads=2", "network.fusion.feed_forward=1", "network.head.hidden=[16]",
    "network.fusion.regions=false", "batch.size=8", "batch.accumulate=2",
    "stopping.patience=12",
]  # fmt: skip
OPTIONS = Options(device="cpu", audit=False, report=False, resamples=100, save_steps=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    progress.silence()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options)
    print(json.dumps(result, indent=2, sort_keys=True))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    if result["equal"] != result["runs"]:
        sys.exit(1)


def measure(folder: Path, options: argparse.Namespace) -> dict:
    recipe, epochs, kills, seed = options.recipe, options.epochs, options.kills, options.seed
    through(lambda: make_inputs(folder))
    through(lambda: start(folder, recipe, 1, folder / "first"))
    began = time.monotonic()  # with the store filled, as every later start
    through(lambda: start(folder, recipe, epochs, folder / "straight"))
    length = time.monotonic() - began
    wanted, rng = bits(folder / "straight"), random.Random(seed)
    result: dict = {"kills": 0, "runs": 0, "equal": 0, "seconds_of_a_run": round(length, 2),
              "steps_left_by_kills": [], "recipe": recipe, "epochs": epochs,
              "seed": seed}  # fmt: skip
    run, last, spared = folder / "run", step_of(folder / "straight"), False
    while result["kills"] < kills or run.exists():
        # Once all steps are done a run is killed one more time, or there would be more kills in
        # the writing of its last files than in its training.
        delay = None if spared or result["kills"] >= kills else rng.uniform(0.0, length)
        spared = step_of(run) == last
        if in_child(lambda: start(folder, recipe, epochs, run), delay):
            result["kills"] += 1
            result["steps_left_by_kills"].append(step_of(run))
            continue
        spared = False
        result["runs"] += 1
        result["equal"] += bits(run) == wanted
        shutil.rmtree(run)
    return result


def start(folder: Path, recipe: str, epochs: int, run: Path) -> None:
    """A new run, or the rest of one."""
    from abag.training.run import resume, train

    torch.set_num_threads(1)
    if (run / "run.json").exists():
        resume(run, OPTIONS)
    else:
        sources = Sources(folder / "table.parquet", folder / "split.parquet", None, folder / "s")
        settings = [f"stopping.epochs={epochs}", f"schedule.cosine_epochs={epochs}"]
        train(load_recipe(recipe, [*SETTINGS, *settings]), sources, run, OPTIONS)


def in_child(work: Callable[[], None], delay: float | None) -> bool:
    """Run in a forked process; returns whether it was killed, after ``delay`` seconds."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)  # one that has ended is no process any more, but a zombie
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        sys.exit("a start failed; see the message above")
    return False


def through(work: Callable[[], None]) -> None:
    in_child(work, None)


def step_of(run: Path) -> int:
    """Steps that a run has saved."""
    path = run / "state.safetensors"
    if not path.exists():
        return 0
    with safe_open(path, framework="numpy") as stored:
        return json.loads(stored.metadata()["progress"])["step"]


def bits(run: Path) -> dict[str, object]:
    """Everything of a finished run that may not depend on how often it was stopped."""
    content: dict[str, object] = {}
    for name in ("checkpoint.safetensors", "state.safetensors", "model/weights.safetensors"):
        with safe_open(run / name, framework="numpy") as stored:
            for key in stored.keys():  # noqa: SIM118
                content[f"{name}: {key}"] = stored.get_tensor(key).tobytes()
    content["predictions"] = (run / "test_predictions.csv").read_text()
    lines = (run / "training_history.csv").read_text().splitlines()
    content["history"] = [line.rsplit(",", 2)[0] for line in lines]  # without wall-clock columns
    content["validation"] = json.loads((run / "metrics.json").read_text())["val"]
    return content


def make_inputs(folder: Path) -> None:
    """A table of 48 random pairs over 6 antigens, some of them bounds, and a random split."""
    rng = np.random.default_rng(0)

    def chain(length: int) -> str:
        return "".join(rng.choice(list(AMINO_ACIDS), length))

    antigens, rows = [chain(40) for _ in range(6)], 48
    pkd = [round(float(value), 3) for value in rng.normal(8.0, 1.2, rows)]
    plain = {
        "source": "user", "source_file": "t.csv", "quantity": "KD", "raw_value": "1",
        "raw_unit": "nM", "relation": "=", "replicates": 1, "assay": "one", "licence": "own-data",
        "flags": [],
    }  # fmt: skip
    columns = {name: [plain.get(name)] * rows for name in SCHEMA} | {
        "record_id": [f"r{i}" for i in range(rows)], "source_row": list(range(2, rows + 2)),
        "heavy": [chain(30) for _ in range(rows)], "light": [chain(25) for _ in range(rows)],
        "antigen": [[antigens[i % 6]] for i in range(rows)], "pkd_lower": pkd,
        "pkd": [None if i % 9 == 0 else value for i, value in enumerate(pkd)],
        "pkd_upper": [None if i % 9 == 0 else value for i, value in enumerate(pkd)],
    }  # fmt: skip
    table = pl.DataFrame(columns, schema_overrides=SCHEMA).select(list(SCHEMA))
    write_parquet(folder / "table.parquet", table)
    make_split(table, "random", fractions=(0.6, 0.2, 0.2)).save(folder / "split.parquet")


if __name__ == "__main__":
    main()
