"""The saved form of a model: a folder with ``model.json`` and ``weights.safetensors``.

``model.json`` holds the SHA-256 of the weights and of its own content, so that a file that was
changed, or taken from another model, is refused and never half believed. Nothing is pickled.
The same model gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.errors import AbagError, MissingFileError, ModelError
from abag.files import read_json, require_folder, require_folder_name, write_json
from abag.version import VERSION

FORMAT: Final = "abag-model"
FORMAT_VERSION: Final = 1
MANIFEST: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Artefact:
    """What is saved: the model's registered name, its settings, training summary and arrays."""

    name: str
    settings: dict[str, Any]
    training: dict[str, Any]
    arrays: Arrays

    @property
    def model_id(self) -> str:
        """Name and 12 digits of the digest of the manifest: equal content, equal id."""
        return _model_id(self.name, _digest(self._content(_weights_bytes(self.arrays))))

    def write(self, folder: Path, overwrite: bool = False) -> None:
        """Write into a new folder, in one step.

        Raises:
            ModelError: the folder is there and ``overwrite`` is false, or it holds no model.
        """
        require_free(folder, overwrite)
        weights = _weights_bytes(self.arrays)
        content = self._content(weights)
        digest = _digest(content)
        manifest = {**content, "digest": digest, "model_id": _model_id(self.name, digest)}
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            (temporary / WEIGHTS).write_bytes(weights)
            write_json(temporary / MANIFEST, manifest)
            temporary.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _content(self, weights: bytes) -> dict[str, Any]:
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "abag_version": VERSION,
            "name": self.name,
            "settings": self.settings,
            "training": self.training,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
        }
        return dict(json.loads(json.dumps(content)))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check ``model.json``; raises ModelError when it is foreign, newer or changed."""
    require_folder(folder)
    path = folder / MANIFEST
    try:
        manifest = read_json(path)
    except MissingFileError:
        raise ModelError(
            f"{folder} is not a saved model (it has no {MANIFEST}); make one with `abag fit`"
        ) from None
    except AbagError as error:
        raise ModelError(f"the saved model is damaged: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ModelError(f"{path} is not the description of an abag model")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path} has format version {version}; this abag {VERSION} reads "
            f"{FORMAT_VERSION}: fit the model again, or install the abag that made it "
            f"({manifest.get('abag_version')})"
        )
    content = {k: v for k, v in manifest.items() if k not in ("digest", "model_id")}
    if _digest(content) != manifest.get("digest"):
        raise ModelError(f"{path} was changed after it was saved; fit the model again")
    return manifest


def read(folder: Path) -> Artefact:
    """Read a saved model and check both files; raises ModelError on a changed or foreign one."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    manifest = read_manifest(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelError(f"{folder} has no {WEIGHTS}; the model is incomplete, copy it again")
    weights = path.read_bytes()
    if hashlib.sha256(weights).hexdigest() != manifest["weights_sha256"]:
        raise ModelError(
            f"{path} is not the file that was saved with this model (its checksum differs); "
            "copy or fit the model again"
        )
    try:
        arrays = load(weights)
    except SafetensorError as error:
        raise ModelError(f"{path} is not a safetensors file: {error}") from None
    return Artefact(manifest["name"], manifest["settings"], manifest["training"], arrays)


def require_free(folder: Path, overwrite: bool = False) -> None:
    """Raise ModelError unless a model can be written to ``folder``."""
    require_folder_name(folder)
    if not folder.exists():
        return
    if not any(folder.iterdir()):
        return
    if not overwrite:
        raise ModelError(f"{folder} exists; name a new folder, or add --overwrite")
    foreign = {path.name for path in folder.iterdir()} - {MANIFEST, WEIGHTS}
    if foreign or not (folder / MANIFEST).is_file():
        raise ModelError(f"{folder} holds other files than a saved model; it is left as it is")


def _weights_bytes(arrays: Arrays) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())})


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _model_id(name: str, digest: str) -> str:
    return f"{name}-{digest[:12]}"
