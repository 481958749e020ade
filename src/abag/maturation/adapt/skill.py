"""Skill of a model of an assay: cross-validated ranking, learning curve, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.splits.positions import mutated_positions
from abag.data.tables import Pairs
from abag.maturation.adapt.ranking import spearman, spearman_interval
from abag.model.assay_gp.model import FEWEST_ROWS, AssayGP, Embedding
from abag.model.cross_validation import Fold, Learner, cross_validate
from abag.model.protocol import AffinityModel, create_model

Reals = NDArray[np.float64]
Rows = NDArray[np.int64]
Division: TypeAlias = tuple[Rows, Rows]
"""Rows to train on, rows to test on."""

MODELS: Final = ("assay-gp", "one-hot-ridge", "mean")
MOST_ROWS: Final = 1_000
"""More rows than this are sampled for cross-validation; the saved model has them all."""
CURVE: Final = (12, 24, 48, 96, 192, 384, 768)
_FEWEST_TEST: Final = 5
_FEWEST_TRAIN: Final = 10
_FEWEST_FOR_FOLDS: Final = 20


@dataclass(frozen=True, slots=True)
class ModelSkill:
    """One model under one way of holding rows out."""

    model: str
    spearman: float | None
    interval: tuple[float, float] | None
    """95 % bootstrap interval of the Spearman correlation over variants."""
    rmse: float | None
    coverage_90: float | None


@dataclass(frozen=True, slots=True)
class Skill:
    """One way of holding rows out: ``random``, ``positions`` or ``mutation count``."""

    name: str
    question: str
    rows: int
    """Rows predicted while held out."""
    models: tuple[ModelSkill, ...]
    true: Reals
    predictions: Mapping[str, Reals]
    variants: pl.DataFrame | None = None
    """Name, mutations and line in the file of each held-out row; None where they are not kept."""

    def of(self, model: str) -> ModelSkill:
        """The figures of one model."""
        return next(scores for scores in self.models if scores.model == model)

    def as_json(self) -> dict[str, Any]:
        """Figures without the rows."""
        return {
            "question": self.question,
            "rows": self.rows,
            "models": {scores.model: asdict(scores) for scores in self.models},
        }


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Mean Spearman on the last fifth after training on ``rows`` rows, over ``repeats`` draws."""

    model: str
    rows: int
    spearman: float | None
    spread: float | None
    repeats: int


def sampled(table: pl.DataFrame, seed: int, most: int = MOST_ROWS) -> pl.DataFrame:
    """At most ``most`` rows, drawn without replacement, in the table's order."""
    if table.height <= most:
        return table
    chosen = np.random.default_rng(seed).choice(table.height, most, replace=False)
    sample: pl.DataFrame = table[np.sort(chosen).tolist()]
    return sample


def measure_skill(
    exact: pl.DataFrame,
    target: str,
    seed: int = 0,
    folds: int = 5,
    *,
    embedding: Embedding = "none",
    structure: Path | None = None,
) -> list[Skill]:
    """Skill on random rows, on positions never mutated in training, and on more mutations.

    ``exact`` holds rows with a number. A way that the rows do not allow is left out. ``embedding``
    and ``structure`` (a file of the complex) are settings of `assay-gp`.
    """
    plans = [
        ("random", "New variants like those measured?", random_folds(exact.height, folds, seed)),
        (
            "positions",
            "Variants with changes at positions never tried?",
            position_folds(exact, folds),
        ),
        ("mutation count", "Variants with more changes than any measured?", count_folds(exact)),
    ]
    learners = _learners(Pairs.of(exact), target, seed, embedding, structure)
    return [
        _held_out_skill(exact, target, name, question, divisions, seed, learners)
        for name, question, divisions in plans
        if divisions
    ]


def random_folds(rows: int, folds: int, seed: int) -> list[Division]:
    """Random rows, each tested once; fewer than twenty rows are left out one by one."""
    order = np.random.default_rng(seed).permutation(rows)
    parts = np.array_split(order, folds if rows >= _FEWEST_FOR_FOLDS else rows)
    return [(np.sort(np.setdiff1d(order, part)), np.sort(part)) for part in parts]


def position_folds(table: pl.DataFrame, folds: int) -> list[Division]:
    """Blocks of neighbouring mutated positions: test rows with a change there, train without."""
    mutated = mutated_positions(table)
    positions = sorted({position for row in mutated for position in row})
    divisions = []
    for part in np.array_split(np.arange(len(positions)), min(folds, len(positions)) or 1):
        block = {positions[index] for index in part}
        inside = np.array([bool(block & row) for row in mutated], dtype=np.bool_)
        divisions.append((np.flatnonzero(~inside), np.flatnonzero(inside)))
    return [fold for fold in divisions if _has_enough_rows(fold)]


def count_folds(table: pl.DataFrame) -> list[Division]:
    """Train on the fewest mutations that give enough rows, test on all with more."""
    counts = np.array([len(row) for row in mutated_positions(table)])
    for most in range(1, int(counts.max(initial=0))):
        fold = (np.flatnonzero(counts <= most), np.flatnonzero(counts > most))
        if len(fold[0]) >= max(_FEWEST_TRAIN, len(counts) // 10):
            return [fold] if _has_enough_rows(fold) else []
    return []


def _has_enough_rows(fold: Division) -> bool:
    return len(fold[0]) >= _FEWEST_TRAIN and len(fold[1]) >= _FEWEST_TEST


def _held_out_skill(
    table: pl.DataFrame,
    target: str,
    name: str,
    question: str,
    divisions: Sequence[Division],
    seed: int,
    learners: Mapping[str, Learner[Rows, HeldOutAnswer]],
) -> Skill:
    folds = [Fold(str(number), *parts) for number, parts in enumerate(divisions, start=1)]
    answers = cross_validate(folds, learners, f"cross-validation by {name}", skip_untaught=True)
    # A row may be tested in several folds.
    rows = np.concatenate([fold.test for fold, _ in answers]) if answers else None
    true = np.zeros(0) if rows is None else table[rows.tolist()][target].to_numpy()
    joined = {
        model: np.concatenate([answer[model].values for _, answer in answers]) if answers else true
        for model in learners
    }
    within = [answer[AssayGP.name].within for _, answer in answers]
    covered = float(np.concatenate(within).mean()) if within else None
    single = all(len(fold.test) == 1 for fold, _ in answers)
    scores = [
        figures_of(model, true, predicted, covered, seed, rows, joined["mean"] if single else None)
        for model, predicted in joined.items()
    ]
    variants = None if rows is None else names_of(table[rows.tolist()])
    return Skill(name, question, len(true), tuple(scores), true, joined, variants)


def names_of(table: pl.DataFrame) -> pl.DataFrame:
    """Columns that name a row: its line in the file, the antibody's name and its mutations."""
    return table.select(
        name for name in ("source_row", "antibody_name", "mutations") if name in table.columns
    )


def figures_of(
    model: str,
    true: Reals,
    pred: Reals,
    covered: float | None,
    seed: int,
    variants: Rows | None = None,
    means: Reals | None = None,
) -> ModelSkill:
    """Figures of one model's held-out predictions; ``covered`` is kept for `assay-gp` alone.

    ``variants`` names the variant of each prediction, where some come several times. ``means`` are
    the means of the rows that each was trained on, where rows are left out one by one: without a
    high value the mean is lower, so that a model which knows nothing would rank in reverse.
    """
    if model == "mean":  # its folds differ only by the rows that are held out: no order at all
        value, interval = None, None
    else:
        ranked = pred if means is None else pred - means
        value = spearman(true, ranked)
        interval = spearman_interval(true, ranked, seed, variants=variants)
    rmse = float(np.sqrt(np.mean((true - pred) ** 2))) if len(true) else None
    return ModelSkill(model, value, interval, rmse, covered if model == "assay-gp" else None)


class HeldOutAnswer(NamedTuple):
    """Predictions of one model for test rows, each (rows,)."""

    values: Reals
    """The mean of the training rows where the model refuses."""
    within: NDArray[np.bool_]
    """Whether the measured value lies in the model's own 90 % interval."""


def _learners(
    pairs: Pairs, target: str, seed: int, embedding: Embedding, structure: Path | None
) -> dict[str, Learner[Rows, HeldOutAnswer]]:
    """The :data:`MODELS`, each learning from numbered rows of ``pairs``."""

    def assay_gp() -> AffinityModel:
        model = AssayGP(target=target, seed=seed, embedding=embedding)
        model.structure = structure
        return model

    plain = {"target": target, "seed": seed}
    builds: dict[str, Callable[[], AffinityModel]] = {
        name: assay_gp if name == AssayGP.name else partial(create_model, name, plain)
        for name in MODELS
    }
    return {name: partial(_learn, build, pairs, target) for name, build in builds.items()}


def _learn(
    build: Callable[[], AffinityModel], pairs: Pairs, target: str, train: Rows
) -> Callable[[Fold[Rows]], HeldOutAnswer]:
    training = pairs.take(train)
    model = build().fit(training)
    mean = float(training[target].to_numpy().mean())

    def answer(fold: Fold[Rows]) -> HeldOutAnswer:
        test = pairs.take(fold.test)
        good = np.array([reason is None for reason in model.refusals(test)])
        values, within = np.full(test.height, mean), np.zeros(test.height, dtype=np.bool_)
        rows = test.filter(pl.Series(good))
        if not rows.is_empty():
            values[good] = model.predict(rows)
            ends = model.interval(rows, 0.9)
            if ends is not None:
                true = rows[target].to_numpy()
                within[good] = (ends[0] <= true) & (true <= ends[1])
        return HeldOutAnswer(values, within)

    return answer


def learning_curve(
    exact: pl.DataFrame,
    target: str,
    seed: int = 0,
    repeats: int = 3,
    *,
    embedding: Embedding = "none",
    structure: Path | None = None,
) -> list[CurvePoint]:
    """Spearman on a held-out fifth after training on more and more rows."""
    rows, true = exact.height, exact[target].to_numpy()
    test_rows = max(_FEWEST_TEST, rows // 5)
    sizes = [size for size in CURVE if FEWEST_ROWS <= size < rows - test_rows] + [rows - test_rows]
    orders = [np.random.default_rng([seed, repeat]).permutation(rows) for repeat in range(repeats)]
    folds = [
        Fold(str(size), order[:size], order[-test_rows:]) for size in sizes for order in orders
    ]
    learners = _learners(Pairs.of(exact), target, seed, embedding, structure)
    ranking = {model: learners[model] for model in MODELS[:2]}
    correlations: dict[tuple[str, int], list[float]] = {}
    for fold, answers in cross_validate(folds, ranking, "learning curve", skip_untaught=True):
        for model, answer in answers.items():
            value = spearman(true[fold.test], answer.values)
            if value is not None:
                correlations.setdefault((model, len(fold.train)), []).append(value)
    return [_curve_point(model, size, values) for (model, size), values in correlations.items()]


def _curve_point(model: str, rows: int, values: Sequence[float]) -> CurvePoint:
    spread = float(np.std(values)) if len(values) > 1 else None
    return CurvePoint(model, rows, float(np.mean(values)), spread, len(values))
