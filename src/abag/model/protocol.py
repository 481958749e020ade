"""What a model of affinity is: fit on canonical rows, predict rows, save, load. No pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Pairs
from abag.model.domain import TrainingDomain
from abag.model.settings import Settings
from abag.model.training_set import TrainingSummary


class AffinityModel(Protocol):
    """Every model, from the mean of the labels to the shipped network, behind one interface.

    ``fit`` and ``predict`` take tables of :mod:`abag.data.tables`; a user's bare frame is checked
    there, once. ``target`` is ``"pkd"`` (absolute) or
    ``"rank_score"`` (order inside one assay).
    """

    name: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    settings_type: ClassVar[type[Settings]]

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

    def predict(self, table: Pairs | pl.DataFrame) -> NDArray[np.float64]:
        """One value a row, finite, in the table's order; same row, same value in any batch."""

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


@runtime_checkable
class KnowsNearest(Protocol):
    """A model that can say how near a pair is to the nearest pair it was fitted on."""

    def predict_with_similarity(
        self, table: Pairs | pl.DataFrame
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predictions, and the similarity to the nearest training row, 0 to 1, of each row."""


class FullAnswer(NamedTuple):
    """All that a model says of some rows; every array has shape (rows,)."""

    value: NDArray[np.float64]
    """What ``predict`` gives."""
    spread: NDArray[np.float64]
    """Standard deviations of the errors, in the target's unit."""
    pair: NDArray[np.float64]
    """Similarity to the nearest training pair, 0 to 1."""
    antibody: NDArray[np.float64]
    """Similarity to the nearest training antibody, 0 to 1."""
    antigen: NDArray[np.float64]
    """Similarity to the nearest training antigen, 0 to 1."""
    level: NDArray[np.float64] | None = None
    """The part of the value that measured relatives give, for models that tell it apart."""
    effect: NDArray[np.float64] | None = None
    """The part that the changes from the relative give: value = level + effect."""
    evidence: NDArray[np.float64] | None = None
    """How like the binders of this antigen the antibody is, in standard deviations of antibodies
    that were measured on other antigens; NaN where it cannot be told."""


@runtime_checkable
class KnowsInFull(Protocol):
    """A model that gives all its answers to a row for the price of one."""

    def predict_in_full(self, table: Pairs | pl.DataFrame) -> FullAnswer:
        """Values, standard deviations and similarities of each row."""


@runtime_checkable
class KnowsInterval(Protocol):
    """A model with intervals of its own, such as a Gaussian process of one assay."""

    def interval(
        self, table: Pairs | pl.DataFrame, level: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends of the central interval of a new measurement of each row, in the target's unit."""


@runtime_checkable
class KnowsEffects(Protocol):
    """A model that says what the changes from a given antibody do, whoever measured it."""

    def effects_on(
        self, parent: tuple[str, str], table: pl.DataFrame
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Effect on the target, its standard deviation, changes, and changes in CDRs, (rows,)."""

    def importance_of(self, chain: str) -> NDArray[np.float64]:
        """What binding would lose at each residue of a chain by its contact, (residues,)."""
