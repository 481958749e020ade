"""How the built-in encoder is trained: AdamW with warm-up and cosine, and a loss curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from abag.encoders.adapters.builtin_model import BuiltinModel, Shape, padded
from abag.encoders.devices import chosen_device
from abag.training.engine.checkpoint import StateFile, TrainingState
from abag.training.engine.engine import TrainingEngine, make_adamw
from abag.training.engine.loop import autocast
from abag_lab.pretraining.config import PretrainConfig
from abag_lab.pretraining.curve import write_curve
from abag_lab.pretraining.views import Item, Masked, View, epoch_batches, step_masks

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


def make_model(config: PretrainConfig) -> BuiltinModel:
    """A network with weights drawn from the seed."""
    model = BuiltinModel(Shape(**config.model_dump(include=set(Shape.model_fields))))
    model.initialise(torch.Generator().manual_seed(config.seed))
    return model


def first_state(config: PretrainConfig) -> TrainingState:
    """The state before the first step, on the device that trains; sets the number of threads."""
    if config.threads:
        torch.set_num_threads(config.threads)
    model = make_model(config).to(chosen_device("auto"))
    betas = (0.9, config.second_moment_decay)
    optimiser = make_adamw(
        model.parameters(), config.learning_rate, config.weight_decay, betas=betas
    )
    return TrainingState(model, optimiser, PretrainingProgress())


def learning_rate(step: int, config: PretrainConfig) -> float:
    """Rate of a step (from 0): linear warm-up, then a cosine down to ``final_rate_share``."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    decay_share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, decay_share)))
    return config.learning_rate * (config.final_rate_share + (1 - config.final_rate_share) * cosine)


def masked_loss(
    model: BuiltinModel, batch: Sequence[Masked], device: torch.device
) -> Float[Tensor, " hidden"]:
    """Negative log-likelihood (nats) of each hidden residue of a batch, in its order."""
    codes = padded([masked.codes for masked in batch])
    row = np.repeat(np.arange(len(batch)), [masked.places.size for masked in batch])
    place = np.concatenate([masked.places for masked in batch])
    target = torch.from_numpy(np.concatenate([masked.targets for masked in batch])).to(device)
    rows = model(codes.to(device))
    chosen = rows[torch.from_numpy(row).to(device), torch.from_numpy(place).to(device)]
    return functional.cross_entropy(model.logits(chosen).float(), target, reduction="none")


@dataclass(kw_only=True)
class PretrainingTrainer(TrainingEngine):
    """The training of the built-in encoder."""

    title = "pre-training"
    members = "Molecules"
    rate_key = "learning_rate"

    config: PretrainConfig
    items: Sequence[Item]
    held_out: Sequence[Masked]
    file: StateFile = CHECKPOINT
    clip_norm: float = field(init=False)
    _batches: tuple[int, list[list[View]]] = field(default=(-1, []), init=False)
    """Number and batches of the latest epoch."""
    _window: list[float] = field(default_factory=list, init=False)
    """Losses since the last row of the curve."""

    def __post_init__(self) -> None:
        self.clip_norm, self.save_steps = self.config.clip_norm, self.config.checkpoint_every

    @property
    def model(self) -> BuiltinModel:
        """The network in training, with its present weights."""
        return cast(BuiltinModel, self.state.network)

    @property
    def most_steps(self) -> int:
        """Steps of the config."""
        return self.config.steps

    def step(self) -> None:
        """The next batch of its epoch, and a row of the curve now and then."""
        progress, config = self.state.progress, self.config
        if progress.position == len(self._batches_of(progress.epoch)):
            progress.epoch, progress.position = progress.epoch + 1, 0
        batch = self._batches_of(progress.epoch)[progress.position]
        masked = step_masks(self.items, batch, config, progress.step)
        self.model.train()
        with autocast(config.precision, self.device):
            loss = masked_loss(self.model, masked, self.device).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        value, rate = loss.item(), learning_rate(progress.step, config)
        norm = self.update([value], lambda: [[self.items[v.item].id for v in batch]], rate)
        progress.position += 1
        progress.tokens += sum(len(molecule.codes) for molecule in masked)
        self._window.append(value)
        self.clock()
        if progress.step % config.log_every == 0 or self.has_ended:
            self._log(norm)

    def _batches_of(self, epoch: int) -> list[list[View]]:
        if self._batches[0] != epoch:
            self._batches = epoch, epoch_batches(self.items, self.config, epoch)
        return self._batches[1]

    def _log(self, norm: float) -> None:
        progress, config = self.state.progress, self.config
        row = {
            "step": float(progress.step),
            "epoch": float(progress.epoch),
            "tokens": float(progress.tokens),
            "seconds": round(progress.seconds, 3),
            "learning_rate": learning_rate(progress.step - 1, config),
            "gradient_norm": norm,
            "loss": sum(self._window) / len(self._window),
        }
        last = max((r["step"] for r in progress.curve if "held_out_loss" in r), default=0.0)
        if self.held_out and (progress.step >= last + config.evaluate_every or self.has_ended):
            row["held_out_loss"] = self._held_out_loss()
        progress.curve.append(row)
        self._window = []
        residues = progress.tokens / max(progress.seconds, 1e-9)
        self.status_line = f"loss {row['loss']:.3f}, {residues:,.0f} residues/s"

    def _held_out_loss(self) -> float:
        self.model.eval()
        total, count = 0.0, 0
        with torch.inference_mode(), autocast(self.config.precision, self.device):
            for batch in by_budget(self.held_out, self.config.tokens_per_batch):
                losses = masked_loss(self.model, batch, self.device)
                total, count = total + losses.sum().item(), count + losses.numel()
        return total / count

    def save(self) -> None:
        """Replace the saved state, and write its loss curve."""
        super().save()
        write_curve(self.run, self.state.progress.curve)


def by_budget(masked: Sequence[Masked], budget: int) -> list[list[Masked]]:
    """Batches of at most ``budget`` padded tokens, shortest first."""
    batches: list[list[Masked]] = []
    for molecule in sorted(masked, key=lambda m: len(m.codes)):
        if not batches or (len(batches[-1]) + 1) * len(molecule.codes) > budget:
            batches.append([])
        batches[-1].append(molecule)
    return batches
