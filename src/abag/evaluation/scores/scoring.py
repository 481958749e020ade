"""All figures of one model on held-out rows, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abag.data.labels import Labels
from abag.evaluation.scores.checks import CollapseCheck, collapse_check
from abag.evaluation.scores.concordance import BoundViolations, Concordance, bound_violations
from abag.evaluation.scores.grouping import (
    CONCORDANCE,
    RANKING,
    Groups,
    LevelScores,
    difference_over_groups,
    score_groups,
)
from abag.evaluation.scores.intervals import ClusterBootstrap, Interval
from abag.evaluation.scores.metrics import (
    BUDGETS,
    PEARSON,
    REGRESSION,
    RMSE,
    SPEARMAN,
    BandScore,
    Measure,
    Score,
    budget_measures,
    by_band,
    concordance,
    decision_measures,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its interval (None where the metric itself is undefined)."""

    key: str
    title: str
    score: Score
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A model's metric minus that of the best baseline on the same rows."""

    key: str
    level: str
    """``pooled``, or the level whose groups weigh equally."""
    baseline: str
    value: float | None
    interval: Interval | None
    better: bool | None
    """Whether the whole interval is on the good side of 0; None where there is no interval."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The rows that all models are scored on."""

    labels: Labels
    groups: tuple[Groups, ...]
    """The first level is the one that leads the report."""
    folds: NDArray[np.intp]
    bootstrap: ClusterBootstrap
    threshold: float | None
    """pKd of a tight binder; None where values are ranks and not pKd."""
    poolable: str | None = None
    """Reason why rows of different assays cannot be pooled, if so."""


@dataclass(frozen=True, slots=True)
class ModelScores:
    """All figures of one model."""

    name: str
    baseline: bool
    levels: Mapping[str, LevelScores]
    pooled: Mapping[str, Estimate]
    decisions: Mapping[str, Estimate]
    without_largest: Mapping[str, Estimate]
    """Pooled without the largest group of the first level."""
    bands: tuple[BandScore, ...]
    violations: BoundViolations
    collapse: CollapseCheck | None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of one model with their distributions, which paired differences need."""

    scores: ModelScores
    distributions: Mapping[str, Array]


def score_model(name: str, baseline: bool, pred: Array, setting: Setting) -> Scored:
    """Score one model's predictions, one value a row of ``setting``."""
    labels, bootstrap = setting.labels, setting.bootstrap
    decisions: list[Measure] = []
    if setting.threshold is not None:
        decisions += decision_measures(setting.threshold)
        for budget in BUDGETS:
            decisions += budget_measures(budget, setting.threshold)
    distributions: dict[str, Array] = {}
    pooled = {m.key: _estimate(m, pred, setting, distributions) for m in REGRESSION}
    pooled[CONCORDANCE] = _concordance(pred, setting, distributions)
    exact = labels.exact
    no_order = _only_folds(pred, setting)
    scores = ModelScores(
        name=name,
        baseline=baseline,
        levels={
            groups.level: score_groups(labels, pred, groups, bootstrap, no_order)
            for groups in setting.groups
        },
        pooled=pooled,
        decisions={m.key: _estimate(m, pred, setting, distributions) for m in decisions},
        without_largest=_without_largest(pred, setting),
        bands=by_band(labels, pred) if setting.threshold is not None else (),
        violations=bound_violations(labels, pred),
        collapse=collapse_check(labels.value[exact], pred[exact]) if exact.any() else None,
    )
    return Scored(scores, distributions)


def _estimate(
    measure: Measure, pred: Array, setting: Setting, distributions: dict[str, Array] | None
) -> Estimate:
    rows = measure.rows(setting.labels)
    reason = setting.poolable or (_only_folds(pred, setting) if measure.key in RANKING else None)
    if reason is not None:
        return Estimate(measure.key, measure.title, Score(None, int(rows.sum()), reason))
    score = measure.score(setting.labels, pred)
    if score.value is None:
        return Estimate(measure.key, measure.title, score)
    true, guess = measure.truth(setting.labels.take(rows)), pred[rows]
    spread = setting.bootstrap.distribution(lambda w: measure.kernel(true, guess, w), rows)
    if distributions is not None:
        distributions[measure.key] = spread
    return Estimate(measure.key, measure.title, score, setting.bootstrap.interval(spread))


def _concordance(pred: Array, setting: Setting, distributions: dict[str, Array]) -> Estimate:
    labels, title = setting.labels, "concordance"
    reason = setting.poolable or _only_folds(pred, setting)
    if reason is not None:
        return Estimate(CONCORDANCE, title, Score(None, len(labels), reason))
    score = concordance(labels, pred)
    if score.value is None:
        return Estimate(CONCORDANCE, title, score)
    rows = labels.known
    spread = setting.bootstrap.distribution(Concordance(labels.take(rows), pred[rows]), rows)
    distributions[CONCORDANCE] = spread
    return Estimate(CONCORDANCE, title, score, setting.bootstrap.interval(spread))


def _only_folds(pred: Array, setting: Setting) -> str | None:
    """Reason why an order is no order: one value a fold, which mirrors the training mean."""
    if setting.folds.max(initial=0) == 0 or np.ptp(pred) == 0:
        return None
    lows = np.full(setting.folds.max() + 1, np.inf)
    highs = np.full(setting.folds.max() + 1, -np.inf)
    np.minimum.at(lows, setting.folds, pred)
    np.maximum.at(highs, setting.folds, pred)
    constant = bool(np.all((highs - lows)[np.unique(setting.folds)] <= 1e-9))
    return "predictions are constant inside every fold" if constant else None


def _without_largest(pred: Array, setting: Setting) -> dict[str, Estimate]:
    groups = setting.groups[0]
    if len(groups.names) < 2 or setting.poolable is not None:
        return {}
    code, _ = groups.largest()
    rows = groups.codes != code
    if not rows.any():
        return {}
    codes = setting.bootstrap.codes[rows]
    bootstrap = ClusterBootstrap(
        codes, resamples=setting.bootstrap.resamples, seed=setting.bootstrap.seed
    )
    others = replace(
        setting, labels=setting.labels.take(rows), folds=setting.folds[rows], bootstrap=bootstrap
    )
    return {m.key: _estimate(m, pred[rows], others, None) for m in (SPEARMAN, PEARSON, RMSE)}


def add_differences(scored: Sequence[Scored], setting: Setting) -> tuple[ModelScores, ...]:
    """Give every model that is no baseline its paired differences to the best baseline."""
    baselines = [model for model in scored if model.scores.baseline]
    return tuple(
        model.scores
        if model.scores.baseline
        else replace(model.scores, differences=tuple(_differences(model, baselines, setting)))
        for model in scored
    )


def _differences(model: Scored, baselines: Sequence[Scored], setting: Setting) -> list[Difference]:
    differences = []
    groups = setting.groups[0]
    leading = [
        baseline for baseline in baselines
        if baseline.scores.levels[groups.level].summary["spearman"].mean is not None
    ]  # fmt: skip
    if leading and model.scores.levels[groups.level].summary["spearman"].mean is not None:
        best = max(
            leading, key=lambda o: o.scores.levels[groups.level].summary["spearman"].mean or 0.0
        )
        value, _, interval = difference_over_groups(
            model.scores.levels[groups.level], best.scores.levels[groups.level], "spearman", groups,
            setting.bootstrap,
        )  # fmt: skip
        differences.append(
            Difference("spearman", groups.level, best.scores.name, value, interval,
                       _is_better(interval, higher=True))
        )  # fmt: skip
    for measure in (SPEARMAN, PEARSON, RMSE):
        pooled = _pooled_difference(model, baselines, measure, setting)
        differences += [pooled] if pooled else []
    return differences


def _pooled_difference(
    model: Scored, baselines: Sequence[Scored], measure: Measure, setting: Setting
) -> Difference | None:
    model_value = model.scores.pooled[measure.key].score.value
    baseline_values = {
        baseline.scores.name: (value, baseline)
        for baseline in baselines
        if (value := baseline.scores.pooled[measure.key].score.value) is not None
    }
    if model_value is None or not baseline_values:
        return None
    choose = max if measure.higher_is_better else min
    name = choose(baseline_values, key=lambda key: baseline_values[key][0])
    value, baseline = baseline_values[name]
    spread = model.distributions[measure.key] - baseline.distributions[measure.key]
    interval = setting.bootstrap.interval(spread)
    better = _is_better(interval, measure.higher_is_better)
    return Difference(measure.key, "pooled", name, model_value - value, interval, better)


def _is_better(interval: Interval, higher: bool) -> bool | None:
    if interval.low is None or interval.high is None:
        return None
    return interval.low > 0 if higher else interval.high < 0
