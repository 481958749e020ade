"""What every request passes before anything reads it: key, rate, size, and the headers after.

Written as bare ASGI, so that a body is counted while it arrives and never held.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.exceptions import HTTPException

from abag.apps.service.keys import LOCAL_USER, Keys
from abag.apps.service.problems import problem
from abag.apps.service.settings import ServiceSettings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]
_OPEN: Final = ("/", "/health", "/openapi.json")
_WINDOW_SECONDS: Final = 60.0
_MOST_CLIENTS: Final = 10_000
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_SLOWEST_BYTES_A_SECOND: Final = 10_000.0


class BodyError(HTTPException):
    """A body over the limit, or slower than a body may be, seen while it arrives."""


class Guard:
    """Asks for the key, counts requests and bytes, adds the headers."""

    def __init__(self, app: AsgiApp, settings: ServiceSettings, keys: Keys) -> None:
        self._app, self._settings, self._keys = app, settings, keys
        self._request_times: dict[str, deque[float]] = defaultdict(deque)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with what is wrong."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        user = self._user(scope)
        if self._settings.is_local and _host(scope) not in _LOCAL_NAMES:
            # A page of another site whose name was made to lead here (DNS rebinding).
            refused_host = problem(421, "not this host", "ask it as localhost or 127.0.0.1")
            await refused_host(scope, receive, _with_headers(send))
            return
        is_open = scope["path"] in _OPEN or scope["path"].startswith("/page/")
        refused = None
        if user is None and not is_open:
            refused = problem(401, "no valid key", "send the header `Authorization: Bearer KEY`")
        elif not self._within_rate(user or str((scope.get("client") or ("?",))[0])):
            refused = problem(429, "too many requests", "wait a little and ask again")
        elif _declared_bytes(scope) > self._settings.upload_bytes:
            refused = problem(413, "too large", self._limit())
        if refused is not None:
            await refused(scope, receive, _with_headers(send))
            return
        scope.setdefault("state", {})["user"] = user
        await self._answer_within_limits(scope, receive, _with_headers(send))

    async def _answer_within_limits(self, scope: Message, receive: Receive, send: Send) -> None:
        """Run the application; a body over the limit, or that does not come, ends the request."""
        body_bytes, complete, started, begun = 0, False, False, time.monotonic()

        async def next_message() -> Message:
            due = self._settings.body_seconds + body_bytes / _SLOWEST_BYTES_A_SECOND
            try:
                async with asyncio.timeout(begun + due - time.monotonic()):
                    return await receive()
            except TimeoutError:
                raise BodyError(408, "the body came too slowly; send it again") from None

        async def counted() -> Message:
            nonlocal body_bytes, complete
            message = await (receive() if complete else next_message())
            body_bytes += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if body_bytes > self._settings.upload_bytes:
                raise BodyError(413, self._limit())
            return message

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, send_and_note)
        except BodyError as error:
            if not started:
                status = error.status_code
                title = "too slow" if status == 408 else "too large"
                await problem(status, title, error.detail)(scope, receive, send)

    def _limit(self) -> str:
        return f"a request holds at most {self._settings.upload_megabytes:g} megabytes"

    def _user(self, scope: Message) -> str | None:
        if not len(self._keys):
            return LOCAL_USER
        kind, _, key = _header(scope, b"authorization").partition(" ")
        return self._keys.user_of(key.strip()) if kind.lower() == "bearer" else None

    def _within_rate(self, who: str) -> bool:
        now = time.monotonic()
        if len(self._request_times) > _MOST_CLIENTS:
            self._request_times.clear()
        moments = self._request_times[who]
        while moments and moments[0] < now - _WINDOW_SECONDS:
            moments.popleft()
        if len(moments) >= self._settings.requests_a_minute:
            return False
        moments.append(now)
        return True


def _header(scope: Message, name: bytes) -> str:
    return next((value.decode("latin-1") for field, value in scope["headers"] if field == name), "")


def _host(scope: Message) -> str:
    text = _header(scope, b"host")
    return text if text.endswith("]") else text.rpartition(":")[0] or text


def _declared_bytes(scope: Message) -> int:
    length = _header(scope, b"content-length")
    return int(length) if length.isdecimal() else 0


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *HEADERS]
        await send(message)

    return wrapped
