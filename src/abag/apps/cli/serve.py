"""``abag serve``: the page and the REST service."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.errors import UnavailableError


def serve(
    *,
    data: Path = Path("abag-data"),
    host: str = "127.0.0.1",
    port: int = 8000,
    jobs_at_once: int = 1,
    most_waiting: int = 50,
    job_minutes: float = 120.0,
    keep_days: float = 14.0,
    upload_megabytes: float = 32.0,
    body_seconds: float = 20.0,
    store_megabytes: float = 2048.0,
    requests_a_minute: int = 6_000,
    new_key: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Serve the page and the REST interface to browsers and programs.

    It listens on this machine alone; on another address it starts only when there is an API key
    (`--new-key NAME`). Put a proxy that speaks HTTPS before it.

    Args:
        data: Folder for jobs, uploads, models, campaigns and keys; back it up.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        jobs_at_once: Jobs that run at the same time.
        most_waiting: Waiting jobs of one user; more are refused.
        job_minutes: Longest run of one job, minutes.
        keep_days: Days that finished jobs are kept.
        upload_megabytes: Largest upload, megabytes.
        body_seconds: Seconds for headers to arrive, again for the body, one more for each 10 kB.
        store_megabytes: Files of one user, megabytes.
        requests_a_minute: Requests of one user a minute.
        new_key: Make an API key for a user of this name, print it once, and do not serve.
        json: Print one JSON object with the address (or the key), then serve.
    """
    try:
        from abag.apps.service.server import make_key, run_service
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "uvicorn", "starlette"):
            raise
        needs = f"the service needs the package {error.name}: pip install 'abag[service]'"
        raise UnavailableError(needs) from None
    if new_key is not None:
        _show_key(new_key, make_key(data, new_key), json)
        return

    def tell(address: str) -> None:
        emit({"address": address}, f"abag is at {address} (stop with Ctrl-C)", json)
        sys.stdout.flush()

    run_service(
        {
            "data": data, "host": host, "port": port, "jobs_at_once": jobs_at_once,
            "most_waiting": most_waiting, "job_minutes": job_minutes, "keep_days": keep_days,
            "upload_megabytes": upload_megabytes, "store_megabytes": store_megabytes,
            "body_seconds": body_seconds, "requests_a_minute": requests_a_minute,
        },
        tell,
    )  # fmt: skip


def _show_key(name: str, key: str, json: bool) -> None:
    text = f"The key of {name} (it is shown this once):\n{key}"
    emit({"name": name, "key": key}, text, json)
