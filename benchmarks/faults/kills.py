"""Kill every command at every change that it makes to files, give it again, compare the results.

    python benchmarks/faults/kills.py [--kills 100] [--only predict,scan] [--state kills.json]
        [--minutes 8] [--seed 0]

Each command runs once undisturbed, and its changes are counted: writes, renames, flushes,
removals, new names. Then it is started in a fresh copy of its inputs, killed (SIGKILL) at one of
them (a write is done by half), and given again as its user would: as it was, or with --resume, or
with --overwrite where its result stood already. Every third time the second call is killed, too,
and a third one has to come through. What stands then must be what the undisturbed command left,
and nothing else: no half file, no temporary name, no second copy. A command that makes more
changes than ``--kills`` is killed at that many of them, drawn by the seed, the first and the last
one among them. With --state a later call goes on where an earlier one ended.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from pieces import Results, inputs_for, options_of_runner
from points import preloaded, ready, run

REFUSED = 2
MOST_FAULTS = 8


class Killed:
    """One command under kills: the inputs, the undisturbed result, the counts."""

    def __init__(self, name: str, inputs: Path, place: Path) -> None:
        from commands import COMMANDS

        self.name, self.command, self.inputs, self.place = name, COMMANDS[name], inputs, place

    def undisturbed(self) -> int:
        """Run it once, and keep what it left; returns its number of changes."""
        from commands import content

        folder = self._fresh()
        status, changes, _ = run(self.command.arguments, folder, self.place)
        if status:
            raise RuntimeError(f"{self.name} ended with {status}, undisturbed")
        self.wanted = content(folder, self.command.result)
        return changes

    def kill(self, points: tuple[int, ...]) -> tuple[int, str | None]:
        """Kill it at a change, and what follows at the next; number of kills, and what is wrong."""
        from commands import content, leftovers

        folder = self._fresh()
        arguments: tuple[str, ...] | None = self.command.arguments
        after_kill = self.command.after_kill or (lambda _: self.command.arguments)
        kills, story = 0, ""
        for at in (*points, 0):
            if arguments is None:
                break
            status, _, where = run(arguments, folder, self.place, at)
            if status != -signal.SIGKILL or at == 0:
                break
            kills += 1
            story += f"killed at change {at} ({where}), "
            arguments = after_kill(folder)
        stands = kills and status == REFUSED and self.command.may_be_refused
        if arguments is not None and status and not stands:
            return kills, f"{story}given again it ended with {status}"
        left_content = content(folder, self.command.result)
        if left_content != self.wanted:
            keys = {*left_content, *self.wanted}
            different = sorted(key for key in keys if left_content.get(key) != self.wanted.get(key))
            return kills, f"{story}{', '.join(different[:4])} differ"
        if arguments is not None and (left := leftovers(self.place)):  # the next writer clears up
            return kills, f"{story}left behind {left[:3]}"
        return kills, None

    def _fresh(self) -> Path:
        shutil.rmtree(self.place, ignore_errors=True)
        return Path(shutil.copytree(self.inputs, self.place / "work"))


def chosen(name: str, changes: int, kills: int, seed: int) -> list[tuple[int, ...]]:
    """Changes to kill at in an order drawn by the seed; every third has one of the next call."""
    rng = random.Random(f"{seed} {name}")
    first = list(range(1, changes + 1))
    if changes > kills:
        first = [1, changes, *rng.sample(range(2, changes), kills - 2)]
    rng.shuffle(first)
    return [(at, rng.randint(1, changes)) if place % 3 == 2 else (at,)
            for place, at in enumerate(first)]  # fmt: skip


def measure(
    name: str, inputs: Path, place: Path, options: Namespace, so_far: dict[str, Any], until: float
) -> dict[str, Any]:
    """Kill one command; counts, and what differed."""
    killed_command = Killed(name, inputs, place)
    changes = killed_command.undisturbed()
    counts = {"kills": 0, "faults": [], "done": 0, **so_far, "changes": changes}
    points = chosen(name, changes, options.kills, options.seed)
    while counts["done"] < len(points) and time.monotonic() < until:
        killed, fault = killed_command.kill(points[counts["done"]])
        counts["kills"] += killed
        counts["done"] += 1
        if fault:
            counts["faults"].append(fault)
            if len(counts["faults"]) > MOST_FAULTS:
                break
    return {**counts, "whole": counts["done"] == len(points)}


def main() -> None:
    parser = options_of_runner(__doc__, "only", "folder", "minutes", "seed")
    parser.add_argument("--kills", type=int, default=100)
    options = parser.parse_args()
    from commands import COMMANDS, NETWORKS

    results = Results(options.state)
    until = time.monotonic() + 60 * options.minutes
    names = options.only.split(",") if options.only else list(COMMANDS)
    names = [name for name in names if not results.findings.get(name, {}).get("whole")]
    ready(networks=bool({*names} & NETWORKS))
    with tempfile.TemporaryDirectory() as where:
        needs = {need for name in names for need in COMMANDS[name].needs}
        inputs = inputs_for(options.folder or Path(where) / "inputs", needs)
        for name in names:
            so_far = results.findings.get(name, {})
            if time.monotonic() > until:
                break
            place = Path(where) / "place"
            results.note(name, measure(name, inputs, place, options, so_far, until))
    if any(counts["faults"] for counts in results.findings.values()):
        sys.exit(1)


if __name__ == "__main__":
    preloaded()
    main()
