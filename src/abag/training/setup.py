"""What a run starts from: its recipe, files, encoders and device, and how they are recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from abag.data.build import load_table
from abag.data.splits import Split
from abag.data.tables import Measurements
from abag.encoders.protocol import Encoder
from abag.errors import FileFormatError, MissingFileError, OptionError
from abag.files import make_folder, read_json, require_folder, sha256_of, write_json
from abag.training.engine.rows import TrainingTable, training_rows
from abag.training.recipe import Recipe, parse_recipe
from abag.version import VERSION

if TYPE_CHECKING:
    import torch

RECIPE: Final = "recipe.json"
RUN: Final = "run.json"


@dataclass(frozen=True, slots=True)
class Sources:
    """The files that a run reads."""

    table: Path
    split: Path
    holdout: str | None = None
    store: Path | None = None
    antibody_folder: Path | None = None
    """Where the antibody encoder's files lie, instead of the hub."""
    antigen_folder: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Absolute paths, so that a run can be resumed from elsewhere."""
        return {
            key: str(value.resolve()) if isinstance(value, Path) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Sources:
        """The inverse of :meth:`as_json`."""
        paths = {k: Path(v) for k, v in content.items() if v is not None and k != "holdout"}
        return cls(holdout=content.get("holdout"), **paths)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is carried out; nothing here changes what comes out."""

    device: str = "auto"
    seconds: float | None = None
    """Training time after which to stop with a saved state."""
    save_steps: int | None = None
    """Steps between saved states; by default about a minute lies between them."""
    trackers: tuple[str, ...] = ()
    """Of ``tensorboard``, ``wandb``, ``mlflow``."""
    test: bool = True
    """Whether the test part is looked at, at the end."""
    audit: bool = True
    """Whether the split is audited for the report."""
    report: bool = True
    """Whether the pictures and report.html are made."""
    resamples: int = 1000
    """Bootstrap resamples of the test figures."""
    tell: Callable[[str], None] | None = None
    """Takes notes and warnings as they arise."""


@dataclass(frozen=True)
class Setup:
    """Everything that was read and checked before training."""

    recipe: Recipe
    sources: Sources
    table: Measurements
    """The whole table."""
    split: Split
    rows: TrainingTable
    antibody_encoder: Encoder
    antigen_encoder: Encoder
    device: torch.device
    identity: dict[str, str]
    manifest: dict[str, Any]
    """Manifest that lies beside the table; empty where there is none."""


def read_setup(
    recipe: Recipe,
    sources: Sources,
    device: torch.device,
    encoders: tuple[Encoder, Encoder] | None = None,
) -> Setup:
    """Read and check the inputs of a run; nothing is written.

    Raises:
        SchemaError, SplitError, ModelError, OptionError: see :func:`training_rows`.
        EncoderError, UnavailableError: an encoder cannot be opened.
    """
    table = load_table(sources.table)
    split = Split.load_for(sources.split, table)
    rows = training_rows(table, split, sources.holdout, recipe)
    antibody, antigen = encoders or open_encoders(recipe, sources, str(device))
    identity = {
        "recipe": recipe_digest(recipe),
        "table_sha256": sha256_of(sources.table),
        "split_digest": split.digest,
        "part": rows.part,
        "encoders": json.dumps(
            [asdict(antibody.identity), asdict(antigen.identity)], sort_keys=True
        ),
    }
    path = sources.table.with_suffix(".manifest.json")
    content = read_json(path) if path.is_file() else {}
    manifest = content if isinstance(content, dict) else {}
    return Setup(recipe, sources, table, split, rows, antibody, antigen, device, identity, manifest)


def open_encoders(recipe: Recipe, sources: Sources, device: str) -> tuple[Encoder, Encoder]:
    """Both encoders of a recipe; one object where they are the same."""
    from abag.encoders.adapters.opening import open_encoder

    network = recipe.network
    folders = (sources.antibody_folder, sources.antigen_folder)
    antibody = open_encoder(network.antibody.id, folder=folders[0], device=device)
    if (network.antigen.id, folders[1]) == (network.antibody.id, folders[0]):
        return antibody, antibody
    return antibody, open_encoder(network.antigen.id, folder=folders[1], device=device)


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of a recipe's values."""
    return hashlib.sha256(json.dumps(recipe.as_json(), sort_keys=True).encode()).hexdigest()


def require_new_run(out: Path, marker: str = RUN, begun: Collection[str] = (RECIPE,)) -> None:
    """Make the folder of a new run.

    Args:
        out: the folder.
        marker: file that says that it holds a run.
        begun: files that a run may have left that was stopped before there was a marker.

    Raises:
        OptionError: it holds a run or other files.
        FileFormatError: it cannot be made.
    """
    if (out / marker).exists():
        raise OptionError(f"{out} holds a run already; use --resume {out} or another folder")
    make_folder(out)
    other_files = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    if set(other_files) - set(begun):
        raise OptionError(
            f"{out} holds other files ({', '.join(other_files[:3])}); name a new folder"
        )


def begin(out: Path, setup: Setup, trackers: Sequence[str]) -> None:
    """Record what a new run starts from, in a folder that is locked.

    Raises:
        OptionError: another process began a run there meanwhile.
        FileFormatError: it cannot be written.
    """
    require_new_run(out)
    write_json(out / RECIPE, setup.recipe.as_json(), seal=True)
    write_run(out, setup, trackers, "training")


def write_run(out: Path, setup: Setup, trackers: Sequence[str], status: str, **more: Any) -> None:
    """Write ``run.json``: what a run started from, who follows it, and how it stands."""
    rows = setup.rows
    content = {
        "abag_version": VERSION,
        "recipe": setup.recipe.name,
        "sources": setup.sources.as_json(),
        "identity": setup.identity,
        "split": {key: setup.split.summary()[key] for key in ("strategy", "parameters", "seed")},
        "rows": {
            "table": setup.table.height,
            "train": len(rows.train),
            "val": len(rows.val),
            "test": len(rows.test),
        },
        "assays": list(rows.assays),
        "part": rows.part,
        "notes": list(rows.notes),
        "manifest": setup.manifest,
        "trackers": list(trackers),
        "status": status,
        **more,
    }
    write_json(out / RUN, content, seal=True)


def read_run(run: Path) -> tuple[Recipe, Sources, dict[str, Any]]:
    """Recipe, sources and ``run.json`` of a run.

    Raises:
        MissingFileError, FileFormatError: the folder is no run, or its files are damaged.
    """
    require_folder(run)
    if not (run / RUN).exists():
        raise MissingFileError(
            f"{run} is no run of abag train (it has no {RUN}); start one with --out"
        )
    content = read_json(run / RUN)
    if not isinstance(content, dict) or "sources" not in content:
        raise FileFormatError(f"{run / RUN} does not describe a run; start a new one")
    recipe = parse_recipe(read_json(run / RECIPE), str(run / RECIPE))
    return recipe, Sources.from_json(content["sources"]), content
