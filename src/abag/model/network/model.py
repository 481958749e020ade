"""A trained network as a model like any other: sequences in, pKd out, with its encoders' names.

``abag train`` makes it. The artefact holds the weights, the configuration, the recipe, the
identity of both encoders and, where they were adapted, their adapters, so that what is served is
what was trained; an encoder that differs is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from abag import progress
from abag.data.tables import Pairs, rows_to_predict
from abag.encoders.devices import chosen_device
from abag.encoders.protocol import Encoder, Molecule, Role
from abag.errors import ModelError, SequenceError
from abag.model import artefact
from abag.model.network.config import NetworkConfig
from abag.model.network.encoders import EncoderRecord, open_both
from abag.model.network.inputs import PairFeatures
from abag.model.network.network import AffinityNetwork, make_network
from abag.model.protocol import PlainModel, Settings, parse_settings
from abag.model.training_set import TrainingDomain, TrainingSet, TrainingSummary

Reals = NDArray[np.float64]

_CHUNK: Final = 1_024
"""Rows whose embeddings are in memory at one time."""
_BUDGET: Final = 32_768
"""Padded residues of both molecules in a batch."""
_SHOWN: Final = 256
"""Rows from which the encoding shows its progress."""


class NetworkSettings(Settings):
    """Settings of a trained network; its shape comes from its recipe."""

    recipe: str = Field("default", description="Recipe it was trained by (`abag recipes`).")


@dataclass(frozen=True, slots=True)
class NetworkPredictions:
    """Predictions of a network, each [rows]."""

    pkd: Reals
    strong_probability: Reals | None
    """Probability that pKd reaches the recipe's ``strong_pkd``, with a classifier."""
    deviation: Reals | None
    """Predicted standard deviation in pKd, with a variance head."""


@dataclass(frozen=True)
class _Trained:
    """The state of a trained model."""

    network: AffinityNetwork
    recipe: dict[str, Any]
    records: tuple[EncoderRecord, EncoderRecord]
    encoders: tuple[Encoder, Encoder]
    domain: TrainingDomain
    summary: TrainingSummary


class NetworkModel(PlainModel):
    """An affinity network with its encoders; ``from_trained`` and ``load`` make one."""

    name: ClassVar[str] = "network"
    inputs: ClassVar[tuple[str, ...]] = ("heavy", "light", "antigen")
    settings_type: ClassVar[type[Settings]] = NetworkSettings

    def __init__(self, settings: NetworkSettings | None = None, **values: Any) -> None:
        """An untrained model, which can only say that ``abag train`` trains it."""
        self.settings: NetworkSettings = settings or parse_settings(
            NetworkSettings, values, self.name
        )
        self._trained: _Trained | None = None

    @classmethod
    def from_trained(
        cls,
        network: AffinityNetwork,
        *,
        recipe: Mapping[str, Any],
        antibody_encoder: Encoder,
        antigen_encoder: Encoder,
        table: Pairs,
        origin: Mapping[str, str] | None = None,
    ) -> Self:
        """Make a model of a trained network; it is not changed, and computes on its device.

        Args:
            network: with the kept weights.
            recipe: plain values; its ``name`` and ``seed`` enter the settings.
            antibody_encoder: that gave the antibody rows, with its adapter.
            antigen_encoder: that gave the antigen rows, with its adapter.
            table: the canonical rows that were trained on.
            origin: checksums of table and split.

        Raises:
            EncoderError: an encoder's width is not the network's.
            ModelError: no training row has an exact pKd.
        """
        encoders = (antibody_encoder, antigen_encoder)
        records = (
            EncoderRecord.of("antibody", antibody_encoder),
            EncoderRecord.of("antigen", antigen_encoder),
        )
        for record, encoder, width in zip(
            records, encoders, (network.antibody_width, network.antigen_width), strict=True
        ):
            replace(record, width=width).require(encoder)
        rows = TrainingSet.of(table, "pkd")
        # Bounds and the values of other assays teach a network, too: every row given was used.
        summary = replace(rows.summary(dict(origin or {})), rows_used=table.height)
        model = cls(_settings_of(recipe))
        model._trained = _Trained(
            network, dict(recipe), records, encoders, TrainingDomain.of(table), summary
        )
        return model

    @property
    def target(self) -> str:
        """The column that the model predicts."""
        return "pkd"

    @property
    def domain(self) -> TrainingDomain:
        """The antibodies and antigens of the training rows."""
        return self._require_trained().domain

    @property
    def training(self) -> TrainingSummary:
        """How many rows the model was trained on, and which."""
        return self._require_trained().summary

    @property
    def config(self) -> NetworkConfig:
        """Encoders, fusion, heads and range."""
        return self._require_trained().network.config

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe that it was trained by, as plain values."""
        return self._require_trained().recipe

    @property
    def encoders(self) -> tuple[Encoder, Encoder]:
        """Of antibodies and of antigens."""
        return self._require_trained().encoders

    def fit(
        self,
        table: Pairs | pl.DataFrame,  # noqa: ARG002
        origin: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Self:
        """Refuse: a network needs validation rows and a recipe; raises ModelError that says so."""
        raise ModelError(
            "a network is trained with `abag train --recipe NAME --table TABLE --split SPLIT "
            "--out RUN`, which makes a saved model in RUN/model; `abag fit` fits the baselines"
        )

    def predict(self, table: Pairs | pl.DataFrame) -> Reals:
        """Predicted pKd of each row, shape (rows,), fp32 arithmetic, the same in any batch."""
        return self.predictions(table).pkd

    def predictions(self, table: Pairs | pl.DataFrame) -> NetworkPredictions:
        """All that the network predicts of each row.

        Raises:
            SchemaError: a column is missing.
            ModelError: the model is not trained, or a row lacks a chain (see :meth:`refusals`).
            EncoderError, SequenceError: an encoder cannot read a molecule.
        """
        trained, pairs = self._require_trained(), rows_to_predict(table, self.inputs)
        head = trained.network.config.head
        outputs = np.zeros((3, pairs.height))
        for start in range(0, pairs.height, _CHUNK):
            chunk = pairs.slice(start, _CHUNK)
            with nullcontext() if chunk.height > _SHOWN else progress.hidden():
                features = PairFeatures.of(chunk, *trained.encoders, trained.network.config)
            for rows in _batches(features):
                outputs[:, start + rows] = _outputs(trained.network, features, rows)
        pkd, logit, log_variance = outputs
        return NetworkPredictions(
            pkd,
            1 / (1 + np.exp(-logit)) if head.classifier else None,
            np.exp(log_variance / 2) if head.variance else None,
        )

    def refusals(self, table: Pairs | pl.DataFrame) -> list[str | None]:
        """For each row, why the network cannot predict it, or None."""
        self._require_trained()
        return [
            _refusal(*row)
            for row in rows_to_predict(table, self.inputs).select(*self.inputs).iter_rows()
        ]

    def row_flags(self, table: Pairs | pl.DataFrame) -> dict[str, NDArray[np.bool_]]:
        """``read_in_windows``: a molecule is longer than its encoder reads at once."""
        antibody, antigen = (encoder.facts for encoder in self.encoders)
        table = rows_to_predict(table, self.inputs)
        heavy, light = (pl.col(c).str.len_bytes().fill_null(0) for c in ("heavy", "light"))
        antibody_residues = heavy + light if antibody.paired else pl.max_horizontal(heavy, light)
        longest = pl.col("antigen").list.eval(pl.element().str.len_bytes()).list.max().fill_null(0)
        long = (antibody_residues > antibody.max_residues) | (longest > antigen.max_residues)
        return {"read_in_windows": table.select(long).to_series().to_numpy()}

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str = "auto",
        encoders: tuple[Encoder, Encoder] | None = None,
    ) -> Self:
        """Read what :meth:`save` wrote, and open its encoders.

        Args:
            folder: of the saved model.
            device: of the network and the encoders.
            encoders: of antibodies and antigens, opened already; else they are looked for as
                `abag embed` does, first below the folder that ``ABAG_ENCODERS`` names.

        Raises:
            ModelError: a changed or foreign file, or encoders that it was not trained on.
            EncoderError, UnavailableError: an encoder cannot be opened.
        """
        saved = artefact.read(folder)
        if saved.name != cls.name:
            raise ModelError(f"{folder} holds a model {saved.name!r}, not {cls.name!r}")
        try:
            chosen = chosen_device(device)
            network = _restored(saved).to(chosen).eval()
            antibody, antigen = (
                EncoderRecord.restored(side, saved.settings["encoders"][side], saved.arrays)
                for side in ("antibody", "antigen")
            )
            domain = TrainingDomain.from_arrays(saved.arrays)
            summary = TrainingSummary.from_json(saved.training)
            recipe = saved.settings["recipe"]
        except (KeyError, TypeError, RuntimeError, ValidationError) as error:
            raise ModelError(f"{folder} is no whole network of this abag ({error})") from None
        if encoders is not None:
            antibody.require(encoders[0])
            antigen.require(encoders[1])
        opened = encoders or open_both(antibody, antigen, str(chosen))
        model = cls(_settings_of(recipe))
        model._trained = _Trained(network, recipe, (antibody, antigen), opened, domain, summary)
        model._model_id = saved.model_id
        return model

    def _artefact(self) -> artefact.Artefact:
        trained = self._require_trained()
        network = trained.network
        settings = {
            "recipe": trained.recipe,
            "network": network.config.model_dump(mode="json"),
            "assays": network.assays,
            "encoders": {record.side: record.as_json() for record in trained.records},
        }
        weights = {
            f"network.{name}": tensor.detach().cpu().numpy()
            for name, tensor in network.state_dict().items()
        }
        adapters = [record.arrays() for record in trained.records]
        arrays = {**trained.domain.arrays(), **weights, **adapters[0], **adapters[1]}
        return artefact.Artefact(self.name, settings, trained.summary.as_json(), arrays)

    def _require_trained(self) -> _Trained:
        if self._trained is None:
            raise ModelError("this network is not trained; train one with `abag train`")
        return self._trained


def _settings_of(recipe: Mapping[str, Any]) -> NetworkSettings:
    return NetworkSettings(recipe=str(recipe.get("name", "")), seed=int(recipe.get("seed", 0)))


def _restored(saved: artefact.Artefact) -> AffinityNetwork:
    config = NetworkConfig.model_validate(saved.settings["network"])
    encoders, assays = saved.settings["encoders"], saved.settings["assays"]
    network = make_network(
        config, encoders["antibody"]["width"], encoders["antigen"]["width"], assays
    )
    weights = {
        name.removeprefix("network."): torch.from_numpy(np.array(array))
        for name, array in saved.arrays.items()
        if name.startswith("network.")
    }
    network.load_state_dict(weights)
    return network


def _batches(features: PairFeatures) -> Iterator[NDArray[np.int64]]:
    """Rows in batches of like lengths within the budget."""
    order = np.lexsort(features.lengths.T)
    batch: list[int] = []
    longest = np.zeros(2, dtype=np.int64)
    for row in order:
        grown = np.maximum(longest, features.lengths[row])
        if batch and (len(batch) + 1) * grown.sum() > _BUDGET:
            yield np.array(batch)
            batch, grown = [], features.lengths[row]
        batch.append(int(row))
        longest = grown
    if batch:
        yield np.array(batch)


@torch.inference_mode()
def _outputs(network: AffinityNetwork, features: PairFeatures, rows: NDArray[np.int64]) -> Reals:
    """PKd, logit and log variance [3, rows]; zeros for heads that there are not."""
    training = network.training
    network.eval()
    output = network(features.batch(rows.tolist()).to(network.pkd.weight.device))
    network.train(training)
    zeros = torch.zeros_like(output.pkd)
    parts = (output.pkd, output.strong_logit, output.log_variance)
    stacked = torch.stack([zeros if part is None else part for part in parts])
    values: Reals = stacked.double().cpu().numpy()
    return values


def _refusal(heavy: str | None, light: str | None, antigen: list[str] | None) -> str | None:
    if not heavy:
        return "no heavy chain, which this model reads"
    if not antigen:
        return "no antigen sequence, which this model reads"
    try:
        Molecule(Role.ANTIBODY, (heavy, light) if light else (heavy,))
        for chain in antigen:
            Molecule(Role.ANTIGEN, (chain,))
    except SequenceError as error:
        return str(error)
    return None
