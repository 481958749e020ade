"""A saved state brings back everything that steers the rest of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from abag.errors import FileFormatError
from abag.files import read_tensors, write_tensors
from abag.model.network.network import make_network
from abag.training.engine.checkpoint import STATE, NetworkState
from abag.training.run import first_state
from synthetic_runs import tiny_recipe

RECIPE = tiny_recipe("schedule.patience=1", "schedule.factor=0.5", name="v2.7")
RUN = {"recipe": "r", "table_sha256": "t", "split_digest": "s", "part": "p", "encoders": "e"}


def fresh_state() -> NetworkState:
    return first_state(make_network(RECIPE.network, 6, 6, seed=1), RECIPE)


def epoch(number: int, **changed: Any) -> dict[str, Any]:
    healthy = {
        "epoch": number, "train_loss": 1.0, "val_loss": 1.2, "prediction_sd": 1.0,
        "label_sd": 1.2, "distinct_share": 1.0, "recall_strong": 0.6,
    }  # fmt: skip
    return {**healthy, **changed}


@pytest.fixture
def stopped(tmp_path: Path) -> NetworkState:
    """A run whose rate was lowered once, which waits for a gain and has warned of a fault."""
    state = fresh_state()
    for value in (0.5, 0.4, 0.4, 0.4):
        state.plateau.epoch(value)
    for number in range(1, 6):
        state.monitor.epoch(epoch(number))
    assert "overfit" in state.monitor.epoch(epoch(6, val_loss=9.0))[0]
    STATE.write(tmp_path, state, RUN)
    return state


def test_the_plateau_rule_goes_on_where_it_stood(stopped: NetworkState, tmp_path: Path) -> None:
    resumed = fresh_state()
    STATE.read(tmp_path, RUN, resumed.restore)
    assert (resumed.plateau.reductions, resumed.plateau.best) == (1, 0.5)
    for state in (stopped, resumed):
        state.plateau.epoch(0.45)
    assert resumed.plateau.reductions == stopped.plateau.reductions == 2


def test_the_monitor_remembers_its_warnings_and_epochs(
    stopped: NetworkState, tmp_path: Path
) -> None:
    resumed = fresh_state()
    STATE.read(tmp_path, RUN, resumed.restore)
    assert resumed.monitor.epoch(epoch(7, val_loss=9.0)) == []  # it has warned of that already
    stopped.monitor.epoch(epoch(7, val_loss=9.0))
    assert resumed.monitor.verdict() == stopped.monitor.verdict()
    assert len(resumed.monitor.rows) == 7


def test_a_flipped_byte_and_another_format_are_refused(
    stopped: NetworkState, tmp_path: Path
) -> None:
    path = tmp_path / STATE.last
    whole, (tensors, said) = path.read_bytes(), read_tensors(path)
    path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    with pytest.raises(FileFormatError, match="another digest"):
        STATE.read(tmp_path, RUN, stopped.restore)
    write_tensors(path, tensors, {**said, "format": "99"})
    with pytest.raises(FileFormatError, match="no training state of this abag"):
        STATE.read(tmp_path, RUN, stopped.restore)
    write_tensors(path, tensors, said)
    with pytest.raises(FileFormatError, match="another data table"):
        STATE.read(tmp_path, {**RUN, "table_sha256": "other"}, stopped.restore)
