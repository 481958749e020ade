"""The complete state of a run in one safetensors file, ``state.safetensors``.

It holds the trained weights, the optimiser's moments, the running mean of the weights, the best
weights so far, and as JSON where the run is: step, sums of the unfinished epoch, history, early
stop, plateau rule, monitor. Random numbers need no state: order and dropout are functions of
(seed, epoch) and (seed, step, batch). A file is written under a temporary name, flushed, read back
and checked, and renamed; the one before is kept, and read where the last one is damaged.
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
from abag.training.engine.optimiser_state import optimiser_tensors, restore_optimiser
from abag.training.engine.schedule import Plateau
from abag.training.monitors import Monitor

LAST: Final = "state.safetensors"
PREVIOUS: Final = "state.previous.safetensors"
WEIGHTS: Final = "checkpoint.safetensors"
FORMAT: Final = 2
_JSON: Final = {"identity", "progress", "monitor", "plateau"}

IDENTITY: Final[dict[str, str]] = {
    "recipe": "another recipe (recipe.json was changed)",
    "table_sha256": "another data table, or the table has changed since",
    "split_digest": "another split, or the split has changed since",
    "part": "another test part",
    "encoders": "other encoders (id, revision, adapters or arithmetic)",
}
"""What ties a state to its run, and what is said where it differs."""


@dataclass
class Progress:
    """Where a run is, in plain values."""

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
    """Everything that changes while a run trains."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    monitor: Monitor
    plateau: Plateau
    progress: Progress = field(default_factory=Progress)
    ema: dict[str, Tensor] = field(default_factory=dict)
    """Running mean of the weights; empty where the recipe keeps none."""
    best: dict[str, Tensor] = field(default_factory=dict)
    """Weights of the best epoch."""

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under distinct names."""
        tensors = {f"model.{n}": t.detach() for n, t in self.network.state_dict().items()}
        tensors |= {f"ema.{name}": tensor for name, tensor in self.ema.items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        tensors |= optimiser_tensors(self.network, self.optimiser)
        return {name: tensor.cpu().contiguous().clone() for name, tensor in tensors.items()}

    def plain(self) -> dict[str, Any]:
        """All plain values."""
        return {
            "progress": vars(self.progress),
            "monitor": self.monitor.state(),
            "plateau": self.plateau.state(),
        }

    def restore(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        """Go on from what :meth:`tensors` and :meth:`plain` gave."""
        self.network.load_state_dict(_under(tensors, "model"))
        self.ema, self.best = (
            {name: tensor.to(self._device) for name, tensor in _under(tensors, part).items()}
            for part in ("ema", "best")
        )
        restore_optimiser(self.network, self.optimiser, tensors)
        self.progress = Progress(**plain["progress"])
        self.monitor.restore(plain["monitor"])
        self.plateau.restore(plain["plateau"])

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


@dataclass(frozen=True)
class StateFile:
    """A file of state and the one before it, under the promises of this module."""

    last: str
    previous: str
    identity: Mapping[str, str]
    """What ties a state to its run, and what is said where it differs."""

    def write(
        self,
        run: Path,
        tensors: Mapping[str, Tensor],
        plain: Mapping[str, Any],
        identity: Mapping[str, str],
    ) -> None:
        """Replace the state of a run; the one before is kept.

        Raises:
            FileFormatError: the disk is full or the folder cannot be written; the earlier state
                is whole.
        """
        metadata = {
            "format": str(FORMAT),
            "identity": json.dumps(dict(identity), sort_keys=True),
            **{key: json.dumps(value) for key, value in plain.items()},
        }
        write_tensors(run / self.last, tensors, metadata, keep=run / self.previous)

    def read(
        self,
        run: Path,
        identity: Mapping[str, str],
        restore: Callable[[Mapping[str, Tensor], Mapping[str, Any]], None],
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
                tensors, metadata = read_tensors(run / name, sealed=True)
                if metadata.get("format") != str(FORMAT):
                    raise FileFormatError(f"{run / name} is no training state of this abag")
            except FileFormatError as error:
                faults.append(str(error))
                continue
            plain = {key: json.loads(value) for key, value in metadata.items() if key in _JSON}
            self.require(run / name, plain.get("identity", {}), identity)
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
        raise MissingFileError(f"{run} has no state to resume from")

    def require(self, path: Path, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        """Raise :class:`FileFormatError`, saying what differs, unless a state is of its run."""
        differing = [
            what for key, what in self.identity.items() if found.get(key) != wanted.get(key)
        ]
        if differing:
            raise FileFormatError(
                f"{path} was made with {'; '.join(differing)}. Give back what it was made with, "
                "or start a new run with --out"
            )


STATE: Final = StateFile(LAST, PREVIOUS, IDENTITY)


def save_state(run: Path, state: TrainingState, identity: Mapping[str, str]) -> None:
    """Replace the state of a run, as :meth:`StateFile.write`."""
    STATE.write(run, state.tensors(), state.plain(), identity)


def load_state(run: Path, state: TrainingState, identity: Mapping[str, str]) -> str:
    """Restore the last whole state, as :meth:`StateFile.read`; returns the name of its file."""
    return STATE.read(run, identity, state.restore)


def copied(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Copies of named tensors, without their graph."""
    return {name: tensor.detach().clone() for name, tensor in tensors}


def _under(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    head = f"{part}."
    return {name[len(head) :]: t for name, t in tensors.items() if name.startswith(head)}
