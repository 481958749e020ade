"""A process for each core of this machine.

Processes are started anew and not forked: the locks of a thread pool that stands before a fork are
never released after it. A process that ends (killed, out of memory) costs the piece that it had; it
is replaced, and the piece is done again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final

from abag.engines.answers import THREADS, Answered, PieceResult, Work
from abag.errors import OptionError, UnavailableError

if TYPE_CHECKING:
    from multiprocessing.context import SpawnContext

MOST_TRIES: Final = 3
"""A piece that ended so many processes is the cause, and is not tried again."""


class Processes:
    """``count`` processes, each with one thread."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise OptionError(f"--processes {count}: give the number of processes, 1 or more")
        self.count = count

    def answers(self, work: Work, pieces: Sequence[Any]) -> Iterator[Answered]:
        """Answers as they come; see :class:`abag.engines.Engine`."""
        context = multiprocessing.get_context("spawn")
        waiting = list(range(len(pieces)))[::-1]
        tries = dict.fromkeys(waiting, 0)
        workers: dict[Connection, _Worker] = {}
        try:
            while waiting or workers:
                while waiting and len(workers) < self.count:
                    worker = _Worker(context, work)
                    workers[worker.pipe] = worker
                    worker.take(waiting.pop(), pieces)
                for pipe in wait(list(workers)):
                    worker = workers[pipe]  # type: ignore[index]
                    result = worker.result()
                    if result is None:
                        del workers[worker.pipe]
                        waiting.append(_piece_to_retry(worker, tries))
                        continue
                    number = worker.number
                    if waiting:
                        worker.take(waiting.pop(), pieces)
                    else:
                        del workers[worker.pipe]
                        worker.dismiss()
                    yield Answered(number, result.unwrapped())
        finally:
            for worker in workers.values():
                worker.end()


def _piece_to_retry(worker: _Worker, tries: dict[int, int]) -> int:
    """The piece of a process that ended, unless it has ended too many."""
    worker.end()
    tries[worker.number] += 1
    if tries[worker.number] >= MOST_TRIES:
        raise UnavailableError(
            f"the process that worked on piece {worker.number + 1} ended {MOST_TRIES} times (exit "
            f"status {worker.process.exitcode}); most often memory is short: give fewer "
            "--processes, or smaller pieces"
        )
    return worker.number


class _Worker:
    """One process, and the pipe to it."""

    def __init__(self, context: SpawnContext, work: Work) -> None:
        self.pipe, worker_end = context.Pipe()
        self.number = -1
        self.process = context.Process(target=_serve, args=(worker_end, work), daemon=True)
        with _environment(THREADS):
            self.process.start()
        worker_end.close()

    def take(self, number: int, pieces: Sequence[Any]) -> None:
        """Give it the piece of this number; :meth:`result` notices where it has ended."""
        self.number = number
        with suppress(OSError):
            self.pipe.send(pieces[number])

    def result(self) -> PieceResult | None:
        """What it sends back for its piece; None where it has ended."""
        try:
            result: PieceResult = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return result

    def dismiss(self) -> None:
        """Let it end by itself: it has nothing to do."""
        self.pipe.close()
        self.process.join(timeout=5)
        self.end()

    def end(self) -> None:
        """End it now."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, work: Work) -> None:
    """The life of a worker: it ends when the other end of the pipe is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    with suppress(EOFError, OSError):
        while True:
            pipe.send(PieceResult.of(work, pipe.recv()))


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for processes that are started inside the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
