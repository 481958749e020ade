"""Connections that wait: a request whose headers do not come takes no place from others.

uvicorn limits how long a connection may rest between two requests, and nothing before the first
nor while headers arrive. Here both have the time of a body, and where all places are taken the
connection that has waited longest makes room for a new one.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS: Final = 500
"""Well below the 1,024 open files that a process may have by default."""
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PromptProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with an end to waiting for the headers of a request."""

    seconds: ClassVar[float] = 20.0
    """How long the headers of a request may take from their first byte, or from the connection."""
    _due: asyncio.TimerHandle | None = None

    @classmethod
    def within(cls, seconds: float) -> type[PromptProtocol]:
        """The protocol with another limit."""
        return type(cls.__name__, (cls,), {"seconds": seconds})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait; with too many connections the one that waits longest is closed."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._due = self.loop.call_later(self.seconds, self._end_waiting)
        if len(self.connections) > MOST_CONNECTIONS:
            waiting = [
                peer
                for peer in self.connections
                if isinstance(peer, PromptProtocol) and peer is not self and peer.is_waiting
            ]
            if waiting:
                min(waiting, key=lambda peer: peer._since)._end_waiting()

    def data_received(self, data: bytes) -> None:
        """Read on; the clock stops when all headers are there, and starts with the next ones."""
        super().data_received(data)
        if not self.is_waiting:
            self._stop_clock()
        elif self._due is None:
            self._due = self.loop.call_later(self.seconds, self._end_waiting)

    def on_response_complete(self) -> None:
        """From here on the connection waits for its next request."""
        self._since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is waited for."""
        self._stop_clock()
        super().connection_lost(exc)

    @property
    def is_waiting(self) -> bool:
        """Whether no request is being answered or received whole."""
        return self.conn.their_state is h11.IDLE

    def _stop_clock(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _end_waiting(self) -> None:
        self._stop_clock()
        if not self.transport.is_closing():
            self.transport.write(_TOO_SLOW)
            self.transport.close()
        # Counted out now: the line may take a while to close.
        self.connections.discard(self)
