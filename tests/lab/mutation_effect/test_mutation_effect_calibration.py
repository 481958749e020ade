"""The stated error of a mutation effect holds on clusters that nothing was learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from abag.model.mutation_effect import ParentAntibody
from abag.model.mutation_effect.changes import CodedChanges
from abag.model.mutation_effect.features import FEATURES
from abag.model.mutation_effect.maturation import MATURED
from abag.model.mutation_effect.scale import DEPTH, Scale
from abag_lab.mutation_effect.calibration import (
    BlindAssay,
    blind_assays,
    learn_scale,
    left_out_coverage,
)
from abag_lab.mutation_effect.design import Design

CONTACT = list(FEATURES).index("contact")


def planted(
    features: np.ndarray, delta: np.ndarray, *, absolute: bool = True, name: str = "x"
) -> Design:
    """Rows with one change each, of these features; a row without a change where they are 0."""
    count = len(delta)
    changed = np.flatnonzero(features.any(axis=1))
    changes = CodedChanges(
        count,
        changed,
        np.zeros(len(changed), dtype=np.int64),
        np.zeros(len(changed), dtype=np.int64),
        np.zeros(len(changed), dtype=np.int64),
        np.zeros(len(changed), dtype=np.bool_),
        features[changed],
        np.zeros((count, len(MATURED))),
        np.ones(count),
    )
    return Design(
        name,
        ParentAntibody(None),
        changes,
        delta,
        delta,
        np.zeros(count, dtype=np.bool_),
        np.full(len(changed), "heavy 1", dtype="U16"),
        np.ones(len(changed)),
        absolute,
    )


def assay(name: str, seed: int, *, slope: float = 2.0, noise: float = 1.0) -> BlindAssay:
    """Rows whose ΔpKd is ``slope`` times the sum, levelled off, and noisier at contacts."""
    rng = np.random.default_rng(seed)
    features = np.zeros((500, len(FEATURES)))
    features[:, CONTACT] = -rng.random(500)
    total = -1.0 * rng.random(500)
    deviation = np.sqrt(0.6**2 + 1.5**2 * -features[:, CONTACT])
    delta = Scale(slope, DEPTH, 1.0, 1.0, 0.0, 0.0, 1.0).level(total)
    delta = delta + noise * deviation * rng.normal(size=500)
    return BlindAssay(planted(features, delta, name=name), name, total, 1.0)


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


def test_enrichments_parents_and_bounds_say_nothing_about_errors_in_pkd():
    one = np.zeros((3, len(FEATURES)))
    one[1:, CONTACT] = -0.5
    designs = [
        planted(one, np.zeros(3), name="pkd"),
        planted(one, np.zeros(3), absolute=False, name="enrichment"),
        planted(np.zeros((3, len(FEATURES))), np.zeros(3), name="parents"),
        replace(planted(one, np.zeros(3), name="bounds"), censored=np.ones(3, dtype=np.bool_)),
    ]
    clusters = {one.name: one.name for one in designs}
    weights = {name: np.ones(len(FEATURES) + len(MATURED)) for name in clusters.values()}
    found = blind_assays(designs, clusters, weights, 1.0)
    assert [one.design.name for one in found] == ["pkd"]
    assert found[0].mutants.tolist() == [1, 2]
