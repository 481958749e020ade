"""A plain verdict on a model of an assay, from its cross-validated ranking of unseen variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from abag.maturation.adapt.skill import Skill

GOOD: Final = 0.3
"""Lower end of the interval of Spearman from which the next plate may be chosen by the model."""


class Grade(StrEnum):
    """How far the model may be trusted with the choice of the next variants."""

    CHANCE = "too few data: ranking no better than chance"
    WEAK = (
        "better than chance, but weak: choose part of the next plate by it, and part for learning"
    )
    GOOD = "good enough to pick the next 96"


@dataclass(frozen=True, slots=True)
class SkillVerdict:
    """The grade, the sentence with its figure, and the reasons and caveats."""

    grade: Grade
    headline: str
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "grade": self.grade.name.lower(),
            "text": self.grade.value,
            "headline": self.headline,
            "reasons": list(self.reasons),
        }


def judge(skills: Sequence[Skill], rows: int) -> SkillVerdict:
    """The verdict of the skill on random rows; the other ways of holding out add caveats."""
    random = skills[0].of("assay-gp")
    value, interval = random.spearman, random.interval
    if value is None or interval is None or interval[0] <= 0:
        grade = Grade.CHANCE
    else:
        grade = Grade.GOOD if interval[0] >= GOOD else Grade.WEAK
    shown = "undefined" if value is None else f"{value:.2f}"
    ends = "" if interval is None else f" (95 % interval {interval[0]:.2f} to {interval[1]:.2f})"
    headline = f"Spearman {shown}{ends} on {skills[0].rows} held-out variants; {rows} measured."
    if not skills[0].rows:
        headline = f"{rows} variants measured: too few to hold any of them out."
    return SkillVerdict(grade, headline, tuple(_reasons(skills)))


def _reasons(skills: Sequence[Skill]) -> list[str]:
    reasons = []
    gp, ridge = skills[0].of("assay-gp"), skills[0].of("one-hot-ridge")
    if gp.spearman is not None and ridge.spearman is not None:
        ridge_ranks = ridge.interval is not None and ridge.interval[0] > 0
        if ridge_ranks and gp.spearman < ridge.spearman - 0.02:
            reasons.append(
                f"A one-hot ridge ranks better here ({ridge.spearman:.2f}): fit that one "
                "(`abag fit --model one-hot-ridge`)."
            )
        elif gp.spearman > ridge.spearman + 0.02:
            reasons.append(f"A one-hot ridge reaches {ridge.spearman:.2f} on the same rows.")
    for skill in skills[1:]:
        scores = skill.of("assay-gp")
        if scores.spearman is None or scores.interval is None or scores.interval[0] <= 0:
            variants = {
                "positions": "positions that no measured variant changes",
                "mutation count": "variants with more changes than those measured",
            }[skill.name]
            reasons.append(
                f"It does not rank {variants} better than chance: keep within what was tried."
            )
    reasons += _too_narrow(skills[1:])
    covered = gp.coverage_90
    if covered is not None and not 0.8 <= covered <= 0.98 and _is_unlikely(covered, skills[0].rows):
        word = "too narrow" if covered < 0.8 else "too wide"
        reasons.append(f"Its 90 % intervals hold {covered:.0%} of held-out values: {word}.")
    return reasons


def _is_unlikely(covered: float, rows: int) -> bool:
    """Whether right 90 % intervals would seldom hold this share of so many values."""
    from scipy.stats import binomtest

    return bool(binomtest(round(covered * rows), rows, 0.9).pvalue < 0.05)


def _too_narrow(skills: Sequence[Skill]) -> list[str]:
    """Reasons for each way of holding out under which the intervals are far too narrow."""
    reasons = []
    for skill in skills:
        covered = skill.of("assay-gp").coverage_90
        if covered is not None and covered < 0.75:
            variants = "new positions" if skill.name == "positions" else "more changes"
            reasons.append(
                f"With {variants} its 90 % intervals hold only {covered:.0%}: too narrow."
            )
    return reasons
