"""Make the shipped model again: python benchmarks/shipped_model.py SOURCES --out FOLDER."""

from __future__ import annotations

import argparse
from pathlib import Path

from abag.uncertainty.served import calibrated
from abag_lab.door.rows import door_rows

FOLDS = 5


def make(sources: Path, out: Path) -> None:
    """Fit on every permissive row, calibrate on held-out folds, save."""
    rows = door_rows(sources).drop("cluster", "sealed")
    served = calibrated("pairs", rows, folds=FOLDS, seed=0)
    served.save(out, overwrite=out.exists())
    print(served.in_words())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    make(given.sources, given.out)
