"""Fit a model on a saved table, or on the training rows of a split, and save it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from abag.data.build import load_table
from abag.data.tables import Measurements
from abag.errors import ModelError, OptionError
from abag.files import sha256_of
from abag.model.artefact import require_free
from abag.model.protocol import create_model
from abag.model.training_set import TrainingSummary

if TYPE_CHECKING:
    from abag.data.splits import Split
    from abag.model.protocol import AffinityModel


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Which rows of a saved table a model is fitted on; by default all of them.

    ``part`` names a part of the split to train on. ``holdout`` names a test part: the model is
    fitted on the rows that may train for it. A split with ``train`` and ``test`` needs neither.
    """

    table: Path
    split: Path | None = None
    part: str | None = None
    holdout: str | None = None
    assay: str | None = None


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A model that was fitted and saved."""

    folder: Path
    model_id: str
    name: str
    settings: dict[str, Any]
    training: TrainingSummary

    @classmethod
    def of(cls, folder: Path, model: AffinityModel) -> Self:
        """A model that lies in a folder."""
        settings = model.settings.model_dump(mode="json")
        return cls(folder, model.model_id, model.name, settings, model.training)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "model": self.name,
            "model_id": self.model_id,
            "folder": str(self.folder),
            "settings": self.settings,
            "training": self.training.as_json(),
        }


def fit_model(
    name: str,
    rows: TrainingRows,
    out: Path,
    settings: Mapping[str, Any] | None = None,
    *,
    overwrite: bool = False,
) -> FittedModel:
    """Fit the model ``name`` on ``rows`` and save it in the new folder ``out``.

    Raises:
        OptionError: unknown model or setting, or ``part`` and ``holdout`` do not fit the split.
        SchemaError: the file is not a canonical table.
        SplitError: the split belongs to another table, or has no such part.
        ModelError: the rows do not suit the model, or ``out`` is taken.
    """
    values = dict(settings or {})
    model = create_model(name, values)
    require_free(out, overwrite)
    table, origin = select_rows(rows)
    model.fit(table, origin)
    model.save(out, overwrite)
    return FittedModel.of(out, model)


def select_rows(rows: TrainingRows) -> tuple[Measurements, dict[str, str]]:
    """The training rows, and where they came from: checksums, part and assay."""
    if rows.split is None and (rows.part or rows.holdout):
        raise OptionError("--part and --holdout name parts of a split; name it with --split")
    table = load_table(rows.table)
    origin = {"table_sha256": sha256_of(rows.table)}
    if rows.split is not None:
        from abag.data.splits import Split

        split = Split.load_for(rows.split, table)
        table, split_origin = _of_split(table, split, rows)
        origin |= split_origin
    if rows.assay is not None:
        table = _of_assay(table, rows.assay)
        origin["assay"] = rows.assay
    return table, origin


def _of_split(
    table: Measurements, split: Split, rows: TrainingRows
) -> tuple[Measurements, dict[str, str]]:
    if rows.part and rows.holdout:
        raise OptionError("give either --part (train on it) or --holdout (train on the rest)")
    if rows.part:
        if rows.part not in split.parts():
            known = ", ".join(split.parts())
            raise OptionError(f"--part {rows.part}: the split has the parts {known}")
        origin = {"split_digest": split.digest, "split_strategy": split.strategy}
        return split.part_table(table, rows.part), origin | {"part": rows.part}
    if rows.holdout is None and split.is_folds:
        raise OptionError(
            f"this split has folds ({', '.join(split.test_parts)}): name the one that is not to "
            f"be trained on, for example --holdout {split.test_parts[0]}"
        )
    holdout = rows.holdout or "test"
    split.require(table)
    return table.of_records(split.training_ids(holdout)), split.trained_without(holdout)


def _of_assay(table: Measurements, assay: str) -> Measurements:
    chosen = table.filter(pl.col("assay") == assay)
    if chosen.is_empty():
        known = sorted(table["assay"].unique().to_list())
        shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise ModelError(f"no row belongs to the assay {assay!r}; the rows have {shown}")
    return chosen
