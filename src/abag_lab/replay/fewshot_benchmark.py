"""The few-shot benchmark: rank an assay's unseen variants after seeing n of them.

Protocol: rows in the order of the file, permuted by ``numpy.random.RandomState(seed)``; the test
rows are the last 20 %, the training rows the first n (or the first 80 %); the score is Spearman's
correlation, averaged over seeds. Beside it two harder ways of holding out, within 1,000 rows:
changes at positions that training never changed (five blocks), and more mutations than in training.
The prior mean of `assay-gp` is the global model learnt without the landscape's cluster.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.engines import Engine, Here, Work
from abag.errors import ModelError, OptionError
from abag.files import locked, make_folder, require_own, write_json
from abag.maturation.adapt.ranking import spearman
from abag.maturation.adapt.skill import count_folds, position_folds
from abag.model.assay_gp.kernels.knowledge import KNOWLEDGE
from abag.model.assay_gp.kernels.terms import TERMS, UNLEARNT
from abag.model.assay_gp.model import AssayGP
from abag.model.mutation_effect import load_mutation_effect
from abag.model.registry import create_model
from abag.progress import task
from abag_lab.benchmarks.known_structures import KnownStructures
from abag_lab.mutation_effect.blind import BlindPriors, as_assay
from abag_lab.replay.fewshot_report import write_report
from abag_lab.replay.fewshot_scores import (
    KEPT,
    OURS,
    PRIOR,
    SCORES,
    FewShotBenchmark,
    FewShotScore,
    Journal,
)
from abag_lab.replay.landscapes import ABBIBENCH, LANDSCAPES, Landscape, read_landscapes

if TYPE_CHECKING:
    from abag.model.protocol import AffinityModel

Reals = NDArray[np.float64]

SIZES: Final = (24, 96, 384)
LEVEL: Final = 0.9
COMPLEX: Final = "with the complex"
"""`assay-gp` that is told the structure of the complex, on landscapes that have one."""
PUBLISHED: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "with AntiBERTy": ("assay-gp", {"embedding": "antiberty"}),
    COMPLEX: ("assay-gp", {}),
}
MODELS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    OURS: ("assay-gp", {}),
    "one-hot-ridge": ("one-hot-ridge", {}),
    "kmer-ridge": ("kmer-ridge", {}),
    PRIOR: (PRIOR, {}),
}
ABLATIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "product alone": ("assay-gp", {"linear": False, "terms": "none"}),
    "linear alone": ("assay-gp", {"product": False, "terms": "none", "additive": False}),
    "terms alone": ("assay-gp", {"product": False, "linear": False, "additive": False}),
    "no prior mean": ("assay-gp", {"terms": ",".join(UNLEARNT)}),
    "no knowledge": ("assay-gp", {"terms": ",".join(t for t in TERMS if t not in KNOWLEDGE)}),
    "no additive terms": ("assay-gp", {"terms": "none", "additive": False}),
    "no additive member": ("assay-gp", {"additive": False}),
    "no warp": ("assay-gp", {"warp": False}),
    "one power": ("assay-gp", {"site_spread": 0.001}),
    "with embeddings": ("assay-gp", {"embedding": "builtin"}),
}
POSITIONS, MUTATIONS, WHOLE = "new positions", "more mutations", "80%"
"""Sizes that are no number of rows: two ways of holding out, and the first 80 % of the rows."""
MOST_TEST_ROWS: Final = 5_000
TRANSFER_ROWS: Final = 1_000
TRANSFER_TRAINING: Final = 384


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is run: seeds, numbers of training rows, and what beside them."""

    seeds: tuple[int, ...]
    sizes: tuple[str, ...]
    """Numbers as text, :data:`WHOLE`, :data:`POSITIONS` or :data:`MUTATIONS`."""
    models: dict[str, tuple[str, dict[str, Any]]]
    most_rows: int = 4_000
    """Training rows of :data:`WHOLE` are the first of these, for every model."""

    @classmethod
    def of(
        cls,
        *,
        seeds: int = 5,
        first_seed: int = 0,
        quick: bool = False,
        ablations: bool = False,
        whole: bool = True,
        transfer: bool = False,
        published: bool = False,
        most_rows: int = 4_000,
    ) -> Protocol:
        """From the options of the command; raises OptionError for numbers out of range."""
        if seeds < 1 or first_seed < 0:
            raise OptionError("give at least one seed, and seeds from 0")
        numbers = range(first_seed, first_seed + (min(seeds, 2) if quick else seeds))
        sizes = [str(size) for size in SIZES]
        sizes += [WHOLE] if whole and not quick else []
        sizes += [POSITIONS, MUTATIONS] if transfer else []
        models = {
            **MODELS,
            **(ABLATIONS if ablations else {}),
            **(PUBLISHED if published else {}),
        }
        return cls(tuple(numbers), tuple(sizes), models, most_rows)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seeds": list(self.seeds),
            "sizes": list(self.sizes),
            "most_rows": self.most_rows,
            "models": {name: {"model": m, **s} for name, (m, s) in self.models.items()},
        }


def benchmark_fewshot(
    sources: Path,
    out: Path,
    protocol: Protocol | None = None,
    landscapes: Sequence[str] = ABBIBENCH,
    engine: Engine | None = None,
) -> FewShotBenchmark:
    """Run the protocol and write ``fewshot.json``, ``.html`` and ``.png``, and the scores.

    Scores are written after every split, and those that are there already are not made again: an
    interrupted run goes on, and landscapes, seeds or models may be added to it.

    Args:
        sources: Folder with the published sources.
        out: Folder for the files.
        protocol: What is run.
        landscapes: Names of landscapes; all of them where empty.
        engine: What does the splits; without it this process, one after another.
    """
    protocol = protocol or Protocol.of()
    names = (KEPT, SCORES, "fewshot.json", "fewshot.html", "fewshot.png", "complexes")
    require_own(out, names, "a few-shot benchmark", overwrite=True)
    make_folder(out)
    with locked(out):
        return _run(sources, out, protocol, landscapes, engine)


def _run(
    sources: Path, out: Path, protocol: Protocol, landscapes: Sequence[str], engine: Engine | None
) -> FewShotBenchmark:
    journal = Journal.of(out)
    priors: BlindPriors | None = None
    for landscape in read_landscapes(sources, landscapes):
        plans = [
            (seed, size, name)
            for size in protocol.sizes
            for seed in protocol.seeds
            for name in protocol.models
            if not journal.has(landscape.name, name, size, seed)
        ]
        if plans:
            priors = priors or BlindPriors.of(sources)
            landscape = replace(landscape, prior=priors.without(landscape.table))
            if COMPLEX in protocol.models:
                known = KnownStructures(sources / "structures")
                path = out / "complexes" / f"{landscape.name}.pdb"
                structure = known.write(LANDSCAPES[landscape.name][1], path)
                landscape = replace(landscape, structure=structure)
        work = Work("abag_lab.replay.fewshot_benchmark:scored_plan", (landscape, protocol))
        with task(f"few-shot {landscape.name}", len(plans)) as bar:
            for _, scores in (engine or Here()).answers(work, plans):
                journal.add(scores)
                bar.advance()
    done = FewShotBenchmark(tuple(journal.scores), protocol.as_json(), out)
    write_json(out / "fewshot.json", done.as_json())
    write_report(done, out)
    return done


def scored_plan(
    shared: tuple[Landscape, Protocol], piece: tuple[int, str, str]
) -> list[FewShotScore]:
    """One model on one split: the piece of work of an engine."""
    (landscape, protocol), (seed, size, name) = shared, piece
    models = {name: protocol.models[name]}
    found = score_split(landscape, seed, size, models, protocol.most_rows)
    return found or [_nothing(landscape.name, name, size, seed)]


def _nothing(landscape: str, model: str, size: str, seed: int) -> FewShotScore:
    """What stands for a split that the rows do not allow."""
    return FewShotScore(landscape, model, size, seed, 0, 0, None, None, 0.0)


def score_split(
    landscape: Landscape,
    seed: int,
    size: str,
    models: dict[str, tuple[str, dict[str, Any]]],
    most_rows: int = 4_000,
) -> list[FewShotScore]:
    """Every model on one split; nothing where the landscape has too few rows for ``size``."""
    folds = _folds(landscape, seed, size, most_rows)
    if not folds:
        return []
    return [
        _scored_model(landscape, name, kind, settings, size, seed, folds)
        for name, (kind, settings) in models.items()
    ]


def _folds(
    landscape: Landscape, seed: int, size: str, most_rows: int
) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """Training and test rows, in the order of the seed's permutation."""
    count = landscape.table.height
    order = np.random.RandomState(seed).permutation(count)
    train_rows = int(0.8 * count)
    if size in (POSITIONS, MUTATIONS):
        pool = landscape.table[order[:TRANSFER_ROWS].tolist()]
        folds = position_folds(pool, 5) if size == POSITIONS else count_folds(pool)
        return [(pool[a[:TRANSFER_TRAINING].tolist()], pool[b.tolist()]) for a, b in folds]
    rows = min(train_rows, most_rows) if size == WHOLE else int(size)
    if rows > train_rows:
        return []
    test = landscape.table[order[train_rows:][:MOST_TEST_ROWS].tolist()]
    return [(landscape.table[order[:rows].tolist()], test)]


def _scored_model(
    landscape: Landscape,
    name: str,
    kind: str,
    settings: dict[str, Any],
    size: str,
    seed: int,
    folds: Sequence[tuple[pl.DataFrame, pl.DataFrame]],
) -> FewShotScore:
    """One model, the mean over folds that allow a figure."""
    values, covered, seconds = [], [], 0.0
    if name == COMPLEX and landscape.structure is None:
        return _nothing(landscape.name, name, size, seed)
    for train, test in folds:
        started = time.perf_counter()
        if kind == PRIOR:
            value = spearman(test["rank_score"].to_numpy(), _expected(landscape, test))
            values += [] if value is None else [value]
            continue
        try:
            model = create_model(kind, {"target": "rank_score", "seed": seed, **settings})
            if isinstance(model, AssayGP):
                model.global_model = landscape.prior
                model.structure = landscape.structure if name == COMPLEX else None
            model.fit(train)
            seconds += time.perf_counter() - started
            value, coverage = _scored(model, test)
        except ModelError:  # training rows that teach nothing: all at the assay's floor
            continue
        values += [] if value is None else [value]
        covered += [] if coverage is None else [coverage]
    return FewShotScore(
        landscape.name, name, size, seed, folds[0][0].height,
        sum(test.height for _, test in folds), float(np.mean(values)) if values else None,
        float(np.mean(covered)) if covered else None, round(seconds, 3),
    )  # fmt: skip


def _expected(landscape: Landscape, test: pl.DataFrame) -> Reals:
    """What the global model expects of rows against the landscape's parent, before any value."""
    parent = as_assay(landscape.table)
    prior = landscape.prior or load_mutation_effect()
    chains = test.select("heavy", "light")
    return prior.delta(parent.parent_heavy, parent.parent_light or None, chains)


def _scored(model: AffinityModel, test: pl.DataFrame) -> tuple[float | None, float | None]:
    true = test["rank_score"].to_numpy()
    refused = np.array([reason is not None for reason in model.refusals(test)])
    kept = test.filter(pl.Series(~refused))
    # A row that a model cannot read stands in the middle, as it would for a user who asks for it.
    pred = np.full(len(true), np.nan)
    if kept.height:
        pred[~refused] = model.predict(kept)
    pred[refused] = np.nanmedian(pred) if kept.height else 0.0
    if not isinstance(model, AssayGP):
        return spearman(true, pred), None
    shown = model.distribution(kept, LEVEL)
    inside = (shown.lower <= true[~refused]) & (true[~refused] <= shown.upper)
    return spearman(true, pred), float(inside.mean())
