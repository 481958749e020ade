"""One self-contained HTML page on a model of an assay: verdict, pictures, tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from abag.data.labels import Labels
from abag.evaluation.reporting import figures
from abag.evaluation.reporting.drawing import ACCENT, FAINT, MUTED, empty, figure, svg
from abag.evaluation.reporting.figures import Mark
from abag.evaluation.reporting.report import Picture
from abag.evaluation.reporting.wording import number
from abag.evaluation.scores.intervals import Interval
from abag.maturation.adapt.skill import CurvePoint, Skill
from abag.maturation.adapt.verdict import Grade, SkillVerdict
from abag.pages import Table, page
from abag.pictures import picture

_TONE: Final = {Grade.GOOD: "sound", Grade.WEAK: "care", Grade.CHANCE: "not"}


def render_adaptation(
    title: str,
    lede: str,
    verdict: SkillVerdict,
    skills: Sequence[Skill],
    curve: Sequence[CurvePoint],
    notes: Sequence[str],
    unit: str,
) -> str:
    """The page as text; the same input gives the same bytes."""
    return page(
        "judged",
        title=title,
        lede=lede,
        question="Can the next variants be chosen by this model?",
        headline=verdict.headline,
        badge=verdict.grade.value,
        tone=_TONE[verdict.grade],
        reasons=verdict.reasons,
        notes=notes,
        pictures=_pictures(skills, curve, unit),
        tables=(skill_table(skills), curve_table(curve)),
        footer="every figure is of rows that the model was not fitted on. Intervals of Spearman's "
        "correlation are 95 % bootstrap intervals over variants. A 90 % interval of a prediction "
        "is that of a new measurement, noise included; it should hold nine values of ten.",
    )


def skill_table(skills: Sequence[Skill]) -> Table:
    """Every model under every way of holding rows out."""
    rows = []
    for skill in skills:
        for scores in skill.models:
            ends = scores.interval
            rows.append(
                (
                    f"{skill.name}: {scores.model}",
                    str(skill.rows),
                    number(scores.spearman),
                    f"{ends[0]:.2f} to {ends[1]:.2f}" if ends else "–",
                    number(scores.rmse),
                    f"{scores.coverage_90:.0%}" if scores.coverage_90 is not None else "–",
                )
            )
    header = ("held out", "rows", "Spearman", "95 % interval", "RMSE", "in 90 % interval")
    return Table("Skill on rows that were held out", header, tuple(rows))


def curve_table(curve: Sequence[CurvePoint]) -> Table:
    """Spearman by number of training rows."""
    rows = tuple(
        (p.model, str(p.rows), number(p.spearman), number(p.spread), str(p.repeats)) for p in curve
    )
    return Table("Learning curve", ("model", "training rows", "Spearman", "spread", "draws"), rows)


def _pictures(
    skills: Sequence[Skill], curve: Sequence[CurvePoint], unit: str
) -> tuple[Picture, ...]:
    random = skills[0]
    labels = Labels(random.true, random.true, random.true)
    pictures = [
        Picture(
            "Held-out skill",
            "Dots are Spearman's correlations on held-out rows, lines 95 % intervals.",
            figures.models([(f"held out: {s.name}", _marks(s), 0.0) for s in skills]),
        ),
        Picture(
            "Learning curve",
            "Spearman on a held-out fifth after training on more and more rows. A curve that still "
            "rises says that more measurements pay.",
            _curve_plot(curve),
        ),
    ]
    if random.rows:
        caption = f"assay-gp, {random.rows} rows, each predicted while it was held out."
        parity = figures.parity(labels, random.predictions["assay-gp"], unit)
        pictures.append(Picture("Measured and predicted", caption, parity))
    return tuple(pictures)


def _marks(skill: Skill) -> list[Mark]:
    marks = []
    for scores in skill.models:
        ends = scores.interval and Interval(*scores.interval, 0.95, 1000, skill.rows)
        marks.append(Mark(scores.model, scores.spearman, ends, scores.model == "assay-gp"))
    return marks


@picture
def _curve_plot(curve: Sequence[CurvePoint]) -> str:
    with figure(2.8) as (fig, axes):
        if not curve:
            empty(axes, "too few rows for a learning curve")
            return svg(fig, "Too few rows for a learning curve")
        for model, colour in (("assay-gp", ACCENT), ("one-hot-ridge", MUTED)):
            points = [p for p in curve if p.model == model and p.spearman is not None]
            rows = [p.rows for p in points]
            value = np.array([p.spearman for p in points], dtype=np.float64)
            spread = np.array([p.spread or 0.0 for p in points], dtype=np.float64)
            axes.plot(rows, value, color=colour, marker="o", markersize=4, label=model)
            axes.fill_between(rows, value - spread, value + spread, color=colour, alpha=0.12)
        axes.axhline(0.0, color=FAINT, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.set_xscale("log")
        sizes = sorted({point.rows for point in curve})
        axes.set_xticks(sizes, [str(size) for size in sizes], minor=False)
        axes.minorticks_off()
        axes.set(xlabel="training rows", ylabel="Spearman")
        axes.legend(loc="best")
        words = ", ".join(f"{p.model} {p.rows} rows {number(p.spearman)}" for p in curve)
        return svg(fig, f"Learning curve: {words}")
