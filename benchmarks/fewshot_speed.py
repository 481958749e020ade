"""Time to fit the assay model at 24 to 3,000 rows (and more, by way of inducing variants).

    python benchmarks/fewshot_speed.py --sources DATA [--assay aayl49] [--rows 384 3000]

Prints wall time and processor time of one fit; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from abag.model.assay_gp.model import AssayGP
from abag_lab.replay.landscapes import read_landscapes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--assay", default="aayl49")
    parser.add_argument("--rows", type=int, nargs="+", default=[24, 96, 384, 3000])
    chosen = parser.parse_args()
    (landscape,) = read_landscapes(chosen.sources, [chosen.assay])
    order = np.random.RandomState(10).permutation(landscape.table.height)
    AssayGP(target="rank_score").fit(landscape.table[order[:24].tolist()])  # imports, numbering
    for rows in chosen.rows:
        table = landscape.table[order[:rows].tolist()]
        wall, processor = time.perf_counter(), time.process_time()
        model = AssayGP(target="rank_score").fit(table)
        fitted = time.perf_counter() - wall, time.process_time() - processor
        wall = time.perf_counter()
        model.distribution(landscape.table[order[-400:].tolist()])
        print(
            f"{chosen.assay} {table.height:>6} rows: fit {fitted[0]:.1f} s "
            f"({fitted[1]:.1f} s of processor), 400 predictions {time.perf_counter() - wall:.1f} s"
        )


if __name__ == "__main__":
    main()
