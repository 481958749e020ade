"""Start the service on an address, with one writer for one data folder."""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import uvicorn
from pydantic import ValidationError

from abag.apps.service.api import make_app
from abag.apps.service.connections import MOST_CONNECTIONS, PromptProtocol
from abag.apps.service.keys import Keys
from abag.apps.service.settings import ServiceSettings
from abag.errors import OptionError
from abag.files import LOCK, hold, make_folder

_ARENA_MAX: Final = -8
"""``M_ARENA_MAX`` of glibc's ``malloc.h``."""


def make_key(data: Path, name: str) -> str:
    """Make a key for a new user; raises OptionError."""
    make_folder(data)
    return Keys(data).new(name)


def run_service(values: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Serve until the process is told to stop; ``tell`` is given the address once it listens.

    Raises:
        OptionError: a value is out of range, the address cannot be had, or it can be reached by
            others and there is no key.
        BusyError: another service has the data folder.
    """
    try:
        settings = ServiceSettings.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            f"--{str(fault['loc'][0]).replace('_', '-')}: {fault['msg']}"
            for fault in error.errors()
        )
        raise OptionError(faults) from None
    make_folder(settings.data)
    _share_memory_of_threads()
    with hold(settings.data / LOCK, settings.data, "served"):
        app = make_app(settings)
        with _listening(settings) as listener:
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            tell(f"http://{host}:{listener.getsockname()[1]}/")
            config = uvicorn.Config(
                app, http=PromptProtocol.within(settings.body_seconds), log_level="warning",
                access_log=False, server_header=False, timeout_keep_alive=15,
                timeout_graceful_shutdown=5, limit_concurrency=MOST_CONNECTIONS + 1,
                proxy_headers=False,
            )  # fmt: skip
            uvicorn.Server(config).run(sockets=[listener])


def _share_memory_of_threads() -> None:
    """Two heaps for all threads, where the C library is glibc.

    Of its own accord it makes up to eight a core, and each grows to what one prediction takes:
    over thousands of requests memory seems to leak.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_ARENA_MAX, 2)


def _listening(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named as TCP, so that the loop sends small answers at once: else the rest of an answer waits
    # for the client to acknowledge its head, 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise OptionError(
            f"--host {settings.host} --port {settings.port}: {error.strerror}; take another port"
        ) from None
    return listener
