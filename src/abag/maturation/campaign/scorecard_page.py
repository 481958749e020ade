"""The scorecard as a page: did the plates come true?"""

from __future__ import annotations

from typing import Final

import numpy as np

from abag.errors import counted
from abag.evaluation.reporting.drawing import ACCENT, FAINT, MUTED, SECOND, figure, svg
from abag.evaluation.reporting.report import Picture
from abag.evaluation.reporting.wording import number
from abag.files import write_json, write_text
from abag.maturation.campaign.folder import Campaign
from abag.maturation.campaign.scorecard import Scorecard, Tally, score
from abag.pages import Table, page
from abag.pictures import picture

SCORECARD: Final = "scorecard.json"
PAGE: Final = "scorecard.html"
_KEPT, _NARROW, _WIDE = (
    "The intervals kept their word",
    "The intervals were too narrow",
    "The intervals were wider than they need be",
)


def write_scorecard(campaign: Campaign) -> Scorecard:
    """Judge all plates and write ``scorecard.json`` and ``scorecard.html`` into the campaign."""
    scorecard = score(campaign)
    if scorecard.plates:
        write_json(campaign.folder / SCORECARD, scorecard.as_json())
        write_text(campaign.folder / PAGE, scorecard_page(scorecard, campaign.folder.name))
    return scorecard


def scorecard_page(scorecard: Scorecard, name: str) -> str:
    """The page as text; the same scorecard gives the same bytes."""
    badge, tone = judgement(scorecard)
    hits = sum(plate.over_best.hits for plate in scorecard.plates)
    expected = sum(plate.over_best.expected for plate in scorecard.plates)
    headline = (
        f"{scorecard.inside} of {scorecard.exact} measurements lie in their 90 % interval; "
        f"{hits} better than the best of before, {expected:.1f} expected."
    )
    measured = sum(len(plate.wells) for plate in scorecard.plates)
    return page(
        "judged",
        title=f"Scorecard of {name}",
        lede=f"{counted(measured, 'variant')} of {counted(len(scorecard.plates), 'plate')} "
        "measured, each predicted and sealed before.",
        question="Did the predictions come true?",
        headline=headline,
        badge=badge,
        tone=tone,
        reasons=_reasons(scorecard),
        notes=(),
        pictures=(
            Picture("Predicted and measured", "Lines are the sealed 90 % intervals; a ring lies "
                    "outside of its interval.", _parity_plot(scorecard)),
            Picture("Best so far", "Bars are 90 % ranges of what the sealed model expected of the "
                    "best well.", _best_so_far_plot(scorecard)),
        ),
        tables=(_rounds_table(scorecard), _other_plates(scorecard), _seals_table(scorecard)),
        footer="a plate was sealed by a SHA-256 before it was measured; the seals are listed "
        "above, and the files are not read when they were changed. Ranges are 90 % ranges over "
        "1,000 joint draws of the sealed posterior, noise of measuring included. Random and "
        "single-mutant plates are as large as what was measured, from the same design space; what "
        "they would have given is the model's expectation, not a measurement.",
    )  # fmt: skip


def judgement(scorecard: Scorecard) -> tuple[str, str]:
    """The sentence on the intervals, and its tone."""
    covered = scorecard.coverage
    if covered is None:
        return "Only bounds were measured so far", "care"
    if covered[2] < 0.9:
        return _NARROW, "not" if covered[2] < 0.75 else "care"
    return (_WIDE, "care") if covered[1] > 0.9 else (_KEPT, "sound")


def _reasons(scorecard: Scorecard) -> list[str]:
    reasons = []
    for plate in scorecard.plates:
        parts = []
        ranks = plate.expected["spearman"]
        if plate.spearman is not None and ranks is not None:
            side = "below" if plate.spearman < ranks["lower_90"] else "within"
            side = "above" if plate.spearman > ranks["upper_90"] else side
            parts.append(f"rank correlation {number(plate.spearman)}, {side} what was predicted "
                        f"({_range_text(ranks)})")  # fmt: skip
        parts.append(f"{_tally_text(plate.over_best)} better than the best of before")
        if plate.pending:
            parts.append(f"{counted(plate.pending, 'variant')} pending")
        if plate.failed:
            parts.append(f"{counted(plate.failed, 'well')} failed")
        reasons.append(f"Round {plate.round}: {'; '.join(parts)}.")
    return reasons


def _range_text(range_90: dict[str, float]) -> str:
    return f"{number(range_90['lower_90'])} to {number(range_90['upper_90'])}"


def _tally_text(tally: Tally) -> str:
    return f"{tally.hits} ({tally.expected:.1f} expected, {tally.lower:g} to {tally.upper:g})"


def _rounds_table(scorecard: Scorecard) -> Table:
    header = ("round", "measured", "Spearman", "predicted", "in 90 % interval", "better than best",
              "better than parent", "best", "predicted")  # fmt: skip
    rows = []
    for plate in scorecard.plates:
        ranks = plate.expected["spearman"]
        rows.append(
            (
                str(plate.round), f"{len(plate.wells)} of {plate.proposed}", number(plate.spearman),
                _range_text(ranks) if ranks else "–",
                f"{plate.inside} of {int(plate.exact.sum())}", _tally_text(plate.over_best),
                _tally_text(plate.over_parent), number(plate.measured.max()),
                _range_text(plate.expected["best"]),
            )
        )  # fmt: skip
    return Table("Predicted and measured, by round", header, tuple(rows))


def _other_plates(scorecard: Scorecard) -> Table:
    header = ("round", "plate", "better than best", "better than parent", "best")
    rows: list[tuple[str, ...]] = []
    names = {"random": "random variants, expected", "singles": "random single mutants, expected"}
    for plate in scorecard.plates:
        rows.append((str(plate.round), "this one, measured", str(plate.over_best.hits),
                     str(plate.over_parent.hits), number(plate.measured.max())))  # fmt: skip
        for name, other in plate.others.items():
            best = other["best"]
            rows.append((str(plate.round), names[name], f"{other['over_best']:.1f}",
                         f"{other['over_parent']:.1f}",
                         f"{best['lower_90']:.2f} to {best['upper_90']:.2f}"))  # fmt: skip
    return Table("Beside plates chosen otherwise", header, tuple(rows))


def _seals_table(scorecard: Scorecard) -> Table:
    rows = tuple((str(plate.round), plate.seal.sha256) for plate in scorecard.plates)
    return Table("Seals", ("round", "SHA-256 of seal.json"), rows)


@picture
def _parity_plot(scorecard: Scorecard) -> str:
    """Measured against predicted, with the sealed interval of each."""
    with figure(3.2) as (fig, axes):
        for index, plate in enumerate(scorecard.plates):
            inside = (plate.lower <= plate.measured) & (plate.measured <= plate.upper)
            colour = (ACCENT, SECOND, MUTED)[index % 3]
            reach = np.stack([plate.predicted - plate.lower, plate.upper - plate.predicted])
            axes.errorbar(plate.measured, plate.predicted, yerr=reach.clip(0.0), fmt="none",
                          ecolor=FAINT, elinewidth=0.5, alpha=0.5)  # fmt: skip
            axes.scatter(plate.measured[inside], plate.predicted[inside], s=12, color=colour,
                         label=f"round {plate.round}")  # fmt: skip
            axes.scatter(plate.measured[~inside], plate.predicted[~inside], s=16, facecolors="none",
                         edgecolors=colour, linewidths=1.0)  # fmt: skip
        ends = _value_range(scorecard)
        axes.plot(ends, ends, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2)))
        axes.set(xlabel=f"measured ({scorecard.unit})", ylabel=f"predicted ({scorecard.unit})")
        axes.legend(loc="best")
        return svg(fig, f"{scorecard.inside} of {scorecard.exact} measurements in their interval")


def _value_range(scorecard: Scorecard) -> tuple[float, float]:
    plates = scorecard.plates
    values = np.concatenate([x for plate in plates for x in (plate.measured, plate.predicted)])
    return float(values.min()), float(values.max())


@picture
def _best_so_far_plot(scorecard: Scorecard) -> str:
    """Best value so far by round, beside the predicted best of this plate and of other plates."""
    plates = scorecard.plates
    rounds = [plate.round for plate in plates]
    with figure(3.2) as (fig, axes):
        before = plates[0].seal.best_so_far
        so_far = np.maximum.accumulate(
            [max(plate.seal.best_so_far, plate.measured.max()) for plate in plates]
        )
        axes.plot([rounds[0] - 1, *rounds], [before, *so_far], color=ACCENT,
                  marker="o", markersize=4, label="best so far")  # fmt: skip
        mean, lower, upper = (
            np.array([plate.expected["best"][key] for plate in plates])
            for key in ("mean", "lower_90", "upper_90")
        )
        axes.errorbar(rounds, mean, yerr=np.stack([mean - lower, upper - mean]).clip(0.0), fmt="s",
                      markersize=3, color=SECOND, elinewidth=1.0,
                      label="best of the plate, predicted")  # fmt: skip
        for name, shape, label in (("random", "v", "random variants"), ("singles", "^", "singles")):
            values = [(plate.round, plate.others[name]["best"]["mean"]) for plate in plates
                      if name in plate.others]  # fmt: skip
            if values:
                axes.plot(*zip(*values, strict=True), shape, color=MUTED, markersize=4,
                          label=f"{label}, expected")  # fmt: skip
        axes.set_xticks([rounds[0] - 1, *rounds])
        axes.set(xlabel="round", ylabel=scorecard.unit)
        axes.legend(loc="best")
        words = ", ".join(f"round {r} {v:.2f}" for r, v in zip(rounds, so_far, strict=True))
        return svg(fig, f"Best value so far: {words}")
