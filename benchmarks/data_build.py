"""Time and memory of `abag data build` over all published sources, source by source.

    python benchmarks/data_build.py SOURCES

Processor seconds are printed beside wall seconds: on a busy machine they tell what a free one
would need.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from abag import progress
from abag.data.chains import AntibodyCleaner
from abag_lab.sources import SOURCES
from abag_lab.sources.build import read_source


def main(folder: Path) -> None:
    progress.silence()
    cleaner = AntibodyCleaner()
    print(f"{'source':<26}{'rows':>9}{'wall s':>9}{'cpu s':>9}{'rows/s':>10}")
    started, burnt, rows = time.perf_counter(), time.process_time(), 0
    for name in sorted(SOURCES):
        if not (folder / name).is_dir():
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        result, _ = read_source(SOURCES[name], folder, cleaner)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rows += result.rows_in
        print(f"{name:<26}{result.rows_in:>9}{wall:>9.1f}{cpu:>9.1f}{result.rows_in / wall:>10.0f}")
    wall, cpu = time.perf_counter() - started, time.process_time() - burnt
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"{'all':<26}{rows:>9}{wall:>9.1f}{cpu:>9.1f}{rows / wall:>10.0f}   peak {peak:.2f} GiB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
