"""The state that training continues from: weights, optimiser and progress in one file.

It holds the trained weights, the optimiser's moments, whatever else a kind of training keeps (such
as a running mean of the weights), and as JSON where the run is. Random numbers need no state: order
and dropout are functions of (seed, epoch) and (seed, step, batch). A file is written under a
temporary name, flushed, read back and checked, and renamed; its digest covers the tensors and every
text in it. The file before is kept, and read where the last one is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from abag.errors import FileFormatError, MissingFileError
from abag.files import read_tensors, write_tensors
from abag.training.engine.schedule import Plateau
from abag.training.monitors import Monitor

LAST: Final = "state.safetensors"
PREVIOUS: Final = "state.previous.safetensors"
WEIGHTS: Final = "checkpoint.safetensors"
FORMAT: Final = 2
OPTIMISER: Final = "optimiser"
Tensors = Mapping[str, Tensor]
WATCHERS: Final = ("monitor", "plateau")
_JSON: Final = {"identity", "progress", *WATCHERS}

IDENTITY: Final[dict[str, str]] = {
    "recipe": "another recipe (recipe.json was changed)",
    "table_sha256": "another data table, or the table has changed since",
    "split_digest": "another split, or the split has changed since",
    "part": "another test part",
    "encoders": "other encoders (id, revision, adapters or arithmetic)",
}
"""What ties a state to its run, with the text of the message where it differs."""


@dataclass
class Progress:
    """Where the training of a network is, in plain values."""

    step: int = 0
    """Optimiser steps done; epoch and place in it follow from the plan."""
    loss_sum: float = 0.0
    """Sum of the losses of the unfinished epoch's rows."""
    rows: int = 0
    """Rows of the unfinished epoch that are done."""
    seconds: float = 0.0
    """Wall time of the unfinished epoch, over all parts of the run."""
    train_seconds: float = 0.0
    """That of its steps alone."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """One row for each finished epoch."""
    best: float | None = None
    best_epoch: int = 0
    """Epoch (from 1) of the kept weights; 0 before the first."""
    waited: int = 0
    """Epochs since then."""
    ended: str = ""
    """Why training ended; empty while it goes on."""


@dataclass
class TrainingState:
    """Everything that changes while anything is trained."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    progress: Any
    """Where it is, as a dataclass of plain values with ``step`` and ``seconds``."""

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under distinct names; the optimiser's as ``optimiser.KEY.WEIGHT``."""
        names = self.weights()
        return {f"model.{name}": tensor for name, tensor in self.network.state_dict().items()} | {
            f"{OPTIMISER}.{key}.{names[number]}": torch.as_tensor(value)
            for number, moments in self.optimiser.state_dict()["state"].items()
            for key, value in moments.items()
        }

    def plain(self) -> dict[str, Any]:
        """All plain values."""
        return {"progress": vars(self.progress)}

    def restore(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        """Go on from what :meth:`tensors` and :meth:`plain` gave."""
        self.network.load_state_dict(_under(tensors, "model"))
        number_of = {name: number for number, name in enumerate(self.weights())}
        moments: dict[int, dict[str, Tensor]] = {}
        for full, tensor in _under(tensors, OPTIMISER).items():
            key, _, name = full.partition(".")
            moments.setdefault(number_of[name], {})[key] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.progress = type(self.progress)(**plain["progress"])

    def weights(self) -> list[str]:
        """Names of the weights in the order in which the optimiser counts them."""
        name = {
            id(parameter): weight_name for weight_name, parameter in self.network.named_parameters()
        }
        return [name[id(p)] for group in self.optimiser.param_groups for p in group["params"]]


@dataclass
class NetworkState(TrainingState):
    """Everything that changes while a network of a recipe is trained."""

    progress: Progress
    monitor: Monitor
    plateau: Plateau
    ema: dict[str, Tensor] = field(default_factory=dict)
    """Running mean of the weights; empty where the recipe keeps none."""
    best: dict[str, Tensor] = field(default_factory=dict)
    """Weights of the best epoch."""

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under distinct names."""
        averages_and_best = {f"ema.{name}": tensor for name, tensor in self.ema.items()}
        averages_and_best |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        return super().tensors() | averages_and_best

    def plain(self) -> dict[str, Any]:
        """All plain values."""
        return super().plain() | {name: remembered_by(getattr(self, name)) for name in WATCHERS}

    def restore(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        """Go on from what :meth:`tensors` and :meth:`plain` gave."""
        super().restore(tensors, plain)
        device = next(self.network.parameters()).device
        self.ema, self.best = (
            {name: tensor.to(device) for name, tensor in _under(tensors, part).items()}
            for part in ("ema", "best")
        )
        for name in WATCHERS:
            vars(getattr(self, name)).update(plain[name])


@dataclass(frozen=True)
class StateFile:
    """A file of state and the one before it, under the promises of this module."""

    last: str
    previous: str
    identity: Mapping[str, str]
    """What ties a state to its run, with the text of the message where it differs."""

    older: Callable[[Tensors, Mapping[str, str]], tuple[Tensors, dict[str, Any]]] | None = None
    """Reads a file from before there was a format: tensors and plain values of today."""

    def write(self, run: Path, state: TrainingState, identity: Mapping[str, str]) -> None:
        """Replace the state of a run; the one before is kept.

        Raises:
            FileFormatError: the disk is full or the folder cannot be written; the earlier state
                is whole.
        """
        metadata = {
            "format": str(FORMAT),
            "identity": json.dumps(dict(identity), sort_keys=True),
            **{key: json.dumps(value) for key, value in state.plain().items()},
        }
        write_tensors(run / self.last, state.tensors(), metadata, keep=run / self.previous)

    def read(
        self,
        run: Path,
        identity: Mapping[str, str],
        restore: Callable[[Tensors, Mapping[str, Any]], None],
    ) -> str:
        """Give the tensors and plain values of the last whole state to ``restore``.

        Returns the name of the file that was read.

        Raises:
            MissingFileError: the run has no state yet.
            FileFormatError: no state is whole, or it belongs to another run.
        """
        faults = []
        for name in (self.last, self.previous):
            if not (run / name).is_file():
                continue
            try:
                tensors, plain = self._read(run / name)
            except FileFormatError as error:
                faults.append(str(error))
                continue
            self.require(run / name, plain.pop("identity", identity), identity)
            try:
                restore(tensors, plain)
            except (RuntimeError, KeyError, TypeError, ValueError) as error:
                raise FileFormatError(
                    f"{run / name} does not fit the network of this run: {error}"
                ) from None
            return name
        if faults:
            raise FileFormatError(
                "; ".join(faults) + ". Copy one of them again, or start a new run"
            )
        raise MissingFileError(f"{run} has no checkpoint to resume from; start a new run")

    def _read(self, path: Path) -> tuple[Tensors, dict[str, Any]]:
        tensors, metadata = read_tensors(path, sealed=True)
        if "format" not in metadata and self.older is not None:
            return self.older(tensors, metadata)
        if metadata.get("format") != str(FORMAT):
            raise FileFormatError(f"{path} is no training state of this abag")
        plain = {key: json.loads(value) for key, value in metadata.items() if key in _JSON}
        return tensors, {"identity": {}, **plain}

    def require(self, path: Path, saved: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        """Raise :class:`FileFormatError`, saying what differs, unless a state is of its run."""
        differing = [
            differing_part
            for key, differing_part in self.identity.items()
            if saved.get(key) != wanted.get(key)
        ]
        if differing:
            raise FileFormatError(
                f"{path} was made with {'; '.join(differing)}. Give back what it was made with, "
                "or start a new run with --out"
            )


STATE: Final = StateFile(LAST, PREVIOUS, IDENTITY)


def remembered_by(watcher: Monitor | Plateau) -> dict[str, Any]:
    """State of a watcher of the epochs, in plain values: all but its settings."""
    return {k: v for k, v in vars(watcher).items() if k not in ("config", "higher_is_better")}


def copied(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Copies of named tensors, without their graph."""
    return {name: tensor.detach().clone() for name, tensor in tensors}


def _under(tensors: Tensors, part: str) -> dict[str, Tensor]:
    head = f"{part}."
    return {name[len(head) :]: t for name, t in tensors.items() if name.startswith(head)}
