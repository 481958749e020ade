"""Two processes of `torchrun` give the weights of one process for the same rows a step."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")

from safetensors.numpy import load_file

from abag.errors import OptionError
from abag.training.engine.world import World
from abag.training.run import resume, train
from synthetic_runs import QUIET, encoders, tiny_recipe, write_inputs

SCRIPT = """
import json, os, sys
from pathlib import Path
from dataclasses import replace
import scipy.stats
import torch._dynamo
import abag.training.finish
from abag.training.run import resume, train
from abag.training.setup import Sources
from synthetic_runs import QUIET, encoders, tiny_recipe
# Each process is forked from this one, which has imported and never computes.
other = os.fork()
rank = "0" if other else "1"
os.environ.update(RANK=rank, LOCAL_RANK=rank)
torch.set_num_threads(1)
folder, out, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
seconds = json.loads(sys.argv[5])
sources = Sources(folder / "table.parquet", folder / "split.parquet")
options = replace(QUIET, seconds=seconds)
if (out / "run.json").exists():
    resume(out, options, encoders=encoders())
else:
    train(tiny_recipe(*json.loads(sys.argv[4]), name=name), sources, out, options, encoders())
if rank == "0":
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))
"""


def in_two_processes(
    folder: Path, out: Path, name: str, settings: list[str], seconds: float | None = None
) -> None:
    """What torchrun does: one process a rank, told of each other by the environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SCRIPT, str(folder), str(out), name, json.dumps(settings),
               json.dumps(seconds)]  # fmt: skip
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "PYTHONPATH": path,
              "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}  # fmt: skip
    subprocess.run(command, env=common, check=True, timeout=560)


FREE = ("score.bias", "key.bias")
"""Added to every score alike, so a softmax does not see them: their gradient is rounding alone,
which Adam scales up to whole steps."""


def require_equal(run: Path, other: Path) -> None:
    ours, theirs = (load_file(r / "checkpoint.safetensors") for r in (run, other))
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        if name.endswith(FREE):
            continue
        np.testing.assert_allclose(array, theirs[name], atol=1e-5, err_msg=name)
    figures = [
        pl.read_csv(r / "training_history.csv").drop("seconds", "rows_per_second")
        for r in (run, other)
    ]
    np.testing.assert_allclose(figures[0].to_numpy(), figures[1].to_numpy(), atol=1e-5)
    predicted = [pl.read_csv(r / "test_predictions.csv")["pred"].to_numpy() for r in (run, other)]
    np.testing.assert_allclose(*predicted, atol=1e-5)


SHORT = ["stopping.epochs=1"]


def test_two_processes_give_the_weights_of_one(tmp_path: Path) -> None:
    """With BatchNorm: its running means follow the batches of both, in the order of the step."""
    sources = write_inputs(tmp_path)
    recipe = tiny_recipe(*SHORT)
    assert recipe.network.head.normalisation == "batch"
    train(recipe, sources, tmp_path / "one", QUIET, encoders())
    in_two_processes(tmp_path, tmp_path / "two", "default", SHORT)
    require_equal(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v2.6", "v2.7"])
def test_stopped_and_resumed_by_two_processes_it_is_the_same(name: str, tmp_path: Path) -> None:
    sources = write_inputs(tmp_path)
    recipe = tiny_recipe(name=name)
    train(recipe, sources, tmp_path / "one", QUIET, encoders())
    in_two_processes(tmp_path, tmp_path / "two", name, [], 1e-9)
    assert not (tmp_path / "two" / "metrics.json").exists()
    in_two_processes(tmp_path, tmp_path / "two", name, [])
    # In-batch losses are the same too: a batch is never divided, only shared out whole.
    require_equal(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 2])
def test_a_run_is_gone_on_with_by_another_number_of_processes(first: int, tmp_path: Path) -> None:
    """One process stops and two go on, or the other way round: nothing of a state counts them."""
    sources = write_inputs(tmp_path)
    train(tiny_recipe(), sources, tmp_path / "one", QUIET, encoders())
    stopped = replace(QUIET, seconds=1e-9)
    run = tmp_path / "changed"
    if first == 1:
        train(tiny_recipe(), sources, run, stopped, encoders())
    else:
        in_two_processes(tmp_path, run, "default", [], stopped.seconds)
    assert not (run / "metrics.json").exists()
    if first == 1:
        in_two_processes(tmp_path, run, "default", [])
    else:
        resume(run, QUIET, encoders=encoders())
    require_equal(run, tmp_path / "one")


def test_processes_that_cannot_share_a_step_are_refused_with_a_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = write_inputs(tmp_path)
    monkeypatch.setattr(World, "join", classmethod(lambda cls, device: World(0, 4)))
    monkeypatch.setattr(World, "wait", lambda self: None)
    monkeypatch.setattr(World, "leave", lambda self: None)
    with pytest.raises(OptionError, match=r"2 batches cannot be shared by 4 .*accumulate=8"):
        train(tiny_recipe(), sources, tmp_path / "run", QUIET, encoders())


def test_a_world_without_a_rank_is_a_mistake_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(OptionError, match="start the command with torchrun"):
        train(tiny_recipe(), write_inputs(tmp_path), tmp_path / "run", QUIET, encoders())
    assert not (tmp_path / "run").exists()
