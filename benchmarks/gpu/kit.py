"""What a GPU gives: one command, called again until it says that it is done.

    python benchmarks/gpu/kit.py OUT [--minutes 9.5] [--quick]

Needs the packages of ``abag[encoders,training]``; abag is taken from ``src``. A call takes at most
``--minutes``: what OUT holds already is not measured again, and a step that was cut off goes on or
is made anew. ``--quick`` shows on any machine, at a small size, that everything runs. Steps:

  store                random reads of an embedding store against a raw memory map
  encoding-MODEL       residues a second of our encoding against the padded Hugging Face loop; ESM-2
                       3B and IgT5 in their true size with random weights, AntiBERTy with its own
                       (after ``abag encoders fetch antiberty``; kit.json says where it is not)
  epoch                an epoch of 107,889 pairs over residues, cached embeddings against encoding
                       every pair
  run                  a whole training run of v2.7 over residues on generated pairs

OUT/kit.json holds all results with the machine's name, its devices and the version of torch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
RESULT = "kit.json"
SHORTEST_S = 20.0
"""A step is not begun with less time left than this."""
TABLE = """
import sys
from pathlib import Path
from abag.data.splits import make_split
from abag.files import write_parquet
from epoch import generated
out, table = Path(sys.argv[1]), generated(int(sys.argv[2]))
make_split(table, "random", fractions=(0.9, 0.05, 0.05)).save(out / "split.parquet")
write_parquet(out / "table.parquet", table)
"""


@dataclass(frozen=True)
class Step:
    """Commands that make one result, in order; a finished one is not run again."""

    name: str
    result: str
    """File in OUT that is there when the step is done."""
    commands: tuple[tuple[str, list[str]], ...]
    """(file in OUT that says that the command is done, arguments of python)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=9.5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    ends = time.monotonic() + 60.0 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    notes: dict[str, str] = {}
    for step in steps(options.out, options.quick, ends):
        notes[step.name] = carry_out(step, options.out, ends)
        print(f"{step.name}: {notes[step.name]}", flush=True)
    write(options.out, notes)
    left = [name for name, note in notes.items() if not note.startswith(("done", "failed"))]
    print(
        f"{options.out / RESULT}: " + ("done" if not left else f"call again for {', '.join(left)}")
    )


def steps(out: Path, quick: bool, ends: float) -> list[Step]:
    """All steps, cheapest first, so that a short loan gives most figures."""
    small = ["--quick"] if quick else []
    compiled = [] if quick else ["--compile"]
    models = ("esm2-8m", "antiberty") if quick else ("antiberty", "igt5", "esm2-3b")
    pairs, seconds = ("40", "0.1") if quick else ("20000", "10")
    all_steps = [
        step_of(
            "store",
            "store.json",
            [str(BENCHMARKS / "store.py"), "--out", str(out / "store.json"), *small],
        )
    ]
    for model in models:
        result = f"encoding-{model}.json"
        arguments = [
            str(BENCHMARKS / "encoding.py"),
            "--models",
            model,
            "--file",
            str(out / result),
        ]
        all_steps.append(step_of(f"encoding-{model}", result, [*arguments, *compiled, *small]))
    recipes = ["v2.5"] if quick else ["v2.7", "default"]
    epoch = [str(BENCHMARKS / "epoch.py"), "--recipes", *recipes,
             "--pairs", pairs, "--seconds", seconds, "--out", str(out / "epoch.json")]  # fmt: skip
    all_steps.append(step_of("epoch", "epoch.json", epoch))
    all_steps.append(run_step(out, pairs, quick, ends))
    return all_steps


def step_of(name: str, result: str, arguments: list[str]) -> Step:
    return Step(name, result, ((result, arguments),))


def run_step(out: Path, pairs: str, quick: bool, ends: float) -> Step:
    """A run of v2.7 that stops by itself before the call ends and is resumed by the next."""
    seconds_left = str(max(SHORTEST_S, ends - time.monotonic() - 60.0))
    stop = ["--stop-after", seconds_left, "--no-audit"]
    run = out / "run"
    begin = ["-m", "abag", "train", str(out / "table.parquet"), "--recipe", "v2.7", "--split",
             str(out / "split.parquet"), "--out", str(run), "--store", str(out / "embeddings"),
             "--encoder", "builtin", *stop]  # fmt: skip
    if quick:
        begin += ["--set", "stopping.epochs=1", "--set", "network.fusion.width=16",
                  "--set", "network.fusion.heads=2"]  # fmt: skip
    resume = ["-m", "abag", "train", "--resume", str(run), *stop]
    trained = resume if (run / "run.json").exists() else begin
    return Step(
        "run",
        "run/training_summary.json",
        (("table.parquet", ["-c", TABLE, str(out), pairs]), ("run/training_summary.json", trained)),
    )


def carry_out(step: Step, out: Path, ends: float) -> str:
    """Run what of a step is not done; says how it stands."""
    for result, arguments in step.commands:
        if (out / result).exists():
            continue
        seconds_left = ends - time.monotonic()
        if seconds_left < SHORTEST_S:
            return "not begun, no time left"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(
            [str(ROOT / "src"), str(BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH")])]
        )}  # fmt: skip
        try:
            finished = subprocess.run(
                [sys.executable, *arguments], env=environment, timeout=seconds_left, check=False,
                stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "cut off"
        if finished.returncode:
            return f"failed: {finished.stderr.strip().splitlines()[-1:]}"
    return "done" if (out / step.result).exists() else "stopped, to be gone on with"


def write(out: Path, notes: dict[str, str]) -> None:
    """All results so far in one file."""
    content: dict[str, Any] = {"machine": machine(), "steps": {}}
    for name, note in notes.items():
        path = out / ("run/training_summary.json" if name == "run" else f"{name}.json")
        result = json.loads(path.read_text()) if path.exists() else None
        content["steps"][name] = {"state": note, "result": result}
    (out / RESULT).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def machine() -> dict[str, Any]:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "name": platform.node(), "processor": processor(), "cores": os.cpu_count(), "gpus": gpus,
        "torch": torch.__version__, "python": platform.python_version(),
    }  # fmt: skip


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
