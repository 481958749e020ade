"""Flush-to-zero arithmetic while HMMER searches.

HMMER's vector code underflows by design and expects its processes to flush subnormal numbers to
zero. pyhmmer leaves the processor's mode alone, and most of a search then goes into arithmetic on
numbers below 1e-38: it takes eight times as long, for the same alignments.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

_FLUSH: Final = 1 << 15
"""Bit FTZ of the control register MXCSR."""
_MASKS: Final = 0x1F80
"""Its bits that mask exceptions; all are set unless somebody asked for traps."""


class _Environment(ctypes.Structure):
    """``fenv_t`` of the GNU C library on x86-64: 28 bytes for the x87 unit, then MXCSR."""

    _fields_ = (("x87", ctypes.c_uint32 * 7), ("mxcsr", ctypes.c_uint32))


@contextmanager
def flushing_to_zero() -> Iterator[None]:
    """Flush subnormal numbers to zero in this thread, and restore its mode afterwards.

    Does nothing where the mode is set already, or on another platform than Linux on x86-64 with
    the GNU C library: the search is then right, and slow.
    """
    functions = _functions()
    before, during = _Environment(), _Environment()
    if functions is None or functions[0](ctypes.byref(before)) or before.mxcsr & _FLUSH:
        yield
        return
    get, put = functions
    get(ctypes.byref(during))
    during.mxcsr |= _FLUSH
    put(ctypes.byref(during))
    try:
        yield
    finally:
        put(ctypes.byref(before))


@cache
def _functions() -> tuple[Callable[[Any], int], Callable[[Any], int]] | None:
    """``fegetenv`` and ``fesetenv`` where :class:`_Environment` is what they read and write."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    if platform.libc_ver()[0] != "glibc":
        return None
    try:
        library = ctypes.CDLL("libm.so.6")
        get, put = library.fegetenv, library.fesetenv
    except (OSError, AttributeError):
        return None
    # Larger than any fenv_t: a library that writes more must not write over something else.
    probe = (ctypes.c_uint32 * 64)()
    sane = get(ctypes.byref(probe)) == 0 and probe[7] & _MASKS == _MASKS and not any(probe[8:])
    return (get, put) if sane else None
