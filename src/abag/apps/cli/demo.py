"""``abag demo``: predictions, an assay, a scan, a plate and its score, in one go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli import emit

if TYPE_CHECKING:
    from abag.apps.demo import Demo


def demo(
    *,
    out: Path = Path("demo-output"),
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Predictions, an assay, a scan, a plate and its score, in one go.

    Args:
        out: New folder for everything that is made.
        json: Print one JSON object.
    """
    from abag.apps.demo import run_demo

    def say(line: str) -> None:
        print(line, file=sys.stderr if json else sys.stdout, flush=True)

    finished = run_demo(out, say)
    emit(finished.as_json(), _text(finished), json)


def _text(finished: Demo) -> str:
    above, wells = finished.better_than_parent
    inside, measured = finished.covered
    return "\n".join(
        [
            f"   {above} of {wells} are truly tighter than the parent; "
            f"{inside} of {measured} results lie in their 90 % interval",
            "",
            f"open      {finished.out / 'scan' / 'scan.html'}",
            f"          {finished.out / 'campaign' / 'scorecard.html'}",
            f"then      abag serve --data {finished.out / 'served'}   (the same, on a page)",
        ]
    )
