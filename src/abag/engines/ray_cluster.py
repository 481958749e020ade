"""Ray core: tasks on the nodes of a cluster.

Tasks and not actors: a task that was lost with its worker or its node is run again by Ray, whatever
node it then gets, and nodes that come are used from the next task on. The module that does the
work keeps what it loaded, so a process of Ray's loads a model once.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from abag.engines.answers import THREADS, Answered, PieceResult, Work
from abag.errors import UnavailableError, installed

LOCAL: Final = "local"
"""Instead of an address: a cluster of this machine's cores, for the length of the work."""
_RETRIES: Final = 20
"""How often Ray runs a task again whose worker or node was lost."""
_IN_FLIGHT: Final = 2
"""Tasks a core that wait at Ray: the next piece is there when one is done, and an autoscaler sees
more work than cores."""
_LOOK_SECONDS: Final = 5.0


class RayCluster:
    """A cluster that stands: ``auto`` for that of this machine, or ``HOST:PORT``; or ``local``.

    ``cores`` and ``gpus`` are those that one piece takes.
    """

    def __init__(self, address: str = "auto", cores: float = 1.0, gpus: float = 0.0) -> None:
        self.address = address
        self.cores = cores
        self.gpus = gpus

    def answers(self, work: Work, pieces: Sequence[Any]) -> Iterator[Answered]:
        """Answers as they come; see :class:`abag.engines.Engine`."""
        with _connected(self.address) as ray:
            remote = ray.remote(do_remotely).options(
                num_cpus=self.cores,
                num_gpus=self.gpus,
                max_retries=_RETRIES,
                retry_exceptions=False,
            )
            shared = ray.put(work)
            waiting = iter(range(len(pieces)))
            running: dict[Any, int] = {}
            while True:
                for number in waiting:
                    running[remote.remote(shared, pieces[number])] = number
                    if len(running) >= self._most_in_flight(ray):
                        break
                if not running:
                    return
                finished, _ = ray.wait(list(running), num_returns=1, timeout=_LOOK_SECONDS)
                for reference in finished:
                    yield Answered(running.pop(reference), _result(ray, reference).unwrapped())

    def _most_in_flight(self, ray: Any) -> int:
        resources = ray.cluster_resources()
        at_once = float(resources.get("CPU", 1.0)) / self.cores
        if self.gpus:
            at_once = min(at_once, float(resources.get("GPU", 1.0)) / self.gpus)
        return max(2, int(_IN_FLIGHT * at_once))


def do_remotely(work: Work, piece: Any) -> PieceResult:
    """Do one piece in a worker of Ray's."""
    return PieceResult.of(work, piece)


def _result(ray: Any, reference: Any) -> PieceResult:
    try:
        result: PieceResult = ray.get(reference)
    except ray.exceptions.RayError as error:
        raise UnavailableError(
            f"Ray could not do a piece of the work after {_RETRIES} tries: {error}; look at its "
            "nodes with `ray status`, then call the same command again: it goes on from there"
        ) from None
    return result


def _require_listener(address: str) -> None:
    """Raise OSError where nobody listens at HOST:PORT; Ray itself would ask for a minute."""
    host, _, port = address.rpartition(":")
    if host and "//" not in address and port.isdigit():
        with socket.create_connection((host, int(port)), timeout=_LOOK_SECONDS):
            pass


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster; the connection ends with the block, a foreign cluster stays."""
    ray = installed("ray", "--ray needs the package ray; install it with: pip install 'abag[ray]'")
    # The job's environment sets the threads: what a task unpacks loads libraries before it runs.
    options = {
        "log_to_driver": False, "logging_level": "ERROR", "runtime_env": {"env_vars": THREADS},
    }  # fmt: skip
    connects = not ray.is_initialized()
    if connects:
        try:
            _require_listener(address)
            if address == LOCAL:
                ray.init(include_dashboard=False, **options)
            else:
                ray.init(address=address, **options)
        except (OSError, RuntimeError, ValueError) as error:
            raise UnavailableError(
                f"--ray {address}: no Ray cluster answers there ({str(error)[:200]}); start one "
                "with `ray start --head`, or give --ray local for this machine's cores"
            ) from None
    try:
        yield ray
    finally:
        if connects:
            ray.shutdown()
