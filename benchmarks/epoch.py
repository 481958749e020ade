"""An epoch on cached embeddings against the predecessor's way, the encoder run on every pair.

    python benchmarks/epoch.py [--recipes v2.5 v2.7-pooled default v2.7] [--out epoch.json]

Both ways go through the same training loop, in the same run and in turns, so that other work on
the machine falls on both. ``cached``: each distinct chain is embedded once before, and a batch is
an index. ``every pair``: the encoder reads both molecules of every pair of every batch again, as
the releases did (v2.6: 4 hours an epoch), here without their padding to 256 and 512 tokens. An
epoch of 107,889 pairs is extrapolated from the pairs that were timed; the time to fill the cache
once is given beside. On a CPU with one thread (OMP_NUM_THREADS=1) processor time is counted, which
other work moves less than the clock.

Lengths follow the deciles of the 34,235 published rows with a pKd and an antigen, drawn again at
random letters; 78 % of the pairs have an antibody of their own, and the antigens are drawn from as
many as there are there (4.4 % of the pairs), also for a small table, so that a batch repeats few.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import torch

from abag import progress
from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.tables import SCHEMA, Measurements
from abag.encoders.adapters.opening import open_encoder
from abag.encoders.devices import chosen_device
from abag.encoders.protocol import (
    EncodedMolecule,
    Encoder,
    EncoderFacts,
    EncoderIdentity,
    Molecule,
    Role,
)
from abag.model.network.inputs import MoleculeRows, PairBatch, PairFeatures
from abag.model.network.network import make_network
from abag.training.engine.data import TrainingData
from abag.training.engine.loop import Trainer
from abag.training.engine.plan import BatchPlan, Rows
from abag.training.engine.rows import TrainingTable
from abag.training.recipe import Recipe, load_recipe
from abag.training.run import first_state, on_device

PAIRS = 107_889
ANTIBODY = (96, 226, 227, 227, 227, 230, 230, 230, 230, 232, 276)
ANTIGEN = (3, 120, 120, 120, 155, 502, 502, 502, 505, 505, 2290)
"""Deciles of residues, over rows."""
OWN_ANTIBODY, OWN_ANTIGEN = 0.78, 0.044
OLD_BATCHES = 2
"""Batches of a step of the old way that is timed: it has no other step to speak of."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=["v2.5", "v2.7-pooled", "default", "v2.7"])
    parser.add_argument("--encoder", default="builtin")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--pairs", type=int, default=2000, help="pairs of the generated table")
    parser.add_argument("--seconds", type=float, default=20, help="about, for each way and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    progress.silence()
    device = chosen_device(options.device)
    encoder = open_encoder(options.encoder, device=str(device))
    table = generated(options.pairs)
    remembered = Remembered(encoder)
    fill = fill_seconds(table, remembered)
    results = {"encoder": options.encoder, "device": str(device), "pairs_timed_from": options.pairs,
             "threads": torch.get_num_threads(), "fill_s": fill, "recipes": {}}  # fmt: skip
    for name in options.recipes:
        results["recipes"][name] = result = measure(
            name, table, remembered, device, options.seconds, options.rounds
        )
        print(
            f"{name:<12} cached {result['cached_epoch_s']:>9,.0f} s  every pair "
            f"{result['every_pair_epoch_s']:>9,.0f} s  ratio {result['ratio']:>7.1f}  "
            f"(cache filled once in {fill:,.0f} s)", flush=True,
        )  # fmt: skip
    if options.out:
        options.out.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


@dataclass
class Remembered(Encoder):
    """Gives what the encoder gave before, so that all recipes start from one filled cache."""

    inner: Encoder
    memory: dict[Molecule, EncodedMolecule] = field(default_factory=dict)

    @property
    def facts(self) -> EncoderFacts:
        return self.inner.facts

    @property
    def identity(self) -> EncoderIdentity:
        return self.inner.identity

    @property
    def device_type(self) -> str:
        return self.inner.device_type

    def encode(self, molecules: Sequence[Molecule]) -> list[EncodedMolecule]:
        new = [molecule for molecule in dict.fromkeys(molecules) if molecule not in self.memory]
        self.memory.update(zip(new, self.inner.encode(new), strict=True))
        return [self.memory[molecule] for molecule in molecules]


def fill_seconds(table: Measurements, encoder: Remembered) -> float:
    """Seconds to embed the distinct chains of 107,889 pairs, by the residues embedded here."""
    began = clock()
    pool = PairFeatures.of(table, encoder, encoder, recipe_of("v2.6").network)
    taken = clock() - began
    embedded = len(pool.antibodies.rows) + len(pool.antigens.rows)
    mean = pool.lengths.mean(axis=0)
    return float(taken * PAIRS * (OWN_ANTIBODY * mean[0] + OWN_ANTIGEN * mean[1]) / embedded)


def measure(
    name: str, table: Measurements, encoder: Remembered, device: torch.device, seconds: float,
    rounds: int,
) -> dict:  # fmt: skip
    recipe = recipe_of(name)
    features = PairFeatures.of(table, encoder, encoder, recipe.network)
    cached = trainer_of(recipe, table, on_device(features, device), encoder, device)
    data = cached.data
    pairwise = EveryPair(data.recipe, data.rows, data.features, data.plan, encoder.inner)
    every_pair = Trainer(
        data=pairwise, state=cached.state, run=cached.run, identity={}, device=device
    )
    for trainer in (cached, every_pair):
        trainer.take(data.plan.epoch(0)[-1][-1:])  # not counted
    rates: list[tuple[float, float]] = []
    for _ in range(rounds):
        rates.append((timed(cached, seconds / 2), timed(every_pair, seconds, OLD_BATCHES)))
    fast, slow = (statistics.median(rate) for rate in zip(*rates, strict=True))
    return {
        "cached_epoch_s": PAIRS / fast,
        "every_pair_epoch_s": PAIRS / slow,
        "ratio": statistics.median(a / b for a, b in rates),
        "rows_per_second": {"cached": [a for a, _ in rates], "every_pair": [b for _, b in rates]},
        "trained_parameters": sum(p.numel() for p in cached.network.parameters()),
    }


def recipe_of(name: str) -> Recipe:
    settings = ["network.antibody.id=builtin", "network.antigen.id=builtin", "sampler.kind=shuffle"]
    base, pooled, _ = name.partition("-pooled")
    if pooled:
        settings += ["network.antibody.pooling=mean", "network.antigen.pooling=mean"]
    return load_recipe(base, settings)


def timed(trainer: Trainer, seconds: float, batches: int | None = None) -> float:
    """Rows a second over whole steps, or over steps of their first ``batches`` alone."""
    steps = [step[:batches] for step in trainer.data.plan.epoch(0)]
    began, rows, place = clock(), 0, 0
    while rows == 0 or clock() - began < seconds:
        step = steps[place % len(steps)]
        trainer.take(step)
        rows += sum(len(batch) for batch in step)
        place += 1
    return rows / (clock() - began)


def clock() -> float:
    """Processor time of one thread; the clock where there are several or a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.get_num_threads() == 1:
        return time.process_time()
    return time.perf_counter()


@dataclass(frozen=True)
class EveryPair(TrainingData):
    """Encodes both molecules of every pair of a batch, in one padded batch a side."""

    encoder: Encoder

    def batch(self, rows: Rows, device: torch.device) -> PairBatch:
        table, network = self.rows.table, self.recipe.network
        antibodies = [Molecule(Role.ANTIBODY, pair) for pair in
                      table.select("heavy", "light")[rows.tolist()].iter_rows()]  # fmt: skip
        antigens = [
            Molecule(Role.ANTIGEN, (chain,)) for (chain,) in table["antigen"][rows.tolist()]
        ]
        sides = [
            self._pool(antibodies, network.antibody.pooling == "mean"),
            self._pool(antigens, network.antigen.pooling == "mean"),
        ]
        regions = torch.zeros(len(sides[0].rows), dtype=torch.int64)
        index = torch.arange(len(rows))
        lengths = torch.stack([side.lengths for side in sides], dim=1).numpy()
        return (
            PairFeatures(*sides, regions, index, index, lengths).batch(range(len(rows))).to(device)
        )

    def _pool(self, molecules: list[Molecule], mean: bool) -> MoleculeRows:
        rows = [molecule.rows for molecule in self.encoder.encode(molecules)]
        if mean:
            rows = [molecule.mean(axis=0, keepdims=True) for molecule in rows]
        lengths = np.array([len(molecule) for molecule in rows], dtype=np.int64)
        return MoleculeRows.of(lengths, rows[0].shape[1], lambda number: rows[number])


def trainer_of(
    recipe: Recipe, table: Measurements, features: PairFeatures, encoder: Encoder,
    device: torch.device,
) -> Trainer:  # fmt: skip
    every = np.arange(table.height)
    labels = table.labels()
    rows = TrainingTable(
        table, labels, np.zeros(table.height, dtype=np.int64), (), (), every, every[:64],
        every[:64], "test", 8.0, (),
    )  # fmt: skip
    lengths = features.lengths.sum(axis=1)
    plan = BatchPlan.of(rows, lengths, recipe.sampler, recipe.batch, recipe.seed)
    width = encoder.facts.width
    network = make_network(recipe.network, width, width, seed=0).to(device)
    network.centre(8.0)
    state = first_state(network, recipe)
    return Trainer(
        data=TrainingData(recipe, rows, features, plan), state=state,
        run=Path(tempfile.gettempdir()), identity={}, device=device,
    )  # fmt: skip


def generated(pairs: int) -> Measurements:
    """Random chains at the published lengths and repeats."""
    rng = np.random.default_rng(0)

    def chains(count: int, deciles: tuple[int, ...]) -> list[str]:
        lengths = np.interp(rng.random(count), np.linspace(0, 1, 11), deciles).astype(int)
        return ["".join(rng.choice(list(AMINO_ACIDS), length)) for length in lengths]

    antibodies = chains(max(1, round(pairs * OWN_ANTIBODY)), ANTIBODY)
    draws = rng.integers(round(PAIRS * OWN_ANTIGEN), size=pairs)
    antigens = chains(len(np.unique(draws)), ANTIGEN)
    indices = (
        np.resize(np.arange(len(antibodies)), pairs), np.unique(draws, return_inverse=True)[1]
    )  # fmt: skip
    pkd = rng.normal(8.0, 1.2, pairs).tolist()
    plain = {
        "source": "user", "source_file": "t.csv", "quantity": "KD", "raw_value": "1",
        "raw_unit": "nM", "relation": "=", "replicates": 1, "assay": "one", "licence": "own-data",
        "flags": [],
    }  # fmt: skip
    columns = {name: [plain.get(name)] * pairs for name in SCHEMA} | {
        "record_id": [f"r{i}" for i in range(pairs)], "source_row": list(range(2, pairs + 2)),
        "heavy": [antibodies[i][: len(antibodies[i]) // 2] for i in indices[0]],
        "light": [antibodies[i][len(antibodies[i]) // 2 :] for i in indices[0]],
        "antigen": [[antigens[i]] for i in indices[1]], "pkd": pkd, "pkd_lower": pkd,
        "pkd_upper": pkd,
    }  # fmt: skip
    table = pl.DataFrame(columns, schema_overrides=SCHEMA).select(list(SCHEMA))
    return Measurements.of(table)


if __name__ == "__main__":
    main()
