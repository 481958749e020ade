"""Made-up families of antibodies on made-up families of antigens, with every verdict among them."""

from __future__ import annotations

import numpy as np
import polars as pl

from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.similarity.antibodies import CDR_THRESHOLD
from abag.data.similarity.antigens import ANTIGEN_THRESHOLD
from abag.model.pairs.measured import NONE
from abag.model.pairs.relatives import Nearest
from abag.uncertainty.domain import Familiarity
from synthetic_antibodies import made_up_antibodies
from synthetic_pairs import canonical, random_chain


def substituted(rng: np.random.Generator, chain: str, places: int) -> str:
    """A chain with some residues replaced."""
    letters = list(chain)
    for place in rng.choice(len(chain), places, replace=False):
        letters[place] = str(rng.choice([a for a in AMINO_ACIDS if a != letters[place]]))
    return "".join(letters)


def families_table(
    rows: int = 120, antibodies: int = 20, antigens: int = 12, noise: float = 0.3, seed: int = 0
) -> pl.DataFrame:
    """Rows of antibody and antigen families; each has a level of its own, and noise is added.

    Members of an antibody family differ in one framework residue (identical CDRs), members of an
    antigen family in two of 80 residues. Each row has a structure of its own.
    """
    rng = np.random.default_rng(seed)
    pairs = made_up_antibodies(antibodies, seed)
    chains = [random_chain(rng, 80) for _ in range(antigens)]
    of_antibody, of_antigen = rng.normal(0, 0.7, antibodies), rng.normal(0, 0.7, antigens)
    family = rng.integers(antibodies, size=rows)
    target = rng.integers(antigens, size=rows)
    values = 8.0 + of_antibody[family] + of_antigen[target] + rng.normal(0, noise, rows)
    heavies = []
    for index in family:
        letters = list(pairs[index][0])
        letters[int(rng.integers(8, 14))] = str(rng.choice(list("AGSTQ")))
        heavies.append("".join(letters))
    return canonical(
        {
            "heavy": heavies,
            "light": [pairs[index][1] for index in family],
            "antigen": [[substituted(rng, chains[index], 2)] for index in target],
            "structure_id": [f"s{i}" for i in range(rows)],
            "pkd": values.tolist(), "pkd_lower": values.tolist(), "pkd_upper": values.tolist(),
        }
    )  # fmt: skip


def knows(antibody: list[float], antigen: list[float]) -> Familiarity:
    """Rows at these identities; where both sides are known they were measured together."""
    ab, ag = np.array(antibody), np.array(antigen)
    both = (ab >= CDR_THRESHOLD) & (ag >= ANTIGEN_THRESHOLD)
    place = np.zeros(len(ab), dtype=np.int64)
    relative = np.where(both, 0, NONE)
    return Familiarity(Nearest(ab, ag, place, place, relative, ag * both, place, place))
