"""Stage one of a two-stage recipe: LoRA adapters on both encoders, trained with a network.

The adapters see the training rows of the run's own split and nothing else. They are saved in
RUN/adapters/antibody and RUN/adapters/antigen; the second stage opens the encoders with them,
keeps the embeddings under their digest and trains a new network by the usual loop. The network of
the first stage is not kept. While it trains, its state lies beside them, as that of the second
stage does in RUN.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from torch import Tensor, nn

from abag.encoders.adapters.lora import (
    digest_of_folder,
    freeze_adapter,
    load_adapter,
    new_lora,
    save_lora,
)
from abag.encoders.protocol import Encoder, Molecule, TrainableEncoder, trainable_part
from abag.errors import EncoderError, FileFormatError, MissingFileError
from abag.files import read_json, write_json
from abag.model.network.config import Pooling
from abag.model.network.inputs import MoleculeRows, PairBatch, PairFeatures
from abag.model.network.network import AffinityNetwork
from abag.training.engine.checkpoint import IDENTITY, StateFile, Tensors, TrainingState
from abag.training.engine.engine import TrainingEngine, decaying, seed_of
from abag.training.engine.losses import Targets, compute_loss
from abag.training.engine.plan import BatchPlan, Rows
from abag.training.engine.rows import TrainingTable
from abag.training.engine.world import World
from abag.training.recipe import BatchConfig, Recipe, SamplerConfig
from abag.training.setup import Options, Setup

ADAPTERS: Final = "adapters"
STAGE: Final = "stage.json"
STATE: Final = "stage.safetensors"
PREVIOUS: Final = "stage.previous.safetensors"
SIDES: Final = ("antibody", "antigen")


def adapt_encoders(
    run: Path,
    setup: Setup,
    network: AffinityNetwork,
    options: Options | None = None,
    world: World | None = None,
) -> Setup | None:
    """Train the adapters of a run, or take those that it has, and give its setup back with them.

    Args:
        run: folder of the run.
        setup: whose recipe has an ``adaptation``; without one it is given back as it is.
        network: a fresh one of the recipe, for the first stage alone; it is changed.
        options: time limit, pace of saved states, who takes notes.
        world: the first process trains, the others wait and load.

    Returns:
        None where the time was over before the stage was: its state is saved.

    Raises:
        EncoderError: an encoder cannot be adapted.
        ModelError: the loss is not finite; the rows are named.
        FileFormatError: adapters or state were changed since they were written.
        UnavailableError: PEFT is not installed.
    """
    config, world, options = setup.recipe.adaptation, world or World(), options or Options()
    if config is None:
        return setup
    encoders = _separate_encoders(setup.antibody_encoder, setup.antigen_encoder)
    folder = run / ADAPTERS
    trains_here, finished = world.is_first and not (folder / STAGE).exists(), True
    if trains_here:
        stage = Stage.of(folder, setup, network, encoders, options.save_steps)
        finished = stage.train(options.seconds)
        if finished:
            losses = stage.finish()
            if options.tell is not None:
                shown = ", ".join(f"{loss:.3f}" for loss in losses)
                options.tell(f"both encoders adapted (rank {config.rank}); loss by epoch: {shown}")
    if not world.broadcast([float(finished)], setup.device)[0]:
        return None
    if not trains_here:
        _load(folder, encoders)
    return replace(setup, antibody_encoder=encoders[0], antigen_encoder=encoders[1])


@dataclass
class StageProgress:
    """Where the first stage is, in plain values."""

    step: int = 0
    """Optimiser steps done."""
    seconds: float = 0.0
    """Wall time, over all parts of the run."""
    loss_sum: float = 0.0
    """Sum of the losses of the unfinished epoch's rows."""
    losses: list[float] = field(default_factory=list)
    """Mean loss of each finished epoch."""


@dataclass(kw_only=True)
class Stage(TrainingEngine):
    """The training of both adapters and a network that is not kept."""

    title = "adapting encoders"
    rate_key = "adaptation.lr"

    recipe: Recipe
    rows: TrainingTable
    encoders: tuple[TrainableEncoder, TrainableEncoder]
    network: AffinityNetwork
    plan: BatchPlan

    @classmethod
    def of(
        cls,
        folder: Path,
        setup: Setup,
        network: AffinityNetwork,
        encoders: tuple[TrainableEncoder, TrainableEncoder],
        save_steps: int | None,
    ) -> Self:
        """A new stage of a run, or the one whose state lies in ``folder``."""
        recipe, rows = setup.recipe, setup.rows
        config, seed = recipe.adaptation, recipe.seed
        assert config is not None
        adapters = [
            new_lora(
                encoder, r=config.rank, alpha=config.alpha, dropout=config.dropout, seed=seed + i
            )
            for i, encoder in enumerate(encoders)
        ]
        network.to(setup.device)
        trained = nn.ModuleDict({"network": network})
        for side, group in zip(SIDES, adapters, strict=True):
            trained[side] = nn.ParameterList(group)
        # Adapters at their own rate, without decay; the network as in the second stage.
        optimiser = torch.optim.AdamW(
            [{"params": [p for own in adapters for p in own], "lr": config.lr, "weight_decay": 0.0},
             *decaying(network.parameters(), recipe.optimiser.weight_decay)],
            lr=recipe.optimiser.lr,
        )  # fmt: skip
        length = np.zeros(rows.table.height, dtype=np.int64)
        batch = BatchConfig(size=config.batch)
        plan = BatchPlan.of(rows, length, SamplerConfig(kind="shuffle"), batch, seed)
        state = TrainingState(trained, optimiser, StageProgress())

        def older(tensors: Tensors, metadata: Mapping[str, str]) -> tuple[Tensors, dict[str, Any]]:
            return _tensors_of_before(tensors, state), {
                "progress": _progress_of_before(metadata, plan)
            }

        file = StateFile(STATE, PREVIOUS, IDENTITY, older)
        with suppress(MissingFileError):
            file.read(folder, setup.identity, state.restore)
        return cls(
            state=state, run=folder, file=file, identity=setup.identity, device=setup.device,
            clip_norm=recipe.optimiser.clip_norm, save_steps=save_steps, recipe=recipe, rows=rows,
            encoders=encoders, network=network, plan=plan,
        )  # fmt: skip

    @property
    def most_steps(self) -> int:
        """Steps of all epochs of the stage."""
        assert self.recipe.adaptation is not None
        return self.recipe.adaptation.epochs * self.plan.steps_per_epoch

    def step(self) -> None:
        """The next batch of pairs, through both encoders and the network."""
        progress = self.state.progress
        (rows,) = self.plan.step(progress.step)
        torch.manual_seed(seed_of(self.recipe.seed, 2, progress.step))
        for network in (self.network, *(encoder.network for encoder in self.encoders)):
            network.train()
        strong = self.recipe.network.output.strong_pkd
        output = self.network(self.pairs(rows))
        targets = self.targets.take(rows).to(output.pkd.device)
        loss = compute_loss(self.recipe.loss, output, targets, strong)
        loss.backward()  # type: ignore[no-untyped-call]
        value = float(loss.detach())
        self.update([value], lambda: [self.rows.record_ids(rows)])
        progress.loss_sum += value * len(rows)
        self.status_line = f"epoch {len(progress.losses) + 1}: loss {value:.3f}"
        if self.plan.place(progress.step)[1] == 0:
            progress.losses.append(progress.loss_sum / len(self.plan.rows))
            progress.loss_sum = 0.0

    def pairs(self, rows: Rows) -> PairBatch:
        """The pairs of some rows, each distinct molecule embedded once, with gradients."""
        frame = self.rows.table.frame[rows.tolist()]
        config = self.recipe.network
        features = PairFeatures.of(frame, *self.encoders, config, pool=with_gradients)
        return features.batch(range(len(rows)), self.rows.assay[rows].tolist())

    @cached_property
    def targets(self) -> Targets:
        """Targets of all rows of the table."""
        return Targets.of(self.rows.labels, self.rows.assay)

    def clipped(self) -> Iterable[Tensor]:
        """Adapters first, then the network."""
        return (p for group in self.state.optimiser.param_groups for p in group["params"])

    def finish(self) -> list[float]:
        """Write both adapters, then the note that the stage is done; freeze the encoders.

        Returns the mean loss of each epoch.
        """
        losses: list[float] = self.state.progress.losses
        digests = {
            side: save_lora(encoder, self.run / side)
            for side, encoder in zip(SIDES, self.encoders, strict=True)
        }
        write_json(self.run / STAGE, {"digests": digests, "losses": losses}, seal=True)
        for name in (STATE, PREVIOUS):
            (self.run / name).unlink(missing_ok=True)
        for encoder in self.encoders:
            freeze_adapter(encoder)
        return losses


def _tensors_of_before(tensors: Tensors, state: TrainingState) -> Tensors:
    """The tensors of a state that was written when the first stage had a file of its own kind."""
    weights, renamed = state.weights(), {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part == "moment":
            number, _, key = rest.partition(".")
            renamed[f"optimiser.{key}.{weights[int(number)]}"] = tensor
        else:
            renamed[f"model.{name}"] = tensor
    return renamed


def _progress_of_before(metadata: Mapping[str, str], plan: BatchPlan) -> dict[str, Any]:
    losses = json.loads(metadata["losses"])
    return {"step": len(losses) * plan.steps_per_epoch, "losses": losses}


def with_gradients(
    parts: Sequence[Sequence[Molecule]], encoder: Encoder, pooling: Pooling
) -> MoleculeRows:
    """A pool whose rows lead back to the adapter of a :class:`TrainableEncoder`."""
    flat = [molecule for group in parts for molecule in group]
    rows, mask = _trainable(encoder).embed(flat)
    residue_rows = rows[mask]
    lengths = [sum(molecule.residues for molecule in group) for group in parts]
    if pooling == "mean":
        residue_rows = torch.stack(
            [part.mean(dim=0) for part in torch.split(residue_rows, lengths)]
        )
        lengths = [1] * len(parts)
    counts = torch.tensor(lengths, device=residue_rows.device)
    starts = 1 + counts.cumsum(0) - counts
    return MoleculeRows(nn.functional.pad(residue_rows, (0, 0, 1, 0)), starts, counts)


def _separate_encoders(
    antibody: Encoder, antigen: Encoder
) -> tuple[TrainableEncoder, TrainableEncoder]:
    """Two trainable encoders, each with a network of its own, also where both are one object."""
    first, second = _trainable(antibody), _trainable(antigen)
    return first, copy.deepcopy(second) if second is first else second


def _trainable(encoder: Encoder) -> TrainableEncoder:
    trainable = trainable_part(encoder)
    if trainable is None:
        raise EncoderError(
            f"{encoder.identity.id} cannot be adapted: it gives no gradients; leave "
            "`adaptation` out of the recipe, or choose another encoder"
        )
    return trainable


def _load(folder: Path, encoders: Sequence[TrainableEncoder]) -> None:
    digests = read_json(folder / STAGE)["digests"]
    for side, encoder in zip(SIDES, encoders, strict=True):
        if digest_of_folder(folder / side) != digests[side]:
            raise FileFormatError(
                f"the adapter {folder / side} is not the one that this run trained; give it back, "
                "or start a new run with --out"
            )
        load_adapter(encoder, folder / side)
