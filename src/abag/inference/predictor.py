"""From the chains a user has to predictions with flags, for one pair or a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.numbering import numbered_ahead
from abag.data.tables import Pairs
from abag.errors import ModelError, SequenceError
from abag.inference.inputs import ROW, cleaned, normalised, one_pair, refuse_problems
from abag.inference.outputs import COLUMNS, format_kd
from abag.inference.prediction import Prediction
from abag.inference.trust import TRUST_COLUMNS, Binding, trust_columns
from abag.model.protocol import AffinityModel, Answer, sound_answer
from abag.pages import notebook
from abag.progress import task
from abag.uncertainty.calibration import DEFAULT_LEVEL, require_level
from abag.uncertainty.domain import Familiarity, Verdict
from abag.uncertainty.served import ServedModel
from abag.units import kd_molar_from_pkd

if TYPE_CHECKING:
    from abag.data.chains import AntibodyCleaner
    from abag.data.formats.sheets.frames import Tabular
    from abag.progress import Task

Reals = NDArray[np.float64]
Chains = tuple[str, str | None]
"""Heavy chain, and light chain where there is one."""

__all__ = ["SHIPPED_MODEL", "Prediction", "Predictor"]

SHIPPED_MODEL: Final = Path(__file__).parents[1] / "resources" / "model"
"""The model that comes with the package."""

_STEP_ROWS: Final = 2_000
"""Rows between two movements of the progress bar."""


NO_ANTIGEN: Final = (
    "no antigen sequence, which this model reads; give one, for all pairs of a file by --antigen"
)


class Predictor:
    """A fitted model, the cleaning of chains that its training rows had, and its calibration.

    ``level`` is the share of intervals that are to hold the measured value.
    """

    def __init__(
        self,
        model: AffinityModel | ServedModel,
        cleaner: AntibodyCleaner | None = None,
        *,
        level: float = DEFAULT_LEVEL,
    ) -> None:
        require_level(level)
        served = model if isinstance(model, ServedModel) else ServedModel(model)
        self.model = served.model
        self.calibration = served.calibration
        self.domain = served.domain
        self.level = level
        self._cleaner = cleaner

    @classmethod
    def load(cls, folder: Path | str | None = None, *, level: float = DEFAULT_LEVEL) -> Self:
        """Load a saved model of any kind, or without a folder the one that abag ships.

        Raises:
            MissingFileError: there is no such folder.
            ModelError: a file was changed, is missing or is foreign, or ``folder`` is no path.
            OptionError: ``level`` is no share between 0 and 1.
        """
        require_level(level)
        if not isinstance(folder, str | PathLike | None):
            raise ModelError(
                f"{folder!r} ({type(folder).__name__}) is no model: give the folder or the name of "
                "a saved one"
            )
        saved = SHIPPED_MODEL if folder is None else Path(folder)
        return cls(ServedModel.load(saved), level=level)

    @cached_property
    def model_id(self) -> str:
        """Name and digest of the model."""
        return self.model.model_id

    def _repr_html_(self) -> str:
        reads = "antibody and antigen" if self.needs_antigen else "the antibody alone"
        return notebook(
            f"Predictor {self.model_id}",
            [f"It reads {reads}.", f"Its intervals are to hold {self.level:.0%} of measurements."],
        )

    @cached_property
    def needs_antigen(self) -> bool:
        """Whether a pair without an antigen is refused: the model was fitted on antigens."""
        return "antigen" in self.model.inputs and len(self.model.domain.antigens) > 0

    @property
    def parent_chains(self) -> tuple[str, str | None] | None:
        """Heavy and light chain whose variants a model of one assay learnt; None for others."""
        return self.model.reference_chains()

    def predict_pair(
        self,
        heavy: str,
        light: str | None = None,
        antigen: str | Sequence[str] = (),
        *,
        abstain: bool = False,
    ) -> Prediction:
        """Predict one antibody (a lone heavy chain, VHH or scFv in ``heavy``) on one antigen.

        Raises:
            SequenceError: a chain cannot be read as what it should be.
            ModelError: the model cannot predict this pair, or with ``abstain`` its verdict is
                another than ``variant of a measured pair``.
        """
        frame = self._judged(one_pair(heavy, light, antigen))
        if reason := frame["problem"][0]:
            raise SequenceError(reason)
        row = self._filled(frame, abstain).row(0, named=True)
        if row["problem"]:
            raise ModelError(row["problem"])
        level = self.level if row["pkd_lower"] is not None else None
        values = {name: row[name] for name in _FIELDS}
        for name, kind in (("domain", Verdict), ("binding", Binding)):
            values[name] = None if row[name] is None else kind(row[name])
        return Prediction(**{**values, "flags": tuple(row["flags"]), "level": level})

    def predict_table(
        self,
        pairs: Tabular,
        *,
        keep_going: bool = False,
        abstain: bool = False,
        path: Path | str = "the table",
        parent: Chains | None = None,
        keep_chains: bool = False,
    ) -> pl.DataFrame:
        """Predict each row of a table with ``heavy``, ``antigen`` and optionally ``light``.

        ``pairs`` is a polars (lazy, too) or pandas frame, an Arrow table or a list of dictionaries,
        with these or any usual names of columns (``VH``, ``Light chain``).

        Returns :data:`abag.inference.outputs.COLUMNS`, one row a row, in the same order. With
        ``keep_going`` a row that cannot be predicted has no value and its reason in ``problem``;
        with ``abstain`` so has a row that is no variant of a measured pair.

        With ``parent`` (cleaned chains) every row is a variant of it, whether it was measured or
        not: level of the parent, which has its verdict, plus the effect of the changes from it.
        ``keep_chains`` adds the cleaned chains, columns ``heavy`` and ``light``.

        Raises:
            SchemaError: a needed column is missing.
            TableError: rows cannot be predicted (all named, unless ``keep_going``).
            ModelError: ``abstain``, and the model has no calibration; or with ``parent`` a model
                that knows no effects of changes.
        """
        frame = self._judged(normalised(pairs))
        if not keep_going:
            refuse_problems(frame, path)
        filled = self._filled(frame, abstain, parent)
        return filled.hstack(frame.select("heavy", "light")) if keep_chains else filled

    def _judged(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Cleaned pairs; those that the model itself refuses have a ``problem``, too."""
        frame = cleaned(pairs, self._cleaner).with_row_index("place")
        if self.needs_antigen:
            none = pl.col("antigen").list.len() == 0
            reason = pl.when(none).then(pl.lit(NO_ANTIGEN))
            frame = frame.with_columns(problem=pl.coalesce("problem", reason))
        rows = frame.filter(pl.col("problem").is_null())
        reasons = self.model.refusals(Pairs.of(rows))
        refused = rows.select("place").with_columns(refusal=pl.Series(reasons, dtype=pl.String))
        joined = frame.join(refused, on="place", how="left", maintain_order="left")
        return joined.with_columns(problem=pl.coalesce("problem", "refusal")).drop("refusal")

    def _filled(
        self, frame: pl.DataFrame, abstain: bool = False, parent: Chains | None = None
    ) -> pl.DataFrame:
        """Predictions for the rows of :meth:`_judged` without a problem, beside those with one."""
        model_id = self.model_id
        rows = Pairs(frame.filter(pl.col("problem").is_null()))
        starts = range(0, max(rows.height, 1), _STEP_ROWS)
        parts = [rows.slice(start, _STEP_ROWS) for start in starts]
        steps = []
        with _progress(rows.height) as bar:
            for step in numbered_ahead(parts, _chains) if len(parts) > 1 else parts:
                steps.append(self._step(step, parent))
                if bar is not None:
                    bar.advance(step.height)
        filled = pl.concat(steps)
        if abstain:
            filled = self._abstained(filled)
        joined = frame.join(filled, on="place", how="left", maintain_order="left")
        return joined.select(
            pl.col(ROW).alias("row"),
            "antibody_name",
            "antigen_name",
            *_VALUES,
            pl.lit(model_id).alias("model_id"),
            pl.concat_list("flags", pl.col("more_flags").fill_null([])).alias("flags"),
            pl.coalesce("problem", "abstained").alias("problem"),
        ).select(pl.col(name).cast(dtype) for name, dtype in COLUMNS.items())

    def _step(self, rows: Pairs, parent: Chains | None = None) -> pl.DataFrame:
        """Values of some rows by their ``place``, and an empty column ``abstained``.

        What the model says of the rows comes first, then what was measured near them.
        """
        interval = None
        answer, flags = sound_answer(self.model, rows), self._flags(rows)
        absolute = self.model.target == "pkd"
        if rows.height and absolute and self.calibration is None:
            interval = self.model.interval(rows, self.level)
        if parent is not None and rows.height:
            answer, familiarity = self._from_parent(rows, parent)
        else:
            familiarity = self.domain.familiarity(rows) if self.domain else None
        values = answer.value.tolist()
        nothing: list[None] = [None] * len(values)
        kd_molar = [kd_molar_from_pkd(value) for value in values] if absolute else nothing
        trust = trust_columns(
            self.domain, familiarity, answer, rows["antigen"].to_list(),
            calibration=self.calibration, level=self.level, from_parent=parent is not None,
        )  # fmt: skip
        if interval is not None:
            trust |= {"pkd_lower": interval[0].tolist(), "pkd_upper": interval[1].tolist()}
        return pl.DataFrame(
            {
                "place": rows["place"],
                "pkd": values if absolute else nothing,
                "kd_molar": kd_molar,
                "kd": [format_kd(kd) if kd is not None else None for kd in kd_molar],
                "rank_score": nothing if absolute else values,
                **_similarity_columns(answer),
                **trust,
                "more_flags": flags,
                "abstained": nothing,
            },
            schema_overrides={
                **{name: COLUMNS[name] for name in _VALUES},
                "more_flags": COLUMNS["flags"],
                "abstained": pl.String(),
            },
        )

    def _abstained(self, filled: pl.DataFrame) -> pl.DataFrame:
        """Take the values of rows outside the domain away, and say why."""
        if self.domain is None:
            raise ModelError(
                "this model has no calibration and cannot tell what it knows; make one with "
                "`abag fit --calibrate`, or leave --abstain out"
            )
        outside = pl.col("domain") != Verdict.VARIANT.value
        never_emptied = {"domain", "antibody_identity", "antigen_identity", "known_antigens"}
        emptied = [name for name in _VALUES if name not in never_emptied]
        return filled.with_columns(
            *(pl.when(~outside).then(pl.col(name)).alias(name) for name in emptied),
            pl.when(outside)
            .then(pl.format("abstained: {}, outside what the model knows", pl.col("domain")))
            .alias("abstained"),
        )

    def _from_parent(self, rows: Pairs, parent: Chains) -> tuple[Answer, Familiarity | None]:
        """Level of a given parent on each row's antigen, and the effect of the row's changes."""
        effects = self.model.effects
        if effects is None:
            raise ModelError(
                f"the model {self.model.model_id} knows no effects of changes; leave --parent out, "
                "or leave --model out for the model that abag ships"
            )
        on_parent = rows.with_columns(
            heavy=pl.lit(parent[0], pl.String), light=pl.lit(parent[1], pl.String)
        )
        base = sound_answer(self.model, on_parent)
        effect, deviation, changes, in_cdrs = effects.effects_on((parent[0], parent[1] or ""), rows)
        answer = base._replace(
            value=base.value + effect,
            spread=np.sqrt(base.spread**2 + deviation**2),
            level=base.value,
            effect=effect,
        )
        if self.domain is None:
            return answer, None
        relatives = self.domain.familiarity(on_parent).near
        return answer, Familiarity(relatives._replace(changes=changes, cdr_changes=in_cdrs))

    def _flags(self, pairs: Pairs) -> pl.Series:
        domain = self.model.domain
        raised = pl.DataFrame({
            "antibody_not_in_training": ~domain.knows_antibody(pairs),
            "antigen_not_in_training": ~domain.knows_antigen(pairs),
            **self.model.row_flags(pairs),
        })  # fmt: skip
        flags = [pl.when(pl.col(flag)).then(pl.lit(flag)) for flag in raised.columns]
        return raised.select(pl.concat_list(flags).list.drop_nulls()).to_series()


def _chains(rows: Pairs) -> list[str]:
    return [*rows["heavy"], *rows["light"].drop_nulls()]


def _similarity_columns(answer: Answer) -> dict[str, list[float | None]]:
    by_column = zip(_SIMILARITIES, (answer.pair, answer.antibody, answer.antigen), strict=True)
    return {
        name: [None if np.isnan(similarity) else similarity for similarity in values.tolist()]
        for name, values in by_column
    }


_SIMILARITIES: Final = ("nearest_similarity", "antibody_similarity", "antigen_similarity")
_VALUES: Final = ("pkd", "kd_molar", "kd", "rank_score", *_SIMILARITIES, *TRUST_COLUMNS)
_FIELDS: Final = (*_VALUES, "model_id", "flags")


@contextmanager
def _progress(rows: int) -> Iterator[Task | None]:
    """A bar for tables that take more than a second or two; none for the others."""
    if rows <= 2 * _STEP_ROWS:
        yield None
        return
    with task("predicting", rows) as bar:
        yield bar
