"""The demonstration: what an antibody engineer does here, in one go, in one to two minutes.

Well-known pairs are predicted by the shipped model. Then a campaign: a made-up assay of one of
these antibodies is learnt, every mutant of its CDR-H3 is scanned, a plate is chosen and sealed,
made-up results come back, and the plate is scored. The made-up values follow a rule that is written
down here, so what the model finds can be compared with the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.residues import HYDROPATHY, VOLUME
from abag.errors import OptionError
from abag.files import make_folder, require_folder_name, write_csv
from abag.inference.tables import predict_file
from abag.maturation.antibody.parent import parent_of_model
from abag.maturation.assay.file import AssayFile
from abag.maturation.campaign.intake import take_results
from abag.maturation.campaign.rounds import propose_round
from abag.maturation.campaign.scorecard import score
from abag.maturation.plate.wells import Layout
from abag.maturation.propose.request import Request
from abag.maturation.scan.scanning import scan

Say = Callable[[str], None]
WELL_KNOWN: Final = "well_known.csv"
PARENT: Final = "huMAb4D5-8 (trastuzumab)"
PLACES: Final = tuple(range(98, 108))
"""Residues of the heavy chain, from 0, that the made-up assay changes: the heart of CDR-H3."""
PARENT_PKD: Final = 8.5
NOISE_PKD: Final = 0.2
MEASURED: Final = 48
WELLS: Final = 24


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the outputs lie, and what was found."""

    out: Path
    predictions: pl.DataFrame
    verdict: str
    better_than_parent: tuple[int, int]
    """Variants of the plate whose true value is above the parent's, and how many there are."""
    covered: tuple[int, int]
    """Results inside their 90 % interval, and how many there are."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "out": str(self.out),
            "predictions": self.predictions.drop("row").to_dicts(),
            "verdict": self.verdict,
            "better_than_parent": list(self.better_than_parent),
            "covered": list(self.covered),
        }


def true_pkd(heavy: str, parent: str) -> float:
    """The rule of the made-up assay: each position prefers some size and hydropathy."""
    preferences = np.random.default_rng(4).normal(0.0, 1.0, (len(PLACES), 2))
    change = 0.0
    for (size, hydropathy), position in zip(preferences, PLACES, strict=True):
        new, old = (AMINO_ACIDS.index(chain[position]) for chain in (heavy, parent))
        change += (
            size * (VOLUME[new] - VOLUME[old]) / 90.0
            + hydropathy * (HYDROPATHY[new] - HYDROPATHY[old]) / 6.0
        )
    return PARENT_PKD + 0.6 * change - 0.15 * sum(heavy[p] != parent[p] for p in PLACES)


def run_demo(out: Path, say: Say) -> Demo:
    """Run every step into the folder ``out`` and tell each one through ``say``.

    Raises:
        OptionError: ``out`` holds something already.
    """
    require_folder_name(out)
    if out.is_dir() and any(out.iterdir()):
        raise OptionError(f"{out} is not empty; remove it, or name another folder with --out")
    make_folder(out)
    with as_file(files("abag") / "resources" / "examples" / WELL_KNOWN) as examples:
        say("1. Well-known pairs, by the model that comes with abag")
        predicted = predict_file(None, examples, out / "predictions.csv").predictions
        table = pl.read_csv(examples, infer_schema=False)
    row = table.filter(pl.col("antibody_name") == PARENT).row(0, named=True)
    heavy, light = row["heavy"], row["light"]
    rng = np.random.default_rng(0)
    say(f"2. A made-up assay: {MEASURED} variants of {PARENT}, noise {NOISE_PKD} pKd")
    variants = [heavy, *_variants(heavy, rng, MEASURED - 1)]
    assay = _written(out / "assay.csv", variants, heavy, light, rng)
    campaign = out / "campaign"
    assay_file = AssayFile(mapping=["antigen_unknown:=true"])
    opened, learnt = take_results(campaign, assay, assay_file=assay_file)
    say(f"   {learnt.verdict.grade}: {learnt.verdict.headline}")
    model = opened.measured.path_of("model")
    say("3. Every single mutant of CDR-H3")
    scanned = scan(parent_of_model(model), out / "scan", model=model, cdrs=["H3"])
    best = scanned.table.row(0, named=True)
    say(f"   best: {best['mutation']}, {best['delta']:+.2f} pKd against the parent")
    say(f"4. The next plate: {WELLS} variants, sealed before anything is measured")
    _, proposals = propose_round(campaign, Request(count=WELLS), layout=Layout())
    plate = [proposal.heavy for proposal in proposals.chosen]
    say("5. Results come back, and the plate is scored")
    results = _written(out / "results.csv", plate, heavy, light, rng)
    opened, _ = take_results(campaign, results, assay_file=assay_file)
    card = score(opened)
    above = sum(true_pkd(chain, heavy) > PARENT_PKD for chain in plate)
    return Demo(out, predicted, learnt.verdict.headline, (above, WELLS), (card.inside, card.exact))


def _variants(heavy: str, rng: np.random.Generator, count: int) -> list[str]:
    """Distinct variants of one or two mutations."""
    variants: dict[str, None] = {}
    while len(variants) < count:
        chain = list(heavy)
        for position in rng.choice(PLACES, rng.integers(1, 3), replace=False):
            chain[int(position)] = str(rng.choice(list(AMINO_ACIDS.replace("C", ""))))
        text = "".join(chain)
        if text != heavy:
            variants[text] = None
    return list(variants)


def _written(
    path: Path, variants: list[str], parent: str, light: str, rng: np.random.Generator
) -> Path:
    """A table of made-up measurements, as a laboratory would write it."""
    values = [round(true_pkd(heavy, parent) + rng.normal(0.0, NOISE_PKD), 2) for heavy in variants]
    names = ["WT" if heavy == parent else f"v{i:02d}" for i, heavy in enumerate(variants)]
    columns = {"name": names, "heavy": variants, "light": [light] * len(variants), "pKd": values}
    write_csv(path, pl.DataFrame(columns))
    return path
