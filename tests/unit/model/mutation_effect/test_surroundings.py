"""The zero-shot model in a known complex: contacts, burial and log-odds of its own residues."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.mutation_effect import ParentAntibody, load_mutation_effect
from abag.model.mutation_effect.surroundings import LOG_ODDS_WEIGHT, Surroundings
from synthetic_structure import HEAVY

NOWHERE = np.full(len(HEAVY), np.nan)
PLAIN = ParentAntibody.of(HEAVY)


def with_residue(place: int, letter: str) -> str:
    return HEAVY[:place] + letter + HEAVY[place + 1 :]


def delta(parent: ParentAntibody, *variants: str) -> np.ndarray:
    table = pl.DataFrame({"heavy": variants, "light": ""})
    return load_mutation_effect().predict(parent, table).delta_pkd


def within(**known: np.ndarray) -> ParentAntibody:
    of_chain = replace(Surroundings(NOWHERE, NOWHERE), **known)
    return PLAIN.within((of_chain, Surroundings(np.zeros(0), np.zeros(0))))


def test_a_residue_that_touches_the_antigen_has_more_to_lose():
    place = 60  # framework, where the table says that nothing touches
    touching = np.zeros(len(HEAVY))
    touching[place] = 1.0
    variant = with_residue(place, "D")
    assert delta(within(contact=touching), variant)[0] < delta(PLAIN, variant)[0] - 0.05
    apart = np.zeros(len(HEAVY))
    tip = HEAVY.index("GSGS")
    assert (
        delta(within(contact=apart), with_residue(tip, "D"))[0]
        > (delta(PLAIN, with_residue(tip, "D"))[0])
    )


def test_a_buried_side_chain_has_more_to_lose():
    place = 12  # on the surface by the table
    deep = np.where(np.arange(len(HEAVY)) == place, 1.0, np.nan)
    variant = with_residue(place, "D")
    assert delta(within(burial=deep), variant)[0] < delta(PLAIN, variant)[0] - 0.05


def test_what_the_structure_does_not_have_is_as_without_one():
    variants = [with_residue(i, "D") for i in range(0, len(HEAVY), 7)]
    np.testing.assert_array_equal(delta(within(), *variants), delta(PLAIN, *variants))


def test_log_odds_are_added_to_the_effect_of_a_letter():
    place, letter = 55, "W"
    odds = np.zeros((len(HEAVY), 20))
    odds[place, AMINO_ACIDS.index(letter)] = 2.0
    other = with_residue(place, "F")
    told = within(log_odds=odds)
    model = load_mutation_effect()
    gained = model.scale.slope * LOG_ODDS_WEIGHT * 2.0
    change = delta(told, with_residue(place, letter)) - delta(PLAIN, with_residue(place, letter))
    assert 0.3 * gained < change[0] <= gained * 1.001  # losses level off
    assert delta(told, other) == pytest.approx(delta(PLAIN, other))


def test_the_parent_itself_stays_zero_in_its_complex():
    rng = np.random.default_rng(0)
    odds = rng.normal(size=(len(HEAVY), 20))
    odds[np.arange(len(HEAVY)), [AMINO_ACIDS.index(one) for one in HEAVY]] = 0.0
    assert delta(within(contact=np.ones(len(HEAVY)), log_odds=odds), HEAVY)[0] == 0.0
