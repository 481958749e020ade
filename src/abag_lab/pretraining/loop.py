"""The training loop: one batch a step, AdamW, warm-up and cosine, a checkpoint now and then.

After any step the weights depend on (config, corpus, step) alone, so a run that was stopped and
resumed ends with the same bits as one that was not (on CPU, with one thread count; GPU kernels
add in an order of their own).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from abag import progress as display
from abag.encoders.adapters.builtin_model import BuiltinModel, Shape, padded
from abag.errors import ModelError
from abag_lab.pretraining.checkpoint import PretrainingProgress, save
from abag_lab.pretraining.config import PretrainConfig
from abag_lab.pretraining.views import Item, Masked, View, epoch_batches, step_masks


def make_model(config: PretrainConfig) -> BuiltinModel:
    """A network with weights drawn from the seed."""
    shape = Shape(
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        feed_forward=config.feed_forward,
    )
    model = BuiltinModel(shape)
    model.initialise(torch.Generator().manual_seed(config.seed))
    return model


def make_optimiser(model: nn.Module, config: PretrainConfig) -> torch.optim.AdamW:
    """AdamW in the model's order of parameters; biases and normalisations do not decay."""
    groups = [
        {"params": [p], "weight_decay": config.weight_decay if p.ndim > 1 else 0.0}
        for p in model.parameters()
    ]
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=(0.9, config.second_moment_decay)
    )


def learning_rate(step: int, config: PretrainConfig) -> float:
    """Rate of a step (from 0): linear warm-up, then a cosine down to ``final_rate_share``."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return config.learning_rate * (config.final_rate_share + (1 - config.final_rate_share) * cosine)


def device_and_precision(config: PretrainConfig) -> tuple[torch.device, bool]:
    """Where to train, and whether in bf16: on GPUs that have it and CPUs with AMX."""
    if torch.cuda.is_available():
        device, native = torch.device("cuda"), torch.cuda.is_bf16_supported()
    else:
        device, native = torch.device("cpu"), torch.cpu._is_amx_tile_supported()
    return device, native if config.precision == "auto" else config.precision == "bf16"


def masked_loss(model: BuiltinModel, batch: Sequence[Masked], device: torch.device) -> Tensor:
    """Negative log-likelihood (nats) of each hidden residue of a batch, in its order."""
    codes, positions = padded([masked.tokens for masked in batch])
    for i, masked in enumerate(batch):
        codes[i, : len(masked.codes)] = torch.tensor(masked.codes)
    row = np.repeat(np.arange(len(batch)), [masked.places.size for masked in batch])
    place = np.concatenate([masked.places for masked in batch])
    target = torch.from_numpy(np.concatenate([masked.targets for masked in batch])).to(device)
    rows = model(codes.to(device), positions.to(device))
    chosen = rows[torch.from_numpy(row).to(device), torch.from_numpy(place).to(device)]
    return functional.cross_entropy(model.logits(chosen).float(), target, reduction="none")


@dataclass
class PretrainingTrainer:
    """A run in memory; :meth:`train` goes on from ``progress`` to the end or to a time limit."""

    config: PretrainConfig
    items: Sequence[Item]
    held_out: Sequence[Masked]
    model: BuiltinModel
    optimiser: torch.optim.AdamW
    progress: PretrainingProgress
    run: Path
    identity: str
    on_checkpoint: Callable[[PretrainingProgress], None]

    def train(self, seconds: float | None = None) -> bool:
        """Train; returns whether all steps are done. A checkpoint is written at the end too."""
        config, progress = self.config, self.progress
        device, bf16 = device_and_precision(config)
        if config.threads:
            torch.set_num_threads(config.threads)
        self.model.to(device).train()
        started, before = time.monotonic(), progress.seconds
        batches = epoch_batches(self.items, config, progress.epoch)
        window: list[tuple[float, int]] = []
        left = config.steps - progress.step
        with display.task("pre-training", left) as bar:
            while progress.step < config.steps:
                if progress.position == len(batches):
                    progress.epoch, progress.position = progress.epoch + 1, 0
                    batches = epoch_batches(self.items, config, progress.epoch)
                loss, norm, tokens = self._step(batches[progress.position], device, bf16)
                progress.step += 1
                progress.position += 1
                progress.tokens += tokens
                progress.seconds = before + time.monotonic() - started
                window.append((loss, tokens))
                bar.advance()
                if progress.step % config.log_every == 0 or progress.step == config.steps:
                    self._log(window, norm, device, bf16)
                    rate = progress.tokens / max(progress.seconds, 1e-9)
                    bar.describe(
                        f"pre-training: loss {progress.curve[-1]['loss']:.3f}, "
                        f"{rate:,.0f} residues/s"
                    )
                    window = []
                stop = seconds is not None and time.monotonic() - started >= seconds
                if progress.step % config.checkpoint_every == 0 or stop:
                    self._checkpoint()
                if stop:
                    return progress.step >= config.steps
        self._checkpoint()
        return True

    def _step(
        self, batch: Sequence[View], device: torch.device, bf16: bool
    ) -> tuple[float, float, int]:
        """One optimiser step; returns loss, gradient norm before clipping, tokens shown."""
        masked = step_masks(self.items, batch, self.config, self.progress.step)
        rate = learning_rate(self.progress.step, self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = masked_loss(self.model, masked, device).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        value, size = loss.item(), norm.item()
        if not (math.isfinite(value) and math.isfinite(size)):
            ids = ", ".join(self.items[view.item].id for view in batch)
            raise ModelError(
                f"step {self.progress.step}: the loss is {value} and the gradient norm {size}; "
                f"molecules of the batch: {ids}. Resume with a lower learning_rate in a new run"
            )
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return value, size, sum(len(m.codes) for m in masked)

    def _log(
        self, window: list[tuple[float, int]], norm: float, device: torch.device, bf16: bool
    ) -> None:
        progress = self.progress
        row = {
            "step": float(progress.step),
            "epoch": float(progress.epoch),
            "tokens": float(progress.tokens),
            "seconds": round(progress.seconds, 3),
            "learning_rate": learning_rate(progress.step - 1, self.config),
            "gradient_norm": norm,
            "loss": sum(loss for loss, _ in window) / len(window),
        }
        due = self.config.evaluate_every
        last = max((r["step"] for r in progress.curve if "held_out_loss" in r), default=0.0)
        if self.held_out and (progress.step >= last + due or progress.step == self.config.steps):
            row["held_out_loss"] = self._held_out_loss(device, bf16)
        progress.curve.append(row)

    def _held_out_loss(self, device: torch.device, bf16: bool) -> float:
        self.model.eval()
        total, count = 0.0, 0
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            for batch in by_budget(self.held_out, self.config.tokens_per_batch):
                losses = masked_loss(self.model, batch, device)
                total, count = total + losses.sum().item(), count + losses.numel()
        self.model.train()
        return total / count

    def _checkpoint(self) -> None:
        save(self.run, self.model, self.optimiser, self.progress, self.identity)
        self.on_checkpoint(self.progress)


def by_budget(masked: Sequence[Masked], budget: int) -> list[list[Masked]]:
    """Batches of at most ``budget`` padded tokens, shortest first."""
    batches: list[list[Masked]] = []
    for one in sorted(masked, key=lambda m: len(m.codes)):
        if not batches or (len(batches[-1]) + 1) * len(one.codes) > budget:
            batches.append([])
        batches[-1].append(one)
    return batches
