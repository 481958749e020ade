"""Conversions against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from abag.errors import UnitError
from abag.units import (
    Quantity,
    Relation,
    check_unit,
    energy_per_pkd_j_per_mol,
    from_concentration,
    is_missing,
    is_unit,
    kd_molar_from_pkd,
    parse_unit,
    parse_value,
    pkd_from_kd_molar,
    temperature_kelvin,
    to_log10_scale,
)


def test_one_nanomolar_is_pkd_nine():
    assert pkd_from_kd_molar(1e-9) == pytest.approx(9.0, abs=1e-12)
    assert kd_molar_from_pkd(9.0) == pytest.approx(1e-9, rel=1e-12)


def test_one_pkd_costs_1_36425_kcal_per_mol_at_298_kelvin():
    assert energy_per_pkd_j_per_mol() / 4184 == pytest.approx(1.36425, abs=5e-6)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (2.5e-9, "M"),
        (2.5e-6, "mM"),
        (2.5e-3, "µM"),
        (2.5e-3, "μM"),
        (2.5, "nM"),
        (2.5e3, "pM"),
        (2.5e6, "fM"),
        (math.log10(2.5), "log10 nM"),
        (math.log10(2.5e-9), "log10 M"),
        (-math.log10(2.5e-9), "pKd"),
        (4e8, "1/M"),
        (8.314462618 * 298.15 * math.log(2.5e-9) / 4184, "kcal/mol"),
        (8.314462618 * 298.15 * math.log(2.5e-9) / 1000, "kJ/mol"),
        (0.375, "ug/mL"),
        (375.0, "ng/mL"),
    ],
)
def test_every_encoding_of_2_5_nanomolar_gives_one_pkd(value: float, unit: str):
    got = to_log10_scale(value, parse_unit(unit), molar_mass_g_per_mol=150_000)
    assert got == pytest.approx(8.602059991327963, abs=1e-9)


def test_delta_g_of_minus_12_28_kcal_is_pkd_nine():
    energy = parse_unit("kcal/mol")
    assert to_log10_scale(-12.2787, energy) == pytest.approx(9.0, abs=1e-3)
    assert from_concentration(1e-9, energy) == pytest.approx(-12.2787, abs=1e-3)


def test_a_warmer_measurement_of_the_same_energy_means_weaker_binding():
    warm, cold = (
        to_log10_scale(-12.0, parse_unit("kcal/mol"), temperature_kelvin=kelvin)
        for kelvin in (310.15, 298.15)
    )
    assert warm < cold


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "  ",
        "nMM",
        "nmol",
        "Kd",
        "uMolar?",
        "m",
        "mm",
        "100 nM",
        "RU",
        "nM/s",
        "mol/mL",
        "%",
    ],
)
def test_a_missing_or_unknown_unit_is_refused_and_never_guessed(text: str | None):
    with pytest.raises(UnitError, match="unit"):
        parse_unit(text)


def test_milli_and_mega_are_not_confused():
    assert parse_unit("mM").scale == 1e-3
    with pytest.raises(UnitError):
        parse_unit("MM")


@pytest.mark.parametrize(
    ("text", "name"),
    [("[nM]", "nM"), ("nmol/L", "nM"), ("log10(nM)", "log10 nM"), ("log10(KD/M)", "log10 M"),
     ("-log10(KD)", "pKd"), ("pkd", "pKd"), ("kcal mol-1", "kcal/mol"), ("M^-1", "1/M"),
     ("mg/L", "ug/mL"), ("NM", "nM"), ("KCAL/MOL", "kcal/mol"), ("nmol·L⁻¹", "nM"),
     ("mol dm-3", "M"), ("10^-9 M", "nM"), ("x10-9 M", "nM"), ("-log10 nM", "-log10 nM"),
     ("M-1s-1", "1/(M s)"), ("1/Ms", "1/(M s)"), ("M⁻¹ s⁻¹", "1/(M s)"), ("s⁻¹", "1/s"),
     ("L mol-1 s-1", "1/(M s)")],
)  # fmt: skip
def test_usual_spellings_are_read(text: str, name: str):
    assert parse_unit(text).name == name


@pytest.mark.parametrize(
    ("text", "relation", "number", "unit"),
    [("< 0.1 nM", "<", 0.1, "nM"), (">1e-5", ">", 1e-5, None), ("≥10", ">", 10.0, None),
     ("~5.2E-9 M", "~", 5.2e-9, "M"), ("3.4 x 10^-9 M", "=", 3.4e-9, "M"),
     ("−8.5", "=", -8.5, None), (".5", "=", 0.5, None), ("2×10−8", "=", 2e-8, None),
     ("3x1000", "=", 3000.0, None), ("< 2x1000", "<", 2000.0, None), ("5*1000", "=", 5000.0, None),
     ("2×10⁻⁹ M", "=", 2e-9, "M"), ("10^-9", "=", 1e-9, None), ("1.2 ± 0.3 nM", "=", 1.2, "nM"),
     ("1.2 nM ± 0.3 nM", "=", 1.2, "nM"), ("&lt;1", "<", 1.0, None), ("<= 5 nM", "<", 5.0, "nM"),
     ("ca. 5 nM", "~", 5.0, "nM"), ("'5", "=", 5.0, None), ("2 x 10 -9", "=", 2e-9, None)],
)  # fmt: skip
def test_values_as_people_write_them(text: str, relation: str, number: float, unit: str | None):
    read = parse_value(text)
    assert (read.relation, read.unit_text) == (Relation(relation), unit)
    assert read.number == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["N.B.", "nan", "inf", "", "1,5", "1,000", "--3", "1e999", "2x109", "5x105", "1 200"]
)
def test_what_is_no_number_is_refused(text: str):
    with pytest.raises(UnitError):
        parse_value(text)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_dissociation_constant_is_positive_and_finite(value: float):
    with pytest.raises(UnitError, match="positive"):
        to_log10_scale(value, parse_unit("nM"))


@pytest.mark.parametrize("cell", ["NA", "nan", "N/A", "-", "–", "n.d.", "", "#N/A", "?", "None"])
def test_one_list_says_what_is_missing(cell: str):
    assert is_missing(cell)


@pytest.mark.parametrize("cell", ["NAN1", "HER2", "0", "Nanobody", "EVQL", "NDE", "no"])
def test_what_holds_something_is_not_missing(cell: str):
    assert not is_missing(cell)


def test_a_concentration_is_written_in_every_unit_and_read_back():
    for unit in ("nM", "1/uM", "log10 pM", "pKd", "-log10 nM", "kcal/mol"):
        written = from_concentration(1e-5, parse_unit(unit))
        assert to_log10_scale(written, parse_unit(unit)) == pytest.approx(5.0, abs=1e-9)


def test_a_rate_is_no_affinity():
    with pytest.raises(UnitError, match="rate of association"):
        check_unit(Quantity.KA, parse_unit("M-1s-1"))


def test_a_temperature_says_its_own_unit():
    assert temperature_kelvin("37 °C", celsius=False) == pytest.approx(310.15)
    assert temperature_kelvin("298 K", celsius=True) == 298.0
    assert temperature_kelvin("25", celsius=None) is None
    assert temperature_kelvin("25", celsius=False) is None


def test_micrograms_need_a_molar_mass():
    with pytest.raises(UnitError, match="molar mass"):
        to_log10_scale(1.0, parse_unit("ug/mL"))


def test_celsius_given_as_kelvin_is_refused():
    with pytest.raises(UnitError, match="kelvin"):
        energy_per_pkd_j_per_mol(25.0)


def test_a_dissociation_constant_is_not_an_energy():
    with pytest.raises(UnitError, match="KD cannot be given in"):
        check_unit(Quantity.KD, parse_unit("kcal/mol"))
    with pytest.raises(UnitError, match="dG cannot"):
        check_unit(Quantity.DELTA_G, parse_unit("nM"))


@pytest.mark.parametrize(
    "power", ["10^999 M", "1e99999 M", "10-400 M", "x 10^" + "9" * 5000 + " M"]
)
def test_a_power_of_ten_beyond_every_number_is_no_unit(power: str) -> None:
    assert not is_unit(power)
    assert is_unit("10^-9 M")
