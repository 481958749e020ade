"""Small tables of made-up antibodies and antigens, with targets that follow a known rule."""

from __future__ import annotations

import numpy as np
import polars as pl

from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.tables import SCHEMA

# Trastuzumab, the public variable domains (INN; PDB 1n8z).
HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)
MUTATED = (27, 29, 53, 98, 100, 102)
"""Places of the heavy chain at which the variants differ."""


def random_chain(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list(AMINO_ACIDS), length))


def variant(rng: np.random.Generator, parent: str = HEAVY) -> str:
    letters = list(parent)
    for place in MUTATED:
        letters[place] = str(rng.choice(list("AWKDF")))
    return "".join(letters)


def hydrophobicity_rule(heavy: str) -> float:
    """A target that adds up over the mutated places."""
    worth = {"A": 0.0, "W": 1.0, "K": -0.5, "D": -1.0, "F": 0.7}
    return 8.0 + sum(worth[heavy[place]] for place in MUTATED)


def canonical(columns: dict[str, list[object]]) -> pl.DataFrame:
    """A canonical table from some of its columns; the others are filled in plainly."""
    rows = len(next(iter(columns.values())))
    plain: dict[str, object] = {
        "source": "test", "source_file": "t.csv", "quantity": "KD", "raw_value": "1",
        "raw_unit": "nM", "relation": "=", "replicates": 1, "assay": "one", "licence": "own-data",
        "flags": [], "antigen": ["MKT"], "heavy": HEAVY,
    }  # fmt: skip
    filled: dict[str, list[object]] = {
        name: [plain.get(name)] * rows for name in SCHEMA if name not in columns
    }
    filled |= {
        "record_id": [f"r{i}" for i in range(rows)],
        "source_row": [i + 2 for i in range(rows)],
    }
    return pl.DataFrame({**filled, **columns}, schema_overrides=SCHEMA).select(list(SCHEMA))


def assay_table(rows: int = 60, seed: int = 0) -> pl.DataFrame:
    """Variants of one antibody on one antigen; the target adds up over the mutated places."""
    rng = np.random.default_rng(seed)
    heavies = [variant(rng) for _ in range(rows)]
    targets = [hydrophobicity_rule(heavy) for heavy in heavies]
    return canonical(
        {
            "heavy": heavies, "light": [LIGHT] * rows, "pkd": targets, "pkd_lower": targets,
            "pkd_upper": targets, "rank_score": targets,
        }
    )  # fmt: skip


def complexes_table(rows: int = 80, antigens: int = 6, seed: int = 0) -> pl.DataFrame:
    """Variants on several antigens, each with a level of its own; a third have no light chain."""
    rng = np.random.default_rng(seed)
    chains = [random_chain(rng, 60) for _ in range(antigens)]
    levels = rng.normal(0.0, 1.5, antigens)
    owner = rng.integers(antigens, size=rows)
    heavies = [variant(rng) for _ in range(rows)]
    targets = [
        hydrophobicity_rule(heavy) + float(levels[a])
        for heavy, a in zip(heavies, owner, strict=True)
    ]
    return canonical(
        {
            "heavy": heavies,
            "light": [None if i % 3 == 0 else LIGHT for i in range(rows)],
            "antigen": [[chains[a]] for a in owner],
            "pkd": targets, "pkd_lower": targets, "pkd_upper": targets, "rank_score": targets,
        }
    )  # fmt: skip
