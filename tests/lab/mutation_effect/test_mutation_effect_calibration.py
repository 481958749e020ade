"""The stated error of a mutation effect holds on clusters that nothing was learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from abag.model.mutation_effect.features import FEATURES
from abag_lab.mutation_effect.calibration import (
    BlindAssay,
    blind_assays,
    learn_scale,
    left_out_coverage,
)
from abag_lab.mutation_effect.design import Design

CONTACT = list(FEATURES).index("contact")


def assay(name: str, seed: int, *, slope: float = 2.0, noise: float = 1.0) -> BlindAssay:
    """Rows whose measured ΔpKd is ``slope`` times the sum, and noisier at contacts."""
    rng = np.random.default_rng(seed)
    features = np.zeros((500, len(FEATURES)))
    features[:, CONTACT] = -rng.random(500)
    total = -0.3 * rng.random(500)
    deviation = np.sqrt(0.6**2 + 1.5**2 * -features[:, CONTACT])
    delta = slope * total + noise * deviation * rng.normal(size=500)
    design = Design.of_singles(name, features, delta, absolute=True)
    return BlindAssay(design, name, total, 1.0)


def test_ninety_per_cent_of_errors_of_left_out_clusters_lie_inside():
    assays = [assay(str(i), i) for i in range(8)]
    scale = learn_scale(assays)
    assert abs(scale.slope - 2.0) < 0.3
    assert abs(scale.contact * scale.widening - 1.5) < 0.3
    covered = left_out_coverage(assays)
    assert abs(np.mean(list(covered.values())) - 0.9) < 0.02


def test_clusters_with_larger_errors_widen_the_interval_of_all():
    calm = learn_scale([assay(str(i), i) for i in range(6)])
    mixed = learn_scale([assay(str(i), i, noise=1.0 + (i % 2)) for i in range(6)])
    rows = assay("x", 99)
    assert (rows.deviations(mixed) > rows.deviations(calm)).all()


def with_mutations(name: str, counts: list[int], *, absolute: bool) -> Design:
    flat = Design.of_singles(name, np.zeros((3, len(FEATURES))), np.zeros(3), absolute=absolute)
    return replace(flat, mutations=np.array(counts))


def test_enrichments_and_parents_say_nothing_about_errors_in_pkd():
    designs = [
        with_mutations("pkd", [0, 1, 1], absolute=True),
        with_mutations("enrichment", [1, 1, 1], absolute=False),
        with_mutations("parents", [0, 0, 0], absolute=True),
    ]
    clusters = {one.name: one.name for one in designs}
    weights = {name: np.ones(len(FEATURES)) for name in clusters.values()}
    found = blind_assays(designs, clusters, weights, 1.0)
    assert [one.design.name for one in found] == ["pkd"]
    assert found[0].mutants.tolist() == [1, 2]
