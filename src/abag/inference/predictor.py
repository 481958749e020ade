"""From the chains a user has to predictions with flags, for one pair or a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.errors import SequenceError
from abag.inference.inputs import ROW, cleaned, normalised, one_pair, refuse_problems
from abag.inference.outputs import COLUMNS, format_kd
from abag.model.protocol import AffinityModel, KnowsNearest
from abag.model.registry import load_model
from abag.progress import task
from abag.units import kd_molar_from_pkd

if TYPE_CHECKING:
    from abag.data.chains import AntibodyCleaner
    from abag.progress import Task

_STEP_ROWS: Final = 2_000
"""Rows between two movements of the progress bar."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction of one pair. ``pkd`` and KD are None for a model of ``rank_score``."""

    pkd: float | None
    kd_molar: float | None
    kd: str | None
    """KD with a unit that suits it, such as ``3.2 nM``."""
    rank_score: float | None
    nearest_similarity: float | None
    """Similarity to the nearest training pair, 0 to 1, where the model knows it."""
    model_id: str
    flags: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "flags": list(self.flags)}


class Predictor:
    """A fitted model together with the cleaning of chains that its training rows had."""

    def __init__(self, model: AffinityModel, cleaner: AntibodyCleaner | None = None) -> None:
        self.model = model
        self._cleaner = cleaner

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Load a saved model of any kind; raises MissingFileError or ModelError."""
        return cls(load_model(Path(folder)))

    @property
    def model_id(self) -> str:
        """Name and digest of the model."""
        return self.model.model_id

    def predict_pair(
        self, heavy: str, light: str | None = None, antigen: str | Sequence[str] = ()
    ) -> Prediction:
        """Predict one antibody (a lone heavy chain, VHH or scFv in ``heavy``) on one antigen.

        Raises:
            SequenceError: a chain cannot be read as what it should be.
            ModelError: the model cannot predict this pair.
        """
        frame = self._judged(one_pair(heavy, light, antigen))
        if reason := frame["problem"][0]:
            raise SequenceError(reason)
        row = self._filled(frame).row(0, named=True)
        return Prediction(**{**{k: row[k] for k in _FIELDS}, "flags": tuple(row["flags"])})

    def predict_table(
        self, pairs: pl.DataFrame, *, keep_going: bool = False, path: Path | str = "the table"
    ) -> pl.DataFrame:
        """Predict each row of a table with ``heavy``, ``antigen`` and optionally ``light``.

        Returns :data:`abag.inference.outputs.COLUMNS`, one row a row, in the same order. With
        ``keep_going`` a row that cannot be predicted has no value and its reason in ``problem``.

        Raises:
            SchemaError: a needed column is missing.
            TableError: rows cannot be predicted (all named, unless ``keep_going``).
        """
        frame = self._judged(normalised(pairs))
        if not keep_going:
            refuse_problems(frame, path)
        return self._filled(frame)

    def _judged(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Cleaned pairs; those that the model itself refuses have a ``problem``, too."""
        frame = cleaned(pairs, self._cleaner).with_row_index("place")
        if "antigen" in self.model.inputs and len(self.model.domain.antigens):
            none = pl.col("antigen").list.len() == 0
            reason = pl.when(none).then(pl.lit("no antigen sequence, which this model reads"))
            frame = frame.with_columns(problem=pl.coalesce("problem", reason))
        good = frame.filter(pl.col("problem").is_null())
        reasons = self.model.refusals(good)
        refused = good.select("place").with_columns(refusal=pl.Series(reasons, dtype=pl.String))
        joined = frame.join(refused, on="place", how="left", maintain_order="left")
        return joined.with_columns(problem=pl.coalesce("problem", "refusal")).drop("refusal")

    def _filled(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Predictions for the rows without a problem, beside the rows with one."""
        good = frame.filter(pl.col("problem").is_null())
        values, similarity = self._predict(good)
        known = values.tolist()
        nothing: list[None] = [None] * len(known)
        absolute = self.model.target == "pkd"
        kd_molar = [kd_molar_from_pkd(value) for value in known] if absolute else nothing
        filled = pl.DataFrame(
            {
                "place": good["place"],
                "pkd": known if absolute else nothing,
                "kd_molar": kd_molar,
                "kd": [format_kd(kd) if kd is not None else None for kd in kd_molar],
                "rank_score": nothing if absolute else known,
                "nearest_similarity": nothing if similarity is None else similarity.tolist(),
                "more_flags": self._flags(good),
            },
            schema_overrides={**{k: COLUMNS[k] for k in _VALUES}, "more_flags": COLUMNS["flags"]},
        )
        joined = frame.join(filled, on="place", how="left", maintain_order="left")
        return joined.select(
            pl.col(ROW).alias("row"),
            "antibody_name",
            "antigen_name",
            *_VALUES,
            pl.lit(self.model_id).alias("model_id"),
            pl.concat_list("flags", pl.col("more_flags").fill_null([])).alias("flags"),
            "problem",
        ).cast(COLUMNS)  # type: ignore[arg-type]

    def _predict(
        self, good: pl.DataFrame
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        values, similarities = [np.zeros(0)], [np.zeros(0)]
        nearest = self.model if isinstance(self.model, KnowsNearest) else None
        with _progress(good.height) as bar:
            for start in range(0, good.height, _STEP_ROWS):
                step = good[start : start + _STEP_ROWS]
                if nearest is None:
                    values.append(self.model.predict(step))
                else:
                    value, similarity = nearest.predict_with_similarity(step)
                    values.append(value)
                    similarities.append(similarity)
                if bar is not None:
                    bar.advance(step.height)
        return np.concatenate(values), np.concatenate(similarities) if nearest else None

    def _flags(self, good: pl.DataFrame) -> list[list[str]]:
        domain = self.model.domain
        raised = {
            "antibody_not_in_training": ~domain.knows_antibody(good),
            "antigen_not_in_training": ~domain.knows_antigen(good),
            **self.model.row_flags(good),
        }
        return [
            [name for name, rows in raised.items() if rows[place]] for place in range(good.height)
        ]


_VALUES: Final = ("pkd", "kd_molar", "kd", "rank_score", "nearest_similarity")
_FIELDS: Final = (*_VALUES, "model_id", "flags")


@contextmanager
def _progress(rows: int) -> Iterator[Task | None]:
    """A bar for tables that take more than a second or two; none for the others."""
    if rows <= 2 * _STEP_ROWS:
        yield None
        return
    with task("predicting", rows) as bar:
        yield bar
