"""``abag demo``: from real measurements to a report and predictions, in one go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli.output import emit

if TYPE_CHECKING:
    from abag.apps.demo import Demo


def demo(
    *,
    out: Path = Path("demo-output"),
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """From real measurements to a report and predictions, in one go.

    Args:
        out: Folder for everything that is made.
        json: Print one JSON object.
    """
    from abag.apps.demo import run_demo

    def say(line: str) -> None:
        print(line, file=sys.stderr if json else sys.stdout, flush=True)

    done = run_demo(out, say)
    emit(done.as_json(), _text(done), json)


def _text(done: Demo) -> str:
    own = ", which the model was fitted on: a close match shows no skill"
    lines = ["", f"Predictions for well-known antibodies{own}", ""]
    lines.append(f"  {'pair':<44} {'pKd':>6} {'KD':>8} {'measured pKd':>13}  flags")
    rows = done.predictions.predictions.iter_rows(named=True)
    for row, measured in zip(rows, done.measured, strict=True):
        pair = f"{row['antibody_name']} on {row['antigen_name']}"
        known = "" if measured is None else f"{measured:.2f}"
        flags = ", ".join(row["flags"])
        line = f"  {pair:<44} {row['pkd']:6.2f} {row['kd']:>8} {known:>13}  {flags}"
        lines.append(line.rstrip())
    lines += [
        "",
        done.headline,
        f"report       {done.report}",
        f"predictions  {done.predictions.out}",
        f"model        {done.model}",
        f"next: abag predict --model {done.model} --heavy ... --light ... --antigen ...",
    ]
    return "\n".join(lines)
