"""The page of a plate: its wells as they lie, and why each is there."""

from __future__ import annotations

import html
from importlib.resources import files
from typing import Final

import numpy as np
import polars as pl

from abag.maturation.propose.proposals import Proposals
from abag.maturation.propose.wells import COLUMNS, ROWS
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
        f"predicted at {proposals.parent_predicted:.2f} {proposals.unit}."
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
        "predictions. Intervals are those of a new measurement; a liability is a warning from "
        "sequence alone.</p></footer>\n</body>\n</html>\n"
    )


_STYLE: Final = (
    "table.plate { min-width: 0; table-layout: fixed; }\n"
    "table.plate th, table.plate td { text-align: center; font-size: .8rem; padding: .3rem 0; }\n"
    "table.why th, table.why td { text-align: left; vertical-align: top; }\n"
    "table.why td:nth-child(5) { min-width: 22rem; }\n"
)


def _grid(part: pl.DataFrame) -> str:
    """One plate as a table; the shade of a well is its prediction between lowest and highest."""
    told = part.select("well", "predicted", "shade", "mutations")
    cells = {well: (value, shade, name) for well, value, shade, name in told.iter_rows()}
    head = "".join(f'<th scope="col">{column}</th>' for column in range(1, COLUMNS + 1))
    body = []
    for row in ROWS:
        line = [f'<th scope="row">{row}</th>']
        for column in range(1, COLUMNS + 1):
            found = cells.get(f"{row}{column}")
            line.append(_cell(*found) if found else "<td></td>")
        body.append(f"<tr>{''.join(line)}</tr>")
    return (
        f'<div class="scroll" tabindex="0"><table class="plate"><thead><tr><th></th>{head}</tr>'
        f"</thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(value: float, shade: float, name: str) -> str:
    percent = round(8 + 52 * shade)
    return (
        f'<td title="{html.escape(name or "parent")}" style="background:color-mix(in srgb, '
        f'var(--accent) {percent}%, transparent)">{value:.2f}</td>'
    )


def _listing(table: pl.DataFrame) -> str:
    header = ("name", "mutations", "predicted", "90 % interval", "reason", "liabilities")
    head = "".join(f'<th scope="col">{name}</th>' for name in header)
    body = []
    for row in table.iter_rows(named=True):
        low, high = row["lower_90"], row["upper_90"]
        ends = "–" if low is None else f"{low:.2f} to {high:.2f}"
        cells = (
            row["mutations"] or "parent", f"{row['predicted']:.2f}", ends, row["reason"],
            row["liabilities"],
        )  # fmt: skip
        texts = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        body.append(f'<tr><th scope="row">{row["name"]}</th>{texts}</tr>')
    return (
        f'<div class="scroll" tabindex="0"><table class="why"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
