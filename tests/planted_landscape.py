"""A landscape whose truth is known: affinity is the sum over contacts between two residues.

A contact of charges +1 and -1 binds, of like charges repels, and two hydrophobic residues bind;
every antibody is new, so a pair can only be ranked by reading both residues of each contact. The
sequences are made up and short: the antibody is a loop in a frame, the antigen a chain of which
the contact positions vary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from synthetic_pairs import canonical

LETTERS = "DEKRSALF"
CHARGE = dict(zip(LETTERS, (-1, -1, 1, 1, 0, 0, 0, 0), strict=True))
HYDROPHOBICITY = dict(zip(LETTERS, (-1, -1, -1, -1, -0.3, 0.4, 1, 0.9), strict=True))
LOOP = 8


@dataclass(frozen=True)
class Landscape:
    """``contacts``: (place in the antibody's loop, place in the antigen); ``letters`` vary."""

    contacts: tuple[tuple[int, int], ...]
    letters: str = LETTERS
    antigen: str = "MKTAYIAKQRQISFVKSH"
    before: str = "GFNIKDTY"
    after: str = "WGQGTL"

    def pkd(self, loop: str, antigen: str) -> float:
        worth = sum(
            HYDROPHOBICITY[loop[i]] * HYDROPHOBICITY[antigen[j]]
            - 1.5 * CHARGE[loop[i]] * CHARGE[antigen[j]]
            for i, j in self.contacts
        )
        return 7 + 0.8 * worth

    def table(self, rows: int, antigens: int = 24, seed: int = 0) -> pl.DataFrame:
        """Pairs of random loops with one of some random antigens."""
        random = np.random.default_rng(seed)
        chains = []
        for _ in range(antigens):
            letters = list(self.antigen)
            for _, place in self.contacts:
                letters[place] = str(random.choice(list(self.letters)))
            chains.append("".join(letters))
        loops = ["".join(random.choice(list(self.letters), LOOP)) for _ in range(rows)]
        bound = [chains[i] for i in random.integers(antigens, size=rows)]
        pkd = [self.pkd(loop, chain) for loop, chain in zip(loops, bound, strict=True)]
        heavy = [self.before + loop + self.after for loop in loops]
        return canonical(
            {
                "heavy": heavy, "light": [None] * rows, "antigen": [[chain] for chain in bound],
                "pkd": pkd, "pkd_lower": pkd, "pkd_upper": pkd, "rank_score": pkd,
            }
        )  # fmt: skip


SHORT = Landscape(((1, 4),), letters="EKLS")
LONG = Landscape(((1, 4), (3, 9)))
