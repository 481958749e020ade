"""Publishing by steps: each is shown before, checked after, and passed over where it was done.

Whether a step is done is asked of the remote and of the working copy themselves, so a publication
that was killed anywhere goes on from there and ends the same. Beside the release ``FOLDER`` lies
``FOLDER.publish`` with the working copy of git, the text of the release page and ``journal.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from abag.errors import ReleaseError
from abag.files import (
    LOCK,
    locked,
    make_folder,
    read_json,
    require_own,
    sha256_of,
    write_json,
    write_text,
)
from abag.release.bundle import SUMS
from abag.release.verify import verify_release

JOURNAL: Final = "journal.json"
REPOSITORY: Final = "repository"
PAGE: Final = ("release_page.json", "release_page.md")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PublishStep:
    """One step: what it does in words, whether it is done, and how it is done."""

    name: str
    words: str
    is_done: Callable[[], bool]
    act: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Publication:
    """A release on its way to one place."""

    release: Path
    facts: dict[str, Any]
    address: str
    """Address of the git remote, or repository of the hub."""

    @property
    def work(self) -> Path:
        """The folder beside the release that holds what is on its way."""
        return self.release.with_name(f"{self.release.name}.publish")

    @property
    def tag(self) -> str:
        """Name of the tag."""
        return str(self.facts["given"]["tag"])

    @property
    def title(self) -> str:
        """Title of commit, tag and page."""
        stated = self.facts["given"]
        return f"{stated['name']} {stated['version']}"


def moved(publication: Publication) -> ReleaseError:
    """The tag is there already, on another commit."""
    return ReleaseError(
        f"{publication.address} has the tag {publication.tag} on another commit; a release is "
        "never replaced: choose another --version"
    )


def publication(release: Path, address: str) -> Publication:
    """Check a release whole, and say where it is to go; raises as :func:`verify_release`."""
    return Publication(release.resolve(), verify_release(release), address)


def carry_out(steps: Sequence[PublishStep], publication: Publication, say: Say) -> list[str]:
    """Do what is not done yet; returns the names of the steps that were done now.

    Raises:
        ReleaseError: a step ran and is not done, or another release is being published.
        BusyError: another process publishes this one.
    """
    make_folder(publication.work)
    names = {JOURNAL, REPOSITORY, f".{REPOSITORY}.new", *PAGE, LOCK}
    require_own(publication.work, names, "what is on its way", overwrite=True)
    digest = sha256_of(publication.release / SUMS)
    finished: list[str] = []
    with locked(publication.work, "published"):
        journal = publication.work / JOURNAL
        started = read_json(journal) if journal.is_file() else {"sums_sha256": digest}
        if started["sums_sha256"] != digest:
            raise ReleaseError(
                f"{publication.release} was changed since its publication began; remove "
                f"{publication.work} to begin anew, under another version if the earlier one is out"
            )
        for number, step in enumerate(steps, start=1):
            head = f"{number}/{len(steps)} {step.name}: {step.words}"
            if step.is_done():
                say(f"{head} (done before)")
                continue
            say(head)
            step.act()
            if not step.is_done():
                raise ReleaseError(f"the step {step.name!r} ran, and is not done: {head}")
            finished.append(step.name)
            content = {"sums_sha256": digest, "address": publication.address, "done": step.name}
            write_json(journal, content, seal=True)
    return finished


def page_step(publication: Publication) -> PublishStep:
    """The body of the release page, as text and as the request that makes such a page."""
    text = (publication.release / "announcements" / "release_page.md").read_text("utf-8")
    content = {
        "tag_name": publication.tag,
        "name": publication.title,
        "body": text,
        "prerelease": bool(publication.facts["given"]["prerelease"]),
    }
    request, body = (publication.work / name for name in PAGE)

    def act() -> None:
        write_text(body, text)
        write_json(request, content)

    def done() -> bool:
        written = request.is_file() and body.is_file()
        return written and read_json(request) == content and body.read_text("utf-8") == text

    flag = "a pre-release" if content["prerelease"] else "no pre-release"
    return PublishStep("page", f"write {request.name} and {body.name} ({flag})", done, act)


def check_step(publication: Publication, fetch: Callable[[], Path]) -> PublishStep:
    """Fetch what was published, and check it whole; done anew each time."""
    checked: list[Path] = []

    def act() -> None:
        fetched = fetch()
        verify_release(fetched)
        if sha256_of(fetched / SUMS) != sha256_of(publication.release / SUMS):
            raise ReleaseError(
                f"{publication.address} at {publication.tag} holds another release than this one"
            )
        checked.append(fetched)

    words = f"fetch {publication.tag} from {publication.address}, check sums and predictions"
    return PublishStep("verify", words, lambda: bool(checked), act)
