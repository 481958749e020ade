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
        asked = ShelfName.read(spec)
        if asked.revision is not None and asked in shelved():
            folder = shelved()[asked]
            require_sums(folder)
            return Pulled(asked, folder, read_facts(folder), new=False)
    with scratch_folder() as scratch:
        found = _fetched(where, spec, revision, scratch, endpoint)
        facts = read_facts(found)
        require_sums(found)
        given = facts["given"]
        _require_revision(spec, revision, given, where)
        listed = ShelfName.read(spec).name if where == HUB else given["name"]
        name = ShelfName(listed, given["version"])
        target = shelf() / name.folder_name / given["version"]
        with swapping(target) as place:
            for line in (found / SUMS).read_text("utf-8").splitlines():
                file = line.split("  ", 1)[1]
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found / file, place / file)
            shutil.copyfile(found / SUMS, place / SUMS)
            require_sums(place)
    return Pulled(name, target, facts, new=True)


def _require_revision(
    spec: str, revision: str | None, given: Mapping[str, Any], where: str
) -> None:
    """Raise ReleaseError where another release was found; a commit of a git remote may be any."""
    fits = revision in (None, given["version"], given["tag"])
    if not fits and (where == HUB or not _is_commit(str(revision))):
        raise ReleaseError(
            f"{spec} holds the release {given['name']}@{given['version']}, not {revision}"
        )


def _is_commit(text: str) -> bool:
    return len(text) >= 7 and set(text) <= set("0123456789abcdef")


def _address(spec: str, source: str | None) -> tuple[str, str | None]:
    """Where a release lies, and its revision: a folder, a git address, or the hub."""
    head, at, tail = spec.rpartition("@")
    revision = tail if at and "/" not in tail and ":" not in tail else None
    place = head if revision is not None else spec
    if source is not None:
        asked = ShelfName.read(spec)
        return source, asked.revision
    if Path(place).is_dir() or is_git(place):
        return place, revision
    ShelfName.read(spec)
    if "/" not in place:
        raise OptionError(
            f"{place!r} is no folder, no git address and no ORGANISATION/NAME of a hub; say with "
            "--source where the release lies"
        )
    return HUB, revision


def is_git(place: str) -> bool:
    """Whether a place is the address of a git remote."""
    return "://" in place or place.endswith(".git") or place.startswith("git@")


def _fetched(
    where: str, spec: str, revision: str | None, scratch: Path, endpoint: str | None
) -> Path:
    """The folder that holds the release now."""
    if where == HUB:
        from abag.release.publishing.hub import download

        return download(ShelfName.read(spec).name, revision, scratch / "hub", endpoint)
    if is_git(where) or (Path(where) / "HEAD").is_file() or (Path(where) / ".git").exists():
        from abag.release.publishing.gitlfs import clone

        return clone(where, revision, scratch / "clone")
    return Path(where)
