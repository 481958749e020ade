"""Screens whose workers, driver or nodes are lost end with the bytes of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abag.engines import Answered, Engine, Here, RayCluster, Work
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.screening.options import ScreenOptions
from abag.screening.run import Screened, screen_library
from synthetic_pairs import complexes_table

TABLE = complexes_table(60)
ANTIGEN = "/".join(TABLE["antigen"][0])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library, an antigen and a model."""
    folder = tmp_path_factory.mktemp("screen")
    KmerRidge().fit(TABLE).save(folder / "model")
    TABLE.select("heavy", "light").write_csv(folder / "library.csv")
    (folder / "antigen.fasta").write_text(f">target\n{ANTIGEN}\n")
    return folder


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> dict[str, bytes]:
    return bytes_of(screen(place, "undisturbed", Here()).out)


def screen(place: Path, out: str, engine: Engine) -> Screened:
    options = ScreenOptions(
        antigens=(str(place / "antigen.fasta"),), model=place / "model", shard_rows=4, best=5
    )
    return screen_library([str(place / "library.csv")], place / out, options, engine)


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def started(place: Path, out: Path) -> subprocess.Popen[bytes]:
    arguments = [
        sys.executable, "-m", "abag", "screen", "library.csv", "--antigen", "antigen.fasta",
        "--model", "model", "--shard-rows", "4", "--best", "5", "--processes", "2",
        "--out", str(out),
    ]  # fmt: skip
    return subprocess.Popen(
        arguments, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(text) for text in path.read_text().split()] if path.exists() else []


def disturbed(place: Path, out: Path, kills: int, seed: int) -> int:
    """Screen, and kill the driver or one of its workers now and then; returns how often."""
    rng = random.Random(seed)
    done = 0
    running = started(place, out)
    while True:
        try:
            code = running.wait(rng.uniform(0.2, 2.5))
        except subprocess.TimeoutExpired:
            if done == kills:
                running.wait(120)
                continue
            victims = children_of(running)
            victim = rng.choice(victims) if victims and rng.random() < 0.6 else running.pid
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
            done += 1
            continue
        if code == 0:
            return done
        assert code == -signal.SIGKILL, f"exit status {code}"
        running = started(place, out)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs the children in /proc")
def test_killed_workers_and_drivers_leave_no_trace(place: Path, undisturbed: dict[str, bytes]):
    out = place / "killed"
    assert disturbed(place, out, kills=6, seed=3) > 0
    assert bytes_of(out) == undisturbed
    found = pl.read_parquet(out / "predictions" / "*.parquet")
    assert found["row"].to_list() == list(range(2, TABLE.height + 2))
    time.sleep(0.1)
    assert not (place / "killed.partial").exists()


class Watched:
    """An engine that lets something happen after some answers."""

    def __init__(self, engine: Engine, happens: dict[int, Any]) -> None:
        self.engine, self.happens = engine, happens

    def answers(self, work: Work, pieces: Sequence[Any]) -> Iterator[Answered]:
        for number, answered in enumerate(self.engine.answers(work, pieces)):
            if number in self.happens:
                self.happens[number]()
            yield answered


@pytest.mark.slow
def test_ray_gives_the_same_bytes(place: Path, undisturbed: dict[str, bytes]):
    pytest.importorskip("ray")
    assert bytes_of(screen(place, "ray", RayCluster("local")).out) == undisturbed


@pytest.mark.slow
def test_a_node_is_lost_in_the_middle_and_another_one_comes(
    place: Path, undisturbed: dict[str, bytes]
):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [cluster.add_node(num_cpus=1)]
    try:
        happens = {
            3: lambda: cluster.remove_node(nodes[0], allow_graceful=False),
            6: lambda: nodes.append(cluster.add_node(num_cpus=1)),
        }
        engine = Watched(RayCluster(cluster.address), happens)
        done = screen(place, "nodes", engine)
    finally:
        cluster.shutdown()
    assert len(nodes) == 2
    assert done.shards == 15
    assert bytes_of(done.out) == undisturbed
