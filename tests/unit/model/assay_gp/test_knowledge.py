"""The global model's prediction as a term whose weight is learnt."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.assay_gp.kernels.knowledge import Knowledge, contact_prior
from abag.model.assay_gp.model import AssayGP
from abag.model.assay_gp.positions import Positions
from abag.model.mutation_effect import load_mutation_effect
from synthetic_pairs import HEAVY, LIGHT, assay_table, canonical


def single_mutants(rows: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    heavies = []
    for _ in range(rows):
        letters = list(HEAVY)
        letters[int(rng.integers(len(HEAVY)))] = str(rng.choice(list(AMINO_ACIDS)))
        heavies.append("".join(letters))
    return canonical({"heavy": heavies, "light": [LIGHT] * rows})


def with_target(table: pl.DataFrame, values: np.ndarray) -> pl.DataFrame:
    column = pl.Series(values)
    return table.with_columns(pkd=column, pkd_lower=column, pkd_upper=column, rank_score=column)


def predicted(table: pl.DataFrame) -> np.ndarray:
    """What the shared weights say, without what is remembered of this very family."""
    shared = replace(load_mutation_effect(), memories=())
    return shared.delta(HEAVY, LIGHT, table)


def rank(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def test_effects_of_single_mutants_are_those_of_the_global_model() -> None:
    positions = Positions.of([HEAVY], [LIGHT])
    found = Knowledge.of(positions, load_mutation_effect()).effects[:, :20, 0]
    mutants = [
        HEAVY[:place] + letter + HEAVY[place + 1 :]
        for place in range(len(HEAVY))
        for letter in AMINO_ACIDS
    ]
    expected = predicted(canonical({"heavy": mutants, "light": [LIGHT] * len(mutants)}))
    assert rank(found[: len(HEAVY)].ravel(), expected) > 0.999
    assert np.all(found[np.arange(positions.count), positions.reference] == 0.0)


def test_a_prior_that_is_right_teaches_positions_never_measured() -> None:
    table = single_mutants(30)
    noise = np.random.default_rng(1).normal(0.0, 0.2, 30)
    train = with_target(table, 8.0 + predicted(table) + noise)
    test = single_mutants(200, seed=5)
    known = AssayGP().fit(train)
    ignorant = AssayGP(terms="severity,descriptors,sites,neighbours,regions").fit(train)
    right = predicted(test)
    assert rank(known.predict(test), right) > rank(ignorant.predict(test), right) + 0.1


def test_a_prior_that_is_wrong_fades_with_measurements() -> None:
    table = assay_table(200)
    model = AssayGP(terms="regions,effects").fit(table)
    test = assay_table(100, seed=3)
    assert rank(model.predict(test), test["pkd"].to_numpy()) > 0.97


def test_positions_that_touch_antigens_weigh_more_beforehand() -> None:
    positions = Positions.of([HEAVY], [LIGHT])
    prior = contact_prior(positions)
    assert prior[101] > prior[2]  # CDR-H3 against FR1
    assert prior.min() >= 0.0


def test_another_global_model_may_be_put_in_its_place() -> None:
    from dataclasses import replace

    model = AssayGP(terms="effects")
    shipped = load_mutation_effect()
    model.global_model = replace(shipped, weights=-shipped.weights)
    table = single_mutants(40)
    train = with_target(table, 8.0 + predicted(table))
    fitted = model.fit(train)
    assert rank(fitted.predict(table), predicted(table)) > 0.8  # the sign is learnt, too


@pytest.mark.parametrize("chain", ["AAAA", "GSGSGSGSGS"])
def test_a_chain_without_a_domain_knows_nothing(chain: str) -> None:
    positions = Positions.of([chain], [""])
    assert not Knowledge.of(positions, load_mutation_effect()).effects.any()
