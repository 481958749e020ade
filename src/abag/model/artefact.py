"""Saved models, each a folder with ``model.json`` and ``weights.safetensors``, and their shelf.

Every description in such a folder is *stamped*: it names its format, its version, the abag that
wrote it, and the SHA-256 of its own content; ``model.json`` holds that of the weights, too. A file
that was changed, or taken from another model, is refused and never half believed. Nothing is
pickled. The same model gives the same bytes. :func:`saving` is the one writer of such folders.

A release is a folder with ``release.json`` and, below ``model``, a saved model. ``abag pull`` puts
it into ``SHELF/NAME/REVISION``; the shelf is ``~/.cache/abag/models``, or the folder that the
variable ``ABAG_MODELS`` names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.errors import AbagError, MissingFileError, ModelError, OptionError
from abag.files import (
    digest_of_json,
    is_temporary,
    new_result,
    read_json,
    require_folder,
    require_own,
    write_json,
)
from abag.version import VERSION

FORMAT: Final = "abag-model"
FORMAT_VERSION: Final = 1
MANIFEST: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"
SERVED: Final = "served.json"
CALIBRATION_ARRAYS: Final = "uncertainty.safetensors"
CARD: Final = "card.md"
FILES: Final = frozenset({MANIFEST, WEIGHTS, SERVED, CALIBRATION_ARRAYS, CARD})
"""What a saved model may consist of, with its calibration and its card."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Artefact:
    """What is saved: the model's registered name, its settings, training summary and arrays."""

    name: str
    settings: dict[str, Any]
    training: dict[str, Any]
    arrays: Arrays
    saved_id: str = ""
    """Of one that was read."""

    @property
    def model_id(self) -> str:
        """Name and 12 digits of the digest of the manifest: equal content, equal id."""
        return self.saved_id or str(self._manifest(packed(self.arrays))["model_id"])

    def write(self, folder: Path, overwrite: bool = False) -> None:
        """Write into a new folder, in one step.

        Raises:
            ModelError: the folder is there and ``overwrite`` is false, or it holds other files.
        """
        with saving(folder, overwrite) as new_folder:
            weights = packed(self.arrays)
            (new_folder / WEIGHTS).write_bytes(weights)
            write_json(new_folder / MANIFEST, self._manifest(weights))

    def _manifest(self, weights: bytes) -> dict[str, Any]:
        manifest = stamped(FORMAT, FORMAT_VERSION, {
            "name": self.name,
            "settings": self.settings,
            "training": self.training,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
        })  # fmt: skip
        return {**manifest, "model_id": _model_id(manifest)}


@contextmanager
def saving(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield a new folder to save a model in; it takes the place of ``folder`` when it is whole.

    Inside the block of another :func:`saving` the folder given is that one, to be added to.

    Raises:
        ModelError: ``folder`` is taken.
    """
    noun = "a saved model"
    with new_result(folder, FILES, noun, overwrite=overwrite, error=ModelError) as new_folder:
        yield new_folder


def require_free(folder: Path, overwrite: bool = False) -> None:
    """Raise ModelError unless a model can be written to ``folder``."""
    require_own(folder, FILES, "a saved model", overwrite=overwrite, error=ModelError)


def read(folder: Path) -> Artefact:
    """Read a saved model and check both files; raises ModelError on a changed or foreign one."""
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
    arrays = unpacked_arrays(weights, path)
    name, settings, training = (manifest[key] for key in ("name", "settings", "training"))
    return Artefact(name, settings, training, arrays, manifest["model_id"])


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check ``model.json``; raises ModelError when it is foreign, newer or changed."""
    require_folder(folder)
    path = folder / MANIFEST
    if not path.exists():
        raise ModelError(
            f"{folder} is not a saved model (it has no {MANIFEST}); make one with `abag fit`"
        )
    manifest = read_stamped(path, FORMAT, FORMAT_VERSION, added=("model_id",))
    has_parts = all(isinstance(manifest.get(key), dict) for key in ("settings", "training"))
    if not has_parts or manifest.get("model_id") != _model_id(manifest):
        raise ModelError(f"{path} was changed after it was saved; fit the model again")
    return manifest


def stamped(form: str, version: int, content: Mapping[str, Any]) -> dict[str, Any]:
    """A description as plain JSON values, with its format, its abag and its own digest."""
    head = {"format": form, "format_version": version, "abag_version": VERSION}
    plain = dict(json.loads(json.dumps({**head, **content})))
    return {**plain, "digest": digest_of_json(plain)}


def read_stamped(
    path: Path, form: str, version: int, added: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Read and check what :func:`stamped` made; ``added`` names keys that were added to it.

    Raises:
        ModelError: it is missing, damaged, foreign, of a newer abag, or changed.
    """
    try:
        saved = read_json(path)
    except MissingFileError:
        raise ModelError(f"{path} is missing; the model is incomplete, copy it again") from None
    except AbagError as error:
        raise ModelError(f"the saved model is damaged: {error}") from None
    if not isinstance(saved, dict) or saved.get("format") != form:
        raise ModelError(f"{path} is not the description of an abag model")
    maker = saved.get("abag_version")
    if saved.get("format_version") != version:
        raise ModelError(
            f"{path} has format version {saved.get('format_version')}; this abag {VERSION} reads "
            f"{version}: fit the model again, or install the abag that made it ({maker})"
        )
    if _is_newer(maker):
        raise ModelError(
            f"{path} was made by abag {maker}, and this is abag {VERSION}; install that abag, or "
            "fit the model again"
        )
    content = {key: value for key, value in saved.items() if key not in ("digest", *added)}
    if digest_of_json(content) != saved.get("digest"):
        raise ModelError(f"{path} was changed after it was saved; copy or fit the model again")
    return saved


def packed(arrays: Arrays) -> bytes:
    """Arrays as the bytes of a safetensors file; equal arrays give equal bytes."""
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())})


def unpacked_arrays(content: bytes, path: Path) -> Arrays:
    """The inverse of :func:`packed`; ``path`` is for messages.

    Raises:
        ModelError: it is no safetensors file, or holds numbers that are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"{path} is not a safetensors file: {error}") from None
    for name, array in arrays.items():
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise ModelError(
                f"{path} holds numbers that are none (NaN) in {name!r}; fit the model again"
            )
    return arrays


def _model_id(manifest: Mapping[str, Any]) -> str:
    return f"{manifest.get('name')}-{str(manifest.get('digest'))[:12]}"


def _is_newer(version: object) -> bool:
    """Whether something was made by a newer abag than this one, or by an unreadable one."""
    if version == VERSION:
        return False
    try:
        parts = tuple(int(part) for part in str(version).split("."))
    except ValueError:
        return True
    return len(parts) != 3 or parts > tuple(int(part) for part in VERSION.split("."))


VARIABLE: Final = "ABAG_MODELS"
RELEASE: Final = "release.json"
MODEL: Final = "model"
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NESTED: Final = "--"
"""Stands for the slash of ``organisation/name`` in the name of a folder."""


@dataclass(frozen=True, slots=True)
class ShelfName:
    """``name@revision``, the revision where one was given."""

    name: str
    revision: str | None = None

    @classmethod
    def read(cls, text: str) -> ShelfName:
        """Read ``name``, ``name@revision`` or ``organisation/name@revision``.

        Raises:
            OptionError: the text is neither.
        """
        name, _, revision = text.partition("@")
        parts = [*name.split("/"), *([revision] if "@" in text else [])]
        if len(name.split("/")) > 2 or not all(_PLAIN.fullmatch(part) for part in parts):
            raise OptionError(
                f"{text!r} is no name of a release; give NAME@REVISION, such as pairs@0.2.0"
            )
        return cls(name, revision or None)

    def __str__(self) -> str:
        """As it is given to ``--model``."""
        return self.name if self.revision is None else f"{self.name}@{self.revision}"

    @property
    def folder_name(self) -> str:
        """The name as one part of a path."""
        return self.name.replace("/", _NESTED)


def shelf() -> Path:
    """Where pulled releases lie."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else Path.home() / ".cache" / "abag" / "models"


def shelved() -> dict[ShelfName, Path]:
    """Every release that was pulled, by name and revision."""
    releases = {}
    for folder in sorted(shelf().glob(f"*/*/{RELEASE}")):
        revision, name = folder.parent, folder.parent.parent
        if not is_temporary(revision):
            key = ShelfName(name.name.replace(_NESTED, "/"), revision.name)
            releases[key] = revision
    return releases


def located(model: Path | str) -> Path:
    """The folder of a saved model: itself, the one inside a release, or a pulled one by name.

    Raises:
        MissingFileError: nothing of this name is here.
        OptionError: several revisions were pulled, and none is named.
    """
    folder = Path(model)
    if folder.is_dir():
        return folder / MODEL if (folder / RELEASE).is_file() else folder
    if folder.exists():
        return folder
    try:
        wanted = ShelfName.read(str(model))
    except OptionError:
        raise MissingFileError(f"there is no folder {folder}") from None
    known = shelved()
    fits = [
        pulled
        for pulled in known
        if pulled.name == wanted.name and wanted.revision in (None, pulled.revision)
    ]
    if not fits:
        raise MissingFileError(
            f"there is no folder {folder}, and no release of that name was pulled; `abag models` "
            f"lists those that were, `abag pull {wanted}` fetches one"
        )
    if len(fits) > 1:
        raise OptionError(f"{wanted} was pulled more than once: name {' or '.join(map(str, fits))}")
    return known[fits[0]] / MODEL
