"""Pages that abag writes: one look, one template engine, each one file without outside links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from abag.version import VERSION

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class Cell:
    """A number, and what stands small below it (an interval, or why there is no number)."""

    text: str
    below: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page; the first cell of a row names it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    note: str = ""
    strong: str = ""
    """Name of the row to print in bold."""

    def text(self) -> str:
        """Lines for a terminal, columns aligned."""
        texts = [
            [cell if isinstance(cell, str) else cell.text for cell in row] for row in self.rows
        ]
        rows = [list(self.header), *texts]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.header))]
        return "\n".join(
            "  ".join([
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ])
            for row in rows
        )  # fmt: skip


def markdown_table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    return [
        f"| {' | '.join(map(str, header))} |",
        "|" + "---|" * len(header),
        *(f"| {' | '.join(map(str, row))} |" for row in rows),
    ]


def page(template: str, *, styles: tuple[str, ...] = (), **fields: object) -> str:
    """A page as text; the same fields give the same bytes, and every text in them is escaped.

    Args:
        template: name of a template of ``resources/pages``, without its ending.
        styles: style sheets of that folder that follow the common one.
        fields: what the template shows; ``title`` at least.
    """
    style = "".join(resource(name) for name in ("style.css", *styles))
    common: dict[str, object] = {"version": VERSION, "style": style, "lede": "", "date": ""}
    return _templates().get_template(f"{template}.html.j2").render(common | fields)


@cache
def _templates() -> Environment:
    """The templates, each compiled once: that takes longer than to fill a page."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(resource), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def notebook(title: str, lines: Iterable[str] = (), table: Table | None = None) -> str:
    """What a notebook shows of a result: HTML without scripts, every text of it escaped."""
    parts = [f"<p><strong>{escape(title)}</strong></p>"]
    parts += [f"<p>{escape(line)}</p>" for line in lines]
    if table is not None:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
        rows = "".join(
            "<tr>" + "".join(
                f"<td>{escape(cell if isinstance(cell, str) else cell.text)}</td>" for cell in row
            ) + "</tr>"
            for row in table.rows
        )  # fmt: skip
        parts.append(
            f"<table><caption>{escape(table.title)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )
    return f"<div>{''.join(parts)}</div>"


def resource(name: str) -> str:
    """Text of a file of ``resources/pages``."""
    return (files("abag") / "resources" / "pages" / name).read_text(encoding="utf-8")
