"""Binding quantities, their units, and how people write both.

``scales`` has quantities, units and exact conversions; ``naming`` reads a unit, ``written`` a
value; ``missing`` tells that a cell holds nothing; ``bounds`` makes bounds of both.
"""

from abag.units.missing import MISSING_MARKERS, is_ditto, is_missing, present
from abag.units.naming import is_rate, is_unit, parse_unit, plain
from abag.units.scales import (
    ABSOLUTE,
    ALLOWED_DIMENSIONS,
    GAS_CONSTANT_J_PER_MOL_K,
    JOULES_PER_KCAL,
    PKD_MAX,
    PKD_MIN,
    STANDARD_TEMPERATURE_KELVIN,
    UNITS,
    Dimension,
    Quantity,
    Relation,
    Unit,
    check_unit,
    delta_g_kcal_per_mol_from_pkd,
    energy_per_pkd_j_per_mol,
    from_concentration,
    is_decreasing,
    kd_molar_from_pkd,
    pkd_from_delta_g,
    pkd_from_kd_molar,
    to_log10_scale,
)
from abag.units.written import (
    WrittenValue,
    no_binding,
    not_detected,
    parse_relation,
    parse_value,
    temperature_kelvin,
)

__all__ = [
    "ABSOLUTE",
    "ALLOWED_DIMENSIONS",
    "GAS_CONSTANT_J_PER_MOL_K",
    "JOULES_PER_KCAL",
    "MISSING_MARKERS",
    "PKD_MAX",
    "PKD_MIN",
    "STANDARD_TEMPERATURE_KELVIN",
    "UNITS",
    "Dimension",
    "Quantity",
    "Relation",
    "Unit",
    "WrittenValue",
    "check_unit",
    "delta_g_kcal_per_mol_from_pkd",
    "energy_per_pkd_j_per_mol",
    "from_concentration",
    "is_decreasing",
    "is_ditto",
    "is_missing",
    "is_rate",
    "is_unit",
    "kd_molar_from_pkd",
    "no_binding",
    "not_detected",
    "parse_relation",
    "parse_unit",
    "parse_value",
    "pkd_from_delta_g",
    "pkd_from_kd_molar",
    "plain",
    "present",
    "temperature_kelvin",
    "to_log10_scale",
]
