"""Which files an encoder is loaded from, and the name of exactly those files.

From a hub, the revision is the commit; what was not pinned is resolved once and kept in a lock
file, so that an encoder does not change under a project. From a folder, it is a digest of what the
files hold.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from abag.encoders.adapters.catalogue import HUB, CatalogueEntry
from abag.errors import EncoderError, UnavailableError, installed
from abag.files import read_json, require_folder, sha256_of, write_json
from abag.progress import track

LOCK_FILE: Final = "abag-revisions.json"
"""Lies in the hub's cache folder: repository -> commit, for what the catalogue does not pin."""

READ: Final = ("*.json", "*.txt", "*.model", "*.safetensors")
"""Only these are fetched: no pickled weights, no code."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """Where an encoder lies on this machine."""

    weights: Path
    tokenizer: Path
    revision: str


def locate(entry: CatalogueEntry, *, folder: Path | None, local_files_only: bool) -> EncoderFiles:
    """Folders of an encoder's files: the one given, or the hub's cache after fetching.

    Raises:
        UnavailableError: where the hub cannot be reached or lacks the revision.
        MissingFileError: where ``folder`` is not there.
        EncoderError: where the folder holds no safetensors weights.
    """
    if folder is None and entry.id.startswith(HUB) and Path(entry.repository).is_dir():
        folder = Path(entry.repository)
    if folder is not None:
        require_folder(folder)
        require_safetensors(entry.id, folder)
        return EncoderFiles(folder, folder, folder_digest(folder))
    weights, revision = fetched(
        entry.id, entry.repository, entry.revision, local_files_only=local_files_only
    )
    require_safetensors(entry.id, weights)
    if not entry.tokenizer:
        return EncoderFiles(weights, weights, revision)
    tokenizer, of_tokenizer = fetched(
        entry.id, entry.tokenizer, None, local_files_only=local_files_only, weights=False
    )
    return EncoderFiles(weights, tokenizer, f"{revision}.{of_tokenizer[:12]}")


def fetched(
    encoder: str,
    repository: str,
    revision: str | None,
    *,
    local_files_only: bool,
    weights: bool = True,
) -> tuple[Path, str]:
    """Snapshot folder of a repository in the hub's cache, and its commit."""
    hub: Any = _hub()
    wanted = revision or locked_revision(repository)
    patterns = READ if weights else tuple(p for p in READ if p != "*.safetensors")
    try:
        snapshot = Path(
            hub.snapshot_download(
                repository,
                revision=wanted,
                allow_patterns=list(patterns),
                local_files_only=local_files_only,
            )
        )
    except (OSError, hub.errors.HfHubHTTPError, hub.errors.HFValidationError) as error:
        raise UnavailableError(_advice(encoder, repository, wanted, error)) from error
    commit = snapshot.name
    if wanted is None and _COMMIT.fullmatch(commit):
        lock_revision(repository, commit)
    return snapshot, commit


def _advice(encoder: str, repository: str, revision: str | None, error: Exception) -> str:
    first_line = str(error).strip().splitlines()[:1]
    return (
        f"{encoder}: cannot get {repository} (revision {revision or 'main'}) from the hub or its "
        f"cache: {type(error).__name__}: {first_line[0] if first_line else ''}\n"
        f"Without a connection, copy the model's files (config, tokenizer, *.safetensors) here by "
        f"other means and name their folder (--folder, in Python folder=...), or use the encoder "
        f"'builtin', which needs none"
    )


def locked_revision(repository: str) -> str | None:
    """The commit that was resolved for a repository when it was first loaded here."""
    path = lock_path()
    if not path.exists():
        return None
    content = read_json(path)
    commit = content.get(repository) if isinstance(content, dict) else None
    return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None


def lock_revision(repository: str, commit: str) -> None:
    """Keep a commit as the one to load from now on."""
    path = lock_path()
    content = read_json(path) if path.exists() else {}
    write_json(path, {**content, repository: commit})


def lock_path() -> Path:
    """The lock file in the hub's cache folder (which ``HF_HOME`` or ``HF_HUB_CACHE`` move)."""
    return Path(_hub().constants.HF_HUB_CACHE) / LOCK_FILE


def folder_digest(folder: Path) -> str:
    """Digest (16 hexadecimal digits) of the names and contents of a model folder's files."""
    digest = hashlib.sha256()
    files = sorted({path for pattern in READ for path in folder.glob(pattern)})
    large = sum(path.stat().st_size for path in files) > 1 << 30
    shown: Iterable[Path] = track(files, f"checksum of {folder.name}") if large else files
    for path in shown:
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()[:16]


def require_safetensors(encoder: str, folder: Path) -> None:
    """Raise unless a folder holds safetensors weights; other formats can run code when read."""
    if any(folder.glob("*.safetensors")):
        return
    others = sorted(p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".h5"})
    has = f"only {', '.join(others)}" if others else "no weights"
    raise EncoderError(
        f"{encoder}: {folder} holds {has}, and abag loads *.safetensors alone. Take a revision "
        "that has them, or convert once: "
        "abag.encoders.adapters.conversion.convert_weights(file, folder)"
    )


def _hub() -> Any:
    needs = 'this encoder needs transformers: pip install "abag[encoders]"'
    installed("huggingface_hub.errors", needs)
    return installed("huggingface_hub", needs)
