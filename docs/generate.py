"""Pages of the reference that are made of the code: commands, and the REST interface."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclopts import App

from abag.apps.cli import build_app

MADE = "Made from the code by `docs/generate.py`."


def write_reference(folder: Path) -> None:
    """Write ``command-line.md``, ``rest.md`` and ``openapi.json`` where they changed."""
    pages = {"command-line.md": command_page()}
    pages["rest.md"], pages["openapi.json"] = rest_pages()
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def commands(app: App, above: str = "") -> Iterator[tuple[str, App]]:
    """Every command with its full name, those that have parts of their own, too."""
    for name in app:
        if name.startswith("-"):
            continue
        command, full = app[name], f"{above} {name}".strip()
        if command.default_command is not None:
            yield full, command
        yield from commands(command, full)


def command_page() -> str:
    """Each command, its help and its options."""
    lines = ["# Command line", "", MADE, ""]
    for name, command in sorted(commands(build_app())):
        lines += [f"## `abag {name}`", "", plain(command.help), "", "| option | |", "|---|---|"]
        for argument in command.assemble_argument_collection(parse_docstring=True):
            positional = argument.field_info.is_positional
            names = [one for one in argument.names if one.startswith("--")]
            if not names and not positional:
                continue
            shown = argument.field_info.name.upper() if positional else names[0]
            lines.append(f"| `{shown}` | {plain(argument.parameter.help).replace('|', '/')} |")
        lines.append("")
    return "\n".join(lines)


def plain(text: str | None) -> str:
    """A help text as one paragraph of Markdown."""
    return " ".join((text or "").split()).replace("<", "&lt;").replace("*", "\\*")


def rest_pages() -> tuple[str, str]:
    """The REST interface as a page, and its OpenAPI description."""
    from abag.apps.service.api import make_app
    from abag.apps.service.settings import ServiceSettings

    with tempfile.TemporaryDirectory() as place:
        described = make_app(ServiceSettings(data=Path(place))).openapi()
    lines = ["# REST interface", "", MADE, "",
             "[openapi.json](openapi.json) is the whole description; `abag serve` gives it, too.",
             "", "| | path | what it does |", "|---|---|---|"]  # fmt: skip
    for path, methods in sorted(described["paths"].items()):
        for method, one in sorted(methods.items()):
            lines.append(f"| {method.upper()} | `{path}` | {plain(summary_of(one))} |")
    return "\n".join([*lines, ""]), json.dumps(described, indent=1, sort_keys=True) + "\n"


def summary_of(one: dict[str, Any]) -> str:
    """First sentence of what an endpoint says of itself."""
    return str(one.get("description") or one.get("summary") or "").split("\n\n")[0]
