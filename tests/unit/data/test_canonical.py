"""Each raw row becomes a canonical row or a quarantined one, for a stated reason."""

from __future__ import annotations

import json
import math

import polars as pl
import pytest

from abag.data.canonical import canonicalise
from abag.data.raw import RAW_SCHEMA, RawTable
from abag.data.tables import SCHEMA, Measurements
from abag.errors import UnitError
from abag.units import Relation
from abag.units.bounds import convert

# Trastuzumab variable domains and the human HER2 stretch of its epitope (public sequences).
HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAED"
    "TAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQ"
    "HYTTPPTFGQGTKVEIK"
)
ANTIGEN = "CHPECQPQNGSVTCFGPEADQCVACAHYKDPPFCVARCPSGVKPDLSYMPIWKFPDEEGACQPCP"


def raw(**columns: object) -> RawTable:
    """A raw table of one row: trastuzumab on HER2, KD 1 nM, with some columns changed."""
    row: dict[str, object] = {
        "source_row": 2,
        "heavy": HEAVY,
        "light": LIGHT,
        "antigen": [ANTIGEN],
        "quantity": "KD",
        "value": "1",
        "unit": "nM",
        **columns,
    }
    frame = pl.DataFrame(
        {name: [row.get(name)] for name in RAW_SCHEMA}, schema=RAW_SCHEMA, strict=False
    )
    return RawTable("table.csv", frame, pl.DataFrame({"what": ["as written"]}))


def kept(**columns: object) -> dict[str, object]:
    made = canonicalise(raw(**columns), "user", "own-data")
    assert made.quarantine.height == 0, made.quarantine["reasons"].to_list()
    Measurements.canonical(made.table)
    assert made.table.columns == list(SCHEMA)
    return made.table.row(0, named=True)


def refused(**columns: object) -> str:
    made = canonicalise(raw(**columns), "user", "own-data")
    assert made.table.height == 0
    row = made.quarantine.row(0, named=True)
    assert row["source_row"] == 2
    assert json.loads(row["original"]) == {"what": "as written"}
    return "; ".join(row["reasons"])


def test_an_exact_kd_is_value_and_both_bounds():
    row = kept()
    assert row["pkd"] == row["pkd_lower"] == row["pkd_upper"] == pytest.approx(9.0, abs=1e-12)
    assert row["record_id"] == "user:table.csv:2"
    assert (row["raw_value"], row["raw_unit"], row["relation"]) == ("1", "nM", "=")


def test_a_censored_kd_becomes_a_bound_and_never_a_number():
    weak = kept(value=">10000")
    assert (weak["pkd"], weak["pkd_lower"]) == (None, None)
    assert weak["pkd_upper"] == pytest.approx(5.0, abs=1e-12)
    tight = kept(value="0.1", relation="<")
    assert (tight["pkd"], tight["pkd_upper"]) == (None, None)
    assert tight["pkd_lower"] == pytest.approx(10.0, abs=1e-12)


def test_a_floor_written_as_pkd_is_an_upper_bound():
    row = kept(value="6.0", unit="pKd", relation="<")
    assert (row["pkd"], row["pkd_lower"], row["pkd_upper"]) == (None, None, 6.0)


def test_an_ic50_orders_its_assay_but_is_no_pkd():
    row = kept(quantity="IC50", value="0.15", unit="ug/mL", molar_mass_g_per_mol=150_000.0)
    assert row["pkd"] is None
    assert row["rank_score"] == pytest.approx(9.0, abs=1e-12)
    assert kept(quantity="IC50", value="10", unit="ug/mL")["rank_score"] == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("kelvin", "pkd"),
    [
        (278.15, 12 / (0.0019872 * 278.15 * math.log(10))),
        (310.15, 12 / (0.0019872 * 310.15 * math.log(10))),
        (None, 12 / (0.0019872 * 298.15 * math.log(10))),
    ],
)
def test_an_energy_becomes_a_pkd_at_the_temperature_of_its_row(kelvin: float | None, pkd: float):
    """pKd = -dG / (R T ln 10): 9.43 at 5 degrees and 8.46 at 37; at 25 where no row says it."""
    row = kept(quantity="dG", value="-12", unit="kcal/mol", temperature_kelvin=kelvin)
    assert row["pkd"] == pytest.approx(pkd, abs=1e-4)
    assert row["temperature_kelvin"] == kelvin


def test_one_energy_at_two_temperatures_is_two_pkds():
    cold, warm = (
        raw(quantity="dG", value="-12", unit="kcal/mol", temperature_kelvin=kelvin).frame
        for kelvin in (278.15, 310.15)
    )
    both = RawTable("t.csv", pl.concat([cold, warm]), pl.DataFrame({"what": ["a", "b"]}))
    assert canonicalise(both, "user", "own-data").table["pkd"].to_list() == [
        pytest.approx(9.428, abs=1e-3),
        pytest.approx(8.455, abs=1e-3),
    ]


def test_a_mutation_that_costs_energy_ranks_lower():
    worse = kept(quantity="ddG", value="2.0", unit="kcal/mol")
    better = kept(quantity="ddG", value="-0.5", unit="kcal/mol")
    assert worse["pkd"] is None
    assert worse["rank_score"] < 0 < better["rank_score"]
    assert worse["rank_score"] == pytest.approx(-2.0 / 1.364247, abs=1e-5)


def test_a_non_binder_placeholder_declared_censored_has_no_rank_number():
    row = kept(quantity="ddG", value="8.00", unit="kcal/mol", relation=">")
    assert (row["rank_score"], row["rank_lower"]) == (None, None)
    assert row["rank_upper"] == pytest.approx(-8 / 1.364247, abs=1e-4)


def test_a_loss_score_is_turned_so_that_higher_is_tighter():
    row = kept(quantity="enrichment", value="2.5", unit="score (lower is tighter)")
    assert row["rank_score"] == -2.5


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"unit": None}, "the unit is missing"),
        ({"unit": "nanomoles"}, "unknown unit 'nanomoles'"),
        ({"value": "-3"}, "must be a positive finite number"),
        ({"value": "nan"}, "no value ('nan')"),
        ({"value": "weak"}, "not a number"),
        ({"value": "N.B."}, "--map highest_concentration:="),
        ({"value": "n.d."}, "not detected or not determined"),
        ({"value": None}, "no value"),
        ({"value": "1,5"}, "comma"),
        ({"value": "5 uM"}, "the value says 'uM' but the unit is 'nM'"),
        ({"value": "<5", "relation": ">"}, "the value says '<' but the relation is '>'"),
        ({"quantity": "affinity"}, "unknown quantity 'affinity'"),
        ({"value": "1e12", "unit": "M"}, "outside 0 to 16"),
        ({"unit": "kcal/mol"}, "KD cannot be given in 'kcal/mol'"),
        ({"quantity": "binary", "value": "0.5", "unit": "label"}, "a binary label is 0 or 1"),
    ],
)
def test_a_value_that_cannot_be_read_is_set_aside(columns: dict[str, object], reason: str):
    assert reason in refused(**columns)


def test_every_reason_of_a_row_is_kept():
    reasons = refused(value="-3", heavy="EVQL*VE")
    assert "positive" in reasons
    assert "stop codon at residue 5" in reasons


def test_relation_survives_conversion():
    bounds = convert("~2", "KD", "nM")
    assert bounds.relation is Relation.ABOUT
    assert bounds.lower == bounds.upper == pytest.approx(9 - math.log10(2))


def test_a_written_relation_may_not_be_nonsense():
    with pytest.raises(UnitError, match="unknown relation"):
        convert("2", "KD", "nM", relation="perhaps")


@pytest.mark.parametrize("cell", ["NB", "N.B.", "no binding", ">top", "n.d.", "non-binder"])
@pytest.mark.parametrize("unit", ["nM", "pKd", "log10 M"])
def test_no_binding_is_a_bound_at_the_highest_concentration_tested(cell: str, unit: str):
    bounds = convert(cell, "KD", unit, highest_molar=1e-5)
    assert (bounds.lower, bounds.upper) == (None, pytest.approx(5.0))


def test_labels_are_read_as_people_write_them():
    assert convert("True", "binary", "label").lower == 1.0
    assert convert("no", "binary", "label").lower == 0.0


@pytest.mark.parametrize(("written", "stands"), [(">=", ">"), ("≤", "<"), ("≈", "~"), ("'>'", ">")])
def test_a_column_of_relations_is_read_as_a_cell_is(written: str, stands: str):
    assert convert("50", "KD", "nM", relation=written).relation is Relation(stands)
