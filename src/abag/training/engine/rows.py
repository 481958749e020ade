"""The training, validation and test rows of a table, and the targets of each row.

The test part comes from the split. The validation part comes from it, too, where it has one; else
whole groups of the training rows (clusters, structures, assays: what the split keeps whole) are
set aside, drawn by the seed. Test rows never choose anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.labels import Labels
from abag.data.splits.split import VALIDATION, Split
from abag.data.tables import Measurements
from abag.errors import ModelError, OptionError, SplitError, counted
from abag.evaluation.scores.metrics import classes

if TYPE_CHECKING:
    from abag.training.recipe import Recipe

Rows = NDArray[np.intp]

VALIDATION_SHARE: Final = 0.1
"""Share of the training rows that is set aside where the split has no validation part."""
FEWEST_EXACT: Final = 2
"""An assay with a scale of its own needs so many numbers for scale and offset."""


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """Rows of a run with their targets; ``train``, ``val`` and ``test`` index ``table``.

    ``labels`` (rows) are pKd where ``assay`` is 0, else the assay's rank score.
    """

    table: Measurements
    labels: Labels
    assay: NDArray[np.int64]
    assays: tuple[str, ...]
    """Names of the assays with codes 1, 2, ..."""
    assay_scales: tuple[tuple[float, float], ...]
    """Mean of each of them over its training rows, and its units in one pKd, to start from."""
    train: Rows
    val: Rows
    test: Rows
    part: str
    """Test part of the split."""
    mean_pkd: float
    """Mean of the exact pKd of the training rows."""
    notes: tuple[str, ...]

    @property
    def absolute(self) -> NDArray[np.bool_]:
        """Rows on the pKd scale."""
        return np.asarray(self.assay == 0)

    def record_ids(self, rows: Rows) -> list[str]:
        """Record ids of rows, for messages."""
        return [self.table["record_id"][int(row)] for row in rows]

    def pairs(self, rows: Rows) -> list[str]:
        """The sequences of rows as one text each: what two rows with one input share."""
        heavy, light, antigen = (self.table[name] for name in ("heavy", "light", "antigen"))
        return [f"{heavy[int(r)]}/{light[int(r)] or ''}>{'/'.join(antigen[int(r)])}" for r in rows]


def training_rows(
    table: Measurements | pl.DataFrame, split: Split, holdout: str | None, recipe: Recipe
) -> TrainingTable:
    """Choose the rows of a run.

    Raises:
        SplitError: the split belongs to another table, or a part of it is empty.
        OptionError: a split with folds, and no ``holdout``.
        ModelError: no number to learn from, one class only for a classifier, an assay without
            numbers.
    """
    table = Measurements.of(table)
    split.require(table)
    part = test_part(split, holdout)
    table, notes = _usable_rows(table, recipe)
    labels, assay, assays = _targets(table, recipe)
    parts, part_notes = _record_ids_of_parts(table, split, part, recipe.seed)
    notes += part_notes
    train, val, test = (
        _labelled_rows(table, parts[name], labels, name, part) for name in ("train", "val", "test")
    )
    exact = labels.exact & (assay == 0)
    _require_numbers(table, exact, labels, train)
    mean_pkd = float(labels.value[train][exact[train]].mean())
    chosen = TrainingTable(
        table=table,
        labels=labels,
        assay=assay,
        assays=assays,
        assay_scales=_assay_scales(labels, assay, assays, train, mean_pkd),
        train=train,
        val=val[assay[val] == 0],
        test=test[assay[test] == 0],
        part=part,
        mean_pkd=mean_pkd,
        notes=tuple(notes),
    )
    _require_choice(chosen)
    _require_classes(chosen, recipe)
    return chosen


def test_part(split: Split, holdout: str | None) -> str:
    """The part that is tested once, at the end."""
    if holdout is None and split.is_folds:
        raise OptionError(
            f"this split has folds ({', '.join(split.test_parts)}): name the one that is not to "
            f"be trained on, for example --holdout {split.test_parts[0]}"
        )
    part = holdout or "test"
    if part == VALIDATION:
        raise OptionError("--holdout val: the validation part chooses; name a test part")
    split.test_ids(part)
    return part


def _usable_rows(table: Measurements, recipe: Recipe) -> tuple[Measurements, list[str]]:
    """Rows with an antigen and something to learn."""
    known = pl.any_horizontal(pl.col("pkd", "pkd_lower", "pkd_upper").is_not_null())
    if recipe.rows == "all":
        ranks = pl.col("rank_score", "rank_lower", "rank_upper").is_not_null()
        known = known | pl.any_horizontal(ranks)
    antigen = pl.col("antigen").list.len() > 0
    notes = []
    if without := table.filter(~antigen).height:
        notes.append(f"{counted(without, 'row')} without an antigen sequence left out")
    if unlabelled := table.filter(antigen & ~known).height:
        noun = "pKd or bound" if recipe.rows == "absolute" else "value or bound"
        hint = " (rows=all takes assay scales, too)" if recipe.rows == "absolute" else ""
        notes.append(f"{counted(unlabelled, 'row')} without a {noun} left out{hint}")
    return table.filter(antigen & known), notes


def _targets(
    table: Measurements, recipe: Recipe
) -> tuple[Labels, NDArray[np.int64], tuple[str, ...]]:
    """Labels of each row on its own scale, and the code of that scale."""
    labels = table.labels("pkd")
    assay = np.zeros(table.height, dtype=np.int64)
    if recipe.rows == "absolute" or table.is_empty():
        return labels, assay, ()
    ranks, by_rank = table.labels("rank_score"), ~labels.known
    names = table["assay"].to_list()
    assays = tuple(sorted({names[row] for row in np.flatnonzero(by_rank)}))
    code = {name: number + 1 for number, name in enumerate(assays)}
    assay[by_rank] = [code[names[row]] for row in np.flatnonzero(by_rank)]
    columns = (
        getattr(source, key) for key in ("value", "lower", "upper") for source in (ranks, labels)
    )
    merged = [np.where(by_rank, rank, pkd) for rank, pkd in zip(*[iter(columns)] * 2, strict=True)]
    return Labels(*merged), assay, assays


def _record_ids_of_parts(
    table: Measurements, split: Split, part: str, seed: int
) -> tuple[dict[str, set[str]], list[str]]:
    """Record ids of train, val and test."""
    train, test = split.training_ids(part), split.test_ids(part)
    if not split.is_folds and VALIDATION in split.test_parts:
        return {"train": train, "val": split.test_ids(VALIDATION), "test": test}, []
    usable = set(table["record_id"])
    group = dict(split.assignment.select("record_id", "group").iter_rows())
    val = carve({record: group[record] for record in train & usable}, seed, split.strategy)
    note = (
        f"the split has no validation part: {counted(len(val), 'row')} in "
        f"{counted(len({group[record] for record in val}), 'whole group')} of the training rows "
        f"({split.strategy}, seed {seed}) were set aside to choose the epoch"
    )
    return {"train": train - val, "val": val, "test": test}, [note]


def carve(groups: Mapping[str, str], seed: int, strategy: str = "the split") -> set[str]:
    """Whole groups, drawn by the seed, until they hold a tenth of the rows.

    A group that would take more than a quarter of the rows is passed over while there are others.

    Args:
        groups: record id -> its group.
        seed: of the order in which groups are drawn.
        strategy: name of the split, for the message.

    Raises:
        SplitError: there are fewer than two groups.
    """
    members: dict[str, list[str]] = {}
    for record, group in sorted(groups.items()):
        members.setdefault(group, []).append(record)
    names = sorted(members)
    if len(names) < 2:
        raise SplitError(
            f"the training rows of this {strategy} split are {counted(len(names), 'group')}: no "
            "validation part can be set aside; make a split with --val"
        )
    order = [names[i] for i in np.random.default_rng([seed, 7]).permutation(len(names))]
    order.sort(key=lambda name: len(members[name]) > len(groups) / 4)
    chosen: set[str] = set()
    for name in order[:-1]:
        if len(chosen) >= VALIDATION_SHARE * len(groups):
            break
        chosen |= set(members[name])
    return chosen


def _labelled_rows(
    table: Measurements, ids: set[str], labels: Labels, name: str, part: str
) -> Rows:
    rows = np.flatnonzero(table["record_id"].is_in(list(ids)).to_numpy() & labels.known)
    if not len(rows):
        words = {"train": "training", "val": "validation", "test": "test"}[name]
        raise SplitError(
            f"the {words} part (tested on: {part}) has no row with an antigen and a label of the "
            f"{len(ids):,} rows that the split gives it; make another split"
        )
    return rows


def _require_numbers(
    table: Measurements, exact: NDArray[np.bool_], labels: Labels, train: Rows
) -> None:
    if exact[train].any():
        return
    censored = int(labels.censored[train].sum())
    assays = sorted(set(table["assay"][train.tolist()].to_list()))
    shown = ", ".join(assays[:6]) + (", ..." if len(assays) > 6 else "")
    if censored == len(train):
        raise ModelError(
            f"all {counted(len(train), 'training row')} are censored (assays {shown}): bounds "
            "alone fix no scale; add rows with an exact pKd"
        )
    raise ModelError(
        f"none of {counted(len(train), 'training row')} has an exact pKd (assays {shown}): "
        "relative values alone fix no scale; add rows with a pKd, or use `abag adapt` for one assay"
    )


def _assay_scales(
    labels: Labels, assay: NDArray[np.int64], assays: tuple[str, ...], train: Rows, mean_pkd: float
) -> tuple[tuple[float, float], ...]:
    """Mean of each assay's training values, and their units in one pKd (from both spreads).

    Raises ModelError for assays whose training rows fix no scale.
    """
    trains = np.zeros(len(labels), dtype=np.bool_)
    trains[train] = True
    spread = float(labels.value[trains & labels.exact & (assay == 0)].std()) or 1.0
    scales, unscaled = [], []
    for code, name in enumerate(assays, start=1):
        rows = trains & (assay == code)
        values = labels.value[rows & labels.exact]
        if len(values) >= FEWEST_EXACT and values.std() > 0:
            scales.append((float(values.mean()), float(values.std()) / spread))
        else:
            scales.append((mean_pkd, 1.0))
            unscaled += [name] if rows.any() else []
    if unscaled:
        raise ModelError(
            f"the training rows of {counted(len(unscaled), 'assay')} ({', '.join(unscaled[:6])}) "
            "are all censored or all equal, which fixes no scale; leave these rows out of the "
            "table, or train with --set rows=absolute"
        )
    return tuple(scales)


def _require_choice(rows: TrainingTable) -> None:
    """Raise SplitError unless the validation part can rank epochs, and the test part has rows."""
    for name in ("val", "test"):
        if not len(getattr(rows, name)):
            raise SplitError(f"the {name} part has no row with a pKd or a bound of it")
    values = rows.labels.value[rows.val]
    values = values[~np.isnan(values)]
    if len(values) < 2 or np.ptp(values) == 0:
        raise SplitError(
            f"the validation part has {counted(len(np.unique(values)), 'distinct exact pKd')} in "
            f"{counted(len(rows.val), 'row')}, which cannot choose an epoch; make a split with "
            "more --val rows"
        )


def _require_classes(rows: TrainingTable, recipe: Recipe) -> None:
    if not recipe.network.head.classifier:
        return
    strong = recipe.network.output.strong_pkd
    absolute = rows.train[rows.assay[rows.train] == 0]
    above, below = classes(rows.labels.take(absolute), strong)
    if above.any() and below.any():
        return
    lacking = "reaches" if not above.any() else "is below"
    raise ModelError(
        f"one class only: no training row surely {lacking} pKd {strong:g}, so a classifier of "
        "strong binders has nothing to tell apart; move network.output.strong_pkd, or train "
        "without the classifier and the loss bce"
    )
