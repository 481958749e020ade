"""The page of a plate: its wells as they lie, and why each is there."""

from __future__ import annotations

import html
from importlib.resources import files
from typing import Any, Final

import numpy as np
import polars as pl

from abag.maturation.plate.wells import COLUMNS, ROWS
from abag.maturation.propose.proposals import Proposals
from abag.version import VERSION


def plate_page(proposals: Proposals, table: pl.DataFrame) -> str:
    """One self-contained page: the plates by predicted value, and the list with reasons."""
    style = (files("abag") / "resources" / "report" / "style.css").read_text(encoding="utf-8")
    values = table["predicted"].to_numpy()
    spread = max(float(np.ptp(values)), 1e-9)
    table = table.with_columns(shade=pl.Series((values - values.min()) / spread))
    plates = "".join(
        f"<h3>Plate {number}</h3>{_grid(part)}"
        for (number,), part in table.partition_by(
            "plate", as_dict=True, maintain_order=True
        ).items()
    )
    notes = "".join(f"<p>{html.escape(note)}.</p>" for note in proposals.notes)
    lede = (
        f"{len(proposals.chosen)} variants of {proposals.candidates:,} candidates; the parent is "
        f"predicted at {proposals.parent_predicted:.2f} {proposals.unit}. "
        f"{_hits(proposals)}"
    )
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>The next plate</title>\n<style>\n{style}\n{_STYLE}</style>\n</head>\n"
    )
    return (
        f'{head}<body>\n<header><h1>The next plate</h1><p class="lede">{html.escape(lede)}</p>'
        f'<p class="made">abag {VERSION}</p></header>\n<main><section>{notes}{plates}'
        f"<h3>Why each</h3>{_listing(table)}</section></main>\n<footer><p>Darker wells have higher "
        "predictions; controls are ringed. Humanness is the change of ln(share among human "
        "antibodies) against the parent, above 0 more human; from germline are residues unlike "
        "the nearest V gene. Intervals are those of a new measurement; a liability is a warning "
        "from sequence alone.</p></footer>\n</body>\n</html>\n"
    )


def _hits(proposals: Proposals) -> str:
    """What the plate is expected to give, beside random plates."""
    plates = proposals.expected.plates
    names = {"proposed": "this plate", "random": "random variants", "singles": "single mutants"}
    told = ", ".join(f"{names[k]} {one.over_best.mean:.1f}" for k, one in plates.items())
    return f"Expected better than the best so far: {told}."


_SHOWN: Final = 3
"""Mutations that a well names; the others are counted."""
_STYLE: Final = """\
table.plate { min-width: 62rem; table-layout: fixed; }
table.plate th { text-align: center; font-size: .8rem; padding: .3rem 0; min-width: 0; }
table.plate thead th:first-child { width: 1.6rem; }
table.plate td { text-align: center; font-size: .72rem; line-height: 1.25; padding: .3rem .1rem;
  overflow-wrap: anywhere; border: 1px solid var(--grid); }
table.plate td b { display: block; font-size: .85rem; }
table.plate td.control { outline: 2px solid var(--muted); outline-offset: -3px; }
table.why th, table.why td { text-align: left; vertical-align: top; }
table.why td:nth-child(5) { min-width: 22rem; }
@media screen and (max-width: 760px) {
  table.plate { min-width: 0; display: block; }
  table.plate thead, table.plate tbody th, table.plate td:empty { display: none; }
  table.plate tbody { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 3px; }
  table.plate tr { display: contents; }
  table.plate td { display: block; padding: .4rem .2rem; }
  table.plate td::before { content: attr(data-well) " "; color: var(--faint); }
  table.why, table.why tbody { display: block; }
  table.why thead { display: none; }
  table.why tr { display: block; padding: .5rem 0; }
  table.why th, table.why td { display: block; padding: .1rem .6rem; min-width: 0; }
  table.why td:nth-child(5) { min-width: 0; }
  table.why td:empty { display: none; }
  table.why td::before { content: attr(data-label) ": "; color: var(--faint); }
}
"""


def _grid(part: pl.DataFrame) -> str:
    """One plate as a table; the shade of a well is its prediction between lowest and highest."""
    cells = {row["well"]: _cell(row) for row in part.iter_rows(named=True)}
    head = "".join(f'<th scope="col">{column}</th>' for column in range(1, COLUMNS + 1))
    body = []
    for row in ROWS:
        line = [f'<th scope="row">{row}</th>']
        line += [cells.get(f"{row}{column}", "<td></td>") for column in range(1, COLUMNS + 1)]
        body.append(f"<tr>{''.join(line)}</tr>")
    return (
        f'<div class="scroll" tabindex="0"><table class="plate"><thead><tr><th></th>{head}</tr>'
        f"</thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(row: dict[str, Any]) -> str:
    """A well: predicted value, and what is in it."""
    percent = round(8 + 52 * row["shade"])
    changes = [one for one in row["mutations"].split(";") if one]
    more = len(changes) - _SHOWN
    shown = "<br>".join(html.escape(one) for one in changes[:_SHOWN]) or "parent"
    shown += f"<br>+{more}" if more > 0 else ""
    kind = ' class="control"' if row["kind"] == "control" else ""
    return (
        f'<td{kind} data-well="{row["well"]}" title="{html.escape(row["mutations"] or "parent")}" '
        f'style="background:color-mix(in srgb, var(--accent) {percent}%, transparent)">'
        f"<b>{row['predicted']:.2f}</b>{shown}</td>"
    )


def _listing(table: pl.DataFrame) -> str:
    header = ("name", "mutations", "predicted", "90 % interval", "reason", "Kabat", "humanness",
              "from germline", "liabilities")  # fmt: skip
    head = "".join(f'<th scope="col">{name}</th>' for name in header)
    body = []
    for row in table.filter(pl.col("kind") != "replicate").iter_rows(named=True):
        low, high = row["lower_90"], row["upper_90"]
        cells = (
            row["mutations"] or "parent", f"{row['predicted']:.2f}",
            "" if low is None else f"{low:.2f} to {high:.2f}", row["reason"], row["kabat"],
            "" if row["humanness"] is None else f"{row['humanness']:+.1f}",
            "" if row["germline_distance"] is None else str(row["germline_distance"]),
            row["liabilities"],
        )  # fmt: skip
        texts = "".join(
            f'<td data-label="{label}">{html.escape(cell)}</td>'
            for label, cell in zip(header[1:], cells, strict=True)
        )
        body.append(f'<tr><th scope="row">{row["name"]}</th>{texts}</tr>')
    return (
        f'<div class="scroll" tabindex="0"><table class="why"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
