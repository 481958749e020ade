import numpy as np
import pytest

from abag.data.labels import Labels
from abag.evaluation.scores.concordance import Concordance, bound_violations
from abag.evaluation.scores.metrics import concordance

NAN, INF = np.nan, np.inf


def labels_of(*rows):
    """Rows as a number, or as (lower, upper)."""
    value = [NAN if isinstance(row, tuple) else row for row in rows]
    lower = [row[0] if isinstance(row, tuple) else row for row in rows]
    upper = [row[1] if isinstance(row, tuple) else row for row in rows]
    return Labels(np.array(value), np.array(lower), np.array(upper))


def brute_force(labels, pred):
    won = pairs = 0.0
    exact = labels.exact
    for i in range(len(labels)):
        for j in range(len(labels)):
            if i == j or labels.lower[i] < labels.upper[j]:
                continue
            if exact[i] and exact[j] and labels.value[i] == labels.value[j]:
                continue
            pairs += 1
            won += 1.0 if pred[i] > pred[j] else 0.5 if pred[i] == pred[j] else 0.0
    return won / pairs if pairs else None


def test_only_pairs_of_certain_order_count():
    # (5, below 6): uncertain; (7, below 6): certain; (7, above 8): certain; (9, above 8): not.
    labels = labels_of(5.0, 7.0, 9.0, (-INF, 6.0), (8.0, INF))
    pred = np.array([5.0, 7.0, 9.0, 8.0, 6.0])
    # Comparable: 7>5, 9>5, 9>7, 7>c, 9>c, C>5, C>7, C>c. Wrong: 7>c, C>7, C>c.
    assert concordance(labels, pred).value == pytest.approx(5 / 8)


def test_a_number_on_the_bound_lies_above_a_row_censored_below_it():
    labels = labels_of(6.0, (-INF, 6.0))
    assert concordance(labels, np.array([7.0, 5.0])).value == 1.0
    assert concordance(labels, np.array([5.0, 5.0])).value == 0.5


def test_equal_numbers_are_no_pair():
    score = concordance(labels_of(6.0, 6.0), np.array([1.0, 2.0]))
    assert (score.value, score.reason) == (None, "no pair of rows has a certain order")


@pytest.mark.parametrize("seed", range(6))
def test_counting_by_blocks_agrees_with_all_pairs(seed):
    generator = np.random.default_rng(seed)
    rows = []
    for number in np.round(generator.normal(7, 1, 57 + seed), 1):
        kind = generator.integers(4)
        rows.append([number, (-INF, number), (number, INF), (number, number + 0.5)][kind])
    pred = np.round(generator.normal(7, 1, len(rows)), 1)
    labels = labels_of(*rows)
    assert concordance(labels, pred).value == pytest.approx(brute_force(labels, pred))


def test_weights_repeat_rows():
    generator = np.random.default_rng(8)
    labels = labels_of(*np.round(generator.normal(7, 1, 40), 1)[:30], *[(-INF, 6.5)] * 10)
    pred = np.round(generator.normal(7, 1, 40), 1)
    weights = generator.integers(0, 3, (4, 40))
    found = Concordance(labels, pred)(weights.astype(float))
    for line, value in zip(weights, found, strict=True):
        rows = np.repeat(np.arange(40), line)
        assert value == pytest.approx(brute_force(labels.take(rows), pred[rows]))


def test_bound_violations_count_rows_and_distance():
    labels = labels_of(5.0, (-INF, 6.0), (8.0, INF), (6.0, 7.0), (-INF, 6.0))
    found = bound_violations(labels, np.array([9.0, 6.5, 8.5, 7.25, 5.0]))
    assert (found.rows, found.broken, found.share) == (4, 2, 0.5)
    assert found.mean_amount == pytest.approx((0.5 + 0.25) / 2)


def test_without_censored_rows_there_is_no_share_of_violations():
    found = bound_violations(labels_of(5.0, 6.0), np.array([1.0, 2.0]))
    assert (found.rows, found.share, found.mean_amount) == (0, None, None)
