"""Cosines of many molecules at once have the digits of each molecule alone."""

from __future__ import annotations

import numpy as np
import polars as pl

from abag.model.pair_similarity import Molecule, MoleculeIndex, PairSimilarity

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def molecules(count: int, seed: int, parent: str | None = None) -> list[Molecule]:
    """Random chains of 30 to 60 residues with some X, or variants of a parent."""
    rng = np.random.default_rng(seed)
    made: list[Molecule] = []
    for _ in range(count):
        if parent is None:
            chain = "".join(rng.choice(list(LETTERS + "X"), int(rng.integers(30, 60))))
        else:
            residues = list(parent)
            residues[int(rng.integers(len(parent)))] = LETTERS[int(rng.integers(20))]
            chain = "".join(residues)
        made.append((chain, "ACD") if rng.integers(2) else (chain,))
    return made


def test_a_molecule_has_the_same_cosines_alone_and_among_many() -> None:
    training = molecules(40, 1)
    index = MoleculeIndex.of([*training, (), training[0]])
    asked = [*molecules(150, 2), *molecules(150, 3, training[5][0]), (), ("X",), *training]
    together = index.cosines(asked)
    alone = np.concatenate([index.cosines([molecule]) for molecule in asked])
    assert together.shape == (len(asked), 42)
    assert np.array_equal(together, alone)
    assert np.allclose(np.diag(together[-40:, :40]), 1.0)
    assert not together[300:302].any()


def test_a_molecule_that_all_rows_share_is_compared_once() -> None:
    training = molecules(30, 4)
    frame = pl.DataFrame(
        {
            "heavy": [chains[0] for chains in training],
            "light": [chains[0][::-1] for chains in training],
            "antigen": [["MKTAYIAKQRQISFVKSHFSRQ", chains[0]] for chains in training],
        }
    )
    pairs = PairSimilarity.of(frame, 130, 120)
    library = frame.with_columns(pl.col("light", "antigen").gather([2] * 30))
    found = pairs.cosines(library)
    assert found.heavy.shape == (30, 30)
    assert found.light.shape == found.antigen.shape == (1, 30)
    mixed = pairs.cosines(frame)
    assert np.array_equal(found.heavy, mixed.heavy)
    assert np.array_equal(found.light[0], mixed.light[2])
    assert np.array_equal(found.antigen[0], mixed.antigen[2])
    assert found.has_light.shape == (30,)
