"""Figures of an epoch on the validation part, always in fp32."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from abag.evaluation.scores.metrics import decision_measures, pearson, rmse, spearman
from abag.model.network.network import AffinityNetwork
from abag.training.engine.accumulation import shares, weighed_loss
from abag.training.engine.data import TrainingData
from abag.training.engine.plan import Rows
from abag.training.engine.rows import TrainingTable
from abag.training.monitors import distinct_share
from abag.training.recipe import Recipe

PHYSICAL: Final = (4.0, 14.0)
"""Range of pKd that the predecessor called physical."""
BATCH: Final = 64

HIGHER_IS_BETTER: Final = {"spearman": True, "pearson": True, "rmse": False, "loss": False}


def gains(value: float | None, best: float | None, metric: str) -> bool:
    """Whether a figure is better than the best one so far; an undefined one never is."""
    if value is None:
        return False
    if best is None:
        return True
    return value > best if HIGHER_IS_BETTER[metric] else value < best


def predict(
    network: AffinityNetwork, data: TrainingData, rows: Rows, recipe: Recipe, device: torch.device
) -> tuple[NDArray[np.float64], float]:
    """Predicted pKd of rows, in their order, and their loss. No gradient, no dropout, fp32."""
    by_length = np.argsort(data.features.lengths[rows].sum(axis=1), kind="stable")
    places = [by_length[at : at + BATCH] for at in range(0, len(rows), BATCH)]
    weights = shares(data.usable, [rows[chosen] for chosen in places])
    pkd, total = np.zeros(len(rows)), 0.0
    network.eval()
    with torch.inference_mode():
        for chosen, weight in zip(places, weights, strict=True):
            output = network(data.batch(rows[chosen], device))
            targets = data.targets_of(rows[chosen], device)
            strong = recipe.network.output.strong_pkd
            total += float(weighed_loss(recipe.loss, weight, output, targets, strong))
            pkd[chosen] = output.pkd.double().cpu().numpy()
    return pkd, total


def figures_of(
    rows: TrainingTable, pkd: NDArray[np.float64], strong_pkd: float
) -> dict[str, float | None]:
    """Figures of predictions of the validation rows; an undefined one is None."""
    labels = rows.labels.take(rows.val)
    exact = labels.exact
    true, guess = labels.value[exact], pkd[exact]
    recall = decision_measures(strong_pkd)[0].score(labels, pkd)
    return {
        "val_spearman": spearman(true, guess).value,
        "val_pearson": pearson(true, guess).value,
        "val_rmse": rmse(true, guess).value,
        "recall_strong": recall.value,
        "prediction_sd": float(guess.std()),
        "label_sd": float(true.std()),
        "distinct_share": distinct_share(dict(zip(rows.pairs(rows.val), pkd, strict=True))),
        "share_in_range": float(np.mean((pkd >= PHYSICAL[0]) & (pkd <= PHYSICAL[1]))),
    }
