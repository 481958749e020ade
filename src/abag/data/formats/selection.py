"""Which columns of a user's table are used: the mapping, the usual names, and what contradicts.

Faults of the header (a column that is not there, a unit that nobody named) are raised here, all
at once. Faults of single rows are left to the canonical step, which keeps account of each row.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import polars as pl

from abag.antibody.alphabet import FEWEST_RESIDUES
from abag.data.formats.headers import detect_columns, holds_chains, unused_light
from abag.data.formats.mapping import COLUMN_FIELDS, ColumnMapping, Constants
from abag.data.formats.numbers.redundant import RateColumns
from abag.data.formats.numbers.value_headers import (
    ValueHeader,
    hints_at_value,
    mapped_header,
    read_rate_header,
    split_unit,
)
from abag.data.formats.tables import ROW
from abag.errors import Problem, TableError, UnitError
from abag.units import (
    Dimension,
    Quantity,
    check_unit,
    is_missing,
    is_unit,
    parse_unit,
    parse_value,
)

_PLAIN_SCALES: Final = (Dimension.MOLAR, Dimension.PER_MOLAR, Dimension.MASS_PER_VOLUME)
_SCORES: Final = (Dimension.SCORE_HIGH_TIGHT, Dimension.SCORE_LOW_TIGHT, Dimension.LABEL)
_EXAMPLE_UNITS: Final[dict[str, str]] = {
    Quantity.KA: "1/M",
    Quantity.DELTA_G: "kcal/mol",
    Quantity.DELTA_DELTA_G: "kcal/mol",
    Quantity.ENRICHMENT: "score",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The mapping after the usual names were found: columns, quantity and unit."""

    columns: dict[str, tuple[str, ...]]
    quantity: str | None
    unit: str | None
    rates: RateColumns | None = None
    """Both rate constants, where the table has them with their units."""
    checks: tuple[str, ...] = ()
    """Columns that write the values on another scale."""
    why: Mapping[str, str] | None = None
    """Of columns that are not taken by their name alone: what they are taken for, and why."""

    def one(self, field: str) -> str | None:
        """The user's column of a raw column, if there is one."""
        return self.columns[field][0] if field in self.columns else None


def choose_columns(
    path: Path,
    table: pl.DataFrame,
    mapping: ColumnMapping,
    *,
    with_values: bool = True,
    with_chains: bool = True,
) -> Chosen:
    """Complete a mapping by the usual names and check it against the table.

    ``with_values`` and ``with_chains`` say whether measured values and sequences are wanted of it.
    Raises :class:`TableError` with every fault of the header at once.
    """
    chosen, problems = consider_columns(
        table, mapping, with_values=with_values, with_chains=with_chains
    )
    if problems:
        raise TableError(path, problems)
    return chosen


def consider_columns(
    table: pl.DataFrame,
    mapping: ColumnMapping,
    *,
    with_values: bool = True,
    with_chains: bool = True,
) -> tuple[Chosen, list[Problem]]:
    """As :func:`choose_columns`, with the faults beside the choice as far as it can be made."""
    names = [name for name in table.columns if name != ROW]
    given = mapping.columns()
    problems = _missing_columns(names, {**given, "ignore": mapping.ignore})
    fixed = {k for k, v in mapping.constants if v} & set(COLUMN_FIELDS)
    problems += [
        Problem(None, name, "given both as a column and as a value for every row")
        for name in sorted(fixed & set(given))
    ]
    taken = {name for several in given.values() for name in several} | set(mapping.ignore)
    # A column of units is looked for even where --unit is given: the two must not disagree.
    settled = {*given, *fixed} - ({"unit", "quantity"} - set(given))
    found = detect_columns(table, taken, settled, with_values)
    columns = {**found.columns, **given}
    quantity, unit, rates = None, None, None
    if not problems:
        problems += found.problems
        problems += _chain_problems(table, columns, mapping) if with_chains else []
        if with_values:
            rates = _rates(found.rates)
            quantity, unit, faults = _measured(
                table, columns, mapping.constants, rates, found.rates
            )
            problems += faults
    return Chosen(columns, quantity, unit, rates, found.checks, found.why), problems


def _rates(columns: Mapping[str, str]) -> RateColumns | None:
    """Both rate constants with their units; None where a column or a unit is not there."""
    if not {"kon", "koff"} <= set(columns):
        return None
    headers = {which: read_rate_header(name) for which, name in columns.items()}
    units = {which: split_unit(columns[which])[1] for which, h in headers.items() if h and h.unit}
    kon, koff = units.get("kon"), units.get("koff")
    if not (kon and koff):
        return None
    return RateColumns(columns["kon"], columns["koff"], kon, koff)


def _missing_columns(names: Sequence[str], asked: dict[str, tuple[str, ...]]) -> list[Problem]:
    by_case = {name.lower(): name for name in names}
    problems = []
    for field, several in asked.items():
        for name in several:
            if name in names:
                continue
            close = get_close_matches(name.lower(), by_case, n=1)
            meant = f"Did you mean {by_case[close[0]]!r}? " if close else ""
            listed = ", ".join(map(repr, names[:30])) + (" ..." if len(names) > 30 else "")
            reason = f"there is no such column (asked for as {field})"
            problems.append(Problem(1, name, reason, f"{meant}The columns are {listed}"))
    return problems


def _chain_problems(
    table: pl.DataFrame, columns: dict[str, tuple[str, ...]], mapping: ColumnMapping
) -> list[Problem]:
    problems = []
    if "heavy" not in columns and "scfv" not in columns:
        mend = "Map one, for example --map heavy=VH or --map scfv=sequence"
        problems.append(Problem(1, None, "no column of heavy chains or scFv was found", mend))
    if "heavy" in columns and "light" not in columns:
        problems += unused_light(table, columns, mapping.ignore)
    known = mapping.constants.antigen or mapping.antigen_unknown
    if "antigen" not in columns and not known:
        mend = (
            "Map one (--map antigen=COLUMN), give one for all (--map antigen:=SEQUENCE), "
            "or accept that there is none (--map antigen_unknown:=true)"
        )
        problems.append(Problem(1, None, "no column of antigen sequences was found", mend))
    for field in ("heavy", "light", "scfv", "antigen"):
        for name in columns.get(field, ()):
            several = len(columns[field]) > 1
            required = field == "heavy" or (field == "antigen" and not several)
            reason = _not_sequences(table[name], required=required)
            if reason and not (field == "heavy" and "scfv" in columns):
                mend = f"Map another column: --map {field}=COLUMN"
                if field == "antigen":
                    mend = (
                        f"If it holds names, say so (--map antigen_name={shlex.quote(name)}) and "
                        "give the sequences: --map antigen=COLUMN, or --map antigen:=SEQUENCE for "
                        "all"
                    )
                problems.append(Problem(1, name, f"taken for {field}, but {reason}", mend))
    return problems


def _not_sequences(column: pl.Series, *, required: bool) -> str:
    first = next((cell for cell in column.drop_nulls() if not is_missing(cell)), None)
    if first is None:
        return "it is empty in every row" if required else ""
    if holds_chains(column, at_least=FEWEST_RESIDUES):
        return ""
    return f"no cell looks like a sequence (the first is {first[:40]!r})"


def _measured(
    table: pl.DataFrame,
    columns: dict[str, tuple[str, ...]],
    constants: Constants,
    rates: RateColumns | None,
    rate_columns: Mapping[str, str],
) -> tuple[str | None, str | None, list[Problem]]:
    """Quantity and unit that hold for every row (None where a column gives them), and faults."""
    if "value" not in columns:
        if rates is not None and constants.quantity in (None, "KD") and constants.unit is None:
            return Quantity.KD.value, "M", []
        return None, None, [_no_values(rate_columns, [n for n in table.columns if n != ROW])]
    name = columns["value"][0]
    if (rate := read_rate_header(name)) is not None:
        reason = f"it is a rate constant ({rate.which}), which is no affinity"
        return None, None, [Problem(1, name, reason, "Map the column of KD: --map value=COLUMN")]
    header = mapped_header(name)
    problems: list[Problem] = []
    cells = {
        field: _texts(table[columns[field][0]])
        for field in ("quantity", "unit")
        if field in columns
    }
    quantity = _quantity(name, cells.get("quantity"), constants.quantity, header, problems)
    if constants.header_unit is not None and constants.unit is not None:
        if constants.header_unit == header.unread:
            header = replace(header, unread=None)
        else:
            reason = f"nothing in it that is no unit reads {constants.header_unit!r} (header_unit)"
            problems.append(Problem(1, name, reason, "Leave header_unit out"))
    unit = _unit(table[name], cells.get("unit"), constants.unit, header, quantity, problems)
    if quantity and unit and not problems:
        try:
            check_unit(Quantity(quantity), parse_unit(unit))
        except UnitError as error:
            problems.append(Problem(1, name, str(error), "Correct --quantity or --unit"))
    return quantity, unit, problems


def _texts(column: pl.Series) -> list[str]:
    """Distinct cells that hold something."""
    return [c for c in column.drop_nulls().unique(maintain_order=True) if not is_missing(c)]


def _no_values(rates: Mapping[str, str], names: Sequence[str]) -> Problem:
    reason = "no column of measured values was found"
    near = [name for name in names if hints_at_value(name) and name not in rates.values()]
    if len(near) > 1:
        mend = (
            f"Say which: --map value={near[0]!r} --quantity KD; give replicates and other antigens "
            "a row each"
        )
        return Problem(1, None, f"{reason}; it may be {' or '.join(map(repr, near[:6]))}", mend)
    if rates:
        listed = ", ".join(map(repr, rates.values()))
        reason += f" ({listed}: rate constants, which are no affinities"
        both = len(rates) == 2
        reason += "; KD is made of both where their headers name their units)" if both else ")"
    mend = "Map it: --map value=COLUMN, with --unit and --quantity where its name has neither"
    return Problem(1, None, reason, mend)


def quantity_name(text: str) -> str | None:
    """The name in :class:`abag.units.Quantity` that ``text`` means, whatever its case."""
    spelt = text.strip().lower().replace("δ", "d").replace("∆", "d").replace("delta", "d")
    return {q.value.lower(): q.value for q in Quantity}.get(spelt.replace(" ", ""))


def _quantity(
    name: str,
    cells: list[str] | None,
    option: str | None,
    header: ValueHeader,
    problems: list[Problem],
) -> str | None:
    chosen = quantity_name(option) if option else None
    said = header.quantity.value if header.quantity else None
    if option and not chosen:
        known = f"Known are {', '.join(q.value for q in Quantity)}"
        problems.append(Problem(None, None, f"unknown quantity {option!r} is asked for", known))
    elif cells is not None:
        other = [cell for cell in cells if chosen and quantity_name(cell) != chosen]
        if other:
            problems.append(_contradiction(name, "column of quantities", other[0], chosen))
        return chosen
    elif chosen and said and chosen != said:
        problems.append(_contradiction(name, "header", said, chosen))
    elif not chosen and not said:
        mend = "Say it, for example --quantity KD, or map a column (--map quantity=COLUMN)"
        problems.append(Problem(1, name, "the quantity of the values is not named", mend))
    return chosen or said


def _unit(
    values: pl.Series,
    cells: list[str] | None,
    option: str | None,
    header: ValueHeader,
    quantity: str | None,
    problems: list[Problem],
) -> str | None:
    name = values.name
    try:
        chosen = parse_unit(option).name if option else None
    except UnitError as error:
        problems.append(Problem(None, None, f"the unit that is asked for: {error}"))
        return None
    if chosen and header.unit and not _same_unit(chosen, header.unit):
        problems.append(_contradiction(name, "header", header.unit, option))
    if header.unread is not None and not _settles(chosen, header):
        problems.append(_unread(name, header, quantity))
        return None
    whole = chosen or header.unit
    if cells is not None:
        other = [cell for cell in cells if whole and not _same_unit(whole, cell)]
        if other:
            problems.append(_contradiction(name, "column of units", other[0], whole))
        return whole
    if not whole and not _units_in_cells(values):
        example = _EXAMPLE_UNITS.get(quantity or "", "nM")
        mend = (
            f"Say it: --unit {example}, a header such as '{split_unit(name)[0]} ({example})', or a "
            "column of units (--map unit=COLUMN); a unit is never guessed"
        )
        problems.append(Problem(1, name, "the unit of the values is not named", mend))
    return whole


def _settles(chosen: str | None, header: ValueHeader) -> bool:
    """Whether the unit that is asked for makes clear what stands in the header's brackets."""
    if header.unread is None or chosen is None:
        return not header.unread_is_a_unit
    if header.unit is not None:
        return not is_unit(header.unread) and not header.unread_is_a_unit
    if re.fullmatch("log[_ ]?(?:10)?|lg", header.unread, re.IGNORECASE):
        return parse_unit(chosen).dimension not in _PLAIN_SCALES
    if parse_unit(chosen).dimension in _SCORES:
        return True
    if is_unit(header.unread):
        # pKd (nM): -log10 of nM, or a p-scale with a unit that is none of its own.
        unit, written = parse_unit(chosen), parse_unit(header.unread)
        of_it = (Dimension.NEG_LOG10_MOLAR, written.scale)
        return (unit.dimension, unit.scale) == of_it or chosen == "pKd"
    return not header.unread_is_a_unit


def _unread(name: str, header: ValueHeader, quantity: str | None) -> Problem:
    text = header.unread or ""
    if is_unit(text) and header.unit is not None:
        reason = f"the header names two units, {header.unit} and {text}"
        return Problem(1, name, reason, "Keep the one that the values are written in")
    if is_unit(text):
        reason = f"the header contradicts itself: a p-scale is -log10 of mol/L, not of {text}"
        mend = f"Say which: --unit pKd, or --unit='-log10 {text}' if the logarithm was taken of it"
        return Problem(1, name, reason, mend)
    if re.fullmatch("ln|log[_ ]?[2e]", text, re.IGNORECASE):
        reason = f"the header speaks of {text}, a logarithm that no unit has"
        mend = "Write the values themselves, or their log10 (--unit='log10 nM')"
        return Problem(1, name, reason, mend)
    example = _EXAMPLE_UNITS.get(quantity or "", "nM")
    reason = f"{text!r} in the header is no known unit"
    mend = (
        f"Name the unit in the header, such as '{split_unit(name)[0]} ({example})', or say what it "
        f"stands for, such as --unit {example} --map header_unit:={shlex.quote(text)}"
    )
    return Problem(1, name, reason, mend)


def _contradiction(name: str, where: str, there: str, here: str | None) -> Problem:
    mend = "Correct one of them, or leave a column out (--map ignore=COLUMN)"
    other = "the option" if where == "header" else "the header or the option"
    return Problem(1, name, f"the {where} says {there!r}, but {other} says {here!r}", mend)


def _same_unit(first: str, second: str) -> bool:
    try:
        return parse_unit(first) == parse_unit(second)
    except UnitError:
        return False


def _units_in_cells(values: pl.Series) -> bool:
    """Whether any value carries its own unit (``5 nM``); rows without one are then refused."""
    for value in values.drop_nulls().unique(maintain_order=True):
        try:
            parse_unit(parse_value(value).unit_text)
        except UnitError:
            continue
        return True
    return False
