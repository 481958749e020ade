"""The AbBiBench benchmark: rank an assay's variants without a measurement of any of them.

The rows and the peers' scores are AbBiBench's own files; the labels are read as what they are
(:mod:`abag_lab.sources.libraries.abbibench`), so that an assay whose sign was wrong counts the
right way for every model. Ours is learnt anew for each assay without its cluster: every training
assay linked to it by an antibody family or an antigen cluster, directly or through others, is left
out, and so is what is remembered of its family.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.errors import FileFormatError, OptionError
from abag.evaluation.scores.intervals import require_resamples
from abag.files import require_own
from abag.model.mutation_effect.features import FEATURES
from abag.progress import track
from abag_lab.benchmarks.abbibench_report import (
    INVERTED,
    OURS,
    AbBiBenchmark,
    AssayResult,
    write_report,
)
from abag_lab.benchmarks.abbibench_scores import correlate
from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.mutation_effect.assays import library
from abag_lab.mutation_effect.blind import BlindPriors
from abag_lab.mutation_effect.design import design
from abag_lab.mutation_effect.fitting import (
    POWER,
    learn_weights,
)
from abag_lab.sources.build import source_table
from abag_lab.sources.libraries.partners import read_complex
from abag_lab.sources.published import read_text_table

Reals = NDArray[np.float64]

ASSAYS: Final = ("1mhp", "1mlc", "2fjg", "3gbn_h1", "aayl49", "aayl49_ML", "aayl51")
_PARENTS: Final = {"aayl49_ML": "aayl49"}
LOWER_IS_BETTER: Final = {"FoldX": "-FoldX dG", "epitopeSA": "-epitope SASA"}
"""Peers' columns in which less is better; the leaderboard negates them, too."""
_NO_SCORES: Final = ("mut_heavy_chain_seq", "binding_score", "source_row", "heavy")


def benchmark_abbibench(
    sources: Path,
    out: Path,
    *,
    assays: Sequence[str] = ASSAYS,
    seed: int = 0,
    resamples: int = 1000,
) -> AbBiBenchmark:
    """Score the open assays and write abbibench.json, .md, .png and our scores of every row.

    Args:
        sources: Folder with the published sources.
        out: Folder for what is written.
        assays: Names of assays, of those in :data:`ASSAYS`.
        seed: Seed of the bootstrap.
        resamples: Bootstrap resamples of rows.
    """
    require_resamples(resamples)
    names = ("abbibench.json", "abbibench.md", "abbibench.png", "scores")
    require_own(out, names, "an AbBiBench benchmark", overwrite=True)
    unknown = [name for name in assays if name not in ASSAYS]
    if unknown or not assays:
        raise OptionError(f"unknown assay {(unknown or [''])[0]!r}; known are {', '.join(ASSAYS)}")
    priors = BlindPriors.of(sources)
    table = source_table(sources, "abbibench")
    results = []
    for name in track(assays, "AbBiBench"):
        assay, rows = read_assay(sources, name, table)
        results.append(_score(assay, rows, priors, sources))
    correlations = correlate(
        {result.name: (result.truth, result.scores) for result in results},
        INVERTED,
        seed,
        resamples,
    )
    benchmark = AbBiBenchmark(tuple(results), correlations, out)
    write_report(benchmark, out)
    return benchmark


def read_assay(sources: Path, name: str, table: pl.DataFrame) -> tuple[VariantAssay, pl.DataFrame]:
    """One assay and its canonical rows, in the order of its file."""
    rows = table.filter(pl.col("assay") == f"abbibench/{name}").sort("source_row")
    if not rows.height:
        raise FileFormatError(
            f"{sources / 'abbibench'} holds no rows of the assay {name}; get its file "
            f"{name}_benchmarking_data_AntiBERTy_scores.csv"
        )
    parent = read_complex(sources / "abbibench", _PARENTS.get(name, name)).heavy
    assay = library(f"abbibench/{name}", rows, parent, most=None)
    if assay.table["heavy"].to_list() != rows["heavy"].to_list():
        raise FileFormatError(
            f"the assay {name} has variants of another length than its parent, or without a value; "
            "get its published file again"
        )
    return assay, rows


def _score(
    assay: VariantAssay, rows: pl.DataFrame, priors: BlindPriors, sources: Path
) -> AssayResult:
    name = assay.name.rpartition("/")[2]
    scored = design(assay, priors.shipped.repertoire)
    families = priors.families_without(assay)
    used = {assay_design.name for family in families for assay_design in family.designs}
    changes = scored.changes
    sums = changes.total(changes.features)
    ours = {
        OURS: scored.total(learn_weights(families), POWER),
        "fewer mutations": -changes.mutations.astype(np.float64),
        "BLOSUM62": sums[:, list(FEATURES).index("severity")],
        "repertoire": sums[:, list(FEATURES).index("repertoire_loss")],
    }
    published, peers = read_peers(sources / "abbibench", name, rows)
    return AssayResult(
        name,
        published,
        assay.delta,
        {**ours, **peers},
        tuple(sorted({training_assay.name for training_assay in priors.assays} - used)),
        sum(len(family.target) for family in families),
    )


def read_peers(
    folder: Path, name: str, rows: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, Reals]]:
    """The published rows behind canonical ones, and the peers' scores of each, higher is better.

    Raises:
        FileFormatError: the file of peers has other variants than the assay.
    """
    path = folder / f"peer_scores_{name}.csv.gz"
    variants = rows.select("source_row", "heavy").join(
        read_text_table(path), on="source_row", how="left", maintain_order="left"
    )
    # The canonical chain is the Fv of the published one.
    chains = variants["mut_heavy_chain_seq"].fill_null("").to_list()
    if not all(fv in chain for fv, chain in zip(variants["heavy"], chains, strict=True)):
        raise FileFormatError(f"{path} has not the variants of the assay {name}, in their order")
    scores = {}
    for column in variants.columns:
        if column in _NO_SCORES:
            continue
        values = variants[column].cast(pl.Float64, strict=False)
        if values.null_count() or not values.is_finite().all():
            continue  # a model that did not score every variant is not compared
        sign = -1.0 if column in LOWER_IS_BETTER else 1.0
        scores[LOWER_IS_BETTER.get(column, column)] = sign * values.to_numpy()
    return variants.select("mut_heavy_chain_seq", "binding_score"), scores
