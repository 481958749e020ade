"""Detects the columns of a table by their names and cells.

Names are compared without case, spaces and punctuation. The names of columns of values are read by
:mod:`abag.data.formats.numbers.value_headers`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from abag.antibody.alphabet import reads_as_chain
from abag.antibody.numbering import first_domain
from abag.data.formats.numbers.value_headers import (
    ValueHeader,
    hints_at_value,
    name_key,
    read_rate_header,
    read_value_header,
    split_unit,
)
from abag.data.formats.sequences.chain_names import role_by_words
from abag.data.formats.tables import ROW
from abag.errors import Problem, UnitError
from abag.units import is_missing, parse_relation, temperature_kelvin

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
        "antigensequenceaa", "agaa", "epitopesequence", "peptidesequence", "peptide",
    ),
    "quantity": ("quantity", "affinitytype", "measurementtype", "valuetype", "endpoint"),
    "unit": ("unit", "units", "rawunit", "valueunit", "kdunit", "affinityunit", "unitkd",
             "standardunits", "unitofmeasure"),
    "relation": ("relation", "operator", "qualifier", "inequality", "kdrelation",
                 "standardrelation", "measurementinequality", "affinityrelation", "censor",
                 "censoring", "censored", "iscensored"),
    "assay": ("assay", "assayid", "assayname", "experiment", "dataset"),
    "antibody_name": (
        "antibodyname", "antibodyid", "antibody", "abname", "abid", "ab", "mab", "clonename",
        "clone", "cloneid", "name", "id", "sequenceid", "sample", "sampleid", "samplename",
        "mabname", "mabid", "antibodyidentifier", "therapeutic", "molecule", "moleculename",
    ),
    "antigen_name": ("antigenname", "antigenid", "agname", "agid", "targetname", "target"),
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
    "structure_id": ("structureid", "pdbid", "pdb", "pdbcode", "pdbaccession", "pdbentry",
                     "complexpdb", "pdbfile"),
    "reference": ("reference", "doi", "pmid", "pubmedid", "pubmed", "citation"),
    "licence": ("licence", "license"),
}  # fmt: skip
"""Names by which a raw column is found without being mapped, the surest first."""

_CHAINS: Final = ("heavy", "light", "scfv", "antigen")
_A_DOMAIN: Final = 80
"""Residues of the shortest variable domains that people write down."""
_LOOKED_AT: Final = 200
"""Distinct cells of a column by which its content is judged."""

_HIGHEST: Final = frozenset(
    {"highestconcentration", "highestconcentrationtested", "highestconc", "highestconctested",
     "topconcentration", "topconc", "maxconcentration", "maxconc", "maximumconcentration",
     "maxtestedconcentration", "maxconcentrationtested", "maxconctested"}
)  # fmt: skip

_ONE_ONLY: Final = frozenset(
    {"heavy", "light", "scfv", "quantity", "unit", "temperature_kelvin", "temperature_celsius"}
)
"""Columns for which two likely names are refused; for the others the first name wins."""


@dataclass
class Detected:
    """Columns detected by names and contents; ``reasons`` says for each why."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    """Columns that repeat the values on another scale."""
    rates: dict[str, str] = field(default_factory=dict)
    """Columns of ``kon`` and ``koff``."""


def names_mutations(name: str) -> bool:
    """Whether a column has a usual name of mutations."""
    return name_key(name) in USUAL_NAMES["mutations"]


def detect_columns(
    table: pl.DataFrame, used: Collection[str], mapped: Collection[str], with_values: bool
) -> Detected:
    """Find the raw columns that are not ``mapped`` among the columns that are not ``used``.

    Names count where the cells agree: of two columns named like chains, the one that holds chains
    is used, and a column of names beside a column of antigen sequences names these.
    """
    free = {name: name_key(name) for name in table.columns if name not in used and name != ROW}
    # "T (°C)" is a temperature; "tc" of a Biacore table is the coefficient of mass transport.
    free |= {
        name: f"{key} alone" for name, key in free.items() if name.strip().lower() in ("tc", "tk")
    }
    detected = Detected()
    for column, usual in USUAL_NAMES.items():
        matches = sorted(
            (n for n, key in free.items() if _matches(column, key)),
            key=lambda n: usual.index(_stem(column, free[n])),
        )
        if column in mapped or not matches:
            continue
        if column in _CHAINS and len(matches) > 1:
            matches = _with_chains(table, column, matches, detected)
        if column in _ONE_ONLY and len(matches) > 1:
            detected.problems.append(_ambiguous(column, matches))
        detected.columns[column] = tuple(matches) if column == "antigen" else (matches[0],)
    _chains_by_words(table, free, detected, mapped)
    _antigens_by_content(table, detected, mapped)
    if with_values:
        detect_values(free, detected, mapped)
        _bare_temperature(table, free, detected, {*detected.columns, *mapped})
    _concentration(free, detected, mapped)
    _relation_by_content(table, free, detected, {*detected.columns, *mapped})
    return detected


def _chains_by_words(
    table: pl.DataFrame, free: Collection[str], detected: Detected, mapped: Collection[str]
) -> None:
    """Columns that hold chains, under names composed of words of the field."""
    used = {name for names in detected.columns.values() for name in names}
    for column in _CHAINS:
        if column in mapped or column in detected.columns:
            continue
        matches = [
            name
            for name in free
            if name not in used
            and role_by_words(name) == column
            and holds_chains(table[name], at_least=8)
        ]
        if len(matches) > 1:
            detected.problems.append(_ambiguous(column, matches))
        for name in matches[:1]:
            detected.columns[column] = (name,)
            detected.reasons[name] = f"{column}: by the words of its name, and it holds chains"


def _with_chains(
    table: pl.DataFrame, column: str, matches: list[str], detected: Detected
) -> list[str]:
    """Those of several columns that hold chains; all of them where none does."""
    holding = [name for name in matches if holds_chains(table[name])]
    if not holding:
        return matches
    for name in matches:
        if name not in holding and not _is_empty(table[name]):
            if column == "antigen" and "antigen_name" not in detected.columns:
                detected.columns["antigen_name"] = (name,)
                detected.reasons[name] = (
                    f"antigen_name: it holds names, and {holding[0]!r} the sequences"
                )
            else:
                detected.reasons[name] = f"not used: it holds no chains, and {holding[0]!r} does"
        elif column == "antigen" and name not in holding:
            holding.append(name)
    return [name for name in matches if name in holding]


def _antigens_by_content(table: pl.DataFrame, detected: Detected, mapped: Collection[str]) -> None:
    """A column ``target`` that holds sequences is the antigen where no other column is."""
    name_columns = detected.columns.get("antigen_name")
    if name_columns is None or "antigen" in detected.columns or "antigen" in mapped:
        return
    if holds_chains(table[name_columns[0]], at_least=20):
        detected.columns["antigen"] = detected.columns.pop("antigen_name")
        detected.reasons[name_columns[0]] = "antigen: it holds sequences"


def holds_chains(column: pl.Series, at_least: int = 10) -> bool:
    """Whether any of the first cells reads as a chain of so many letters."""
    cells = column.drop_nulls().unique(maintain_order=True).head(_LOOKED_AT)
    return any(len(c) >= at_least and reads_as_chain(c) for c in cells if not is_missing(c))


def unused_light(
    table: pl.DataFrame, columns: Mapping[str, tuple[str, ...]], ignored: Collection[str]
) -> list[Problem]:
    """A problem for a column of light chains that its name does not show, beside heavy chains.

    Without it the antibody would be predicted as a heavy chain alone.
    """
    used = {name for names in columns.values() for name in names} | {*ignored, ROW}
    problems = []
    for name in table.columns:
        if name in used or not holds_chains(table[name], at_least=_A_DOMAIN):
            continue
        cells = (cell for cell in table[name].drop_nulls() if len(cell.strip()) >= _A_DOMAIN)
        domain = first_domain(re.sub(r"[^A-Z]", "", next(cells).upper()))
        if domain is not None and domain.kind.is_light:
            shown = shlex.quote(name)
            mend = f"Say --map light={shown}, or leave it out (--map ignore={shown})"
            problems.append(Problem(1, name, "it holds light chains, and is not used", mend))
    return problems


def _is_empty(column: pl.Series) -> bool:
    return all(is_missing(cell) for cell in column.drop_nulls().unique().head(_LOOKED_AT))


def _stem(column: str, key: str) -> str:
    return re.sub(r"\d+$", "", key) if column == "antigen" else key


def _matches(column: str, key: str) -> bool:
    return _stem(column, key) in USUAL_NAMES[column]


def detect_values(free: dict[str, str], detected: Detected, mapped: Collection[str]) -> None:
    """Find the column of values, those that repeat it on another scale, and the rates."""
    others = {name for names in detected.columns.values() for name in names}
    headers = {n: h for n in free if n not in others and (h := read_value_header(n)) is not None}
    for name in free:
        rate = read_rate_header(name)
        if rate is not None and name not in others and name not in headers:
            detected.rates.setdefault(rate.constant, name)
            detected.reasons[name] = f"{rate.constant}: a rate constant, never an affinity"
    if "value" in mapped:
        return
    bare = [name for name, header in headers.items() if header.maybe_rate]
    if len(headers) > len(bare) or (len(bare) > 1 and {"ka", "kd"} <= {n.lower() for n in bare}):
        # Instruments write ka, kd and KD side by side: small letters without a unit are rates.
        for name in bare:
            if name.islower() or name[:2] in ("ka", "kd"):
                del headers[name]
                detected.rates.setdefault("kon" if free[name].startswith("ka") else "koff", name)
                detected.reasons[name] = "not used: a small kd or ka without a unit may be a rate"
    canonical = [n for n in headers if free[n] == "rawvalue"]
    values = canonical or list(headers)
    if not values:
        return
    values += _repeats(free, headers, others, values[0], detected)
    first = headers[values[0]]
    if all(name in headers and _same_measurement(first, headers[name]) for name in values[1:]):
        detected.columns["value"], detected.checks = (values[0],), tuple(values[1:])
        for name in detected.checks:
            detected.reasons[name] = (
                f"a second writing of {values[0]!r}: each row is checked against it"
            )
        return
    detected.columns["value"] = (values[0],)
    detected.problems.append(_ambiguous("value", values))


def _repeats(
    free: dict[str, str],
    headers: Mapping[str, ValueHeader],
    others: Collection[str],
    chosen: str,
    detected: Detected,
) -> list[str]:
    """Columns that repeat the chosen one (``KD (nM).1``, ``KD2``); others get a note."""
    used = {*headers, *others, *detected.reasons}
    repeats = []
    for name in free:
        if name in used or not hints_at_value(name):
            continue
        if _without_count(free[name]) == _without_count(free[chosen]):
            repeats.append(name)
        else:
            detected.reasons[name] = (
                "not used: it may be another measurement; give each a row of its own"
            )
    return repeats


def _without_count(key: str) -> str:
    return re.sub(r"(?:rep(?:licate)?|run|duplicated|copy)?\d+", "", key)


def _same_measurement(first: ValueHeader, second: ValueHeader) -> bool:
    """Whether two columns write the same measurement on two scales, as KD (nM) and pKd do."""
    return (
        first.remarks == second.remarks
        and all(h.quantity is not None and h.quantity.is_absolute for h in (first, second))
        and all(h.unit is not None and h.unread is None for h in (first, second))
    )


def _bare_temperature(
    table: pl.DataFrame, free: dict[str, str], detected: Detected, settled: Collection[str]
) -> None:
    if "temperature_kelvin" in settled or "temperature_celsius" in settled:
        return
    for name in (n for n, key in free.items() if key in ("temperature", "temp")):
        cells = [c for c in table[name].drop_nulls().unique() if not is_missing(c)]
        if all(temperature_kelvin(cell, celsius=None) is not None for cell in cells):
            detected.columns["temperature_kelvin"] = (name,)
            detected.reasons[name] = "temperature: every cell names its unit"
            continue
        reason = "the unit of the temperature is not named"
        shown = shlex.quote(name)
        mend = (
            f"Say --map temperature_kelvin={shown} or --map temperature_celsius={shown}, or leave "
            f"it out (--map ignore={shown})"
        )
        detected.problems.append(Problem(1, name, reason, mend))


def _concentration(free: dict[str, str], detected: Detected, mapped: Collection[str]) -> None:
    """The column of the highest concentration tested, whose name may carry its unit."""
    if "highest_concentration" in mapped:
        return
    for name in free:
        key = name_key(split_unit(name)[0])
        if key in _HIGHEST:
            detected.columns["highest_concentration"] = (name,)
            return


def _relation_by_content(
    table: pl.DataFrame, free: dict[str, str], detected: Detected, settled: Collection[str]
) -> None:
    """A column of signs such as ``>`` is that of relations, whatever its name."""
    if "relation" in settled or "value" not in settled:
        return
    used = {name for several in detected.columns.values() for name in several}
    signs = [name for name in free if name not in used and _holds_signs(table[name])]
    if len(signs) > 1:
        detected.problems.append(_ambiguous("relation", signs))
    elif signs:
        detected.columns["relation"] = (signs[0],)
        detected.reasons[signs[0]] = "relation: it holds signs such as >"


def _holds_signs(column: pl.Series) -> bool:
    cells = [c.strip() for c in column.drop_nulls().unique().head(_LOOKED_AT) if not is_missing(c)]
    if not any(cell[:1] in "<>≤≥" for cell in cells):
        return False
    try:
        return all(parse_relation(cell) is not None for cell in cells)
    except UnitError:
        return False


def _ambiguous(column: str, matches: Sequence[str]) -> Problem:
    listed = ", ".join(repr(name) for name in matches)
    mend = f"Say which: --map {column}={shlex.quote(matches[0])}"
    return Problem(1, None, f"the columns {listed} could each be {column}", mend)
