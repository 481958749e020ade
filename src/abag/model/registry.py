"""Models by name: every kind that can be fitted, and the releases on this machine.

A kind's module is imported when it is asked for. A release is a folder with ``release.json`` and,
below ``model``, a saved model. ``abag pull`` puts it into ``SHELF/NAME/REVISION``; the shelf is
``~/.cache/abag/models``, or the folder that the variable ``ABAG_MODELS`` names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from abag.errors import MissingFileError, ModelError, OptionError, UnavailableError
from abag.files import is_temporary

if TYPE_CHECKING:
    from abag.model.protocol import AffinityModel

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
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "abag" / "models"


def shelved() -> dict[ShelfName, Path]:
    """Every release that was pulled, by name and revision."""
    found = {}
    for folder in sorted(shelf().glob(f"*/*/{RELEASE}")):
        revision, name = folder.parent, folder.parent.parent
        if not is_temporary(revision):
            key = ShelfName(name.name.replace(_NESTED, "/"), revision.name)
            found[key] = revision
    return found


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
        asked = ShelfName.read(str(model))
    except OptionError:
        raise MissingFileError(f"there is no folder {folder}") from None
    known = shelved()
    fits = [
        one for one in known if one.name == asked.name and asked.revision in (None, one.revision)
    ]
    if not fits:
        raise MissingFileError(
            f"there is no folder {folder}, and no release of that name was pulled; `abag models` "
            f"lists those that were, `abag pull {asked}` fetches one"
        )
    if len(fits) > 1:
        raise OptionError(f"{asked} was pulled more than once: name {' or '.join(map(str, fits))}")
    return known[fits[0]] / MODEL


MODELS: Final[dict[str, str]] = {
    # name -> import path; add a line to add a model
    "mean": "abag.model.baselines.mean:Mean",
    "antigen-mean": "abag.model.baselines.antigen_mean:AntigenMean",
    "nearest-neighbour": "abag.model.baselines.nearest_neighbour:NearestNeighbour",
    "kmer-ridge": "abag.model.baselines.kmer_ridge:KmerRidge",
    "one-hot-ridge": "abag.model.baselines.one_hot_ridge:OneHotRidge",
    "assay-gp": "abag.model.assay_gp.model:AssayGP",
    "pairs": "abag.model.pairs.model:PairModel",
    "network": "abag.model.network.model:NetworkModel",
}


def model_class(name: str) -> type[AffinityModel]:
    """The class of a model; raises OptionError with the nearest name when it is unknown."""
    if name not in MODELS:
        from abag.model.protocol import nearest

        known = ", ".join(MODELS)
        raise OptionError(
            f"unknown model {name!r}{nearest(name, list(MODELS))} (models are {known})"
        )
    module, _, attribute = MODELS[name].partition(":")
    try:
        found: type[AffinityModel] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnavailableError(
            f"the model {name!r} needs PyTorch: pip install 'abag[network]'"
        ) from None
    return found


def create_model(name: str, values: Mapping[str, Any] | None = None) -> AffinityModel:
    """An unfitted model with settings, given as values or texts (``{"ridge": "0.1"}``)."""
    return model_class(name)(**dict(values or {}))


def load_model(folder: Path) -> AffinityModel:
    """Read a saved model of any registered kind, its release's folder or name; raises ModelError.

    What the folder may be: :func:`located`.
    """
    from abag.model.artefact import read_manifest

    folder = located(folder)
    name = read_manifest(folder)["name"]
    if name not in MODELS:
        raise ModelError(
            f"{folder} holds a model {name!r}, which this abag does not know ({', '.join(MODELS)})"
        )
    return model_class(name).load(folder)
