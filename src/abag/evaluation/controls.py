"""Controls: what a model scores when what it should need is taken away.

* Permuted labels: fitted on training labels in random order, a model must fall to chance; if it
  does not, its figure comes from the evaluation and not from the data.
* Shuffled antigens: asked about the same antibodies with other antigens, a model that reads the
  antigen must change its predictions; if it scores as before, it ranks antibodies only.
* Germline distance held fixed: about 40 % of what antibody language models seem to know of affinity
  is how far an antibody has matured (FLAb2, 2026); a partial correlation takes it away.

`abag evaluate` reports the last two for every model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import TARGET_COLUMNS, Measurements
from abag.errors import ModelError
from abag.evaluation.scores.metrics import SPEARMAN, Measure, Score
from abag.model.cross_validation import Fold, cross_validate
from abag.model.protocol import AffinityModel

Reals = NDArray[np.float64]
ModelFactory = Callable[[], AffinityModel]


@dataclass(frozen=True, slots=True)
class Control:
    """The metric as it is, and with the signal taken away."""

    name: str
    measure: str
    actual: Score
    control: tuple[Score, ...]
    """One score a repeat."""
    text: str

    @property
    def control_mean(self) -> float | None:
        """Mean over the repeats in which the metric is defined."""
        return _mean(self.control)


def permuted_labels(
    build: ModelFactory,
    train: Measurements,
    test: Measurements,
    *,
    measure: Measure = SPEARMAN,
    repeats: int = 3,
    seed: int = 0,
) -> Control:
    """Fit on training labels in random order (value and bounds move together), test as usual."""
    target = build().target
    labels = test.labels(target)
    names = list(TARGET_COLUMNS[target])
    generator = np.random.default_rng(seed)
    folds = [Fold("as measured", train, test)]
    for repeat in range(repeats):
        order = generator.permutation(train.height)
        shuffled = Measurements(train.frame.with_columns(train.select(*names)[order].get_columns()))
        folds.append(Fold(f"permuted {repeat + 1}", shuffled, test))

    def learn(rows: Measurements) -> Callable[[Fold[Measurements]], Score]:
        model = build().fit(rows)
        return lambda fold: measure.score(labels, model.predict(fold.test))

    results = cross_validate(folds, {"": learn}, "permuted labels")
    actual, *scores = (scored[""] for _, scored in results)
    return _control("permuted labels", measure, actual, tuple(scores), "with permuted labels")


def shuffled_antigen(
    build: ModelFactory,
    train: Measurements,
    test: Measurements,
    *,
    measure: Measure = SPEARMAN,
    repeats: int = 3,
    seed: int = 0,
) -> Control:
    """Fit as usual; predict each test row with another antigen of the test rows.

    Every distinct antigen is replaced by a different one throughout, so rows of one antigen stay
    together. Raises ModelError when the test rows hold fewer than two distinct antigens.
    """
    model = build().fit(train)
    labels = test.labels(model.target)
    actual = measure.score(labels, model.predict(test))
    generator, scores = np.random.default_rng(seed), []
    for _ in range(repeats):
        exchanged = with_other_antigens(test, generator)
        if exchanged is None:
            count = test.antigen_keys.n_unique()
            raise ModelError(
                f"the shuffled-antigen control needs two distinct antigens, not {count}"
            )
        scores.append(measure.score(labels, model.predict(exchanged)))
    return _control("shuffled antigen", measure, actual, tuple(scores), "with other antigens")


def with_other_antigens(
    test: Measurements, draw: int | np.random.Generator = 0
) -> Measurements | None:
    """The rows with their antigens exchanged throughout; None with fewer than two antigens.

    ``draw`` is a seed, or a generator to go on with.
    """
    keyed = test.frame.with_columns(test.antigen_keys.alias("_key"))
    distinct = keyed.select("_key", "antigen").unique("_key", maintain_order=True)
    if distinct.height < 2:
        return None
    order = np.random.default_rng(draw).permutation(distinct.height)
    replaced: NDArray[np.intp] = np.empty(distinct.height, dtype=np.intp)
    replaced[order] = np.roll(order, 1)  # a cyclic shift maps none to itself
    exchanged = distinct.with_columns(distinct["antigen"][replaced].alias("_other"))
    return Measurements(
        keyed.join(exchanged.select("_key", "_other"), on="_key", how="left", maintain_order="left")
        .with_columns(pl.col("_other").alias("antigen"))
        .drop("_key", "_other")
    )


def _control(
    name: str, measure: Measure, actual: Score, scores: tuple[Score, ...], how: str
) -> Control:
    was, now = _shown(actual.value), _shown(_mean(scores))
    text = f"{measure.title} {was} as measured, {now} {how}"
    return Control(name, measure.key, actual, scores, text)


def _mean(scores: Sequence[Score]) -> float | None:
    """Over the repeats in which the metric is defined."""
    values = [score.value for score in scores if score.value is not None]
    return float(np.mean(values)) if values else None


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class SkillControls:
    """Rank correlation of one model on held-out rows, and what is left of it under two controls."""

    spearman: float
    antigens_shuffled: float | None
    """The same predictions asked for with other antigens; None where there is one antigen alone.
    What is left needed no antigen."""
    germline_held_fixed: float | None
    """Rank correlation at equal distance from the germline; None without a distance. What is lost
    was maturation: matured antibodies bind more tightly whatever they bind."""

    def in_words(self) -> str:
        """One line."""
        text = f"Spearman {self.spearman:.2f}"
        if self.antigens_shuffled is not None:
            text += f"; with other antigens {self.antigens_shuffled:.2f}"
        if self.germline_held_fixed is not None:
            text += f"; at equal distance from the germline {self.germline_held_fixed:.2f}"
        return text


def skill_controls(
    measured: Reals, predicted: Reals, with_other_antigens: Reals | None, distance: Reals
) -> SkillControls | None:
    """Both controls of exact rows, each of shape (rows,); None where an order is undefined."""
    if len(measured) < 3 or np.ptp(measured) == 0 or np.ptp(predicted) == 0:
        return None
    from scipy.stats import rankdata

    def correlation(first: Reals, second: Reals) -> float:
        return float(np.corrcoef(first, second)[0, 1])

    truth, order = rankdata(measured), rankdata(predicted)
    shuffled = None
    if with_other_antigens is not None and np.ptp(with_other_antigens) > 0:
        shuffled = correlation(truth, rankdata(with_other_antigens))
    fixed = None
    if np.ptp(distance) > 0:
        distances = rankdata(distance)
        a, b, c = (
            correlation(truth, order),
            correlation(truth, distances),
            correlation(order, distances),
        )
        remaining = np.sqrt((1.0 - b**2) * (1.0 - c**2))
        fixed = float((a - b * c) / remaining) if remaining > 0 else None
    return SkillControls(correlation(truth, order), shuffled, fixed)


def germline_distance(chains: pl.DataFrame) -> Reals:
    """Mismatches to the nearest human or mouse V genes, both chains together, shape (rows,)."""
    from abag.antibody.germlines import germline_distances

    heavy, light = (chains[name].fill_null("").to_list() for name in ("heavy", "light"))
    mismatches = germline_distances(sorted({*heavy, *light} - {""}))
    return np.array(
        [
            mismatches.get(h, 0.0) + mismatches.get(vl, 0.0)
            for h, vl in zip(heavy, light, strict=True)
        ]
    )
