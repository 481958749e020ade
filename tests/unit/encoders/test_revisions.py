"""The revision of an encoder names the files that were loaded, and stays."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest

from abag.encoders.adapters.catalogue import ENTRIES
from abag.encoders.adapters.opening import open_encoder
from abag.encoders.adapters.opening import opened as open_entry
from abag.encoders.adapters.revisions import LOCK_FILE, folder_digest, locked_revision
from abag.encoders.protocol import Molecule, Role
from abag.errors import EncoderError, MissingFileError, UnavailableError
from encoder_zoo import CASES, WIDTH, Case

BY_ID = {case.id: case for case in CASES}
FIRST, SECOND, TOKENIZER = "1" * 40, "2" * 40, "3" * 40
SMALL = replace(ENTRIES["esm2-8m"], width=WIDTH, revision=None)
"""A small model that is not pinned, as IgT5 is not."""


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and a hub that nobody may ask."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def put(cache: Path, repository: str, commit: str, files: Path, keep: str = "*") -> None:
    """Lay a snapshot into the cache as the hub's library does, and let main point to it."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(files, folder / "snapshots" / commit, dirs_exist_ok=True)
    if keep != "*":
        for path in (folder / "snapshots" / commit).glob(keep):
            path.unlink()
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(commit)


def test_a_hub_that_cannot_be_reached_is_named_with_the_way_out(hub_cache: Path):
    with pytest.raises(UnavailableError) as caught:
        open_encoder("esm2-8m", device="cpu")
    message = str(caught.value)
    assert "esm2-8m: cannot get facebook/esm2_t6_8M_UR50D (revision c731040f" in message
    assert "folder=" in message
    assert "builtin" in message


def test_the_commit_is_the_revision_and_stays_when_main_moves_on(
    hub_cache: Path, model_folder: Callable[[Case], Path]
):
    files = model_folder(BY_ID["esm2-8m"])
    put(hub_cache, SMALL.repository, FIRST, files)
    first = open_entry(SMALL, device="cpu", local_files_only=True)
    assert first.identity.revision == first.facts.revision == FIRST
    assert json.loads((hub_cache / LOCK_FILE).read_text()) == {SMALL.repository: FIRST}
    put(hub_cache, SMALL.repository, SECOND, files)
    assert open_entry(SMALL, device="cpu").identity.revision == FIRST
    (hub_cache / LOCK_FILE).unlink()
    assert open_entry(SMALL, device="cpu").identity.revision == SECOND


def test_a_pinned_revision_is_loaded_whatever_the_lock_says(
    hub_cache: Path, model_folder: Callable[[Case], Path]
):
    for commit in (FIRST, SECOND):
        put(hub_cache, SMALL.repository, commit, model_folder(BY_ID["esm2-8m"]))
    pinned = replace(SMALL, revision=FIRST)
    assert open_entry(pinned, device="cpu").identity.revision == FIRST
    assert locked_revision(SMALL.repository) is None


def test_a_model_of_the_catalogue_is_loaded_at_its_commit_and_no_other(
    hub_cache: Path, model_folder: Callable[[Case], Path]
):
    put(hub_cache, SMALL.repository, SECOND, model_folder(BY_ID["esm2-8m"]))
    with pytest.raises(UnavailableError, match="c731040fcd8d73dceaa04b0a8e6329b345b0f5df"):
        open_encoder("esm2-8m", device="cpu", local_files_only=True)


def test_pinned_revisions_are_whole_commits():
    pinned = {entry.id: entry.revision for entry in ENTRIES.values() if entry.revision}
    hub = {entry.id for entry in ENTRIES.values() if entry.loader == "huggingface"}
    assert hub - set(pinned) == {"igt5", "igt5-unpaired"}  # no public record was found
    assert len(set(pinned.values())) == len(pinned)
    assert all(re.fullmatch(r"[0-9a-f]{40}", commit) for commit in pinned.values())


def test_a_tokenizer_of_another_repository_is_part_of_the_revision(
    hub_cache: Path, model_folder: Callable[[Case], Path]
):
    entry = replace(ENTRIES["prott5"], width=WIDTH, revision=None)
    files = model_folder(BY_ID["prott5"])
    put(hub_cache, entry.repository, FIRST, files)
    put(hub_cache, entry.tokenizer, TOKENIZER, files, keep="*.safetensors")
    encoder = open_entry(entry, device="cpu")
    assert encoder.identity.revision == f"{FIRST}.{TOKENIZER[:12]}"
    assert encoder.encode([Molecule(Role.ANTIGEN, ("EVQ",))])[0].rows.shape == (3, WIDTH)


def test_a_folders_revision_is_the_digest_of_its_content(
    tmp_path: Path, model_folder: Callable[[Case], Path]
):
    files = model_folder(BY_ID["esm2-8m"])
    copy = tmp_path / "elsewhere"
    shutil.copytree(files, copy)
    assert folder_digest(copy) == folder_digest(files)
    (copy / "README.md").write_text("not read by any loader")
    assert folder_digest(copy) == folder_digest(files)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-6}))
    assert folder_digest(copy) != folder_digest(files)


def test_pickled_weights_are_not_loaded(tmp_path: Path, model_folder: Callable[[Case], Path]):
    files = model_folder(BY_ID["esm2-8m"])
    copy = tmp_path / "old"
    shutil.copytree(files, copy)
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=r"holds only pytorch_model.bin.*convert_weights"):
        open_entry(SMALL, folder=copy, device="cpu")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(MissingFileError, match="nowhere"):
        open_encoder("esm2-8m", folder=tmp_path / "nowhere")
