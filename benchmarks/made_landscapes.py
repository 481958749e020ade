"""`assay-gp` and a one-hot ridge on made-up landscapes, where nothing known beforehand helps.

    python benchmarks/made_landscapes.py --out made.csv [--first 0] [--count 200]

Scores are written after every landscape, and those that are there are not made again. Prints
means by kind and way of holding out, and the 95 % interval of the difference from the ridge.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from abag.progress import track
from abag_lab.replay.made_landscapes import MadeLandscape, MadeScore, score_landscape, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    scores: list[MadeScore] = []
    if options.out.exists():
        scores = [MadeScore(**row) for row in pl.read_csv(options.out).iter_rows(named=True)]
    known = {score.number for score in scores}
    numbers = [n for n in range(options.first, options.first + options.count) if n not in known]
    for number in track(numbers, "made landscapes"):
        scores += score_landscape(MadeLandscape.of(number))
        pl.DataFrame(scores).write_csv(options.out)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, float_precision=3):
        print(summary(scores))


if __name__ == "__main__":
    main()
