"""Engines: many independent pieces of work, done here, by a process for each core, or on Ray.

An engine takes a function by name, what all pieces share, and the pieces; it yields what each piece
gave, as soon as it is there. A piece must be a function of its own content, so that it may be done
again when a worker or a node is lost, and so that no result depends on the engine.
"""

from abag.engines.answers import Answered, Engine, Here, Work
from abag.engines.choosing import ANYWHERE, WorkPlace
from abag.engines.processes import Processes
from abag.engines.ray_cluster import RayCluster

__all__ = ["ANYWHERE", "Answered", "Engine", "Here", "Processes", "RayCluster", "Work", "WorkPlace"]
