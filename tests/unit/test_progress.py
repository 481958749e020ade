"""Progress stays out of the way: nothing on standard output, and bars may stand inside bars."""

from __future__ import annotations

import pytest

from abag.progress import hidden, silence, task, track


def test_a_task_inside_a_task_is_shown_below_it(capsys: pytest.CaptureFixture[str]):
    done = []
    with task("outer", total=2) as outer:
        for _ in range(2):
            done += list(track([1, 2, 3], "inner"))
            outer.advance()
    assert done == [1, 2, 3, 1, 2, 3]
    assert capsys.readouterr().out == ""


def test_an_error_inside_a_task_leaves_no_bar_behind():
    with pytest.raises(RuntimeError), task("fails", total=1):
        raise RuntimeError
    with task("works", total=1) as bar:
        bar.advance()


def test_silence_says_nothing_at_all(capsys: pytest.CaptureFixture[str]):
    silence()
    try:
        assert list(track("ab", "quiet")) == ["a", "b"]
    finally:
        silence(False)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_what_is_hidden_shows_no_lines_and_leaves_the_outer_bar(
    capsys: pytest.CaptureFixture[str],
):
    with task("outer", total=2) as outer:
        capsys.readouterr()
        with hidden(), task("inner", total=1) as inner:
            inner.advance()
        assert capsys.readouterr().err == ""
        outer.advance()
    with task("again", total=1):
        assert "again" in capsys.readouterr().err
