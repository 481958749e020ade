"""Headers of numbers: units wherever people put them, rates apart, brackets never dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag.data.canonical import canonicalise
from abag.data.formats import mapping_from_texts, raw_table_from_user
from abag.data.formats.numbers.value_headers import read_rate_header, read_value_header
from abag.errors import TableError

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYV"


def imported(folder: Path, header: str, *rows: str, texts: tuple[str, ...] = (), **options: object):
    path = folder / "mine.csv"
    lines = [f"heavy,antigen,{header}", *(f"{HEAVY},{ANTIGEN},{row}" for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return canonicalise(
        raw_table_from_user(path, mapping_from_texts(texts, **options)), "user", "own"
    )


def refused(folder: Path, header: str, *rows: str, **options: object) -> str:
    with pytest.raises(TableError) as caught:
        imported(folder, header, *rows, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "quantity", "unit"),
    [
        ("KD..nM.", "KD", "nM"),
        ("Kd.nM", "KD", "nM"),
        ("KD, nM", "KD", "nM"),
        ("KD in nM", "KD", "nM"),
        ("KD_mean_nM", "KD", "nM"),
        ("mean KD (nM)", "KD", "nM"),
        ("KD (nM) (n=3)", "KD", "nM"),
        ("KD (nM, 25 °C)", "KD", "nM"),
        ("KD (10^-9 M)", "KD", "10^-9 M"),
        ("Affinity (KD, nM)", "KD", "nM"),
        ("SPR KD (pM)", "KD", "pM"),
        ("Kd (nmol·L⁻¹)", "KD", "nmol*L^-1"),
        ("kdnm", "KD", "nm"),
        ("Equilibrium dissociation constant (M)", "KD", "M"),
        ("-log10 KD (nM)", "KD", "-log10 nM"),
        ("pKd (-log10 M)", "KD", "pKd"),
        ("Delta G (kcal/mol)", "dG", "kcal/mol"),
        ("IC50 [ng/ml]", "IC50", "ng/ml"),
    ],
)
def test_a_unit_is_read_wherever_it_stands(name: str, quantity: str, unit: str) -> None:
    from abag.units import parse_unit

    header = read_value_header(name)
    assert header is not None
    assert (header.quantity, parse_unit(header.unit)) == (quantity, parse_unit(unit))


@pytest.mark.parametrize(
    "name",
    ["ka (M-1s-1)", "kd (s⁻¹)", "kon(1/Ms)", "kdis (1/s)", "koff", "k_on (M^-1 s^-1)",
     "KD error (nM)", "KD SD (nM)", "KD_std", "KD rank", "Rmax (RU)", "KD 95% CI lower (nM)"],
)  # fmt: skip
def test_rates_and_spreads_are_no_values(name: str) -> None:
    assert read_value_header(name) is None


def test_rates_are_told_by_name_and_unit() -> None:
    on, off = read_rate_header("ka (M-1s-1)"), read_rate_header("kd (s⁻¹)")
    assert on is not None
    assert (on.constant, on.unit) == ("kon", "1/(M s)")
    assert off is not None
    assert (off.constant, off.unit) == ("koff", "1/s")
    assert read_rate_header("kon Error") is None
    assert read_rate_header("KD (nM)") is None


@pytest.mark.parametrize("name", ["pKd (nM)", "pKd [uM]", "pIC50 (nM)"])
def test_a_p_scale_with_a_unit_is_asked_for_and_never_supposed(tmp_path: Path, name: str) -> None:
    said = refused(tmp_path, name, "1.2")
    assert "contradicts itself" in said
    unit = name[-3:-1]
    assert f"--unit='-log10 {unit}'" in said
    made = imported(tmp_path, name, "1.2", unit=f"-log10 {unit}")
    assert made.table["rank_score"][0] == pytest.approx(10.2 if unit == "nM" else 7.2)


@pytest.mark.parametrize("name", ["KD (nmol)", "KD (nM/s)", "KD (%)", "KD [ug]"])
def test_brackets_that_seem_a_unit_are_named_and_never_dropped(tmp_path: Path, name: str) -> None:
    assert "in the header is no known unit" in refused(tmp_path, name, "1.2", unit="pM")


def test_brackets_count_no_more_where_the_user_says_what_they_stand_for(tmp_path: Path) -> None:
    said = refused(tmp_path, "KD (nmol)", "10", unit="nM")
    assert "--unit nM --map header_unit:=nmol" in said
    made = imported(tmp_path, "KD (nmol)", "10", texts=("header_unit:=nmol",), unit="nM")
    assert made.table["pkd"].to_list() == [pytest.approx(8.0)]
    other = refused(tmp_path, "KD (nmol)", "10", texts=("header_unit:=pmol",), unit="nM")
    assert "nothing in it that is no unit reads 'pmol'" in other


def test_two_units_in_one_header_are_named(tmp_path: Path) -> None:
    assert "names two units, nM and M" in refused(tmp_path, "KD (nM) [M]", "1")


def test_a_remark_in_brackets_lets_the_unit_option_speak(tmp_path: Path) -> None:
    assert imported(tmp_path, "KD (HER2)", "1", unit="nM").table["pkd"][0] == pytest.approx(9.0)


def test_a_rate_is_refused_with_any_unit(tmp_path: Path) -> None:
    assert "rate constants" in refused(tmp_path, "ka (M-1s-1)", "1e5", unit="1/M")
    with pytest.raises(TableError, match="is a rate constant"):
        imported(tmp_path, "ka (M-1s-1)", "1e5", texts=("value=ka (M-1s-1)",), unit="1/M")


def test_kd_stands_beside_its_rates(tmp_path: Path) -> None:
    made = imported(tmp_path, "ka (M-1s-1),kd (s⁻¹),KD (M)", "1.2E+05,3.1E-04,2.58E-09")
    assert made.table["pkd"][0] == pytest.approx(8.588, abs=1e-3)
    assert made.table["flags"][0].to_list() == []


def test_kd_is_made_of_its_rates_where_it_is_not_there(tmp_path: Path) -> None:
    made = imported(tmp_path, "kon (1/Ms),kdis (1/s)", "1e5,1e-4", "1e5,NA")
    assert made.table["pkd"].to_list() == [pytest.approx(9.0)]
    assert made.table["flags"][0].to_list() == ["kd_from_rates"]
    assert made.quarantine["reasons"][0].to_list() == ["no value"]


def test_kd_that_contradicts_its_rates_is_flagged_or_set_aside(tmp_path: Path) -> None:
    header = "kon (1/Ms),koff (1/s),KD (nM)"
    made = imported(tmp_path, header, "1e5,1e-4,1.1", "1e5,1e-4,3", "1e5,1e-4,1000")
    assert made.table["flags"].to_list() == [[], ["kd_differs_from_rates"]]
    assert (
        "is pKd 6.00, but koff (1/s) / kon (1/Ms) is pKd 9.00" in made.quarantine["reasons"][0][0]
    )


def test_two_writings_of_one_value_are_checked_against_each_other(tmp_path: Path) -> None:
    made = imported(tmp_path, "KD (nM),pKd", "1,9.0", "1,9.5", "1,6")
    assert made.table["pkd"].to_list() == [pytest.approx(9.0)] * 2
    assert made.table["flags"].to_list() == [[], ["value_columns_differ"]]
    assert made.quarantine.height == 1


def test_two_measurements_are_asked_for(tmp_path: Path) -> None:
    for header in ("KD SPR (nM),KD BLI (nM)", "KD (nM),IC50 (nM)"):
        said = refused(tmp_path, header, "1,9.0", unit="nM")
        assert "could each be value" in said


def test_bare_ka_and_kd_side_by_side_may_be_rates(tmp_path: Path) -> None:
    assert "'ka', 'kd': rate constants" in refused(tmp_path, "ka,kd", "1e5,1e-4", unit="nM")
    made = imported(tmp_path, "ka,kd,KD (nM)", "1e5,1e-4,1")
    assert made.table["pkd"].to_list() == [pytest.approx(9.0)]


def test_no_binding_needs_the_highest_concentration_tested(tmp_path: Path) -> None:
    made = imported(tmp_path, "KD (nM)", "NB", "5")
    assert "--map highest_concentration:=" in made.quarantine["reasons"][0][0]
    made = imported(tmp_path, "KD (nM)", "NB", "5", texts=("highest_concentration:=10 uM",))
    assert made.table["pkd_upper"].to_list() == [pytest.approx(5.0), pytest.approx(8.301, abs=1e-3)]
    assert made.table["relation"].to_list() == [">", "="]
    made = imported(tmp_path, "KD (nM),max conc (nM)", "NB,100")
    assert made.table["pkd_upper"][0] == pytest.approx(7.0)


def test_decimal_commas_are_read_where_they_are_declared(tmp_path: Path) -> None:
    made = imported(tmp_path, "KD (nM)", '"1,5"', "1.500", texts=("decimal:=comma",))
    assert made.table["raw_value"].to_list() == ["1.5"]
    assert "it may part thousands" in made.quarantine["reasons"][0][0]


def test_temperatures_carry_their_unit(tmp_path: Path) -> None:
    made = imported(tmp_path, "KD (nM),Temperature", "1,37 °C", "1,298 K", "1,NA")
    assert made.table["temperature_kelvin"].to_list() == [pytest.approx(310.15), 298.0, None]
