"""What a model of affinity is: settings, fit, predict, save, load; and every kind by its name."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Literal,
    NamedTuple,
    Protocol,
    Self,
    TypeVar,
)

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from abag.antibody.antibody import Chains
from abag.data.tables import Pairs
from abag.errors import ModelError, OptionError, UnavailableError
from abag.model.artefact import located, read_manifest
from abag.model.training_set import TrainingDomain, TrainingSummary

if TYPE_CHECKING:
    from abag.model.artefact import Artefact
    from abag.model.pairs.measured import MeasuredPairs


class Settings(BaseModel):
    """Hyper-parameters that every model has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    target: Literal["pkd", "rank_score"] = Field(
        "pkd", description="pkd (absolute) or rank_score (order inside one assay)."
    )
    seed: int = Field(0, ge=0, description="Seed of anything that is drawn at random.")


SettingsType = TypeVar("SettingsType", bound=Settings)


def parse_settings(kind: type[SettingsType], values: Mapping[str, Any], model: str) -> SettingsType:
    """Check values, texts allowed, against the settings of a model.

    Raises:
        OptionError: names every unknown key with its nearest known one, and every bad value.
    """
    known = list(kind.model_fields)
    faults = [_unknown(key, known, model) for key in values if key not in known]
    try:
        settings = kind.model_validate({k: v for k, v in values.items() if k in known})
    except ValidationError as error:
        faults += [
            f"{'.'.join(map(str, fault['loc']))}={fault['input']}: {fault['msg']}"
            for fault in error.errors()
        ]
    if faults:
        raise OptionError("; ".join(faults))
    return settings


def split_assignments(assignments: list[str]) -> dict[str, str]:
    """Read ``["ridge=0.1"]`` as ``{"ridge": "0.1"}``."""
    values: dict[str, str] = {}
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise OptionError(f"--set {text!r} is not KEY=VALUE, for example --set ridge=0.1")
        if key.strip() in values:
            raise OptionError(f"--set {key.strip()} is given twice")
        values[key.strip()] = value.strip()
    return values


def nearest(name: str, known: list[str]) -> str:
    """A question such as ``; did you mean 'ridge'?``, or nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _unknown(key: str, known: list[str], model: str) -> str:
    return f"{model} has no setting {key!r}{nearest(key, known)} (it has {', '.join(known)})"


Reals = NDArray[np.float64]


class Answer(NamedTuple):
    """Answer of a model for some rows; every array has shape (rows,)."""

    value: Reals
    """What ``predict`` gives."""
    spread: Reals
    """Standard deviations of the errors, in the target's unit; ones of a model without any."""
    pair: Reals
    """Similarity to the nearest training pair, 0 to 1; this and the next two NaN where unknown."""
    antibody: Reals
    """Similarity to the nearest training antibody, 0 to 1."""
    antigen: Reals
    """Similarity to the nearest training antigen, 0 to 1."""
    level: Reals | None = None
    """The part of the value that measured relatives give, for models that separate it."""
    effect: Reals | None = None
    """The part that the changes from the relative give: value = level + effect."""
    evidence: Reals | None = None
    """How like the binders of this antigen the antibody is, in standard deviations of antibodies
    that were measured on other antigens; NaN where it is not known."""

    @classmethod
    def of(cls, value: Reals, pair: Reals | None = None) -> Answer:
        """The answer of a model that knows its value, and at most how near its rows come."""
        unknown = np.full(len(value), np.nan)
        nearness = unknown if pair is None else pair
        return cls(value, np.ones(len(value)), nearness, unknown, unknown)


class EffectsOfChanges(Protocol):
    """What the changes from a given antibody do, whoever measured it."""

    def effects_on(
        self, parent: tuple[str, str], table: Pairs
    ) -> tuple[Reals, Reals, NDArray[np.int64], NDArray[np.int64]]:
        """Effect on the target, its standard deviation, changes, and changes in CDRs, (rows,)."""

    def importance_of(self, chain: str) -> Reals:
        """What binding would lose at each residue of a chain by its contact, (residues,)."""


class AffinityModel(Protocol):
    """Every model, from the mean of the labels to the shipped network, behind one interface.

    ``fit`` and ``predict`` take tables of :mod:`abag.data.tables`; a user's bare frame is checked
    there, once. ``target`` is ``"pkd"`` (absolute) or
    ``"rank_score"`` (order inside one assay).
    """

    name: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    settings_type: ClassVar[type[Settings]]
    settings_for_strangers: ClassVar[Mapping[str, Any]]
    """What differs in the settings of models that measure the errors on rows held out."""

    @property
    def settings(self) -> Settings:
        """Hyper-parameters."""

    @property
    def target(self) -> str:
        """The column that the model predicts."""

    @property
    def model_id(self) -> str:
        """Name and digest of what was learnt: equal for equal models, known once fitted."""

    @property
    def domain(self) -> TrainingDomain:
        """The antibodies and antigens that the model was fitted on."""

    @property
    def training(self) -> TrainingSummary:
        """How many rows the model was fitted on, and which."""

    def fit(self, table: Pairs | pl.DataFrame, origin: Mapping[str, str] | None = None) -> Self:
        """Learn from the rows whose target is exact; raises ModelError if there are none.

        ``origin`` (checksums of table and split) is kept in the training summary.
        """

    def predict(self, table: Pairs | pl.DataFrame) -> Reals:
        """One value a row, finite, in the table's order; same row, same value in any batch."""

    def answer(self, table: Pairs | pl.DataFrame) -> Answer:
        """Value (as :meth:`predict` gives it), spread, nearness and parts of each row."""

    def interval(self, table: Pairs | pl.DataFrame, level: float) -> tuple[Reals, Reals] | None:
        """Ends of the central interval of a new measurement of each row, in the target's unit.

        None for a model without intervals of its own, such as one of many antigens, whose
        intervals come from its calibration.
        """

    @property
    def effects(self) -> EffectsOfChanges | None:
        """What changes do, for a model that separates their effect from the level."""

    @property
    def measured(self) -> MeasuredPairs | None:
        """The measured pairs, for a model that keeps them and answers by them."""

    def reference_chains(self) -> Chains | None:
        """The antibody whose variants the model learnt, for a model of one assay."""

    def training_chains(self) -> Sequence[Chains]:
        """Heavy and light chain of each variant that a model of one assay has learnt from."""

    def refusals(self, table: Pairs | pl.DataFrame) -> list[str | None]:
        """For each row, why this model cannot predict it, or None."""

    def row_flags(self, table: Pairs | pl.DataFrame) -> dict[str, NDArray[np.bool_]]:
        """Warnings of this kind of model: name of the flag, and the rows that it concerns."""

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the model as safetensors and JSON into a new folder, in one step.

        ``overwrite`` allows a folder that holds a saved model, and nothing else.
        """

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote; raises ModelError on a changed or foreign file."""


class PlainModel(ABC):
    """The answers of a model that knows its value alone; others replace what they know more of."""

    settings_for_strangers: ClassVar[Mapping[str, Any]] = {}
    _model_id: str | None = None

    @property
    def model_id(self) -> str:
        """Name and digest of what was learnt: equal for equal models."""
        if self._model_id is None:
            self._model_id = self._artefact().model_id
        return self._model_id

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the model into a new folder, in one step (see :mod:`abag.model.artefact`)."""
        self._artefact().write(folder, overwrite)

    def _artefact(self) -> Artefact:
        """What is saved."""
        raise NotImplementedError

    @abstractmethod
    def predict(self, table: Pairs | pl.DataFrame) -> Reals:
        """One value a row."""

    def answer(self, table: Pairs | pl.DataFrame) -> Answer:
        """The value; nothing is known of its spread or of relatives."""
        return Answer.of(self.predict(table))

    def interval(self, table: Pairs | pl.DataFrame, level: float) -> tuple[Reals, Reals] | None:
        """None: no intervals of its own."""
        del table, level
        return None

    @property
    def effects(self) -> EffectsOfChanges | None:
        """None: it does not separate effects."""
        return None

    @property
    def measured(self) -> MeasuredPairs | None:
        """None: it keeps no pairs."""
        return None

    def reference_chains(self) -> Chains | None:
        """None: it is of no single antibody."""
        return None

    def training_chains(self) -> Sequence[Chains]:
        """None of one assay."""
        return ()


def sound_answer(model: AffinityModel, table: Pairs | pl.DataFrame) -> Answer:
    """A model's answer, checked: one finite value and one positive spread a row.

    Raises:
        ModelError: the model gave something else.
    """
    answer = model.answer(table)
    value, spread = (np.asarray(numbers, np.float64) for numbers in answer[:2])
    if value.shape != (table.height,) or not np.isfinite(value).all():
        raise ModelError(
            f"{model.name} gave {value.shape} values for {table.height} rows, "
            f"{int((~np.isfinite(value)).sum())} of them not finite"
        )
    if not (np.isfinite(spread).all() and (spread > 0.0).all()):
        raise ModelError(f"{model.name} gave standard deviations that are not positive numbers")
    return answer


MODELS: Final[dict[str, str]] = {
    # name -> import path; add a line to add a model
    "mean": "abag.model.baselines.mean:Mean",
    "antigen-mean": "abag.model.baselines.antigen_mean:AntigenMean",
    "nearest-neighbour": "abag.model.baselines.nearest_neighbour:NearestNeighbour",
    "kmer-ridge": "abag.model.baselines.kmer_ridge:KmerRidge",
    "one-hot-ridge": "abag.model.baselines.one_hot_ridge:OneHotRidge",
    "assay-gp": "abag.model.assay_gp.model:AssayGP",
    "pairs": "abag.model.pairs.model:PairModel",
    "network": "abag.model.network.model:NetworkModel",
}


def model_class(name: str) -> type[AffinityModel]:
    """The class of a model; raises OptionError with the nearest name when it is unknown."""
    if name not in MODELS:
        known = ", ".join(MODELS)
        raise OptionError(
            f"unknown model {name!r}{nearest(name, list(MODELS))} (models are {known})"
        )
    module, _, attribute = MODELS[name].partition(":")
    try:
        kind: type[AffinityModel] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnavailableError(
            f"the model {name!r} needs PyTorch: pip install 'abag[network]'"
        ) from None
    return kind


def create_model(name: str, values: Mapping[str, Any] | None = None) -> AffinityModel:
    """An unfitted model with settings, given as values or texts (``{"ridge": "0.1"}``)."""
    return model_class(name)(**dict(values or {}))


def load_model(folder: Path) -> AffinityModel:
    """Read a saved model of any registered kind, its release's folder or name; raises ModelError.

    What the folder may be: :func:`abag.model.artefact.located`.
    """
    folder = located(folder)
    name = read_manifest(folder)["name"]
    if name not in MODELS:
        raise ModelError(
            f"{folder} holds a model {name!r}, which this abag does not know ({', '.join(MODELS)})"
        )
    return model_class(name).load(folder)
