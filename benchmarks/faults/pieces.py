"""Long measurements in pieces: results are saved after each, and the next call continues."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Results:
    """What was found so far by name, kept in ``state`` where a file is named."""

    def __init__(self, state: Path | None) -> None:
        self.state = state
        self.findings: dict[str, Any] = {}
        if state and state.is_file():
            self.findings = json.loads(state.read_text())

    def note(self, name: str, result: Any) -> None:
        """Keep what was found, and print it."""
        self.findings[name] = result
        print(name, json.dumps(result), flush=True)
        if self.state:
            self.state.write_text(json.dumps(self.findings, indent=2) + "\n")


OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"type": Path, "help": "file that keeps what is found, and is gone on with"},
    "only": {"help": "names with commas between them"},
    "folder": {"type": Path, "help": "folder that keeps the inputs"},
    "minutes": {"type": float, "default": float("inf"), "help": "end after the piece at hand"},
    "seed": {"type": int, "default": 0},
}


def options_of_runner(about: str, *names: str) -> argparse.ArgumentParser:
    """The options that runners share: ``--state``, and those of these names."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    for name in ("state", *names):
        parser.add_argument(f"--{name}", **OPTIONS[name])
    return parser


def inputs_for(folder: Path, needs: Iterable[str]) -> Path:
    """``folder`` with all that the commands read."""
    from commands import make_inputs

    folder.mkdir(exist_ok=True)
    make_inputs(folder, folder, set(needs))
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    return folder
