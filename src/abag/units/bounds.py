"""One written value with its unit and relation, as bounds where higher is tighter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from abag.errors import UnitError
from abag.units.naming import is_missing, parse_unit
from abag.units.scales import (
    PKD_MAX,
    PKD_MIN,
    STANDARD_TEMPERATURE_KELVIN,
    Dimension,
    Quantity,
    Relation,
    Unit,
    check_unit,
    from_concentration,
    is_decreasing,
    quantity_of,
    to_log10_scale,
)
from abag.units.written import (
    WrittenValue,
    beyond_a_limit,
    not_detected,
    parse_relation,
    parse_value,
    plain_number,
    says_no_binding,
    tested_up_to,
)

_TRUE: Final = frozenset({"true", "t", "yes", "y", "+", "binder", "binding", "positive", "pos"})
_FALSE: Final = frozenset(
    {"false", "f", "no", "n", "non-binder", "nonbinder", "non binder", "no binding", "negative",
     "neg", "nb"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConvertedValue:
    """A converted value on the scale where higher is tighter; None means unbounded."""

    unit: str
    relation: Relation
    lower: float | None
    upper: float | None


def convert(
    value: str | None,
    quantity: str | None,
    unit: str | None,
    relation: str | None = None,
    temperature_kelvin: float | None = None,
    molar_mass_g_per_mol: float | None = None,
    highest_molar: float | None = None,
) -> ConvertedValue:
    """Read one written value; raise :class:`UnitError` where that is impossible.

    The result is pKd (or pIC50, delta pKd) for physical units and a score otherwise. ``relation``
    wins over one written in the value unless they contradict each other. A cell such as ``NB`` (no
    binding) is a bound at ``highest_molar``, the highest concentration tested.
    """
    kind = quantity_of(quantity)
    if value is not None and kind is Quantity.BINARY:
        value = _label(value)
    elif value is not None and says_no_binding(value):
        return _bound_without_binding(value, kind, unit, temperature_kelvin, highest_molar)
    written, in_words = _written(value)
    if (
        not in_words
        and written.unit_text
        and unit
        and parse_unit(written.unit_text) != parse_unit(unit)
    ):
        raise UnitError(f"the value says {written.unit_text!r} but the unit is {unit!r}")
    try:
        parsed_unit = parse_unit(written.unit_text or unit)
    except UnitError as error:
        if written.unit_text is None:
            raise
        raise UnitError(f"{value!r}: {error}") from None
    check_unit(kind, parsed_unit)
    sign = _relation(relation, written.relation)
    number = _on_tight_scale(
        written.number, parsed_unit, kind, temperature_kelvin, molar_mass_g_per_mol
    )
    if kind.is_absolute and not PKD_MIN <= number <= PKD_MAX:
        raise UnitError(
            f"{value} {parsed_unit.name} is pKd {number:.2f}, outside {PKD_MIN:g} to {PKD_MAX:g}; "
            "check the unit"
        )
    return _bounds(number, parsed_unit, sign)


def _written(value: str | None) -> tuple[WrittenValue, bool]:
    """The value of a cell, and whether it is the bound of a text such as ``NB (>1 uM)``."""
    if value is not None and (number := plain_number(value)) is not None:
        return WrittenValue(Relation.EQUAL, number, None), False
    if value is None or is_missing(value):
        raise UnitError("no value" if not (value or "").strip() else f"no value ({value!r})")
    if beyond_a_limit(value):
        raise UnitError(
            f"{value!r} may be too weak or too tight to be measured: write > or < and the limit"
        )
    tested = tested_up_to(value)
    return (parse_value(value), False) if tested is None else (tested, True)


def _bounds(number: float, unit: Unit, relation: Relation) -> ConvertedValue:
    tight = relation.mirrored if is_decreasing(unit) else relation
    lower = None if tight is Relation.LESS else number
    upper = None if tight is Relation.GREATER else number
    return ConvertedValue(unit.name, relation, lower, upper)


def _bound_without_binding(
    value: str,
    kind: Quantity,
    unit: str | None,
    temperature: float | None,
    highest_molar: float | None,
) -> ConvertedValue:
    """A bound at the highest concentration tested, for a cell such as ``NB`` (no binding)."""
    if highest_molar is None:
        doubt = (
            f"{value!r} means not detected or not determined: leave the cell empty if it was not "
            "measured"
            if not_detected(value)
            else f"{value!r} is no number"
        )
        raise UnitError(
            f"{doubt}; a cell without binding becomes a bound where the highest concentration "
            'tested is named (--map highest_concentration:="10 uM", or =COLUMN)'
        )
    parsed_unit = parse_unit(unit or "M")
    check_unit(kind, parsed_unit)
    temperature = STANDARD_TEMPERATURE_KELVIN if temperature is None else temperature
    written = from_concentration(highest_molar, parsed_unit, temperature_kelvin=temperature)
    number = to_log10_scale(written, parsed_unit, temperature_kelvin=temperature)
    return _bounds(
        number, parsed_unit, Relation.GREATER if is_decreasing(parsed_unit) else Relation.LESS
    )


def _label(value: str) -> str:
    """A binary label as 0 or 1, however it is written."""
    word = value.strip().lower()
    return "1" if word in _TRUE else "0" if word in _FALSE else value


def _relation(relation_text: str | None, written: Relation) -> Relation:
    relation = parse_relation(relation_text)
    if relation is None:
        return written
    if written is not Relation.EQUAL and relation is not written:
        raise UnitError(f"the value says {written.value!r} but the relation is {relation_text!r}")
    return relation


def _on_tight_scale(
    number: float, unit: Unit, kind: Quantity, temperature: float | None, mass: float | None
) -> float:
    """The number on a scale where higher is tighter."""
    match unit.dimension:
        case Dimension.SCORE_HIGH_TIGHT:
            return number
        case Dimension.SCORE_LOW_TIGHT:
            return -number
        case Dimension.LABEL:
            if number not in (0.0, 1.0):
                raise UnitError(f"a binary label is 0 or 1, not {number:g}")
            return number
        case Dimension.MASS_PER_VOLUME if mass is None and not kind.is_absolute:
            # Without a molar mass the order inside an assay of like molecules still stands.
            if number <= 0:
                raise UnitError(f"a value in {unit.name} must be positive, not {number:g}")
            return -math.log10(number)
        case _:
            return to_log10_scale(
                number,
                unit,
                temperature_kelvin=STANDARD_TEMPERATURE_KELVIN
                if temperature is None
                else temperature,
                molar_mass_g_per_mol=mass,
            )
