"""The engine that a user chose."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from abag.engines.answers import Engine, Here
from abag.engines.processes import Processes
from abag.engines.ray_cluster import RayCluster
from abag.errors import OptionError


@dataclass(frozen=True)
class WorkPlace:
    """Where the work is done: options of every command that has many pieces of it."""

    processes: int | None = None
    """Processes on this machine."""
    ray: str | None = None
    """Work on a Ray cluster: `auto` for the one of this machine, HOST:PORT for another, `local` to
    start one here."""

    def engine(self, *, every_core: bool = False, gpus: float = 0.0) -> Engine:
        """The engine; without either option this process, or a process for each core.

        On Ray a piece takes a core and ``gpus``.

        Raises:
            OptionError: both are given, or fewer than one process.
        """
        if self.ray is not None:
            if self.processes is not None:
                raise OptionError("give either --ray or --processes, not both")
            return RayCluster(self.ray, gpus=gpus)
        count = self.processes
        if count is None:
            count = _cores() if every_core else 1
        return Here() if count == 1 else Processes(count)


def _cores() -> int:
    """Cores that this process may use; of the machine where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


ANYWHERE: Final = WorkPlace()
"""Neither option is given."""
