"""Screens whose workers, driver or nodes are lost end with the bytes of an undisturbed one."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from abag.engines import Answered, Engine, Here, RayCluster, Work
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.screening.options import ScreenOptions
from abag.screening.run import Screened, screen_library
from synthetic_pairs import complexes_table

ROOT = Path(__file__).parents[2]
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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs the children in /proc")
def test_killed_workers_and_drivers_leave_no_trace():
    command = [sys.executable, str(ROOT / "benchmarks" / "screening.py"), "kills"]
    done = subprocess.run(
        [*command, "--kills", "5", "--rows", "400", "--seed", "3"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every byte as in an undisturbed one" in done.stdout


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
