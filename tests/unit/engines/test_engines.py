"""Engines answer every piece once; a process that ends costs its piece, which is done again."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from abag.engines import Engine, Here, Processes, RayCluster, Work, WorkPlace
from abag.errors import OptionError, UnavailableError

PIECES = [3, 1, 4, 1, 5]


def squared(shared: Path, piece: int) -> int:
    return piece * piece


def squared_at_the_second_try(shared: str, piece: int) -> int:
    """Ends its process when it meets 4 for the first time."""
    mark = Path(shared) / "met"
    if piece == 4 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return piece * piece


def ends_its_process(shared: None, piece: int) -> int:
    os._exit(9)


def refuses(shared: None, piece: int) -> int:
    raise OptionError(f"{piece} is refused")


def breaks(shared: None, piece: int) -> float:
    return piece / 0


def answers(engine: Engine, function: str, shared: Any = None) -> dict[int, Any]:
    found = list(engine.answers(Work(f"test_engines:{function}", shared), PIECES))
    assert len(found) == len({place for place, _ in found})
    return dict(found)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(here)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))


@pytest.mark.parametrize("engine", [Here(), Processes(2)], ids=["here", "processes"])
def test_every_piece_is_answered_once(engine: Engine):
    assert answers(engine, "squared") == {i: one * one for i, one in enumerate(PIECES)}


def test_a_process_that_is_killed_costs_nothing_but_time(tmp_path: Path):
    found = answers(Processes(2), "squared_at_the_second_try", str(tmp_path))
    assert (tmp_path / "met").exists()
    assert found == {i: one * one for i, one in enumerate(PIECES)}


def test_a_piece_that_ends_every_process_is_named():
    with pytest.raises(UnavailableError, match="ended 3 times"):
        answers(Processes(1), "ends_its_process")


@pytest.mark.parametrize("engine", [Here(), Processes(1)], ids=["here", "processes"])
def test_what_the_user_did_wrong_arrives_as_it_was_raised(engine: Engine):
    with pytest.raises(OptionError, match="3 is refused"):
        answers(engine, "refuses")


def test_a_defect_arrives_with_its_trace():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        answers(Processes(1), "breaks")


def test_a_cluster_that_does_not_answer_is_told_at_once():
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnavailableError, match=f"--ray 127.0.0.1:{port}: no Ray cluster answers"):
        answers(RayCluster(f"127.0.0.1:{port}"), "squared")


def test_an_engine_is_chosen_by_its_options():
    assert isinstance(WorkPlace().engine(), Here)
    assert isinstance(WorkPlace(processes=1).engine(every_core=True), Here)
    assert isinstance(WorkPlace(processes=3).engine(), Processes)
    assert isinstance(WorkPlace(ray="auto").engine(), RayCluster)
    with pytest.raises(OptionError, match="not both"):
        WorkPlace(processes=2, ray="auto").engine()
    with pytest.raises(OptionError, match="--processes 0"):
        WorkPlace(processes=0).engine()
