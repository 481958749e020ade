"""Which column is what, and that no unit is ever guessed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from abag.data.formats import ColumnMapping, mapping_from_texts, raw_table_from_user
from abag.data.formats.columns import pairs_table
from abag.data.formats.headers import read_value_header
from abag.data.formats.mapping import Constants
from abag.errors import OptionError, TableError

H = "EVQLVESGGGLVQPGGSLRLSCAAS"
L = "DIQMTQSPSSLSASVGDRVTITC"
AG = "TQVCTGTDMKLRLPASPETHLD"


def table(folder: Path, header: str, *rows: str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def only(path: Path, *texts: str, **options: str) -> dict[str, object]:
    raw = raw_table_from_user(path, mapping_from_texts(texts, **options))
    assert raw.frame.height == 1
    return raw.frame.row(0, named=True)


def refused(path: Path, *texts: str, **options: str) -> str:
    with pytest.raises(TableError) as caught:
        raw_table_from_user(path, mapping_from_texts(texts, **options))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "quantity", "unit"),
    [
        ("KD (nM)", "KD", "nM"),
        ("Kd[nM]", "KD", "nM"),
        ("KD / pM", "KD", "pM"),
        ("KD nM", "KD", "nM"),
        ("KD_M", "KD", "M"),
        ("Affinity_KD(nM)", "KD", "nM"),
        ("pKd", "KD", "pKd"),
        ("-log10(KD)", "KD", "pKd"),
        ("log10_KD_nM", "KD", "log10 nM"),
        ("log10(KD/nM)", "KD", "log10 nM"),
        ("ΔG (kcal/mol)", "dG", "kcal/mol"),
        ("ddG_kJ_mol", "ddG", "kJ/mol"),
        ("IC50 (µg/mL)", "IC50", "ug/mL"),
        ("KA (M-1)", "KA", "M-1"),
        ("binder", "binary", "label"),
        ("KD", "KD", None),
        ("kd_m", "KD", None),
        ("KD (SPR)", "KD", None),
        ("log10 KD", "KD", None),
        ("binding affinity", None, None),
    ],
)
def test_a_header_says_its_quantity_and_unit(
    name: str, quantity: str | None, unit: str | None
) -> None:
    header = read_value_header(name)
    assert header is not None
    assert (header.quantity, header.unit) == (quantity, unit)


@pytest.mark.parametrize("name", ["kd (1/s)", "ka (1/Ms)", "kd [s-1]", "koff", "heavy", "Rmax"])
def test_a_rate_constant_is_no_affinity(name: str) -> None:
    assert read_value_header(name) is None


def test_the_usual_names_are_found(tmp_path: Path) -> None:
    header = "ID,VH,Light Chain,Ag_seq,KD (nM),kd (1/s),PDB,DOI,T (K)"
    row = only(table(tmp_path, header, f"ab1,{H},{L},{AG}/{AG},<0.1,1e-4,1ABC,10.1/x,310"))
    assert row["source_row"] == 2
    assert (row["heavy"], row["light"], row["antigen"]) == (H, L, [AG, AG])
    assert (row["value"], row["unit"], row["quantity"]) == ("<0.1", "nM", "KD")
    assert (row["antibody_name"], row["structure_id"]) == ("ab1", "1abc")
    assert (row["reference"], row["temperature_kelvin"]) == ("10.1/x", 310.0)
    assert (row["licence"], row["assay"]) == ("own-data", "mine")


def test_bad_rows_are_left_to_the_canonical_step(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen,KD (nM)", f"{H},{AG},-5", f"{H},,NaN", "x1,,")
    raw = raw_table_from_user(path)
    assert raw.frame["value"].to_list() == ["-5", "NaN", None]
    assert raw.frame["antigen"].to_list() == [[AG], [], []]
    assert raw.original.height == 3


def test_a_bare_kd_is_refused_and_the_unit_option_mends_it(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen,KD", f"{H},{AG},5")
    said = refused(path)
    assert "row 1, column 'KD': the unit of the values is not named" in said
    assert "--unit nM" in said
    assert only(path, unit="nanomolar")["unit"] == "nM"
    assert "unknown unit 'nanometre'" in refused(path, unit="nanometre")


def test_the_mend_proposes_a_unit_of_the_quantity(tmp_path: Path) -> None:
    said = refused(table(tmp_path, "heavy,antigen,ddG", f"{H},{AG},5"))
    assert "--unit kcal/mol, a header such as 'ddG (kcal/mol)'" in said


def test_units_may_stand_in_the_cells(tmp_path: Path) -> None:
    row = only(table(tmp_path, "heavy,antigen,KD", f"{H},{AG},5 nM"))
    assert (row["value"], row["unit"]) == ("5 nM", None)


def test_a_unit_column_wins_and_must_not_contradict(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen,Affinity,Units", f"{H},{AG},5,pM", f"{H},{AG},6,nM")
    raw = raw_table_from_user(path, mapping_from_texts(quantity="kd"))
    assert raw.frame["unit"].to_list() == ["pM", "nM"]
    assert raw.frame["quantity"].to_list() == ["KD", "KD"]
    assert "the column of units says 'pM', but the header or the option says 'nM'" in refused(
        path, unit="nM", quantity="KD"
    )


def test_header_and_option_must_not_contradict(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen,KD (nM)", f"{H},{AG},5")
    assert "the header says 'nM', but the option says 'pM'" in refused(path, unit="pM")
    assert "the header says 'KD', but the option says 'IC50'" in refused(path, quantity="IC50")
    assert only(path, unit="nM", quantity="KD")["unit"] == "nM"


def test_a_kd_in_kcal_is_refused_by_its_header(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen,KD (kcal/mol)", f"{H},{AG},5")
    assert "KD cannot be given in 'kcal/mol'" in refused(path)


def test_all_faults_of_the_mapping_come_at_once(tmp_path: Path) -> None:
    path = table(tmp_path, "Vh,antigen,Affinity (nM)", f"{H},{AG},5")
    said = refused(path, "heavy=VHH", "value=Afinity (nM)")
    assert "column 'VHH': there is no such column (asked for as heavy). Did you mean 'Vh'?" in said
    assert "Did you mean 'Affinity (nM)'?" in said
    path = table(tmp_path, "chain,target,KD", f"{H},HER2,5")
    said = refused(path)
    for fault in ("no column of heavy chains", "no column of antigen sequences", "unit of"):
        assert fault in said


def test_two_columns_that_could_be_one_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "VH,heavy,antigen,IC50 (nM),pKd", f"{H},{H},{AG},5,8.3")
    said = refused(path)
    assert "the columns 'heavy', 'VH' could each be heavy" in said
    assert "could each be value" in said
    row = only(path, "heavy=VH", "ignore=heavy", "value=pKd", "ignore=IC50 (nM)")
    assert (row["value"], row["unit"]) == ("8.3", "pKd")


def test_names_are_not_taken_for_antigen_sequences(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen,KD (nM)", f"{H},HER2,5")
    assert "no cell looks like a sequence (the first is 'HER2')" in refused(path)
    row = only(path, "antigen_name=antigen", f"antigen:={AG}")
    assert (row["antigen"], row["antigen_name"]) == ([AG], "HER2")


@pytest.mark.parametrize("joined", [f"{AG}|{L}", f"{AG}/{L}", f"{AG} : {L}"])
def test_joined_antigen_chains_are_parted(tmp_path: Path, joined: str) -> None:
    path = table(tmp_path, "heavy,antigen,pKd", f"{H},{joined},8")
    assert only(path)["antigen"] == [AG, L]


def test_several_antigen_columns_are_several_chains(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen1,antigen2,pKd", f"{H},{AG},{L},8", f"{H},{AG},,8")
    assert raw_table_from_user(path).frame["antigen"].to_list() == [[AG, L], [AG]]


def test_an_antigen_chain_that_is_not_there_is_no_chain(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen1,antigen2,pKd", f"{H},{AG},NA,8", f"{H},{AG}|nan,-,8")
    assert raw_table_from_user(path).frame["antigen"][0].to_list() == [AG]
    path = table(tmp_path, "heavy,antigen,pKd", f"{H},{AG}|NA,8")
    assert only(path)["antigen"] == [AG, "NA"]  # the canonical step leaves it out with a flag


def test_celsius_becomes_kelvin_and_a_bare_temperature_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,antigen,pKd,temperature", f"{H},{AG},8,25", f"{H},{AG},8,warm",
                 f"{H},{AG},8,N.A.")  # fmt: skip
    assert "the unit of the temperature is not named" in refused(path)
    frame = raw_table_from_user(path, ColumnMapping(temperature_celsius="temperature")).frame
    assert frame["temperature_kelvin"].to_list() == [pytest.approx(298.15), None, None]
    assert frame["flags"].to_list() == [[], ["temperature_unreadable"], []]


def test_one_antigen_is_given_for_many_rows(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,pKd", f"{H},3", f"{H},4", f"{H},5")
    frame = raw_table_from_user(path, mapping_from_texts([f"antigen:={AG}|{L}"])).frame
    assert frame["antigen"].to_list() == [[AG, L]] * 3


def test_constants_fill_every_row(tmp_path: Path) -> None:
    path = table(tmp_path, "heavy,value", f"{H},3")
    constants = Constants(
        antigen=(AG,), quantity="IC50", unit="ug/mL", assay="run7", temperature_celsius=37.0,
        molar_mass_g_per_mol=150_000.0, licence="CC0-1.0",
    )  # fmt: skip
    row = raw_table_from_user(path, ColumnMapping(constants=constants)).frame.row(0, named=True)
    assert (row["quantity"], row["unit"], row["assay"]) == ("IC50", "ug/mL", "run7")
    assert row["temperature_kelvin"] == pytest.approx(310.15)
    assert (row["molar_mass_g_per_mol"], row["licence"]) == (150_000.0, "CC0-1.0")


def test_quantities_in_cells_are_read_whatever_their_case(tmp_path: Path) -> None:
    header = "heavy,antigen,value,unit,quantity"
    path = table(tmp_path, header, f"{H},{AG},5,nM,Kd", f"{H},{AG},-9,kcal/mol,ΔG",
                 f"{H},{AG},5,nM,Tm")  # fmt: skip
    assert raw_table_from_user(path).frame["quantity"].to_list() == ["KD", "dG", "Tm"]


def test_pairs_need_no_values(tmp_path: Path) -> None:
    path = table(tmp_path, "name;heavy;antigen", f"a;{H};{AG}", f"b;{H};{AG}|{L}")
    frame, _ = pairs_table(path)
    assert frame["source_row"].to_list() == [2, 3]
    assert frame["antigen"].to_list() == [[AG], [AG, L]]
    assert frame["scfv"].dtype == pl.String


def test_a_canonical_table_can_be_read_back(tmp_path: Path) -> None:
    header = "heavy,light,antigen,quantity,raw_value,raw_unit,relation,pkd"
    row = only(table(tmp_path, header, f"{H},{L},{AG},KD,5,nM,<,8.3"))
    assert (row["value"], row["unit"], row["relation"]) == ("5", "nM", "<")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hevy=VH", "did you mean 'heavy'"),
        ("heavy", "is not column=header"),
        ("asay:=x", "did you mean 'assay'"),
        ("temperature_kelvin:=warm", "valid number"),
    ],
)
def test_a_mapping_that_cannot_be_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        mapping_from_texts([text])


def test_a_column_given_twice_is_refused() -> None:
    with pytest.raises(OptionError, match="given twice"):
        mapping_from_texts(["heavy=a", "heavy=b"])
    assert mapping_from_texts(["antigen=a", "antigen=b"]).antigen == ("a", "b")
