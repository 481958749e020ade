"""Does the evidence for binding separate true pairs from shuffled ones? AUROC by verdict.

True pairs are held-out rows outside the largest antigen cluster (the spike, half of all rows); a
decoy is the same antibody with the antigen of another of them, of another antigen cluster. Antigens
are exchanged, so that each occurs as often among decoys as among true pairs, and how often it
occurs gives nothing away. An antibody that was measured before is tried on folds of complexes, a
new one on folds of antibody families.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.splits import make_split
from abag.data.tables import Pairs
from abag.evaluation.scores import kernels
from abag.inference.trust import trust_columns
from abag.model.cross_validation import Fold, cross_validate
from abag.model.pairs.model import PairModel
from abag.uncertainty.domain import DomainIndex, Verdict

Reals = NDArray[np.float64]

SCHEMES: Final = {"complex": Verdict.VARIANT, "antibody-cluster": Verdict.NEW_ANTIBODY}
"""Split, and the verdict of the true pairs that are taken from it."""
SHUFFLES: Final = 5


@dataclass(frozen=True, slots=True)
class PairingFigure:
    """How well the evidence separates true pairs of one verdict from shuffled ones."""

    verdict: str
    pairs: int
    clusters: int
    """Antigen clusters of the true pairs."""
    auroc: float | None
    """Mean over shuffles; 0.5 is chance; None if there are no pairs or no decoys."""


def pairing_figures(
    rows: pl.DataFrame,
    *,
    folds: int = 5,
    seed: int = 0,
    build: Callable[[], PairModel] = PairModel,
) -> list[PairingFigure]:
    """Judge the evidence on canonical rows with ``cluster``, the antigen cluster of each.

    Neither side known has no score, which is chance, and is not among the figures.
    """
    exact = rows.filter(pl.col("pkd").is_not_null())
    largest = exact["cluster"].mode().sort()[0]
    plan = [
        Fold(str(number), train.frame, test.frame, scheme)
        for scheme in SCHEMES
        for number, (_, train, test) in enumerate(
            make_split(exact, scheme, folds=folds, seed=seed).fold_tables(exact)
        )
    ]

    def learn(train: pl.DataFrame) -> Callable[[Fold[pl.DataFrame]], list[pl.DataFrame]]:
        model = build().fit(train)

        def answer(fold: Fold[pl.DataFrame]) -> list[pl.DataFrame]:
            """The true pairs, then those of each shuffle."""
            true_pairs = _scored(model, fold.test).filter(
                pl.col("verdict") == SCHEMES[fold.scheme].value, pl.col("cluster") != largest
            )
            draws = [
                np.random.default_rng([seed, int(fold.name), shuffle])
                for shuffle in range(SHUFFLES)
            ]
            return [true_pairs, *(_scored(model, _exchanged(true_pairs, draw)) for draw in draws)]

        return answer

    answers = cross_validate(plan, {"": learn}, "evidence that pairs bind")
    return [
        _figure(
            verdict,
            *map(
                pl.concat,
                zip(*(parts[""] for fold, parts in answers if fold.scheme == scheme), strict=True),
            ),
        )
        for scheme, verdict in SCHEMES.items()
    ]


def _scored(model: PairModel, table: pl.DataFrame) -> pl.DataFrame:
    """The rows with ``verdict`` and ``score``, 0 where the model has none."""
    if table.is_empty():
        return table.with_columns(verdict=pl.lit(""), score=pl.lit(0.0))
    domain = DomainIndex(model.measured)
    pairs = Pairs(table)
    known = domain.familiarity(pairs)
    trust = trust_columns(domain, known, model.answer(pairs), table["antigen"].to_list())
    return table.with_columns(
        pl.Series("verdict", [verdict.value for verdict in known.verdicts]),
        pl.Series("score", [score or 0.0 for score in trust["binding_score"]], pl.Float64),
    )


def _exchanged(rows: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """The antibodies with antigens of other rows; rows that cannot leave their cluster go."""
    clusters = rows["cluster"].to_numpy()
    order = generator.permutation(rows.height)
    for _ in range(50):
        unmoved = np.flatnonzero(clusters[order] == clusters)
        for row in unmoved.tolist():
            partner = int(generator.integers(rows.height))
            order[row], order[partner] = order[partner], order[row]
    moved = rows[order.tolist()]
    return rows.with_columns(
        moved["antigen"], moved["cluster"], own_cluster=rows["cluster"]
    ).filter(pl.col("cluster") != pl.col("own_cluster"))


def _figure(verdict: Verdict, true: pl.DataFrame, *shuffled: pl.DataFrame) -> PairingFigure:
    true_scores = true["score"].to_numpy()
    values = [auroc(true_scores, decoys["score"].to_numpy()) for decoys in shuffled]
    known = [value for value in values if value is not None]
    auc = float(np.mean(known)) if known else None
    return PairingFigure(verdict.value, true.height, true["cluster"].n_unique(), auc)


def auroc(positive: Reals, negative: Reals) -> float | None:
    """Chance that a true pair scores above a decoy; ties count half; None if a side is empty."""
    if not len(positive) or not len(negative):
        return None
    scores = np.concatenate([positive, negative])
    true = (np.arange(len(scores)) < len(positive)).astype(np.float64)
    return float(kernels.auroc(true, scores, np.ones((1, len(scores))))[0])
