"""Models of several antigens from one file: each learns from the rows of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.errors import ModelError
from abag.model.assay_gp.encoded import encoder_origin
from abag.model.assay_gp.model import IMPUTATIONS, AssayGP, AssayGPSettings
from abag.model.assay_gp.novelty import Widening
from abag.model.assay_gp.positions import Positions
from abag.model.assay_gp.rows import (
    Bounds,
    bounds_of,
    censored_rows,
    chains_of,
    in_order,
    parent_of,
    relative_noise,
    truncated,
)
from abag.model.assay_gp.sharing import SharedMixture, Tasked
from abag.model.assay_gp.warping import Warp
from abag.model.mutation_effect import MutationEffect
from abag.model.training_set import TrainingSet

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SharedModels:
    """A model of each antigen, and how much each has in common with the others (-1 to 1)."""

    models: Mapping[str, AssayGP]
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one antigen on the scale of normal scores."""

    name: str
    used: pl.DataFrame
    given: TrainingSet
    warp: Warp
    bounds: Bounds


def antigen_key(antigen: list[str] | None, name: str | None) -> str:
    """What an antigen is called: its name, else its chains."""
    return name or "/".join(antigen or []) or "antigen"


def by_antigen(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of each antigen, in the order of first appearance.

    Two antigens of one name are told apart by a number.
    """
    found: dict[str, pl.DataFrame] = {}
    keyed = table.with_columns(_chains=pl.col("antigen").list.join("/").fill_null(""))
    for (_,), part in keyed.group_by(["_chains"], maintain_order=True):
        key = antigen_key(part["antigen"].to_list()[0], part["antigen_name"].to_list()[0])
        unique, number = key, 2
        while unique in found:
            unique, number = f"{key} ({number})", number + 1
        found[unique] = part.drop("_chains")
    return found


def fit_antigens(
    table: pl.DataFrame,
    settings: AssayGPSettings,
    origin: Mapping[str, str] | None = None,
    global_model: MutationEffect | None = None,
) -> SharedModels:
    """Fit a model of each antigen of one assay, with what they share.

    Args:
        table: canonical rows of one assay with two antigens or more.
        settings: as for one antigen; more than ``exact_rows`` rows in all are sampled.
        origin: checksums, kept in each model's summary.
        global_model: model of mutation effects; the shipped one where None.

    Raises:
        ModelError: an antigen whose rows cannot teach, or a single antigen.
    """
    parts = _parts(table, settings)
    together = pl.concat([part.used for part in parts])
    heavy, light = chains_of(together)
    positions = Positions.of(heavy, light, settings.align, parent_of(together))
    lower = np.concatenate([part.bounds.lower for part in parts])
    upper = np.concatenate([part.bounds.upper for part in parts])
    bounds = Bounds(lower, upper)
    noise = np.concatenate([relative_noise(part.used) for part in parts])
    tasks = np.repeat(np.arange(len(parts)), [part.used.height for part in parts])
    target = np.where(np.isfinite(lower), lower, upper)
    rows = np.arange(len(target))
    if len(rows) > settings.hyper_rows:
        rng = np.random.default_rng(settings.seed)
        rows = np.sort(rng.choice(rows, settings.hyper_rows, replace=False))
    models = {part.name: AssayGP(settings) for part in parts}
    for model in models.values():
        model.global_model = global_model
    knowledge = next(iter(models.values())).knowledge(positions)
    letters = positions.letters(heavy, light)
    data = Tasked(positions, letters, target, noise, tasks, len(parts), rows)
    mixture = SharedMixture.fit(data, settings.kernels, knowledge)
    exact = bounds.exact
    for _ in range(IMPUTATIONS if not exact.all() else 0):
        mean, spread = mixture.left_out(target)
        found, extra = truncated(mean, np.sqrt(spread), bounds)
        target = np.where(exact, target, found)
        mixture = mixture.again(target, noise, np.where(exact, 0.0, extra))
    known = {**(origin or {}), **encoder_origin(settings.embedding)}
    for task, part in enumerate(parts):
        own = mixture.of_task(task).weighed(target, exact)
        wide = Widening.of(own, target, exact & (tasks == task))
        models[part.name].adopt(own, part.warp, wide, part.used, part.given.summary(known))
    shares = {part.name: float(mixture.shares[i]) for i, part in enumerate(parts)}
    return SharedModels(models, shares)


def _parts(table: pl.DataFrame, settings: AssayGPSettings) -> list[_Part]:
    groups = by_antigen(table)
    if len(groups) < 2:
        raise ModelError("these rows have one antigen; fit a model of one")
    most = max(5, settings.exact_rows // len(groups))
    found = []
    for name, group in groups.items():
        given = TrainingSet.of(group, settings.target)
        try:
            AssayGP(settings).require_one_assay(given.frame)
        except ModelError as error:
            raise ModelError(f"antigen {name[:40]}: {error}") from None
        given = given.sample(most, settings.seed)
        censored = censored_rows(group, settings.target)
        room = min(censored.height, most - given.frame.height)
        kept = pl.concat([given.frame, censored.sample(room, seed=settings.seed)])
        used = in_order(kept, settings.target)
        raw = bounds_of(used, settings.target)
        values = raw.lower[raw.exact]
        warp = (Warp.of if settings.warp else Warp.plain)(values, settings.target)
        bounds = Bounds(warp.forward(raw.lower), warp.forward(raw.upper))
        found.append(_Part(name, used, given, warp, bounds))
    return found
