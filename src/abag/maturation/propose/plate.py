"""Proposals as a laboratory takes them: wells, CSV, FASTA, JSON and a page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from abag.errors import OptionError
from abag.files import require_folder_name, write_json, write_text
from abag.maturation.propose.proposals import Proposals
from abag.version import VERSION

ROWS: Final = "ABCDEFGH"
COLUMNS: Final = 12
WELLS: Final = len(ROWS) * COLUMNS
CSV_NAME: Final = "proposed.csv"
FASTA_NAME: Final = "proposed.fasta"
JSON_NAME: Final = "proposed.json"
PAGE_NAME: Final = "plate.html"
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Well:
    """A place on a plate, from plate 1 and well A1, row by row."""

    plate: int
    name: str

    @classmethod
    def of(cls, number: int) -> Well:
        """The well of the n-th variant, counted from 0."""
        plate, place = divmod(number, WELLS)
        row, column = divmod(place, COLUMNS)
        return cls(plate + 1, f"{ROWS[row]}{column + 1}")


def plate_table(proposals: Proposals, prefix: str = "P", controls: int = 0) -> pl.DataFrame:
    """One row a well: chosen variants in the order of choice, then the parent as a control.

    Args:
        proposals: What was chosen.
        prefix: First letters of the names; with plate and well they are unique (``P1-A1``).
        controls: Wells of the parent at the end.
    """
    if controls < 0:
        raise OptionError(f"--controls is {controls}; give a number from 0")
    rows: list[dict[str, Any]] = []
    for one in proposals.chosen:
        rows.append(
            {
                "mutations": one.mutations, "mutation_count": one.mutation_count,
                "heavy": one.heavy, "light": one.light, "predicted": _short(one.predicted),
                "lower_90": _short(one.lower_90), "upper_90": _short(one.upper_90),
                "chance_to_improve": _short(one.chance_to_improve),
                "acquisition": _short(one.acquisition), "origin": one.origin,
                "reason": one.reason, "liabilities": "; ".join(one.liabilities),
                "naturalness": None if one.naturalness is None else _short(one.naturalness),
            }
        )  # fmt: skip
    heavy, light = proposals.parent
    parent = {
        "mutations": "", "mutation_count": 0, "heavy": heavy, "light": light,
        "predicted": _short(proposals.parent_predicted), "origin": "control",
        "reason": "The parent, so that plates can be compared.", "liabilities": "",
    }  # fmt: skip
    rows += [parent] * controls
    wells = [Well.of(number) for number in range(len(rows))]
    return pl.DataFrame(
        [
            {"plate": well.plate, "well": well.name, "name": f"{prefix}{well.plate}-{well.name}"}
            | row
            for well, row in zip(wells, rows, strict=True)
        ],
        schema=_SCHEMA,
    )


_SCHEMA: Final = {
    "plate": pl.Int64(), "well": pl.String(), "name": pl.String(), "mutations": pl.String(),
    "mutation_count": pl.Int64(), "heavy": pl.String(), "light": pl.String(),
    "predicted": pl.Float64(), "lower_90": pl.Float64(), "upper_90": pl.Float64(),
    "chance_to_improve": pl.Float64(), "acquisition": pl.Float64(), "origin": pl.String(),
    "reason": pl.String(), "liabilities": pl.String(), "naturalness": pl.Float64(),
}  # fmt: skip


def fasta_of(table: pl.DataFrame) -> str:
    """Heavy and light chains of a plate, two records a variant."""
    lines = []
    for name, mutations, heavy, light in table.select(
        "name", "mutations", "heavy", "light"
    ).iter_rows():
        told = mutations or "parent"
        lines += [f">{name}_H {told}", heavy]
        lines += [f">{name}_L {told}", light] if light else []
    return "\n".join(lines) + "\n"


def write_plate(proposals: Proposals, folder: Path, prefix: str = "P", controls: int = 0) -> Path:
    """Write CSV, FASTA, JSON and the page into a folder; returns the path of the CSV."""
    require_folder_name(folder)
    table = plate_table(proposals, prefix, controls)
    write_text(folder / FASTA_NAME, fasta_of(table))
    write_json(folder / JSON_NAME, proposals.as_json())
    write_text(folder / PAGE_NAME, plate_page(proposals, table))
    write_text(folder / CSV_NAME, table.write_csv())
    return folder / CSV_NAME


def require_free_plate(folder: Path, overwrite: bool = False) -> None:
    """Raise OptionError where a plate is in the folder and ``overwrite`` is false."""
    require_folder_name(folder)
    if (folder / CSV_NAME).exists() and not overwrite:
        raise OptionError(f"{folder} holds a plate; name a new folder, or add --overwrite")


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
        cells: Sequence[str] = (
            row["mutations"] or "parent", f"{row['predicted']:.2f}", ends, row["reason"],
            row["liabilities"],
        )  # fmt: skip
        texts = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        body.append(f'<tr><th scope="row">{row["name"]}</th>{texts}</tr>')
    return (
        f'<div class="scroll" tabindex="0"><table class="why"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _short(value: float) -> float:
    return round(value, _DIGITS)
