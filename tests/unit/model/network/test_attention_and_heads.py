from __future__ import annotations

import math

import pytest
import torch

from abag.model.network.attention import CrossAttention, Direction, ResiduePool, attended
from abag.model.network.config import HeadConfig, OutputConfig
from abag.model.network.dropout import Dropout, drawn_apart
from abag.model.network.dropout import keep_mask as draws_of
from abag.model.network.fusion import masked_mean
from abag.model.network.heads import BatchNorm, OutputRange, hidden_layers

torch.manual_seed(0)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_attention_is_the_softmax_mean_of_values_worked_out_by_hand():
    attention = CrossAttention(2, 1, 0.0)
    for layer in (attention.query, attention.key, attention.value, attention.out):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    rows = torch.tensor([[[1.0, 0.0]]])
    others = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True, False]])
    # Scores q.k / sqrt(2): 1 / sqrt(2) and 0; the masked key counts for nothing.
    a = math.exp(1 / math.sqrt(2))
    expected = torch.tensor([[[a / (a + 1), 2 / (a + 1)]]])
    assert torch.allclose(attention(rows, others, mask), expected, atol=1e-6)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_single_key_gives_query_and_key_no_gradient_at_all(dropout: float):
    """The predecessor attended over one pooled row, so half of its attention never learnt."""
    attention = CrossAttention(16, 4, dropout)
    one_row = drawn(3, 1, 16, seed=1)
    attention(
        drawn(3, 5, 16), one_row, torch.ones(3, 1, dtype=torch.bool)
    ).square().sum().backward()
    for layer in (attention.query, attention.key):
        assert layer.weight.grad is None
        assert layer.bias.grad is None
    assert torch.count_nonzero(attention.value.weight.grad) > 0


@pytest.mark.parametrize(("keys", "dropout"), [(1, 0.0), (1, 0.3), (5, 0.0)])
def test_attention_is_that_of_the_library(keys: int, dropout: float):
    attention = CrossAttention(16, 4, dropout)
    rows, others = drawn(3, 6, 16), drawn(3, keys, 16, seed=1)
    mask = torch.ones(3, keys, dtype=torch.bool)
    mask[1, 3:] = False
    parts = (attention.query(rows), attention.key(others), attention.value(others))
    torch.manual_seed(7)
    expected = torch.nn.functional.scaled_dot_product_attention(
        *(attention._split(part) for part in parts), mask[:, None, None, :], dropout
    )
    torch.manual_seed(7)
    found = attention(rows, others, mask)
    assert torch.allclose(found, attention.out(expected.transpose(1, 2).flatten(2)), atol=1e-6)
    # Distinct molecules with the pairs that have them.
    of = torch.tensor([1, 1, 0])
    torch.manual_seed(7)
    wide = attention(rows[of], others[of], mask[of])
    torch.manual_seed(7)
    assert torch.allclose(attention(rows, others, mask, of, of), wide, atol=1e-6)


def test_dropout_of_attention_hides_its_share_of_the_weights_and_keeps_the_mean():
    query, key = drawn(3, 2, 40, 4), drawn(3, 2, 30, 4, seed=1)
    seen = torch.eye(30).expand(3, 2, 30, 30)  # as values: what comes out is the weights
    mask = torch.ones(3, 30, dtype=torch.bool)
    mask[1, 20:] = False
    whole = attended(query, key, seen, mask, 0.0)
    torch.manual_seed(0)
    several = torch.stack([attended(query, key, seen, mask, 0.2) for _ in range(200)])
    hidden = several[:, :, :, :, :20] == 0
    assert hidden.float().mean().item() == pytest.approx(0.2, abs=0.002)
    assert (several[:, 1, :, :, 20:] == 0).all()
    left = several[~(several == 0)] / whole.expand_as(several)[~(several == 0)]
    assert torch.allclose(left, torch.full_like(left, 1.25), atol=1e-3)
    # Each weight is drawn by itself: over 200 draws every one is hidden now and then.
    often = hidden.float().mean(dim=0)
    assert often.min() > 0.05
    assert often.max() < 0.4


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_any_number_of_weights_can_be_drawn(count: int):
    kept, share = draws_of(torch.Size([count]), 1 - 1e-9, torch.device("cpu"))
    assert kept.shape == (count,)
    assert kept.dtype is torch.bool
    assert share == (2**16 - 1) / 2**16


def test_batches_computed_together_draw_what_each_would_draw_alone():
    rows, seeds, sizes = drawn(5, 4, 8), [11, 12], [2, 3]
    layer = Dropout(0.4).train()
    with drawn_apart(sizes, seeds, torch.device("cpu")):
        together = [layer(rows), layer(rows)]
    alone: list[list[torch.Tensor]] = []
    for seed, part in zip(seeds, rows.split(sizes), strict=True):
        torch.manual_seed(seed)
        alone.append([torch.nn.functional.dropout(part, 0.4) for _ in range(2)])
    for place in range(2):
        assert torch.equal(together[place], torch.cat([one[place] for one in alone]))
    assert torch.equal(layer.eval()(rows), rows)


def test_two_keys_give_query_and_key_a_gradient():
    attention = CrossAttention(16, 4, 0.0)
    rows = drawn(3, 2, 16, seed=1)
    attention(drawn(3, 5, 16), rows, torch.ones(3, 2, dtype=torch.bool)).square().sum().backward()
    assert torch.count_nonzero(attention.query.weight.grad) > 0
    assert torch.count_nonzero(attention.key.weight.grad) > 0


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("feed_forward", [0, 2])
def test_a_direction_reads_only_what_is_not_masked(norm: str, feed_forward: int):
    direction = Direction(8, 2, feed_forward, norm, 0.1).eval()  # type: ignore[arg-type]
    rows, others = drawn(2, 4, 8), drawn(2, 6, 8, seed=1)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[:, 4:] = False
    changed = others.clone()
    changed[:, 4:] = 100.0
    before, after = direction(rows, others, mask), direction(rows, changed, mask)
    assert torch.allclose(before, after, atol=1e-6)
    assert not torch.allclose(before, direction(rows, others, torch.ones_like(mask)), atol=1e-4)


def test_the_pool_starts_as_the_mean_of_the_unmasked_rows_and_can_learn_to_choose():
    pool = ResiduePool(8, 2)
    rows, mask = drawn(3, 5, 8), torch.ones(3, 5, dtype=torch.bool)
    mask[0, 2:] = False
    assert torch.allclose(pool(rows, mask), masked_mean(rows, mask), atol=1e-6)
    assert torch.allclose(masked_mean(rows, mask)[0], rows[0, :2].mean(dim=0), atol=1e-6)
    pool(rows, mask).square().sum().backward()
    assert torch.count_nonzero(pool.score.weight.grad) > 0


def test_a_clamp_loses_the_gradient_beyond_its_end_and_the_sigmoid_keeps_it():
    gradients = {}
    for kind in ("free", "clamp", "sigmoid"):
        raw = torch.tensor([0.0, 3.9, 9.0, 15.0, 20.0], requires_grad=True)
        out = OutputRange(OutputConfig(range=kind, low=4.0, high=14.0))(raw)  # type: ignore[arg-type]
        out.sum().backward()
        gradients[kind] = raw.grad
        if kind != "free":
            assert (out >= 4.0).all()
            assert (out <= 14.0).all()
    assert gradients["clamp"].tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert (gradients["sigmoid"] > 0).all()
    # In the middle of the range it is the number itself, with slope 1.
    assert gradients["sigmoid"][2].item() == pytest.approx(1.0)
    assert gradients["free"].tolist() == [1.0] * 5


@pytest.mark.parametrize("kind", ["free", "clamp", "sigmoid"])
@pytest.mark.parametrize("pkd", [4.5, 7.3, 12.0])
def test_the_inverse_of_a_range_gives_the_pkd_back(kind: str, pkd: float):
    span = OutputRange(OutputConfig(range=kind, low=4.0, high=14.0))  # type: ignore[arg-type]
    assert span(torch.tensor(span.inverse(pkd))).item() == pytest.approx(pkd, abs=1e-4)


def test_a_mean_outside_the_range_starts_just_inside_it():
    span = OutputRange(OutputConfig(range="sigmoid", low=4.0, high=14.0))
    assert span(torch.tensor(span.inverse(1.0))).item() == pytest.approx(4.1, abs=1e-4)


def test_batch_normalisation_forgets_batch_mates_when_it_predicts():
    layers, width = hidden_layers(
        8, HeadConfig(hidden=(8, 4), normalisation="batch", residual=True)
    )
    assert width == 4
    rows = drawn(6, 8)
    layers.train()
    together = layers(rows)
    assert not torch.allclose(together[:1], layers(rows[:2])[:1], atol=1e-3)
    layers.eval()
    assert torch.allclose(layers(rows)[:1], layers(rows[:1]), atol=1e-6)


def test_noted_batches_move_batch_normalisation_as_seen_ones_do():
    """What two processes do: note each batch, and follow all of them afterwards."""
    own, noting = BatchNorm(4).train(), BatchNorm(4).train()
    noting.recorded = []
    before = noting.running_mean.clone()
    for rows in (drawn(6, 4), drawn(1, 4, seed=1), 3 + 2 * drawn(5, 4, seed=2)):
        ours, theirs = own(rows), noting(rows)
        assert len(rows) == 1 or torch.allclose(ours, theirs, atol=1e-6)
    assert torch.equal(noting.running_mean, before)
    noting.follow(torch.stack(noting.recorded))
    assert torch.allclose(own.running_mean, noting.running_mean, atol=1e-6)
    assert torch.allclose(own.running_var, noting.running_var, atol=1e-6)
    assert own.num_batches_tracked == noting.num_batches_tracked == 2


def test_batch_normalisation_takes_a_last_batch_of_one_row():
    layers, _ = hidden_layers(8, HeadConfig(hidden=(4,), normalisation="batch", dropout=0.0))
    layers.train()
    assert torch.isfinite(layers(drawn(1, 8))).all()


def test_a_head_without_hidden_layers_passes_the_pair_through():
    layers, width = hidden_layers(8, HeadConfig(hidden=()))
    assert width == 8
    assert torch.equal(layers(drawn(2, 8)), drawn(2, 8))


def test_axes_of_a_signature_are_checked_in_tests() -> None:
    """Rows and mask of unequal length, numbers of a wrong type, an axis too few."""
    pool = ResiduePool(8, 2)
    rows, mask = torch.zeros(3, 5, 8), torch.ones(3, 5, dtype=torch.bool)
    assert pool(rows, mask).shape == (3, 8)
    for wrong in ((rows, mask[:, :4]), (rows, mask.float()), (rows[0], mask)):
        with pytest.raises(TypeError, match=r"(rows|mask)"):
            pool(*wrong)
