"""What is learnt from assays, and what may not leak into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.mutation_effect import load_mutation_effect
from abag.model.mutation_effect.features import FEATURES
from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.mutation_effect.assays import _carries, library
from abag_lab.mutation_effect.complexes import complex_clusters
from abag_lab.mutation_effect.design import Design, design
from abag_lab.mutation_effect.fitting import (
    POWER,
    Family,
    blind_weights,
    families_of,
    learn_weights,
    remember,
)
from abag_lab.sources.libraries.variants import TRASTUZUMAB

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


CDR3 = HEAVY.index("WGGDG")


def singles(parent: str, seed: int, rows: int = 200) -> list[str]:
    """Single mutants of a chain, at places drawn by the seed."""
    rng = np.random.default_rng(seed)
    chains = []
    for _ in range(rows):
        place = int(rng.integers(len(parent)))
        chains.append(parent[:place] + str(rng.choice(list(AMINO_ACIDS))) + parent[place + 1 :])
    return chains


def measured(
    name: str, parent: str, seed: int, size: float = 1.0, departure: float = 0.0
) -> Design:
    """An assay whose ΔpKd is ``size`` times the shipped one; W99 of CDR-H3 departs."""
    light = TRASTUZUMAB.light
    chains = singles(parent, seed)
    chains += [parent[:CDR3] + letter + parent[CDR3 + 1 :] for letter in AMINO_ACIDS]
    table = pl.DataFrame({"heavy": chains, "light": [light] * len(chains)})
    shared = replace(load_mutation_effect(), memories=())
    delta = size * shared.delta(parent, light, table)
    changed = np.array([chain[CDR3] != parent[CDR3] for chain in chains])
    delta = delta + departure * changed + np.random.default_rng(seed).normal(0, 0.1, len(chains))
    found = VariantAssay(
        name, parent, light, (), table, delta, np.zeros(len(chains), np.bool_), absolute=True
    )
    return design(found, shared.repertoire)


def sizes(designs: list[Design]) -> float:
    """Size of the learnt effects."""
    families = families_of(designs, {one.name: one.name for one in designs})
    return float(np.abs(learn_weights(families)[: len(FEATURES)]).sum())


def test_larger_measured_effects_give_larger_weights():
    small = sizes([measured("a", HEAVY, 0, 0.5), measured("b", OTHER, 1, 0.5)])
    large = sizes([measured("a", HEAVY, 0, 2.0), measured("b", OTHER, 1, 2.0)])
    assert large > 1.8 * small


def test_labels_of_a_left_out_cluster_change_nothing_in_its_weights():
    designs = [measured("a", HEAVY, 0), measured("b", OTHER, 1)]
    names = {"a": "a", "b": "b"}
    turned = [replace(designs[0], target=-designs[0].target), designs[1]]
    before = blind_weights(families_of(designs, names), names)
    after = blind_weights(families_of(turned, names), names)
    assert before["a"].tolist() == after["a"].tolist()
    assert before["b"].tolist() != after["b"].tolist()


def test_a_row_at_a_bound_pulls_less_than_the_same_row_measured():
    one = measured("a", HEAVY, 0)
    none = np.zeros_like(one.target)
    alone, bound, exact = (
        float(np.abs(learn_weights(families)[: len(FEATURES)]).sum())
        for families in (
            [Family.of("a", [one])],
            [
                Family.of("a", [one]),
                Family.of("b", [replace(one, target=none, censored=none == 0.0)]),
            ],
            [Family.of("a", [one]), Family.of("b", [replace(one, target=none)])],
        )
    )
    assert exact < 0.7 * alone
    assert bound > 0.8 * alone


def test_what_one_family_departs_by_is_remembered_and_hardly_shared():
    departing = measured("a", HEAVY, 0, departure=-2.0)
    plain = [measured("a", HEAVY, 0), measured("b", OTHER, 1)]
    names = {"a": "a", "b": "b"}
    families = families_of([departing, plain[1]], names)
    weights = learn_weights(families)
    shared = learn_weights(families_of(plain, names))
    assert np.abs(weights - shared).max() < 0.25
    memory = remember(families[0], weights, 1.0)
    assert memory is not None
    assert departing.parent.heavy is not None
    label = f"heavy {departing.parent.heavy.labels[CDR3]}"
    at = memory.labels.index(label)
    assert memory.values[at, AMINO_ACIDS.index("A")] < -1.0
    elsewhere = np.delete(memory.values, at, axis=0)
    assert np.abs(elsewhere).max() < 0.7


def test_a_family_of_few_rows_is_not_remembered():
    one = measured("a", HEAVY, 0)
    few = design(
        VariantAssay(
            "few", HEAVY, TRASTUZUMAB.light, (),
            pl.DataFrame({"heavy": [HEAVY.replace("WGG", "AGG")], "light": [TRASTUZUMAB.light]}),
            np.array([-2.0]), np.zeros(1, np.bool_), absolute=True,
        ),
        load_mutation_effect().repertoire,
    )  # fmt: skip
    weights = learn_weights([Family.of("a", [one])])
    assert remember(Family.of("few", [few]), weights, 1.0) is None


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
    model = replace(load_mutation_effect(), memories=())
    chains = [HEAVY.replace("WGG", "WAG"), HEAVY.replace("DTYIH", "ATYIS"), HEAVY]
    table = pl.DataFrame(
        {"heavy": chains, "light": [TRASTUZUMAB.light.replace("HYTTP", "HYAAP")] * 3}
    )
    rows = VariantAssay(
        "x", HEAVY, TRASTUZUMAB.light, (), table, np.zeros(3), np.zeros(3, bool), True
    )
    scored = design(rows, model.repertoire)
    assert scored.changes.mutations.tolist() == [3, 4, 2]
    total = scored.total(np.concatenate([model.weights, model.maturation]), POWER)
    served = model.delta(HEAVY, TRASTUZUMAB.light, table)
    np.testing.assert_allclose(served, model.scale.level(total), atol=1e-12)
