"""The texts of a release: templates filled from the facts, and every number in them accounted for.

A number in a text must be a number of ``release.json``, rounded to the digits that the text shows
(with ``%`` a hundred times it), or stand in one of its texts. The templates hold no digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from importlib.resources import files
from typing import Any, Final

from abag.errors import ReleaseError

TEXTS: Final = {
    "README.md": "card.md.j2",
    "RELEASE_NOTES.md": "notes.md.j2",
    "CHANGELOG.md": "changelog.md.j2",
    "ROADMAP.md": "roadmap.md.j2",
    "COMPARISON.md": "comparison.md.j2",
    "CITATION.cff": "citation.cff.j2",
    "CITATION.bib": "citation.bib.j2",
    "LICENCES.md": "licences.md.j2",
    "announcements/release_page.md": "release_page.md.j2",
    "announcements/post.txt": "post.txt.j2",
    "announcements/discussion.md": "discussion.md.j2",
}
"""Text of a release -> its template."""

WRITTEN: Final = frozenset({"news", "migration"})
"""Facts that people wrote: they prove no number, and their own are looked up like any other."""

_WORD: Final = re.compile(r"[^\s|()\[\]{}\"'`*<>=,;:]*\d[^\s|()\[\]{}\"'`*<>=;:]*")
_EDGES: Final = ".,!?_-"
_NUMBER: Final = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?%?")


def render(facts: Mapping[str, Any]) -> dict[str, str]:
    """Every text by its name.

    Raises:
        ReleaseError: a text has a number that the facts do not.
    """
    environment = _environment()
    known = FactNumbers.of(facts)
    texts = {}
    for name, template in TEXTS.items():
        text = environment.get_template(template).render(facts=facts, **facts)
        texts[name] = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
        known.require(name, texts[name])
    return texts


def _environment() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files("abag") / "resources" / "release"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "num": number, "count": lambda v: f"{v:,}", "share": share, "interval": interval,
        "yaml": quoted,
    }  # fmt: skip
    return environment


def number(value: float | None, digits: int = 2) -> str:
    """A number with its digits, or a word where it is undefined."""
    if value is None:
        return "undefined"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text  # a rounded zero has no sign


def share(value: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return "undefined" if value is None else f"{100 * value:.{digits}f}%"


def interval(figure: Mapping[str, Any], digits: int = 2) -> str:
    """A figure with its interval, where it has one."""
    text = number(figure["value"], digits)
    if figure.get("low") is None:
        return text
    return f"{text} ({number(figure['low'], digits)} to {number(figure['high'], digits)})"


def quoted(value: object) -> str:
    """A value as a quoted YAML scalar."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


class FactNumbers:
    """The numbers and texts that facts hold."""

    def __init__(self, numbers: list[Decimal], words: set[str]) -> None:
        self._numbers, self._words = numbers, words
        self._rounded: dict[int, set[Decimal]] = {}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> FactNumbers:
        """Gather every leaf but what people wrote; a list counts by its length, too."""
        numbers: list[Decimal] = []
        words: set[str] = set()
        stated = {k: v for k, v in facts.get("given", {}).items() if k not in WRITTEN}
        for leaf in _leaves({**facts, "given": stated}):
            if isinstance(leaf, str):
                words |= {word.strip(_EDGES) for word in _WORD.findall(leaf)}
            else:
                numbers.append(Decimal(repr(leaf)))
                words.add(repr(leaf))
        return cls(numbers, words)

    def require(self, name: str, text: str) -> None:
        """Raise ReleaseError for the first number of a text that is not known."""
        for number, line in enumerate(text.splitlines(), start=1):
            for word in _WORD.findall(line):
                if not self.holds(word.strip(_EDGES) or word):
                    raise ReleaseError(
                        f"{name}, line {number}: {word.strip(_EDGES)!r} is not in release.json, "
                        "and a release says no number that its artefacts do not carry; take it "
                        "out, or name the artefact that has it"
                    )

    def holds(self, word: str) -> bool:
        """Whether a word with digits is one of the facts'."""
        if word in self._words:
            return True
        numbered = [part for part in word.split("/") if any(map(str.isdigit, part))]
        if "/" in word and all(map(self.holds, numbered)):
            return True
        if not _NUMBER.fullmatch(word):
            return False
        percent = word.endswith("%")
        try:
            value = Decimal(word.rstrip("%").replace(",", ""))
        except InvalidOperation:
            return False
        return abs(value) in self._at(-int(value.as_tuple().exponent), percent)

    def _at(self, digits: int, percent: bool) -> set[Decimal]:
        key = 2 * digits + percent
        if key not in self._rounded:
            unit = Decimal(1).scaleb(-digits)
            self._rounded[key] = {
                abs((value * 100 if percent else value).quantize(unit, ROUND_HALF_EVEN))
                for value in self._numbers
                if abs(value) < Decimal("1e15")
            }
        return self._rounded[key]


def _leaves(value: Any) -> Iterator[str | int | float]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        yield len(value)
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value
