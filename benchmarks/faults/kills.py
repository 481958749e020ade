"""Kill every command at every change that it makes to files, give it again, compare the results.

    python benchmarks/faults/kills.py [--kills 100] [--only predict,scan] [--state kills.json]
        [--minutes 8]

Each command runs once undisturbed, and its changes are counted: writes, renames, flushes,
removals, new names. Then it is started in a fresh copy of its inputs, killed (SIGKILL) at one of
them (a write is done by half), and given again as its user would: as it was, or with --resume, or
with --overwrite where its result stood already. What stands then must be what the undisturbed
command left, and nothing else: no half file, no temporary name, no second copy. A command that
makes more changes than ``--kills`` is killed at that many of them, evenly spread, the last one
among them. With --state a later call goes on where an earlier one ended.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
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

    def kill(self, at: int) -> tuple[int, str | None]:
        """Kill it at a change and give it again; how often it was killed, and what is wrong."""
        from commands import content, leftovers

        folder = self._fresh()
        status, _, where = run(self.command.arguments, folder, self.place, at)
        if status == 0:
            return 0, None  # it made fewer changes this time
        if status != -signal.SIGKILL:
            return 0, f"change {at}: ended with {status} before it"
        again = self.command.again or (lambda _: self.command.arguments)
        arguments = again(folder)
        status = 0 if arguments is None else run(arguments, folder, self.place)[0]
        said = f"killed at change {at} ({where})"
        if status and not (status == REFUSED and self.command.may_be_refused):
            return 1, f"{said}: given again it ended with {status}"
        found = content(folder, self.command.result)
        if found != self.wanted:
            keys = {*found, *self.wanted}
            other = sorted(key for key in keys if found.get(key) != self.wanted.get(key))
            return 1, f"{said}: {', '.join(other[:4])} differ"
        if arguments is not None and (left := leftovers(self.place)):  # the next writer clears up
            return 1, f"{said}: left behind {left[:3]}"
        return 1, None

    def _fresh(self) -> Path:
        shutil.rmtree(self.place, ignore_errors=True)
        return Path(shutil.copytree(self.inputs, self.place / "work"))


def chosen(changes: int, kills: int) -> list[int]:
    """Numbers of the changes to kill at, evenly spread; all where they are few."""
    if changes <= kills:
        return list(range(1, changes + 1))
    return sorted({round(1 + place * (changes - 1) / (kills - 1)) for place in range(kills)})


def measure(
    name: str, inputs: Path, place: Path, kills: int, so_far: dict[str, Any], until: float
) -> dict[str, Any]:
    """Kill one command; counts, and what differed."""
    one = Killed(name, inputs, place)
    changes = one.undisturbed()
    found = {"kills": 0, "faults": [], "done": 0, **so_far, "changes": changes}
    points = chosen(changes, kills)
    while found["done"] < len(points) and time.monotonic() < until:
        killed, fault = one.kill(points[found["done"]])
        found["kills"] += killed
        found["done"] += 1
        if fault:
            found["faults"].append(fault)
            if len(found["faults"]) > MOST_FAULTS:
                break
    return {**found, "whole": found["done"] == len(points)}


def main() -> None:
    parser = options_of_runner(__doc__)
    parser.add_argument("--kills", type=int, default=100)
    options = parser.parse_args()
    from commands import COMMANDS, NETWORKS

    results = Results(options.state)
    until = time.monotonic() + 60 * options.minutes
    names = options.only.split(",") if options.only else list(COMMANDS)
    names = [name for name in names if not results.found.get(name, {}).get("whole")]
    ready(networks=bool({*names} & NETWORKS))
    with tempfile.TemporaryDirectory() as where:
        needs = {need for name in names for need in COMMANDS[name].needs}
        inputs = inputs_for(options.inputs or Path(where) / "inputs", needs)
        for name in names:
            so_far = results.found.get(name, {})
            if time.monotonic() > until:
                break
            place = Path(where) / "place"
            results.note(name, measure(name, inputs, place, options.kills, so_far, until))
    if any(one["faults"] for one in results.found.values()):
        sys.exit(1)


if __name__ == "__main__":
    preloaded()
    main()
