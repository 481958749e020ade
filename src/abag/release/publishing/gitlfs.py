"""A release in a git repository, its large files in Git LFS; by the real clients."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from abag.errors import ReleaseError, UnavailableError
from abag.files import write_text
from abag.release.bundle import SUMS, sums_text
from abag.release.publishing.steps import (
    REPOSITORY,
    Publication,
    PublishStep,
    check_step,
    moved,
    page_step,
)


def require_git() -> None:
    """Raise UnavailableError unless git and git-lfs are here."""
    for name, mend in (("git", "install git"), ("git-lfs", "install git-lfs (git-lfs.com)")):
        if shutil.which(name) is None:
            raise UnavailableError(f"{name} is not installed; {mend}")


def git(folder: Path, *arguments: str, **variables: str) -> str:
    """Run git in a folder; returns what it printed.

    Raises:
        ReleaseError: git says no, with its last words.
    """
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **variables}
    process = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if process.returncode:
        last_words = (process.stderr or process.stdout).strip().splitlines()
        shown = "; ".join(last_words[-3:])
        raise ReleaseError(f"git {' '.join(arguments[:2])} failed: {shown}")
    return process.stdout.strip()


def clone(address: str, revision: str | None, target: Path) -> Path:
    """A working copy of a release at a tag, version or commit, with the content of large files.

    Raises:
        UnavailableError: git or git-lfs is missing.
        ReleaseError: there is no such remote or revision.
    """
    require_git()
    target.parent.mkdir(parents=True, exist_ok=True)
    git(target.parent, "clone", "--quiet", "--no-checkout", address, target.name)
    git(target, "lfs", "install", "--local", "--skip-smudge")
    names = git(target, "tag", "--list").split()
    ref = revision
    if revision is not None and revision not in names and f"v{revision}" in names:
        ref = f"v{revision}"
    ref = ref or _newest_branch(target)
    git(target, "-c", "advice.detachedHead=false", "checkout", "--quiet", ref)
    git(target, "lfs", "pull")
    return target


def _newest_branch(target: Path) -> str:
    """The branch that was committed to last, as ``origin/NAME``."""
    form = "--format=%(refname:short)"
    listing = git(target, "for-each-ref", "--sort=-committerdate", form, "refs/remotes/origin/*")
    names = [name for name in listing.split() if name not in ("origin", "origin/HEAD")]
    if not names:
        raise ReleaseError("the git remote holds no commit, and so no release")
    return names[0]


ATTRIBUTES: Final = "".join(
    ["* -text\n"]
    + [f"{kind} filter=lfs diff=lfs merge=lfs -text\n" for kind in ("*.safetensors", "*.png")]
)
"""Nothing is rewritten; weights and pictures go to LFS."""


def git_steps(publication: Publication, branch: str, scratch: Path) -> list[PublishStep]:
    """Attributes, stage, commit, annotated tag, push, page, check: a release as a tag of a remote.

    Raises:
        UnavailableError: git or git-lfs is missing.
    """
    require_git()
    copy, address, tag = WorkingCopy(publication, branch), publication.address, publication.tag
    return [
        PublishStep("clone", f"a working copy of {address}", copy.is_there, copy.make),
        PublishStep("attributes", "weights and pictures to Git LFS", copy.has_attributes,
                    copy.set_attributes),
        PublishStep("stage", f"{publication.release.name} as it is, nothing else", copy.is_staged,
                    copy.stage),
        PublishStep("commit", f"{publication.title!r} on {branch}", copy.is_committed, copy.commit),
        PublishStep("tag", f"{tag}, annotated with the notes", copy.is_tagged, copy.set_tag),
        PublishStep("push", f"{branch}, {tag} and large files to {address}", copy.is_pushed,
                    copy.push),
        page_step(publication),
        check_step(publication, lambda: clone(address, tag, scratch / "published")),
    ]  # fmt: skip


class WorkingCopy:
    """The clone in which a release is made a commit. Same release, same commit: its date is set."""

    def __init__(self, publication: Publication, branch: str) -> None:
        self._publication, self._branch = publication, branch
        self._folder = publication.work / REPOSITORY

    def _git(self, *arguments: str) -> str:
        stated = self._publication.facts["given"]
        date = f"{stated['date']}T12:00:00+00:00"
        signature = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        name, email = stated["authors"][0], "release@abag.invalid"
        for who in ("AUTHOR", "COMMITTER"):
            signature |= {f"GIT_{who}_NAME": name, f"GIT_{who}_EMAIL": email}
        return git(self._folder, *arguments, **signature)

    def _revision_of(self, *names: str) -> str | None:
        try:
            return self._git("rev-parse", "--quiet", "--verify", *names)
        except ReleaseError:
            return None

    def is_there(self) -> bool:
        """Whether the clone is whole; removes the lock that a killed git left."""
        if not (self._folder / ".git").is_dir():
            return False
        (self._folder / ".git" / "index.lock").unlink(missing_ok=True)
        return self._git("remote", "get-url", "origin") == self._publication.address

    def make(self) -> None:
        """Clone beside and rename, so that half a clone is never taken for one."""
        half = self._folder.with_name(f".{self._folder.name}.new")
        for leftover in (half, self._folder):
            shutil.rmtree(leftover, ignore_errors=True)
        address = self._publication.address
        git(half.parent, "clone", "--quiet", "--no-checkout", address, half.name)
        git(half, "lfs", "install", "--local")
        git(half, "symbolic-ref", "HEAD", f"refs/heads/{self._branch}")
        remote = f"refs/remotes/origin/{self._branch}"
        if git(half, "for-each-ref", remote):
            git(half, "reset", "--quiet", "--soft", remote)
        half.rename(self._folder)

    def has_attributes(self) -> bool:
        """Whether the file of attributes is the one that is wanted."""
        path = self._folder / ".gitattributes"
        return path.is_file() and path.read_text("utf-8") == ATTRIBUTES

    def set_attributes(self) -> None:
        """Write the attributes."""
        write_text(self._folder / ".gitattributes", ATTRIBUTES)

    def is_staged(self) -> bool:
        """Whether the index holds the release and nothing else."""
        path = self._folder / SUMS
        same = (
            path.is_file() and path.read_bytes() == (self._publication.release / SUMS).read_bytes()
        )
        if not same or sums_text(self._folder) != path.read_text("utf-8"):
            return False
        return not self._git("ls-files", "--others", "--modified", "--deleted")

    def stage(self) -> None:
        """Make the working copy the release, and stage it all."""
        for path in self._folder.iterdir():
            if path.name not in (".git", ".gitattributes"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self._publication.release, self._folder, dirs_exist_ok=True)
        self._git("add", "--all")

    def is_committed(self) -> bool:
        """Whether the branch's last commit holds what is staged."""
        return self._revision_of("HEAD") is not None and not self._git("status", "--porcelain")

    def commit(self) -> None:
        """Commit what is staged."""
        self._git("commit", "--quiet", "--message", self._publication.title)

    def is_tagged(self) -> bool:
        """Whether the tag is there, on this commit.

        Raises:
            ReleaseError: it is there on another commit.
        """
        commit = self._revision_of(f"{self._publication.tag}^{{commit}}")
        if commit is None:
            return False
        if commit != self._revision_of("HEAD"):
            raise moved(self._publication)
        return True

    def set_tag(self) -> None:
        """An annotated tag whose message is the release notes."""
        notes = self._publication.release / "RELEASE_NOTES.md"
        self._git(
            "tag", "--annotate", "--cleanup=verbatim", "--file", str(notes), self._publication.tag
        )

    def _remote(self, name: str) -> str:
        return self._git("ls-remote", "origin", name).partition("\t")[0]

    def is_pushed(self) -> bool:
        """Whether branch and tag of the remote are ours."""
        commit = self._revision_of("HEAD")
        tag = f"refs/tags/{self._publication.tag}^{{}}"
        return self._remote(f"refs/heads/{self._branch}") == commit == self._remote(tag)

    def push(self) -> None:
        """Push large files, then branch and tag together."""
        self._git("lfs", "push", "origin", self._branch)
        tag = f"refs/tags/{self._publication.tag}"
        self._git("push", "--quiet", "--atomic", "origin", f"HEAD:refs/heads/{self._branch}", tag)
