"""What the figures mean, in words: what was asked, what came out, whether to believe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from abag.errors import counted
from abag.evaluation.evaluation import FEW_CLUSTERS, Evaluation
from abag.evaluation.scores.checks import Spread
from abag.evaluation.scores.grouping import GroupSummary
from abag.evaluation.scores.intervals import Interval
from abag.evaluation.scores.scoring import Difference, Estimate, ModelScores

LARGE_GROUP: Final = 0.25
"""Share of rows above which one antigen group is named."""
FEW_GROUPS: Final = 5
MEMORY: Final = 0.15
"""Fall of a correlation between splits that is called memory."""


class Trust(StrEnum):
    """Whether the figures say what they seem to say."""

    SOUND = "These figures can be believed"
    CARE = "Believe these figures with care"
    NOT = "Do not take these figures for skill"


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """The first screen of a report."""

    trust: Trust
    headline: str
    question: str
    answers: tuple[str, ...]
    reasons: tuple[str, ...]
    """What stands against believing the figures, worst first."""


def number(value: float | None, digits: int = 2) -> str:
    """A number with a true minus sign, or ``undefined``."""
    if value is None:
        return "undefined"
    text = f"{value:.{digits}f}"
    # A rounded -0.00 has no sign worth showing.
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def between(interval: Interval | None, digits: int = 2) -> str:
    """``0.10 to 0.31``, or nothing."""
    if interval is None or interval.low is None:
        return ""
    return f"{number(interval.low, digits)} to {number(interval.high, digits)}"


def with_interval(value: float | None, interval: Interval | None, reason: str | None = None) -> str:
    """``0.21 (95 % interval 0.10 to 0.31)``."""
    if value is None:
        return f"undefined ({reason})" if reason else "undefined"
    if interval is None or interval.low is None:
        why = f": {interval.reason}" if interval is not None and interval.reason else ""
        return f"{number(value)} (no interval{why})"
    return f"{number(value)} ({100 * interval.level:g} % interval {between(interval)})"


def unit_of(evaluation: Evaluation) -> str:
    """``pKd`` or ``rank score``."""
    return "pKd" if evaluation.target == "pkd" else "rank score"


def summarise(evaluation: Evaluation, faults: Sequence[str] = ()) -> ReportSummary:
    """Question, answers and trust for one evaluation.

    ``faults`` of the training forbid belief, whatever the figures are.
    """
    model = evaluation.subject
    reasons = [(True, f"Unstable: {text}.") for text in faults] + _reasons(evaluation, model)
    trust = Trust.NOT if any(bad for bad, _ in reasons) else Trust.CARE if reasons else Trust.SOUND
    return ReportSummary(
        trust=trust,
        headline=_headline(evaluation, model),
        question=_question(evaluation, model),
        answers=tuple(_answers(evaluation, model)),
        reasons=tuple(text for _, text in sorted(reasons, key=lambda reason: not reason[0])),
    )


def _headline(evaluation: Evaluation, model: ModelScores) -> str:
    level = evaluation.leading
    grouped = model.levels[level].summary["spearman"]
    if _leads_inside(grouped):
        shown = with_interval(grouped.mean, grouped.mean_interval)
        return f"Inside one {level}: mean Spearman {shown}, {_groups(grouped.groups, level)}"
    pooled = model.pooled["spearman"]
    shown = with_interval(pooled.score.value, pooled.interval, pooled.score.reason)
    few = grouped.reason or f"only {_groups(grouped.groups, level)} with enough rows"
    return f"Pooled Spearman {shown}; inside one {level}: {few}"


def _leads_inside(grouped: GroupSummary) -> bool:
    """Whether the figure inside groups leads the page: enough of them have one."""
    return grouped.mean is not None and grouped.groups >= FEW_GROUPS


def _groups(count: int, level: str) -> str:
    return counted(count, level, plural(level))


def plural(level: str) -> str:
    """``antigens``, ``assays``; ``complexes``."""
    return f"{level}es" if level.endswith("x") else f"{level}s"


def _question(evaluation: Evaluation, model: ModelScores) -> str:
    rows, folds = evaluation.rows, len(evaluation.held_out.train_rows)
    tested = f"{rows.exact + rows.censored:,} held-out rows"
    how = f"{folds} folds, each predicted by a model that was fitted on the others"
    if folds == 1:
        how = "one test part"
    return (
        f"How well does {model.name} predict the {unit_of(evaluation)} of {tested}? "
        f"Split: {evaluation.name} ({how})."
    )


def _answers(evaluation: Evaluation, model: ModelScores) -> list[str]:
    sentences = [_grouped(evaluation, model), _pooled(evaluation, model)]
    sentences += [_compared(difference) for difference in model.differences[:1]]
    sentences += _largest(evaluation, model)
    if evaluation.rows.censored:
        sentences.append(_censored(evaluation, model))
    if model.collapse is not None:
        sentences.append(_sentence(model.collapse.text))
    if evaluation.audit is not None and evaluation.audit.get("believe"):
        sentences.append(
            _sentence(f"by the leak audit of the split, {evaluation.audit['believe']}")
        )
    return sentences


def _grouped(evaluation: Evaluation, model: ModelScores) -> str:
    level = evaluation.leading
    scores = model.levels[level]
    summary: GroupSummary = scores.summary["spearman"]
    if summary.mean is None:
        return _sentence(f"inside one {level} there is no figure: {summary.reason}")
    figure = with_interval(summary.mean, summary.mean_interval)
    text = (
        f"Inside one {level} it orders antibodies with a mean Spearman of {figure}, median "
        f"{number(summary.median)}, over {_groups(summary.groups, level)} with at least "
        f"{scores.minimum} rows, each weighing the same."
    )
    if summary.groups == 1:
        text = (
            f"One {level} alone has at least {scores.minimum} rows; inside it the Spearman is "
            f"{figure}."
        )
    if summary.undefined:
        text += f" In {summary.undefined} more it is undefined."
    return text


def _pooled(evaluation: Evaluation, model: ModelScores) -> str:
    spearman, pearson, rmse = (model.pooled[key] for key in ("spearman", "pearson", "rmse"))
    if spearman.score.value is None and rmse.score.value is None:
        return _sentence(f"pooled there is no figure: {spearman.score.reason}")
    text = (
        f"Pooled over all rows: Spearman {_brief(spearman)}, Pearson {_brief(pearson)}, "
        f"RMSE {_brief(rmse)} {unit_of(evaluation)}."
    )
    if evaluation.leading == "antigen":
        text += " Pooled figures also reward telling one antigen from another."
    return text


def _brief(estimate: Estimate) -> str:
    if estimate.score.value is None:
        return f"undefined ({estimate.score.reason})"
    inside = between(estimate.interval)
    return number(estimate.score.value) + (f" ({inside})" if inside else "")


def _compared(difference: Difference) -> str:
    where = "pooled" if difference.level == "pooled" else f"inside one {difference.level}"
    sign = "+" if (difference.value or 0) > 0 else ""
    verdict = {
        True: "clearly better",
        False: "not shown to be better",
        None: "too few clusters to say",
    }[difference.better]
    inside = between(difference.interval)
    return (
        f"Against the best baseline, {difference.baseline}, {where}: the difference in Spearman is "
        f"{sign}{number(difference.value)}{f' ({inside})' if inside else ''}, {verdict}."
    )


def _largest(evaluation: Evaluation, model: ModelScores) -> list[str]:
    if not model.without_largest or evaluation.leading != "antigen":
        return []
    code, size = evaluation.antigens.largest()
    share = size / len(evaluation.labels)
    if share < LARGE_GROUP:
        return []
    others = model.without_largest
    return [
        f"One antigen group, {evaluation.antigens.names[code]}, holds {100 * share:.0f} % of the "
        f"rows. Without it, pooled: Spearman {_brief(others['spearman'])}, "
        f"Pearson {_brief(others['pearson'])}, RMSE {_brief(others['rmse'])}."
    ]


def _censored(evaluation: Evaluation, model: ModelScores) -> str:
    broken = model.violations
    pairs = model.pooled["concordance"]
    text = (
        f"{evaluation.rows.censored:,} rows are censored and enter no error. Over all pairs whose "
        f"order is certain, the concordance is {_brief(pairs)} (chance 0.5)"
    )
    if broken.share is None:
        return f"{text}."
    text += f"; {100 * broken.share:.0f} % of the predictions for censored rows break the bound"
    return f"{text}, by {number(broken.mean_amount)} on average." if broken.broken else f"{text}."


def _reasons(evaluation: Evaluation, model: ModelScores) -> list[tuple[bool, str]]:
    """What stands against the figures: (whether it forbids belief, sentence)."""
    reasons = _audit_reasons(evaluation.audit)
    check = model.collapse
    if check is not None and check.verdict in (Spread.CONSTANT, Spread.COLLAPSED):
        reasons.append((True, f"Collapse: {check.text}."))
    elif check is not None and check.verdict is Spread.NARROW:
        reasons.append((False, _sentence(check.text)))
    if evaluation.resampling.note is not None:
        reasons.append((False, _sentence(evaluation.resampling.note)))
    summary = model.levels[evaluation.leading].summary["spearman"]
    if summary.mean is not None and summary.groups < FEW_GROUPS:
        has = "has" if summary.groups == 1 else "have"
        few = f"only {_groups(summary.groups, evaluation.leading)} {has} enough rows for a figure"
        reasons.append((False, _sentence(few)))
    if evaluation.rows.exact + evaluation.rows.censored < FEW_CLUSTERS:
        few = counted(evaluation.rows.exact + evaluation.rows.censored, "row")
        reasons.append((True, f"Only {few}."))
    return reasons + _unshown_skill(evaluation, model)


def _unshown_skill(evaluation: Evaluation, model: ModelScores) -> list[tuple[bool, str]]:
    """Correlations whose interval does not lie above 0: chance gives as much.

    The correlation that leads the page forbids belief; the others on it ask for care.
    """
    level, pooled = evaluation.leading, model.pooled
    grouped = model.levels[level].summary["spearman"]
    shown: list[tuple[str, float | None, Interval | None]] = [
        (f"Spearman inside one {level}", grouped.mean, grouped.mean_interval)
    ] * _leads_inside(grouped)
    for key in ("spearman", "pearson"):
        shown.append((f"{key.capitalize()} pooled", pooled[key].score.value, pooled[key].interval))
    return [
        (index == 0, f"No skill is shown: {figure} is {with_interval(value, interval)}.")
        for index, (figure, value, interval) in enumerate(shown)
        if value is not None and not _above_zero(interval)
    ]


def _above_zero(interval: Interval | None) -> bool:
    return interval is not None and interval.low is not None and interval.low > 0.0


def _audit_reasons(audit: Mapping[str, Any] | None) -> list[tuple[bool, str]]:
    if audit is None:
        return [(False, "No leak audit was made: memory cannot be told from skill.")]
    verdict = str(audit.get("verdict", ""))
    if audit.get("broken_promises") or "neither" in str(audit.get("believe", "")):
        return [(True, _sentence(f"the split {verdict or 'leaks'}"))]
    if audit.get("leaks"):
        return [(False, _sentence(f"the split {verdict or 'leaks'}"))]
    return []


def compare(evaluations: Sequence[Evaluation], model: str) -> list[str]:
    """What the difference between several splits means for one model."""
    pooled = [(e.name, e.model(model).pooled["pearson"].score.value) for e in evaluations]
    defined = [(name, value) for name, value in pooled if value is not None]
    if len(defined) < 2:
        return []
    figures = ", ".join(f"{number(value)} on “{name}”" for name, value in defined)
    highest = max(defined, key=lambda pair: pair[1])
    lowest = min(defined, key=lambda pair: pair[1])
    sentences = [
        f"The same {model}, with the same settings and the same rows, has a pooled Pearson of "
        f"{figures}. Only one thing changed: what it had seen that resembles the rows it was asked "
        "about."
    ]
    fall = highest[1] - lowest[1]
    if fall >= MEMORY:
        sentences.append(
            f"The fall of {number(fall)} from “{highest[0]}” to “{lowest[0]}” is memory, not "
            "understanding: the higher figure holds for new measurements of antibodies and "
            "antigens that are nearly in the training rows, the lower one for what is new to it. "
            f"For an antigen unlike any in the table, expect “{lowest[0]}”."
        )
    else:
        sentences.append(
            f"The figures differ by no more than {number(fall)}: on these rows the model loses "
            "little when what it is asked about is new."
        )
    inside = [
        (e.name, e.model(model).levels[e.leading].summary["spearman"].mean) for e in evaluations
    ]
    if all(value is not None for _, value in inside):
        level = evaluations[0].leading
        text = ", ".join(f"{number(value)} on “{name}”" for name, value in inside)
        sentences.append(f"Inside one {level}, the mean Spearman is {text}.")
    return sentences


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
