"""Values as people write them: a relation, a number, an error, a unit; or "no binding".

A text that could mean two numbers is refused as a whole: a comma may part thousands or decimals,
``5x105`` may have lost its raised figures.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from abag.errors import UnitError
from abag.units.naming import is_missing, plain
from abag.units.scales import Relation

ZERO_CELSIUS_KELVIN: Final = 273.15


@dataclass(frozen=True, slots=True)
class WrittenValue:
    """A value as people write it: ``< 0.1 nM``, ``>10``, ``~5e-9``, ``2 x 10^-9 M``."""

    relation: Relation
    number: float
    unit_text: str | None


_RELATIONS: Final = {
    "": Relation.EQUAL, "=": Relation.EQUAL, "==": Relation.EQUAL, "eq": Relation.EQUAL,
    **dict.fromkeys(("<", "<=", "=<", "≤", "≦", "⩽", "≲", "<<", "≪", "lt", "less than", "below",
                     "at most", "up to"), Relation.LESS),
    **dict.fromkeys((">", ">=", "=>", "≥", "≧", "⩾", "≳", ">>", "≫", "gt", "greater than",
                     "more than", "above", "at least", "over"), Relation.GREATER),
    **dict.fromkeys(("~", "≈", "≃", "≅", "∼", "~=", "≒", "ca", "ca.", "c.", "circa", "about",
                     "approx", "approx.", "approximately"), Relation.ABOUT),
}  # fmt: skip
_RELATION: Final = "|".join(
    re.escape(sign) + (r"(?![a-z])" if sign[-1].isalpha() else "")
    for sign in sorted(filter(None, _RELATIONS), key=len, reverse=True)
)
_DECIMAL: Final = r"(?:\d+(?:\.\d*)?|\.\d+)"
_NUMBER: Final = rf"[-+]?{_DECIMAL}(?:[eE][-+]?\d+)?"
_TIMES: Final = r"\s*[xX*×·⋅]\s*"
_POWER: Final = r"10\s*(?:\^|\*\*)\s*\(?\s*[-+]?\s*\d+\s*\)?|10\s*[-+]\s*\d+"
_WRITTEN: Final = re.compile(
    rf"(?P<relation>{_RELATION})?\s*"
    r"(?:(?P<power>10\s*(?:\^|\*\*)\s*\(?\s*[-+]?\s*\d+\s*\)?)"
    rf"|(?P<number>{_NUMBER})(?:{_TIMES}(?P<times>{_POWER}|{_NUMBER}))?)"
    r"\s*(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_PLUS_MINUS: Final = r"(?:±|\+\s*/\s*-|\+-)"
_ERROR: Final = re.compile(
    rf"\(?\s*{_PLUS_MINUS}\s*{_NUMBER}\s*%?\s*\)?|\(\s*n\s*=\s*\d+\s*\)|,?\s*n\s*=\s*\d+$"
)
_POWER_OF_BOTH: Final = re.compile(rf"{_PLUS_MINUS}\s*{_DECIMAL}[eE][-+]?\d+")
_WITH_ERROR: Final = re.compile(
    rf"[(\[]\s*(?P<number>{_DECIMAL})\s*{_PLUS_MINUS}\s*{_DECIMAL}\s*[)\]]"
    r"(?P<behind>\s*(?:[xX*×·⋅]|[eE][-+]?\d|[A-Za-z]).*)?",
    re.DOTALL,
)
"""A number and its error in brackets, with the power of ten or the unit of both behind them."""
_TEN: Final = re.compile(r"10+(?:\.0*)?|1(?:\.0*)?[eE][-+]?\d+")


_PLAIN: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def plain_number(text: str) -> float | None:
    """A finite decimal number with nothing before or behind it, as most cells are; else None."""
    number = float(text) if _PLAIN.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def parse_value(text: str) -> WrittenValue:
    """Read a number with an optional relation before it and an optional unit behind it.

    Products with a power of ten are numbers (``3x1000``, ``2 x 10^-9``, ``2×10⁻⁹``); an error
    behind the number (``5 ± 0.2 nM``) is left out. Decimal commas and thousands separators are
    refused because one may be the other. Raises :class:`UnitError`.
    """
    spelt = _spelt(text)
    if bracketed := _WITH_ERROR.fullmatch(spelt):
        spelt = f"{bracketed['number']}{(bracketed['behind'] or '').lstrip()}"
    match = _WRITTEN.fullmatch(spelt)
    if match is None:
        raise UnitError(f"{text!r} is not a number, optionally with <, >, ~ before it")
    if _POWER_OF_BOTH.match(match["rest"]) and not re.search("[eE]", match["number"] or "e"):
        raise UnitError(
            f"{text!r} has a power of ten behind its error alone, which may be that of both: write "
            "3.2e-9 ± 0.4e-9"
        )
    relation = _RELATIONS[(match["relation"] or "").lower()]
    tail = _ERROR.sub(" ", match["rest"]).strip()
    tail = _without_remark(tail, match["number"], relation)
    half = tail[: len(tail) // 2].strip()
    tail = half if tail == f"{half} {half}" else tail
    if tail.startswith((",", "'", "’")) or re.match(r"\d", tail):
        raise UnitError(
            f"{text!r} holds a comma or a space between its figures: write a decimal point and no "
            "thousands separator, or say that a comma is the decimal sign (--map decimal:=comma)"
        )
    value = _power(match["power"]) if match["power"] else float(match["number"])
    if match["times"]:
        value *= _factor(match["times"], text)
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is not a finite number")
    if tail and (reason := next((reason for form, reason in _BEHIND if form.match(tail)), None)):
        raise UnitError(f"{text!r} {reason}")
    return WrittenValue(relation, value, " ".join(tail.split()) or None)


_BEHIND: Final = (
    (re.compile(r"(?:-|to\b|\.\.|~|/|;|and\b)\s*[<>]?\s*\.?\d"),
     "holds two numbers: give one, or a bound such as <5 (a range is no value)"),
    (re.compile(r"[*†‡#§¶]+$|\^?[a-zA-Zª]$(?<!M)|\[\d+\]$|\^\d+$"),
     "has a mark behind the number that is no unit: move footnotes to a column of their own"),
    (re.compile(r"%"), "is a percentage, which no affinity is"),
    (re.compile(r"\.\s*\d"), "has two points in its number"),
    (re.compile(r"[(\[]\s*[-+]?\.?\d"),
     "has a second number in brackets: write an error as 3.2 ± 0.4, others in a column of theirs"),
)  # fmt: skip
"""Texts behind a number that are no unit, and the message for each."""
_METHOD: Final = re.compile(r"\((?:spr|bli|itc|biacore|octet|kinexa|mst)\)", re.IGNORECASE)
_INTERVAL: Final = re.compile(
    rf"[(\[]\s*(?:95\s*%\s*(?:CI)?\s*[:,]?\s*)?({_NUMBER})\s*(?:-|to|,|;)\s*({_NUMBER})\s*[)\]]",
    re.I,
)
_SPREAD: Final = re.compile(
    rf"[(\[]\s*(?:SD|SEM?|s\.d\.|s\.e\.m?\.?|±)\s*[=:]?\s*{_NUMBER}\s*[)\]]", re.IGNORECASE
)


def _without_remark(tail: str, number: str | None, relation: Relation) -> str:
    """The text behind a number without its interval, its spread, its method and ``(NB)``."""
    interval = _INTERVAL.search(tail)
    if interval and number and float(interval[1]) <= float(number) <= float(interval[2]):
        tail = tail.replace(interval[0], " ")
    tail = _METHOD.sub(" ", _SPREAD.sub(" ", tail)).strip()
    bracket = re.search(r"\(([^()]*)\)$", tail)
    if bracket and relation is Relation.GREATER and no_binding(bracket[1]):
        tail = tail[: bracket.start()].strip()
    return tail


@lru_cache(maxsize=4096)
def _spelt(text: str) -> str:
    """Plain characters; a leading apostrophe, by which Excel marks text, is no part of a value."""
    return plain(html.unescape(text)).removeprefix("'").removesuffix("'").strip()


def _power(text: str) -> float:
    exponent = int(re.sub(r"[^-+\d]", "", re.sub(r"^10\s*(?:\^|\*\*)?", "", text)))
    return float(f"1e{exponent}")


def _factor(text: str, cell: str) -> float:
    """The factor of a number; only a power of ten is sure not to have lost raised figures."""
    if _TEN.fullmatch(text):
        return float(text)
    if re.fullmatch(_POWER, text):
        return _power(text)
    raise UnitError(
        f"{cell!r} may have lost raised figures ({text} for a power of ten?): write it as 5e-9"
    )


_COLUMN_WORDS: Final = {
    **dict.fromkeys(("le", "lte", "less", "lower", "lower than", "smaller than", "under", "left",
                     "left-censored", "left censored", "upper bound"), Relation.LESS),
    **dict.fromkeys(("ge", "gte", "greater", "more", "higher", "higher than", "larger than",
                     "right", "right-censored", "right censored", "lower bound"),
                    Relation.GREATER),
    **dict.fromkeys(("equal", "equals", "equal to", "exact", "uncensored", "not censored", "false",
                     "no"), Relation.EQUAL),
}  # fmt: skip
"""Words of columns of relations that are no signs before a number."""


@lru_cache(maxsize=256)
def parse_relation(text: str | None) -> Relation | None:
    """Read a cell of a column of relations (``>=``, ``≈``, ``'<'``); None where it is empty.

    Raises :class:`UnitError` for a text that is none.
    """
    if text is None or (is_missing(text) and "~" not in text):
        return None
    spelt = _spelt(text).strip("\"'").strip().lower()
    if relation := _RELATIONS.get(spelt) or _COLUMN_WORDS.get(spelt):
        return relation
    raise UnitError(f"unknown relation {text!r}; known are = < <= > >= ~")


_NO_BINDING: Final = re.compile(
    r"n\.?b\.?|no[ -]?bind(?:ing|er)?(?: (?:detected|observed|seen|measured))?"
    r"|non[ -]?bind(?:ing|er)s?"
    r"|(?:does|did|do) not bind|doesn't bind|didn't bind|not bind(?:ing)?|nbd?|no kd"
    r"|no (?:detectable|measurable|observable|observed|significant|specific|apparent) "
    r"(?:binding|interaction|affinity|signal|response)"
    r"|no (?:interaction|affinity|response|signal)(?: (?:detected|observed))?"
    r"|(?:none|not) (?:detected|detectable|observed)|undetect(?:able|ed)|inactive"
    r"|n\.?d\.?b\.?"
    r"|(?:>=?|≥|above|over)\s*(?:the )?(?:top|max(?:imum)?|highest|cmax)"
    r"(?:[ .]*(?:conc(?:entration)?\.?|tested|dose|used))*|>"
)
_NOT_DETECTED: Final = frozenset({"nd", "n.d.", "n.d", "n/d"})


def no_binding(text: str) -> bool:
    """Whether a cell means "no binding": ``NB``, ``no binding``, ``>top``."""
    return _NO_BINDING.fullmatch(_spelt(text).lower().strip("()[]*. ") or "?") is not None


_LIMIT: Final = re.compile(
    r"(?:[<>]\s*)?[lu]?lo[dq]|[ba]l?[lu]?oq|below (?:the )?(?:detection|quantification|limit).*"
    r"|oor\s*[<>]?|out of range.*|off[ -]?scale.*"
)


def beyond_a_limit(text: str) -> bool:
    """Whether a cell is ``<LOD`` or ``out of range``: too weak, or too tight to be measured."""
    return _LIMIT.fullmatch(_spelt(text).lower().strip("()[]*. ")) is not None


_TESTED: Final = re.compile(
    rf"(?P<phrase>[^\d<>≥]*?)[\s,;:(\[]+(?:(?P<up>up to|upto|until|at|to|@)\s*)?(?P<sign>>=?|≥)?\s*"
    rf"(?P<top>{_NUMBER})\s*(?P<unit>[A-Za-z/]*)\s*[)\]]?",
    re.IGNORECASE,
)


def tested_up_to(text: str) -> WrittenValue | None:
    """The bound in ``NB (>1 uM)`` or ``no binding up to 1 uM``; None for any other text."""
    match = _TESTED.fullmatch(_spelt(text))
    if match is None or not (match["unit"] or match["sign"]):
        return None
    phrase = match["phrase"].strip()
    if not (no_binding(phrase) or (not_detected(phrase) and match["sign"])):
        return None
    return WrittenValue(Relation.GREATER, float(match["top"]), match["unit"] or None)


def says_no_binding(text: str) -> bool:
    """Whether a cell means "no binding", in words or as ``n.d.``."""
    return plain_number(text) is None and (no_binding(text) or not_detected(text))


def not_detected(text: str) -> bool:
    """Whether a cell is ``n.d.``, which means not detected or not determined."""
    return _spelt(text).lower() in _NOT_DETECTED


_TEMPERATURE: Final = re.compile(
    rf"~?\s*({_NUMBER})\s*(?:(K|kelvin)|((?:°|º|o|deg(?:rees?)?\.?)?\s*(?:C|celsius)|℃|°|º))?",
    re.IGNORECASE,
)


def temperature_kelvin(text: str, *, celsius: bool | None) -> float | None:
    """A cell of a column of temperatures in kelvin; ``37 °C`` and ``298 K`` say their own unit.

    ``celsius`` is the unit of a bare number; None where it is unknown. Returns None where the text
    is no temperature from 200 to 400 K.
    """
    match = _TEMPERATURE.fullmatch(_spelt(text).replace("º", "°").replace("˚", "°"))
    if match is None or (celsius is None and not (match[2] or match[3])):
        return None
    in_celsius = bool(match[3]) or (bool(celsius) and not match[2])
    kelvin = float(match[1]) + (ZERO_CELSIUS_KELVIN if in_celsius else 0.0)
    return kelvin if 200.0 <= kelvin <= 400.0 else None
