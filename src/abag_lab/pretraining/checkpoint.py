"""The complete state of a run in one safetensors file: weights, optimiser, place, loss curve.

Random numbers need no state: order, views and masks are functions of (seed, epoch) and
(seed, step). Files are written and read as :class:`abag.training.engine.checkpoint.StateFile` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from abag.training.engine.checkpoint import StateFile
from abag.training.engine.optimiser_state import optimiser_tensors, restore_optimiser

LAST: Final = "checkpoint.safetensors"
PREVIOUS: Final = "checkpoint.previous.safetensors"
CHECKPOINT: Final = StateFile(LAST, PREVIOUS, {"run": "another config or corpus"})


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
    CHECKPOINT.write(run, tensors, {"progress": vars(progress)}, {"run": identity})


def load(
    run: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, identity: str
) -> tuple[PretrainingProgress, str]:
    """Restore the last whole checkpoint; returns where it was and the name of its file.

    Raises:
        MissingFileError: the run has no checkpoint.
        FileFormatError: no checkpoint is whole, or it belongs to another config or corpus.
    """
    progress = PretrainingProgress()

    def restore(tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(tensors[f"model.{name}"])
        restore_optimiser(model, optimiser, tensors)
        vars(progress).update(vars(PretrainingProgress(**plain["progress"])))

    name = CHECKPOINT.read(run, {"run": identity}, restore)
    return progress, name
