"""What a column's name says: which column it is, which quantity it holds and in which unit.

Names are compared without case, spaces and punctuation. A unit is read only where it is written
(``KD (nM)``, ``KD[nM]``, ``KD / nM``, ``kd_nm``, ``pKd``); it is never supposed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from abag.errors import Problem, UnitError
from abag.units import Dimension, Quantity, parse_unit

USUAL_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "heavy": (
        "heavy", "vh", "hc", "heavychain", "heavyseq", "heavysequence", "heavychainsequence",
        "heavychainseq", "heavychainaa", "heavyaa", "hseq", "hsequence", "hchain", "vhseq",
        "vhsequence", "vhaa", "vhorvhh", "vhh", "vhhsequence", "vhhseq", "nanobody",
        "nanobodysequence", "nanobodyseq", "fvheavy", "heavyfv", "abheavy", "abheavychain",
        "antibodyheavy", "antibodyheavychain", "sequencealignmentaaheavy", "sequenceaaheavy",
    ),
    "light": (
        "light", "vl", "lc", "lightchain", "lightseq", "lightsequence", "lightchainsequence",
        "lightchainseq", "lightchainaa", "lightaa", "lseq", "lsequence", "lchain", "vlseq",
        "vlsequence", "vlaa", "vk", "fvlight", "lightfv", "ablight", "ablightchain",
        "antibodylight", "antibodylightchain", "sequencealignmentaalight", "sequenceaalight",
    ),
    "scfv": ("scfv", "scfvsequence", "scfvseq", "scfvaa"),
    "antigen": (
        "antigen", "antigens", "ag", "agseq", "agsequence", "antigensequence", "antigenseq",
        "antigenchain", "antigenchains", "antigenaa", "targetsequence", "targetseq",
    ),
    "quantity": ("quantity", "affinitytype", "measurementtype", "valuetype", "endpoint"),
    "unit": ("unit", "units", "rawunit", "valueunit", "kdunit", "affinityunit", "unitkd"),
    "relation": ("relation", "operator", "qualifier", "inequality", "kdrelation"),
    "assay": ("assay", "assayid", "assayname", "experiment", "dataset"),
    "antibody_name": (
        "antibodyname", "antibodyid", "antibody", "abname", "abid", "ab", "mab", "clonename",
        "clone", "name", "id", "sequenceid",
    ),
    "antigen_name": ("antigenname", "antigenid", "agname", "targetname", "target"),
    "mutations": ("mutations", "mutation", "mutants"),
    "temperature_kelvin": (
        "temperaturekelvin", "temperaturek", "tempk", "tempkelvin", "tk", "affinitytempk",
    ),
    "temperature_celsius": (
        "temperaturecelsius", "temperaturec", "tempc", "tempcelsius", "tc", "temperaturedegc",
    ),
    "molar_mass_g_per_mol": (
        "molarmassgpermol", "molarmassgmol", "molecularweightgmol", "molecularweightda", "mwda",
        "mwgmol", "molarmassda",
    ),
    "method": ("method", "technique", "assaymethod", "affinitymethod", "assaytype"),
    "structure_id": ("structureid", "pdbid", "pdb", "pdbcode"),
    "reference": ("reference", "doi", "pmid", "pubmedid", "pubmed", "citation"),
    "licence": ("licence", "license"),
}  # fmt: skip
"""The names by which a raw column is found without being mapped, most telling first."""

_ONE_ONLY: Final = frozenset(
    {"heavy", "light", "scfv", "quantity", "unit", "temperature_kelvin", "temperature_celsius"}
)
"""Columns for which two likely names are refused; for the others the first name wins."""

_VALUE_NAMES: Final[dict[str, Quantity | None]] = {
    **dict.fromkeys(
        ("kd", "kdvalue", "kdapp", "appkd", "apparentkd", "affinitykd", "kdaffinity", "meankd",
         "kdmean", "dissociationconstant", "equilibriumdissociationconstant"), Quantity.KD,
    ),
    **dict.fromkeys(("ka", "kavalue", "associationconstant"), Quantity.KA),
    **dict.fromkeys(
        ("dg", "deltag", "dgbind", "deltagbind", "bindingfreeenergy", "freeenergy"),
        Quantity.DELTA_G,
    ),
    **dict.fromkeys(("ddg", "deltadeltag", "ddgbind"), Quantity.DELTA_DELTA_G),
    **dict.fromkeys(("ic50", "ic50value"), Quantity.IC50),
    **dict.fromkeys(("ec50", "ec50value"), Quantity.EC50),
    **dict.fromkeys(("enrichment", "enrichmentscore"), Quantity.ENRICHMENT),
    **dict.fromkeys(("binary", "binder", "isbinder", "binds"), Quantity.BINARY),
    **dict.fromkeys(("affinity", "bindingaffinity", "value", "rawvalue"), None),
}  # fmt: skip
_P_SCALES: Final = {"pkd": Quantity.KD, "pic50": Quantity.IC50, "pec50": Quantity.EC50}
_LOG = re.compile(
    r"(-|−|neg[_ ]?)?\s*log_?(?:10)?[\s_(]*(kd|ic50|ec50)\)?[\s_/,(\[]*([a-zμµ]*)\s*[)\]]*",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"(.*?)\s*[(\[]\s*([^()\[\]]*?)\s*[)\]]\s*")
_RATE = re.compile(r"/\s*m?\s*(s|sec|min)\b|\b(s|sec|min)\s*\^?\s*[-−]\s*1", re.IGNORECASE)
_AFFINITY_SCALES: Final = (
    Dimension.MOLAR,
    Dimension.LOG10_MOLAR,
    Dimension.NEG_LOG10_MOLAR,
)


@dataclass(frozen=True, slots=True)
class ValueHeader:
    """What the name of a column of values says; None where it says nothing."""

    quantity: Quantity | None
    unit: str | None


def name_key(name: str) -> str:
    """The name in lower case without anything but letters and digits, Greek letters spelt out."""
    spelt = name.lower().replace("δ", "delta").replace("∆", "delta")
    spelt = spelt.replace("μ", "u").replace("µ", "u")
    return re.sub(r"[^a-z0-9]", "", spelt)


def bracketed_text(name: str) -> tuple[str, str | None]:
    """Part a column's name from what stands in brackets at its end, whatever that is."""
    match = _BRACKETS.fullmatch(name)
    return (match[1].strip(), match[2] or None) if match else (name, None)


def split_unit(name: str) -> tuple[str, str | None]:
    """Part a column's name into what it names and the unit at its end, if one is there."""
    bracketed = _BRACKETS.fullmatch(name)
    if bracketed:
        return bracketed[1], bracketed[2] or None
    for pattern in (r"(.+?)\s*[/,]\s*(.+)", r"(.+)[_ ](\w+?[_ ]\w+)", r"(.+)[_ ](\w+)"):
        match = re.fullmatch(pattern, name.strip())
        if match:
            for text in (match[2], re.sub(r"[_ ]", "/", match[2])):
                if _is_unit(text):
                    return match[1], text
    return name, None


def read_value_header(name: str) -> ValueHeader | None:
    """Quantity and unit in the name of a column of values; None if it names none.

    A rate (``kd (1/s)``, ``ka (1/Ms)``) is not an affinity and gives None.
    """
    log = _LOG.fullmatch(name.strip())
    if log:
        return _log_header(bool(log[1]), log[2], log[3])
    if _RATE.search(name):
        return None
    base, unit = split_unit(name)
    key = name_key(base)
    if key in _P_SCALES:
        return ValueHeader(_P_SCALES[key], "pKd")
    if key not in _VALUE_NAMES:
        # A small m may mean molar, milli or metre: the value is known, its unit is not.
        key = name_key(re.sub(r"[_ ]mm?$", "", name))
        if key not in _VALUE_NAMES:
            return None
    quantity = _VALUE_NAMES[key]
    if unit is not None and not _is_unit(unit):
        unit = None
    if quantity is Quantity.BINARY:
        unit = "label"
    if quantity is None and unit and "affinity" in key:
        quantity = Quantity.KD if parse_unit(unit).dimension in _AFFINITY_SCALES else None
    return ValueHeader(quantity, unit)


def _log_header(negative: bool, quantity: str, unit: str) -> ValueHeader:
    known = {q.value.lower(): q for q in Quantity}[quantity.lower()]
    if negative:
        return ValueHeader(known, "pKd" if unit in ("", "M") else None)
    try:
        return ValueHeader(known, f"log10 {parse_unit(unit).name}")
    except UnitError:
        return ValueHeader(known, None)


def _is_unit(text: str) -> bool:
    try:
        parse_unit(text)
    except UnitError:
        return False
    return True


def detect_columns(
    names: Sequence[str], taken: Collection[str], given: Collection[str], with_values: bool
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Find the raw columns that are not ``given`` among the names that are not ``taken``.

    Returns the names of each raw column found (several for ``antigen`` alone), and a problem for
    each that could be one column or another.
    """
    free = {name: name_key(name) for name in names if name not in taken}
    found: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for column, usual in USUAL_NAMES.items():
        matches = sorted(
            (n for n, key in free.items() if _matches(column, key)),
            key=lambda n: usual.index(_stem(column, free[n])),
        )
        if column in given or not matches:
            continue
        if column in _ONE_ONLY and len(matches) > 1:
            problems.append(_ambiguous(column, matches))
        found[column] = tuple(matches) if column == "antigen" else (matches[0],)
    if with_values:
        problems += _detect_value(free, found, given)
        problems += _bare_temperature(free, {*found, *given})
    return found, problems


def _stem(column: str, key: str) -> str:
    return re.sub(r"\d+$", "", key) if column == "antigen" else key


def _matches(column: str, key: str) -> bool:
    return _stem(column, key) in USUAL_NAMES[column]


def _detect_value(
    free: dict[str, str], found: dict[str, tuple[str, ...]], given: Collection[str]
) -> list[Problem]:
    if "value" in given:
        return []
    others = {name for names in found.values() for name in names}
    values = [n for n in free if n not in others and read_value_header(n) is not None]
    canonical = [n for n in values if free[n] == "rawvalue"]
    values = canonical or values
    if values:
        found["value"] = (values[0],)
    return [_ambiguous("value", values)] if len(values) > 1 else []


def _bare_temperature(free: dict[str, str], found: Collection[str]) -> list[Problem]:
    if "temperature_kelvin" in found or "temperature_celsius" in found:
        return []
    return [
        Problem(
            1,
            name,
            "the unit of the temperature is not named",
            f"Map temperature_kelvin={name} or temperature_celsius={name}, or ignore={name}",
        )
        for name, key in free.items()
        if key in ("temperature", "temp")
    ]


def _ambiguous(column: str, matches: Sequence[str]) -> Problem:
    listed = ", ".join(repr(name) for name in matches)
    mend = f"Say which: --map {column}={matches[0]}"
    return Problem(1, None, f"the columns {listed} could each be {column}", mend)
