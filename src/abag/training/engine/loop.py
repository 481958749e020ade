"""How a network of a recipe is trained: an evaluation after each epoch, the best weights kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from abag.encoders.devices import chosen_precision
from abag.model.network.dropout import drawn_apart
from abag.model.network.network import AffinityNetwork, NetworkOutput
from abag.training.engine.accumulation import shares, weighed_loss
from abag.training.engine.checkpoint import STATE, NetworkState, StateFile, copied
from abag.training.engine.data import TrainingData
from abag.training.engine.engine import TrainingEngine, seed_of
from abag.training.engine.normalisation import following
from abag.training.engine.plan import BatchPlan, Rows, Step
from abag.training.engine.schedule import learning_rate
from abag.training.engine.validation import figures_of, gains, predict
from abag.training.recipe import Recipe


@dataclass(kw_only=True)
class Trainer(TrainingEngine):
    """The training of a network of a recipe."""

    title = "training"

    data: TrainingData
    state: NetworkState
    file: StateFile = STATE
    clip_norm: float = field(init=False)
    on_epoch: Callable[[dict[str, Any]], None] | None = None
    warn: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        self.clip_norm = self.recipe.optimiser.clip_norm

    @property
    def recipe(self) -> Recipe:
        """The recipe that is trained."""
        return self.data.recipe

    @property
    def network(self) -> AffinityNetwork:
        """The network with its weights of now."""
        return cast(AffinityNetwork, self.state.network)

    @property
    def most_steps(self) -> int:
        """Steps of all epochs of the recipe."""
        return self.recipe.stopping.epochs * self.data.plan.steps_per_epoch

    @property
    def has_ended(self) -> bool:
        """Whether the recipe's epochs are done, or its patience is over."""
        return bool(self.state.progress.ended)

    def step(self) -> None:
        """The next step of the plan; an evaluation where it ends an epoch."""
        plan, progress = self.data.plan, self.state.progress
        loss = self.take(plan.step(progress.step))
        rate = progress.rows / max(progress.train_seconds, 1e-9)
        best = "" if progress.best is None else f", best {progress.best:.3f}"
        self.status_line = (
            f"epoch {len(progress.history) + 1}: loss {loss:.3f}, {rate:,.0f} rows/s{best}"
        )
        if plan.place(progress.step)[1] == 0:
            self._end_epoch()

    def take(self, step: Step) -> float:
        """One optimiser step over its batches; returns the loss of the whole step."""
        progress, began = self.state.progress, time.monotonic()
        self.network.train()
        weights = shares(self.data.usable, step)
        losses = torch.zeros(len(step), device=self.device)
        share = BatchPlan.share_of(step, self.world.rank, self.world.size)
        with following(self.network, self.world, len(step)):
            for batches in self.data.joined(share):
                batch_losses = [
                    self.loss_of(batch, weights[number], output)
                    for (number, batch), output in zip(
                        batches, self.outputs_of(batches), strict=True
                    )
                ]
                torch.stack(batch_losses).sum().backward()  # type: ignore[no-untyped-call]
                for (number, _), loss in zip(batches, batch_losses, strict=True):
                    losses[number] = loss.detach()
        losses = self.world.sum_of(losses)
        names = self.data.rows.record_ids
        self.update(losses.tolist(), lambda: map(names, step), self.rate(progress.step))
        self._update_mean()
        rows, loss_of_step = sum(len(batch) for batch in step), float(losses.sum())
        progress.loss_sum += loss_of_step * rows
        progress.rows += rows
        progress.train_seconds += time.monotonic() - began
        return loss_of_step

    def outputs_of(self, group: Sequence[tuple[int, Rows]]) -> list[NetworkOutput]:
        """Outputs for each batch, all computed at once, each with its own dropout."""
        seeds, sizes = [self._dropout_seed(p) for p, _ in group], [len(b) for _, b in group]
        torch.manual_seed(seeds[0])
        own_dropout = drawn_apart(sizes, seeds, self.device) if len(group) > 1 else nullcontext()
        with autocast(self.recipe.precision, self.device), own_dropout:
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

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Predicted pKd of some rows with the weights of now; no dropout, fp32."""
        return predict(self.network, self.data, rows, self.recipe, self.device)[0]

    def rate(self, step: int) -> float:
        """Learning rate of a step, after what the plateau rule has seen so far."""
        return learning_rate(
            step,
            self.data.plan.steps_per_epoch,
            self.recipe.optimiser.lr,
            self.recipe.schedule,
            self.state.plateau.reductions,
        )

    def _dropout_seed(self, number: int) -> int:
        """Seed of a batch: the same in any process, whatever came before."""
        return seed_of(self.recipe.seed, 1, self.state.progress.step, number)

    def _update_mean(self) -> None:
        """Move the running mean of the weights; its decay grows from 0.1 in the first steps."""
        if not self.state.ema:
            return
        steps = self.state.progress.step
        decay = min(self.recipe.optimiser.ema, steps / (9 + steps))
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
        progress.loss_sum = progress.seconds = progress.train_seconds = 0.0
        progress.rows = 0
        if self.on_epoch is not None and self.world.is_first:
            self.on_epoch(row)

    def _validate(self, epoch: int) -> dict[str, Any]:
        """The row of an epoch; figures come from the first process."""
        progress, rows = self.state.progress, self.data.rows
        with loaded(self.network, self.state.ema):
            pkd, loss = predict(self.network, self.data, rows.val, self.recipe, self.device)
        if not np.isfinite(pkd).all():
            ids = rows.record_ids(rows.val[~np.isfinite(pkd)])
            raise self.not_finite([math.nan], math.nan, [ids])
        figures = figures_of(rows, pkd, self.recipe.network.output.strong_pkd) | {"val_loss": loss}
        numbers = [math.nan if value is None else value for value in figures.values()]
        shared = self.world.broadcast(numbers, self.device)
        self.clock()
        return {
            "epoch": epoch,
            "train_loss": progress.loss_sum / progress.rows,
            **{k: None if math.isnan(v) else v for k, v in zip(figures, shared, strict=True)},
            "lr": self.rate(progress.step - 1),
            "seconds": progress.seconds,
            "rows_per_second": progress.rows / max(progress.train_seconds, 1e-9),
        }


@contextmanager
def loaded(network: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Use other weights inside a ``with`` block; none means the network's own."""
    if not weights:
        yield
        return
    weights_before = copied(network.state_dict().items())
    network.load_state_dict(weights)
    try:
        yield
    finally:
        network.load_state_dict(weights_before)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """bf16 where it is asked for, or, for ``auto``, where the device has units for it."""
    if chosen_precision(precision, device) == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
