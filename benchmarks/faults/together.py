"""Two commands at once on one folder: one is held at a change that it makes while the other runs.

    python benchmarks/faults/together.py [--only new] [--state together.json] [--minutes 8]

The first command is stopped (SIGSTOP) at its first change to files, and again from the start in
the middle of them, at the last one, and between its first and its last two renames; the second runs
meanwhile, from beginning to end; then the first goes on. Nobody sleeps or races. Each of the two
must end well or be refused (status 2), one of them must end well, and the result of each that ended
well must be what it leaves alone; where both write one place, it holds what one of them leaves
alone, the two one after the other included.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pieces import Results, inputs_for, options_of_runner
from points import preloaded, ready, renames, run, started, status_of

REFUSED = 2


def pairs() -> dict[str, list[tuple[str, str]]]:
    """Pairs of commands by the folder that they meet in."""
    from commands import FOLDERS

    return {
        folder: [(first, second) for first in changing for second in (*changing, *reading)]
        for folder, (changing, reading) in FOLDERS.items()
    }


class Alone:
    """What each command leaves where nothing disturbs it."""

    def __init__(self, inputs: Path, place: Path) -> None:
        self.inputs, self.place = inputs, place
        self._known: dict[str, tuple[list[int], dict[str, Any]]] = {}

    def fresh(self) -> Path:
        """A copy of the inputs."""
        shutil.rmtree(self.place, ignore_errors=True)
        return Path(shutil.copytree(self.inputs, self.place / "work"))

    def of(self, name: str) -> tuple[list[int], dict[str, Any]]:
        """Changes at which it is to be held, and its result."""
        from commands import TOGETHER, content

        if name not in self._known:
            folder, command = self.fresh(), TOGETHER[name]
            status, changes, _ = run(command.arguments, folder, self.place)
            if status:
                raise RuntimeError(f"{name} ended with {status}, alone")
            rename_moments = renames()
            moments = sorted({1, changes // 2, changes, *rename_moments[1:2], *rename_moments[-1:]})
            self._known[name] = moments, content(folder, command.result)
        return self._known[name]

    def after(self, first: str, second: str) -> dict[str, Any]:
        """What ``second`` leaves where ``first`` has ended before it."""
        from commands import TOGETHER, content

        folder = self.fresh()
        for name in (first, second):
            run(TOGETHER[name].arguments, folder, self.place)
        return content(folder, TOGETHER[second].result)


def meet(first_name: str, second_name: str, at: int, alone: Alone) -> tuple[int, int, list[str]]:
    """Hold the first command at a change while the second runs: statuses, and what is wrong."""
    from commands import TOGETHER, content, leftovers

    folder, first, second = alone.fresh(), TOGETHER[first_name], TOGETHER[second_name]
    child = started(first.arguments, folder, alone.place, at, signal.SIGSTOP)
    _, how = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(how):
        return os.waitstatus_to_exitcode(how), 0, []  # it made fewer changes this time
    theirs = status_of(started(second.arguments, folder, alone.place))
    os.kill(child, signal.SIGCONT)
    mine = status_of(child)
    faults = [f"left behind {left}" for left in leftovers(alone.place)[:2]]
    if {mine, theirs} - {0, REFUSED} or 0 not in (mine, theirs):
        faults.append(f"statuses {mine} and {theirs}")
    left = [content(folder, command.result) for command in (first, second)]
    wanted = [
        alone.of(name)[1]
        for name, status in ((first_name, mine), (second_name, theirs))
        if status == 0
    ]
    if first.result == second.result:
        turns = ((first_name, second_name), (second_name, first_name)) if mine == theirs else ()
        if left[0] not in wanted and all(left[0] != alone.after(*turn) for turn in turns):
            faults.append(f"{first.result} holds what neither leaves, alone or afterwards")
        return mine, theirs, faults
    if mine == 0 and left[0] != alone.of(first_name)[1]:
        faults.append(f"{first_name} left another result than alone")
    if (
        theirs == 0
        and left[1] != alone.of(second_name)[1]
        and left[1] != alone.after(first_name, second_name)
    ):
        faults.append(f"{second_name} left another result than alone, or afterwards")
    return mine, theirs, faults


def main() -> None:
    options = options_of_runner(__doc__, "only", "folder", "minutes").parse_args()
    from commands import NETWORKS, TOGETHER

    results = Results(options.state)
    until = time.monotonic() + 60 * options.minutes
    chosen = pairs()
    if options.only:
        chosen = {name: chosen[name] for name in options.only.split(",")}
    names = {name for some in chosen.values() for pair in some for name in pair}
    ready(networks=bool(names & NETWORKS))
    with tempfile.TemporaryDirectory() as where:
        needs = {need for name in names for need in TOGETHER[name].needs}
        inputs = inputs_for(options.folder or Path(where) / "inputs", needs)
        alone = Alone(inputs, Path(where) / "place")
        for folder, some in chosen.items():
            for first, second in some:
                key = f"{folder}: {first} | {second}"
                if key in results.findings or time.monotonic() > until:
                    continue
                results.note(key, [meet(first, second, at, alone) for at in alone.of(first)[0]])
    if any(faults for meetings in results.findings.values() for _, _, faults in meetings):
        sys.exit(1)


if __name__ == "__main__":
    preloaded()
    main()
