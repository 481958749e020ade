"""Safetensors files with a digest of their tensors and metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from abag.errors import FileFormatError
from abag.files.writing import keep_previous, replacing

if TYPE_CHECKING:
    from torch import Tensor

DIGEST: Final = "sha256"
"""Key of the metadata that holds the digest."""


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str],
    keep: Path | None = None,
) -> None:  # fmt: skip
    """Write a sealed safetensors file, flush it, read it back, rename it.

    The digest is of tensors, on any device, and metadata; an earlier file gets the name ``keep``.

    Raises:
        FileFormatError: the disk is full or the folder cannot be written; an earlier file stays.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    untouched = f"; what {path.parent} held before is whole"
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    sealed = {**metadata, DIGEST: _digest(plain, metadata)}
    try:
        with replacing(path, apart=True) as temporary:
            save_file(plain, temporary, sealed)
            try:
                read_tensors(temporary, sealed=True)
            except FileFormatError:
                raise FileFormatError(
                    f"{path} was written but does not read back the same{untouched}"
                ) from None
            if keep is not None and path.is_file():
                keep_previous(path, keep)
    except (OSError, SafetensorError) as error:
        if isinstance(error, FileFormatError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileFormatError(
            f"{path} cannot be written ({reason}){untouched}. Free space or mend the folder, then "
            f"go on with --resume {path.parent}"
        ) from None


def read_tensors(path: Path, *, sealed: bool = False) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    A file with a digest must be unchanged; ``sealed`` refuses one without.

    Raises:
        FileFormatError: the file is damaged or was changed.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stored:
            metadata = dict(stored.metadata() or {})
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise FileFormatError(f"{path} is damaged ({error})") from None
    digest = metadata.pop(DIGEST, None)
    if sealed and digest is None:
        raise FileFormatError(f"{path} is no file of this abag: it carries no digest")
    if digest is not None and digest != _digest(tensors, metadata):
        raise FileFormatError(f"{path} is damaged: its content has another digest")
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    text = digest_of(tensors) + json.dumps(dict(metadata), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(tensors: Mapping[str, Tensor], before: str = "") -> str:
    """SHA-256 of a text, then of names, types, shapes and bytes, in the order of names."""
    import torch

    digest = hashlib.sha256(before.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
