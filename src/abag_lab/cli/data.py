"""``abag data sources`` and ``abag data build``: tables of published sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.apps.cli.data import summary_text


def sources(*, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """List the published sources that abag can read, with licence and where to get them.

    Args:
        json: Print one JSON object.
    """
    from abag_lab.sources import SOURCES

    listed = [
        {"name": s.name, "title": s.title, "licence": s.licence, "origin": s.origin}
        for _, s in sorted(SOURCES.items())
    ]
    text = "\n".join(
        f"{s['name']:<24} {s['licence']:<30} {s['title']}\n{'':<24} from {s['origin']}"
        for s in listed
    )
    emit({"sources": listed}, text, json)


def build(
    *,
    sources: Annotated[Path, Parameter(env_var="ABAG_DATA_SOURCES")],
    out: Path,
    only: Annotated[list[str], Parameter(negative=())] | None = None,
    licence: str = "all",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make the canonical table of all or chosen published sources.

    Args:
        sources: Folder that holds one folder a source (also read from ABAG_DATA_SOURCES).
        out: The table to write (.parquet); a quarantine and a manifest are written beside it.
        only: Names of sources to read; repeat the option for several (default: all that are there).
        licence: `permissive` keeps only rows that may shape shipped weights; `all` keeps every row.
        json: Print one JSON object.
    """
    from abag_lab.sources.build import build_table

    names = [name for item in only or () for name in item.split(",")]
    table = build_table(sources, out, names=names, licence=licence)
    emit(table.as_json(), summary_text(table), json)
