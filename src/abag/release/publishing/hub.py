"""A release on a hub that speaks the API of Hugging Face; by the real client.

The token comes from the client's own store or from ``HF_TOKEN``, never from an option.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from abag.errors import ReleaseError, UnavailableError, installed
from abag.files import sha256_of
from abag.release.bundle import SUMS
from abag.release.publishing.steps import Publication, PublishStep, check_step, moved, page_step

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def api(endpoint: str | None) -> HfApi:
    """The client; raises UnavailableError where it is not installed."""
    needs = "publishing to and pulling from a hub needs its client: pip install 'abag[hub]'"
    client: HfApi = installed("huggingface_hub", needs).HfApi(endpoint=endpoint)
    installed("huggingface_hub.utils.tqdm", needs).disable_progress_bars()
    return client


def download(
    repository: str, revision: str | None, target: Path, endpoint: str | None = None
) -> Path:
    """Every file of a revision (a tag, a version or a commit).

    Raises:
        ReleaseError: there is no such repository or revision, or nothing answers.
    """
    client = api(endpoint)
    from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

    revisions = [revision, f"v{revision}"] if revision is not None else [None]
    for tag in revisions:
        try:
            client.snapshot_download(repository, revision=tag, local_dir=target)
        except RevisionNotFoundError:
            continue
        except (HfHubHTTPError, OSError) as error:
            first = str(error).strip().splitlines()[0]
            raise ReleaseError(f"{repository} cannot be fetched: {first}") from None
        return target
    raise ReleaseError(f"{repository} has no revision {revision!r}")


def hub_steps(
    publication: Publication, endpoint: str | None, scratch: Path, *, private: bool = False
) -> list[PublishStep]:
    """Repository, one commit, tag, page, check: a release as a revision of a hub.

    Raises:
        UnavailableError: the client is not installed, or it has no token.
    """
    client = api(endpoint)
    remote, tag = HubRepository(publication, client, private), publication.tag
    where = f"{publication.address} on {client.endpoint}"
    sizes = [path.stat().st_size for path in remote.files().values()]
    return [
        PublishStep("token", "from the client's own store, or HF_TOKEN", remote.has_token,
                    remote.require_token),
        PublishStep("repository", where, remote.is_there, remote.make),
        PublishStep("upload", f"{len(sizes)} files, {sum(sizes):,} bytes, in one commit",
                    remote.is_uploaded, remote.upload),
        PublishStep("tag", tag, remote.is_tagged, remote.set_tag),
        page_step(publication),
        check_step(
            publication, lambda: download(publication.address, tag, scratch / "hub", endpoint)
        ),
    ]  # fmt: skip


class HubRepository:
    """The repository of a hub that a release goes to."""

    def __init__(self, publication: Publication, client: HfApi, private: bool) -> None:
        self._publication, self._client, self._private = publication, client, private

    def files(self) -> dict[str, Path]:
        """The files of the release by their place in the repository."""
        release = self._publication.release
        names = [line.partition("  ")[2] for line in (release / SUMS).read_text().splitlines()]
        return {name: release / name for name in (*names, SUMS)}

    def has_token(self) -> bool:
        """Whether the client knows a token."""
        from huggingface_hub import get_token

        return get_token() is not None

    def require_token(self) -> None:
        """Raise UnavailableError: a token is not to be typed into a command."""
        raise UnavailableError(
            "the hub needs a token: log in with `hf auth login`, or set HF_TOKEN in the environment"
        )

    def is_there(self) -> bool:
        """Whether the repository exists."""
        with _hub_errors():
            return self._client.repo_exists(self._publication.address)

    def make(self) -> None:
        """Make the repository."""
        with _hub_errors():
            self._client.create_repo(
                self._publication.address, private=self._private, exist_ok=True
            )

    def _listed(self) -> dict[str, tuple[int, str]]:
        """Path -> size and digest of each remote file: SHA-256 of large ones, git's of others."""
        from huggingface_hub.hf_api import RepoFile

        with _hub_errors():
            entries = list(self._client.list_repo_tree(self._publication.address, recursive=True))
        return {
            entry.path: (entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)
            for entry in entries
            if isinstance(entry, RepoFile) and entry.path != ".gitattributes"
        }

    def is_uploaded(self) -> bool:
        """Whether the main branch holds the release and nothing else."""
        remote, local = self._listed(), self.files()
        return remote.keys() == local.keys() and all(
            remote[name] in ((path.stat().st_size, sha256_of(path)), _as_blob(path))
            for name, path in local.items()
        )

    def upload(self) -> None:
        """One commit: every file, and away with those of an earlier release."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        ours = self.files()
        adds = [CommitOperationAdd(name, path) for name, path in ours.items()]
        stale = [CommitOperationDelete(name) for name in self._listed() if name not in ours]
        with _hub_errors():
            self._client.create_commit(
                self._publication.address, [*adds, *stale], commit_message=self._publication.title
            )

    def _tag(self) -> tuple[str | None, str]:
        """Commit of the tag, and of the main branch."""
        with _hub_errors():
            refs = self._client.list_repo_refs(self._publication.address)
            main = str(self._client.repo_info(self._publication.address).sha)
        tags = {tag.name: tag.target_commit for tag in refs.tags}
        return tags.get(self._publication.tag), main

    def is_tagged(self) -> bool:
        """Whether the tag is there, on the commit of the main branch.

        Raises:
            ReleaseError: it is there on another commit.
        """
        tagged, main = self._tag()
        if tagged not in (None, main):
            raise moved(self._publication)
        return tagged is not None

    def set_tag(self) -> None:
        """Tag the main branch."""
        with _hub_errors():
            self._client.create_tag(
                self._publication.address,
                tag=self._publication.tag,
                tag_message=self._publication.title,
            )


def _as_blob(path: Path) -> tuple[int, str]:
    """Size and git's SHA-1 of a file."""
    content = path.read_bytes()
    head = f"blob {len(content)}\0".encode()
    return len(content), hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


@contextmanager
def _hub_errors() -> Iterator[None]:
    """Turn what the hub or the network says into a ReleaseError of one line."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except (HfHubHTTPError, httpx2.HTTPError, OSError, RuntimeError) as error:
        raise ReleaseError(f"the hub says: {str(error).strip().splitlines()[0]}") from None
