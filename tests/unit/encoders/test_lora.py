"""An adapter is part of what an encoder is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from abag.encoders.adapters.adapter import TransformerEncoder
from abag.encoders.adapters.lora import digest_of_folder, load_adapter, new_lora, save_lora
from abag.encoders.adapters.opening import open_encoder
from abag.encoders.protocol import Molecule, Role
from abag.errors import EncoderError, FileFormatError, MissingFileError
from encoder_zoo import CASES, HEAVY, LIGHT, Case, write_esm

BY_ID = {case.id: case for case in CASES}
Folder = Callable[[Case], Path]
ANTIBODY = Molecule(Role.ANTIBODY, (HEAVY, LIGHT))
FAMILIES = [BY_ID[id_] for id_ in ("esm2-8m", "esmc-300m", "igt5", "igbert")]
of_each_family = pytest.mark.parametrize("case", FAMILIES, ids=lambda case: case.id)


def rows(encoder: TransformerEncoder) -> np.ndarray:
    return encoder.encode([ANTIBODY])[0].rows


def train_a_little(encoder: TransformerEncoder, parameters: list[torch.Tensor]) -> None:
    optimiser = torch.optim.SGD(parameters, lr=0.5)
    for _ in range(3):
        states, mask = encoder.embed([ANTIBODY])
        loss = states[mask][:, 0].square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@pytest.fixture
def tuned(
    tmp_path: Path, model_folder: Folder
) -> Callable[[Case], tuple[TransformerEncoder, Path]]:
    def make(case: Case) -> tuple[TransformerEncoder, Path]:
        encoder = case.open(model_folder(case))
        train_a_little(encoder, new_lora(encoder))
        save_lora(encoder, tmp_path / "adapter")
        return encoder, tmp_path / "adapter"

    return make


@of_each_family
def test_a_fresh_adapter_changes_no_row_but_the_identity(case: Case, model_folder: Folder):
    encoder = case.open(model_folder(case))
    before, identity = rows(encoder), encoder.identity
    parameters = new_lora(encoder)
    np.testing.assert_allclose(rows(encoder), before, atol=1e-6)
    assert identity.adapter_digest == ""
    assert len(encoder.identity.adapter_digest) == 16
    attention = {"igt5": 4, "esmc-300m": 4}.get(case.id, 3)
    assert len(parameters) == 2 * attention * 2  # two layers, two factors each
    assert {p.shape[0] for p in parameters} | {p.shape[1] for p in parameters} >= {4, 16}


@of_each_family
def test_a_saved_adapter_gives_the_same_rows_and_digest_when_loaded(
    case: Case, model_folder: Folder, tuned
):
    encoder, folder = tuned(case)
    base = rows(case.open(model_folder(case)))
    assert np.abs(rows(encoder) - base).max() > 1e-3
    again = case.open(model_folder(case))
    load_adapter(again, folder)
    np.testing.assert_array_equal(rows(again), rows(encoder))
    assert again.identity == encoder.identity
    assert again.identity.adapter_digest == digest_of_folder(folder)
    assert {p.name for p in folder.iterdir()} == {
        "abag.json",
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_an_adapter_with_a_file_of_another_one_is_refused(
    model_folder: Folder, tuned, tmp_path: Path
):
    case = BY_ID["igt5"]
    _, folder = tuned(case)
    shutil.copytree(folder, tmp_path / "mixed")
    other = case.open(model_folder(case))
    new_lora(other, seed=5)
    save_lora(other, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "adapter_model.safetensors", tmp_path / "mixed")
    with pytest.raises(FileFormatError, match="does not hold the adapter that was saved there"):
        load_adapter(case.open(model_folder(case)), tmp_path / "mixed")
    (tmp_path / "mixed" / "adapter_model.safetensors").write_bytes(b"half a file")
    with pytest.raises(FileFormatError, match="is damaged"):
        load_adapter(case.open(model_folder(case)), tmp_path / "mixed")


def test_training_changes_the_identity_and_the_base_stays_frozen(model_folder: Folder):
    case = BY_ID["igt5"]
    encoder = case.open(model_folder(case))
    parameters = new_lora(encoder)
    fresh = encoder.identity.adapter_digest
    train_a_little(encoder, parameters)
    assert encoder.identity.adapter_digest != fresh
    frozen = [p for p in encoder.network.parameters() if not p.requires_grad]
    assert frozen
    assert all(p.grad is None for p in frozen)


def test_encoding_is_without_dropout_also_during_training(model_folder: Folder):
    case = BY_ID["igt5"]
    encoder = case.open(model_folder(case))
    train_a_little(encoder, new_lora(encoder, dropout=0.5))
    encoder.network.train()
    np.testing.assert_array_equal(rows(encoder), rows(encoder))
    assert encoder.network.training


def test_open_encoder_takes_an_adapter(tuned, model_folder: Folder):
    encoder, folder = tuned(BY_ID["hf:any/esm"])
    opened = open_encoder(
        "hf:any/esm",
        folder=model_folder(BY_ID["hf:any/esm"]),
        device="cpu",
        precision="fp32",
        adapter=folder,
    )
    np.testing.assert_allclose(rows(opened), rows(encoder), atol=1e-5)
    assert opened.identity.adapter_digest == encoder.identity.adapter_digest


def test_one_changed_weight_or_setting_is_another_adapter(tuned):
    _, folder = tuned(BY_ID["esm2-8m"])
    before = digest_of_folder(folder)
    (folder / "abag.json").unlink()  # as PEFT saves one, which anybody may change
    settings = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**settings, "lora_alpha": 16}))
    scaled = digest_of_folder(folder)
    (folder / "adapter_config.json").write_text(json.dumps({**settings, "inference_mode": False}))
    assert digest_of_folder(folder) == before
    tensors = load_file(folder / "adapter_model.safetensors")
    next(iter(tensors.values()))[0, 0] += 1e-3
    save_file(tensors, folder / "adapter_model.safetensors")
    assert len({before, scaled, digest_of_folder(folder)}) == 3


def test_an_adapter_of_another_model_is_refused_by_name(tuned, model_folder: Folder):
    _, folder = tuned(BY_ID["igt5"])
    other = BY_ID["esm2-8m"].open(model_folder(BY_ID["esm2-8m"]))
    before = rows(other)
    with pytest.raises(EncoderError, match=r"made for igt5@.*, not for esm2-8m"):
        load_adapter(other, folder)
    np.testing.assert_array_equal(rows(other), before)
    assert other.identity.adapter_digest == ""


def test_an_adapter_of_another_revision_is_refused(tuned, tmp_path: Path):
    _, folder = tuned(BY_ID["esm2-8m"])
    write_esm(tmp_path / "other", seed=5)
    with pytest.raises(EncoderError, match="made for revision"):
        load_adapter(BY_ID["esm2-8m"].open(tmp_path / "other"), folder)


def test_an_unnamed_adapter_is_refused_by_layers_or_shapes(tuned, model_folder, tmp_path: Path):
    _, folder = tuned(BY_ID["esm2-8m"])
    settings = json.loads((folder / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = None
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    with pytest.raises(EncoderError, match=r"changes a layer encoder.layer.0.*igt5 does not have"):
        load_adapter(BY_ID["igt5"].open(model_folder(BY_ID["igt5"])), folder)
    write_esm(tmp_path / "wide", width=32)
    entry = replace(BY_ID["esm2-8m"].entry(), width=32)
    from abag.encoders.adapters.opening import opened as open_entry

    wide = open_entry(entry, folder=tmp_path / "wide", device="cpu")
    before = rows(wide)
    with pytest.raises(EncoderError, match=r"should be \(4, 32\), is \(4, 16\)"):
        load_adapter(wide, folder)
    np.testing.assert_array_equal(rows(wide), before)


def test_half_an_adapter_is_refused(tuned, model_folder: Folder):
    _, folder = tuned(BY_ID["esm2-8m"])
    (folder / "abag.json").unlink()
    tensors = load_file(folder / "adapter_model.safetensors")
    del tensors[min(tensors)]
    save_file(tensors, folder / "adapter_model.safetensors")
    with pytest.raises(EncoderError, match=r"lora_A.weight should be \(4, 16\), is absent"):
        load_adapter(BY_ID["esm2-8m"].open(model_folder(BY_ID["esm2-8m"])), folder)


def test_a_second_adapter_is_refused(tuned):
    encoder, folder = tuned(BY_ID["esm2-8m"])
    with pytest.raises(EncoderError, match="carries an adapter already"):
        load_adapter(encoder, folder)
    with pytest.raises(EncoderError, match="carries an adapter already"):
        new_lora(encoder)


def test_pickled_and_foreign_adapters_are_refused(tuned, tmp_path: Path):
    _, folder = tuned(BY_ID["esm2-8m"])
    pickled = Path(shutil.copytree(folder, tmp_path / "pickled"))
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    with pytest.raises(EncoderError, match=r"adapter_model.bin alone, a pickled file"):
        digest_of_folder(pickled)
    settings = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**settings, "peft_type": "IA3"}))
    with pytest.raises(EncoderError, match="not that of a LoRA adapter"):
        digest_of_folder(folder)
    with pytest.raises(MissingFileError):
        digest_of_folder(tmp_path / "nowhere")


def test_layers_that_are_not_there_cannot_be_adapted(model_folder: Folder):
    encoder = BY_ID["esm2-8m"].open(model_folder(BY_ID["esm2-8m"]))
    with pytest.raises(EncoderError, match="no adapter on"):
        new_lora(encoder, targets=["q", "v"])
    ablang2 = BY_ID["ablang2"].open(model_folder(BY_ID["ablang2"]))
    with pytest.raises(EncoderError, match="name the linear layers"):
        new_lora(ablang2)
