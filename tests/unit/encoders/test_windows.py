from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abag.encoders.adapters.windows import Window, segments, windows
from abag.encoders.input_rules import RULES
from abag.encoders.protocol import LongChain, Molecule, Role
from abag.errors import SequenceError


def test_what_fits_is_one_window():
    assert windows(10, 10) == [Window(0, 10, 0, 10)]


def test_one_residue_too_many_gives_two_windows_cut_in_the_middle_of_their_overlap():
    # 101 residues, limit 100: windows 0-100 and 1-101 share 1-100, whose middle is 50.
    assert windows(101, 100) == [Window(0, 100, 0, 50), Window(1, 101, 50, 101)]


def test_windows_of_a_spike_chain_worked_out_by_hand():
    # 1,273 residues, limit 1,022, overlap 128: two windows; they share 251 to 1,022.
    assert windows(1273, 1022) == [Window(0, 1022, 0, 636), Window(251, 1273, 636, 1273)]


@given(st.integers(1, 3000), st.integers(4, 300), st.integers(0, 200))
def test_kept_ranges_cover_the_chain_once_and_lie_away_from_cut_edges(length, limit, overlap):
    parts = windows(length, limit, overlap)
    assert [i for p in parts for i in range(p.first, p.last)] == list(range(length))
    shared = min(overlap, limit // 4)
    for part in parts:
        assert 0 <= part.start <= part.first <= part.last <= part.stop <= length
        assert part.stop - part.start == min(limit, length)
        assert part.start == 0 or part.first - part.start >= shared // 2
        assert part.stop == length or part.stop - part.last >= shared // 2


def test_a_pair_that_does_not_fit_goes_in_chain_by_chain():
    molecule = Molecule(Role.ANTIBODY, ("A" * 30, "C" * 50))
    parts = segments(molecule, RULES["spaced-t5-pair"], 60, LongChain.WINDOWS)
    assert [(p.chains, p.light, p.windowed) for p in parts] == [
        (("A" * 30,), False, True),
        (("C" * 50,), True, True),
    ]
    with pytest.raises(SequenceError, match="an antibody of 80 residues is longer than the 60"):
        segments(molecule, RULES["spaced-t5-pair"], 60, LongChain.REFUSE)


def test_the_limit_of_an_unpaired_model_counts_for_each_chain():
    molecule = Molecule(Role.ANTIBODY, ("A" * 30, "C" * 50))
    parts = segments(molecule, RULES["plain"], 60, LongChain.REFUSE)
    assert [p.chains for p in parts] == [("A" * 30,), ("C" * 50,)]
    assert not any(p.windowed for p in parts)
