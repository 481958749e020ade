"""Rows of another antibody in a sheet of variants are named and set aside, none is lost."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abag.maturation.assay.file import AssayFile, read_assay, read_assays, read_groups, read_rows
from abag.maturation.assay.strangers import part_families
from synthetic_pairs import HEAVY, LIGHT, assay_table, canonical, variant

# Two public antibodies beside trastuzumab: bevacizumab (PDB 1bj1) and adalimumab (PDB 3wd5).
BEVACIZUMAB = (
    "EVQLVESGGGLVQPGGSLRLSCAASGYTFTNYGMNWVRQAPGKGLEWVGWINTYTGEPTYAADFKRRFTFSLDTSKSTAYLQMNSLRAEDTAVYYC"
    "AKYPHYYGSSHWYFDVWGQGTLVTVSS",
    "DIQMTQSPSSLSASVGDRVTITCSASQDISNYLNWYQQKPGKAPKVLIYFTSSLHSGVPSRFSGSGSGTDFTLTISSLQPEDFATYYCQQYSTVPW"
    "TFGQGTKVEIK",
)
ADALIMUMAB = (
    "EVQLVESGGGLVQPGRSLRLSCAASGFTFDDYAMHWVRQAPGKGLEWVSAITWNSGHIDYADSVEGRFTISRDNAKNSLYLQMNSLRAEDTAVYYC"
    "AKVSYLSTASSLDYWGQGTLVTVSS",
    "DIQMTQSPSSLSASVGDRVTITCRASQGIRNYLAWYQQKPGKAPKLLIYAASTLQSGVPSRFSGSGSGTDFTLTISSLQPEDVATYYCQRYNRAPY"
    "TFGQGTKVEIK",
)


def rows(chains: list[tuple[str, str | None]], pkd: list[float]) -> pl.DataFrame:
    return canonical(
        {
            "heavy": [heavy for heavy, _ in chains],
            "light": [light for _, light in chains],
            **dict.fromkeys(("pkd", "pkd_lower", "pkd_upper", "rank_score"), pkd),
        }
    )


def sheet(path: Path, extra: list[tuple[str, str, str, str]], variants: int = 24) -> Path:
    """A laboratory's file: name, chains, KD; ``extra`` rows behind the variants."""
    rng = np.random.default_rng(1)
    lines = ["name,heavy,light,KD (nM),antigen"]
    lines += [
        f"v{i},{variant(rng)},{LIGHT},{2.0 + i / 3},MKTAYIAKQRQISFVKSHFSRQ" for i in range(variants)
    ]
    lines += [
        f"{name},{heavy},{light},{kd},MKTAYIAKQRQISFVKSHFSRQ" for name, heavy, light, kd in extra
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("other", [BEVACIZUMAB, ADALIMUMAB])
def test_another_antibody_among_the_variants_is_named_and_set_aside(
    tmp_path: Path, other: tuple[str, str]
) -> None:
    path = sheet(tmp_path / "a.csv", [("control", *other, "3000")])
    assay = read_assay(path)
    assert assay.table.height == assay.rows == 24
    assert assay.aside.select("source_row", "antibody_name").rows() == [(26, "control")]
    assert "of 120 residues of the heavy chain" in assay.aside["reason"][0]
    assert any("1 row far from the parent set aside (row 26 (control)" in n for n in assay.notes)


def test_strangers_are_kept_where_they_are_asked_for(tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.csv", [("control", *BEVACIZUMAB, "3000")])
    assay = read_assay(path, AssayFile(keep_strangers=True))
    assert assay.table.height == 25
    assert assay.aside.is_empty()


def test_a_campaign_reads_the_variants_alone(tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.csv", [("control", *BEVACIZUMAB, "3000")])
    table, _, notes = read_rows(path, AssayFile())
    assert table.height == 24
    assert any("set aside" in note for note in notes)


def test_rows_in_are_rows_kept_and_rows_set_aside(tmp_path: Path) -> None:
    """A row without a value, and a control: both are found again, with their reasons."""
    path = sheet(
        tmp_path / "a.csv", [("control", *BEVACIZUMAB, "3000"), ("lost", HEAVY, LIGHT, "soon")]
    )
    found = read_groups(path, AssayFile(quarantine=True))
    assert sum(rows.height for rows in found.groups.values()) + found.aside.height == 26
    assert found.aside["source_row"].to_list() == [27, 26]


def test_a_control_that_is_named_where_mutations_stand_is_set_aside(tmp_path: Path) -> None:
    lines = ["mutations,KD (nM),heavy,light,antigen", f"WT,3,{HEAVY},{LIGHT},MKTAYIAKQRQIS"]
    lines += [f"H:{HEAVY[p]}{p + 1}A,{p},,,MKTAYIAKQRQIS" for p in (29, 32, 53, 55, 98, 100)]
    lines += [f"isotype control,5000,{BEVACIZUMAB[0]},{BEVACIZUMAB[1]},MKTAYIAKQRQIS"]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assay = read_assay(path)
    assert (assay.rows, assay.aside["mutations"].to_list()) == (7, ["isotype control"])


def test_variants_of_two_parents_are_two_assays(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    others = [
        (f"b{i}", BEVACIZUMAB[0][:99] + str(rng.choice(list("ADEFGHIK"))) + BEVACIZUMAB[0][100:],
         BEVACIZUMAB[1][:50] + "ADEFGHIKLMNPQ"[i] + BEVACIZUMAB[1][51:], str(5 + i))
        for i in range(12)
    ]  # fmt: skip
    found = read_assays(sheet(tmp_path / "a.csv", others))
    assert {name: one.rows for name, one in found.items()} == {"parent-1": 24, "parent-2": 12}


def test_a_row_without_the_light_chain_of_the_others_is_a_stranger() -> None:
    chains: list[tuple[str, str | None]] = [(h, LIGHT) for h in assay_table(20)["heavy"]]
    found = part_families(rows([*chains, (HEAVY, None)], [8.0] * 21))
    (reason,) = found.aside["reason"]
    assert reason.endswith("no light chain, and the parent has one")
    assert [part.height for part in found.rows] == [20]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), most=st.integers(1, 30), count=st.integers(12, 60))
def test_a_library_of_any_number_of_changes_is_not_parted(seed: int, most: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    chains: list[tuple[str, str | None]] = []
    for row in range(count):
        letters = list(HEAVY)
        changes = 1 + row * most // count
        for place in rng.choice(len(HEAVY), changes, replace=False):
            letters[place] = str(rng.choice(list("ADEFGHIKLMNPQRSTVWY")))
        chains.append(("".join(letters), LIGHT))
    found = part_families(rows(chains, rng.normal(8, 1, count).tolist()))
    assert [part.height for part in found.rows] == [count]
    assert found.aside.is_empty()


def test_designs_far_from_their_parent_are_one_library() -> None:
    """All three CDRs are redesigned, each row anew: far from the parent and from each other."""
    rng = np.random.default_rng(5)
    chains: list[tuple[str, str | None]] = [(HEAVY, LIGHT)]
    for _ in range(30):
        letters = list(HEAVY)
        for place in (*range(26, 35), *range(50, 59), *range(97, 108)):
            letters[place] = str(rng.choice(list("ADEFGHIKLMNPQRSTVWY")))
        chains.append(("".join(letters), LIGHT))
    found = part_families(rows(chains, rng.normal(8, 1, 31).tolist()))
    assert [part.height for part in found.rows] == [31]
