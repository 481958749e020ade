"""Binding quantities and exact conversions between their units.

The working quantity is pKd = -log10(KD / 1 mol/L); higher is tighter. Relations:

* KD = 1 / KA.
* dG = R T ln KD  (KD in mol/L, standard state 1 mol/L), so pKd = -dG / (R T ln 10).
* ddG = dG(mutant) - dG(wild type), so delta pKd = -ddG / (R T ln 10).

R = 8.314462618 J/(mol K) (CODATA 2018, exact); 1 kcal = 4184 J (thermochemical). At 298.15 K
R T ln 10 = 1.36425 kcal/mol.

Texts are read by :mod:`abag.units.naming` and :mod:`abag.units.written`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from abag.errors import UnitError

GAS_CONSTANT_J_PER_MOL_K: Final = 8.314462618
JOULES_PER_KCAL: Final = 4184.0
STANDARD_TEMPERATURE_KELVIN: Final = 298.15
PKD_MIN: Final = 0.0
PKD_MAX: Final = 16.0
"""Outside [PKD_MIN, PKD_MAX] a dissociation constant is not physical (KD of 1 M to 0.1 fM)."""


class Quantity(StrEnum):
    """The measured quantity."""

    KD = "KD"
    KA = "KA"
    DELTA_G = "dG"
    DELTA_DELTA_G = "ddG"
    IC50 = "IC50"
    EC50 = "EC50"
    ENRICHMENT = "enrichment"
    BINARY = "binary"

    @property
    def is_absolute(self) -> bool:
        """Whether one value alone fixes a pKd."""
        return self in (Quantity.KD, Quantity.KA, Quantity.DELTA_G)


def quantity_of(name: str | None) -> Quantity:
    """The quantity of this name; raises :class:`UnitError` for another one."""
    try:
        return Quantity(name or "")
    except ValueError:
        raise UnitError(f"unknown quantity {name!r}; known are {', '.join(Quantity)}") from None


ABSOLUTE: Final = tuple(quantity.value for quantity in Quantity if quantity.is_absolute)
"""Names of the quantities of which one value alone fixes a pKd."""


class Relation(StrEnum):
    """Relation of the true value to the written number."""

    EQUAL = "="
    LESS = "<"
    GREATER = ">"
    ABOUT = "~"

    @property
    def mirrored(self) -> Relation:
        """The relation after a decreasing transformation such as -log10."""
        return _MIRROR[self]


_MIRROR: Final = {
    Relation.EQUAL: Relation.EQUAL,
    Relation.ABOUT: Relation.ABOUT,
    Relation.LESS: Relation.GREATER,
    Relation.GREATER: Relation.LESS,
}


class Dimension(StrEnum):
    """The kind of scale that a unit belongs to."""

    MOLAR = "concentration"
    PER_MOLAR = "association constant"
    MASS_PER_VOLUME = "mass concentration"
    ENERGY = "energy per mole"
    LOG10_MOLAR = "log10 of a concentration"
    NEG_LOG10_MOLAR = "-log10 of a concentration"
    ON_RATE = "rate of association"
    OFF_RATE = "rate of dissociation"
    SCORE_HIGH_TIGHT = "score, higher is tighter"
    SCORE_LOW_TIGHT = "score, lower is tighter"
    LABEL = "binary label"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its canonical name, its dimension and its size in the dimension's base unit.

    The base units are mol/L, L/mol, g/L, J/mol, L/(mol s) and 1/s; for log10 scales ``scale`` is
    the size in mol/L of the concentration whose logarithm is written down.
    """

    name: str
    dimension: Dimension
    scale: float = 1.0


def _units() -> dict[str, Unit]:
    molar = {"M": 1.0, "mM": 1e-3, "uM": 1e-6, "nM": 1e-9, "pM": 1e-12, "fM": 1e-15, "aM": 1e-18}
    mass = {"g/L": 1.0, "mg/mL": 1.0, "ug/mL": 1e-3, "ng/mL": 1e-6, "pg/mL": 1e-9}
    table = [Unit(name, Dimension.MOLAR, size) for name, size in molar.items()]
    table += [Unit(f"log10 {name}", Dimension.LOG10_MOLAR, size) for name, size in molar.items()]
    table += [Unit(f"1/{name}", Dimension.PER_MOLAR, 1.0 / size) for name, size in molar.items()]
    table += [
        Unit("pKd" if name == "M" else f"-log10 {name}", Dimension.NEG_LOG10_MOLAR, size)
        for name, size in molar.items()
    ]
    table += [Unit(name, Dimension.MASS_PER_VOLUME, size) for name, size in mass.items()]
    table += [
        Unit("kcal/mol", Dimension.ENERGY, JOULES_PER_KCAL),
        Unit("kJ/mol", Dimension.ENERGY, 1e3),
        Unit("J/mol", Dimension.ENERGY, 1.0),
        Unit("1/(M s)", Dimension.ON_RATE),
        Unit("1/s", Dimension.OFF_RATE),
        Unit("1/min", Dimension.OFF_RATE, 1.0 / 60.0),
        Unit("score", Dimension.SCORE_HIGH_TIGHT),
        Unit("score (lower is tighter)", Dimension.SCORE_LOW_TIGHT),
        Unit("label", Dimension.LABEL),
    ]
    return {unit.name: unit for unit in table}


UNITS: Final[dict[str, Unit]] = _units()
"""Every unit by its canonical name."""


def energy_per_pkd_j_per_mol(temperature_kelvin: float = STANDARD_TEMPERATURE_KELVIN) -> float:
    """R T ln 10 in J/mol: the free energy of one unit of pKd."""
    if not 200.0 <= temperature_kelvin <= 400.0:
        raise UnitError(
            f"temperature {temperature_kelvin} K is outside 200 to 400 K; give kelvin, not Celsius"
        )
    return GAS_CONSTANT_J_PER_MOL_K * temperature_kelvin * math.log(10.0)


def pkd_from_kd_molar(kd_molar: float) -> float:
    """PKd of a dissociation constant in mol/L."""
    _require_positive(kd_molar, "KD")
    return -math.log10(kd_molar)


def kd_molar_from_pkd(pkd: float) -> float:
    """Dissociation constant in mol/L of a pKd."""
    return float(10.0**-pkd)


def to_log10_scale(
    value: float,
    unit: Unit,
    *,
    temperature_kelvin: float = STANDARD_TEMPERATURE_KELVIN,
    molar_mass_g_per_mol: float | None = None,
) -> float:
    """-log10(mol/L) of a concentration-like value in any unit (pKd, pIC50, or delta pKd).

    Concentrations and mass concentrations (with a molar mass) give -log10 of mol/L, association
    constants log10 of L/mol, energies -E / (R T ln 10). Scores and labels raise UnitError.
    """
    match unit.dimension:
        case Dimension.MOLAR:
            _require_positive(value, f"a value in {unit.name}")
            return -math.log10(value) - math.log10(unit.scale)
        case Dimension.PER_MOLAR:
            _require_positive(value, f"a value in {unit.name}")
            return math.log10(value) + math.log10(unit.scale)
        case Dimension.MASS_PER_VOLUME:
            if molar_mass_g_per_mol is None:
                raise UnitError(f"{unit.name} needs the molar mass of the molecule in g/mol")
            _require_positive(value, f"a value in {unit.name}")
            _require_positive(molar_mass_g_per_mol, "the molar mass")
            return math.log10(molar_mass_g_per_mol) - math.log10(value) - math.log10(unit.scale)
        case Dimension.LOG10_MOLAR:
            return -value - math.log10(unit.scale)
        case Dimension.NEG_LOG10_MOLAR:
            return value - math.log10(unit.scale)
        case Dimension.ENERGY:
            return -value * unit.scale / energy_per_pkd_j_per_mol(temperature_kelvin)
        case _:
            raise UnitError(f"{unit.name!r} is not a physical scale: it only orders one assay")


def from_concentration(
    molar: float, unit: Unit, *, temperature_kelvin: float = STANDARD_TEMPERATURE_KELVIN
) -> float:
    """A dissociation constant in mol/L written in another unit: :func:`to_log10_scale` undone."""
    tight = pkd_from_kd_molar(molar)
    match unit.dimension:
        case Dimension.MOLAR:
            return molar / unit.scale
        case Dimension.PER_MOLAR:
            return 1.0 / (molar * unit.scale)
        case Dimension.LOG10_MOLAR:
            return -tight - math.log10(unit.scale)
        case Dimension.NEG_LOG10_MOLAR:
            return tight + math.log10(unit.scale)
        case Dimension.ENERGY:
            return -tight * energy_per_pkd_j_per_mol(temperature_kelvin) / unit.scale
        case _:
            raise UnitError(f"a concentration in mol/L cannot be written in {unit.name!r}")


def is_decreasing(unit: Unit) -> bool:
    """Whether a larger value in this unit means weaker binding."""
    return unit.dimension in (
        Dimension.MOLAR,
        Dimension.MASS_PER_VOLUME,
        Dimension.LOG10_MOLAR,
        Dimension.ENERGY,
        Dimension.SCORE_LOW_TIGHT,
    )


_CONCENTRATIONS: Final = frozenset({
    Dimension.MOLAR, Dimension.MASS_PER_VOLUME, Dimension.LOG10_MOLAR, Dimension.NEG_LOG10_MOLAR,
})  # fmt: skip
_SCORES: Final = frozenset({Dimension.SCORE_HIGH_TIGHT, Dimension.SCORE_LOW_TIGHT})
ALLOWED_DIMENSIONS: Final[dict[Quantity, frozenset[Dimension]]] = {
    Quantity.KD: _CONCENTRATIONS,
    Quantity.KA: frozenset({Dimension.PER_MOLAR}),
    Quantity.DELTA_G: frozenset({Dimension.ENERGY}),
    Quantity.DELTA_DELTA_G: frozenset({Dimension.ENERGY}),
    Quantity.IC50: _CONCENTRATIONS | _SCORES,
    Quantity.EC50: _CONCENTRATIONS | _SCORES,
    Quantity.ENRICHMENT: _SCORES,
    Quantity.BINARY: frozenset({Dimension.LABEL}),
}
"""The dimensions in which each quantity may be written."""


def check_unit(quantity: Quantity, unit: Unit) -> None:
    """Refuse a unit that cannot belong to the quantity (a KD in kcal/mol, say)."""
    if unit.dimension not in ALLOWED_DIMENSIONS[quantity]:
        raise UnitError(
            f"{quantity.value} cannot be given in {unit.name!r} ({unit.dimension.value})"
        )


def _require_positive(value: float, name: str) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise UnitError(f"{name} must be a positive finite number, not {value}")
