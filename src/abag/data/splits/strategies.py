"""The strategies: pure functions of a table, its clusters and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl

from abag.data.similarity import (
    ANTIGEN_THRESHOLD,
    CDR_THRESHOLD,
    UNKNOWN_ANTIGEN,
    antibody_clusters,
    antigen_clusters,
    cdr_sets,
)
from abag.data.splits.assignment import assign_groups, majority_parts, part_targets
from abag.data.splits.positions import mutated_positions, position_blocks
from abag.data.splits.split import (
    TRAIN,
    UNUSED,
    VALIDATION,
    Split,
    row_contents,
    row_labels,
)
from abag.data.tables import Measurements
from abag.errors import SplitError, counted, require_seed


class Strategy(StrEnum):
    """The unit that stays whole, and so is new in the test rows."""

    RANDOM = "random"
    COMPLEX = "complex"
    ANTIBODY_CLUSTER = "antibody-cluster"
    ANTIGEN_CLUSTER = "antigen-cluster"
    BOTH_COLD = "both-cold"
    ASSAY = "assay"
    POSITION_BLOCK = "position-block"


GROUP_NAMES: dict[Strategy, str] = {
    Strategy.RANDOM: "rows",
    Strategy.COMPLEX: "complexes",
    Strategy.ANTIBODY_CLUSTER: "antibody clusters",
    Strategy.ANTIGEN_CLUSTER: "antigen clusters",
    Strategy.ASSAY: "assays",
}
_BY_ANTIBODY = (Strategy.ANTIBODY_CLUSTER, Strategy.BOTH_COLD)
_BY_ANTIGEN = (Strategy.ANTIGEN_CLUSTER, Strategy.BOTH_COLD)


def make_split(
    table: Measurements | pl.DataFrame,
    strategy: Strategy | str,
    *,
    folds: int | None = None,
    fractions: tuple[float, float, float] | None = None,
    seed: int = 0,
    antibody_threshold: float = CDR_THRESHOLD,
    antigen_threshold: float = ANTIGEN_THRESHOLD,
    antibody_labels: Mapping[str, str] | None = None,
    antigen_labels: Mapping[str, str] | None = None,
) -> Split:
    """Divide a canonical table.

    Args:
        table: canonical rows (``record_id``, ``heavy``, ``light``, ``antigen`` and what the
            strategy reads: ``structure_id``, ``assay``, ``mutations``).
        strategy: one of :class:`Strategy`.
        folds: number of folds; ten when neither this nor ``fractions`` is given.
        fractions: shares of train, val and test instead of folds.
        seed: breaks ties; the result does not depend on the order of the rows.
        antibody_threshold: CDR identity that joins two antibodies.
        antigen_threshold: sequence identity that joins two antigens.
        antibody_labels: cluster of each ``antibody_key``, if made before.
        antigen_labels: cluster of each ``antigen_key``, if made before.

    Raises:
        SplitError: unknown strategy, an empty table, or a part that would have no rows.
    """
    chosen = _strategy(strategy)
    table = Measurements.of(table)
    if not len(table):
        raise SplitError("the table has no rows; there is nothing to split")
    require_seed(seed)
    base = row_contents(table)
    targets = part_targets(table.height, folds, fractions)
    parameters: dict[str, Any] = (
        {"folds": len(targets)} if fractions is None else {"fractions": list(fractions)}
    )
    keys = pl.DataFrame({"antibody": table.antibody_keys, "antigen": table.antigen_keys})
    if chosen in _BY_ANTIBODY:
        parameters["antibody_threshold"] = antibody_threshold
        labels = antibody_labels or antibody_clusters(cdr_sets(table), antibody_threshold)
        keys = keys.with_columns(antibody=_relabel(keys["antibody"], labels))
    if chosen in _BY_ANTIGEN:
        parameters["antigen_threshold"] = antigen_threshold
        labels = antigen_labels or antigen_clusters(
            table["antigen"].fill_null([]).to_list(), antigen_threshold
        )
        keys = keys.with_columns(antigen=_relabel(keys["antigen"].fill_null(""), labels))
    if chosen is Strategy.BOTH_COLD:
        rows = _both_cold(keys, targets, seed, folds=fractions is None)
    elif chosen is Strategy.POSITION_BLOCK:
        rows = _position_block(table, targets, seed, folds=fractions is None)
    else:
        rows = _whole_groups(_groups(table, keys, chosen), targets, seed, GROUP_NAMES[chosen])
    assignment = pl.concat([base, rows], how="horizontal")
    notes = (*_notes(rows, targets, chosen), *_structure_note(table, chosen))
    split = Split(chosen.value, parameters, seed, assignment, notes, labels=row_labels(table))
    return _with_rows(split, targets)


def _strategy(name: str) -> Strategy:
    try:
        return Strategy(name)
    except ValueError:
        names = ", ".join(Strategy)
        raise SplitError(f"no strategy {name!r}; the strategies are {names}") from None


def _structure_note(table: Measurements, strategy: Strategy) -> tuple[str, ...]:
    if strategy is not Strategy.COMPLEX or not (without := table["structure_id"].null_count()):
        return ()
    return (
        f"{without} of {table.height} rows name no structure (structure_id): only rows of the same "
        "chains stay together there, which is little more than a random split",
    )


def _relabel(keys: pl.Series, labels: Mapping[str, str]) -> pl.Series:
    unknown = sorted(set(keys) - set(labels))
    if unknown:
        raise SplitError(
            f"no cluster is given for {counted(len(unknown), 'chain')} of the table, such as "
            f"{unknown[0][:30]}...; make the clusters from the same table"
        )
    return pl.Series([labels[key] for key in keys], dtype=pl.String)


def _groups(table: Measurements, keys: pl.DataFrame, strategy: Strategy) -> pl.Series:
    """The group that each row must stay in."""
    if strategy is Strategy.ANTIBODY_CLUSTER:
        return keys["antibody"]
    if strategy is Strategy.ANTIGEN_CLUSTER:
        return keys["antigen"]
    if strategy is Strategy.COMPLEX:
        table.require("structure_id")
        triple = "pair " + row_contents(table)["content"]
        return table.select(pl.coalesce(pl.col("structure_id"), triple)).to_series()
    name = "assay" if strategy is Strategy.ASSAY else "record_id"
    table.require(name)
    return table[name]


def _frame(
    groups: list[str], parts: list[str], barred: list[list[str]] | None = None
) -> pl.DataFrame:
    return pl.DataFrame(
        {"group": groups, "part": parts, "barred": barred or [[] for _ in parts]},
        schema={"group": pl.String(), "part": pl.String(), "barred": pl.List(pl.String())},
    )


def _whole_groups(
    groups: pl.Series, targets: Mapping[str, float], seed: int, names: str
) -> pl.DataFrame:
    """Each group, whole, in one part."""
    sizes = dict(groups.to_frame("group").group_by("group").len().iter_rows())
    parts = assign_groups(sizes, targets, seed, names)
    return _frame(groups.to_list(), [parts[group] for group in groups])


def _both_cold(
    keys: pl.DataFrame, targets: Mapping[str, float], seed: int, folds: bool
) -> pl.DataFrame:
    """Rows whose antibody and antigen clusters fall into one part are tested there.

    Antigen clusters are dealt out by size; an antibody cluster follows most of its rows. A row
    whose two clusters fall apart belongs to two sides: with fractions it is unused, with folds it
    trains only for the folds that hold neither of its clusters.
    """
    sizes = dict(keys.group_by("antigen").len().iter_rows())
    antigen_part = assign_groups(sizes, targets, seed, "antigen clusters")
    members: dict[str, list[str]] = {}
    for antibody, antigen in keys.select("antibody", "antigen").iter_rows():
        members.setdefault(antibody, []).append(antigen_part[antigen])
    antibody_part = majority_parts(members, list(targets), seed)
    groups, parts, barred = [], [], []
    for antibody, antigen in keys.select("antibody", "antigen").iter_rows():
        sides = {antibody_part[antibody], antigen_part[antigen]}
        groups.append(f"{antibody} {antigen}")
        apart = len(sides) > 1
        parts.append((TRAIN if folds else UNUSED) if apart else sides.pop())
        barred.append(sorted(sides) if apart and folds else [])
    return _frame(groups, parts, barred)


def _position_block(
    table: Measurements, targets: Mapping[str, float], seed: int, folds: bool
) -> pl.DataFrame:
    """Rows mutated in one block alone are tested there; rows without mutations train.

    A row mutated in several blocks is unused with fractions; with folds it trains for the folds
    whose block it does not touch.
    """
    table.require("assay")
    names = list(targets)
    groups = [""] * table.height
    parts = [TRAIN] * table.height
    barred: list[list[str]] = [[] for _ in range(table.height)]
    rows = table.frame.with_row_index("at")
    for assay in sorted(set(table["assay"])):
        variants = rows.filter(pl.col("assay") == assay).sort("record_id")
        positions = mutated_positions(variants)
        order = np.random.default_rng(seed).permutation(len(names)).tolist()
        blocks = position_blocks(positions, [targets[names[i]] for i in order], assay)
        for at, changed in zip(variants["at"].to_list(), positions, strict=True):
            touched = sorted({names[order[blocks[position]]] for position in changed})
            groups[at] = f"{assay} {'+'.join(touched) or 'parent'}"
            if len(touched) == 1:
                parts[at] = touched[0]
            elif touched:
                parts[at] = TRAIN if folds else UNUSED
                barred[at] = touched if folds else []
    return _frame(groups, parts, barred)


def _with_rows(split: Split, targets: Mapping[str, float]) -> Split:
    """The split, once every part and the training of every fold has rows."""
    empty = [part for part in targets if not split.parts().get(part)]
    untrained = [part for part in split.test_parts if not split.training_ids(part)]
    if empty or untrained:
        lack = f"{', '.join(empty)} without rows" if empty else (
            f"{', '.join(untrained)} without training rows"
        )  # fmt: skip
        raise SplitError(
            f"strategy {split.strategy} leaves {lack} ({split.assignment.height} rows in "
            f"{split.assignment['group'].n_unique()} groups); ask for fewer or larger parts, "
            "change the threshold or choose another strategy"
        )
    return split


def _notes(rows: pl.DataFrame, targets: Mapping[str, float], strategy: Strategy) -> tuple[str, ...]:
    """Notes for readers of figures from this split."""
    notes = []
    # Both-cold groups read "antibody-cluster antigen-cluster"; the antigen side is dealt out.
    group = pl.col("group")
    if strategy is Strategy.BOTH_COLD:
        group = group.str.split(" ").list.last()
    by_size = rows.group_by(group).len().sort(["len", "group"], descending=[True, False])
    name, size = by_size.row(0)
    mean = min(target for part, target in targets.items() if part != VALIDATION)
    if strategy is not Strategy.POSITION_BLOCK and size > 2 * mean:
        part = rows.filter(group == name)["part"].mode().sort()[0]
        notes.append(
            f"group {name} holds {size} of {rows.height} rows ({size / rows.height:.0%}) and stays "
            f"whole in {part}: give figures with and without it"
        )
    split_sides = rows.filter((pl.col("barred").list.len() > 0) | (pl.col("part") == UNUSED)).height
    if split_sides:
        reason = {
            Strategy.BOTH_COLD: "have antibody and antigen clusters on different sides",
            Strategy.POSITION_BLOCK: "are mutated in more than one block",
        }.get(strategy, "belong to two sides")
        notes.append(
            f"{split_sides} of {rows.height} rows {reason}: they are never tested and train only "
            "where they touch no test part"
        )
    unknown = rows.filter(pl.col("group").str.contains(UNKNOWN_ANTIGEN, literal=True)).height
    if unknown:
        notes.append(f"{unknown} rows have no antigen sequence and stay together as one cluster")
    return tuple(notes)
