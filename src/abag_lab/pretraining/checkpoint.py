"""The complete state of a run in one safetensors file: weights, optimiser, place, loss curve.

Random numbers need no state: order, views and masks are functions of (seed, epoch) and
(seed, step). A checkpoint is written under a temporary name, flushed and renamed; the one before
it is kept, and read when the last one is damaged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from abag.errors import FileFormatError, MissingFileError
from abag.files import read_tensors, write_tensors
from abag.training.engine.optimiser_state import optimiser_tensors, restore_optimiser

LAST: Final = "checkpoint.safetensors"
PREVIOUS: Final = "checkpoint.previous.safetensors"
FORMAT: Final = 2


@dataclass
class PretrainingProgress:
    """Where a run is."""

    step: int = 0
    """Steps done."""
    epoch: int = 0
    position: int = 0
    """Batches of this epoch that are done."""
    tokens: int = 0
    """Residues and chain tokens seen, without padding."""
    seconds: float = 0.0
    """Wall time over all parts of the run."""
    curve: list[dict[str, float]] = field(default_factory=list)
    """Rows of the loss curve so far."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """Settings changed on resuming, with the step at which."""


def save(
    run: Path,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    progress: PretrainingProgress,
    identity: str,
) -> None:
    """Write the state; ``identity`` ties it to the config and the corpus of the run."""
    tensors: dict[str, Tensor] = {f"model.{n}": p.detach() for n, p in model.named_parameters()}
    tensors |= optimiser_tensors(model, optimiser)
    metadata = {
        "format": str(FORMAT),
        "identity": identity,
        "progress": json.dumps(vars(progress)),
    }
    write_tensors(run / LAST, tensors, metadata, keep=run / PREVIOUS)


def load(
    run: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, identity: str
) -> tuple[PretrainingProgress, str]:
    """Restore the last whole checkpoint; returns where it was and the name of its file.

    Raises:
        MissingFileError: the run has no checkpoint.
        FileFormatError: no checkpoint is whole, or it belongs to another config or corpus.
    """
    faults = []
    for name in (LAST, PREVIOUS):
        if not (run / name).is_file():
            continue
        try:
            tensors, metadata = read_tensors(run / name, sealed=True)
            if metadata.get("format") != str(FORMAT):
                raise FileFormatError(f"{run / name} is no checkpoint of this abag")
        except FileFormatError as error:
            faults.append(str(error))
            continue
        if metadata.get("identity") != identity:
            raise FileFormatError(
                f"{run / name} was made with another config or corpus; start a new run"
            )
        _restore(tensors, model, optimiser, run / name)
        return PretrainingProgress(**json.loads(metadata["progress"])), name
    if faults:
        raise FileFormatError("; ".join(faults) + ". Copy one of them again, or start a new run")
    raise MissingFileError(f"{run} has no checkpoint to resume from")


def _restore(
    tensors: dict[str, Tensor],
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    path: Path,
) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if f"model.{name}" not in tensors:
                raise FileFormatError(f"{path} lacks the weights {name}")
            parameter.copy_(tensors[f"model.{name}"])
    restore_optimiser(model, optimiser, tensors)
