"""The interactive page of a scan: one HTML file, no outside links."""

from __future__ import annotations

import json
from typing import Any, Final

import polars as pl

from abag.errors import counted
from abag.maturation.scan.heatmap import COLOURS, LETTER_GROUPS, LETTERS, UNSEEN, grid_of
from abag.maturation.scan.result import Scan
from abag.pages import page, resource

_ROWS: Final = 25
"""Rows of the table that stands in the page before its script runs."""


def render_scan(scanned: Scan) -> str:
    """The page as text; the same scan gives the same bytes."""
    return page(
        "scan",
        styles=("scan.css",),
        title=f"Single mutants of {scanned.parent.name}",
        lede=_lede(scanned),
        facts=_facts(scanned),
        notes=[note.replace("`", "") for note in scanned.notes],
        unseen=any(UNSEEN in flags for flags in scanned.table["flags"].unique()),
        left_out=scanned.table.height < 19 * len(scanned.sites),
        parent_liabilities=[str(liability) for liability in scanned.parent_liabilities],
        best=scanned.unmeasured.head(_ROWS).to_dicts(),
        measured=bool(scanned.table["measured"].any()),
        unit=scanned.effects.unit,
        level=_percent(scanned.level),
        intervals=scanned.effects.lower is not None,
        natural=scanned.table["naturalness"].is_not_null().any(),
        data=_data(scanned),
        script=resource("scan.js"),
    )


def _lede(scanned: Scan) -> str:
    sites, table = scanned.sites, scanned.table
    chains = " and ".join(
        {"H": "heavy", "L": "light"}[c] for c in dict.fromkeys(s.chain for s in sites)
    )
    return (
        f"{counted(table.height, 'mutant')} at {counted(len(sites), 'residue')} of the {chains} "
        f"chain, each predicted by {scanned.effects.model_id} against the parent."
    )


def _facts(scanned: Scan) -> list[tuple[str, str]]:
    """Figures at the top of the page: label and value."""
    table, unit = scanned.table, scanned.effects.unit
    better = table.filter(pl.col("delta") > 0)
    facts = [("predicted better than the parent", f"{better.height:,} of {table.height:,}")]
    if scanned.effects.lower is not None:
        above = int((table["delta_lower"] > 0).sum())
        facts.append((f"better with the whole {_percent(scanned.level)} interval", f"{above:,}"))
    clean = better.filter(pl.col("liabilities") == "").height
    facts.append(("better, no new liability", f"{clean:,}"))
    if scanned.effects.parent_value is not None:
        facts.append((f"{unit} of the parent, by the model", f"{scanned.effects.parent_value:.2f}"))
    return facts


def _data(scanned: Scan) -> str:
    """The data of the page's script, as JSON that may stand inside a script element."""
    column = {(site.chain, site.place): i for i, site in enumerate(scanned.sites)}
    texts: dict[str, int] = {"": 0}
    mutants = []
    columns = ["chain", "place", "mutant", "delta", "delta_lower", "delta_upper", "naturalness",
               "humanness", "severity", "liabilities", "flags", "kabat",
               "measured"]  # fmt: skip
    for row in scanned.table.select(columns).iter_rows():
        chain, place, letter, *numbers, severity, liabilities, flags, kabat, is_measured = row
        mutants.append(
            [
                column[chain, place], LETTERS.index(letter), *map(_rounded, numbers), severity[:1],
                texts.setdefault(liabilities, len(texts)), int(UNSEEN in flags), kabat[2:],
                int(is_measured),
            ]
        )  # fmt: skip
    content = {
        "sites": [[s.chain, s.place, s.residue, s.imgt, s.region] for s in scanned.sites],
        "mutants": mutants,
        "chains": {c: chain.sequence for c, chain in scanned.parent.antibody.chains.items()},
        "texts": list(texts),
        "letters": LETTERS,
        "groups": [[name, len(letters)] for name, letters in LETTER_GROUPS],
        "colours": COLOURS,
        "ends": [_rounded(end) for end in grid_of(scanned).ends],
        "unit": scanned.effects.unit,
        "level": _percent(scanned.level),
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _rounded(value: Any) -> Any:
    return None if value is None else float(f"{value:.4g}")
