"""Which column is what, by its name and by its cells.

Names are compared without case, spaces and punctuation. What the name of a column of values says is
read by :mod:`abag.data.formats.numbers.value_headers`.
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
"""The names by which a raw column is found without being mapped, most telling first."""

_CHAINS: Final = ("heavy", "light", "scfv", "antigen")
_A_DOMAIN: Final = 80
"""Residues of the shortest variable domains that people write down."""
_LOOKED_AT: Final = 200
"""Distinct cells of a column that are looked at to tell what it holds."""

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
    """What was found by names and contents; ``why`` says of each column what it was taken for."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    """Columns that say the same as the column of values, on another scale."""
    rates: dict[str, str] = field(default_factory=dict)
    """Columns of ``kon`` and ``koff``."""


def names_mutations(name: str) -> bool:
    """Whether a column is found as that of mutations."""
    return name_key(name) in USUAL_NAMES["mutations"]


def detect_columns(
    table: pl.DataFrame, taken: Collection[str], given: Collection[str], with_values: bool
) -> Detected:
    """Find the raw columns that are not ``given`` among the columns that are not ``taken``.

    Names are believed where the cells agree: of two columns that could be chains, the one that
    holds chains is one, and a column of names beside a column of antigen sequences names them.
    """
    free = {name: name_key(name) for name in table.columns if name not in taken and name != ROW}
    # "T (°C)" is a temperature; "tc" of a Biacore table is the coefficient of mass transport.
    free |= {
        name: f"{key} alone" for name, key in free.items() if name.strip().lower() in ("tc", "tk")
    }
    made = Detected()
    for column, usual in USUAL_NAMES.items():
        matches = sorted(
            (n for n, key in free.items() if _matches(column, key)),
            key=lambda n: usual.index(_stem(column, free[n])),
        )
        if column in given or not matches:
            continue
        if column in _CHAINS and len(matches) > 1:
            matches = _with_chains(table, column, matches, made)
        if column in _ONE_ONLY and len(matches) > 1:
            made.problems.append(_ambiguous(column, matches))
        made.columns[column] = tuple(matches) if column == "antigen" else (matches[0],)
    _chains_by_words(table, free, made, given)
    _antigens_by_content(table, made, given)
    if with_values:
        detect_values(free, made, given)
        _bare_temperature(table, free, made, {*made.columns, *given})
    _concentration(free, made, given)
    _relation_by_content(table, free, made, {*made.columns, *given})
    return made


def _chains_by_words(
    table: pl.DataFrame, free: Collection[str], made: Detected, given: Collection[str]
) -> None:
    """Columns that hold chains, under names put together from words of the field."""
    taken = {name for names in made.columns.values() for name in names}
    for column in _CHAINS:
        if column in given or column in made.columns:
            continue
        named = [
            name
            for name in free
            if name not in taken
            and role_by_words(name) == column
            and holds_chains(table[name], at_least=8)
        ]
        if len(named) > 1:
            made.problems.append(_ambiguous(column, named))
        for name in named[:1]:
            made.columns[column] = (name,)
            made.why[name] = f"{column}: by the words of its name, and it holds chains"


def _with_chains(table: pl.DataFrame, column: str, matches: list[str], made: Detected) -> list[str]:
    """Those of several columns that hold chains; all of them where none does."""
    holding = [name for name in matches if holds_chains(table[name])]
    if not holding:
        return matches
    for name in matches:
        if name not in holding and not _is_empty(table[name]):
            if column == "antigen" and "antigen_name" not in made.columns:
                made.columns["antigen_name"] = (name,)
                made.why[name] = f"antigen_name: it holds names, and {holding[0]!r} the sequences"
            else:
                made.why[name] = f"not used: it holds no chains, and {holding[0]!r} does"
        elif column == "antigen" and name not in holding:
            holding.append(name)
    return [name for name in matches if name in holding]


def _antigens_by_content(table: pl.DataFrame, made: Detected, given: Collection[str]) -> None:
    """A column ``target`` that holds sequences is the antigen where no other column is."""
    named = made.columns.get("antigen_name")
    if named is None or "antigen" in made.columns or "antigen" in given:
        return
    if holds_chains(table[named[0]], at_least=20):
        made.columns["antigen"] = made.columns.pop("antigen_name")
        made.why[named[0]] = "antigen: it holds sequences"


def holds_chains(column: pl.Series, at_least: int = 10) -> bool:
    """Whether any of the first cells reads as a chain of so many letters."""
    cells = column.drop_nulls().unique(maintain_order=True).head(_LOOKED_AT)
    return any(len(c) >= at_least and reads_as_chain(c) for c in cells if not is_missing(c))


def unused_light(
    table: pl.DataFrame, columns: Mapping[str, tuple[str, ...]], ignored: Collection[str]
) -> list[Problem]:
    """A column that holds light chains under a name that says nothing, beside heavy chains.

    An antibody that lost its light chain on the way would be predicted as a heavy chain alone.
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


def detect_values(free: dict[str, str], made: Detected, given: Collection[str]) -> None:
    """Find the column of values, those that repeat it on another scale, and the rates."""
    others = {name for names in made.columns.values() for name in names}
    headers = {n: h for n in free if n not in others and (h := read_value_header(n)) is not None}
    for name in free:
        rate = read_rate_header(name)
        if rate is not None and name not in others and name not in headers:
            made.rates.setdefault(rate.which, name)
            made.why[name] = f"{rate.which}: a rate constant, never an affinity"
    if "value" in given:
        return
    bare = [name for name, header in headers.items() if header.maybe_rate]
    if len(headers) > len(bare) or (len(bare) > 1 and {"ka", "kd"} <= {n.lower() for n in bare}):
        # Instruments write ka, kd and KD side by side: small letters without a unit are rates.
        for name in bare:
            if name.islower() or name[:2] in ("ka", "kd"):
                del headers[name]
                made.rates.setdefault("kon" if free[name].startswith("ka") else "koff", name)
                made.why[name] = "not used: a small kd or ka without a unit may be a rate"
    canonical = [n for n in headers if free[n] == "rawvalue"]
    values = canonical or list(headers)
    if not values:
        return
    values += _not_chosen(free, headers, others, values[0], made)
    first = headers[values[0]]
    if all(name in headers and _same_measurement(first, headers[name]) for name in values[1:]):
        made.columns["value"], made.checks = (values[0],), tuple(values[1:])
        for name in made.checks:
            made.why[name] = f"a second writing of {values[0]!r}: each row is checked against it"
        return
    made.columns["value"] = (values[0],)
    made.problems.append(_ambiguous("value", values))


def _not_chosen(
    free: dict[str, str],
    headers: Mapping[str, ValueHeader],
    others: Collection[str],
    chosen: str,
    made: Detected,
) -> list[str]:
    """Columns that repeat the chosen one (``KD (nM).1``, ``KD2``); a word on other measurements."""
    repeats = []
    for name in free:
        if name in headers or name in others or name in made.why or not hints_at_value(name):
            continue
        if _without_count(free[name]) == _without_count(free[chosen]):
            repeats.append(name)
        else:
            made.why[name] = "not used: it may be another measurement; give each a row of its own"
    return repeats


def _without_count(key: str) -> str:
    return re.sub(r"(?:rep(?:licate)?|run|duplicated|copy)?\d+", "", key)


def _same_measurement(one: ValueHeader, other: ValueHeader) -> bool:
    """Whether two columns write the same measurement on two scales, as KD (nM) and pKd do."""
    return (
        one.remarks == other.remarks
        and all(h.quantity is not None and h.quantity.is_absolute for h in (one, other))
        and all(h.unit is not None and h.unread is None for h in (one, other))
    )


def _bare_temperature(
    table: pl.DataFrame, free: dict[str, str], made: Detected, found: Collection[str]
) -> None:
    if "temperature_kelvin" in found or "temperature_celsius" in found:
        return
    for name in (n for n, key in free.items() if key in ("temperature", "temp")):
        cells = [c for c in table[name].drop_nulls().unique() if not is_missing(c)]
        if all(temperature_kelvin(cell, celsius=None) is not None for cell in cells):
            made.columns["temperature_kelvin"] = (name,)
            made.why[name] = "temperature: every cell names its unit"
            continue
        reason = "the unit of the temperature is not named"
        shown = shlex.quote(name)
        mend = (
            f"Say --map temperature_kelvin={shown} or --map temperature_celsius={shown}, or leave "
            f"it out (--map ignore={shown})"
        )
        made.problems.append(Problem(1, name, reason, mend))


def _concentration(free: dict[str, str], made: Detected, given: Collection[str]) -> None:
    """The column of the highest concentration tested, whose name may carry its unit."""
    if "highest_concentration" in given:
        return
    for name in free:
        key = name_key(split_unit(name)[0])
        if key in _HIGHEST:
            made.columns["highest_concentration"] = (name,)
            return


def _relation_by_content(
    table: pl.DataFrame, free: dict[str, str], made: Detected, found: Collection[str]
) -> None:
    """A column of signs such as ``>`` is that of relations, whatever its name."""
    if "relation" in found or "value" not in found:
        return
    taken = {name for several in made.columns.values() for name in several}
    signs = [name for name in free if name not in taken and _holds_signs(table[name])]
    if len(signs) > 1:
        made.problems.append(_ambiguous("relation", signs))
    elif signs:
        made.columns["relation"] = (signs[0],)
        made.why[signs[0]] = "relation: it holds signs such as >"


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
