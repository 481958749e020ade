"""A release on a hub that speaks the API of Hugging Face; by the real client.

The token comes from the client's own store or from ``HF_TOKEN``, never from an option.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from abag.errors import ReleaseError, UnavailableError

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def api(endpoint: str | None) -> HfApi:
    """The client; raises UnavailableError where it is not installed."""
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise UnavailableError(
            "publishing to and pulling from a hub needs its client: pip install 'abag[hub]'"
        ) from None
    return HfApi(endpoint=endpoint)


def download(
    repository: str, revision: str | None, target: Path, endpoint: str | None = None
) -> Path:
    """Every file of a revision (a tag, a version or a commit).

    Raises:
        ReleaseError: there is no such repository or revision, or nothing answers.
    """
    client = api(endpoint)
    from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

    asked = [revision, f"v{revision}"] if revision is not None else [None]
    for one in asked:
        try:
            client.snapshot_download(repository, revision=one, local_dir=target)
        except RevisionNotFoundError:
            continue
        except (HfHubHTTPError, OSError) as error:
            first = str(error).strip().splitlines()[0]
            raise ReleaseError(f"{repository} cannot be fetched: {first}") from None
        return target
    raise ReleaseError(f"{repository} has no revision {revision!r}")
