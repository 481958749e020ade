"""Reads the name of a column of numbers: an affinity with its unit, or a rate constant.

``KD (nM)``, ``KD[nM]``, ``KD / nM``, ``kd_nm``, ``KD..nM.`` (as R writes it), ``mean KD, nM`` and
``pKd`` are read; a unit is never guessed. Text in brackets that is neither a unit nor a known
remark is kept as ``unread``, so that it can be reported and is not dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from abag.errors import UnitError
from abag.units import Dimension, Quantity, Unit, is_rate, is_unit, parse_unit, plain

_VALUE_NAMES: Final[Mapping[str, Quantity | None]] = MappingProxyType({
    **dict.fromkeys(
        ("kd", "affinitykd", "kdaffinity", "dissociationconstant", "affinityconstantkd",
         "equilibriumdissociationconstant", "equilibriumdissociationconstantkd",
         "dissociationconstantkd", "kdm", "equilibriumconstantkd", "dissoziationskonstante",
         "dissoziationskonstantekd", "constantededissociation"), Quantity.KD,
    ),
    **dict.fromkeys(("ka", "associationconstant", "equilibriumassociationconstant"), Quantity.KA),
    **dict.fromkeys(
        ("dg", "deltag", "dgbind", "deltagbind", "bindingfreeenergy", "freeenergy",
         "freeenergyofbinding", "bindingenergy"), Quantity.DELTA_G,
    ),
    **dict.fromkeys(("ddg", "deltadeltag", "ddgbind", "deltadeltagbind"), Quantity.DELTA_DELTA_G),
    "ic50": Quantity.IC50,
    "ec50": Quantity.EC50,
    **dict.fromkeys(
        ("enrichment", "enrichmentscore", "log2enrichment", "log10enrichment", "logenrichment",
         "logenrichmentscore", "log2enrichmentscore"), Quantity.ENRICHMENT,
    ),
    **dict.fromkeys(("binary", "binder", "isbinder", "binds"), Quantity.BINARY),
    **dict.fromkeys(("affinity", "bindingaffinity", "value", "rawvalue"), None),
})  # fmt: skip
_P_SCALES: Final = {"pkd": Quantity.KD, "pic50": Quantity.IC50, "pec50": Quantity.EC50}
_RATE_NAMES: Final = {
    **dict.fromkeys(("kon", "onrate", "kass", "kassoc", "associationrate",
                     "associationrateconstant", "kaon"), "kon"),
    **dict.fromkeys(("koff", "offrate", "kdis", "kdiss", "kdissoc", "dissociationrate",
                     "dissociationrateconstant", "kdoff"), "koff"),
}  # fmt: skip

_REMARKS: Final = frozenset({
    "mean", "median", "avg", "average", "geomean", "geometric", "value", "values", "app",
    "apparent", "measured", "spr", "bli", "itc", "kinexa", "octet", "biacore", "carterra", "lsa",
    "mst", "elisa", "facs", "flow", "titration", "fit", "fitted", "global", "local", "steady",
    "state", "equilibrium", "kinetic", "kinetics", "monovalent", "bivalent", "1:1", "final",
    "overall", "raw", "experimental", "exp", "reported", "published", "of", "the", "in", "by",
    "from",
})  # fmt: skip
"""Words around a quantity that do not change its meaning."""

_SPREADS: Final = frozenset({
    "sd", "std", "stdev", "se", "sem", "stderr", "error", "err", "errors", "dev", "cv", "ci",
    "ci95", "95%", "lower", "upper", "low", "high", "lo", "hi", "min", "max", "variance", "var",
    "n", "count", "rank", "fold", "foldchange", "ratio", "relative", "rel", "predicted", "pred",
    "loq", "lod",
})  # fmt: skip
_UNDER: Final = re.compile(
    r"\d+(\.\d+)?\s*°?\s*[CK]|n\s*=\s*\d+|pH\s*=?\s*\d+(\.\d+)?|\d+ ?(replicates|repeats)", re.I
)
_BESIDE: Final = re.compile(
    r"(?:±|\+/-|\+-)\s*(?:s\.?d\.?|sem|s\.?e\.?|std(?:ev)?|errors?)\b"
    r"|(?<=[\s_)\]])(?:@|at\s)\s*\d+(?:\.\d+)?\s*°?\s*[CK]\b|(?<=[\s_)\]])n\s*=\s*\d+"
    r"|(?<=[\s_)\]])(?:at\s)?pH\s*=?\s*\d+(?:\.\d+)?",
    re.IGNORECASE,
)
"""Remarks outside brackets on the conditions, or the spread, of the values."""
_IN: Final = re.compile(r"(?:in|units?)\s*[:=]?\s+|units?\s*[:=]\s*", re.IGNORECASE)
_UNDER_ONE: Final = re.compile(r"/\s*\(([^()]*)\)")
_HINT: Final = re.compile(r"(?<![a-z])p?(?:kd|ic50|ec50)(?![a-z])", re.IGNORECASE)
_LAST_WORD: Final = re.compile(r"[\s_.,-]+([A-Za-z]+)$")
_LOG: Final = re.compile(
    r"(-|neg(?:ative)?[_ ]?|minus )?\s*log_?(?:10)?[\s_(]*(kd|ic50|ec50)\)?"
    r"[\s_/,(\[]*([a-z]*)\s*[)\]]*",
    re.IGNORECASE,
)
_GLUED: Final = re.compile(r"(p?kd|ic50|ec50)([a-z]?M|nm|pm|um)", re.IGNORECASE)
_LOOKS_LIKE_UNIT: Final = re.compile(
    r"mol|[munpfaµ]?M\b|\b[munp]?g\b|/|\^|-1|%|k?cal|kJ|\bl(?:og|n|g)|molar|\bs\b|\bsec"
    r"|[x*×]\s*1(?:0|e)|\be\d",
    re.IGNORECASE,
)
_SCALED: Final = re.compile(
    r"(?<![A-Za-z])(?:ln|log[_ ]?(?:10|2|e)?|lg)(?![a-z])|(?:[x*×·]\s*)?\b(?:10\s*\^|1e)\s*[-+]?\d+"
    r"|[x*×·]\s*10+\s*[-+]?\s*\d*",
    re.IGNORECASE,
)
"""A logarithm or a power of ten in a header, by which its values are no plain ones."""
_LOG_BEHIND: Final = re.compile(
    r"(?P<quantity>kd|ic50|ec50)[\s_]*(?P<minus>-|neg(?:ative)?[_ ]|minus )?\s*log_?10"
    r"(?:[\s_/,(\[]*(?P<unit>[a-z]*M)\s*[)\]]*)?",
    re.IGNORECASE,
)
_AFFINITY_SCALES: Final = (Dimension.MOLAR, Dimension.LOG10_MOLAR, Dimension.NEG_LOG10_MOLAR)


@dataclass(frozen=True, slots=True)
class ValueHeader:
    """Quantity and unit in the name of a column of values; None where it has none."""

    quantity: Quantity | None
    unit: str | None
    unread: str | None = None
    """Text in brackets that is no unit of this quantity and no known remark."""
    remarks: frozenset[str] = field(default_factory=frozenset)
    """Words beside the quantity (``mean``, ``spr``); two columns differ in kind where these do."""
    maybe_rate: bool = False
    """A small ``kd`` or ``ka`` without a unit, which is how instruments name rates, too."""

    @property
    def unread_is_a_unit(self) -> bool:
        """Whether the text in brackets seems to be meant as a unit."""
        return self.unread is not None and bool(_LOOKS_LIKE_UNIT.search(self.unread))


@dataclass(frozen=True, slots=True)
class RateHeader:
    """A column of rate constants: ``kon`` or ``koff``, and its unit where it is named."""

    constant: str
    unit: str | None


def name_key(name: str) -> str:
    """The name in lower case without anything but letters and digits, Greek letters spelt out."""
    spelt = plain(name).lower().replace("δ", "delta").replace("∆", "delta").replace("µ", "u")
    return re.sub(r"[^a-z0-9]", "", spelt)


def read_value_header(name: str) -> ValueHeader | None:
    """Quantity and unit in the name of a column of values; None if it names none.

    A rate (``kd (1/s)``, ``ka (1/Ms)``) is not an affinity and gives None.
    """
    text = plain(name)
    log = _LOG.fullmatch(text)
    if log:
        return _log_header(bool(log[1]), log[2], log[3])
    if behind := _LOG_BEHIND.fullmatch(text):
        return _log_header(bool(behind["minus"]), behind["quantity"], behind["unit"] or "")
    parts = _Parts.of(text)
    if any(is_rate(parse_unit(unit)) for unit in parts.units):
        return None
    if parts.words & _SPREADS:
        return None
    match = _quantity(parts)
    if match is None:
        return None
    key, quantity = match
    unit = parts.units[0] if parts.units else None
    unread = next(iter([*parts.units[1:], *parts.unread]), None)
    if key in _P_SCALES:
        return _p_header(_P_SCALES[key], unit, unread, parts)
    if quantity is Quantity.BINARY:
        unit, unread = "label", None
    if quantity is Quantity.ENRICHMENT and _is_logarithm(key, unread):
        unit, unread = "score", None
    if quantity is None and "affinity" in key and unit:
        quantity = Quantity.KD if parse_unit(unit).dimension in _AFFINITY_SCALES else None
    return ValueHeader(
        quantity, unit, unread, parts.remarks,
        maybe_rate=unit is None and parts.base in ("kd", "ka"),
    )  # fmt: skip


def mapped_header(name: str) -> ValueHeader:
    """Quantity and unit in the name of a column that a user maps as the values.

    A logarithm or a power of ten in a name that is not read is kept as ``unread``.
    """
    header = read_value_header(name)
    if header is not None:
        return header
    if scaled := _SCALED.search(plain(name)):
        return ValueHeader(None, None, " ".join(scaled[0].split()))
    return ValueHeader(None, split_unit(name)[1])


def read_rate_header(name: str) -> RateHeader | None:
    """The rate constant of a column, by its name or by its unit; None if it holds none."""
    parts = _Parts.of(plain(name))
    if parts.words & _SPREADS:
        return None
    units = [parse_unit(unit) for unit in parts.units]
    rates = [unit for unit in units if is_rate(unit)]
    key = name_key(parts.base)
    constant = _RATE_NAMES.get(key) or _RATE_NAMES.get(name_key(name))
    if constant is None and rates and key in ("ka", "kd", "k"):
        constant = "kon" if rates[0].dimension is Dimension.ON_RATE else "koff"
    if constant is None:
        return None
    dimension = Dimension.ON_RATE if constant == "kon" else Dimension.OFF_RATE
    fitting = [unit for unit in rates if unit.dimension is dimension]
    return RateHeader(constant, fitting[0].name if fitting else None)


def hints_at_value(name: str) -> bool:
    """Whether a name that cannot be read may still be that of a column of values (``KD2 (nM)``)."""
    parts = _Parts.of(plain(name))
    is_number = not parts.words & _SPREADS and bool(_HINT.search(parts.base))
    return is_number and not any(is_rate(parse_unit(unit)) for unit in parts.units)


def split_unit(name: str) -> tuple[str, str | None]:
    """Part a column's name into its base and the unit at its end, if there is one."""
    parts = _Parts.of(plain(name))
    return parts.base, parts.units[0] if parts.units else None


@dataclass(frozen=True, slots=True)
class _Parts:
    """A header taken apart."""

    base: str
    """The header without brackets and without the unit at its end."""
    units: tuple[str, ...]
    unread: tuple[str, ...]
    words: frozenset[str]
    """Every word of base and brackets, in lower case."""
    remarks: frozenset[str]
    """Remarks by which two columns of one quantity differ, with temperatures and pH."""

    @classmethod
    def of(cls, text: str) -> _Parts:
        base, groups = _brackets(_UNDER_ONE.sub(_without_brackets, _BESIDE.sub(" ", text)))
        base, tail = _unit_at_end(base)
        units = [tail] if tail else []
        unread: list[str] = []
        words = set(_words(base))
        conditions = {_condition(match[0]) for match in _BESIDE.finditer(text)}
        for group in groups:
            for part in [group] if is_unit(group) else _pieces(group):
                piece = _IN.sub("", part)
                if is_unit(piece):
                    units.append(piece)
                elif set(_words(piece)) <= _REMARKS | _SPREADS or _UNDER.fullmatch(piece):
                    words |= set(_words(piece))
                    conditions |= {_condition(piece)} if _UNDER.fullmatch(piece) else set()
                elif name_key(piece) not in _VALUE_NAMES:
                    unread.append(piece)
        first: dict[Unit, str] = {}
        for unit in units:
            first.setdefault(parse_unit(unit), unit)
        remarks = (words & _REMARKS) | (conditions - {""})
        return cls(
            base.strip(" ,;:/_.-"), tuple(first.values()), tuple(unread), frozenset(words),
            frozenset(remarks),
        )  # fmt: skip


def _condition(text: str) -> str:
    """A temperature or pH in one spelling; empty for other texts (``n=3``, ``± SD``)."""
    key = re.sub(r"^at|[^a-z0-9.]", "", text.lower())
    return key if key.startswith("ph") or re.fullmatch(r"[\d.]+[ck]", key) else ""


def _without_brackets(match: re.Match[str]) -> str:
    """``1/(M s)`` as ``1/M/s``: these brackets belong to the unit."""
    return "/" + "/".join(re.split(r"[\s*·.⋅]+", match[1].strip()))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s_\-.,;/]+", text.lower()) if word]


def _pieces(group: str) -> Iterator[str]:
    for piece in re.split(r"\s*[,;]\s*", group):
        if piece:
            yield piece.strip()


def _brackets(text: str) -> tuple[str, list[str]]:
    """The text without its brackets, and the contents of the outermost brackets."""
    depth, start = 0, 0
    outside, groups = "", []
    for i, letter in enumerate(text):
        if letter in "([{":
            if depth == 0:
                start = i + 1
                outside += " "
            depth += 1
        elif letter in ")]}" and depth:
            depth -= 1
            if depth == 0:
                groups.append(text[start:i].strip())
        elif depth == 0:
            outside += letter
    if depth:
        return text, []
    return " ".join(outside.split()), [group for group in groups if group]


def _unit_at_end(base: str) -> tuple[str, str | None]:
    """``KD / nM``, ``KD_nM``, ``KD..nM.``, ``ddG kJ_mol``, ``KDnM``: the name and its unit."""
    trimmed = base.rstrip(" ._")
    if (last := _LAST_WORD.search(trimmed)) and last[1].lower() in _REMARKS:
        head, tail = _unit_at_end(trimmed[: last.start()])
        if tail:
            return f"{head} {last[1]}", tail
    for separator in re.finditer(r"\s+in\s+|(?<=KD)-(?=\w)|[\s_.,:;/]+", trimmed, re.IGNORECASE):
        head, tail = trimmed[: separator.start()], trimmed[separator.end() :]
        if not head.strip():
            continue
        for text in (tail, re.sub(r"[_. ]+", "/", tail), re.sub(r"[_. ]+", " ", tail)):
            if is_unit(text) and not _names_a_quantity(text):
                return head, text
    glued = _GLUED.fullmatch(trimmed)
    return (glued[1], glued[2]) if glued and is_unit(glued[2]) else (base, None)


def _names_a_quantity(text: str) -> bool:
    return name_key(text) in {**_VALUE_NAMES, **_P_SCALES}


def _quantity(parts: _Parts) -> tuple[str, Quantity | None] | None:
    """The key and quantity that the words of a header name."""
    joined = "".join(word for word in _words(parts.base) if word not in _REMARKS)
    for key in (name_key(parts.base), name_key(joined), name_key(joined.replace("binding", ""))):
        for tried in (key, key.removesuffix("value"), re.sub(r"(app|mean)$|^(app|mean)", "", key)):
            if tried in _P_SCALES:
                return tried, _P_SCALES[tried]
            if tried in _VALUE_NAMES:
                return tried, _VALUE_NAMES[tried]
    # A small m may mean molar, milli or metre: the value is known, its unit is not.
    bare = re.sub(r"[_ ]mm?$", "", parts.base, flags=re.IGNORECASE)
    key = name_key(bare)
    return (key, _VALUE_NAMES[key]) if key in _VALUE_NAMES else None


def _is_logarithm(key: str, unread: str | None) -> bool:
    """Whether a score is a logarithm by its name or by the brackets behind it."""
    return key.startswith("log") or (
        unread is not None and re.fullmatch(r"log_?(?:2|10)?", unread, re.IGNORECASE) is not None
    )


def _p_header(
    quantity: Quantity, unit: str | None, unread: str | None, parts: _Parts
) -> ValueHeader:
    """A p-scale is -log10 of mol/L; with another unit it contradicts itself and gets no unit."""
    if unit is not None:
        parsed_unit = parse_unit(unit)
        if parsed_unit.dimension is Dimension.NEG_LOG10_MOLAR:
            return ValueHeader(quantity, parsed_unit.name, unread, parts.remarks)
        if (parsed_unit.dimension, parsed_unit.scale) != (Dimension.MOLAR, 1.0):
            return ValueHeader(quantity, None, unit, parts.remarks)
    return ValueHeader(quantity, "pKd", unread, parts.remarks)


def _log_header(negative: bool, quantity: str, unit: str) -> ValueHeader:
    kind = {q.value.lower(): q for q in Quantity}[quantity.lower()]
    sign = "-log10" if negative else "log10"
    if negative and not unit:
        return ValueHeader(kind, "pKd")
    try:
        return ValueHeader(kind, parse_unit(f"{sign} {parse_unit(unit).name}").name)
    except UnitError:
        return ValueHeader(kind, None, unit or None)
