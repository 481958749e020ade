"""Groups of rows: the metric inside each antigen, complex, assay or fold, then over groups.

Pooled figures flatter: telling an easy antigen from a hard one looks like skill at ranking
antibodies. Inside a group that help is gone. Groups weigh equally.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.labels import Labels
from abag.data.tables import Measurements
from abag.evaluation.scores.intervals import ClusterBootstrap, Interval, group_interval
from abag.evaluation.scores.metrics import MAE, PEARSON, RMSE, SPEARMAN, Measure, Score, concordance

Array = NDArray[np.float64]

FEWEST_ROWS: Final = 5
"""Rows that a group needs before a metric is taken inside it."""
_KEY: Final = 9
"""Letters shown of a hashed key."""


@dataclass(frozen=True, slots=True)
class Groups:
    """A division of n rows: ``codes`` (n) index ``names``; -1 where a row is in no group."""

    level: str
    codes: NDArray[np.intp]
    names: tuple[str, ...]

    @classmethod
    def of(cls, level: str, keys: Sequence[str | None], names: Mapping[str, str] = {}) -> Groups:
        """Groups by equal key, in order of first appearance; ``names`` are shown for keys."""
        codes_of = {key: code for code, key in enumerate(dict.fromkeys(k for k in keys if k))}
        codes = np.array([codes_of[key] if key else -1 for key in keys], dtype=np.intp)
        return cls(level, codes, tuple(names.get(key, key) for key in codes_of))

    def rows(self, group: int) -> NDArray[np.intp]:
        """Indices of the rows of one group."""
        return np.flatnonzero(self.codes == group)

    def take(self, rows: NDArray[np.bool_]) -> Groups:
        """The same groups on chosen rows; groups that become empty stay in ``names``."""
        return Groups(self.level, self.codes[rows], self.names)

    def largest(self) -> tuple[int, int]:
        """Code and size of the largest group."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))
        code = int(np.argmax(counts))
        return code, int(counts[code])

    def inside(self, clusters: NDArray[np.intp]) -> NDArray[np.intp] | None:
        """Cluster of each group, or None when a group has rows in more than one cluster."""
        cluster_of = np.full(len(self.names), -1, dtype=np.intp)
        for group in range(len(self.names)):
            present = np.unique(clusters[self.codes == group])
            if len(present) > 1:
                return None
            if len(present):
                cluster_of[group] = present[0]
        return cluster_of


def antigen_groups(table: Measurements, keys: Sequence[str | None] | None = None) -> Groups:
    """Groups by antigen: by the given keys (antigen clusters, say), else by equal chains.

    Rows without antigen chains are grouped by assay, where the antigen is one.
    """
    chains = table.antigen_keys.to_list()
    if keys is None:
        keys = [
            _short(chain) if chain else f"antigen not given ({assay})"
            for chain, assay in zip(chains, table["assay"], strict=True)
        ]
    return Groups.of("antigen", keys, _numbered(_names(keys, table)))


def _names(keys: Sequence[str | None], table: Measurements) -> dict[str, str]:
    """What a reader calls each group: its commonest antigen name, else one of its structures."""
    written: dict[str, Counter[str]] = {}
    structures: dict[str, str] = {}
    for key, name, structure in zip(
        keys, table["antigen_name"], table["structure_id"], strict=True
    ):
        if key and name:
            written.setdefault(key, Counter())[name] += 1
        if key and structure:
            structures[key] = min(structure, structures.get(key, structure))
    names = {key: f"{key[:_KEY]} ({label})" for key, label in structures.items()}
    common = {key: max(sorted(count), key=count.__getitem__) for key, count in written.items()}
    return names | common


def _short(chain: str) -> str:
    return f"ag-{hashlib.sha256(chain.encode()).hexdigest()[:16]}"


def _numbered(names: dict[str, str]) -> dict[str, str]:
    """Names, with a number behind those that stand for more than one key."""
    totals = Counter(names.values())
    counts: Counter[str] = Counter()
    numbered = {}
    for key, name in names.items():
        counts[name] += 1
        numbered[key] = f"{name} #{counts[name]}" if totals[name] > 1 else name
    return numbered


CONCORDANCE: Final = "concordance"
RANKING: Final = frozenset({"spearman", "pearson", "auroc", CONCORDANCE})
"""Metrics that only see the order of predictions, or their differences."""
GROUP_MEASURES: Final[tuple[Measure, ...]] = (SPEARMAN, PEARSON, RMSE, MAE)


@dataclass(frozen=True, slots=True)
class GroupScore:
    """Metrics inside one group."""

    code: int
    """Index into the names of its :class:`Groups`."""
    name: str
    n: int
    """Rows whose value is a number."""
    censored: int
    scores: Mapping[str, Score]
    """By the key of the measure; ``concordance`` besides."""


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One metric over groups that weigh equally."""

    mean: float | None
    median: float | None
    groups: int
    """Groups with enough rows in which the metric is defined."""
    undefined: int
    """Groups with enough rows in which it is not (constant predictions, say)."""
    mean_interval: Interval
    median_interval: Interval
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LevelScores:
    """Metrics by group on one level, and their summary."""

    level: str
    minimum: int
    rows: int
    """Known rows in groups with enough of them."""
    groups: tuple[GroupScore, ...]
    summary: Mapping[str, GroupSummary]

    def values(self, key: str) -> Array:
        """One metric in every group (NaN where undefined), in the order of ``groups``."""
        scores = [group.scores[key].value for group in self.groups]
        return np.array([np.nan if value is None else value for value in scores], dtype=np.float64)


def score_groups(
    labels: Labels,
    pred: Array,
    groups: Groups,
    bootstrap: ClusterBootstrap,
    no_order: str | None = None,
) -> LevelScores:
    """Metrics inside each group with :data:`FEWEST_ROWS` known rows or more, and over these groups.

    ``no_order`` is the reason, if any, why the order of these predictions means nothing.
    """
    has_label = labels.known
    chosen = [
        (code, rows)
        for code in range(len(groups.names))
        if has_label[rows := groups.rows(code)].sum() >= FEWEST_ROWS
    ]
    scored = tuple(
        _score_one(code, groups.names[code], labels.take(rows), pred[rows], no_order)
        for code, rows in chosen
    )
    inside = groups.inside(bootstrap.codes)
    clusters = None if inside is None else inside[[code for code, _ in chosen]]
    level = LevelScores(groups.level, FEWEST_ROWS, sum(len(r) for _, r in chosen), scored, {})
    summary = {
        key: _summarise(
            level.values(key), clusters, bootstrap, no_order if key in RANKING else None
        )
        for key in [measure.key for measure in GROUP_MEASURES] + [CONCORDANCE]
    }
    return replace(level, summary=summary)


def _score_one(
    code: int, name: str, labels: Labels, pred: Array, no_order: str | None
) -> GroupScore:
    scores = {measure.key: measure.score(labels, pred) for measure in GROUP_MEASURES}
    scores[CONCORDANCE] = concordance(labels, pred)
    if no_order is not None:
        scores |= {key: Score(None, scores[key].n, no_order) for key in RANKING & scores.keys()}
    few = {
        key: Score(None, score.n, f"fewer than {FEWEST_ROWS} rows")
        for key, score in scores.items()
        if score.n < FEWEST_ROWS
    }
    exact, censored = int(labels.exact.sum()), int(labels.censored.sum())
    return GroupScore(code, name, exact, censored, {**scores, **few})


def _summarise(
    values: Array,
    clusters: NDArray[np.intp] | None,
    bootstrap: ClusterBootstrap,
    no_order: str | None,
) -> GroupSummary:
    defined = values[np.isfinite(values)]
    reason = no_order
    if not len(values):
        reason = f"no group has at least {FEWEST_ROWS} rows"
    elif not len(defined) and reason is None:
        reason = "undefined in every group (constant predictions or equal true values)"
    return GroupSummary(
        mean=float(defined.mean()) if len(defined) else None,
        median=float(np.median(defined)) if len(defined) else None,
        groups=len(defined),
        undefined=len(values) - len(defined),
        mean_interval=group_interval(values, clusters, bootstrap),
        median_interval=group_interval(values, clusters, bootstrap, median=True),
        reason=reason,
    )


def difference_over_groups(
    first: LevelScores, second: LevelScores, key: str, groups: Groups, bootstrap: ClusterBootstrap
) -> tuple[float | None, int, Interval]:
    """Mean over groups of ``first`` minus ``second``, where both are defined, with an interval."""
    codes = [group.code for group in first.groups]
    if codes != [group.code for group in second.groups]:
        raise ValueError("the two models were not scored on the same groups")
    values = first.values(key) - second.values(key)
    inside = groups.inside(bootstrap.codes)
    clusters = None if inside is None else inside[codes]
    defined = values[np.isfinite(values)]
    mean = float(defined.mean()) if len(defined) else None
    return mean, len(defined), group_interval(values, clusters, bootstrap)
