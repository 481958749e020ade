"""Whether the top of a scan is good: measured single mutants ranked after n of them were seen.

    python benchmarks/scan_hits.py --sources DATA [--landscapes 2fjg 1mlc ...] [--seeds 5]

Training rows are n random single mutants of an assay, test rows its other single mutants (parent:
the row without mutations, or the commonest residue of each position). Prints, as mean and standard
deviation over seeds, Spearman's correlation and the share of the 20 best-ranked test rows that are
measured among the best tenth, by the median and by the lower end of the 90 % interval of
``assay-gp``, by the same without the terms of the mutation-effect model, by ``one-hot-ridge`` and
by that model alone (no measurement seen), and the share of test rows inside the intervals. The
mutation-effect model is learnt without the assay's cluster.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.maturation.adapt.ranking import spearman
from abag.model.assay_gp.kernels.knowledge import KNOWLEDGE
from abag.model.assay_gp.kernels.terms import TERMS
from abag.model.assay_gp.model import AssayGP
from abag.model.protocol import create_model
from abag_lab.mutation_effect.blind import BlindPriors
from abag_lab.replay.landscapes import read_landscapes

SIZES = (24, 96)
TOP = 20
NAMES = (
    "top gp", "top gp cautious", "top gp without knowledge", "top ridge", "top unmeasured",
    "spearman gp", "spearman gp without knowledge", "spearman ridge", "spearman unmeasured",
    "coverage",
)  # fmt: skip
PLAIN = ",".join(term for term in TERMS if term not in KNOWLEDGE)
"""Additive terms without what the mutation-effect model knows."""
Reals = NDArray[np.float64]


def parent_of(table: pl.DataFrame) -> tuple[str, str]:
    """Heavy and light chain of the row without mutations, else of the commonest residues."""
    unmutated = table.filter(pl.col("mutations") == "")
    rows = unmutated if unmutated.height else table
    return tuple(commonest(rows[name].fill_null("").to_list()) for name in ("heavy", "light"))  # type: ignore[return-value]


def commonest(chains: list[str]) -> str:
    """The commonest residue of each place of the chains of the commonest length."""
    length = Counter(map(len, chains)).most_common(1)[0][0]
    columns = zip(*(chain for chain in chains if len(chain) == length), strict=True)
    return "".join(Counter(column).most_common(1)[0][0] for column in columns)


def singles_of(table: pl.DataFrame, parent: str) -> pl.DataFrame:
    """Rows that differ from the parent (both chains joined) in one residue."""
    joined = table["heavy"] + table["light"].fill_null("")
    changed = [
        sum(a != b for a, b in zip(text, parent, strict=True)) if len(text) == len(parent) else -1
        for text in joined
    ]
    return table.filter(pl.Series(changed) == 1)


def one_seed(rows: pl.DataFrame, unmeasured: Reals, prior: Any, size: int, seed: int) -> Reals:
    """The figures of one draw, in the order of :data:`NAMES`."""
    order = np.random.RandomState(seed).permutation(rows.height)
    train, test = rows[order[:size].tolist()], rows[order[size:].tolist()]
    true = test["rank_score"].to_numpy()
    best = true >= np.quantile(true, 0.9)
    model = AssayGP(target="rank_score")
    model.global_model = prior
    predicted = model.fit(train).distribution(test)
    plain = AssayGP(target="rank_score", terms=PLAIN).fit(train).predict(test)
    ridge = create_model("one-hot-ridge", {"target": "rank_score"}).fit(train).predict(test)
    inside = (true >= predicted.lower) & (true <= predicted.upper)
    ranked = (predicted.median, predicted.lower, plain, ridge, unmeasured[order[size:]])
    top = [float(best[np.argsort(-ranking, kind="stable")[:TOP]].mean()) for ranking in ranked]
    correlations = [
        spearman(true, ranking) or 0.0 for ranking in ranked if ranking is not predicted.lower
    ]
    return np.array([*top, *correlations, float(inside.mean())])


def main() -> None:
    """Read the options and print one line a landscape and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--landscapes", nargs="*", default=["2fjg", "cr9114-h1", "1mlc", "aayl49"])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    priors = BlindPriors.of(options.sources)
    for landscape in read_landscapes(options.sources, options.landscapes):
        heavy, light = parent_of(landscape.table)
        rows = singles_of(landscape.table, heavy + light)
        prior = priors.without(landscape.table)
        unmeasured = prior.delta(heavy, light, rows)
        for size in SIZES:
            seeds = range(options.seeds)
            by_seed = np.array([one_seed(rows, unmeasured, prior, size, seed) for seed in seeds])
            figures = zip(NAMES, by_seed.mean(axis=0), by_seed.std(axis=0, ddof=1), strict=True)
            text = ", ".join(f"{name} {mean:.2f} ({sd:.2f})" for name, mean, sd in figures)
            print(f"{landscape.name}, {rows.height} singles, n = {size}: {text}", flush=True)


if __name__ == "__main__":
    main()
