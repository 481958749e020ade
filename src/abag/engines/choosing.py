"""Which engine a user asked for."""

from __future__ import annotations

import os

from abag.engines.answers import Engine, Here
from abag.engines.processes import Processes
from abag.engines.ray_cluster import RayCluster
from abag.errors import OptionError


def engine_of(ray: str | None = None, processes: int | None = None) -> Engine:
    """The engine for ``--ray`` and ``--processes``; without either a process for each core.

    Raises:
        OptionError: both are given, or fewer than one process.
    """
    if ray is not None:
        if processes is not None:
            raise OptionError("give either --ray or --processes, not both")
        return RayCluster(ray)
    count = len(os.sched_getaffinity(0)) if processes is None else processes
    return Here() if count == 1 else Processes(count)
