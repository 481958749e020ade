"""Binding quantities, their units, and how people write both.

``scales`` has quantities, units and exact conversions; ``naming`` reads a unit, and that a
cell holds nothing; ``written`` reads a value; ``bounds`` makes bounds of both.
"""

from abag.units.naming import is_ditto, is_missing, is_rate, is_unit, parse_unit, plain, present
from abag.units.scales import (
    ABSOLUTE,
    PKD_MAX,
    PKD_MIN,
    UNITS,
    Dimension,
    Quantity,
    Relation,
    Unit,
    check_unit,
    energy_per_pkd_j_per_mol,
    from_concentration,
    is_decreasing,
    kd_molar_from_pkd,
    pkd_from_kd_molar,
    quantity_of,
    to_log10_scale,
)
from abag.units.written import (
    parse_relation,
    parse_value,
    temperature_kelvin,
)

__all__ = [
    "ABSOLUTE",
    "PKD_MAX",
    "PKD_MIN",
    "UNITS",
    "Dimension",
    "Quantity",
    "Relation",
    "Unit",
    "check_unit",
    "energy_per_pkd_j_per_mol",
    "from_concentration",
    "is_decreasing",
    "is_ditto",
    "is_missing",
    "is_rate",
    "is_unit",
    "kd_molar_from_pkd",
    "parse_relation",
    "parse_unit",
    "parse_value",
    "pkd_from_kd_molar",
    "plain",
    "present",
    "quantity_of",
    "temperature_kelvin",
    "to_log10_scale",
]
