from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from abag.encoders.adapters.conversion import convert_weights
from abag.errors import EncoderError, FileFormatError, MissingFileError


def test_tensors_are_written_as_safetensors_with_the_files_beside_them(tmp_path: Path):
    shared = torch.arange(6.0).reshape(2, 3)
    (tmp_path / "in").mkdir()
    torch.save({"a": shared, "tied": shared, "turned": shared.T}, tmp_path / "in" / "model.pt")
    (tmp_path / "in" / "hparams.json").write_text("{}")
    written = convert_weights(tmp_path / "in" / "model.pt", tmp_path / "out")
    tensors = load_file(written)
    assert tensors["tied"].tolist() == shared.tolist()
    assert tensors["turned"].tolist() == shared.T.tolist()
    assert (tmp_path / "out" / "hparams.json").exists()
    with pytest.raises(EncoderError, match="there already"):
        convert_weights(tmp_path / "in" / "model.pt", tmp_path / "out")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path):
    torch.save({"a": torch.nn.Linear(2, 2)}, tmp_path / "model.pt")
    with pytest.raises(FileFormatError, match="not a plain file of tensors"):
        convert_weights(tmp_path / "model.pt", tmp_path / "out")
    torch.save({"a": torch.ones(2), "epoch": 3}, tmp_path / "run.pt")
    with pytest.raises(FileFormatError, match="something other than named tensors"):
        convert_weights(tmp_path / "run.pt", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(MissingFileError):
        convert_weights(tmp_path / "none.pt", tmp_path / "out")
