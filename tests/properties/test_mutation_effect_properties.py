"""What holds of predicted mutation effects for any variant."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.mutation_effect import load_mutation_effect
from abag_lab.sources.libraries.variants import TRASTUZUMAB

HEAVY = TRASTUZUMAB.before + TRASTUZUMAB.parent + TRASTUZUMAB.after
LIGHT = TRASTUZUMAB.light

changes = st.dictionaries(
    st.integers(0, len(HEAVY) - 1), st.sampled_from(AMINO_ACIDS + "X"), max_size=12
)


def with_changes(found: dict[int, str]) -> str:
    return "".join(found.get(i, letter) for i, letter in enumerate(HEAVY))


def delta_of(chains: list[str]) -> tuple[np.ndarray, np.ndarray]:
    table = pl.DataFrame({"heavy": chains, "light": [LIGHT] * len(chains)})
    return load_mutation_effect().delta_distribution(HEAVY, LIGHT, table)


@settings(max_examples=50, deadline=None)
@given(st.lists(changes, min_size=1, max_size=5))
def test_every_effect_is_finite_and_bounded_and_the_parents_is_zero(variants: list[dict[int, str]]):
    delta, deviation = delta_of([HEAVY, *map(with_changes, variants)])
    assert (delta[0], deviation[0]) == (0.0, 0.0)
    assert np.isfinite(delta).all()
    assert (delta > -load_mutation_effect().scale.depth).all()
    assert (deviation >= 0).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(changes, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(variants: list[dict[int, str]], random):
    chains = [with_changes(one) for one in variants]
    order = list(range(len(chains)))
    random.shuffle(order)
    straight, shuffled = delta_of(chains)[0], delta_of([chains[i] for i in order])[0]
    assert shuffled.tolist() == straight[order].tolist()


@settings(max_examples=50, deadline=None)
@given(changes)
def test_a_tag_behind_the_domain_has_no_effect(found: dict[int, str]):
    table = pl.DataFrame({"heavy": [with_changes(found) + "GSHHHHHA"], "light": [LIGHT]})
    tagged = load_mutation_effect().delta(HEAVY + "GSHHHHHH", LIGHT, table)
    np.testing.assert_allclose(tagged, delta_of([with_changes(found)])[0], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(changes, st.integers(0, len(HEAVY) - 1), st.sampled_from(AMINO_ACIDS))
def test_a_change_that_is_a_loss_alone_is_never_a_gain_among_others(
    found: dict[int, str], place: int, letter: str
):
    without = {i: residue for i, residue in found.items() if i != place}
    delta, _ = delta_of(
        [
            with_changes({place: letter}),
            with_changes(without),
            with_changes({**without, place: letter}),
        ]
    )
    alone, before, after = delta
    if alone <= 0:
        assert after <= before + 1e-12
    else:
        assert after >= before - 1e-12
