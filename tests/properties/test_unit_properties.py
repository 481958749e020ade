"""Conversions hold for every value, not for examples alone."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abag.errors import UnitError
from abag.units import (
    UNITS,
    Dimension,
    Relation,
    from_concentration,
    is_decreasing,
    kd_molar_from_pkd,
    parse_unit,
    parse_value,
    pkd_from_kd_molar,
    to_log10_scale,
)

pkds = st.floats(min_value=0.5, max_value=15.5)
temperatures = st.floats(min_value=273.15, max_value=330.0)
PHYSICAL = [
    unit
    for unit in UNITS.values()
    if unit.dimension
    in (Dimension.MOLAR, Dimension.PER_MOLAR, Dimension.LOG10_MOLAR, Dimension.MASS_PER_VOLUME)
]


@given(pkds, temperatures)
def test_pkd_survives_the_way_through_concentration_and_energy(pkd: float, kelvin: float):
    assert pkd_from_kd_molar(kd_molar_from_pkd(pkd)) == pytest.approx(pkd, abs=1e-9)
    for unit in (UNITS["kcal/mol"], UNITS["kJ/mol"]):
        energy = from_concentration(10.0**-pkd, unit, temperature_kelvin=kelvin)
        assert to_log10_scale(energy, unit, temperature_kelvin=kelvin) == pytest.approx(
            pkd, abs=1e-9
        )


@given(pkds)
def test_all_concentration_units_agree_on_one_pkd(pkd: float):
    molar = 10.0**-pkd
    for unit in PHYSICAL:
        match unit.dimension:
            case Dimension.MOLAR:
                written = molar / unit.scale
            case Dimension.PER_MOLAR:
                written = 1 / molar / unit.scale
            case Dimension.LOG10_MOLAR:
                written = math.log10(molar / unit.scale)
            case _:
                written = molar * 50_000 / unit.scale
        assert to_log10_scale(written, unit, molar_mass_g_per_mol=50_000) == pytest.approx(
            pkd, abs=1e-9
        )


@given(st.sampled_from(PHYSICAL), pkds, pkds)
def test_the_direction_of_every_unit_is_known(unit, first: float, second: float):
    one, other = sorted((first, second))
    if other - one < 1e-6:
        return
    low = to_log10_scale(one, unit, molar_mass_g_per_mol=1e5)
    high = to_log10_scale(other, unit, molar_mass_g_per_mol=1e5)
    assert (high < low) == is_decreasing(unit)


@given(
    st.sampled_from(list(Relation)),
    st.floats(min_value=1e-15, max_value=1e6),
    st.sampled_from(["M", "nM", "log10 nM", "kcal/mol", None]),
)
def test_a_written_value_is_read_back(relation: Relation, number: float, unit: str | None):
    read = parse_value(f"{relation.value}{number!r} {unit or ''}")
    assert (read.relation, read.number, read.unit_text) == (relation, number, unit)


@given(st.text(max_size=12) | st.text("<>~ .0123456789eEunpmMKkcaljolDgd/%()-", max_size=10))
def test_any_text_is_a_finite_value_or_a_unit_error(text: str):
    with suppress(UnitError):
        assert math.isfinite(parse_value(text).number)


@given(st.text(max_size=12) | st.text("unpmMKkcaljolDgd/ log10()-", max_size=10))
def test_any_text_is_a_unit_with_a_size_or_a_unit_error(text: str):
    with suppress(UnitError):
        unit = parse_unit(text)
        assert math.isfinite(unit.scale)
        assert unit.scale > 0


@given(st.sampled_from(list(Relation)))
def test_mirroring_a_relation_twice_gives_it_back(relation: Relation):
    assert relation.mirrored.mirrored is relation
