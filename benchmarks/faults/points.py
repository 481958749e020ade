"""Commands that end, or wait, at the n-th change that they make to files.

`points.c` counts every write, rename, flush, removal and new name that a process makes below a
folder, whatever library makes it, and sends a signal at the one that is asked for. Commands run
in processes forked from this one, which has imported everything and computed nothing: a start
costs no import, and no thread is lost by the fork.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

MARK = "ABAG_POINTS"
IMPORTS = (
    "abag.apps.cli", "polars", "scipy.stats", "scipy.optimize", "pyhmmer",
    "abag.data.build", "abag.inference.tables", "abag.maturation.campaign.rounds",
    "abag.maturation.adapt.antigens", "abag.evaluation.from_files", "abag.screening.run",
)  # fmt: skip
NETWORK_IMPORTS = (
    "torch._dynamo", "optuna.storages", "sqlalchemy.dialects.sqlite", "sklearn.linear_model",
    "safetensors.torch", "matplotlib.figure", "abag.training.tune", "abag.training.finish",
    "abag.encoders.adapters.opening",
)  # fmt: skip
IDLE = ("polars-ooc-clea",)
"""A thread of polars that sleeps until it spills to disk, which no command here does."""
NO_THREADS = {
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")},
    "POLARS_MAX_THREADS": "1", "_RJEM_MALLOC_CONF": "background_thread:false",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}  # fmt: skip
MOST_SECONDS = 300
"""A command that takes longer is wedged, and ends by SIGALRM."""


class Points(ctypes.Structure):
    """What `points.c` counts, shared with forked processes."""

    _fields_ = (
        ("count", ctypes.c_long), ("at", ctypes.c_long), ("signal", ctypes.c_long),
        ("below", ctypes.c_char * 1024), ("last", ctypes.c_char * 256),
        ("renames", ctypes.c_long), ("renamed", ctypes.c_long * 256),
    )  # fmt: skip


def preloaded() -> None:
    """Begin this program anew under `points.c`, one thread a library; returns in the new one."""
    if os.environ.get(MARK):
        return
    compiler = shutil.which("cc") or sys.exit("this needs a C compiler, cc")
    library = Path(tempfile.mkdtemp()) / "points.so"
    source = Path(__file__).with_name("points.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environment = {**os.environ, **NO_THREADS, "LD_PRELOAD": str(library), MARK: str(library)}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def ready(networks: bool = True) -> None:
    """Import what the commands need, once, before the first :func:`started`.

    Computing that changes nothing about what is written is made small.
    """
    library = Path(os.environ[MARK])
    if library.exists():
        shutil.rmtree(library.parent)  # it is loaded
    os.environ.pop("LD_PRELOAD", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (*IMPORTS, *(NETWORK_IMPORTS if networks else ())):
            try:
                importlib.import_module(name)
            except ImportError:
                continue
    from commands import compute_little

    compute_little()
    own = Path("/proc/self")
    names = {(task / "comm").read_text().strip() for task in (own / "task").iterdir()}
    if others := names - {(own / "comm").read_text().strip(), *IDLE}:
        sys.exit(f"threads run after the imports, and a fork would lose them: {sorted(others)}")


def _points() -> Points:
    library = ctypes.CDLL(None)
    library.abag_points.restype = ctypes.POINTER(Points)
    return library.abag_points().contents  # type: ignore[no-any-return]


def started(
    arguments: Sequence[str], folder: Path, below: Path, at: int = 0, sent: int = signal.SIGKILL
) -> int:
    """Fork a command in ``folder``; at its ``at``-th change below ``below`` it gets a signal."""
    child = os.fork()
    if child:
        return child
    status = 70
    signal.alarm(MOST_SECONDS)
    try:
        os.chdir(folder)
        scratch = below / "tmp"
        scratch.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(below.parent / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        points = _points()
        points.count, points.at, points.signal, points.last = 0, at, sent, b""
        points.renames = 0
        points.below = str(below).encode()
        from abag.apps.cli import main

        try:
            main(list(arguments))
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    finally:
        os._exit(status)


def status_of(child: int) -> int:
    """Exit status of a started command; a signal is negative."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _points().at = 0  # what this process changes is counted on
    return status


def renames() -> list[int]:
    """Which changes of the last command gave something its name."""
    points = _points()
    return points.renamed[: points.renames]


def run(arguments: Sequence[str], folder: Path, below: Path, at: int = 0) -> tuple[int, int, str]:
    """Status of a command, how many changes it made, and the one that it was killed at."""
    status = status_of(started(arguments, folder, below, at))
    points = _points()
    return status, points.count, points.last.decode()
