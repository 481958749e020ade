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
    found = score(campaign)
    if found.plates:
        write_json(campaign.folder / SCORECARD, found.as_json())
        write_text(campaign.folder / PAGE, scorecard_page(found, campaign.folder.name))
    return found


def scorecard_page(found: Scorecard, name: str) -> str:
    """The page as text; the same scorecard gives the same bytes."""
    badge, tone = judgement(found)
    hits = sum(one.over_best.seen for one in found.plates)
    expected = sum(one.over_best.expected for one in found.plates)
    headline = (
        f"{found.inside} of {found.exact} measurements lie in their 90 % interval; "
        f"{hits} better than the best of before, {expected:.1f} expected."
    )
    measured = sum(len(one.wells) for one in found.plates)
    return page(
        "judged",
        title=f"Scorecard of {name}",
        lede=f"{counted(measured, 'variant')} of {counted(len(found.plates), 'plate')} measured, "
        "each foretold and sealed before.",
        question="Did the predictions come true?",
        headline=headline,
        badge=badge,
        tone=tone,
        reasons=_reasons(found),
        notes=(),
        pictures=(
            Picture("Foretold and measured", "Lines are the sealed 90 % intervals; a ring lies "
                    "outside of its interval.", _parity(found)),
            Picture("Best so far", "Bars are 90 % ranges of what the sealed model expected of the "
                    "best well.", _course(found)),
        ),
        tables=(_table(found), _others(found), _seals(found)),
        footer="a plate was sealed by a SHA-256 before it was measured; the seals are listed "
        "above, and the files are not read when they were changed. Ranges are 90 % ranges over "
        "1,000 joint draws of the sealed posterior, noise of measuring included. Random and "
        "single-mutant plates are as large as what was measured, from the same design space; what "
        "they would have given is the model's expectation, not a measurement.",
    )  # fmt: skip


def judgement(found: Scorecard) -> tuple[str, str]:
    """The sentence on the intervals, and its tone."""
    covered = found.coverage
    if covered is None:
        return "Only bounds were measured so far", "care"
    if covered[2] < 0.9:
        return _NARROW, "not" if covered[2] < 0.75 else "care"
    return (_WIDE, "care") if covered[1] > 0.9 else (_KEPT, "sound")


def _reasons(found: Scorecard) -> list[str]:
    reasons = []
    for one in found.plates:
        told = []
        ranks = one.expected["spearman"]
        if one.spearman is not None and ranks is not None:
            place = "below" if one.spearman < ranks["lower_90"] else "within"
            place = "above" if one.spearman > ranks["upper_90"] else place
            told.append(f"rank correlation {number(one.spearman)}, {place} what was foretold "
                        f"({_range(ranks)})")  # fmt: skip
        told.append(f"{_told(one.over_best)} better than the best of before")
        if one.pending:
            told.append(f"{counted(one.pending, 'variant')} pending")
        if one.failed:
            told.append(f"{counted(one.failed, 'well')} failed")
        reasons.append(f"Round {one.round}: {'; '.join(told)}.")
    return reasons


def _range(told: dict[str, float]) -> str:
    return f"{number(told['lower_90'])} to {number(told['upper_90'])}"


def _told(tally: Tally) -> str:
    return f"{tally.seen} ({tally.expected:.1f} expected, {tally.lower:g} to {tally.upper:g})"


def _table(found: Scorecard) -> Table:
    header = ("round", "measured", "Spearman", "foretold", "in 90 % interval", "better than best",
              "better than parent", "best", "foretold")  # fmt: skip
    rows = []
    for one in found.plates:
        ranks = one.expected["spearman"]
        rows.append(
            (
                str(one.round), f"{len(one.wells)} of {one.proposed}", number(one.spearman),
                _range(ranks) if ranks else "–",
                f"{one.inside} of {int(one.exact.sum())}", _told(one.over_best),
                _told(one.over_parent), number(one.measured.max()), _range(one.expected["best"]),
            )
        )  # fmt: skip
    return Table("Foretold and found, by round", header, tuple(rows))


def _others(found: Scorecard) -> Table:
    header = ("round", "plate", "better than best", "better than parent", "best")
    rows: list[tuple[str, ...]] = []
    names = {"random": "random variants, expected", "singles": "random single mutants, expected"}
    for one in found.plates:
        rows.append((str(one.round), "this one, found", str(one.over_best.seen),
                     str(one.over_parent.seen), number(one.measured.max())))  # fmt: skip
        for name, told in one.others.items():
            best = told["best"]
            rows.append((str(one.round), names[name], f"{told['over_best']:.1f}",
                         f"{told['over_parent']:.1f}",
                         f"{best['lower_90']:.2f} to {best['upper_90']:.2f}"))  # fmt: skip
    return Table("Beside plates chosen otherwise", header, tuple(rows))


def _seals(found: Scorecard) -> Table:
    rows = tuple((str(one.round), one.seal.sha256) for one in found.plates)
    return Table("Seals", ("round", "SHA-256 of seal.json"), rows)


@picture
def _parity(found: Scorecard) -> str:
    """Measured against predicted, with the sealed interval of each."""
    with figure(3.2) as (drawn, axes):
        for place, one in enumerate(found.plates):
            held = (one.lower <= one.measured) & (one.measured <= one.upper)
            colour = (ACCENT, SECOND, MUTED)[place % 3]
            reach = np.stack([one.predicted - one.lower, one.upper - one.predicted]).clip(0.0)
            axes.errorbar(one.measured, one.predicted, yerr=reach, fmt="none", ecolor=FAINT,
                          elinewidth=0.5, alpha=0.5)  # fmt: skip
            axes.scatter(one.measured[held], one.predicted[held], s=12, color=colour,
                         label=f"round {one.round}")  # fmt: skip
            axes.scatter(one.measured[~held], one.predicted[~held], s=16, facecolors="none",
                         edgecolors=colour, linewidths=1.0)  # fmt: skip
        ends = _ends(found)
        axes.plot(ends, ends, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2)))
        axes.set(xlabel=f"measured ({found.unit})", ylabel=f"foretold ({found.unit})")
        axes.legend(loc="best")
        return svg(drawn, f"{found.inside} of {found.exact} measurements in their interval")


def _ends(found: Scorecard) -> tuple[float, float]:
    both = np.concatenate([x for one in found.plates for x in (one.measured, one.predicted)])
    return float(both.min()), float(both.max())


@picture
def _course(found: Scorecard) -> str:
    """Best value so far by round, beside what was predicted and what others would have given."""
    plates = found.plates
    rounds = [one.round for one in plates]
    with figure(3.2) as (drawn, axes):
        before = plates[0].seal.best_so_far
        so_far = np.maximum.accumulate(
            [max(one.seal.best_so_far, one.measured.max()) for one in plates]
        )
        axes.plot([rounds[0] - 1, *rounds], [before, *so_far], color=ACCENT,
                  marker="o", markersize=4, label="best so far")  # fmt: skip
        mean, lower, upper = (
            np.array([one.expected["best"][key] for one in plates])
            for key in ("mean", "lower_90", "upper_90")
        )
        axes.errorbar(rounds, mean, yerr=np.stack([mean - lower, upper - mean]).clip(0.0), fmt="s",
                      markersize=3, color=SECOND, elinewidth=1.0,
                      label="best of the plate, foretold")  # fmt: skip
        for name, shape, label in (("random", "v", "random variants"), ("singles", "^", "singles")):
            values = [(one.round, one.others[name]["best"]["mean"]) for one in plates
                      if name in one.others]  # fmt: skip
            if values:
                axes.plot(*zip(*values, strict=True), shape, color=MUTED, markersize=4,
                          label=f"{label}, expected")  # fmt: skip
        axes.set_xticks([rounds[0] - 1, *rounds])
        axes.set(xlabel="round", ylabel=found.unit)
        axes.legend(loc="best")
        words = ", ".join(f"round {r} {v:.2f}" for r, v in zip(rounds, so_far, strict=True))
        return svg(drawn, f"Best value so far: {words}")
