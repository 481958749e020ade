"""The processor's mode during a search: set for its time, in its thread, and without effect."""

from __future__ import annotations

import contextlib
import platform
import sys
import threading

import pytest

from abag.antibody.numbering import clear_cache, number_chains, search
from abag.antibody.numbering.search import flushing_to_zero

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAED"
    "TAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQ"
    "HYTTPPTFGQGTKVEIK"
)
CHAINS = [HEAVY, LIGHT, HEAVY + "GGGGSGGGGSGGGGS" + LIGHT, HEAVY[:60] + HEAVY[66:], HEAVY * 2]

on_linux_x86 = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc",
    reason="the mode is set on Linux on x86-64 with the GNU C library only",
)


def flushes_to_zero() -> bool:
    """Whether this thread flushes subnormal numbers to zero."""
    return sys.float_info.min / 2.0 == 0.0


@on_linux_x86
def test_subnormal_numbers_are_zero_inside_and_come_back_behind():
    with flushing_to_zero():
        assert flushes_to_zero()
        with flushing_to_zero():
            assert flushes_to_zero()
        assert flushes_to_zero()
    assert not flushes_to_zero()
    assert sys.float_info.min / 2.0 > 0.0


@on_linux_x86
def test_an_error_inside_restores_the_mode():
    with contextlib.suppress(ValueError), flushing_to_zero():
        raise ValueError
    assert not flushes_to_zero()


@on_linux_x86
def test_numbering_leaves_the_mode_as_it_was_and_tells_the_same_without_it(
    monkeypatch: pytest.MonkeyPatch,
):
    before = flushes_to_zero()
    clear_cache()
    quick = number_chains(CHAINS)
    assert flushes_to_zero() is before
    clear_cache()
    monkeypatch.setattr(search, "flushing_to_zero", contextlib.nullcontext)
    assert number_chains(CHAINS) == quick
    clear_cache()


@on_linux_x86
def test_the_mode_of_other_threads_stays_as_it_is():
    go, seen = threading.Event(), []

    def look() -> None:
        go.wait(10.0)
        seen.append(flushes_to_zero())

    other = threading.Thread(target=look)
    other.start()
    with flushing_to_zero():
        go.set()
        other.join()
    assert seen == [False]
