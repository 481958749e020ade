"""The served artefact: a model, its calibration and its domain in one folder, nothing apart.

To the files of the saved model (``model.json``, ``weights.safetensors`` and what else a model
writes) come ``served.json``, with the measured figures and the SHA-256 of every file, and
``uncertainty.safetensors``, with the error distributions and the training rows' CDRs and antigen
chains. A file that was changed, added or taken away is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import polars as pl

from abag.data.tables import Measurements
from abag.errors import ModelError, OptionError
from abag.files import LOCK, require_folder, sha256_of, write_json, write_text
from abag.model.artefact import (
    CALIBRATION_ARRAYS,
    CARD,
    SERVED,
    Arrays,
    located,
    packed,
    read_stamped,
    require_free,
    saving,
    stamped,
    unpacked_arrays,
)
from abag.model.protocol import AffinityModel, create_model, load_model
from abag.uncertainty.calibration import DEFAULT_LEVEL, Calibration
from abag.uncertainty.card import card
from abag.uncertainty.domain import DomainIndex

if TYPE_CHECKING:
    from abag.model.fitting import FittedModel, TrainingRows

FORMAT: Final = "abag-served-model"
FORMAT_VERSION: Final = 1
_APART: Final = frozenset({SERVED, CARD, LOCK})
"""Not in the checksums; the card is for people and may be rewritten."""


@dataclass(frozen=True)
class ServedModel:
    """A model with what is known of its errors; a model alone has neither of the other two."""

    model: AffinityModel
    calibration: Calibration | None = None
    domain: DomainIndex | None = None
    protocol: Mapping[str, Any] | None = None
    """How the calibration was made: folds, seed, level of the measured figures."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a folder of ``abag fit`` or a release, with or without a calibration.

        Raises:
            MissingFileError: there is no such folder.
            ModelError: a file was changed, is missing or is foreign.
        """
        folder = located(folder)
        require_folder(folder)
        if not (folder / SERVED).is_file():
            return cls(load_model(folder))
        manifest = _read_manifest(folder)
        model = load_model(folder)
        if model.model_id != manifest["model_id"]:
            raise ModelError(
                f"{folder} holds the model {model.model_id}, but the calibration of "
                f"{manifest['model_id']}; calibrate again with `abag fit --calibrate`"
            )
        path = folder / CALIBRATION_ARRAYS
        arrays = unpacked_arrays(path.read_bytes(), path)
        calibration = Calibration.from_saved(manifest["figures"], arrays)
        index = (
            DomainIndex.from_arrays(arrays)
            if model.measured is None
            else DomainIndex(model.measured)
        )
        return cls(model, calibration, index, manifest["protocol"])

    def as_json(self) -> dict[str, Any]:
        """How the calibration was made, and the measured figures by verdict."""
        figures = self.calibration.as_json() if self.calibration else None
        return {"calibration": figures, "calibration_protocol": dict(self.protocol or {})}

    def in_words(self) -> str:
        """One line a verdict: error, coverage and width."""
        figures = self.calibration.figures if self.calibration else {}
        return "\n".join(f"{verdict}: {group.in_words()}" for verdict, group in figures.items())

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write everything into a new folder, in one step.

        Raises:
            ModelError: ``folder`` is taken, or there is no calibration.
        """
        if self.calibration is None or self.domain is None:
            raise ModelError("this model has no calibration; save the model itself")
        with saving(folder, overwrite) as new_folder:
            self.model.save(new_folder)
            arrays: Arrays = {**self.calibration.arrays()}
            if self.model.measured is None:
                arrays = {**arrays, **self.domain.arrays()}
            (new_folder / CALIBRATION_ARRAYS).write_bytes(packed(arrays))
            write_json(new_folder / SERVED, self._manifest(new_folder))
            write_text(new_folder / CARD, self._card())

    def _card(self) -> str:
        figures = self.calibration.figures if self.calibration else {}
        return card(self.model.model_id, self.model.training, self.protocol or {}, figures)

    def _manifest(self, folder: Path) -> dict[str, Any]:
        figures = self.calibration.as_json() if self.calibration else {}
        return stamped(FORMAT, FORMAT_VERSION, {
            "model_id": self.model.model_id,
            "figures": figures,
            "protocol": dict(self.protocol or {}),
            "files": _checksums(folder),
        })  # fmt: skip


def fit_served(
    name: str,
    rows: TrainingRows,
    out: Path,
    settings: Mapping[str, Any] | None = None,
    *,
    folds: int = 10,
    seed: int = 0,
    overwrite: bool = False,
) -> tuple[FittedModel, ServedModel]:
    """Fit a model on ``rows``, calibrate it on rows held out of them, and save both in ``out``.

    Args:
        name: registered name of the model.
        rows: which rows of a saved table.
        out: new folder.
        settings: hyper-parameters.
        folds: folds of each scheme of the calibration.
        seed: of these folds.
        overwrite: replace a saved model in ``out``.

    Raises:
        OptionError, SchemaError, SplitError, ModelError: as :func:`abag.model.fitting.fit_model`,
            and for a model of ``rank_score``, which has no pKd to calibrate.
    """
    from abag.model.fitting import FittedModel, select_rows

    values = dict(settings or {})
    model = create_model(name, values)
    if model.target != "pkd":
        raise OptionError("--calibrate is for models of pkd; a rank score has no absolute error")
    require_free(out, overwrite)
    table, origin = select_rows(rows)
    served = calibrated(name, table, values, origin, folds=folds, seed=seed)
    served.save(out, overwrite)
    return FittedModel.of(out, served.model), served


def calibrated(
    name: str,
    table: Measurements,
    settings: Mapping[str, Any] | None = None,
    origin: Mapping[str, str] | None = None,
    *,
    folds: int = 10,
    seed: int = 0,
) -> ServedModel:
    """A model fitted on all rows of ``table``, calibrated on the same rows out of fold."""
    from abag.uncertainty.out_of_fold import domain_of, out_of_fold

    table = Measurements.of(table)
    values = dict(settings or {})
    model = create_model(name, values).fit(table, dict(origin or {}))
    held_out_settings = {**values, **model.settings_for_strangers}
    held_out = out_of_fold(
        lambda: create_model(name, held_out_settings), table, folds=folds, seed=seed
    )
    calibration = Calibration.of(held_out, DEFAULT_LEVEL)
    protocol = {
        "folds": folds,
        "seed": seed,
        "level": DEFAULT_LEVEL,
        "sources": _sources(table),
    }
    index = domain_of(model, table.filter(pl.col("pkd").is_not_null()))
    return ServedModel(model, calibration, index, protocol)


def _sources(table: Measurements) -> list[list[Any]]:
    """Source, licence and number of rows."""
    if not {"source", "licence"} <= set(table.columns):
        return []
    counts = table.frame.group_by("source", "licence").len().sort("source", "licence")
    return [list(row) for row in counts.iter_rows()]


def _read_manifest(folder: Path) -> dict[str, Any]:
    manifest = read_stamped(folder / SERVED, FORMAT, FORMAT_VERSION)
    checksums = _checksums(folder)
    for name in sorted(set(checksums) | set(manifest["files"])):
        if checksums.get(name) != manifest["files"].get(name):
            kind = "is missing" if name not in checksums else "is not the file that was saved"
            raise ModelError(
                f"{folder / name} {kind} with this model (its checksum differs); copy or fit the "
                "model again"
            )
    return manifest


def _checksums(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path: path.relative_to(folder).as_posix() for path in files}
    return {name: sha256_of(path) for path, name in names.items() if name not in _APART}
