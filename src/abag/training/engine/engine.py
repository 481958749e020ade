"""The engine of all training: steps until the end, and states to go on from.

Whatever is trained (a network, the adapters of its encoders, the built-in encoder), after any step
its weights depend on its settings, its data and the number of the step alone. So a run that was
killed and resumed ends with the same bits as one that was not (on CPU, one process, one number of
threads; GPU kernels add in an order of their own).
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from torch import Tensor, nn

from abag import progress as display
from abag.errors import ModelError
from abag.files import write_json
from abag.training.engine.checkpoint import StateFile, TrainingState
from abag.training.engine.world import World

SAVE_SECONDS: Final = 60.0
"""A state is written at least this often, where no number of steps is set."""
SHOWN_IDS: Final = 5


@dataclass(kw_only=True)
class TrainingEngine(ABC):
    """A run in memory; :meth:`train` goes on from its state to the end or to a time limit."""

    title: ClassVar[str]
    """Title of the progress bar."""
    members: ClassVar[str] = "Rows"
    """Noun for the members of a batch, for messages."""
    rate_key: ClassVar[str] = "optimiser.lr"
    """Setting of the learning rate, for messages."""

    state: TrainingState
    """The changing part of a run; training continues from it."""
    run: Path
    """Folder of the saved state."""
    file: StateFile
    identity: Mapping[str, str]
    """What ties the saved state to the run."""
    device: torch.device
    clip_norm: float
    """Norm to which gradients are scaled down."""
    world: World = field(default_factory=World)
    """The processes that share each step; the first one writes."""
    save_steps: int | None = None
    """Steps between saved states; by default one is written every :data:`SAVE_SECONDS`."""
    status_line: str = field(default="", init=False)
    """How the run stands, for its progress bar."""
    _mark: float = field(default_factory=time.monotonic, init=False)
    _saved: float = field(default=0.0, init=False)

    @property
    @abstractmethod
    def most_steps(self) -> int:
        """Steps until the end, those that are done included."""

    @property
    def has_ended(self) -> bool:
        """Whether no step is left."""
        return bool(self.state.progress.step >= self.most_steps)

    @abstractmethod
    def step(self) -> None:
        """One optimiser step (see :meth:`update`), and what follows from it in the state."""

    def train(self, seconds: float | None = None) -> bool:
        """Train; returns whether training has ended. A state is written at the end too.

        Raises:
            ModelError: a loss or a gradient is no number; what was in the step is named.
            FileFormatError: a state cannot be written; the one before is whole.
        """
        began = self._saved = self._mark = time.monotonic()
        with display.task(self.title, self.most_steps) as bar:
            bar.advance(self.state.progress.step)
            while not self.has_ended:
                self.step()
                bar.advance()
                bar.describe(self.status_line)
                # The first process decides for all, or they would wait for each other.
                late = seconds is not None and time.monotonic() - began >= seconds
                if seconds is not None and self.world.broadcast([float(late)], self.device)[0]:
                    break
                if self._is_save_due() and not self.has_ended:
                    self.save()
        self.save()
        return self.has_ended

    def update(
        self,
        losses: Sequence[float],
        names: Callable[[], Iterable[Sequence[str]]],
        rate: float | None = None,
    ) -> float:
        """Take the step whose gradients are there; returns their norm before clipping.

        Args:
            losses: of the batches; their sum is the loss of the step.
            names: gives what is in each batch, for the message where a number is not finite.
            rate: learning rate of the step; None leaves those of the optimiser.
        """
        # Clip after the sum over processes: each alone would clip its share by another factor, and
        # the step would depend on how many processes share it.
        self.world.sum_gradients(self.clipped())
        norm = float(nn.utils.clip_grad_norm_(self.clipped(), self.clip_norm))
        # Before any weight moves: a step that is not finite leaves a run that can be resumed.
        if not (math.isfinite(sum(losses)) and math.isfinite(norm)):
            raise self.not_finite(losses, norm, list(names()))
        if rate is not None:
            for group in self.state.optimiser.param_groups:
                group["lr"] = rate
        self.state.optimiser.step()
        self.state.optimiser.zero_grad(set_to_none=True)
        self.state.progress.step += 1
        return norm

    def clipped(self) -> Iterable[Tensor]:
        """The weights whose gradients are clipped together, always in one order."""
        return self.state.network.parameters()

    def not_finite(
        self, losses: Sequence[float], norm: float, batches: Sequence[Sequence[str]]
    ) -> ModelError:
        """Write which rows were in a step that gave no number; the error that says so."""
        step, path = self.state.progress.step, self.run / "nonfinite.json"
        if self.world.is_first:
            content: dict[str, Any] = {"step": step, "gradient_norm": str(norm)}
            content["batches"] = [
                {"loss": str(loss), "record_ids": list(names)}
                for loss, names in zip(losses, batches, strict=True)
            ]
            write_json(path, content)
        faulty = [batch for batch, loss in enumerate(losses) if not math.isfinite(loss)]
        names = [name for batch in faulty or range(len(batches)) for name in batches[batch]]
        shown = ", ".join(names[:SHOWN_IDS]) + (", ..." if len(names) > SHOWN_IDS else "")
        return ModelError(
            f"{self.title}, step {step}: the loss is {sum(losses)} and the gradient norm "
            f"{norm:.3g}; training stopped before the step. {self.members} of the batch: {shown} "
            f"(all in {path}). The last saved state is whole; look at them, or start a new run "
            f"with a lower {self.rate_key}"
        )

    def clock(self) -> None:
        """Count the time that has passed since the last call."""
        now = time.monotonic()
        self.state.progress.seconds += now - self._mark
        self._mark = now

    def save(self) -> None:
        """Replace the saved state."""
        self.clock()
        self._saved = self._mark
        if self.world.is_first:
            self.file.write(self.run, self.state, self.identity)

    def _is_save_due(self) -> bool:
        if self.save_steps is not None:
            return bool(self.state.progress.step % self.save_steps == 0)
        return time.monotonic() - self._saved >= SAVE_SECONDS


def seed_of(*entropy: int) -> int:
    """A seed for torch from numbers such as (seed, kind of draw, step, batch)."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)


def make_adamw(
    parameters: Iterable[Tensor], lr: float, weight_decay: float, **options: Any
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); biases and normalisations do not decay."""
    return torch.optim.AdamW(decaying(parameters, weight_decay), lr=lr, **options)


def decaying(parameters: Iterable[Tensor], weight_decay: float) -> list[dict[str, Any]]:
    """Two groups of weights: matrices, which decay, and the others, which do not."""
    weights = list(parameters)
    return [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
