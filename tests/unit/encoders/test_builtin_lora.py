"""The built-in encoder takes an adapter, gives gradients and can be compiled, like the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from abag.encoders.adapters.builtin import BuiltinEncoder
from abag.encoders.adapters.lora import has_adapter, load_adapter, new_lora, save_lora
from abag.encoders.adapters.opening import open_encoder
from abag.encoders.devices import compile_network
from abag.encoders.protocol import Molecule, Role
from abag.encoders.service import embed
from abag.errors import EncoderError
from encoder_zoo import ANTIGEN, HEAVY, LIGHT
from synthetic_encoder import HashEncoder

PAIR = Molecule(Role.ANTIBODY, (HEAVY, LIGHT))
MOLECULES = [PAIR, Molecule(Role.ANTIGEN, (ANTIGEN,)), Molecule(Role.ANTIGEN, (ANTIGEN * 40,))]


def rows(encoder: BuiltinEncoder, molecule: Molecule = PAIR) -> np.ndarray:
    return encoder.encode([molecule])[0].rows


def tuned(seed: int = 0) -> BuiltinEncoder:
    encoder = BuiltinEncoder()
    embed([PAIR], encoder)  # loaded in inference mode, as the service does it
    optimiser = torch.optim.SGD(new_lora(encoder, seed=seed, dropout=0.0), lr=5.0)
    for _ in range(3):
        states, mask = encoder.embed([PAIR])
        optimiser.zero_grad()
        states[mask][:, 0].square().mean().backward()
        optimiser.step()
    return encoder


def test_rows_for_training_are_those_of_encode_and_zero_behind_them():
    """Also for a molecule that is read in windows."""
    encoder = BuiltinEncoder()
    states, mask = encoder.embed(MOLECULES)
    for i, molecule in enumerate(MOLECULES):
        expected = rows(encoder, molecule)
        assert mask[i].sum() == molecule.residues == len(expected)
        np.testing.assert_allclose(states[i, : len(expected)].numpy(), expected, atol=1e-5)
        assert not states[i, len(expected) :].any()


def test_a_fresh_adapter_changes_no_row_but_the_identity():
    encoder = BuiltinEncoder()
    before, identity = rows(encoder), encoder.identity
    assert new_lora(encoder)
    np.testing.assert_array_equal(rows(encoder), before)
    assert encoder.identity.adapter_digest != identity.adapter_digest == ""


def test_a_trained_adapter_is_saved_and_opened_again(tmp_path: Path):
    encoder = tuned()
    digest = save_lora(encoder, tmp_path / "adapter")
    opened = open_encoder("builtin", device="cpu", adapter=tmp_path / "adapter")
    assert opened.identity == encoder.identity
    assert opened.identity.adapter_digest == digest
    np.testing.assert_allclose(rows(opened), rows(encoder), atol=1e-6)  # type: ignore[arg-type]
    assert np.abs(rows(encoder) - rows(BuiltinEncoder())).max() > 1e-2


def test_only_the_adapter_is_trained():
    encoder = BuiltinEncoder()
    parameters = new_lora(encoder)
    states, mask = encoder.embed([PAIR])
    states[mask].square().mean().backward()
    with_gradient = [p for p in encoder.network.parameters() if p.grad is not None]
    assert {id(p) for p in with_gradient} == {id(p) for p in parameters}


def test_an_adapter_of_another_encoder_is_refused_by_name(tmp_path: Path):
    encoder = tuned()
    save_lora(encoder, tmp_path / "adapter")
    settings = (tmp_path / "adapter" / "adapter_config.json").read_text()
    changed = settings.replace(f"builtin@{encoder.facts.revision}", "esm2-8m@1")
    (tmp_path / "adapter" / "adapter_config.json").write_text(changed)
    bare = BuiltinEncoder()
    with pytest.raises(EncoderError, match="made for esm2-8m@1, not for builtin"):
        load_adapter(bare, tmp_path / "adapter")
    assert not has_adapter(bare)


def test_its_network_can_be_compiled(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda *_, **options: asked.append(options))
    compile_network(BuiltinEncoder())
    assert asked == [{"dynamic": True}]


def test_encoders_say_what_they_can() -> None:
    builtin, plain = BuiltinEncoder(), HashEncoder()
    assert builtin.masked is builtin
    assert builtin.trainable is builtin
    assert (plain.masked, plain.trainable, plain.device_type) == (None, None, "cpu")
    with pytest.raises(EncoderError, match="hash cannot be compiled"):
        compile_network(plain)
