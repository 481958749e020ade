"""From a hub, a git remote or a folder onto the shelf, with every sum checked."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from abag.errors import OptionError, ReleaseError
from abag.files import scratch_folder, swapping
from abag.model.artefact import ShelfName, shelf, shelved
from abag.release.bundle import SUMS
from abag.release.verify import read_facts, require_sums

HUB: Final = "hub"


@dataclass(frozen=True, slots=True)
class Pulled:
    """A release on the shelf."""

    name: ShelfName
    folder: Path
    facts: dict[str, Any]
    new: bool
    """Whether it was fetched now; False where the same one was there."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "model": str(self.name),
            "folder": str(self.folder),
            "model_id": self.facts["model"]["id"],
            "recommendation": self.facts["recommendation"]["what"],
            "new": self.new,
        }


def pull(
    spec: str, source: str | None = None, *, endpoint: str | None = None, again: bool = False
) -> Pulled:
    """Fetch a release and put it onto the shelf.

    Args:
        spec: ``name@revision`` of a hub; or a folder or git remote, with ``@revision`` or without.
        source: where it lies if not on the hub: a folder, or the address of a git remote.
        endpoint: address of the hub, in place of its own.
        again: fetch it although it is here.

    Raises:
        OptionError: ``spec`` or ``source`` cannot be read.
        ReleaseError: what was fetched is no release, or not what its sums say.
        UnavailableError: git, git-lfs or huggingface_hub is missing, or nothing answers.
    """
    where, revision = _address(spec, source)
    if where == HUB and not again:
        shelf_name = ShelfName.read(spec)
        if shelf_name.revision is not None and shelf_name in shelved():
            folder = shelved()[shelf_name]
            require_sums(folder)
            return Pulled(shelf_name, folder, read_facts(folder), new=False)
    with scratch_folder() as scratch:
        fetched = _fetched(where, spec, revision, scratch, endpoint)
        facts = read_facts(fetched)
        require_sums(fetched)
        stated = facts["given"]
        _require_revision(spec, revision, stated, where)
        release_name = ShelfName.read(spec).name if where == HUB else stated["name"]
        name = ShelfName(release_name, stated["version"])
        target = shelf() / name.folder_name / stated["version"]
        with swapping(target) as new_folder:
            for line in (fetched / SUMS).read_text("utf-8").splitlines():
                file = line.split("  ", 1)[1]
                (new_folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(fetched / file, new_folder / file)
            shutil.copyfile(fetched / SUMS, new_folder / SUMS)
            require_sums(new_folder)
    return Pulled(name, target, facts, new=True)


def _require_revision(
    spec: str, revision: str | None, stated: Mapping[str, Any], where: str
) -> None:
    """Raise ReleaseError where another release was found; a commit of a git remote may be any."""
    fits = revision in (None, stated["version"], stated["tag"])
    if not fits and (where == HUB or not _is_commit(str(revision))):
        raise ReleaseError(
            f"{spec} holds the release {stated['name']}@{stated['version']}, not {revision}"
        )


def _is_commit(text: str) -> bool:
    return len(text) >= 7 and set(text) <= set("0123456789abcdef")


def _address(spec: str, source: str | None) -> tuple[str, str | None]:
    """Where a release lies, and its revision: a folder, a git address, or the hub."""
    head, at, tail = spec.rpartition("@")
    revision = tail if at and "/" not in tail and ":" not in tail else None
    address = head if revision is not None else spec
    if source is not None:
        shelf_name = ShelfName.read(spec)
        return source, shelf_name.revision
    if Path(address).is_dir() or is_git(address):
        return address, revision
    ShelfName.read(spec)
    if "/" not in address:
        raise OptionError(
            f"{address!r} is no folder, no git address and no ORGANISATION/NAME of a hub; say with "
            "--source where the release lies"
        )
    return HUB, revision


def is_git(address: str) -> bool:
    """Whether a text is the address of a git remote."""
    return "://" in address or address.endswith(".git") or address.startswith("git@")


def _fetched(
    where: str, spec: str, revision: str | None, scratch: Path, endpoint: str | None
) -> Path:
    """Fetch the release where it is remote; returns the folder that holds it."""
    if where == HUB:
        from abag.release.publishing.hub import download

        return download(ShelfName.read(spec).name, revision, scratch / "hub", endpoint)
    if is_git(where) or (Path(where) / "HEAD").is_file() or (Path(where) / ".git").exists():
        from abag.release.publishing.gitlfs import clone

        return clone(where, revision, scratch / "clone")
    return Path(where)
