"""A release in a git repository, its large files in Git LFS; by the real clients."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from abag.errors import ReleaseError, UnavailableError


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
    told = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **variables}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=told, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        shown = "; ".join(said[-3:])
        raise ReleaseError(f"git {' '.join(arguments[:2])} failed: {shown}")
    return done.stdout.strip()


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
    wanted = revision
    if revision is not None and revision not in names and f"v{revision}" in names:
        wanted = f"v{revision}"
    git(target, "-c", "advice.detachedHead=false", "checkout", "--quiet", wanted or "HEAD")
    git(target, "lfs", "pull")
    return target
