"""Loading models of one's own, and files that are not what they are said to be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from abag.encoders.adapters.opening import open_encoder
from abag.encoders.protocol import Molecule, Role
from abag.errors import EncoderError, UnavailableError
from encoder_zoo import CASES, HEAVY, LIGHT, WIDTH, Case, write_esm

BY_ID = {case.id: case for case in CASES}
Folder = Callable[[Case], Path]
ANTIBODY = Molecule(Role.ANTIBODY, (HEAVY, LIGHT))


@pytest.fixture
def own_copy(tmp_path: Path, model_folder: Folder) -> Callable[[str], Path]:
    def copy(case: str) -> Path:
        return Path(shutil.copytree(model_folder(BY_ID[case]), tmp_path / "copy"))

    return copy


def test_any_folder_is_opened_and_its_facts_are_found_out(model_folder: Folder):
    folder = model_folder(BY_ID["esm2-8m"])
    encoder = open_encoder(f"hf:{folder}", device="cpu")
    assert encoder.facts.width == WIDTH
    assert encoder.facts.max_residues == 1026 - 2 - 1  # two specials, and ESM counts from 2
    assert not encoder.facts.paired
    assert encoder.encode([ANTIBODY])[0].rows.shape == (len(HEAVY) + len(LIGHT), WIDTH)


def test_a_stated_rule_pairs_the_chains_and_enters_the_identity(model_folder: Folder):
    folder = model_folder(BY_ID["igt5"])
    alone = open_encoder("hf:mine", folder=folder, device="cpu")
    paired = open_encoder("hf:mine", folder=folder, device="cpu", rule="spaced-t5-pair")
    assert paired.facts.paired
    assert (alone.identity.id, paired.identity.id) == ("hf:mine", "hf:mine#spaced-t5-pair")
    difference = alone.encode([ANTIBODY])[0].rows - paired.encode([ANTIBODY])[0].rows
    assert np.abs(difference).max() > 0.01


def test_a_limit_of_ones_own_enters_the_identity(model_folder: Folder):
    folder = model_folder(BY_ID["igt5"])
    encoder = open_encoder("hf:mine", folder=folder, device="cpu", max_residues=20)
    assert encoder.identity.id == "hf:mine#20"
    assert encoder.encode([ANTIBODY])[0].windowed


def test_what_is_known_of_a_catalogued_model_cannot_be_changed(model_folder: Folder):
    with pytest.raises(EncoderError, match="of igt5 are known"):
        open_encoder("igt5", folder=model_folder(BY_ID["igt5"]), rule="plain")


def test_a_folder_of_another_width_is_not_the_model_asked_for(model_folder: Folder):
    with pytest.raises(EncoderError, match=r"esm2-650m has residue rows of width 1280.*give 16"):
        open_encoder("esm2-650m", folder=model_folder(BY_ID["esm2-8m"]), device="cpu")


def test_a_tokenizer_of_words_is_refused_and_shown(own_copy: Callable[[str], Path]):
    folder = own_copy("igbert")
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nantibody\n")
    with pytest.raises(EncoderError, match=r"no token a residue.*\[UNK\]"):
        open_encoder(f"hf:{folder}", device="cpu")


def test_missing_weights_are_not_filled_with_random_numbers(own_copy: Callable[[str], Path]):
    folder = own_copy("esm2-8m")
    tensors = load_file(folder / "model.safetensors")
    lost = "encoder.layer.1.output.dense.weight"
    del tensors[lost]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=rf"1 weights are missing .*such as {lost}"):
        open_encoder(f"hf:{folder}", device="cpu")


def test_a_damaged_weights_file_is_named(own_copy: Callable[[str], Path]):
    folder = own_copy("esm2-8m")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(EncoderError, match=r"no model could be read from .*copy"):
        open_encoder(f"hf:{folder}", device="cpu")


def test_code_of_a_repository_is_not_run(own_copy: Callable[[str], Path]):
    folder = own_copy("esm2-8m")
    config = json.loads((folder / "config.json").read_text())
    config |= {"auto_map": {"AutoModel": "own.Model"}, "model_type": "own"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('code of the repository was run')")
    with pytest.raises(EncoderError, match="no model could be read"):
        open_encoder(f"hf:{folder}", device="cpu")


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(UnavailableError, match=r'pip install "abag\[encoders\]"'):
        open_encoder("esm2-8m", folder=tmp_path)


def test_an_unknown_precision_is_refused(model_folder: Folder):
    with pytest.raises(EncoderError, match="no precision 'fp16'; choose auto, fp32 or bf16"):
        open_encoder(f"hf:{model_folder(BY_ID['igt5'])}", precision="fp16")


def test_two_models_of_equal_shape_have_different_revisions(tmp_path: Path):
    write_esm(tmp_path / "a", seed=1)
    write_esm(tmp_path / "b", seed=2)
    one, other = (open_encoder("hf:mine", folder=tmp_path / name) for name in "ab")
    assert one.identity.revision != other.identity.revision


def test_a_model_with_an_lm_head_is_loaded_without_it(tmp_path: Path, model_folder: Folder):
    # The published ESM-2 files are those of EsmForMaskedLM: prefix "esm.", plus a head.
    from transformers import EsmForMaskedLM

    source = model_folder(BY_ID["esm2-8m"])
    folder = Path(shutil.copytree(source, tmp_path / "lm"))
    EsmForMaskedLM.from_pretrained(source).save_pretrained(folder)
    assert any(name.startswith("lm_head") for name in load_file(folder / "model.safetensors"))
    rows = [
        open_encoder(f"hf:{f}", device="cpu").encode([ANTIBODY])[0].rows for f in (source, folder)
    ]
    np.testing.assert_array_equal(rows[0], rows[1])
