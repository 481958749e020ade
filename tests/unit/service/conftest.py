"""A running service on a folder of its own; jobs are the real commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra 'service' is not installed")
from starlette.testclient import TestClient

from abag.apps.service.api import make_app
from abag.apps.service.keys import Keys
from abag.apps.service.settings import ServiceSettings


class Asked:
    """A client of one user."""

    def __init__(self, client: TestClient, key: str | None = None) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, content: Any = None) -> Any:
        return self.client.post(path, json=content, headers=self.headers)

    def upload(self, name: str, content: bytes) -> str:
        answer = self.client.post(
            "/v1/files",
            params={"name": name},
            content=content,
            headers={**self.headers, "Content-Type": "application/octet-stream"},
        )
        assert answer.status_code == 201, answer.text
        ticket: str = answer.json()["id"]
        return ticket

    def finished(self, job: str, seconds: float = 240.0) -> dict[str, Any]:
        """The job once it is over."""
        for _ in range(int(seconds / 0.2)):
            found: dict[str, Any] = self.get(f"/v1/jobs/{job}").json()
            if found["state"] not in ("queued", "running"):
                return found
            time.sleep(0.2)
        raise AssertionError(f"job {job} did not end")


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    return ServiceSettings(data=tmp_path / "data", upload_megabytes=0.5)


@contextmanager
def serving(settings: ServiceSettings) -> Iterator[Asked]:
    with TestClient(make_app(settings), base_url="http://localhost") as client:
        yield Asked(client)


@pytest.fixture
def service(settings: ServiceSettings) -> Iterator[Asked]:
    with serving(settings) as asked:
        yield asked


@pytest.fixture(scope="session")
def serve() -> Callable[[ServiceSettings], AbstractContextManager[Asked]]:
    """A service of other settings."""
    return serving


@contextmanager
def serving_two(settings: ServiceSettings) -> Iterator[tuple[Asked, Asked, Asked]]:
    settings.data.mkdir()
    keys = Keys(settings.data)
    anna, bert = keys.new("anna"), keys.new("bert")
    with TestClient(make_app(settings), base_url="http://localhost") as client:
        yield Asked(client, anna), Asked(client, bert), Asked(client)


@pytest.fixture
def two_users(settings: ServiceSettings) -> Iterator[tuple[Asked, Asked, Asked]]:
    """Two users with keys, and somebody without."""
    with serving_two(settings) as users:
        yield users


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Somebody without a key, where others have one: all that he asks is refused."""
    with serving_two(ServiceSettings(data=tmp_path_factory.mktemp("keyed") / "data")) as users:
        yield users[2]
