"""One self-contained HTML page: words first, then pictures, then tables. No outside links."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from abag.evaluation.evaluation import Evaluation
from abag.evaluation.reporting import figures, tables
from abag.evaluation.reporting.figures import Mark
from abag.evaluation.reporting.risk_figure import draw_risk_coverage, risk_in_words
from abag.evaluation.reporting.wording import (
    Trust,
    compare,
    plural,
    summarise,
    unit_of,
)
from abag.evaluation.scores.scoring import ModelScores
from abag.pages import page

_TONE: Final = {Trust.SOUND: "sound", Trust.CARE: "care", Trust.NOT: "not"}


@dataclass(frozen=True, slots=True)
class EvaluationSection:
    """One evaluation in a report, with what belongs beside it."""

    evaluation: Evaluation
    note: str = ""
    """A sentence below the heading: what this split keeps apart, say."""
    audit_picture: bytes | str | None = None
    """Picture of the leak audit: PNG bytes, or an ``<svg>`` text of abag's own making."""
    faults: tuple[str, ...] = ()
    """What the monitors of a training say against the model."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Further facts for the last table: checksums of files, versions."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with its caption; ``markup`` is trusted HTML."""

    title: str
    caption: str
    markup: str


def render_report(sections: Sequence[EvaluationSection], title: str) -> str:
    """The report of one or several evaluations as one HTML page; several are compared at the top.

    The same sections give the same bytes.
    """
    if not sections:
        raise ValueError("a report needs at least one evaluation")
    evaluations = [section.evaluation for section in sections]
    return page(
        "report",
        title=title,
        version=evaluations[0].version,
        parts=[_part(number, section) for number, section in enumerate(sections)],
        comparison=_comparison(evaluations) if len(sections) > 1 else None,
    )


def _part(number: int, section: EvaluationSection) -> dict[str, Any]:
    """What the template shows of one section."""
    evaluation = section.evaluation
    summary = summarise(evaluation, section.faults)
    shown = (
        tables.models_table(evaluation),
        tables.differences_table(evaluation),
        tables.levels_table(evaluation),
        tables.decisions_table(evaluation),
        tables.bands_table(evaluation),
        tables.collapse_table(evaluation),
        tables.controls_table(evaluation),
    )
    closed = (
        tables.groups_table(evaluation),
        tables.provenance_table(evaluation, section.provenance),
    )
    return {
        "anchor": f"split-{number + 1}",
        "name": evaluation.name,
        "note": section.note,
        "summary": summary,
        "tone": _TONE[summary.trust],
        "pictures": _pictures(evaluation),
        "audit": None if evaluation.audit is None else _audit(evaluation.audit),
        "audit_picture": _embedded(section.audit_picture),
        "open_tables": tuple(table for table in shown if table is not None and table.rows),
        "closed_tables": tuple(table for table in closed if table.rows),
    }


def _pictures(evaluation: Evaluation) -> tuple[Picture, ...]:
    model = evaluation.subject
    pred = evaluation.held_out.predictions[model.name]
    labels, unit, level = evaluation.labels, unit_of(evaluation), evaluation.leading
    exact = labels.exact
    pictures = [
        Picture(
            "Beside the baselines",
            "Dots are estimates, lines 95 % intervals. A model that does not pass the baselines "
            "has learnt nothing that they have not.",
            figures.models(_panels(evaluation)),
        ),
        Picture(
            f"Inside each {level}",
            f"Spearman of {model.name} inside each {level}; a larger dot has more rows."
            + _only_largest(model, level),
            figures.groups(model.levels[level], "spearman", "Spearman"),
        ),
        Picture(
            "Measured and predicted",
            f"{model.name}, {int(exact.sum()):,} rows."
            + (
                f" Arrows: {int(labels.censored.sum()):,} censored rows, from their bound towards "
                "where the true value lies."
                if labels.censored.any()
                else ""
            )
            + (" Darker: more rows." if exact.sum() > figures.MOST_POINTS else ""),
            figures.parity(labels, pred, unit),
        ),
    ]
    if exact.any():
        pictures.append(
            Picture(
                "Residuals",
                f"{model.name}, rows whose value is a number. Points that rise to the right: "
                "predictions spread too widely; that fall: too narrowly.",
                figures.residuals(labels.value[exact], pred[exact], unit),
            )
        )
    if model.bands:
        pictures.append(
            Picture(
                "By affinity band",
                f"{model.name}. A mean error that falls from left to right means that predictions "
                "are drawn towards the middle.",
                figures.bands(model.bands, unit),
            )
        )
    return (*pictures, *_abstaining(evaluation))


def _abstaining(evaluation: Evaluation) -> tuple[Picture, ...]:
    subject, unit = evaluation.subject.name, unit_of(evaluation)
    curves = evaluation.risk_coverage()
    if subject not in curves:
        return ()
    words = risk_in_words(curves[subject], unit)
    return (Picture("Abstaining", words, draw_risk_coverage(curves, subject, unit)),)


def _only_largest(model: ModelScores, level: str) -> str:
    count = len(model.levels[level].groups)
    if count <= figures.MOST_GROUPS:
        return ""
    return f" The {figures.MOST_GROUPS} largest of {count} {plural(level)}."


def _panels(evaluation: Evaluation) -> list[tuple[str, list[Mark], float | None]]:
    subject = evaluation.subject.name
    pearson, rmse = (_pooled_marks(evaluation, key, subject) for key in ("pearson", "rmse"))
    panels: list[tuple[str, list[Mark], float | None]] = [
        (f"Spearman inside one {evaluation.leading}, mean", _inside_marks(evaluation, subject), 0.0)
    ]
    if any(mark.value is not None for mark in pearson):
        panels.append(("Pearson, pooled", pearson, 0.0))
    if any(mark.value is not None for mark in rmse):
        panels.append((f"RMSE, {unit_of(evaluation)} (less is better)", rmse, None))
    return panels


def _inside_marks(evaluation: Evaluation, subject: str) -> list[Mark]:
    """Spearman inside one group of each model."""
    summaries = {
        m.name: m.levels[evaluation.leading].summary["spearman"] for m in evaluation.models
    }
    return [
        Mark(name, summary.mean, summary.mean_interval, name == subject)
        for name, summary in summaries.items()
    ]


def _pooled_marks(evaluation: Evaluation, key: str, subject: str) -> list[Mark]:
    """A pooled metric of each model."""
    estimates = {model.name: model.pooled[key] for model in evaluation.models}
    return [
        Mark(name, estimate.score.value, estimate.interval, name == subject)
        for name, estimate in estimates.items()
    ]


def _comparison(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    subject, level = evaluations[0].subject.name, evaluations[0].leading
    picture = figures.across_splits(
        [evaluation.name for evaluation in evaluations],
        [
            ("Pearson, pooled", [_pooled_marks(e, "pearson", subject) for e in evaluations]),
            (f"Spearman inside one {level}", [_inside_marks(e, subject) for e in evaluations]),
        ],
    )
    return {
        "sentences": tuple(compare(evaluations, subject)),
        "picture": Picture(
            "One model, several splits",
            f"Coloured: {subject}. Grey: the other models, in the order of the table.",
            picture,
        ),
        "table": tables.splits_table(evaluations),
    }


def _audit(audit: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What the audit says in words; its counts are in metrics.json and in its picture."""
    facts = [(key, audit[key]) for key in ("verdict", "believe") if audit.get(key)]
    facts += [("note", note) for note in audit.get("notes") or ()]
    return tuple((key, str(value)) for key, value in facts)


def _embedded(picture: bytes | str | None) -> str:
    if picture is None or isinstance(picture, str):
        return picture or ""
    data = base64.b64encode(picture).decode("ascii")
    return f'<img alt="Picture of the leak audit" src="data:image/png;base64,{data}">'
