"""The interval of a rank correlation is that of resamples counted one by one."""

import numpy as np
import pytest
from scipy.stats import rankdata

from abag.maturation.adapt.ranking import spearman, spearman_interval


def one_by_one(true, pred, variants, seed, resamples):
    """Whole variants are drawn with replacement, and their rows are ranked anew."""
    names = np.unique(variants)
    draw, found = np.random.default_rng(seed), []
    for _ in range(resamples):
        drawn = names[draw.integers(len(names), size=len(names))]
        rows = np.concatenate([np.flatnonzero(variants == name) for name in drawn])
        if len(rows) >= 3 and np.ptp(true[rows]) > 0 and np.ptp(pred[rows]) > 0:
            ranks = rankdata(true[rows]), rankdata(pred[rows])
            found.append(np.corrcoef(*ranks)[0, 1])
    return tuple(np.quantile(found, [0.025, 0.975]))


@pytest.mark.parametrize("rows", [4, 30])
@pytest.mark.parametrize("decimals", [0, 9], ids=["ties", "no ties"])
@pytest.mark.parametrize("repeated", [False, True])
def test_the_interval_is_that_of_resamples_of_whole_variants(rows, decimals, repeated):
    draw = np.random.default_rng(rows)
    true = np.round(draw.normal(0.0, 2.0, rows), decimals)
    pred = np.round(true + draw.normal(0.0, 2.0, rows), decimals)
    variants = draw.integers(rows // 2 + 1, size=rows) if repeated else np.arange(rows)
    found = spearman_interval(true, pred, seed=3, resamples=60, variants=variants)
    assert found == one_by_one(true, pred, variants, 3, 60)
    if not repeated:
        assert found == spearman_interval(true, pred, seed=3, resamples=60)


def test_without_a_spread_or_a_third_row_there_is_no_correlation():
    line = np.arange(5.0)
    assert spearman(line, 1e6 + 1e-7 * line) is None
    assert spearman(np.ones(5), line) is None
    assert spearman(line[:2], line[:2]) is None
    assert spearman(line[:3], line[:3]) == pytest.approx(1.0)
    assert spearman_interval(np.ones(5), line) is None
