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
    done: Callable[[], bool]
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
        given = self.facts["given"]
        return f"{given['name']} {given['version']}"


def moved(what: Publication) -> ReleaseError:
    """The tag is there already, on another commit."""
    return ReleaseError(
        f"{what.address} has the tag {what.tag} on another commit; a release is never replaced: "
        "choose another --version"
    )


def publication(release: Path, address: str) -> Publication:
    """Check a release whole, and say where it is to go; raises as :func:`verify_release`."""
    return Publication(release.resolve(), verify_release(release), address)


def carry_out(steps: Sequence[PublishStep], what: Publication, say: Say) -> list[str]:
    """Do what is not done yet; returns the names of the steps that were done now.

    Raises:
        ReleaseError: a step did not come to what it should, or another release was on its way.
        BusyError: another process publishes this one.
    """
    make_folder(what.work)
    names = {JOURNAL, REPOSITORY, *PAGE, LOCK}
    require_own(what.work, names, "what is on its way", overwrite=True)
    digest = sha256_of(what.release / SUMS)
    did: list[str] = []
    with locked(what.work, "published"):
        journal = what.work / JOURNAL
        started = read_json(journal) if journal.is_file() else {"sums_sha256": digest}
        if started["sums_sha256"] != digest:
            raise ReleaseError(
                f"{what.release} was changed since its publication began; remove {what.work} to "
                "begin anew, under another version if the earlier one is out"
            )
        for place, step in enumerate(steps, start=1):
            head = f"{place}/{len(steps)} {step.name}: {step.words}"
            if step.done():
                say(f"{head} (done before)")
                continue
            say(head)
            step.act()
            if not step.done():
                raise ReleaseError(f"the step {step.name!r} did not come to what it should: {head}")
            did.append(step.name)
            content = {"sums_sha256": digest, "address": what.address, "done": step.name}
            write_json(journal, content, seal=True)
    return did


def page_step(what: Publication) -> PublishStep:
    """The body of the release page, as text and as the request that makes such a page."""
    text = (what.release / "announcements" / "release_page.md").read_text("utf-8")
    content = {
        "tag_name": what.tag,
        "name": what.title,
        "body": text,
        "prerelease": bool(what.facts["given"]["prerelease"]),
    }
    request, body = (what.work / name for name in PAGE)

    def act() -> None:
        write_text(body, text)
        write_json(request, content)

    def done() -> bool:
        whole = request.is_file() and body.is_file()
        return whole and read_json(request) == content and body.read_text("utf-8") == text

    flag = "a pre-release" if content["prerelease"] else "no pre-release"
    return PublishStep("page", f"write {request.name} and {body.name} ({flag})", done, act)


def check_step(what: Publication, fetch: Callable[[], Path]) -> PublishStep:
    """Fetch what was published, and check it whole; done anew each time."""
    seen: list[Path] = []

    def act() -> None:
        found = fetch()
        verify_release(found)
        if sha256_of(found / SUMS) != sha256_of(what.release / SUMS):
            raise ReleaseError(f"{what.address} at {what.tag} holds another release than this one")
        seen.append(found)

    words = f"fetch {what.tag} from {what.address}, check sums and predictions"
    return PublishStep("verify", words, lambda: bool(seen), act)
