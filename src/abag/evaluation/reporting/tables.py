"""The tables of a report, as plain cells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from abag.evaluation.evaluation import Evaluation
from abag.evaluation.reporting.wording import between, number, plural, unit_of
from abag.evaluation.scores.checks import CollapseCheck
from abag.evaluation.scores.grouping import GroupSummary
from abag.evaluation.scores.intervals import Interval
from abag.evaluation.scores.metrics import Score
from abag.evaluation.scores.scoring import Estimate, ModelScores
from abag.pages import Cell, Table

LONGEST_VALUE = 200


def _cell(
    value: float | None, interval: Interval | None, reason: str | None, digits: int = 2
) -> Cell:
    if value is None:
        return Cell("–", reason or "")
    # No-break spaces keep an interval on one line.
    return Cell(number(value, digits), between(interval, digits).replace(" ", "\u00a0"))


def _of_estimate(estimate: Estimate) -> Cell:
    return _cell(estimate.score.value, estimate.interval, estimate.score.reason)


def _of_score(score: Score) -> Cell:
    return _cell(score.value, None, score.reason)


def _of_mean(summary: GroupSummary) -> Cell:
    return _cell(summary.mean, summary.mean_interval, summary.reason)


def models_table(evaluation: Evaluation) -> Table:
    """Every model: inside groups first, then pooled."""
    level, unit = evaluation.leading, unit_of(evaluation)
    rows = []
    for model in evaluation.models:
        summary = model.levels[level].summary
        pooled = [
            _of_estimate(model.pooled[key])
            for key in ("spearman", "pearson", "rmse", "mae", "r_squared", "concordance")
        ]
        name = Cell(model.name, "baseline" if model.baseline else "")
        inside = [_of_mean(summary["spearman"]), Cell(str(summary["spearman"].groups))]
        rows.append((name, *inside, *pooled))
    return Table(
        title="Models side by side",
        header=(
            "model", f"Spearman inside one {level}, mean", plural(level), "Spearman, pooled",
            "Pearson, pooled", f"RMSE, {unit}", f"MAE, {unit}", "R²", "concordance",
        ),
        rows=tuple(rows),
        note="Small: 95 % interval, or why there is no figure. Concordance counts censored rows.",
        strong=evaluation.subject.name,
    )  # fmt: skip


def differences_table(evaluation: Evaluation) -> Table | None:
    """Models minus the best baseline, paired on the same rows."""
    rows = []
    for model in evaluation.models:
        for difference in model.differences:
            verdict = {True: "better", False: "not shown to be better", None: "cannot be said"}
            level = "pooled" if difference.level == "pooled" else f"inside one {difference.level}"
            key = {"spearman": "Spearman", "pearson": "Pearson", "rmse": "RMSE"}[difference.key]
            rows.append(
                (
                    Cell(model.name), Cell(f"{key}, {level}"), Cell(difference.baseline),
                    _cell(difference.value, difference.interval, None, digits=3),
                    Cell(verdict[difference.better]),
                )
            )  # fmt: skip
    if not rows:
        return None
    return Table(
        title="Against the best baseline",
        header=("model", "metric", "best baseline", "difference", "verdict"),
        rows=tuple(rows),
        note="Paired: both models on the same resamples. For RMSE, less than 0 is better.",
    )


def decisions_table(evaluation: Evaluation) -> Table | None:
    """Finding tight binders: at the threshold, and within a fixed budget."""
    first = evaluation.models[0].decisions
    if not first:
        return None
    header = ("model", *(estimate.title for estimate in first.values()))
    rows = tuple(
        (Cell(model.name), *(_of_estimate(decision) for decision in model.decisions.values()))
        for model in evaluation.models
    )
    return Table(
        title="Finding tight binders (pKd ≥ 9, KD ≤ 1 nM)",
        header=header,
        rows=rows,
        note="Enrichment: share of tight binders among the chosen, over their share among all "
        "rows (1 is chance). A tie at the edge of a budget counts in part.",
        strong=evaluation.subject.name,
    )


def levels_table(evaluation: Evaluation) -> Table:
    """The subject inside antigens, complexes, assays and folds."""
    rows = []
    for level, scores in evaluation.subject.levels.items():
        summary = scores.summary
        rows.append(
            (
                Cell(f"inside one {level}", f"{scores.rows:,} rows"),
                Cell(str(summary["spearman"].groups), _left_out(summary["spearman"])),
                _of_mean(summary["spearman"]),
                _cell(summary["spearman"].median, summary["spearman"].median_interval, None),
                _of_mean(summary["pearson"]), _of_mean(summary["rmse"]),
                _of_mean(summary["concordance"]),
            )
        )  # fmt: skip
    return Table(
        title=f"{evaluation.subject.name} inside groups",
        header=(
            "level", "groups", "Spearman, mean", "Spearman, median", "Pearson, mean",
            "RMSE, mean", "concordance, mean",
        ),
        rows=tuple(rows),
        note="Groups weigh the same. Only groups with at least "
        f"{evaluation.subject.levels[evaluation.leading].minimum} labelled rows count.",
    )  # fmt: skip


def _left_out(summary: GroupSummary) -> str:
    return f"{summary.undefined} undefined" if summary.undefined else ""


def bands_table(evaluation: Evaluation) -> Table | None:
    """The subject by band of the true value."""
    bands = evaluation.subject.bands
    if not bands:
        return None
    rows = tuple(
        (
            Cell(band.title), Cell(f"{band.n:,}"), Cell(f"{band.censored:,}"),
            *(_of_score(score) for score in (band.rmse, band.mae, band.bias, band.spearman)),
        )
        for band in bands
    )  # fmt: skip
    return Table(
        title="By affinity band",
        header=(
            "measured pKd", "rows", "censored", "RMSE", "MAE", "mean of predicted − measured",
            "Spearman",
        ),
        rows=rows,
        note="Inside a band the range is narrow, so its Spearman is low even for a good model.",
    )  # fmt: skip


def collapse_table(evaluation: Evaluation) -> Table:
    """How varied each model's predictions are."""
    rows = tuple(
        (Cell(model.name, model.collapse.verdict.value), *_variety(model.collapse))
        for model in evaluation.models
        if model.collapse is not None
    )
    return Table(
        title="Collapse check",
        header=(
            "model", "distinct predictions", "share of rows with the two most frequent",
            "sd of predictions / sd of true", "slope of true on predicted",
            "slope of predicted on true",
        ),
        rows=rows,
        note="Calibrated predictions have slope 1 of true on predicted.",
        strong=evaluation.subject.name,
    )  # fmt: skip


def controls_table(evaluation: Evaluation) -> Table:
    """Rank correlation left with other antigens, and at equal germline distance, by model."""

    def shown(value: float | None, why: str) -> Cell:
        return Cell("–", why) if value is None else Cell(number(value))

    rows = tuple(
        (
            Cell(name),
            Cell(number(skill.spearman)),
            shown(skill.antigens_shuffled, "one antigen, or one answer"),
            shown(skill.germline_held_fixed, "one distance"),
        )
        for name, skill in evaluation.controls().items()
    )
    return Table(
        title="Controls",
        header=("model", "Spearman", "with other antigens", "at equal germline distance"),
        rows=rows,
        note="What is left with other antigens needed no antigen; what is lost at equal distance "
        "from the germline was maturation alone.",
        strong=evaluation.subject.name,
    )


def _variety(check: CollapseCheck) -> tuple[Cell, ...]:
    return (
        Cell(f"{check.distinct:,}", f"{check.rows:,} rows; true values: {check.distinct_true:,}"),
        Cell(f"{100 * check.top_two_share:.1f} %", f"true: {100 * check.top_two_share_true:.1f} %"),
        Cell("–" if check.sd_ratio is None else number(check.sd_ratio)),
        Cell("–" if check.slope_true_on_pred is None else number(check.slope_true_on_pred)),
        Cell("–" if check.slope_pred_on_true is None else number(check.slope_pred_on_true)),
    )


def groups_table(evaluation: Evaluation) -> Table:
    """The subject in every group of the leading level, largest first."""
    level = evaluation.subject.levels[evaluation.leading]
    ordered = sorted(level.groups, key=lambda group: (-group.n - group.censored, group.name))
    rows = tuple(
        (
            Cell(group.name), Cell(str(group.n)), Cell(str(group.censored)),
            *(_of_score(group.scores[key]) for key in ("spearman", "pearson", "rmse",
                                                       "concordance")),
        )
        for group in ordered
    )  # fmt: skip
    return Table(
        title=f"Every {evaluation.leading} with enough rows",
        header=(
            evaluation.leading, "rows", "censored", "Spearman", "Pearson", "RMSE", "concordance",
        ),
        rows=rows,
    )  # fmt: skip


def provenance_table(evaluation: Evaluation, more: Mapping[str, Any]) -> Table:
    """What a reader needs to make the figures again."""
    rows, resampling = evaluation.rows, evaluation.resampling
    facts: dict[str, Any] = {
        "abag": evaluation.version,
        "target": evaluation.target,
        "rows of the table": f"{rows.table:,}",
        "held-out rows": f"{rows.held_out:,} ({rows.exact:,} numbers, {rows.censored:,} censored, "
        f"{rows.unlabelled:,} without a label left out)",
        "training rows by fold": ", ".join(
            f"{name} {count:,}" for name, count in evaluation.held_out.train_rows.items()
        ),
        "intervals": f"{resampling.resamples:,} resamples of {resampling.clusters:,} "
        f"{resampling.unit} groups, percentile, seed {resampling.seed}",
    }
    facts |= {f"split: {key}": value for key, value in evaluation.split.items()}
    for candidate in evaluation.candidates:
        settings = ", ".join(f"{key} {value}" for key, value in candidate.settings.items())
        origin = f"saved model {candidate.identity or ''}" if candidate.build is None else ""
        facts[f"model: {candidate.name}"] = "; ".join(x for x in (origin, settings) if x) or "–"
    facts |= dict(more)
    cells = tuple((Cell(key), Cell(shown(value))) for key, value in facts.items())
    return Table(title="Where this comes from", header=("what", "value"), rows=cells)


def shown(value: Any) -> str:
    """A value of the record as text, cut when it is long."""
    if isinstance(value, (Mapping, Sequence)) and not isinstance(value, str):
        value = json.dumps(value, sort_keys=True, default=str)
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def splits_table(evaluations: Sequence[Evaluation]) -> Table:
    """Every model on every split: pooled Pearson, and Spearman inside one group."""
    names = [model.name for model in evaluations[0].models]
    shared = [name for name in names if all(_has(e, name) for e in evaluations)]
    header = ["model"]
    for evaluation in evaluations:
        header += [
            f"{evaluation.name}: Pearson, pooled",
            f"{evaluation.name}: Spearman inside one {evaluation.leading}",
        ]
    rows = []
    for name in shared:
        cells = [Cell(name)]
        for evaluation in evaluations:
            model: ModelScores = evaluation.model(name)
            cells.append(_of_estimate(model.pooled["pearson"]))
            cells.append(_of_mean(model.levels[evaluation.leading].summary["spearman"]))
        rows.append(tuple(cells))
    return Table(
        title="The same models on every split",
        header=tuple(header),
        rows=tuple(rows),
        strong=evaluations[0].subject.name,
    )


def _has(evaluation: Evaluation, name: str) -> bool:
    return any(model.name == name for model in evaluation.models)
