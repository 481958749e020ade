"""Known issues of a release and what follows from them, by rules that are written here.

Each issue has a ``kind``, a sentence, and what would mend it. They come from the monitors of the
run, the audit of its split, the figures and their intervals, and the calibration: nobody has to
remember to write them down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

COVERAGE_SHORT: Final = 0.03
"""Intervals that hold this much less often than they say cover poorly."""
RECALL_JUMP: Final = 0.3
OUT_OF_RANGE: Final = 0.01
WAIT: Final = frozenset({"unstable", "collapse", "leak", "no-skill"})
"""With one of these a model is not to be used."""
EDUCATION: Final = frozenset(
    {"baseline", "coverage", "no-calibration", "recall", "out-of-range", "weak", "spread"}
)
"""With one of these it may serve to learn from."""

_WORDS: Final = {
    "use": "Use it, within what the verdicts say.",
    "education": "Use it to learn and to compare, not to decide on experiments.",
    "wait": "Wait: do not use its numbers.",
}

Facts = Mapping[str, Any]


def known_issues(facts: Facts) -> list[dict[str, str]]:
    """Every known issue, in the order of its weight."""
    issues = [*_of_run(facts["run"])] if facts["run"] else []
    issues += [*_of_calibration(facts)]
    issues += [*_of_assay(facts["assay"])] if facts["assay"] else []
    issues += [_issue("rows", note, "Look at these rows.") for note in facts["given"]["notes"]]
    return issues


def recommendation(facts: Facts) -> dict[str, Any]:
    """``use``, ``education`` or ``wait``, with the issues that decide."""
    kinds = {issue["kind"] for issue in facts["issues"]}
    verdict = "wait" if kinds & WAIT else "education" if kinds & EDUCATION else "use"
    decided = WAIT if verdict == "wait" else EDUCATION
    reasons = [issue["text"] for issue in facts["issues"] if issue["kind"] in decided]
    return {
        "what": verdict,
        "words": _WORDS[verdict],
        "reasons": reasons if verdict != "use" else [],
    }


def _issue(kind: str, text: str, mend: str) -> dict[str, str]:
    return {"kind": kind, "text": f"{text[:1].upper()}{text[1:].rstrip('.')}.", "mend": mend}


def _of_run(run: Facts) -> Iterator[dict[str, str]]:
    status = run["status"]
    for reason in status["reasons"]:
        yield _issue("unstable", f"Unstable: {reason}", "Train it with other settings or seeds.")
    if run["collapse"] and run["collapse"]["verdict"] in ("constant", "collapsed", "narrow"):
        kind = "spread" if run["collapse"]["verdict"] == "narrow" else "collapse"
        yield _issue(kind, run["collapse"]["text"], "See whether the encoders see the sequences.")
    audit = run["audit"]
    if audit is None:
        yield _issue("no-audit", "The split was not audited for leaks", "Train without --no-audit.")
    elif audit["verdict"] != "clean":
        leaky, says = audit["is_leaky"], audit["believe"]
        text = f"The split {audit['verdict']}. {says[:1].upper()}{says[1:]}"
        yield _issue(
            "leak" if leaky else "overlap", text, _OTHER_SPLIT if leaky else _READ_WITH_CARE
        )
    yield from _of_figures(run)
    jump = status.get("largest_recall_jump")
    if jump is not None and jump > RECALL_JUMP:
        text = f"the recall of strong binders jumps by up to {jump:.2f} from epoch to epoch"
        yield _issue("recall", text, "Average the weights (optimiser.ema), or lower the rate.")
    share = run["distinct"]["share_out_of_range"]
    if share > OUT_OF_RANGE:
        lowest, highest = run["distinct"]["lowest"], run["distinct"]["highest"]
        text = f"predictions leave what can be measured: {lowest:.2f} to {highest:.2f} pKd"
        yield _issue("out-of-range", text, "Bound the output (network.output.range).")
    if run["resampling"]["note"]:
        yield _issue("intervals", run["resampling"]["note"], "Test on more antigens.")
    for note in run["split"]["notes"]:
        yield _issue("split", note, _READ_WITH_CARE)


_READ_WITH_CARE: Final = "Read the figures so."
_OTHER_SPLIT: Final = "Train and test on a split by antigen clusters."


def _of_figures(run: Facts) -> Iterator[dict[str, str]]:
    by_key = {figure["key"]: figure for figure in run["figures"]}
    for key in ("spearman", "pearson"):
        figure = by_key[key]
        if figure["value"] is None:
            yield _issue(
                "no-skill", f"{figure['title']} is undefined: {figure['reason']}", _MORE_DATA
            )
        elif figure["low"] is None:
            text = (
                f"no skill is shown: {figure['title']} is {figure['value']:z.2f}, without an "
                "interval"
            )
            yield _issue("no-skill", text, _MORE_DATA)
        elif figure["low"] <= 0.0:
            where = "holds 0" if figure["high"] >= 0.0 else "lies below 0"
            text = (
                f"no skill is shown: {figure['title']} is {figure['value']:z.2f}, and its interval "
                f"({figure['low']:.2f} to {figure['high']:.2f}) {where}"
            )
            yield _issue("no-skill", text, _MORE_DATA)
    for figure in run["differences"]:
        pooled = figure["level"] == "pooled" and figure["key"] == "rmse"
        if pooled and figure["value"] is not None and figure["value"] >= 0.0:
            text = (
                f"the baseline {figure['baseline']} has a smaller error: the difference of RMSE is "
                f"{figure['value']:+.2f} pKd"
            )
            yield _issue("baseline", text, f"Use {figure['baseline']}, which costs nothing.")


_MORE_DATA: Final = "Train on more antigens; test on more rows."


def _of_calibration(facts: Facts) -> Iterator[dict[str, str]]:
    calibration = facts["calibration"]
    if calibration is None:
        if facts["model"]["target"] == "pkd" and facts["assay"] is None:
            text = "There is no calibration: predictions come without intervals and verdicts"
            yield _issue("no-calibration", text, "Fit it with `abag fit --calibrate`.")
        return
    for figure in calibration["figures"]:
        name, rmse, mean = figure["verdict"], figure["rmse"], figure["rmse_of_mean"]
        if figure["coverage"] is not None and figure["coverage"] < figure["level"] - COVERAGE_SHORT:
            text = (
                f"for the verdict '{name}' intervals of {figure['level']:.0%} hold "
                f"{figure['coverage']:.1%}"
            )
            yield _issue("coverage", text, "Calibrate on rows like yours.")
        if rmse is not None and mean is not None and rmse >= mean:
            text = (
                f"for the verdict '{name}' the error ({rmse:.2f} pKd) is not below that of "
                f"predicting the mean ({mean:.2f})"
            )
            yield _issue("verdict", text, "Measure a few pairs of that antigen, then `abag adapt`.")
        if figure["censored_uncovered"] > figure["censored_compatible"]:
            text = (
                f"for the verdict '{name}' {figure['censored_uncovered']} of "
                f"{figure['censored_uncovered'] + figure['censored_compatible']} censored rows lie "
                "outside their interval: pKd and interval hold for pairs that bind"
            )
            yield _issue("censored", text, "Read the evidence for binding beside the number.")


def _of_assay(assay: Facts) -> Iterator[dict[str, str]]:
    verdict = assay["verdict"]
    kind = {"chance": "no-skill", "weak": "weak"}.get(verdict["grade"])
    if kind is not None:
        yield _issue(kind, f"{verdict['headline']} ({verdict['text']})", "Measure more variants.")
    for text in verdict["reasons"]:
        yield _issue("assay", text, "Measure variants of that kind.")
    for note in assay["notes"]:
        yield _issue("rows", note, "Look at these rows.")
