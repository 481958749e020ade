from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
import torch

from abag.model.network.config import HeadConfig, NetworkConfig, OutputConfig
from abag.model.network.inputs import PairBatch, PairFeatures, PairParts
from abag.model.network.network import AffinityNetwork, make_network
from synthetic_encoder import HashEncoder

Make = Callable[..., NetworkConfig]
FUSIONS = ("cross-attention", "concatenation", "bilinear")
ALL_HEADS = HeadConfig(hidden=(16,), classifier=True, variance=True, per_assay=True)


def features_of(pairs: pl.DataFrame, config: NetworkConfig) -> PairFeatures:
    return PairFeatures.of(pairs, HashEncoder(width=6), HashEncoder(width=6), config)


def padded_by(batch: PairBatch, extra: int) -> PairBatch:
    """The same pairs with more padding, filled with rubbish."""
    pad = torch.nn.functional.pad
    return replace(
        batch,
        antibody=pad(batch.antibody, (0, 0, 0, extra), value=7.0),
        antibody_mask=pad(batch.antibody_mask, (0, extra)),
        regions=pad(batch.regions, (0, extra)),
        antigen=pad(batch.antigen, (0, 0, 0, extra), value=-7.0),
        antigen_mask=pad(batch.antigen_mask, (0, extra)),
    )


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_neither_padding_nor_batch_mates_nor_order_move_a_prediction(
    pairs: pl.DataFrame, config_of: Make, kind: str, norm: str
):
    config = config_of(kind=kind, norm=norm)
    features, network = features_of(pairs, config), make_network(config, 6, 6).eval()
    together = network(features.batch(range(6))).pkd
    alone = torch.cat([network(features.batch([row])).pkd for row in range(6)])
    backwards = network(features.batch(range(5, -1, -1))).pkd.flip(0)
    padded = network(padded_by(features.batch(range(6)), 40)).pkd
    for other in (alone, backwards, padded):
        assert (together - other).abs().max() <= 1e-5
    assert together.std() > 1e-3


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("pooling", ["residues", "mean"])
def test_a_batch_in_parts_gives_the_same_predictions_and_gradients(
    pairs: pl.DataFrame, config_of: Make, kind: str, pooling: str
):
    config = config_of(pooling, HeadConfig(hidden=(16, 8), dropout=0.0), kind=kind, dropout=0.0)
    features, network = features_of(pairs, config), make_network(config, 6, 6)
    rows = [5, 0, 3, 1, 1, 4, 2, 0]
    parts = features.parts(rows)
    assert len(parts) == 8
    if pooling == "residues":
        assert isinstance(parts, PairParts)
        assert len(parts.parts) > 1
    else:
        assert isinstance(parts, PairBatch)
    seen = []
    for batch in (features.batch(rows), parts):
        network.zero_grad()
        pkd = network(batch).pkd
        pkd.square().sum().backward()
        seen.append((pkd, {n: p.grad for n, p in network.named_parameters() if p.grad is not None}))
    alone = torch.cat([network(features.batch([row])).pkd for row in rows])
    assert (seen[0][0] - alone).abs().max() <= 1e-5
    assert (seen[1][0] - alone).abs().max() <= 1e-5
    for name, gradient in seen[0][1].items():
        assert torch.allclose(gradient, seen[1][1][name], rtol=1e-3, atol=1e-3), name


def test_a_molecule_of_many_pairs_is_projected_once(pairs: pl.DataFrame, config_of: Make):
    config = config_of()
    features, network = features_of(pairs, config), make_network(config, 6, 6)
    seen: dict[str, int] = {}
    layers = {
        "in": network.fusion.antigen_in,
        "key": network.fusion.blocks[0].antibody.attention.key,
        "query": network.fusion.blocks[0].antigen.attention.query,
    }
    for name, layer in layers.items():
        layer.register_forward_hook(lambda _, given, __, name=name: seen.update({name: given[0]}))
    network(features.batch([0, 0, 0, 0]))
    assert {name: len(rows) for name, rows in seen.items()} == {"in": 1, "key": 1, "query": 1}


@pytest.mark.parametrize("kind", FUSIONS)
def test_both_molecules_move_the_prediction(pairs: pl.DataFrame, config_of: Make, kind: str):
    config = config_of(kind=kind)
    features, network = features_of(pairs, config), make_network(config, 6, 6).eval()
    batch = features.batch([0])
    before = network(batch).pkd
    for name in ("antibody", "antigen"):
        changed = replace(batch, **{name: getattr(batch, name).flip(2)})
        assert (network(changed).pkd - before).abs() > 1e-4


def test_regions_move_the_prediction_only_where_they_are_asked_for(
    pairs: pl.DataFrame, config_of: Make
):
    for wanted in (True, False):
        config = config_of(regions=wanted)
        features, network = features_of(pairs, config), make_network(config, 6, 6).eval()
        batch = features.batch([0])
        assert bool(batch.regions.any()) is wanted
        changed = replace(batch, regions=torch.full_like(batch.regions, 4))
        assert bool((network(changed).pkd - network(batch).pkd).abs() > 1e-6) is wanted


def test_attention_over_pooled_rows_never_trains_query_and_key(
    pairs: pl.DataFrame, config_of: Make
):
    """The releases v2.6 to v2.8, shown: with one row a molecule half of the attention is dead."""
    for pooling, trained in (("mean", False), ("residues", True)):
        config = config_of(pooling, blocks=2)
        network = make_network(config, 6, 6)
        network(features_of(pairs, config).batch(range(6))).pkd.square().sum().backward()
        # The bias of the keys moves all scores of a query alike: it has no gradient anywhere.
        chosen = {
            name: parameter.grad
            for name, parameter in network.fusion.blocks.named_parameters()
            if ".query." in name or name.endswith("key.weight")
        }
        assert len(chosen) == 2 * 2 * 3
        assert {g is not None and bool(g.any()) for g in chosen.values()} == {trained}


def test_the_last_layers_are_fp32_under_bf16_autocast(pairs: pl.DataFrame, config_of: Make):
    config = config_of(head=ALL_HEADS)
    features, network = features_of(pairs, config), make_network(config, 6, 6, assays=1)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(features.batch(range(6), [0, 1, 0, 1, 0, 1]))
        assert (
            network.hidden[0].linear(torch.zeros(1, network.fusion.width)).dtype is torch.bfloat16
        )
    for name in ("pkd", "value", "strong_logit", "log_variance", "scale"):
        assert getattr(output, name).dtype is torch.float32
    # bf16 has 8 significant bits: from 4 to 8 it would have steps of 1/32.
    assert (output.pkd * 32 != (output.pkd * 32).round()).any()


def test_training_starts_at_the_mean_of_the_labels(pairs: pl.DataFrame, config_of: Make):
    for kind in ("free", "clamp", "sigmoid"):
        config = config_of().model_copy(update={"output": OutputConfig(range=kind)})
        network = make_network(config, 6, 6)
        network.centre(8.3)
        torch.nn.init.zeros_(network.pkd.weight)
        pkd = network(features_of(pairs, config).batch(range(6))).pkd
        assert pkd.tolist() == pytest.approx([8.3] * 6, abs=1e-4)


def test_an_assay_has_a_positive_scale_and_an_offset_of_its_own(
    pairs: pl.DataFrame, config_of: Make
):
    config = config_of(head=ALL_HEADS)
    features, network = features_of(pairs, config), make_network(config, 6, 6, assays=2)
    with torch.no_grad():
        network.assay_scale[0] = -20.0  # as if an optimiser had driven it far down
    network.centre_assay(2, mean=100.0, scale=30.0, mean_pkd=8.0)
    output = network.eval()(features.batch(range(6), [0, 1, 2, 0, 1, 2]))
    assert output.scale[0] == 1
    assert (output.scale > 0).all()
    assert output.scale[2].item() == pytest.approx(30.0)
    assert torch.equal(output.value[[0, 3]], output.pkd[[0, 3]])
    assert output.value[2].item() == pytest.approx(100 + 30 * (output.pkd[2].item() - 8), abs=1e-3)
    assert output.comparable.all()
    # The variance is that of the value, so it grows with the square of the scale.
    plain = network(features.batch(range(6)))
    grown = (output.log_variance - plain.log_variance)[2].exp()
    assert grown.item() == pytest.approx(900.0, rel=1e-3)


def test_without_scales_the_rows_of_other_assays_are_not_comparable(
    pairs: pl.DataFrame, config_of: Make
):
    config = config_of()
    network = make_network(config, 6, 6, assays=2)
    output = network(features_of(pairs, config).batch(range(6), [0, 1, 2, 0, 0, 0]))
    assert output.comparable.tolist() == [True, False, False, True, True, True]
    assert torch.equal(output.value, output.pkd)


def test_the_seed_alone_makes_the_weights(config_of: Make):
    before = torch.get_rng_state()
    networks = [make_network(config_of(), 6, 6, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = ([p.clone() for p in n.parameters()] for n in networks)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_bf16_rows_of_a_store_are_read_in_fp32(pairs: pl.DataFrame, config_of: Make):
    config = config_of()
    network: AffinityNetwork = make_network(config, 6, 6).eval()
    batch = features_of(pairs, config).batch(range(6))
    rounded = replace(batch, antibody=batch.antibody.bfloat16(), antigen=batch.antigen.bfloat16())
    assert (network(rounded).pkd - network(batch).pkd).abs().max() < 0.05
