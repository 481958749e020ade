from math import log10
from pathlib import Path

import polars as pl
import pytest

from abag.errors import AbagError, ModelError, MutationError, TableError
from abag.maturation.assay.file import AssayFile, read_assay
from synthetic_pairs import HEAVY, LIGHT

ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
NAMES = ("WT", "H:Y33F", "H:D102E", "H:Y33F;H:D102E", "L:S50A", "H:R50A+L:S50A")
VALUES = (1.0, 2.0, 5.0, 0.5, 8.0, 40.0)


def write(path: Path, rows: list[dict[str, object]], head: str = "KD (nM)") -> Path:
    filled = [{"antigen": ANTIGEN, "mutations": "WT", head: 1.0 + i, **row} for i, row in
              enumerate(rows)]  # fmt: skip
    pl.DataFrame(filled, infer_schema_length=None).write_csv(path)
    return path


def named(names: tuple[str, ...] = NAMES, **first: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [{"mutations": name} for name in names]
    rows[0] |= first
    return rows


def changed(chain: str, place: int, residue: str) -> str:
    return chain[: place - 1] + residue + chain[place:]


def test_mutations_and_one_row_wt_are_enough(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", named(heavy=HEAVY, light=LIGHT))
    given = read_assay(path)
    assert given.table["heavy"].to_list()[:2] == [HEAVY, changed(HEAVY, 33, "F")]
    assert given.table["light"].to_list()[4] == changed(LIGHT, 50, "A")
    assert given.table["mutations"].to_list() == [
        "", "H:Y33F", "H:D102E", "H:Y33F;H:D102E", "L:S50A", "H:R50A;L:S50A",
    ]  # fmt: skip
    assert any("the chains of 5 rows were made from their mutations" in n for n in given.notes)


def test_the_parent_may_be_given_by_options(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", named())
    told = AssayFile(parent_heavy=HEAVY, parent_light=LIGHT)
    assert read_assay(path, told).table["heavy"][1] == changed(HEAVY, 33, "F")
    with pytest.raises(MutationError, match="give --parent-heavy as well"):
        read_assay(path, AssayFile(parent_light=LIGHT))


def test_a_parent_with_leader_and_constant_domain_is_trimmed_and_places_kept(
    tmp_path: Path,
) -> None:
    leader = "MGWSCIILFLVATATGVHS"
    rows: list[dict[str, object]] = [{"mutations": n} for n in ("WT", "H:Y52F", "H:D121E")]
    rows += [{"mutations": n} for n in ("H:R69A", "H:Y52A", "H:Y52W")]
    path = write(tmp_path / "a.csv", rows)
    given = read_assay(path, AssayFile(parent_heavy=leader + HEAVY, parent_light=LIGHT))
    assert given.table["heavy"][1] == changed(HEAVY, 33, "F")
    assert given.table["mutations"].to_list()[:3] == ["", "H:Y33F", "H:D102E"]


def test_a_missing_wild_type_is_refused_when_rows_have_mutations_alone(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"wild type is missing.*--parent-heavy"):
        read_assay(write(tmp_path / "a.csv", named(("H:Y33F", "H:D102E", "H:R50A"))))


def test_a_missing_wild_type_is_found_by_undoing_mutations(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"mutations": f"H:{HEAVY[i - 1]}{i}A", "heavy": changed(HEAVY, i, "A"), "light": LIGHT}
        for i in (33, 50, 52, 55, 99)
    ]
    rows += [{"mutations": "H:D102E", "heavy": None, "light": None}]
    given = read_assay(write(tmp_path / "a.csv", rows))
    assert given.table["heavy"][5] == changed(HEAVY, 102, "E")
    assert any("found by undoing" in note for note in given.notes)


def test_two_wild_types_are_named_by_their_rows(tmp_path: Path) -> None:
    rows = named(heavy=HEAVY, light=LIGHT)
    rows[3] = {"mutations": "wt", "heavy": changed(HEAVY, 98, "A"), "light": LIGHT}
    with pytest.raises(TableError, match=r"row 5: is named as the parent") as told:
        read_assay(write(tmp_path / "a.csv", rows))
    assert "There are 2 wild types (the first in row 2)" in str(told.value)


def test_a_wrong_reference_residue_is_named_with_its_row(tmp_path: Path) -> None:
    rows = named(heavy=HEAVY, light=LIGHT)
    rows[2] = {"mutations": "H:A33G"}
    with pytest.raises(TableError, match=r"row 4, .*residue 33 of the heavy chain is Y, not A"):
        read_assay(write(tmp_path / "a.csv", rows))


def test_mixed_numberings_are_refused_and_one_numbering_is_mended_by_a_flag(
    tmp_path: Path,
) -> None:
    kabat = ("WT", "H:W95A", "H:D98E", "H:D101N", "H:Y100aF", "H:Y33F")
    path = write(tmp_path / "a.csv", named(kabat, heavy=HEAVY, light=LIGHT))
    with pytest.raises(TableError, match="give --numbering kabat"):
        read_assay(path)
    given = read_assay(path, AssayFile(numbering="kabat"))
    assert given.table["mutations"].to_list()[1:4] == ["H:W99A", "H:D102E", "H:D108N"]
    mixed = ("WT", "H:W99A", "H:W95A", "H:C104A", "H:D102E", "H:G103A")
    with pytest.raises(TableError, match="mixes numbering schemes"):
        read_assay(write(tmp_path / "b.csv", named(mixed, heavy=HEAVY, light=LIGHT)))


def test_chains_that_do_not_carry_their_mutations_are_refused(tmp_path: Path) -> None:
    rows = named(heavy=HEAVY, light=LIGHT)
    rows[1] = {"mutations": "H:Y33F", "heavy": HEAVY, "light": LIGHT}
    with pytest.raises(TableError, match="row 3: the heavy chain is not the parent's with H:Y33F"):
        read_assay(write(tmp_path / "a.csv", rows))


def test_units_of_one_quantity_are_converted(tmp_path: Path) -> None:
    rows = named(heavy=HEAVY, light=LIGHT)
    for i, row in enumerate(rows):
        row |= {"KD": VALUES[i] * (1000 if i % 2 else 1), "unit": "pM" if i % 2 else "nM"}
        row["antigen"] = ANTIGEN
    path = tmp_path / "a.csv"
    pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
    given = read_assay(path)
    assert given.table["pkd"].to_list() == pytest.approx([9 - log10(v) for v in VALUES])
    assert any("nM, pM were converted to one scale" in note for note in given.notes)


@pytest.mark.parametrize(
    ("quantity", "units", "words"),
    [
        (("KD", "IC50"), ("nM", "nM"), "mixes 2 quantities"),
        (("IC50", "IC50"), ("nM", "ug/mL"), "mixes units that have no common scale"),
        (("enrichment", "enrichment"), ("score", "loss"), "mixes units"),
    ],
)
def test_quantities_and_scales_that_do_not_compare_are_refused(
    tmp_path: Path, quantity: tuple[str, str], units: tuple[str, str], words: str
) -> None:
    rows = named(heavy=HEAVY, light=LIGHT)
    for i, row in enumerate(rows):
        row |= {"value": VALUES[i], "unit": units[i % 2], "quantity": quantity[i % 2]}
        row["antigen"] = ANTIGEN
    path = tmp_path / "a.csv"
    pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
    with pytest.raises(ModelError, match=words):
        read_assay(path)


def test_a_rank_score_says_what_it_comes_of(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", named(heavy=HEAVY, light=LIGHT), head="IC50 (nM)")
    assert any("rank scores are IC50 in nM, turned so that higher is tighter" in n
               for n in read_assay(path).notes)  # fmt: skip


def test_faulty_rows_are_set_aside_on_request(tmp_path: Path) -> None:
    rows = named((*NAMES, "H:Y33W"), heavy=HEAVY, light=LIGHT)
    rows[6]["KD (nM)"] = -3.0
    path = write(tmp_path / "a.csv", rows)
    with pytest.raises(TableError, match="--quarantine"):
        read_assay(path)
    given = read_assay(path, AssayFile(quarantine=True))
    assert given.table.height == 6
    assert any("1 row with problems set aside (row 8)" in note for note in given.notes)


def test_rows_whose_mutations_do_not_fit_are_set_aside_on_request(tmp_path: Path) -> None:
    names = (*NAMES, "H:A33G", "nonsense")
    path = write(tmp_path / "a.csv", named(names, heavy=HEAVY, light=LIGHT))
    with pytest.raises(TableError, match=r"row 8, .* is Y, not A(.|\n)*--quarantine"):
        read_assay(path)
    given = read_assay(path, AssayFile(quarantine=True))
    assert given.table.height == len(NAMES)
    assert any("2 rows with mutations that do not fit set aside (row 8, 9)" in n
               for n in given.notes)  # fmt: skip


def test_a_column_in_another_numbering_is_refused_quarantine_or_not(tmp_path: Path) -> None:
    names = ("WT", "H:W95Y", "H:D98E", "H:Y100aF", "L:H91Y", "L:N30S")
    path = write(tmp_path / "a.csv", named(names, heavy=HEAVY, light=LIGHT))
    with pytest.raises(TableError, match="give --numbering kabat"):
        read_assay(path, AssayFile(quarantine=True))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"mutations": "WT", "heavy": HEAVY}] * 6, "one variant only"),
        ([{"KD (nM)": 5.0, "mutations": n, "heavy": HEAVY if n == "WT" else None}
          for n in ("WT", "H:Y33F", "H:D102E", "H:R50A", "H:Y52A")], "values are equal"),
        ([{"KD (nM)": ">10", "mutations": n, "heavy": HEAVY if n == "WT" else None}
          for n in ("WT", "H:Y33F", "H:D102E", "H:R50A", "H:Y52A")], "are censored"),
    ],
)  # fmt: skip
def test_rows_that_teach_nothing_are_refused_with_mutations_too(
    tmp_path: Path, rows: list[dict[str, object]], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        read_assay(write(tmp_path / "a.csv", rows))


def test_an_unknown_numbering_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AbagError, match="unknown numbering 'wolfguy'"):
        read_assay(tmp_path / "a.csv", AssayFile(numbering="wolfguy"))


def test_a_mark_of_a_missing_value_inside_the_parent_is_refused(tmp_path: Path) -> None:
    broken = f"{HEAVY[:40]}nan{HEAVY[40:]}"
    path = tmp_path / "mine.csv"
    path.write_text(f"mutations,KD (nM),heavy\nWT,3,{broken}\nY33F,1,\nT32S,2,\n")
    with pytest.raises(TableError, match="row 2, column 'heavy': the chain has 'nan'"):
        read_assay(path, AssayFile(mapping=["antigen_unknown:=true"]))
