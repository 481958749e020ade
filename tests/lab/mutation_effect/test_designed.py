"""Sets of designed variants: whose value the parent's is, what a bound is, what is set aside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.model.mutation_effect import load_mutation_effect
from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.mutation_effect.assays import read_assays
from abag_lab.mutation_effect.designed import read_designed
from abag_lab.mutation_effect.sealed import digest, parts, sealed_assays
from abag_lab.sources.libraries.variants import TRASTUZUMAB

HEAVY = TRASTUZUMAB.before + TRASTUZUMAB.parent + TRASTUZUMAB.after
LIGHT = TRASTUZUMAB.light
ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYVLIAHNQVRQVPLQRL"


def row(chain: str, value: str, **changed: str) -> dict[str, str]:
    return {
        "heavy": chain, "light": LIGHT, "antigen": ANTIGEN, "value": value, "quantity": "KD",
        "unit": "nM", "relation": "=", "higher_is_tighter": "False", "parent": "False",
        "family": "A", "antigen_name": "protein HER2", "variant": "v", "note": "", **changed,
    }  # fmt: skip


def written(folder: Path, source: str, rows: list[dict[str, str]]) -> Path:
    (folder / source).mkdir()
    pl.DataFrame(rows).write_csv(folder / source / "variants.csv")
    return folder


def mutant(letter: str) -> str:
    return HEAVY.replace("WGG", f"W{letter}G")


def test_a_variant_counts_from_its_parent_in_pkd(tmp_path: Path):
    rows = [row(HEAVY, "1", parent="True"), row(mutant("A"), "10"), row(mutant("S"), "0.1")]
    (found,) = read_designed(written(tmp_path, "rosace2023_tnf", rows))
    assert found.name == "rosace2023/A"
    assert found.absolute
    assert found.antigen == (ANTIGEN,)
    np.testing.assert_allclose(found.delta, [-1.0, 1.0])


def test_repeats_are_averaged_and_a_bound_gives_way_to_a_value(tmp_path: Path):
    rows = [
        row(HEAVY, "1", parent="True"),
        row(mutant("A"), "10"),
        row(mutant("A"), "1000"),
        row(mutant("S"), "2000", relation=">"),
        row(mutant("T"), "2000", relation=">"),
        row(mutant("T"), "100"),
        row(mutant("V"), "0.5", relation="<"),  # tighter than its value: nothing to learn
    ]
    (found,) = read_designed(written(tmp_path, "rosace2023_tnf", rows))
    np.testing.assert_allclose(found.delta, [-2.0, -np.log10(2000), -2.0])
    assert found.censored.tolist() == [False, True, False]


def test_a_variant_counts_from_the_parent_of_its_own_batch(tmp_path: Path):
    rows = [
        row(HEAVY, "1", parent="True", variant="alpha:WT"),
        row(HEAVY, "100", parent="True", variant="beta:WT"),
        row(mutant("A"), "10", variant="alpha:G100A"),
        row(mutant("S"), "10", variant="beta:G100S"),
    ]
    (found,) = read_designed(written(tmp_path, "hie2023_efficient_evolution", rows))
    np.testing.assert_allclose(found.delta, [-1.0, 1.0])


def test_a_set_whose_parent_was_not_fitted_is_not_absolute(tmp_path: Path):
    rows = [row(HEAVY, "2000", relation=">", parent="True"), row(mutant("A"), "20")]
    (found,) = read_designed(written(tmp_path, "kirby2024_magmaseq", rows))
    assert not found.absolute
    np.testing.assert_allclose(found.delta, [2.0])


def test_a_design_without_a_kd_stands_at_the_weakest_that_was_measured(tmp_path: Path):
    folder = tmp_path / "igdesign_open"
    folder.mkdir()
    (folder / "antigens.json").write_text(json.dumps({"T": {"seq": ANTIGEN}}))
    loops = {"HCDR1": "GFNIKDTY", "HCDR2": "IYPTNGYT", "HCDR3": "SRWGGDGFYAMDY"}
    base = {"Target": "T", "Method": "Inverse Folding", "KD (nM)": None, **loops}
    rows = [
        {**base, "Method": "Positive Control", "KD (nM)": "1"},
        {**base, "HCDR3": "SRWAGDGFYAMDY", "KD (nM)": "50"},
        {**base, "HCDR3": "SRAGDGFYAMDY"},
    ]
    pl.DataFrame(rows).write_csv(folder / "t.csv")
    pl.DataFrame([{"Heavy": HEAVY, "Light": LIGHT}]).write_csv(folder / "t_parent.csv")
    (found,) = read_designed(tmp_path)
    assert found.table["heavy"].to_list() == [mutant("A"), HEAVY.replace("WGG", "AG")]
    np.testing.assert_allclose(found.delta, [-np.log10(50)] * 2)
    assert found.censored.tolist() == [False, True]


def assays(count: int) -> list[VariantAssay]:
    """Assays of one family, and of others of which each has an antigen of its own."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"heavy": [mutant("A")], "light": [LIGHT]})
    found = []
    for i in range(count):
        loop = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 10))
        heavy = TRASTUZUMAB.before + loop + TRASTUZUMAB.after
        heavy = heavy.replace("DTYIH", loop[:5]).replace("RIYPTNGYTRY", loop[::-1] + "Y")
        antigen = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 120))
        found.append(
            VariantAssay(
                f"set/{i}",
                heavy,
                LIGHT,
                (antigen,),
                table,
                np.zeros(1),
                np.zeros(1, np.bool_),
                True,
            )
        )
    return found


def test_about_a_third_of_small_units_is_sealed_and_the_draw_never_changes():
    sealed = sealed_assays(assays(30))
    assert 4 <= len(sealed) <= 16
    assert sealed_assays(list(reversed(assays(30)))) == sealed


def test_what_is_related_to_a_sealed_assay_is_sealed_with_it():
    some = assays(12)
    sealed = sealed_assays(some)
    kin = [replace(one, name=f"{one.name}/again") for one in some]
    assert set(sealed_assays([*some, *kin])) == {*sealed, *(f"{name}/again" for name in sealed)}


def test_a_changed_value_changes_the_digest():
    some = assays(3)
    names = [one.name for one in some]
    turned = [replace(some[0], delta=some[0].delta + 0.1), *some[1:]]
    assert digest(some, names) != digest(turned, names)
    assert digest(some, names) == digest(list(reversed(some)), names)


def test_no_sealed_assay_of_the_shipped_model_is_among_those_it_learnt():
    training = load_mutation_effect().training
    assert len(training["sealed"]) == len({*training["sealed"]}) > 0
    assert not {*training["sealed"]} & {*training["assays"]}


@pytest.mark.slow
@pytest.mark.sources
def test_the_shipped_model_has_learnt_nothing_of_the_sealed_part(sources_dir: Path):
    opened, sealed = parts(read_assays(sources_dir))
    training = load_mutation_effect().training
    names = [one.name for one in sealed]
    assert training["sealed"] == names
    assert training["sealed_digest"] == digest(sealed, names)
    assert set(training["assays"]) == {one.name for one in opened}
