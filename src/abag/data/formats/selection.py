"""Chooses the columns of a user's table: by the mapping and usual names, with all contradictions.

Faults of the header (a missing column, a unit that is not named) are raised here, all at once.
Faults of single rows are left to the canonical step, which counts every row.
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
class ChosenColumns:
    """The user's columns, quantity and unit, by the mapping and by usual names."""

    columns: dict[str, tuple[str, ...]]
    quantity: str | None
    unit: str | None
    rates: RateColumns | None = None
    """Both rate constants, where the table has them with their units."""
    checks: tuple[str, ...] = ()
    """Columns that write the values on another scale."""
    reasons: Mapping[str, str] | None = None
    """For columns that are not chosen by their name alone: their use, and the reason."""

    def column(self, field: str) -> str | None:
        """The user's column of a raw column, if there is one."""
        return self.columns[field][0] if field in self.columns else None


def choose_columns(
    path: Path,
    table: pl.DataFrame,
    mapping: ColumnMapping,
    *,
    with_values: bool = True,
    with_chains: bool = True,
) -> ChosenColumns:
    """Complete a mapping by the usual names and check it against the table.

    ``with_values`` and ``with_chains`` say whether it must have measured values and sequences.
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
) -> tuple[ChosenColumns, list[Problem]]:
    """As :func:`choose_columns`, with the faults beside a choice that may be incomplete."""
    names = [name for name in table.columns if name != ROW]
    mapped = mapping.columns()
    problems = _missing_columns(names, {**mapped, "ignore": mapping.ignore})
    fixed = {k for k, v in mapping.constants if v} & set(COLUMN_FIELDS)
    problems += [
        Problem(None, name, "given both as a column and as a value for every row")
        for name in sorted(fixed & set(mapped))
    ]
    used = {name for several in mapped.values() for name in several} | set(mapping.ignore)
    # A column of units is looked for even where --unit is given: the two must not disagree.
    settled = {*mapped, *fixed} - ({"unit", "quantity"} - set(mapped))
    detected = detect_columns(table, used, settled, with_values)
    columns = {**detected.columns, **mapped}
    quantity, unit, rates = None, None, None
    if not problems:
        problems += detected.problems
        problems += _chain_problems(table, columns, mapping) if with_chains else []
        if with_values:
            rates = _rates(detected.rates)
            quantity, unit, faults = _quantity_and_unit(
                table, columns, mapping.constants, rates, detected.rates
            )
            problems += faults
    return ChosenColumns(
        columns, quantity, unit, rates, detected.checks, detected.reasons
    ), problems


def _rates(columns: Mapping[str, str]) -> RateColumns | None:
    """Both rate constants with their units; None where a column or a unit is not there."""
    if not {"kon", "koff"} <= set(columns):
        return None
    headers = {constant: read_rate_header(name) for constant, name in columns.items()}
    units = {
        constant: split_unit(columns[constant])[1]
        for constant, h in headers.items()
        if h and h.unit
    }
    kon, koff = units.get("kon"), units.get("koff")
    if not (kon and koff):
        return None
    return RateColumns(columns["kon"], columns["koff"], kon, koff)


def _missing_columns(names: Sequence[str], columns: dict[str, tuple[str, ...]]) -> list[Problem]:
    by_case = {name.lower(): name for name in names}
    problems = []
    for field, several in columns.items():
        for name in several:
            if name in names:
                continue
            close = get_close_matches(name.lower(), by_case, n=1)
            suggestion = f"Did you mean {by_case[close[0]]!r}? " if close else ""
            listed = ", ".join(map(repr, names[:30])) + (" ..." if len(names) > 30 else "")
            reason = f"there is no such column (asked for as {field})"
            problems.append(Problem(1, name, reason, f"{suggestion}The columns are {listed}"))
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
    antigen_settled = mapping.constants.antigen or mapping.antigen_unknown
    if "antigen" not in columns and not antigen_settled:
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


def _quantity_and_unit(
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
        reason = f"it is a rate constant ({rate.constant}), which is no affinity"
        return None, None, [Problem(1, name, reason, "Map the column of KD: --map value=COLUMN")]
    header = mapped_header(name)
    problems: list[Problem] = []
    cells = {
        field: _distinct_texts(table[columns[field][0]])
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


def _distinct_texts(column: pl.Series) -> list[str]:
    """Distinct cells that hold something."""
    return [c for c in column.drop_nulls().unique(maintain_order=True) if not is_missing(c)]


def _no_values(rates: Mapping[str, str], names: Sequence[str]) -> Problem:
    reason = "no column of measured values was found"
    likely = [name for name in names if hints_at_value(name) and name not in rates.values()]
    if len(likely) > 1:
        mend = (
            f"Say which: --map value={likely[0]!r} --quantity KD; give replicates and other "
            "antigens a row each"
        )
        return Problem(1, None, f"{reason}; it may be {' or '.join(map(repr, likely[:6]))}", mend)
    if rates:
        listed = ", ".join(map(repr, rates.values()))
        reason += f" ({listed}: rate constants, which are no affinities"
        has_both = len(rates) == 2
        reason += "; KD is made of both where their headers name their units)" if has_both else ")"
    mend = "Map it: --map value=COLUMN, with --unit and --quantity where its name has neither"
    return Problem(1, None, reason, mend)


def quantity_name(text: str) -> str | None:
    """The name in :class:`abag.units.Quantity` for a text in any case."""
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
    from_header = header.quantity.value if header.quantity else None
    if option and not chosen:
        mend = f"Known are {', '.join(q.value for q in Quantity)}"
        problems.append(Problem(None, None, f"unknown quantity {option!r} is asked for", mend))
    elif cells is not None:
        contradicting = [cell for cell in cells if chosen and quantity_name(cell) != chosen]
        if contradicting:
            problems.append(_contradiction(name, "column of quantities", contradicting[0], chosen))
        return chosen
    elif chosen and from_header and chosen != from_header:
        problems.append(_contradiction(name, "header", from_header, chosen))
    elif not chosen and not from_header:
        mend = "Say it, for example --quantity KD, or map a column (--map quantity=COLUMN)"
        problems.append(Problem(1, name, "the quantity of the values is not named", mend))
    return chosen or from_header


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
    if header.unread is not None and not _unit_explains_brackets(chosen, header):
        problems.append(_unread_problem(name, header, quantity))
        return None
    unit = chosen or header.unit
    if cells is not None:
        contradicting = [cell for cell in cells if unit and not _same_unit(unit, cell)]
        if contradicting:
            problems.append(_contradiction(name, "column of units", contradicting[0], unit))
        return unit
    if not unit and not _units_in_cells(values):
        example = _EXAMPLE_UNITS.get(quantity or "", "nM")
        mend = (
            f"Say it: --unit {example}, a header such as '{split_unit(name)[0]} ({example})', or a "
            "column of units (--map unit=COLUMN); a unit is never guessed"
        )
        problems.append(Problem(1, name, "the unit of the values is not named", mend))
    return unit


def _unit_explains_brackets(chosen: str | None, header: ValueHeader) -> bool:
    """Whether the chosen unit explains the text in the header's brackets."""
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


def _unread_problem(name: str, header: ValueHeader, quantity: str | None) -> Problem:
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


def _contradiction(name: str, where: str, written: str, expected: str | None) -> Problem:
    mend = "Correct one of them, or leave a column out (--map ignore=COLUMN)"
    source = "the option" if where == "header" else "the header or the option"
    return Problem(1, name, f"the {where} says {written!r}, but {source} says {expected!r}", mend)


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
