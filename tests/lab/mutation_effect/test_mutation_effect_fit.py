"""What is learnt from assays, and what may not leak into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from abag.model.mutation_effect import load_mutation_effect
from abag.model.mutation_effect.features import FEATURES, first_guess
from abag.model.mutation_effect.repertoire import Repertoire
from abag_lab.mutation_effect.assays import VariantAssay, _carries, library
from abag_lab.mutation_effect.complexes import complex_clusters
from abag_lab.mutation_effect.design import Design, design
from abag_lab.mutation_effect.fitting import Choice, NormalEquations, blind_scores, choose, fit
from abag_lab.sources.variants import TRASTUZUMAB

HEAVY = TRASTUZUMAB.before + TRASTUZUMAB.parent + TRASTUZUMAB.after
OTHER = (
    "QVQLVQSGAEVKKPGASVKVSCKASGYTFTSYGISWVRQAPGQGLEWMGWISAYNGNTNYAQKLQGRVTMTTDTSTSTAYMELRSLRSDDTAVYYCAR"
    "DRYYDSSGPFDIWGQGTMVTVSS"
)
LYSOZYME = (
    "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALLSSDITASVNC"
)
TEV = (
    "GESLFKGPRDYNPISSTICHLTNESDGHTTSLYGIGFGPFIITNKHLFRRNNGTLLVQSLHGVFKVKNTTTLQQHLIDGRDMIIIRMPKDFPPF"
)


def planted(name: str, weights: np.ndarray, seed: int, rows: int = 300) -> Design:
    rng = np.random.default_rng(seed)
    features = -rng.random((rows, len(FEATURES)))
    delta = features @ weights + 0.1 * rng.normal(size=rows)
    return Design.of_singles(name, features, delta, absolute=True)


def test_a_small_penalty_finds_the_planted_weights_and_a_large_one_keeps_the_first_guess():
    true = np.linspace(0.1, 1.0, len(FEATURES))
    equations = NormalEquations([planted(str(i), true, i) for i in range(4)])
    names = [str(i) for i in range(4)]

    def direction(weights: np.ndarray) -> np.ndarray:
        return weights / np.linalg.norm(weights)

    near = direction(equations.weights(names, 1e-3))
    far = direction(equations.weights(names, 1e9))
    np.testing.assert_allclose(near, direction(true), atol=0.05)
    np.testing.assert_allclose(far, direction(first_guess()), atol=1e-3)


def test_labels_of_a_left_out_cluster_change_nothing_in_its_scores():
    true = np.ones(len(FEATURES))
    designs = [planted(str(i), true, i) for i in range(3)]
    clusters = {"0": "x", "1": "x", "2": "y"}
    turned = [replace(d, delta=-d.delta) if d.name == "1" else d for d in designs]
    choice = Choice(100.0, 1.0)
    before = blind_scores(designs, clusters, choice)
    after = blind_scores(turned, clusters, choice)
    assert after["0"] == before["0"]
    assert after["2"] != before["2"]


def test_the_most_cautious_of_equally_good_choices_is_taken():
    designs = [planted(str(i), first_guess(), i) for i in range(4)]
    choice, score = choose(designs, {str(i): str(i) for i in range(4)})
    assert choice.penalty == 10_000.0
    assert score > 0.9


def test_the_slope_of_assays_in_pkd_is_found_again():
    designs = [planted(str(i), 0.5 * first_guess(), i) for i in range(4)]
    model = fit(designs, Repertoire({}), {str(i): str(i) for i in range(4)}, {})
    found = model.weights * model.scale.slope
    np.testing.assert_allclose(found, 0.5 * first_guess(), rtol=0.15, atol=0.05)
    assert model.training["rows"] == 1200


def test_losses_combine_by_a_power_and_gains_add_up():
    # Two rows: changes 0 and 1; changes 1, 2 and 2 again. Effects -3, -4 and +1.
    one = Design(
        "a",
        changes=np.array([[-3.0], [-4.0], [1.0]]),
        rows=np.array([0, 0, 1, 1, 1]),
        which=np.array([0, 1, 1, 2, 2]),
        features=np.array([[-7.0], [-2.0]]),
        delta=np.zeros(2),
        mutations=np.array([2, 3]),
        absolute=True,
    )
    np.testing.assert_allclose(one.combined(np.ones(1), 1.0), [-7.0, -2.0])
    np.testing.assert_allclose(one.combined(np.ones(1), 2.0), [-5.0, -2.0])


def assay(name: str, heavy: str, antigen: str) -> VariantAssay:
    empty = pl.DataFrame({"heavy": [heavy], "light": [TRASTUZUMAB.light]})
    return VariantAssay(
        name, heavy, TRASTUZUMAB.light, (antigen,), empty, np.zeros(1), np.zeros(1, bool), True
    )


def test_assays_of_one_antibody_or_one_antigen_are_left_out_together():
    clusters = complex_clusters(
        [
            assay("antibody 1, antigen 1", HEAVY, LYSOZYME),
            assay("antibody 1, antigen 2", HEAVY.replace("WGGDG", "WGADG"), TEV),
            assay("antibody 2, antigen 2", OTHER, TEV[5:]),
            assay(
                "antibody 2, antigen 3", OTHER, "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDN"
            ),
        ]
    )
    assert len(set(clusters.values())) == 1
    apart = complex_clusters([assay("a", HEAVY, LYSOZYME), assay("b", OTHER, TEV)])
    assert len(set(apart.values())) == 2


@pytest.mark.parametrize(
    ("mutations", "used"),
    [
        ("H:A2C", True),
        ("H:A2D", False),  # the chain carries another residue
        ("H:A2C;L:S1T", False),  # a stated one is missing
        ("E:A2C", False),  # a mutation of the antigen
        ("", False),
    ],
)
def test_a_mutant_is_used_only_if_it_carries_what_it_states(mutations: str, used: bool):
    assert _carries("QCQL", "SYEL", "QAQL", "SYEL", mutations) is used


def rows_of(values: list[float | None], bounds: list[float | None]) -> pl.DataFrame:
    chains = [HEAVY, HEAVY.replace("WGG", "WAG"), HEAVY.replace("WGG", "WCG")][: len(values)]
    return pl.DataFrame(
        {
            "heavy": chains,
            "light": [TRASTUZUMAB.light] * len(chains),
            "antigen": [[LYSOZYME]] * len(chains),
            "quantity": ["KD"] * len(chains),
            "mutations": ["", "H:G100A", "H:G100C"][: len(chains)],
            "pkd": values,
            "rank_score": values,
            "pkd_lower": values,
            "rank_lower": values,
            "pkd_upper": bounds,
            "rank_upper": bounds,
        },
        schema_overrides=dict.fromkeys(
            ("pkd", "rank_score", "pkd_lower", "rank_lower", "pkd_upper", "rank_upper"), pl.Float64
        ),
    )


def test_a_library_counts_from_its_parent_and_a_censored_row_stands_at_its_bound():
    found = library("x", rows_of([9.0, 8.5, None], [9.0, 8.5, 6.0]), None, most=None)
    assert found.parent_heavy == HEAVY
    assert found.delta.tolist() == [0.0, -0.5, -3.0]
    assert found.censored.tolist() == [False, False, True]


def test_what_is_served_is_what_was_fitted_and_scored():
    model = load_mutation_effect()
    chains = [HEAVY.replace("WGG", "WAG"), HEAVY.replace("DTYIH", "ATYIS"), HEAVY]
    table = pl.DataFrame(
        {"heavy": chains, "light": [TRASTUZUMAB.light.replace("HYTTP", "HYAAP")] * 3}
    )
    rows = VariantAssay(
        "x", HEAVY, TRASTUZUMAB.light, (), table, np.zeros(3), np.zeros(3, bool), True
    )
    scored = design(rows, model.repertoire)
    assert scored.mutations.tolist() == [3, 4, 2]
    combined = scored.combined(model.weights, model.scale.power)
    served = model.delta(HEAVY, TRASTUZUMAB.light, table)
    np.testing.assert_allclose(served, model.scale.level(combined), atol=1e-12)
    np.testing.assert_allclose(
        scored.combined(model.weights, 1.0), scored.features @ model.weights, atol=1e-12
    )
