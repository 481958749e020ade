"""Somebody who means harm: everything is refused early, or does nothing."""

from __future__ import annotations

import asyncio
import gzip
import io
import socket
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from abag.apps.service.api import make_app
from abag.apps.service.jobs import JobStore
from abag.apps.service.problems import without_folders
from abag.apps.service.settings import ServiceSettings
from served_page import ANTIGEN, HEAVY, LIGHT, Running

SCRIPT = "<script>alert(1)</script>"
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    service = Running(tmp_path_factory.mktemp("attacked") / "data")
    yield service
    service.stop()


def connected(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=60)


def head(length: int | None) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"POST /v1/files?name=a.csv HTTP/1.1\r\nHost: localhost\r\n{size}\r\n"
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    ["/v1/jobs", "/v1/jobs/x", "/v1/models", "/v1/campaigns/x", "/v1/predict", "/v1/nowhere"],
)
def test_without_a_key_every_door_is_closed(nobody, method, path):
    for headers in ({}, {"Authorization": "Bearer abag_no"}, {"Authorization": "Basic YTpi"}):
        answer = nobody.client.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["title"] == "no valid key"
    assert "access-control-allow-origin" not in answer.headers


def test_another_user_cannot_reach_anything_of_mine_by_any_request(two_users, settings):
    anna, bert, _ = two_users
    ticket = anna.upload("pairs.csv", b"heavy,antigen\n")
    job = anna.post("/v1/jobs/predict-table", {"file": ticket}).json()["id"]
    for kind in ("models", "campaigns"):
        (settings.data / "users" / "anna" / kind / "mine").mkdir(parents=True)
    pair = {"heavy": HEAVY, "light": LIGHT, "antigen": [ANTIGEN], "model": "mine"}
    asked = {
        "/v1/predict": pair,
        "/v1/columns": {"file": ticket},
        "/v1/jobs/propose": {"model": "mine"},
        "/v1/jobs/campaign-plate": {"campaign": "mine"},
        "/v1/jobs/order": {"campaign": "mine"},
        "/v1/jobs/scan": {"campaign": "mine"},
        "/v1/jobs/adapt": {"file": ticket, "name": "own"},
        f"/v1/jobs/{job}/cancel": None,
    }
    assert {
        path: bert.post(path, body).status_code for path, body in asked.items()
    } == dict.fromkeys(asked, 404)
    assert bert.client.delete(f"/v1/jobs/{job}", headers=bert.headers).status_code == 404
    assert bert.get("/v1/campaigns").json() == []


@pytest.mark.parametrize(
    "name", ["../../x.csv", "/etc/x", "a/../b", "..", "a\\..\\b", "a\x00", "%2e%2e/x"]
)
def test_a_path_in_the_name_of_an_upload_is_refused(service, settings, name):
    answer = service.client.post("/v1/files", params={"name": name}, content=b"x", headers=OCTETS)
    assert answer.status_code == 422
    assert not list(settings.data.rglob("x*"))


def test_a_script_in_a_name_comes_back_as_data_and_never_as_a_page(service):
    asked = {
        "/v1/files?name=" + SCRIPT: None,
        "/v1/jobs/adapt": {"file": SCRIPT, "name": SCRIPT},
        "/v1/jobs/campaign-plate": {"campaign": SCRIPT},
        "/v1/predict": {"heavy": SCRIPT},
        "/v1/number": {"sequence": [SCRIPT + HEAVY]},
        "/v1/columns": {"file": SCRIPT},
    }
    for path, body in asked.items():
        answer = service.post(path, body)
        assert answer.status_code < 500
        assert answer.headers["content-type"].split(";")[0].endswith("json")
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in (f"/v1/jobs/{SCRIPT}", f"/v1/campaigns/{SCRIPT}", f"/{SCRIPT}"):
        assert service.get(path).headers["content-type"] == "application/problem+json"


def test_a_gigabyte_is_refused_before_it_is_sent(running):
    with connected(running) as link:
        link.sendall(head(2**30))
        assert link.recv(64).startswith(b"HTTP/1.1 413")


def test_a_gigabyte_whose_length_is_not_said_is_cut_off_at_the_limit(running):
    piece = b"100000\r\n" + b"A" * 2**20 + b"\r\n"
    sent = 0
    with connected(running) as link:
        link.sendall(head(None))
        try:
            for _ in range(1024):
                link.sendall(piece)
                sent += 2**20
        except OSError:
            pass  # the service closed the line
    assert sent < 64 * 2**20  # the limit is 32 megabytes; some wait in the buffers of the line


def test_bodies_that_come_slowly_keep_nobody_waiting(running):
    links = [connected(running) for _ in range(60)]
    for link in links:
        link.sendall(head(1000) + b"A")
    with connected(running) as other:
        other.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert other.recv(64).startswith(b"HTTP/1.1 200")
    for link in links:
        link.close()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory):
    """A service that waits a second for the headers of a request."""
    service = Running(tmp_path_factory.mktemp("hasty") / "data", "--body-seconds", "1")
    yield service
    service.stop()


@pytest.mark.parametrize("first", [b"", head(10)], ids=["at once", "after a whole request"])
def test_headers_that_come_a_byte_at_a_time_end_the_connection(hasty: Running, first: bytes):
    """Each byte comes in time, and all of them never do."""
    with connected(hasty) as link:
        if first:
            link.sendall(first + b"A" * 10)
            assert link.recv(64).startswith(b"HTTP/1.1 201")
        said = b""
        with suppress(ConnectionError):
            link.settimeout(0.05)
            for one in b"GET /v1/jobs HTTP/1.1\r\nX: " + b"a" * 400:
                link.sendall(bytes([one]))
                with suppress(TimeoutError):
                    piece = link.recv(4096)
                    said += piece
                    if not piece:
                        break
    assert b"HTTP/1.1 408" in said


def test_a_connection_that_says_nothing_is_closed(hasty: Running):
    with connected(hasty) as link:
        assert link.recv(64).startswith(b"HTTP/1.1 408")
        while link.recv(64):
            pass


def test_connections_that_say_nothing_leave_room_for_others(running: Running):
    """More of them than the service has places."""
    links = [connected(running) for _ in range(700)]
    try:
        for link in links:
            with suppress(OSError):
                link.sendall(b"GET /v1/jobs HTTP/1.1\r\nX: a")
        with connected(running) as other:
            other.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert other.recv(64).startswith(b"HTTP/1.1 200")
    finally:
        for link in links:
            link.close()


@pytest.mark.parametrize("pieces", [0, 3], ids=["nothing", "a byte now and then"])
def test_a_body_that_does_not_come_ends_its_request(tmp_path: Path, pieces: int):
    answers = asyncio.run(slow_request(tmp_path, pieces))
    assert [one["status"] for one in answers if one["type"] == "http.response.start"] == [408]
    assert b"too slowly" in answers[-1]["body"]


async def slow_request(data: Path, pieces: int) -> list[dict[str, Any]]:
    """What the service answers where a body of a few pieces never ends."""
    left, answers = [b"A"] * pieces, []

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": left.pop(), "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    settings = ServiceSettings(data=data, body_seconds=0.1)
    scope = {
        "type": "http", "method": "POST", "path": "/v1/files", "query_string": b"name=a.csv",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/octet-stream")],
        "http_version": "1.1", "scheme": "http", "root_path": "", "raw_path": b"/v1/files",
    }  # fmt: skip
    app = make_app(settings)
    await asyncio.wait_for(app(scope, receive, send), 20)
    return answers


def bomb(name: str) -> bytes:
    """A small file that unpacks to 150 megabytes."""
    content = b"heavy," * 25_000_000
    if name.endswith(".gz"):
        return gzip.compress(content, 1, mtime=0)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        made.writestr("xl/worksheets/sheet1.xml", content)
    return packed.getvalue()


@pytest.mark.parametrize("name", ["bomb.xlsx", "bomb.csv.gz"])
def test_a_bomb_is_refused_with_a_reason_that_names_it(service, settings, name):
    ticket = service.upload("small.csv", b"heavy\n")
    path = settings.data / "users" / "local" / "uploads" / ticket / "small.csv"
    path.rename(path.with_name(name)).write_bytes(bomb(name))
    answer = service.post("/v1/columns", {"file": ticket})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(name)


def test_ten_thousand_jobs_are_refused_but_for_those_that_may_wait(tmp_path: Path):
    from abag.errors import OptionError

    store = JobStore(tmp_path / "jobs.sqlite")
    refused = 0
    for _ in range(10_000):
        try:
            store.add("anna", "scan", {}, most_waiting=50)
        except OptionError:
            refused += 1
    assert refused == 9_950
    assert len(store.all_of("anna")) == 50


def test_ten_thousand_finished_jobs_are_listed_in_part(tmp_path: Path):
    store = JobStore(tmp_path / "jobs.sqlite")
    rows = [(f"job{i}", "anna", "scan", "{}", "done", float(i)) for i in range(10_000)]
    store._connection.execute("begin")
    store._connection.executemany(
        "insert into jobs (id, user, kind, request, state, created) values (?,?,?,?,?,?)", rows
    )
    store._connection.execute("commit")
    assert len(store.all_of("anna")) == 200
    assert store.take() is None


def test_a_message_tells_no_folder_of_the_machine(service, settings):
    ticket = service.upload("odd.parquet", b"PAR1 and nothing")
    answer = service.post("/v1/columns", {"file": ticket})
    assert answer.status_code == 422
    assert str(settings.data) not in answer.text
    assert without_folders(f"{settings.data}/a/b.csv: no", settings.data) == "b.csv: no"
