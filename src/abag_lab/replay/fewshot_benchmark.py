"""The few-shot benchmark: rank an assay's unseen variants after seeing n of them.

Protocol: rows in the order of the file, permuted by ``numpy.random.RandomState(seed)``; the test
rows are the last 20 %, the training rows the first n (or the first 80 %); the score is Spearman's
correlation, averaged over seeds. Beside it two harder ways of holding out, within 1,000 rows:
changes at positions that training never changed (five blocks), and more mutations than in training.
The prior mean of `assay-gp` is the global model learnt without the landscape's cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.engines import Engine, Here, Work
from abag.errors import OptionError
from abag.files import locked, make_folder, require_own, write_json
from abag.maturation.adapt.ranking import spearman
from abag.maturation.adapt.skill import count_folds, position_folds
from abag.model.assay_gp.kernels.knowledge import KNOWLEDGE
from abag.model.assay_gp.kernels.terms import TERMS, UNLEARNT
from abag.model.assay_gp.model import AssayGP
from abag.model.cross_validation import Fold, cross_validate
from abag.model.mutation_effect import load_mutation_effect
from abag.model.protocol import create_model
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
"""`assay-gp` that knows the structure of the complex, on landscapes that have one."""
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
    """Seeds, numbers of training rows and models of a run."""

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
    benchmark = FewShotBenchmark(tuple(journal.scores), protocol.as_json(), out)
    write_json(out / "fewshot.json", benchmark.as_json())
    write_report(benchmark, out)
    return benchmark


def scored_plan(
    shared: tuple[Landscape, Protocol], piece: tuple[int, str, str]
) -> list[FewShotScore]:
    """One model on one split: the piece of work of an engine."""
    (landscape, protocol), (seed, size, name) = shared, piece
    models = {name: protocol.models[name]}
    scores = score_split(landscape, seed, size, models, protocol.most_rows)
    return scores or [_no_score(landscape.name, name, size, seed)]


def _no_score(landscape: str, model: str, size: str, seed: int) -> FewShotScore:
    """The score of a split for which there are too few rows: none."""
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
        _no_score(landscape.name, name, size, seed)
        if name == COMPLEX and landscape.structure is None
        else _scored_model(landscape, name, kind, settings, size, seed, folds)
        for name, (kind, settings) in models.items()
    ]


def _folds(landscape: Landscape, seed: int, size: str, most_rows: int) -> list[Fold[pl.DataFrame]]:
    """Training and test rows, in the order of the seed's permutation."""
    table, count = landscape.table, landscape.table.height
    order = np.random.RandomState(seed).permutation(count)
    train_rows = int(0.8 * count)
    if size in (POSITIONS, MUTATIONS):
        pool = table[order[:TRANSFER_ROWS].tolist()]
        divisions = position_folds(pool, 5) if size == POSITIONS else count_folds(pool)
        return [
            Fold(str(number), pool[train[:TRANSFER_TRAINING].tolist()], pool[test.tolist()])
            for number, (train, test) in enumerate(divisions, start=1)
        ]
    rows = min(train_rows, most_rows) if size == WHOLE else int(size)
    if rows > train_rows:
        return []
    test = table[order[train_rows:][:MOST_TEST_ROWS].tolist()]
    return [Fold("1", table[order[:rows].tolist()], test)]


class _FoldScore(NamedTuple):
    """Scores of one model on one fold."""

    spearman: float | None
    coverage: float | None
    fit_seconds: float


def _scored_model(
    landscape: Landscape,
    name: str,
    kind: str,
    settings: dict[str, Any],
    size: str,
    seed: int,
    folds: Sequence[Fold[pl.DataFrame]],
) -> FewShotScore:
    """One model, the mean over folds that allow a figure."""
    if kind == PRIOR:
        learn = partial(_learn_prior, landscape)
    else:
        build = partial(_unfitted, landscape, name, kind, {"seed": seed, **settings})
        learn = partial(_learn, build)
    # Training rows may teach nothing: all at the assay's floor.
    answers = cross_validate(folds, {name: learn}, landscape.name, skip_untaught=True)
    judged = [answer[name] for _, answer in answers]
    return FewShotScore(
        landscape.name, name, size, seed, folds[0].train.height,
        sum(fold.test.height for fold in folds), _mean([score.spearman for score in judged]),
        _mean([score.coverage for score in judged]),
        round(sum(score.fit_seconds for score in judged), 3),
    )  # fmt: skip


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _unfitted(
    landscape: Landscape, name: str, kind: str, settings: dict[str, Any]
) -> AffinityModel:
    """An unfitted model; `assay-gp` gets the landscape's global model and structure."""
    values = {"target": "rank_score", **settings}
    if kind != AssayGP.name:
        return create_model(kind, values)
    model = AssayGP(**values)
    model.global_model = landscape.prior
    model.structure = landscape.structure if name == COMPLEX else None
    return model


def _learn_prior(
    landscape: Landscape, train: pl.DataFrame
) -> Callable[[Fold[pl.DataFrame]], _FoldScore]:
    """Changes from the landscape's parent by the global model, which sees no value."""
    del train
    parent = as_assay(landscape.table)
    prior = landscape.prior or load_mutation_effect()

    def judge(fold: Fold[pl.DataFrame]) -> _FoldScore:
        chains = fold.test.select("heavy", "light")
        expected = prior.delta(parent.parent_heavy, parent.parent_light or None, chains)
        return _FoldScore(spearman(fold.test["rank_score"].to_numpy(), expected), None, 0.0)

    return judge


def _learn(
    build: Callable[[], AffinityModel], train: pl.DataFrame
) -> Callable[[Fold[pl.DataFrame]], _FoldScore]:
    """Fit a model; returns a function that scores it on the rows of a fold."""
    started = time.perf_counter()
    model = build().fit(train)
    seconds = time.perf_counter() - started

    def judge(fold: Fold[pl.DataFrame]) -> _FoldScore:
        true = fold.test["rank_score"].to_numpy()
        good = np.array([reason is None for reason in model.refusals(fold.test)])
        readable = fold.test.filter(pl.Series(good))
        # A row that a model cannot read stands in the middle, as it would for a user who asks.
        pred = np.full(len(true), np.nan)
        if readable.height:
            pred[good] = model.predict(readable)
        pred[~good] = np.nanmedian(pred) if readable.height else 0.0
        ends = model.interval(readable, LEVEL)
        if ends is None:
            return _FoldScore(spearman(true, pred), None, seconds)
        inside = (ends[0] <= true[good]) & (true[good] <= ends[1])
        return _FoldScore(spearman(true, pred), float(inside.mean()), seconds)

    return judge
