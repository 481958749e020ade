"""The training loop: steps, an evaluation after each epoch, a saved state now and then.

After any step the weights depend on (recipe, rows, embeddings, step) alone, so a run that was
killed and resumed ends with the same bits as one that was not (on CPU, one process, one number of
threads; GPU kernels add in an order of their own).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from abag import progress as display
from abag.errors import ModelError
from abag.files import write_json
from abag.model.network.dropout import drawn_apart
from abag.model.network.network import AffinityNetwork, NetworkOutput
from abag.training.engine.accumulation import shares, weighed_loss
from abag.training.engine.checkpoint import TrainingState, copied, save_state
from abag.training.engine.data import TrainingData
from abag.training.engine.normalisation import following
from abag.training.engine.plan import BatchPlan, Rows, Step
from abag.training.engine.schedule import learning_rate
from abag.training.engine.validation import figures_of, gains, predict
from abag.training.engine.world import World
from abag.training.recipe import Recipe

SAVE_SECONDS: Final = 60.0
"""A state is written at least this often."""
SHOWN_IDS: Final = 5


@dataclass
class Trainer:
    """A run in memory; :meth:`train` goes on from its state to the end or to a time limit."""

    data: TrainingData
    network: AffinityNetwork
    state: TrainingState
    run: Path
    identity: dict[str, str]
    device: torch.device
    world: World = field(default_factory=World)
    save_steps: int | None = None
    """Steps between saved states; by default one is written every :data:`SAVE_SECONDS`."""
    on_epoch: Callable[[dict[str, Any]], None] | None = None
    warn: Callable[[str], None] | None = None

    @property
    def recipe(self) -> Recipe:
        """What is trained."""
        return self.data.recipe

    def train(self, seconds: float | None = None) -> bool:
        """Train; returns whether training has ended. A state is written at the end too."""
        progress, plan = self.state.progress, self.data.plan
        self._began = self._saved = self._mark = time.monotonic()
        total = self.recipe.stopping.epochs * plan.steps_per_epoch
        epoch, place = plan.place(progress.step)
        steps = plan.epoch(epoch)
        with display.task("training", total) as bar:
            bar.advance(progress.step)
            while not progress.ended:
                loss = self._step(steps[place])
                bar.advance()
                epoch, place = plan.place(progress.step)
                self._say(bar, loss)
                if place == 0:
                    self._end_epoch()
                    steps = plan.epoch(epoch)
                if self._is_time_up(seconds) and not progress.ended:
                    self._save()
                    return False
                if not progress.ended and self._is_save_due():
                    self._save()
        self._save()
        return True

    def _step(self, step: Step) -> float:
        """One optimiser step over its batches; returns the loss of the whole step."""
        progress, began = self.state.progress, time.monotonic()
        self.network.train()
        weights = shares(self.data.usable, step)
        losses = torch.zeros(len(step), device=self.device)
        share = BatchPlan.share_of(step, self.world.rank, self.world.size)
        with following(self.network, self.world, len(step)):
            for batches in self.data.joined(share):
                found = [
                    self.loss_of(batch, weights[place], output)
                    for (place, batch), output in zip(
                        batches, self.outputs_of(batches), strict=True
                    )
                ]
                torch.stack(found).sum().backward()  # type: ignore[no-untyped-call]
                for (place, _), loss in zip(batches, found, strict=True):
                    losses[place] = loss.detach()
        self.world.sum_gradients(self.network.parameters())
        losses = self.world.sum_of(losses)
        # Clip after the sum over processes: each alone would clip its share by another factor, and
        # the step would depend on how many processes share it.
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimiser.clip_norm)
        loss_of_step, size = float(losses.sum()), float(norm)
        # Before any weight moves: a step that is not finite leaves a run that can be resumed.
        if not (math.isfinite(loss_of_step) and math.isfinite(size)):
            self._stop_nonfinite(step, losses.tolist(), size)
        for group in self.state.optimiser.param_groups:
            group["lr"] = self.rate(progress.step)
        self.state.optimiser.step()
        self.state.optimiser.zero_grad(set_to_none=True)
        self._update_mean()
        rows = sum(len(batch) for batch in step)
        progress.step += 1
        progress.loss_sum += loss_of_step * rows
        progress.rows += rows
        progress.train_seconds += time.monotonic() - began
        return loss_of_step

    def outputs_of(self, group: Sequence[tuple[int, Rows]]) -> list[NetworkOutput]:
        """What the network says of each batch, all computed at once, each with its own dropout."""
        seeds, sizes = [self._dropout_seed(p) for p, _ in group], [len(b) for _, b in group]
        torch.manual_seed(seeds[0])
        apart = drawn_apart(sizes, seeds, self.device) if len(group) > 1 else nullcontext()
        with autocast(self.recipe.precision, self.device), apart:
            rows = np.concatenate([batch for _, batch in group])
            output = self.network(self.data.batch(rows, self.device))
        return cast(NetworkOutput, output).split(sizes)

    def loss_of(
        self, batch: Rows, weights: NDArray[np.float64], output: NetworkOutput
    ) -> Float[Tensor, ""]:
        """A batch's part of the loss of its step, with its graph."""
        targets = self.data.targets_of(batch, self.device)
        strong = self.recipe.network.output.strong_pkd
        return weighed_loss(self.recipe.loss, weights, output, targets, strong)

    def rate(self, step: int) -> float:
        """Learning rate of a step, after what the plateau rule has seen so far."""
        return learning_rate(
            step,
            self.data.plan.steps_per_epoch,
            self.recipe.optimiser.lr,
            self.recipe.schedule,
            self.state.plateau.reductions,
        )

    def _dropout_seed(self, place: int) -> int:
        """Of a batch: the same in whichever process it is computed, whatever came before."""
        entropy = [self.recipe.seed, 1, self.state.progress.step, place]
        return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)

    def _update_mean(self) -> None:
        """Move the running mean of the weights; its decay grows from 0.1 in the first steps."""
        if not self.state.ema:
            return
        step = self.state.progress.step
        decay = min(self.recipe.optimiser.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, tensor in self.network.state_dict().items():
                if tensor.is_floating_point():
                    self.state.ema[name].lerp_(tensor, 1 - decay)
                else:
                    self.state.ema[name].copy_(tensor)

    def _end_epoch(self) -> None:
        """Evaluate, note, judge, keep the best weights, decide whether to go on."""
        progress, state = self.state.progress, self.state
        epoch = len(progress.history) + 1
        row = self._validate(epoch)
        # History, monitor and plateau change together and before the next save, so that a state
        # never holds an epoch that one of them has not seen.
        progress.history.append(row)
        for text in state.monitor.epoch(row):
            if self.warn is not None and self.world.is_first:
                self.warn(text)
        metric = self.recipe.stopping.metric
        value = row[f"val_{metric}"]
        state.plateau.epoch(value)
        if gains(value, progress.best, metric) or not state.best:
            progress.best, progress.best_epoch, progress.waited = value, epoch, 0
            state.best = copied((state.ema or self.network.state_dict()).items())
        else:
            progress.waited += 1
        if progress.waited >= self.recipe.stopping.patience:
            progress.ended = f"no better {metric} in {progress.waited} epochs"
        elif epoch >= self.recipe.stopping.epochs:
            progress.ended = f"all {epoch} epochs done"
        progress.loss_sum, progress.rows, progress.seconds, progress.train_seconds = (
            0.0,
            0,
            0.0,
            0.0,
        )
        if self.on_epoch is not None and self.world.is_first:
            self.on_epoch(row)

    def _validate(self, epoch: int) -> dict[str, Any]:
        """The row of an epoch; figures come from the first process."""
        progress, rows = self.state.progress, self.data.rows
        with loaded(self.network, self.state.ema):
            pkd, loss = predict(self.network, self.data, rows.val, self.recipe, self.device)
        if not np.isfinite(pkd).all():
            self._stop_nonfinite((rows.val[~np.isfinite(pkd)],), [math.nan], math.nan)
        found = figures_of(rows, pkd, self.recipe.network.output.strong_pkd) | {"val_loss": loss}
        said = [math.nan if value is None else value for value in found.values()]
        told = self.world.told(said, self.device)
        now = time.monotonic()
        progress.seconds += now - self._mark
        self._mark = now
        return {
            "epoch": epoch,
            "train_loss": progress.loss_sum / progress.rows,
            **{k: None if math.isnan(v) else v for k, v in zip(found, told, strict=True)},
            "lr": self.rate(progress.step - 1),
            "seconds": progress.seconds,
            "rows_per_second": progress.rows / max(progress.train_seconds, 1e-9),
        }

    def _stop_nonfinite(self, step: Step, losses: Sequence[float], norm: float) -> NoReturn:
        """Write which rows were in the step, and stop before any weight is touched."""
        ids = [self.data.rows.record_ids(batch) for batch in step]
        path = self.run / "nonfinite.json"
        if self.world.is_first:
            write_json(path, {
                "step": self.state.progress.step,
                "gradient_norm": str(norm),
                "batches": [
                    {"loss": str(loss), "record_ids": names}
                    for loss, names in zip(losses, ids, strict=True)
                ],
            })  # fmt: skip
        bad = [place for place, loss in enumerate(losses) if not math.isfinite(loss)]
        names = [name for place in bad or range(len(ids)) for name in ids[place]]
        shown = ", ".join(names[:SHOWN_IDS]) + (", ..." if len(names) > SHOWN_IDS else "")
        raise ModelError(
            f"step {self.state.progress.step}: the loss is {sum(losses)} and the gradient norm "
            f"{norm:.3g}; training stopped before the step. Rows of the batch: {shown} (all in "
            f"{path}). The last saved state is whole; look at these rows, or start a new run with "
            "a lower optimiser.lr"
        )

    def _say(self, bar: display.Task, loss: float) -> None:
        progress = self.state.progress
        rate = progress.rows / max(progress.train_seconds, 1e-9)
        best = "" if progress.best is None else f", best {progress.best:.3f}"
        epoch = len(progress.history) + 1
        bar.describe(f"epoch {epoch}: loss {loss:.3f}, {rate:,.0f} rows/s{best}")

    def _is_time_up(self, seconds: float | None) -> bool:
        if seconds is None:
            return False
        mine = time.monotonic() - self._began >= seconds
        return bool(self.world.told([float(mine)], self.device)[0])

    def _is_save_due(self) -> bool:
        if self.save_steps is not None:
            return self.state.progress.step % self.save_steps == 0
        return time.monotonic() - self._saved >= SAVE_SECONDS

    def _save(self) -> None:
        now = time.monotonic()
        self.state.progress.seconds += now - self._mark
        self._mark = self._saved = now
        if self.world.is_first:
            save_state(self.run, self.state, self.identity)


@contextmanager
def loaded(network: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Use other weights inside a ``with`` block; none means the network's own."""
    if not weights:
        yield
        return
    own = copied(network.state_dict().items())
    network.load_state_dict(weights)
    try:
        yield
    finally:
        network.load_state_dict(own)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """bf16 arithmetic where the recipe asks for it."""
    if not in_bf16(precision, device):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def in_bf16(precision: str, device: torch.device) -> bool:
    """Whether the fusion is computed in bf16; ``auto``: where the hardware has units for it."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and bool(torch.cpu._is_amx_tile_supported())


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW in one pass over the weights; biases and normalisations do not decay."""
    decay, every = recipe.optimiser.weight_decay, list(network.parameters())
    groups = [
        {"params": [p for p in every if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.optimiser.lr, fused=True)
