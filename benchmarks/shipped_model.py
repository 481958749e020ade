"""Make the shipped model again: python benchmarks/shipped_model.py SOURCES --out FOLDER."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl

from abag.data.tables import Measurements
from abag.uncertainty.served import calibrated
from abag_lab.door.pairing import pairing_figures
from abag_lab.door.rows import door_rows

FOLDS = 5


def make(sources: Path, out: Path) -> None:
    """Fit on every permissive row, calibrate on held-out folds, judge the evidence, save."""
    rows = door_rows(sources)
    measurements = Measurements.of(rows.drop("cluster", "sealed"))
    served = calibrated("pairs", measurements, folds=FOLDS, seed=0)
    pairing = pairing_figures(rows.filter(~pl.col("sealed")), folds=FOLDS, seed=0)
    protocol = {**(served.protocol or {}), "pairing": [asdict(figure) for figure in pairing]}
    served = replace(served, protocol=protocol)
    served.save(out, overwrite=out.exists())
    print(served.in_words())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    make(options.sources, options.out)
