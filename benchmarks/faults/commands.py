"""The commands that are killed and set against each other, what they read, and what they leave."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzzing import ANTIGEN, HEAVY, LIGHT
from points import run

APART = frozenset({".lock", "writer.lock", "study.db", "report.html", "training_history.png",
                   "state.previous.safetensors"})  # fmt: skip
"""Locks, a database that keeps the time of day, pages and pictures that show it, and the spare
state, which is the one before the last stop."""
UNFINISHED = ".abag-"
"""In the names of what is being made, or was when its process was killed."""
CLOCK = frozenset({"seconds", "rows_per_second", "seconds_total", "created", "sha256",
                   "train_seconds", "content_sha256"})  # fmt: skip
"""What differs from call to call, and the digests over it."""


@dataclass(frozen=True)
class Command:
    """A command, its result, and how it is given again after a kill."""

    arguments: tuple[str, ...]
    result: tuple[str, ...]
    """Files or folders whose content counts."""
    after_kill: Callable[[Path], tuple[str, ...] | None] | None = None
    """Arguments after a kill, from what stands in the folder: by default the same; None where
    the result stands already."""
    may_be_refused: bool = False
    """Whether it is refused (status 2) where its result stands already."""

    @property
    def needs(self) -> set[str]:
        """Names of the inputs that it reads."""
        return {Path(argument).parts[0] for argument in self.arguments if Path(argument).parts} & {
            *INPUTS
        }


def overwriting(result: str, *arguments: str) -> Command:
    """A command that needs --overwrite where its result stands."""

    def after_kill(folder: Path) -> tuple[str, ...]:
        return (*arguments, "--overwrite") if (folder / result).exists() else arguments

    return Command(arguments, (result,), after_kill)


def _resumed(folder: Path) -> tuple[str, ...]:
    begun = (folder / "run" / "run.json").exists()
    return ("train", "--resume", "run", "--no-audit") if begun else TRAIN


def _proposed(folder: Path) -> tuple[str, ...] | None:
    return None if (folder / "begun/round-01/state.json").exists() else PROPOSE


def _exchanged(folder: Path) -> tuple[str, ...] | None:
    path = folder / "open/round-01/state.json"  # not there between two renames
    exchanged = path.exists() and json.loads(path.read_text())["replaced_seals"]
    return None if exchanged else EXCHANGE


SMALL = ("--set", "network.fusion.width=8", "--set", "network.fusion.heads=2",
         "--set", "network.fusion.feed_forward=1", "--set", "network.head.hidden=[8]",
         "--set", "network.fusion.regions=false", "--set", "batch.size=16",
         "--set", "batch.accumulate=1", "--set", "adaptation=null", "--encoder", "builtin",
         "--device", "cpu")  # fmt: skip
TRAIN = ("train", "table.parquet", "--recipe", "default", "--split", "parts.parquet",
         "--out", "run", "--set", "stopping.epochs=2", "--no-audit", "--save-every", "1",
         *SMALL)  # fmt: skip
PROPOSE = ("propose", "--campaign", "begun", "--n", "4", "--cdrs", "H2")
EXCHANGE = ("propose", "--campaign", "open", *PROPOSE[3:], "--exclude", "R1-P1-A1")
TABLE = ("table.parquet", "table.quarantine.parquet", "table.manifest.json")
COMMANDS: dict[str, Command] = {
    "train": Command(TRAIN, ("run",), _resumed),
    "tune": Command(("tune", "table.parquet", "--recipe", "default", "--split", "parts.parquet",
                     "--out", "study", "--trials", "2", "--search", "optimiser.lr=1e-4:1e-2:log",
                     "--set", "stopping.epochs=1", *SMALL), ("study",)),
    "embed": Command(("embed", "assay.csv", "--store", "store", "--encoder", "builtin"),
                     ("store",)),
    "adapt": overwriting("m", "adapt", "assay.csv", "--out", "m"),
    "campaign-start": Command(("adapt", "assay.csv", "--campaign", "new"), ("new",),
                              may_be_refused=True),
    "campaign-propose": Command(PROPOSE, ("begun",), _proposed),
    "campaign-exchange": Command(EXCHANGE, ("open",), _exchanged),
    "campaign-results": Command(("adapt", "results.csv", "--campaign", "open"), ("open",),
                                may_be_refused=True),
    "predict": Command(("predict", "--model", "model", "--table", "big.csv", "--out", "out.csv"),
                       ("out.csv",)),
    "import": Command(("data", "import", "assay.csv", "--out", "t.parquet"),
                      ("t.parquet", "t.quarantine.parquet", "t.manifest.json")),
    "scan": overwriting("s", "scan", "--heavy", HEAVY, "--light", LIGHT, "--cdrs", "H2",
                        "--out", "s"),
    "split": Command(("split", "table.parquet", "--strategy", "random", "--folds", "3",
                      "--out", "new.parquet"), ("new.parquet",)),
    "fit": overwriting("f", "fit", "table.parquet", "--model", "kmer-ridge", "--out", "f"),
    "evaluate": overwriting("e", "evaluate", "table.parquet", "--split", "split.parquet", "--model",
                            "kmer-ridge", "--bootstrap", "100", "--out", "e"),
    "propose": overwriting("plate", "propose", "--model", "assay-model", "--n", "4",
                           "--cdrs", "H2", "--out", "plate"),
    "order": overwriting("ordered", "order", "open", "--out", "ordered"),
    "screen": Command(("screen", "library.csv", "--model", "model", "--antigen", ANTIGEN, "--out",
                       "screened", "--shard-rows", "20", "--processes", "1"), ("screened",)),
}  # fmt: skip


def _reading(model: str, name: str) -> dict[str, Command]:
    """Commands that read a model, each with a result of its own."""
    out = f"from-{name}"
    return {
        f"predict-{name}": Command(("predict", "--model", model, "--table", "big.csv",
                                    "--out", f"{out}.csv"), (f"{out}.csv",)),
        f"scan-{name}": Command(("scan", "--heavy", HEAVY, "--light", LIGHT, "--antigen", ANTIGEN,
                                 "--model", model, "--cdrs", "H2", "--out", out), (out,)),
    }  # fmt: skip


TOGETHER: dict[str, Command] = {
    **COMMANDS,
    "results-again": Command(("adapt", "results.csv", "--campaign", "open", "--seed", "1"),
                             ("open",)),
    "refit": Command(("fit", "table.parquet", "--model", "one-hot-ridge", "--out", "model",
                      "--overwrite"), ("model",)),
    "train-embed": Command((*TRAIN, "--store", "store"), ("run",)),
    "train-resumed": Command(("train", "--resume", "stopped", "--no-audit"), ("stopped",)),
    "embed-more": Command(("embed", "big.csv", "--store", "stored", "--encoder", "builtin"),
                          ("stored",)),
    "compact": Command(("store", "compact", "stored"), ("stored",)),
    "verify": Command(("store", "verify", "stored"), ()),
    "import-anew": Command(("data", "import", "big.csv", "--out", "table.parquet"), TABLE),
    "merge": Command(("data", "merge", "rows.parquet", "--out", "table.parquet"), TABLE),
    **_reading("model", "model"), **_reading("open/round-00/model", "campaign"),
}  # fmt: skip
FOLDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # a folder -> commands that change it, commands that read it
    "new": (("campaign-start",), ()),
    "begun": (("campaign-propose",), ()),
    "open": (("campaign-results", "results-again", "campaign-exchange"),
             ("order", "predict-campaign", "scan-campaign")),
    "model": (("refit",), ("predict-model", "scan-model")),
    "m": (("adapt",), ()), "f": (("fit",), ()), "s": (("scan",), ()), "e": (("evaluate",), ()),
    "plate": (("propose",), ()), "screened": (("screen",), ()), "out.csv": (("predict",), ()),
    "t.parquet": (("import",), ()), "new.parquet": (("split",), ()),
    "table.parquet": (("import-anew", "merge"), ("split", "fit", "evaluate")),
    "run": (("train",), ()), "store": (("embed", "train-embed"), ()), "study": (("tune",), ()),
    "stopped": (("train-resumed",), ()), "stored": (("embed-more", "compact"), ("verify",)),
}  # fmt: skip
NETWORKS = frozenset({"train", "tune", "embed", "train-embed", "train-resumed", "embed-more",
                      "compact", "verify"})  # fmt: skip
"""Commands that need torch."""


def _variants(folder: Path, name: str, count: int, seed: int) -> None:
    """Measured variants of one antibody, with a rule that can be learnt."""
    rng = random.Random(seed)
    with (folder / name).open("w", newline="") as out:
        write = csv.writer(out)
        write.writerow(["name", "heavy", "light", "antigen", "KD (nM)"])
        for number in range(count):
            heavy = list(HEAVY)
            for place in rng.sample(range(49, 58), 2):
                heavy[place] = rng.choice("ADEGHKNQRSTVY")
            value = 10 ** (1 - 0.1 * heavy.count("Y") + rng.gauss(0, 0.05))
            write.writerow([f"v{seed}-{number}", "".join(heavy), LIGHT, ANTIGEN, round(value, 4)])


def _results(folder: Path) -> None:
    """A file with the results of the open plate."""
    with (folder / "open/round-01/proposed.csv").open(newline="") as plate:
        wells = list(csv.DictReader(plate))
    with (folder / "results.csv").open("w", newline="") as out:
        write = csv.writer(out)
        write.writerow(["name", "KD (nM)"])
        for number, well in enumerate(wells):
            write.writerow([well["name"], 2.5 + number])


INPUTS: dict[str, tuple[str, ...]] = {
    # what it is -> the command that makes it; without one it is a file that people bring
    "assay.csv": (), "big.csv": (), "library.csv": (), "results.csv": (),
    "table.parquet": ("data", "import", "assay.csv", "--out", "table.parquet"),
    "split.parquet": ("split", "table.parquet", "--strategy", "random", "--folds", "3",
                      "--out", "split.parquet"),
    "parts.parquet": ("split", "table.parquet", "--strategy", "random", "--train", "0.6",
                      "--val", "0.2", "--test", "0.2", "--out", "parts.parquet"),
    "rows.parquet": ("data", "import", "library.csv", "--out", "rows.parquet"),
    "stopped": (*TRAIN[:TRAIN.index("run")], "stopped", *TRAIN[TRAIN.index("run") + 1:],
                "--stop-after", "0.0001"),
    "stored": ("embed", "assay.csv", "--store", "stored", "--encoder", "builtin"),
    "model": ("fit", "table.parquet", "--model", "kmer-ridge", "--out", "model"),
    "assay-model": ("adapt", "assay.csv", "--out", "assay-model"),
    "begun": ("adapt", "assay.csv", "--campaign", "begun"),
    "open": ("propose", "--campaign", "open", *PROPOSE[3:]),
}  # fmt: skip


def compute_little() -> None:
    """Few folds, draws, candidates and no pictures: other numbers, and the same files written."""
    import abag.evaluation.reporting.figures  # noqa: F401
    from abag.maturation.adapt import adaptation, antigens, report, skill
    from abag.maturation.adapt.ranking import spearman_interval
    from abag.maturation.propose import candidates, proposals

    few = candidates.SearchSizes(10, 20, 5, 10, 1, 10, 5)
    judged, find = skill.measure_skill, candidates.find_candidates
    vars(skill)["spearman_interval"] = lambda *a, **b: spearman_interval(*a, **b, resamples=20)
    for module in (adaptation, antigens):
        vars(module)["learning_curve"] = lambda *_, **_more: []
        vars(module)["measure_skill"] = lambda *a, **b: judged(*a, folds=2, **b)[:1]
    vars(report)["_pictures"] = lambda *_: ()
    vars(proposals)["find_candidates"] = lambda *a: find(*a, sizes=few)
    vars(proposals)["naturalness_of"] = lambda *_, **_more: None


def make_inputs(folder: Path, below: Path, wanted: set[str]) -> None:
    """The files that people bring, and what earlier commands made of them."""
    existing = {path.name for path in folder.iterdir()}
    if not existing:
        _variants(folder, "assay.csv", 24, 0)
        _variants(folder, "big.csv", 120, 2)
        _variants(folder, "library.csv", 60, 3)

    def make(name: str) -> None:
        if name in existing or (not INPUTS[name] and name != "results.csv"):
            return
        existing.add(name)
        if name == "results.csv":
            make("open")
            _results(folder)
            return
        if name == "open":
            make("begun")
            shutil.copytree(folder / "begun", folder / "open")
        for needed in {*INPUTS[name]} & {*INPUTS} - {name}:
            make(needed)
        if INPUTS[name]:
            status, _, _ = run(INPUTS[name], folder, below)
            if status:
                raise RuntimeError(f"{INPUTS[name]} ended with {status}: {below.parent / 'log'}")

    for name in sorted(wanted):
        make(name)


def content(folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """What a result holds, apart from the time of day; an embedding store by its records."""
    values: dict[str, Any] = {}
    for name in names:
        place = folder / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            key = str(path.relative_to(folder))
            if path.is_file() and path.name not in APART and UNFINISHED not in key:
                if path.name.startswith("shard-") and path.suffix == ".safetensors":
                    values |= {
                        f"{key} of the store": tensor for key, tensor in _stored(path)[0].items()
                    }
                else:
                    values[key] = _content_of(path)
            elif not path.exists():
                values[key] = "missing"
    return values


def _stored(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Bytes of the tensors of a safetensors file with their types, and its metadata."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__", {})
    return {
        key: (
            entry["dtype"],
            entry["shape"],
            data[slice(*(start + at for at in entry["data_offsets"]))],
        )
        for key, entry in header.items()
    }, metadata


def _content_of(path: Path) -> Any:
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text()))
    if path.name == "training_history.csv":
        rows = csv.DictReader(io.StringIO(path.read_text()))
        return [_timeless(row) for row in rows]
    if path.suffix == ".safetensors":
        tensors, metadata = _stored(path)
        return tensors, _timeless({key: _parsed(value) for key, value in metadata.items()})
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(part) for key, part in value.items() if key not in CLOCK}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def leftovers(below: Path) -> list[str]:
    """Names that only something unfinished has, and what stands in the temporary folder."""
    return [str(path) for path in below.rglob("*")
            if UNFINISHED in path.name or path.name.endswith((".partial", ".new"))
            or path.parent == below / "tmp"]  # fmt: skip
