"""Speed of prediction with the shipped model: cold start, a library, a stream.

    python benchmarks/predict.py [--model FOLDER] [--library 20000] [--repeats 5]

Prints seconds and pairs a second on this machine, and ratios to a plain Python start.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYCSR",
    "YWGQGTLVTVSS",
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPPTFGQG"
    "TKVEIK"
)
HER2 = (
    "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYVLIAHNQVRQVPLQRLRIVRGTQLFEDNYALAVLDNGDPL"
    "NNTTPVTGASPGGLRELQLRSLTEILKGGVLIQRNPQLCYQDTILWKDIFHKNNQLALTLIDTNRSRACHPCSPMCKGSRCWGESSEDCQSLTRTVCAGGC"
)
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def library(count: int, seed: int = 0) -> pl.DataFrame:
    """Variants of one antibody: a random CDR3 of 11 to 13 residues and two framework changes."""
    rng = np.random.default_rng(seed)
    heavies = []
    for _ in range(count):
        loop = "".join(rng.choice(list(LETTERS), int(rng.integers(9, 12))))
        chain = list(HEAVY[0] + loop + HEAVY[1])
        for place in rng.integers(30, 90, 2):
            chain[place] = LETTERS[int(rng.integers(20))]
        heavies.append("".join(chain))
    return pl.DataFrame({"heavy": heavies, "light": [LIGHT] * count, "antigen": [HER2] * count})


def processor_seconds(who: int) -> float:
    """Processor time so far of this process or its children; other load does not change it."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def seconds_of(arguments: list[str], repeats: int) -> tuple[float, float]:
    """Median wall-clock and processor seconds of a command in a new process."""
    wall, processor = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), processor_seconds(resource.RUSAGE_CHILDREN)
        subprocess.run(arguments, check=True, capture_output=True)
        wall.append(time.perf_counter() - start)
        processor.append(processor_seconds(resource.RUSAGE_CHILDREN) - used)
    return statistics.median(wall), statistics.median(processor)


def cold(model: list[str], repeats: int) -> None:
    """Starts of the command, each in a new process."""
    abag = [sys.executable, "-m", "abag"]
    bare = seconds_of([sys.executable, "-c", "pass"], repeats)
    pair = ["--heavy", HEAVY[0] + "WGGDGFYAMD" + HEAVY[1], "--light", LIGHT, "--antigen", HER2]
    commands = {
        "abag --help": [*abag, "--help"],
        "first prediction, cold": [*abag, "predict", *model, *pair],
    }
    print(f"python -c pass           {bare[0]:6.2f} s   processor {bare[1]:6.2f} s")
    for name, arguments in commands.items():
        took, used = seconds_of(arguments, repeats)
        ratio = used / bare[1]
        print(f"{name:<24} {took:6.2f} s   processor {used:6.2f} s   {ratio:5.1f} x a bare start")


def warm(model: list[str], count: int) -> None:
    """A library against one antigen, in a process that has the model loaded."""
    from abag.inference import load

    predictor = load(model[1] if model else None)
    first = library(1, seed=9).row(0, named=True)
    predictor.predict_pair(first["heavy"], first["light"], first["antigen"])
    pairs = library(count)
    start, used = time.perf_counter(), processor_seconds(resource.RUSAGE_SELF)
    predictor.predict_table(pairs)
    took = time.perf_counter() - start
    used = processor_seconds(resource.RUSAGE_SELF) - used
    print(
        f"library of {count:>7,}       {took:6.2f} s   {count / took:7,.0f} pairs/s; "
        f"a processor second {count / used:7,.0f} pairs"
    )
    start = time.perf_counter()
    for _ in range(20):
        predictor.predict_pair(first["heavy"], first["light"], first["antigen"])
    print(f"one pair, warm           {(time.perf_counter() - start) / 20:6.3f} s")


def stream(model: list[str], count: int) -> None:
    """Memory and speed of files of growing size, each in a new process."""
    code = (
        "import resource, sys, time; from pathlib import Path; "
        "from abag.inference.tables import predict_file; "
        "done = predict_file(Path(sys.argv[3]) if sys.argv[3] else None, Path(sys.argv[1]), "
        "Path(sys.argv[2])); print(done.rows, time.process_time(), "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    with tempfile.TemporaryDirectory() as folder:
        for rows in (count, 4 * count):
            pairs = library(rows)
            for ending in ("csv", "parquet"):
                path, out = Path(folder) / f"pairs.{ending}", Path(folder) / f"out.{ending}"
                if ending == "csv":
                    pairs.write_csv(path)
                else:
                    pairs.write_parquet(path)
                words = [sys.executable, "-c", code, str(path), str(out), model[1] if model else ""]
                finished = subprocess.run(words, check=True, capture_output=True, text=True)
                answers, took, megabytes = finished.stdout.split()
                print(
                    f"{ending:<8} {int(answers):>9,} rows  processor {float(took):6.1f} s   "
                    f"{int(answers) / float(took):7,.0f} pairs/s   peak {float(megabytes):6.0f} MB"
                )


def main() -> None:
    """Print all figures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", type=Path)
    arguments.add_argument("--library", type=int, default=20_000)
    arguments.add_argument("--stream", type=int, default=20_000)
    arguments.add_argument("--repeats", type=int, default=5)
    options = arguments.parse_args()
    model = ["--model", str(options.model)] if options.model else []
    cold(model, options.repeats)
    warm(model, options.library)
    stream(model, options.stream)


if __name__ == "__main__":
    main()
