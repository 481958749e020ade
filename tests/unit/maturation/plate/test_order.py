"""What is ordered for a plate: DNA that codes for it, and lists that machines read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from Bio.Seq import translate

from abag.antibody.antibody import Antibody
from abag.antibody.mutations import apply_mutations, parse_mutations
from abag.errors import CampaignError, OptionError, SequenceError
from abag.maturation.plate.coding import (
    LONGEST_RUN,
    SITES,
    Coding,
    degenerate_codon,
    usage,
)
from abag.maturation.plate.order import OrderSheet, order_sheet, plate_folder, write_order
from synthetic_pairs import HEAVY, LIGHT

pytest.importorskip("python_codon_tables")

PLATE = ("H:Y105R", "H:Y105K;L:S30A", "H:D31-", "")


def wells(copies: int = 2) -> pl.DataFrame:
    rows = []
    for copy in range(copies):
        for number, name in enumerate(PLATE):
            heavy, light = apply_mutations(
                HEAVY, LIGHT, parse_mutations(fitting(name), HEAVY, LIGHT)
            )
            rows.append(
                {"plate": 1, "well": f"{'AB'[copy]}{number + 1}", "name": f"P1-{copy}{number}",
                 "kind": "variant" if name else "control", "mutations": fitting(name),
                 "heavy": heavy, "light": light}
            )  # fmt: skip
    return pl.DataFrame(rows)


def fitting(name: str) -> str:
    """The text with the residues that the made-up parent has there."""
    chains = {"H": HEAVY, "L": LIGHT}
    found = []
    for one in filter(None, name.split(";")):
        place = int("".join(filter(str.isdigit, one)))
        found.append(f"{one[:2]}{chains[one[0]][place - 1]}{place}{one[-1]}")
    return ";".join(found)


@pytest.fixture(scope="module")
def sheet() -> OrderSheet:
    return order_sheet(wells(), Antibody.of(HEAVY, LIGHT), Coding(), before="GCCACC")


@pytest.mark.parametrize("host", ["h_sapiens", "e_coli", "s_cerevisiae"])
def test_dna_codes_for_the_protein_and_holds_no_site(host: str) -> None:
    coding = Coding(host, ("BsaI", "BsmBI", "GATC"))
    for protein in (HEAVY, LIGHT, "WWWW", "K" * 20, "P" * 20):
        dna = coding.encode(protein)
        assert translate(dna) == protein
        for site in ("GGTCTC", "GAGACC", "CGTCTC", "GAGACG", "GATC"):
            assert site not in dna
        assert not any(base * (LONGEST_RUN + 1) in dna for base in "ACGT")


def test_codons_are_the_hosts_commonest_where_nothing_forbids_them() -> None:
    assert Coding("e_coli").encode("L") == max(usage("e_coli")["L"], key=usage("e_coli")["L"].get)
    assert Coding("h_sapiens").encode("L") == "CTG"


def test_a_variant_keeps_the_parents_codons_but_for_its_mutations(sheet: OrderSheet) -> None:
    chains = sheet.dna.filter(chain="heavy")
    parent = chains.filter(pl.col("protein") == HEAVY)["dna"][0]
    single = chains.filter(mutations=fitting(PLATE[0]))["dna"][0]
    changed = [i for i in range(0, len(parent), 3) if parent[i : i + 3] != single[i : i + 3]]
    assert len(changed) == 1
    shorter = chains.filter(mutations=fitting(PLATE[2]))["dna"][0]
    assert len(shorter) == len(parent) - 3
    assert shorter.startswith(parent[:90])
    assert shorter.endswith(parent[-200:])


def test_every_chain_is_ordered_once_and_codes_for_its_well(sheet: OrderSheet) -> None:
    assert sheet.dna.height == 2 * len(PLATE)
    for row in sheet.dna.iter_rows(named=True):
        assert row["dna"].startswith("GCCACC")
        assert translate(row["dna"][6:]) == row["protein"]
        assert row["bases"] == len(row["dna"])


@pytest.mark.parametrize("handler", ["echo", "opentrons", "hamilton"])
def test_a_pick_list_brings_each_variant_to_all_its_wells(sheet: OrderSheet, handler: str) -> None:
    source, target = {"echo": ("Source Well", "Destination Well"),
                      "opentrons": ("Source Well", "Dest Well"),
                      "hamilton": ("SourcePosition", "TargetPosition")}[handler]  # fmt: skip
    picks = sheet.picks[handler]
    assert picks.height == 8
    by_well = dict(zip(wells()["well"], wells()["heavy"], strict=True))
    ordered = dict(sheet.dna.filter(chain="heavy").select("source_well", "protein").iter_rows())
    for one, other in picks.select(source, target).iter_rows():
        assert ordered[one] == by_well[other]


@pytest.mark.parametrize(
    ("wanted", "codon"), [("AG", "GST"), ("DE", "GAW"), ("M", "ATG"), ("AV", "GYT")]
)
def test_a_degenerate_codon_codes_for_what_is_wanted_and_little_else(
    wanted: str, codon: str
) -> None:
    found = degenerate_codon(wanted)
    assert set(wanted) <= set(found.codes)
    assert not found.extra
    assert not found.stop
    assert len(found.codon) == 3
    assert found.codons <= len(degenerate_codon("ACDEFGHIKLMNPQRSTVWY").codes) * 2
    assert translate(codon.replace("S", "G").replace("W", "T").replace("Y", "T")) in wanted


def test_a_degenerate_codon_for_far_residues_names_what_else_it_codes() -> None:
    found = degenerate_codon("WD")
    assert found.extra or found.stop
    with pytest.raises(SequenceError, match="no codon codes X"):
        degenerate_codon("X")


def test_the_library_has_every_place_with_the_parents_residue(sheet: OrderSheet) -> None:
    rows = {(row["chain"], row["place"]): row for row in sheet.library.iter_rows(named=True)}
    assert set(rows) == {("H", 105), ("L", 30)}
    assert set("RK") | {HEAVY[104]} == set(rows["H", 105]["wanted"])
    assert set(rows["H", 105]["wanted"]) <= set(rows["H", 105]["codes"])


def test_an_order_is_written_the_same_twice(sheet: OrderSheet, tmp_path: Path) -> None:
    one, other = (
        {path.name: path.read_bytes() for path in write_order(sheet, tmp_path / name)}
        for name in ("one", "other")
    )
    assert one == other
    assert {"order.csv", "order.fasta", "plate.xlsx", "echo.csv"} <= set(one)
    page = pl.read_excel(tmp_path / "one" / "plate.xlsx", sheet_name="Wells")
    assert page["name"].to_list() == wells()["name"].to_list()


def test_what_cannot_be_ordered_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--host moon is not known"):
        Coding("moon").encode("A")
    with pytest.raises(OptionError, match="--avoid Foo is no known enzyme"):
        Coding(avoid=("Foo",))
    with pytest.raises(SequenceError, match="no choice of codons keeps ATGG out of"):
        Coding(avoid=("ATGG",)).encode("MG")
    with pytest.raises(OptionError, match="--before holds other letters"):
        order_sheet(wells(), Antibody.of(HEAVY, LIGHT), Coding(), before="AXG")
    with pytest.raises(CampaignError, match="holds no plate"):
        plate_folder(tmp_path)
    assert SITES["BsaI"] == "GGTCTC"
