"""Whether the top of a scan is good: measured single mutants ranked after n of them were seen.

    python benchmarks/scan_hits.py --sources DATA [--landscapes 2fjg 1mlc ...] [--seeds 5]

Training rows are n random single mutants of an assay, test rows its other single mutants (parent:
the row without mutations, or the commonest residue of each position). Prints, as mean and standard
deviation over seeds, Spearman's correlation and the share of the 20 best-ranked test rows that are
measured among the best tenth, by the median and by the lower end of the 90 % interval of
``assay-gp`` and by ``one-hot-ridge``, and the share of test rows inside the intervals.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl

from abag.maturation.landscapes import read_landscapes
from abag.maturation.ranking import spearman
from abag.model.assay_gp.model import AssayGP
from abag.model.registry import create_model

SIZES = (24, 96)
TOP = 20


def parent_of(table: pl.DataFrame) -> str:
    """Both chains joined; the length of the commonest row."""
    named = table.filter(pl.col("mutations") == "")
    rows = named if named.height else table
    joined = (rows["heavy"] + rows["light"].fill_null("")).to_list()
    length = Counter(map(len, joined)).most_common(1)[0][0]
    columns = zip(*(text for text in joined if len(text) == length), strict=True)
    return "".join(Counter(column).most_common(1)[0][0] for column in columns)


def singles_of(table: pl.DataFrame) -> pl.DataFrame:
    """Rows that differ from the parent in one residue."""
    parent = parent_of(table)
    joined = table["heavy"] + table["light"].fill_null("")
    changed = [
        sum(a != b for a, b in zip(text, parent, strict=True)) if len(text) == len(parent) else -1
        for text in joined
    ]
    return table.filter(pl.Series(changed) == 1)


def one_seed(rows: pl.DataFrame, size: int, seed: int) -> list[float]:
    """The figures of one draw, in the order of the printed columns."""
    order = np.random.RandomState(seed).permutation(rows.height)
    train, test = rows[order[:size].tolist()], rows[order[size:].tolist()]
    true = test["rank_score"].to_numpy()
    best = true >= np.quantile(true, 0.9)
    found = AssayGP(target="rank_score").fit(train).distribution(test)
    ridge = create_model("one-hot-ridge", {"target": "rank_score"}).fit(train).predict(test)
    inside = (true >= found.lower) & (true <= found.upper)
    return [
        spearman(true, found.median) or 0.0,
        float(best[np.argsort(-found.median, kind="stable")[:TOP]].mean()),
        float(best[np.argsort(-found.lower, kind="stable")[:TOP]].mean()),
        spearman(true, ridge) or 0.0,
        float(best[np.argsort(-ridge, kind="stable")[:TOP]].mean()),
        float(inside.mean()),
    ]


def main() -> None:
    """Read the options and print one line a landscape and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--landscapes", nargs="*", default=["2fjg", "cr9114-h1", "1mlc", "aayl49"])
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    names = ("gp spearman", "gp top", "gp cautious top", "ridge spearman", "ridge top", "coverage")
    for landscape in read_landscapes(chosen.sources, chosen.landscapes):
        rows = singles_of(landscape.table)
        for size in SIZES:
            found = np.array([one_seed(rows, size, seed) for seed in range(chosen.seeds)])
            figures = zip(names, found.mean(axis=0), found.std(axis=0, ddof=1), strict=True)
            told = ", ".join(f"{name} {mean:.2f} ({sd:.2f})" for name, mean, sd in figures)
            print(f"{landscape.name}, {rows.height} singles, n = {size}: {told}", flush=True)


if __name__ == "__main__":
    main()
