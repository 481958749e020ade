"""Made-up antibodies: a public framework (trastuzumab) with loops drawn from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from abag.antibody.alphabet import AMINO_ACIDS

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYCSR",
    "YWGQGTLVTVSS",
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQ",
    "TFGQGTKVEIK",
)


def made_up_antibodies(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Heavy and light chains whose CDR3s are random and of 10 to 16 and 4 to 6 residues."""
    random = np.random.default_rng(seed)
    letters = list(AMINO_ACIDS)
    result = []
    for _ in range(count):
        heavy_loop = "".join(random.choice(letters, random.integers(9, 15)))
        light_loop = "".join(random.choice(letters, random.integers(4, 7)))
        result.append((heavy_loop.join(HEAVY), light_loop.join(LIGHT)))
    return result


def write_sources(folder: Path, count: int = 60) -> Path:
    """A folder of sources with one made-up file of antibodies in the layout of CoV-AbDab."""
    place = folder / "alm_benchmark_covid"
    place.mkdir(parents=True)
    rows = ["Binds to,VHorVHH,VL", *(f"none,{vh},{vl}" for vh, vl in made_up_antibodies(count))]
    (place / "SARS-COV1.csv").write_text("\n".join(rows) + "\n")
    return folder
