"""Stage one of a two-stage recipe: LoRA adapters on both encoders, trained with a network.

The adapters see the training rows of the run's own split and nothing else. They are saved in
RUN/adapters/antibody and RUN/adapters/antigen; the second stage opens the encoders with them,
keeps the embeddings under their digest and trains a new network by the usual loop. The network of
the first stage is not kept.

After every epoch the whole stage is saved, so that a stopped run goes on from there; order and
dropout are functions of (seed, epoch) and (seed, step).
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from torch import Tensor, nn

from abag import progress as display
from abag.encoders.adapters.lora import (
    Adaptable,
    digest_of_folder,
    freeze_adapter,
    load_adapter,
    new_lora,
    save_lora,
)
from abag.encoders.protocol import Encoder, Molecule, Role
from abag.errors import EncoderError, FileFormatError, ModelError
from abag.files import read_json, read_tensors, write_json, write_tensors
from abag.model.network.config import Pooling
from abag.model.network.inputs import MoleculeRows, PairBatch, PairFeatures
from abag.model.network.network import AffinityNetwork
from abag.model.network.regions import region_codes
from abag.training.engine.losses import Targets, compute_loss
from abag.training.engine.plan import BatchPlan, Rows
from abag.training.engine.rows import TrainingTable
from abag.training.engine.world import World
from abag.training.recipe import AdaptationConfig, BatchConfig, Recipe, SamplerConfig
from abag.training.setup import Setup

ADAPTERS: Final = "adapters"
STAGE: Final = "stage.json"
STATE: Final = "stage.safetensors"
SIDES: Final = ("antibody", "antigen")


def adapt_encoders(
    run: Path,
    setup: Setup,
    network: AffinityNetwork,
    world: World | None = None,
    tell: Callable[[str], None] | None = None,
) -> Setup:
    """Train the adapters of a run, or take those that it has, and give its setup back with them.

    Args:
        run: folder of the run.
        setup: whose recipe has an ``adaptation``; without one it is given back as it is.
        network: a fresh one of the recipe, for the first stage alone; it is changed.
        world: the first process trains, the others wait and load.
        tell: takes notes.

    Raises:
        EncoderError: an encoder cannot be adapted.
        ModelError: the loss is not finite; the rows are named.
        FileFormatError: adapters or state were changed since they were written.
        UnavailableError: PEFT is not installed.
    """
    config, world = setup.recipe.adaptation, world or World()
    if config is None:
        return setup
    encoders = _apart(setup.antibody_encoder, setup.antigen_encoder)
    folder = run / ADAPTERS
    trained = world.is_first and not (folder / STAGE).exists()
    if trained:
        stage = Stage(folder, setup.recipe, config, setup.rows, encoders, network.to(setup.device))
        losses = stage.train()
        if tell is not None:
            shown = ", ".join(f"{loss:.3f}" for loss in losses)
            tell(f"both encoders adapted (rank {config.rank}); loss by epoch: {shown}")
    world.wait()
    if not trained:
        _load(folder, encoders)
    antibody, antigen = (cast(Encoder, encoder) for encoder in encoders)
    return replace(setup, antibody_encoder=antibody, antigen_encoder=antigen)


@dataclass
class Stage:
    """The first stage of a run in memory."""

    folder: Path
    recipe: Recipe
    config: AdaptationConfig
    rows: TrainingTable
    encoders: tuple[Adaptable, Adaptable]
    network: AffinityNetwork

    def train(self) -> list[float]:
        """Train to the end, from the last saved epoch; returns the mean loss of each epoch."""
        config, seed = self.config, self.recipe.seed
        self.adapters = [
            new_lora(
                encoder, r=config.rank, alpha=config.alpha, dropout=config.dropout, seed=seed + i
            )
            for i, encoder in enumerate(self.encoders)
        ]
        self.optimiser = self._optimiser()
        losses = self._restored()
        length = np.zeros(self.rows.table.height, dtype=np.int64)
        batch = BatchConfig(size=config.batch)
        plan = BatchPlan.of(self.rows, length, SamplerConfig(kind="shuffle"), batch, seed)
        steps = plan.steps_per_epoch
        with display.task("adapting encoders", config.epochs * steps) as bar:
            bar.advance(len(losses) * steps)
            for epoch in range(len(losses), config.epochs):
                total = 0.0
                for place, (rows,) in enumerate(plan.epoch(epoch)):
                    loss = self._step(rows, epoch * steps + place)
                    total += loss * len(rows)
                    bar.advance()
                    bar.describe(f"adapting encoders, epoch {epoch + 1}: loss {loss:.3f}")
                losses.append(total / len(plan.rows))
                if epoch + 1 < config.epochs:
                    self._save(losses)
        self._finish(losses)
        return losses

    def _optimiser(self) -> torch.optim.AdamW:
        """AdamW; adapters at their own rate, without decay; the network as in the second stage."""
        decay, lr = self.recipe.optimiser.weight_decay, self.recipe.optimiser.lr
        adapters = [p for of_one in self.adapters for p in of_one]
        weights = list(self.network.parameters())
        return torch.optim.AdamW(
            [
                {"params": adapters, "lr": self.config.lr, "weight_decay": 0.0},
                {"params": [p for p in weights if p.ndim > 1], "lr": lr, "weight_decay": decay},
                {"params": [p for p in weights if p.ndim <= 1], "lr": lr, "weight_decay": 0.0},
            ]
        )

    def _step(self, rows: Rows, step: int) -> float:
        entropy = np.random.SeedSequence([self.recipe.seed, 2, step])
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))
        self.network.train()
        for encoder in self.encoders:
            encoder.network.train()
        strong = self.recipe.network.output.strong_pkd
        output = self.network(self.molecules.batch(rows, self.encoders))
        targets = targets_of(self.rows, rows).to(output.pkd.device)
        loss, _ = compute_loss(self.recipe.loss, output, targets, strong)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._trained, self.recipe.optimiser.clip_norm)
        value = float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            raise ModelError(
                f"step {step} of the adaptation of the encoders: the loss is {value} and the "
                f"gradient norm {float(norm):.3g}. Rows of the batch: "
                f"{', '.join(self.rows.record_ids(rows))}. Look at these rows, or lower "
                "adaptation.lr in a new run"
            )
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return value

    @cached_property
    def molecules(self) -> PairMolecules:
        """The molecules of the table, to be embedded with gradients."""
        return PairMolecules.of(self.rows, self.recipe)

    @property
    def _trained(self) -> list[Tensor]:
        return [p for group in self.optimiser.param_groups for p in group["params"]]

    def _tensors(self) -> dict[str, Tensor]:
        """Everything that the next epoch depends on."""
        moments = {
            f"moment.{place}.{key}": value
            for place, state in self.optimiser.state_dict()["state"].items()
            for key, value in state.items()
        }
        adapters = {
            f"{side}.{place}": tensor
            for side, tensors in zip(SIDES, self.adapters, strict=True)
            for place, tensor in enumerate(tensors)
        }
        network = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        every = {**moments, **adapters, **network}
        return {name: t.detach().cpu().contiguous() for name, t in every.items()}

    def _save(self, losses: Sequence[float]) -> None:
        metadata = {"losses": json.dumps(list(losses))}
        write_tensors(self.folder / STATE, self._tensors(), metadata)

    def _restored(self) -> list[float]:
        """Go back to the last saved epoch; returns the losses of the epochs done."""
        path = self.folder / STATE
        if not path.exists():
            return []
        try:
            found, metadata = read_tensors(path, sealed=True)
        except FileFormatError as error:
            raise FileFormatError(
                f"{error}; delete it to start the first stage again with --resume"
            ) from None
        try:
            with torch.no_grad():
                for side, tensors in zip(SIDES, self.adapters, strict=True):
                    for place, tensor in enumerate(tensors):
                        tensor.copy_(found[f"{side}.{place}"])
            self.network.load_state_dict(_below(found, "network."))
            moments: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _below(found, "moment.").items():
                number, _, key = name.partition(".")
                moments.setdefault(int(number), {})[key] = tensor
            groups = self.optimiser.state_dict()["param_groups"]
            self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        except (KeyError, RuntimeError) as error:
            raise FileFormatError(f"{path} is of another run ({error})") from None
        return [float(loss) for loss in json.loads(metadata["losses"])]

    def _finish(self, losses: Sequence[float]) -> None:
        """Write both adapters, then the note that the stage is done; freeze the encoders."""
        digests = {
            side: save_lora(encoder, self.folder / side)
            for side, encoder in zip(SIDES, self.encoders, strict=True)
        }
        write_json(self.folder / STAGE, {"digests": digests, "losses": list(losses)}, seal=True)
        (self.folder / STATE).unlink(missing_ok=True)
        for encoder in self.encoders:
            freeze_adapter(encoder)


@dataclass(frozen=True)
class PairMolecules:
    """The molecules of a table's pairs and the codes of their antibodies' regions."""

    antibodies: list[tuple[Molecule, ...]]
    """[rows], one molecule each."""
    antigens: list[tuple[Molecule, ...]]
    """[rows], one molecule a chain."""
    regions: dict[tuple[Molecule, ...], NDArray[np.int64]]
    """Of each distinct antibody; empty where they are not asked for."""
    poolings: tuple[Pooling, Pooling]
    assay: NDArray[np.int64]

    @classmethod
    def of(cls, rows: TrainingTable, recipe: Recipe) -> PairMolecules:
        """Read the molecules of a run's table."""
        config = recipe.network
        table = rows.table.select("heavy", "light", "antigen")
        antibodies: list[tuple[Molecule, ...]] = [
            (Molecule(Role.ANTIBODY, tuple(c.upper() for c in (heavy, light) if c)),)
            for heavy, light, _ in table.iter_rows()
        ]
        antigens = [
            tuple(Molecule(Role.ANTIGEN, (chain.upper(),)) for chain in chains)
            for chains in table["antigen"].to_list()
        ]
        regions: dict[tuple[Molecule, ...], NDArray[np.int64]] = {}
        if config.fusion.regions and config.antibody.pooling == "residues":
            distinct = list(dict.fromkeys(antibodies))
            chains = [(*one[0].chains, None)[:2] for one in distinct]
            regions = dict(zip(distinct, region_codes(cast(Any, chains)), strict=True))
        poolings = (config.antibody.pooling, config.antigen.pooling)
        return cls(antibodies, antigens, regions, poolings, rows.assay)

    def batch(self, rows: Rows, encoders: tuple[Adaptable, Adaptable]) -> PairBatch:
        """Embed the pairs of some rows, each distinct molecule once, with gradients."""
        distinct, antibody_of = _distinct([self.antibodies[row] for row in rows.tolist()])
        antibodies = embedded(distinct, encoders[0], self.poolings[0])
        antigens, antigen_of = _distinct([self.antigens[row] for row in rows.tolist()])
        regions = torch.zeros(len(antibodies.rows), dtype=torch.int64)
        if self.regions:
            codes = [self.regions[one] for one in distinct]
            regions[1:] = torch.from_numpy(np.concatenate(codes))
        device = antibodies.rows.device
        features = PairFeatures(
            antibodies,
            embedded(antigens, encoders[1], self.poolings[1]),
            regions.to(device),
            antibody_of.to(device),
            antigen_of.to(device),
            np.zeros((len(rows), 2), dtype=np.int64),
        )
        return features.batch(range(len(rows)), self.assay[rows].tolist())


def _distinct(
    items: Sequence[tuple[Molecule, ...]],
) -> tuple[list[tuple[Molecule, ...]], Int64[Tensor, " rows"]]:
    """Distinct items, and the place of each item among them."""
    index: dict[tuple[Molecule, ...], int] = {}
    places = [index.setdefault(item, len(index)) for item in items]
    return list(index), torch.tensor(places)


def embedded(
    parts: Sequence[tuple[Molecule, ...]], encoder: Adaptable, pooling: Pooling
) -> MoleculeRows:
    """A pool whose rows lead back to the encoder's adapter; one entry for each tuple."""
    flat = [molecule for of_one in parts for molecule in of_one]
    rows, mask = encoder.embed(flat)
    kept = rows[mask].float()
    lengths = [sum(molecule.residues for molecule in of_one) for of_one in parts]
    if pooling == "mean":
        kept = torch.stack([part.mean(dim=0) for part in torch.split(kept, lengths)])
        lengths = [1] * len(parts)
    counts = torch.tensor(lengths, device=kept.device)
    starts = 1 + counts.cumsum(0) - counts
    return MoleculeRows(nn.functional.pad(kept, (0, 0, 1, 0)), starts, counts)


def targets_of(rows: TrainingTable, chosen: Rows) -> Targets:
    """Targets of some rows."""
    labels = rows.labels.take(chosen)
    value, lower, upper = (
        torch.from_numpy(array).float() for array in (labels.value, labels.lower, labels.upper)
    )
    assay = torch.from_numpy(rows.assay[chosen])
    return Targets(value, lower, upper, assay, assay == 0)


def _apart(antibody: Encoder, antigen: Encoder) -> tuple[Adaptable, Adaptable]:
    """Two encoders that can be adapted, each in its own way, also where they are one object."""
    for encoder in (antibody, antigen):
        if not hasattr(encoder, "embed"):
            raise EncoderError(
                f"{encoder.identity.id} cannot be adapted: it gives no gradients; leave "
                "`adaptation` out of the recipe, or choose another encoder"
            )
    other = copy.deepcopy(antigen) if antigen is antibody else antigen
    return cast(Adaptable, antibody), cast(Adaptable, other)


def _load(folder: Path, encoders: Sequence[Adaptable]) -> None:
    digests = read_json(folder / STAGE)["digests"]
    for side, encoder in zip(SIDES, encoders, strict=True):
        if digest_of_folder(folder / side) != digests[side]:
            raise FileFormatError(
                f"the adapter {folder / side} is not the one that this run trained; give it back, "
                "or start a new run with --out"
            )
        load_adapter(encoder, folder / side)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
