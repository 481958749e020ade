"""``abag compare``: finished runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit


def compare(
    *runs: Path,
    out: Path,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Compare finished runs of `abag train` that were tested on the same rows.

    Args:
        runs: Folders of two runs or more.
        out: Folder for compare.md, compare.html, compare.png and compare.json.
        overwrite: Replace a comparison that is in the folder.
        json: Print one JSON object.
    """
    from abag.training.compare import compare_runs, markdown

    comparison = compare_runs(runs, out, overwrite=overwrite)
    emit(comparison.as_json(), f"{markdown(comparison)}\npage: {out / 'compare.html'}", json)
