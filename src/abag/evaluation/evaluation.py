"""Evaluate models on held-out rows: per antigen first, pooled second, baselines beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from abag.data.labels import Labels
from abag.data.tables import Measurements
from abag.errors import OptionError, SplitError, counted
from abag.evaluation.controls import SkillControls, germline_distance, skill_controls
from abag.evaluation.held_out import Candidate, HeldOut, SplitLike, predict_held_out
from abag.evaluation.scores.grouping import (
    Groups,
    antigen_groups,
)
from abag.evaluation.scores.intervals import FEWEST_CLUSTERS, ClusterBootstrap
from abag.evaluation.scores.metrics import TIGHT_PKD
from abag.evaluation.scores.risk_coverage import RiskCoverage, risk_coverage
from abag.evaluation.scores.scoring import (
    ModelScores,
    Scored,
    Setting,
    add_differences,
    score_model,
)
from abag.progress import task
from abag.version import VERSION

COLUMNS: Final = [
    "record_id", "heavy", "light", "antigen", "antigen_name", "relation", "assay", "structure_id",
]  # fmt: skip
FEW_CLUSTERS: Final = 20
"""Below this many clusters an interval is called too narrow."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Where the rows of the table went."""

    table: int
    held_out: int
    exact: int
    censored: int
    unlabelled: int
    """Held-out rows without a value or bound of the target; they are left out."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """What the bootstrap drew."""

    unit: str
    """``antigen``, or ``antibody`` where there are too few antigens."""
    clusters: int
    resamples: int
    seed: int
    note: str | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of several models on the same held-out rows."""

    name: str
    """Short name of the split, such as ``antigen-disjoint``."""
    target: str
    rows: RowCounts
    resampling: Resampling
    models: tuple[ModelScores, ...]
    candidates: tuple[Candidate, ...]
    held_out: HeldOut
    """Rows without a label are gone."""
    labels: Labels
    antigens: Groups
    leading: str
    """Level whose groups weigh equally in the main number: ``antigen``, or ``assay`` for ranks."""
    split: Mapping[str, Any]
    """Strategy, parameters and digest of the split."""
    audit: Mapping[str, Any] | None
    version: str = VERSION

    def model(self, name: str) -> ModelScores:
        """Scores of one model."""
        return next(model for model in self.models if model.name == name)

    def risk_coverage(self) -> dict[str, RiskCoverage]:
        """Error of each model as it abstains from more and more rows; empty without familiarity."""
        held_out, curves = self.held_out, {}
        if held_out.familiarity is None:
            return {}
        for name, pred in held_out.predictions.items():
            error = pred - self.labels.value
            curve = risk_coverage(
                error, self.labels.exact, held_out.familiarity, held_out.scales[name]
            )
            if curve is not None:
                curves[name] = curve
        return curves

    def controls(self) -> dict[str, SkillControls]:
        """Rank correlation left with other antigens, and at equal germline distance, by model."""
        held_out, exact = self.held_out, self.labels.exact
        if self.target != "pkd" or not exact.any():
            return {}
        distance = germline_distance(held_out.table.frame)[exact]
        by_model = {}
        for name, exchanged in held_out.exchanged.items():
            shuffled = None if np.isnan(exchanged).any() else exchanged[exact]
            predicted = held_out.predictions[name][exact]
            skill = skill_controls(self.labels.value[exact], predicted, shuffled, distance)
            if skill is not None:
                by_model[name] = skill
        return by_model

    @property
    def subject(self) -> ModelScores:
        """The model that the report is about: the first that is no baseline, else the best one."""
        candidates = [model for model in self.models if not model.baseline]
        if candidates:
            return candidates[0]

        def strength(model: ModelScores) -> tuple[float, float]:
            grouped = model.levels[self.leading].summary["spearman"].mean
            pooled = model.pooled["spearman"].score.value
            return (-2.0 if grouped is None else grouped, -2.0 if pooled is None else pooled)

        return max(self.models, key=strength)


def evaluate(
    candidates: Sequence[Candidate],
    table: Measurements | pl.DataFrame,
    split: SplitLike,
    *,
    part: str | None = None,
    name: str = "held-out rows",
    target: str = "pkd",
    antigen_keys: Sequence[str | None] | None = None,
    split_facts: Mapping[str, Any] | None = None,
    audit: Mapping[str, Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Fit and score candidates over the folds of a split.

    Args:
        candidates: Models and baselines; each is fitted on every fold unless it is fitted.
        table: Canonical table.
        split: Gives the folds; a saved model needs a split whose training part it was fitted on.
        part: The one fold to test on, for a model that was fitted before.
        name: Short name for the report.
        target: ``pkd``, or ``rank_score`` (then every figure is inside an assay).
        antigen_keys: Antigen group of each row of ``table``; equal chains where not given.
        split_facts: What is known of the split, for the record.
        audit: What the leak audit found, with a key ``verdict``.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Raises:
        SchemaError: the table lacks columns.
        SplitError: there are no labelled test rows.
        ModelError: a model cannot be fitted or predicts something else.
    """
    table = Measurements.of(table).require(*COLUMNS)
    if not candidates:
        raise OptionError("name at least one model to evaluate")
    held_out, labels, counts = _labelled(
        predict_held_out(candidates, table, split, target, part), table, target
    )
    antigens = antigen_groups(held_out.table, _keys_of(held_out.table, table, antigen_keys))
    bootstrap, resampling = _resampling(held_out.table, antigens, resamples, seed)
    setting = _setting(held_out, labels, antigens, bootstrap, target)
    return Evaluation(
        name=name,
        target=target,
        rows=counts,
        resampling=resampling,
        models=add_differences(_scored(candidates, held_out, setting), setting),
        candidates=tuple(candidates),
        held_out=held_out,
        labels=labels,
        antigens=antigens,
        leading=setting.groups[0].level,
        split={**(split_facts or {}), "digest": split.digest},
        audit=audit,
    )


def _scored(candidates: Sequence[Candidate], held_out: HeldOut, setting: Setting) -> list[Scored]:
    """Scores of each candidate, in their order."""
    scored = []
    with task("scoring", total=len(candidates)) as bar:
        for candidate in candidates:
            bar.describe(f"scoring {candidate.name}")
            pred = held_out.predictions[candidate.name]
            scored.append(score_model(candidate.name, candidate.baseline, pred, setting))
            bar.advance()
    return scored


def _labelled(
    held_out: HeldOut, table: Measurements, target: str
) -> tuple[HeldOut, Labels, RowCounts]:
    """Drop held-out rows that have no label, and count."""
    labels = held_out.table.labels(target)
    has_label = labels.known
    if not has_label.any():
        raise SplitError(f"none of the {held_out.table.height} test rows has a {target} or a bound")
    labelled = HeldOut(
        table=held_out.table.filter(pl.Series(has_label)),
        folds=tuple(fold for fold, keep in zip(held_out.folds, has_label, strict=True) if keep),
        train_rows=held_out.train_rows,
        predictions={name: pred[has_label] for name, pred in held_out.predictions.items()},
        scales={name: scale[has_label] for name, scale in held_out.scales.items()},
        exchanged={name: exchanged[has_label] for name, exchanged in held_out.exchanged.items()},
        familiarity=None if held_out.familiarity is None else held_out.familiarity.take(has_label),
    )
    counts = RowCounts(
        table=table.height,
        held_out=held_out.table.height,
        exact=int(labels.exact.sum()),
        censored=int(labels.censored.sum()),
        unlabelled=int((~has_label).sum()),
    )
    return labelled, labels.take(has_label), counts


def _keys_of(
    tested: Measurements, table: Measurements, keys: Sequence[str | None] | None
) -> list[str | None] | None:
    if keys is None:
        return None
    if len(keys) != table.height:
        raise OptionError(f"{len(keys)} antigen groups for a table of {table.height} rows")
    by_record = dict(zip(table["record_id"], keys, strict=True))
    return [by_record[record] for record in tested["record_id"]]


def _resampling(
    table: Measurements, antigens: Groups, resamples: int, seed: int
) -> tuple[ClusterBootstrap, Resampling]:
    """Resample antigens; antibodies where there are too few antigens to resample."""
    unit, clusters, note = "antigen", antigens.codes, None
    if len(antigens.names) < FEWEST_CLUSTERS:
        unit = "antibody"
        clusters = Groups.of("antibody", table.antibody_keys.to_list()).codes
        note = (
            f"only {counted(len(antigens.names), 'antigen group')}: antibodies were resampled, "
            "so intervals hold for these antigens and say nothing about others"
        )
    bootstrap = ClusterBootstrap(clusters, resamples=resamples, seed=seed)
    if note is None and bootstrap.n_clusters < FEW_CLUSTERS:
        note = f"only {counted(bootstrap.n_clusters, 'antigen group')}: intervals are too narrow"
    return bootstrap, Resampling(unit, bootstrap.n_clusters, resamples, seed, note)


def _setting(
    held_out: HeldOut,
    labels: Labels,
    antigens: Groups,
    bootstrap: ClusterBootstrap,
    target: str,
) -> Setting:
    assays = Groups.of("assay", held_out.table["assay"].to_list())
    complexes = Groups.of("complex", held_out.table["structure_id"].to_list())
    folds = Groups.of("fold", held_out.folds)
    ranks = target != "pkd"
    groups = (assays,) if ranks else (antigens, complexes, assays, folds)
    mixed = ranks and len(assays.names) > 1
    return Setting(
        labels=labels,
        groups=groups,
        folds=np.asarray(folds.codes, dtype=np.intp),
        bootstrap=bootstrap,
        threshold=None if ranks else TIGHT_PKD,
        poolable="rank scores of different assays share no scale" if mixed else None,
    )
