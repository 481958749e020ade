"""What does a row pass on its way? Files, functions, climbs and returns, counted.

    python benchmarks/walk.py predict            # three rows of CSV to their predictions
    python benchmarks/walk.py variants           # three rows of which a relative was measured
    python benchmarks/walk.py adapt              # 31 variants to a model of their assay
    python benchmarks/walk.py predict --list     # every file and function, in their order

A file is passed where one of its functions runs, the command line included. A climb is a call from
a lower room to an upper one (`docs/architecture.md` draws them), functions that an upper one handed
down included. A return is a step back: command line and inference call data, then model, then
uncertainty; data after model is a return. What loads the model counts for files alone. Numberings
of chains that are not known yet, and checks of columns, are counted call by call. Counts, no times:
they are the same on every machine. `tests/contract/test_walk.py` holds them.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import sys
import tempfile
import threading
from collections import Counter
from importlib.resources import as_file, files
from inspect import CO_GENERATOR, CO_NEWLOCALS
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType, FrameType

    Run = Callable[[list[str]], None]

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)
STRANGER = (
    "QVQLVESGGGLVQAGGSLRLSCAASGRTFSSYAMGWFRQAPGKEREFVAAISWSGGSTYYADSVKGRFTISRDNAKNTVYLQMNSLKPEDTAVYYC"
    "AADRGSYGSSWYEYDYWGQGTQVTVSS"
)
ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
ROOMS = (
    ("errors", "version", "units", "files", "progress", "engines", "resources"),
    ("antibody",), ("data",), ("encoders",), ("model",), ("uncertainty",), ("inference",),
    ("evaluation", "pages", "pictures"), ("maturation", "training"), ("screening", "release"),
    ("apps", "client"),
)  # fmt: skip
"""Lowest first; those of one line are siblings."""
PARTS = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
"""Parts of functions, and none of their own."""
READING = "data/formats/reading.py:read_pairs"
"""Where the walk of a row begins: what loads the model counts for files, and not for returns."""
CARRIED = "data/tables.py:Pairs."
"""Methods of the table that is carried along: to read it is no step to its room."""
NUMBERING = "antibody/numbering/chains.py:_numbered"
CHECKS = "data/tables.py:require_columns"


def rank(path: Path) -> int:
    """Where the room of a file stands, lowest is 0."""
    room = path.parts[0].removesuffix(".py")
    return next(at for at, names in enumerate(ROOMS) if room in names)


class Walk:
    """Counts calls of functions of ``abag`` while it is open."""

    def __init__(self) -> None:
        import abag

        self._root = Path(abag.__file__).parent
        self._places: dict[CodeType, Path | None] = {}
        self._first: dict[CodeType, int] = {}
        """Where each generator begins; further on it is resumed, and not called."""
        self.calls: Counter[str] = Counter()
        """``file:function`` -> how often it was called, in the order of first calls."""
        self.climbs: Counter[str] = Counter()
        """``file:function > file:function`` upwards -> how often."""
        self.rooms: list[int] = []
        """Ranks of the rooms that command line and inference called, one after the other."""

    def __enter__(self) -> Walk:
        threading.setprofile(self._seen)
        sys.setprofile(self._seen)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _place(self, code: CodeType) -> Path | None:
        """Path of the file inside the package; None for what is no function of it."""
        if code not in self._places:
            path, package = Path(code.co_filename), self._root
            inside = package in path.parents and code.co_flags & CO_NEWLOCALS
            self._places[code] = path.relative_to(package) if inside else None
        return self._places[code]

    def _seen(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        file = self._place(code)
        if file is None or code.co_name in PARTS:
            return
        if code.co_flags & CO_GENERATOR and frame.f_lasti > self._first.setdefault(
            code, frame.f_lasti
        ):
            return
        name = f"{file.as_posix()}:{code.co_qualname}"
        self.calls[name] += 1
        caller = frame.f_back
        while caller is not None and self._place(caller.f_code) is None:
            caller = caller.f_back
        if caller is None:
            return
        before = self._places[caller.f_code]
        assert before is not None
        if rank(file) > rank(before):
            self.climbs[f"{before.as_posix()}:{caller.f_code.co_qualname} > {name}"] += 1
        if name == READING:
            self.rooms.clear()
        below = rank(before) >= rank(Path("inference")) > rank(file) > 0
        if below and not name.startswith(CARRIED):
            self.rooms.append(rank(file))

    @property
    def files(self) -> list[str]:
        """Files passed, in the order of first calls."""
        return list(dict.fromkeys(name.partition(":")[0] for name in self.calls))

    @property
    def returns(self) -> int:
        """Steps back from an upper room to a lower one."""
        return sum(after < before for before, after in pairwise(self.rooms))

    def counts(self) -> dict[str, int]:
        """What is held by the test."""
        return {
            "files": len(self.files),
            "functions": len(self.calls),
            "climbs": self.climbs.total(),
            "returns": self.returns,
            "numberings": self.calls[NUMBERING],
            "checks": self.calls[CHECKS],
        }


def predicted(folder: Path, run: Run) -> Walk:
    """Three antibodies that nobody measured on an antigen that nobody measured."""
    variant = HEAVY[:98] + "A" + HEAVY[99:]
    rows = [(HEAVY, LIGHT), (variant, LIGHT), (STRANGER, "")]
    return _predicted(folder, run, [(heavy, light, ANTIGEN) for heavy, light in rows])


def variants(folder: Path, run: Run) -> Walk:
    """A measured antibody, a variant of it and another antibody, on a measured antigen."""
    with as_file(files("abag") / "resources" / "examples" / "well_known.csv") as path:
        known = next(csv.DictReader(path.open(encoding="utf-8")))
    heavy, light, antigen = (known[name] for name in ("heavy", "light", "antigen"))
    rows = [(heavy, light), (heavy[:98] + "A" + heavy[99:], light), (STRANGER, "")]
    return _predicted(folder, run, [(*row, antigen) for row in rows])


def _predicted(folder: Path, run: Run, rows: Sequence[Sequence[str]]) -> Walk:
    table = folder / "three_rows.csv"
    lines = ["heavy,light,antigen", *map(",".join, rows)]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with Walk() as walk:
        run(["predict", "--table", str(table), "--out", str(folder / "predictions.csv")])
    return walk


def adapted(folder: Path, run: Run) -> Walk:
    """The walk of 31 measured rows: a parent and single substitutions of it."""
    table = folder / "assay.csv"
    lines = ["heavy,light,kd_nm", f"{HEAVY},{LIGHT},1.0"]
    for at in range(30):
        place, letter = 97 + at % 10, "AWK"[at // 10]
        lines.append(f"{HEAVY[:place]}{letter}{HEAVY[place + 1 :]},{LIGHT},{1.0 + at * 0.7:.2f}")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with Walk() as walk:
        run(["adapt", str(table), "--out", str(folder / "model")])
    return walk


WALKS = {"predict": predicted, "variants": variants, "adapt": adapted}


def main() -> None:
    from abag.apps.cli import main as command

    def run(arguments: list[str]) -> None:
        with contextlib.suppress(SystemExit):
            command(arguments)

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("walk", choices=sorted(WALKS))
    parser.add_argument("--list", action="store_true", help="files, functions and climbs, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        walk = WALKS[options.walk](Path(folder), run)
    if options.list:
        for file in walk.files:
            print(file)
            for name, times in walk.calls.items():
                if name.startswith(f"{file}:"):
                    print(f"    {times:6d}  {name.partition(':')[2]}")
        for climb, times in walk.climbs.items():
            print(f"climb {times:6d}  {climb}")
    print(json.dumps(walk.counts()))


if __name__ == "__main__":
    main()
