"""What is shown and hidden in a step depends on the seed alone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from abag.encoders.adapters.builtin_model import (
    ANTIGEN,
    FIRST_RESIDUE,
    HEAVY,
    LIGHT,
    MASK,
    UNKNOWN,
    tokens_of,
)
from abag_lab.pretraining.config import PretrainConfig
from abag_lab.pretraining.views import (
    Item,
    View,
    epoch_batches,
    epoch_views,
    hide,
    step_masks,
    view_residues,
    view_tokens,
)

CONFIG = PretrainConfig(tokens_per_batch=400, crop_residues=50, antigen_copies=2)


def items(count: int = 40) -> list[Item]:
    antibodies = [
        Item(f"ab{i}", ((HEAVY, "A" * (20 + i)), (LIGHT, "C" * 30)), (True,) * (50 + i))
        for i in range(count)
    ]
    return [*antibodies, Item("ag", ((ANTIGEN, "D" * 120),), (False,) * 120)]


def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch() -> None:
    first = epoch_batches(items(), CONFIG, 0)
    assert first == epoch_batches(items(), CONFIG, 0)
    assert first != epoch_batches(items(), CONFIG, 1)
    assert first != epoch_batches(items(), CONFIG.model_copy(update={"seed": 1}), 0)


def test_an_epoch_shows_every_antibody_once_and_antigens_as_often_as_asked() -> None:
    shown = [view.item for batch in epoch_batches(items(), CONFIG, 3) for view in batch]
    assert sorted(shown) == [*range(40), 40, 40]


def test_no_batch_goes_over_its_budget_of_padded_tokens() -> None:
    corpus = items()
    for batch in epoch_batches(corpus, CONFIG, 0):
        longest = max(view_residues(corpus[v.item], v) + len(v.chains) for v in batch)
        assert len(batch) == 1 or longest * len(batch) <= CONFIG.tokens_per_batch


def test_batches_hold_views_of_similar_length() -> None:
    corpus = items(400)
    batches = epoch_batches(corpus, CONFIG.model_copy(update={"antigen_copies": 0}), 0)
    used = padded = 0
    for batch in batches:
        lengths = [view_residues(corpus[v.item], v) for v in batch]
        used, padded = used + sum(lengths), padded + max(lengths) * len(lengths)
    assert used / padded > 0.9


def test_a_long_antigen_is_shown_as_windows_inside_the_chain() -> None:
    views = [v for e in range(5) for v in epoch_views(items(), CONFIG, e) if v.item == 40]
    assert all(0 <= v.start <= 70 and v.stop == v.start + 50 for v in views)
    assert len({v.start for v in views}) > 3


def test_single_chains_are_shown_at_about_the_asked_share() -> None:
    views = [v for v in epoch_views(items(2000), CONFIG, 0) if v.item < 2000]
    alone = [v.chains for v in views if len(v.chains) == 1]
    assert 0.16 < len(alone) / 2000 < 0.24
    assert set(alone) == {(0,), (1,)}


def test_a_view_of_the_light_chain_has_its_tokens_and_its_flags() -> None:
    item = Item("x", ((HEAVY, "AC"), (LIGHT, "DEF")), (False, True, True, False, False))
    tokens, flags = view_tokens(item, View(0, (1,)))
    assert tokens.codes[0] == LIGHT
    assert len(tokens.residues) == 3
    assert flags.tolist() == [True, False, False]


def test_fifteen_per_cent_are_hidden_and_of_these_80_10_10() -> None:
    tokens = tokens_of([(HEAVY, "A" * 100_000)])
    flags = np.zeros(100_000, dtype=np.bool_)
    masked = hide(tokens, flags, np.random.default_rng(0), share=0.15)
    shown = np.array(masked.codes)[masked.places]
    assert masked.places.size == pytest.approx(15_000, rel=0.03)
    assert (shown == MASK).mean() == pytest.approx(0.8, abs=0.01)
    # A twentieth of the random tenth is the true residue again.
    assert (shown == FIRST_RESIDUE).mean() == pytest.approx(0.1 + 0.1 / 20, abs=0.01)
    assert (masked.targets == 0).all()
    untouched = np.delete(np.array(masked.codes), masked.places)
    assert set(untouched.tolist()) == {HEAVY, FIRST_RESIDUE}


def test_cdr_residues_are_hidden_more_often_at_the_same_share_overall() -> None:
    tokens = tokens_of([(HEAVY, "A" * 100_000)])
    in_cdr = np.arange(100_000) < 25_000
    masked = hide(tokens, in_cdr, np.random.default_rng(0), share=0.15, cdr_weight=2.0)
    inside = (masked.places <= 25_000).sum()
    assert masked.places.size == pytest.approx(15_000, rel=0.03)
    assert inside / 25_000 == pytest.approx(2 * (masked.places.size - inside) / 75_000, rel=0.05)


def test_unknown_residues_are_never_to_be_predicted() -> None:
    tokens = tokens_of([(HEAVY, "X" * 500 + "A")])
    masked = hide(tokens, np.zeros(501, np.bool_), np.random.default_rng(0), share=0.5)
    assert masked.places.tolist() == [501]
    assert masked.targets.tolist() == [0]
    nothing = hide(tokens_of([(HEAVY, "XX")]), np.zeros(2, np.bool_),
                   np.random.default_rng(0), share=0.5)  # fmt: skip
    assert nothing.places.size == 0
    assert nothing.codes == (HEAVY, UNKNOWN, UNKNOWN)


def test_in_evaluation_every_hidden_residue_is_masked() -> None:
    tokens = tokens_of([(HEAVY, "ACDEFGHIKL" * 20)])
    masked = hide(
        tokens, np.zeros(200, np.bool_), np.random.default_rng(1), share=0.3, always_mask=True
    )
    assert set(np.array(masked.codes)[masked.places].tolist()) == {MASK}


def test_the_masks_of_a_step_are_a_function_of_seed_and_step() -> None:
    corpus = items()
    batch = epoch_batches(corpus, CONFIG, 0)[0]
    codes = [m.codes for m in step_masks(corpus, batch, CONFIG, 5)]
    assert codes == [m.codes for m in step_masks(corpus, batch, CONFIG, 5)]
    assert codes != [m.codes for m in step_masks(corpus, batch, CONFIG, 6)]
