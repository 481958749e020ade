"""What engines are given, what they give, and how a fault of the user's travels between them."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from abag import errors
from abag.errors import AbagError

_LIBRARIES: Final = ("OMP", "MKL", "OPENBLAS")
THREADS: Final = {f"{name}_NUM_THREADS": "1" for name in _LIBRARIES} | {"POLARS_MAX_THREADS": "1"}
"""Environment of a worker: one thread, since there is a worker for each core."""


@dataclass(frozen=True, slots=True)
class Work:
    """A function of a module, as ``package.module:name``, and the first argument of every call.

    ``shared`` goes to each worker once; pieces and answers are small and go to and fro. All three
    are plain values or classes of this package.
    """

    function: str
    shared: Any

    def do(self, piece: Any) -> Any:
        """Call the function here and now."""
        module, _, name = self.function.partition(":")
        return getattr(importlib.import_module(module), name)(self.shared, piece)


class Answered(NamedTuple):
    """The answer to one piece."""

    number: int
    """Of the piece."""
    answer: Any


class Engine(Protocol):
    """What does the pieces; every one of them is answered exactly once."""

    def answers(self, work: Work, pieces: Sequence[Any]) -> Iterator[Answered]:
        """Answers in the order in which they come.

        Raises:
            AbagError: what a piece raised, or UnavailableError where workers end again and again.
        """


class Here:
    """Everything in this process, piece by piece."""

    def answers(self, work: Work, pieces: Sequence[Any]) -> Iterator[Answered]:
        """Answers in the order of the pieces."""
        for number, piece in enumerate(pieces):
            yield Answered(number, work.do(piece))


class PieceResult(NamedTuple):
    """What a worker sends back for one piece: its answer, or the error that was raised."""

    answer: Any
    kind: str = ""
    """Name of the error's class among those of abag, empty without one."""
    message: str = ""

    @classmethod
    def of(cls, work: Work, piece: Any) -> PieceResult:
        """Do a piece; no exception leaves this."""
        try:
            return cls(work.do(piece))
        except AbagError as error:
            return cls(None, type(error).__name__, str(error))
        except Exception:
            return cls(None, "RuntimeError", traceback.format_exc())

    def unwrapped(self) -> Any:
        """The answer; raises what the worker met, its message kept."""
        if not self.kind:
            return self.answer
        kind = getattr(errors, self.kind, RuntimeError)
        raise (errors.FileFormatError if kind is errors.TableError else kind)(self.message)
