"""The baselines of held-out perplexity, against sums worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from abag_lab.pretraining.ngrams import (
    BOUNDARY,
    HIDDEN,
    PositionFrequencies,
    Trigram,
    symbols,
    unigram,
)

A, C, D = 0, 1, 2


def test_letters_are_counted_with_one_more_each_and_unknown_ones_are_not() -> None:
    frequencies = unigram(["AAC", "X"])
    assert frequencies[A] == pytest.approx(3 / 23)
    assert frequencies[C] == pytest.approx(2 / 23)
    assert frequencies[D] == pytest.approx(1 / 23)
    assert frequencies.sum() == pytest.approx(1)


def test_a_trigram_is_interpolated_by_the_number_of_distinct_successors() -> None:
    model = Trigram.fit(["ACD", "ACC"])
    # Successors of anything: A 2, C 3, D 1, chain ends 4; plus one for each of 21 symbols.
    one = np.ones(21)
    one[[A, C, D, BOUNDARY]] += [2, 3, 1, 4]
    p_d = one[D] / one.sum()
    # After C: D once, C once, an end once: three occurrences, three distinct.
    p_d_after_c = (1 + 3 * p_d) / 6
    # After AC: D once, C once.
    expected = (1 + 2 * p_d_after_c) / 4
    assert model.conditional[HIDDEN, HIDDEN, D] == pytest.approx(p_d)
    assert model.conditional[HIDDEN, C, D] == pytest.approx(p_d_after_c)
    assert model.conditional[A, C, D] == pytest.approx(expected)


def test_every_conditional_distribution_sums_to_one() -> None:
    model = Trigram.fit(["ACDEFGHIKL", "AACCDDX", "W"])
    np.testing.assert_allclose(model.conditional.sum(axis=-1), 1.0)


def test_a_hidden_residue_is_read_from_both_sides() -> None:
    model = Trigram.fit(["ACD"] * 50 + ["EFD"] * 50)
    left = model.probabilities(np.array([A, HIDDEN, HIDDEN]), np.array([1]))[0]
    assert left.argmax() == C
    # Only what follows tells C from F here: nothing is seen before.
    first = model.probabilities(np.array([HIDDEN, C, D]), np.array([0]))[0]
    assert first.argmax() == A
    assert first.sum() == pytest.approx(1)


def test_a_window_is_scored_as_the_product_of_its_three_trigrams() -> None:
    model = Trigram.fit(["ACDCA", "CADAC", "DDACC"])
    shown = np.array([A, C, HIDDEN, C, A])
    table = model.conditional
    scores = np.array([table[A, C, x] * table[C, x, C] * table[x, C, A] for x in range(20)])
    found = model.probabilities(shown, np.array([2]))[0]
    np.testing.assert_allclose(found, scores / scores.sum())


def test_a_profile_counts_each_position_by_itself() -> None:
    profile = PositionFrequencies.fit(["AC", "AD"], [[32, 64], [32, 64]])
    rows = profile.probabilities([32, 64, 96])
    letters = unigram(["AC", "AD"])
    assert rows[0, A] == pytest.approx((2 + letters[A]) / 3)
    assert rows[1, C] == pytest.approx((1 + letters[C]) / 3)
    np.testing.assert_allclose(rows[2], letters)
    np.testing.assert_allclose(rows.sum(axis=1), 1)


def test_symbols_of_unknown_letters_are_hidden() -> None:
    assert symbols("ACX").tolist() == [A, C, HIDDEN]
