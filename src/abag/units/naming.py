"""Units as people write them: one grammar for headers, cells, columns of units and options.

A unit is a product of factors with whole powers (``nmol L^-1``, ``M-1s-1``, ``1/(M s)``), a power
of ten before one (``10^-9 M``), or the logarithm of one (``log10 nM``, ``-log10(KD/M)``). The
powers decide what kind of scale it is; a rate therefore never passes for an affinity. A unit that
is missing or unknown is refused with :class:`UnitError`; nothing is guessed.

Also the marks of missing values, in one list for every kind of input.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from abag.errors import UnitError
from abag.units.scales import UNITS, Dimension, Unit

_POWERS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED: Final = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_SIGNS: Final = str.maketrans(dict.fromkeys("−–—‐‑﹣－", "-") | {"μ": "u", "µ": "u", "\u00a0": " "})


def plain(text: str) -> str:
    """The text in plain characters: ``10⁻⁹`` as ``10^-9``, every dash as ``-``, mu as ``u``."""
    if text.isascii():
        return " ".join(text.split())
    raised = _RAISED.sub(lambda match: "^" + match[0].translate(_POWERS), text)
    normal = unicodedata.normalize("NFKC", raised.translate(_SIGNS)).translate(_SIGNS)
    return " ".join(normal.replace("\u200b", "").replace("\ufeff", "").split())


class _Symbol(NamedTuple):
    """Powers of (amount, volume, mass, time, energy), and size in mol, L, g, s and J."""

    powers: tuple[int, int, int, int, int]
    size: float


def _symbols() -> dict[str, _Symbol]:
    prefixes = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18}
    words = {"": 1.0, "milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "pico": 1e-12, "femto": 1e-15}
    symbols: dict[str, _Symbol] = {}
    for prefix, size in prefixes.items():
        symbols[f"{prefix}M"] = _Symbol((1, -1, 0, 0, 0), size)
        symbols[f"{prefix}mol"] = _Symbol((1, 0, 0, 0, 0), size)
        symbols[f"{prefix}g"] = _Symbol((0, 0, 1, 0, 0), size)
        if size >= 1e-6:
            for letter in ("l", "L"):
                symbols[f"{prefix}{letter}"] = _Symbol((0, 1, 0, 0, 0), size)
    for word, size in words.items():
        symbols[f"{word}molar"] = _Symbol((1, -1, 0, 0, 0), size)
        for ending in ("mole", "moles", "mol"):
            symbols[f"{word}{ending}"] = _Symbol((1, 0, 0, 0, 0), size)
        symbols[f"{word}gram"] = _Symbol((0, 0, 1, 0, 0), size)
    symbols["mcg"] = symbols["ug"]
    del symbols["ag"], symbols["fg"]
    for word in ("liter", "litre"):
        symbols[word] = symbols["L"]
    for word in ("s", "sec", "second", "seconds"):
        symbols[word] = _Symbol((0, 0, 0, 1, 0), 1.0)
    symbols["min"] = _Symbol((0, 0, 0, 1, 0), 60.0)
    for word, size in {"J": 1.0, "kJ": 1e3, "cal": 4.184, "kcal": 4184.0}.items():
        symbols[word] = _Symbol((0, 0, 0, 0, 1), size)
    return symbols


_SYMBOLS: Final[Mapping[str, _Symbol]] = MappingProxyType(_symbols())
_ANY_CASE: Final[Mapping[str, str]] = MappingProxyType(
    {name.lower(): name for name in _SYMBOLS if len(name) > 2}
)
_KINDS: Final[Mapping[tuple[int, int, int, int, int], Dimension]] = MappingProxyType({
    (1, -1, 0, 0, 0): Dimension.MOLAR,
    (-1, 1, 0, 0, 0): Dimension.PER_MOLAR,
    (-1, 1, 0, -1, 0): Dimension.ON_RATE,
    (0, 0, 0, -1, 0): Dimension.OFF_RATE,
    (0, -1, 1, 0, 0): Dimension.MASS_PER_VOLUME,
    (-1, 0, 0, 0, 1): Dimension.ENERGY,
})  # fmt: skip

_WORDS: Final[Mapping[str, str]] = MappingProxyType({
    "pkd": "pKd", "p kd": "pKd", "-log10 kd": "pKd", "-log10(kd)": "pKd", "-log kd": "pKd",
    "-log(kd)": "pKd", "p-scale": "pKd", "pic50": "pKd", "pec50": "pKd",
    "enrichment": "score", "log enrichment": "score", "log10 enrichment": "score",
    "log2 enrichment": "score", "loss": "score (lower is tighter)", "binary": "label",
})  # fmt: skip
_LETTER_CASE_MATTERS: Final = frozenset({"mm", "m"})
"""Lower-cased spellings that could be another unit: mM or MM, M or m."""

_LOG: Final = re.compile(
    r"(-|neg(?:ative)?[\s_-]*)?\s*(?:log_?10|log|lg)\s*[\s(\[_]\s*"
    r"(?:(?:kd|ka|ic50|ec50)\s*[/,\s]\s*)?[(\[]?\s*([^()\[\]]+?)\s*[)\]]*",
    re.IGNORECASE,
)
_TEN: Final = re.compile(
    r"(?:[x*×]\s*)?(?:10(?:\s*\^\s*\(?([+-]?\d{1,2})\)?|([+-]\d{1,2}))|1e([+-]?\d{1,2}))"
    r"\s*[x*×]?\s*"
)
"""A power of ten; no unit has three digits in it, and a float holds no thousand."""
_UNDER: Final = re.compile(r"^\(([^()]*)\)\s*\^?\s*-1$")
_FACTOR: Final = re.compile(r"([A-Za-z]+)\s*(?:\^?\s*\(?([+-]?\d)\)?)?")


@lru_cache(maxsize=1024)
def parse_unit(text: str | None) -> Unit:
    """The unit that ``text`` names.

    Molar prefixes are read with their case (``mM`` is 1e-3, ``MM`` is nothing); the Greek and the
    micro sign both stand for u. Raises :class:`UnitError` for a missing or unknown unit.
    """
    if text is None or not text.strip():
        raise UnitError(
            f"the unit is missing; name one, for example {_EXAMPLES} (a unit is never guessed)"
        )
    bare = _bare(plain(text))
    unit = _by_name(bare) or _logarithm(bare) or _product(bare)
    if unit is None:
        raise UnitError(f"unknown unit {text!r}; known units are, for example, {_EXAMPLES}")
    return unit


_EXAMPLES: Final = "M, mM, uM, nM, pM, fM, log10 nM, pKd, kcal/mol, kJ/mol, ug/mL"


def is_unit(text: str) -> bool:
    """Whether :func:`parse_unit` knows the unit."""
    try:
        parse_unit(text)
    except UnitError:
        return False
    return True


def is_rate(unit: Unit) -> bool:
    """Whether the unit is that of a rate constant, which is no affinity."""
    return unit.dimension in (Dimension.ON_RATE, Dimension.OFF_RATE)


def _bare(text: str) -> str:
    """The text without one pair of brackets around it."""
    for opening, closing in ("[]", "()", "{}"):
        if text.startswith(opening) and text.endswith(closing) and opening not in text[1:]:
            return text[1:-1].strip()
    return text


def _by_name(text: str) -> Unit | None:
    if text in UNITS:
        return UNITS[text]
    lowered = text.lower()
    if lowered in _WORDS:
        return UNITS[_WORDS[lowered]]
    by_case = {name.lower(): unit for name, unit in UNITS.items()}
    return None if lowered in _LETTER_CASE_MATTERS else by_case.get(lowered)


def _logarithm(text: str) -> Unit | None:
    log = _LOG.fullmatch(text)
    if log is None:
        return None
    inner = _by_name(log[2]) or _product(log[2])
    if inner is None or inner.dimension is not Dimension.MOLAR:
        return None
    kind = Dimension.NEG_LOG10_MOLAR if log[1] else Dimension.LOG10_MOLAR
    return next(u for u in UNITS.values() if (u.dimension, u.scale) == (kind, inner.scale))


def _product(text: str) -> Unit | None:
    """The unit with the powers and the size of a product of factors; None where there is none."""
    ten = _TEN.match(text)
    size = 10.0 ** int(next(filter(None, ten.groups()))) if ten else 1.0
    product = _UNDER.sub(r"1/(\1)", text[ten.end() :] if ten else text)
    powers = [0, 0, 0, 0, 0]
    pieces = [piece.strip() for piece in product.split("/")]
    if pieces[0] == "1":
        pieces[0] = ""
    for index, piece in enumerate(pieces):
        if not piece:
            if index == 0:
                continue
            return None
        factors = _factors(_bare(piece))
        if factors is None:
            return None
        sign = -1 if index else 1
        for symbol, power in factors:
            size *= symbol.size ** (sign * power)
            for axis, exponent in enumerate(symbol.powers):
                powers[axis] += sign * power * exponent
    kind = _KINDS.get(tuple(powers))  # type: ignore[arg-type]
    unit = next(
        (u for u in UNITS.values() if u.dimension is kind and math.isclose(u.scale, size)), None
    )
    if unit is None and kind in (Dimension.ON_RATE, Dimension.OFF_RATE):
        return Unit(text, kind, size)  # rates come in any size: 10^5 M-1 s-1, 1/(nM s)
    return unit


def _factors(text: str) -> list[tuple[_Symbol, int]] | None:
    """``M-1 s-1`` as symbols with powers; None where a part of it is no symbol."""
    factors: list[tuple[_Symbol, int]] = []
    start = 0
    if text.endswith(("*", ".")) or text.startswith("*"):
        return None
    while start < len(text):
        if text[start] in " *·.⋅":
            start += 1
            continue
        factor = _FACTOR.match(text, start)
        if factor is None:
            return None
        power = int(factor[2] or 1)
        word, symbol = factor[1], _symbol(factor[1])
        if symbol is not None:
            factors.append((symbol, power))
        elif word == "dm" and power in (3, -3):
            factors.append((_SYMBOLS["L"], power // 3))
        elif word in ("Ms", "MS"):
            # 1/Ms and M-1s-1 without a space: both letters stand under the line.
            factors += [(_SYMBOLS["M"], power), (_SYMBOLS["s"], power)]
        else:
            return None
        start = factor.end()
    return factors or None


def _symbol(word: str) -> _Symbol | None:
    return _SYMBOLS.get(word) or _SYMBOLS.get(_ANY_CASE.get(word.lower(), ""))


MISSING_MARKERS: Final = frozenset({
    "", "na", "n/a", "n.a.", "n.a", "n a", "#n/a", "#na", "<na>", "n/a n/a",
    "nan", "-nan", "+nan", "<nan>", "#nan", "1.#qnan", "1.#ind", "-1.#ind", "nat", "pd.na",
    "none", "null", "<null>", "(null)", "[null]", "nil", "\\n", "\\",
    "nd", "n.d.", "n.d", "n/d", "nr", "n.r.", "n/r", "not determined", "not available",
    "not applicable", "not reported", "not measured", "not tested", "not known", "not given",
    "no data", "unknown", "unk", "missing", "tbd", "t.b.d.", "tba", "to be determined",
    "no light chain", "no vl", "no lc", "(blank)", "(none)", "(missing)", "(unknown)", "[]", "{}",
})  # fmt: skip
"""Cells that hold nothing, in lower case; a cell of dashes, dots or question marks is one, too.

``nd`` may also mean "not detected": see :func:`abag.units.written.no_binding` for a value.
"""

_LONGEST: Final = max(map(len, MISSING_MARKERS))
MARKS: Final = r"[-–—−‐_.·?/\s]*"
"""A pattern of cells of dashes, dots and question marks alone."""
_QUOTED: Final = r"[\"'`]"


DITTO_MARKS: Final = ('"', "''", "〃", "″", "”", "“", "„")
"""Marks by which people repeat the cell above; Excel and pandas never do."""
_DITTO_WORDS: Final = frozenset({"ditto", "do.", "idem", "same", "as above", "same as above"})


def is_ditto(text: str | None) -> bool:
    """Whether a cell repeats the one above: ``"``, ``〃``, ``ditto``, ``same``."""
    bare = (text or "").strip()
    return bare in DITTO_MARKS or bare.lower() in _DITTO_WORDS


def is_missing(text: str | None) -> bool:
    """Whether a cell holds nothing: empty, ``NA``, ``nan``, ``N/A``, ``-``, ``n.d.`` and such."""
    if text is None:
        return True
    if len(text) > _LONGEST and text.isalpha():  # a chain, most often: letters alone
        return False
    if is_ditto(text):
        return False
    bare = " ".join(re.sub(_QUOTED, "", text).replace("\u200b", "").replace("\ufeff", "").split())
    return bare.lower() in MISSING_MARKERS or re.fullmatch(MARKS, bare) is not None


def present(text: str | None) -> str | None:
    """The text without white space around it; None where it is missing (:func:`is_missing`)."""
    return None if text is None or is_missing(text) else text.strip()
