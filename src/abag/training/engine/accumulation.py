"""Accumulated gradients that equal those of one big batch.

A term of the loss is a mean over the rows that it can use: exact ones for a squared error, those
whose class is certain for the classifier. Weighing a batch by its rows would count the usable rows
of a batch with few of them too much. So each term of each batch is weighed by its share of the
step's usable rows, and the sum over batches is the term's mean over the whole step.

Soft Spearman and the pairwise ranking compare rows inside one batch: their sum over batches is a
mean of what each batch saw (weighed by rows), not what one big batch would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from abag.evaluation.scores.metrics import classes
from abag.model.network.network import NetworkOutput
from abag.training.engine.losses import Targets, term_loss
from abag.training.engine.rows import Rows, TrainingTable
from abag.training.recipe import LossTerm, Recipe

IN_BATCH: Final = frozenset({"soft-spearman", "ranking"})
"""Losses that compare the rows of a batch with each other."""


def usable_rows(rows: TrainingTable, recipe: Recipe) -> NDArray[np.bool_]:
    """Which rows of the table each term can use: [terms, rows]."""
    head, strong = recipe.network.head, recipe.network.output.strong_pkd
    comparable = rows.absolute | (head.per_assay and bool(rows.assays))
    above, below = classes(rows.labels, strong)
    masks = []
    for term in recipe.loss:
        if term.kind in IN_BATCH:
            masks.append(np.ones(len(rows.labels), dtype=np.bool_))
        elif term.kind == "bce":
            masks.append((above | below) & rows.absolute)
        elif term.kind == "tobit":
            masks.append(rows.labels.known & comparable)
        else:
            masks.append(rows.labels.exact & comparable)
    return np.stack(masks)


def shares(usable: NDArray[np.bool_], step: Sequence[Rows]) -> NDArray[np.float64]:
    """Weight of each term in each batch of a step: [batches, terms]; 0 where none can be used."""
    counts = np.stack([usable[:, batch].sum(axis=1) for batch in step]).astype(np.float64)
    total = counts.sum(axis=0)
    # A term that no row of the step can use weighs 0, not 0 / 0: the others must go on.
    weights = np.zeros_like(counts)
    np.divide(counts, total, out=weights, where=total > 0)
    return weights


def weighed_loss(
    terms: Sequence[LossTerm],
    weights: NDArray[np.float64],
    output: NetworkOutput,
    targets: Targets,
    strong_pkd: float,
) -> Float[Tensor, ""]:
    """A batch's part of the step's loss; ``weights`` (terms) are its row of :func:`shares`."""
    parts = [
        float(weight) * term.weight * term_loss(term, output, targets, strong_pkd)
        for term, weight in zip(terms, weights, strict=True)
    ]
    return torch.stack(parts).sum()
