"""What the model of mutation effects promises its callers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError
from abag.model.mutation_effect import MutationEffect, ParentAntibody, load_mutation_effect
from abag.model.mutation_effect.scale import Scale, unlevelled
from abag_lab.sources.libraries.variants import TRASTUZUMAB

PARENT_HEAVY = TRASTUZUMAB.before + TRASTUZUMAB.parent + TRASTUZUMAB.after
PARENT_LIGHT = TRASTUZUMAB.light


def variants(*pairs: tuple[str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"heavy": pl.String, "light": pl.String}, orient="row")


def with_residue(chain: str, place: int, residue: str) -> str:
    return chain[: place - 1] + residue + chain[place:]


def test_the_parent_itself_has_no_effect_and_no_error():
    delta, deviation = load_mutation_effect().delta_distribution(
        PARENT_HEAVY, PARENT_LIGHT, variants((PARENT_HEAVY, PARENT_LIGHT))
    )
    assert delta.tolist() == [0.0]
    assert deviation.tolist() == [0.0]


def test_a_contact_tyrosine_to_alanine_costs_more_than_a_framework_serine():
    hot = with_residue(PARENT_HEAVY, 33, "A")  # Tyr33 of CDR-H1
    mild = with_residue(PARENT_HEAVY, 7, "T")  # Ser7 of framework 1
    assert (PARENT_HEAVY[32], PARENT_HEAVY[6]) == ("Y", "S")
    delta = load_mutation_effect().delta(
        PARENT_HEAVY, PARENT_LIGHT, variants((hot, PARENT_LIGHT), (mild, PARENT_LIGHT))
    )
    assert delta[0] < delta[1] <= 0.0


def test_further_changes_never_help_and_losses_level_off():
    places = [30, 33, 50, 99, 100, 101, 102, 103, 104, 105]
    chain, chains = PARENT_HEAVY, []
    for place in places:
        chain = with_residue(chain, place, "A" if chain[place - 1] != "A" else "G")
        chains.append((chain, PARENT_LIGHT))
    # What is remembered of trastuzumab's family may be a gain; the shared weights know losses here.
    model = replace(load_mutation_effect(), memories=())
    delta = model.delta(PARENT_HEAVY, PARENT_LIGHT, variants(*chains))
    assert (np.diff(delta) <= 0).all()
    assert delta.min() > -model.scale.depth


def test_a_row_has_the_same_value_alone_and_in_a_table():
    rows = [
        (with_residue(PARENT_HEAVY, 33, letter), with_residue(PARENT_LIGHT, 91, "A"))
        for letter in "ACDEF"
    ]
    model = load_mutation_effect()
    whole = model.delta(PARENT_HEAVY, PARENT_LIGHT, variants(*rows))
    alone = [model.delta(PARENT_HEAVY, PARENT_LIGHT, variants(row))[0] for row in rows]
    assert whole.tolist() == alone


def test_an_unknown_residue_counts_for_nothing():
    chain = with_residue(PARENT_HEAVY, 33, "X")
    delta = load_mutation_effect().delta(
        PARENT_HEAVY, PARENT_LIGHT, variants((chain, PARENT_LIGHT))
    )
    assert delta.tolist() == [0.0]


def test_a_deletion_is_laid_on_imgt_positions_and_costs_something():
    place = PARENT_HEAVY.index("WGGDG") + 1
    shorter = PARENT_HEAVY[:place] + PARENT_HEAVY[place + 1 :]
    longer = PARENT_HEAVY[:place] + "S" + PARENT_HEAVY[place:]
    delta = load_mutation_effect().delta(
        PARENT_HEAVY, PARENT_LIGHT, variants((shorter, PARENT_LIGHT), (longer, PARENT_LIGHT))
    )
    assert (delta < 0).all()
    assert (delta > -3).all()


def test_a_heavy_chain_alone_is_scored_without_a_light_chain():
    rows = variants((with_residue(PARENT_HEAVY, 33, "A"), None))
    assert load_mutation_effect().delta(PARENT_HEAVY, None, rows)[0] < 0


def test_a_parent_without_a_variable_domain_is_refused():
    with pytest.raises(ModelError, match="no variable domain"):
        load_mutation_effect().delta("GSHMAAAA" * 10, None, variants(("GSHMAAAA" * 10, None)))


def test_light_chains_on_one_side_only_are_refused():
    model = load_mutation_effect()
    with pytest.raises(ModelError, match="parent has none"):
        model.delta(PARENT_HEAVY, None, variants((PARENT_HEAVY, PARENT_LIGHT)))
    with pytest.raises(ModelError, match="variant 1 has no light chain"):
        model.delta(PARENT_HEAVY, PARENT_LIGHT, variants((PARENT_HEAVY, None)))


def test_saving_and_loading_gives_the_same_model(tmp_path):
    model = load_mutation_effect()
    model.save(tmp_path / "model")
    again = MutationEffect.load(tmp_path / "model")
    assert again.model_id == model.model_id
    rows = variants((with_residue(PARENT_HEAVY, 33, "A"), PARENT_LIGHT))
    assert again.delta(PARENT_HEAVY, PARENT_LIGHT, rows) == model.delta(
        PARENT_HEAVY, PARENT_LIGHT, rows
    )


def test_losses_level_off_at_the_depth_and_gains_do_not():
    scale = Scale(2.0, 4.0, power=4.0, floor=0.5, contact=1.0, burial=0.0, widening=1.0)
    found = scale.level(np.array([-100.0, -0.001, 0.0, 0.5]))
    np.testing.assert_allclose(found, [-4.0, -0.002, 0.0, 1.0], rtol=1e-3)


def test_the_error_is_larger_at_a_contact_and_the_parents_is_none():
    scale = Scale(1.0, 4.0, power=4.0, floor=0.6, contact=1.6, burial=1.2, widening=2.0)
    exposures = np.array([[0.0, 0.0], [0.65, 0.0], [0.65, 0.5], [0.0, 0.0]])
    found = scale.deviation(exposures, np.array([1, 1, 4, 0]))
    # By hand: 2 sqrt(0.36), 2 sqrt(0.36 + 2.56 * 0.65), 2 sqrt(that + 1.44 * 0.5), parent.
    np.testing.assert_allclose(found, [1.2, 2.845347, 3.313005, 0.0], rtol=1e-6)


def test_a_change_more_never_makes_the_prediction_surer():
    one = with_residue(PARENT_HEAVY, 99, "A")
    two = with_residue(one, 7, "T")
    three = with_residue(two, 50, "A")
    _, deviation = load_mutation_effect().delta_distribution(
        PARENT_HEAVY,
        PARENT_LIGHT,
        variants(*((chain, PARENT_LIGHT) for chain in (one, two, three))),
    )
    assert (np.diff(deviation) >= 0).all()


def test_levelling_off_is_undone():
    scale = Scale(1.0, 4.0, power=1.5, floor=0.6, contact=1.0, burial=1.0, widening=1.0)
    delta = np.array([-3.0, -0.2, 0.0, 1.5])
    np.testing.assert_allclose(scale.level(unlevelled(delta, 4.0)), delta, atol=1e-12)


def test_a_conserved_framework_serine_is_surer_than_a_contact_residue():
    hot = with_residue(PARENT_HEAVY, 33, "A")
    mild = with_residue(PARENT_HEAVY, 7, "T")
    _, deviation = load_mutation_effect().delta_distribution(
        PARENT_HEAVY, PARENT_LIGHT, variants((hot, PARENT_LIGHT), (mild, PARENT_LIGHT))
    )
    assert deviation[0] > deviation[1] > 0.3


def test_a_parent_that_is_numbered_already_gives_what_its_chains_give():
    table = variants((with_residue(PARENT_HEAVY, 99, "A"), PARENT_LIGHT))
    found = load_mutation_effect().predict(ParentAntibody.of(PARENT_HEAVY, PARENT_LIGHT), table)
    delta, spread = load_mutation_effect().delta_distribution(PARENT_HEAVY, PARENT_LIGHT, table)
    assert found.delta_pkd.tolist() == delta.tolist()
    assert found.spread.tolist() == spread.tolist()


def test_trastuzumab_loses_its_antigen_as_its_alanine_scan_says():
    """Kelley and O'Connell 1993: W99A and Y105A of CDR-H3 lose binding."""
    chains = [
        with_residue(PARENT_HEAVY, 99, "A"),
        with_residue(PARENT_HEAVY, 105, "A"),
        with_residue(PARENT_HEAVY, 7, "T"),
        TRASTUZUMAB.before + "A" * len(TRASTUZUMAB.parent) + TRASTUZUMAB.after,
    ]
    delta = load_mutation_effect().delta(
        PARENT_HEAVY, PARENT_LIGHT, variants(*((chain, PARENT_LIGHT) for chain in chains))
    )
    w99a, y105a, s7t, h3 = delta.tolist()
    assert w99a < -1.5
    assert y105a < -1.5
    assert s7t > -0.4
    assert h3 < -2.5
    assert h3 < min(w99a, y105a)
