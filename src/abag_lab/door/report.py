"""The figures of the door as Markdown tables: the card, the page and the terminal show the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from abag.pages import markdown_table
from abag_lab.door.scores import PartScore
from abag_lab.door.sets import RankedSet

if TYPE_CHECKING:
    from abag.uncertainty.coverage import GroupFigures
    from abag.uncertainty.domain import Verdict
    from abag_lab.door.benchmark import DoorFigures


def door_lines(done: DoorFigures) -> Iterator[str]:
    """All tables, part by part."""
    yield f"seal {done.seal[:16]}"
    yield from _scores(done.scores)
    for part, found in done.verdicts.items():
        yield from _verdicts(part, found)
    for part, sets in done.sets.items():
        yield from _sets(part, sets)
    yield from _pairing(done)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield from ["", *markdown_table(head, rows)]


def _scores(scores: Sequence[PartScore]) -> Iterator[str]:
    head = ("part", "model", "rows", "clusters", "Pearson", "RMSE", "bias", "RMSE minus kmer-ridge")
    rows = [
        (
            one.part,
            one.model,
            f"{one.rows:,}",
            one.clusters,
            f"{one.pearson:.2f}",
            f"{one.rmse:.2f}",
            f"{one.bias:+.2f}",
            "" if one.rmse_beyond_reference is None else _between(*one.rmse_beyond_reference),
        )
        for one in scores
    ]
    yield from _table(head, rows)


def _between(low: float, high: float) -> str:
    return f"{low:+.2f} to {high:+.2f}"


def _verdicts(part: str, found: Mapping[Verdict, GroupFigures]) -> Iterator[str]:
    head = (f"{part}, verdict", "rows", "clusters", "RMSE", "of the mean", "bias", "90 % hold",
            "by cluster", "width")  # fmt: skip
    rows = [
        (
            verdict.value,
            f"{one.rows_exact:,}",
            one.clusters,
            *(
                "" if value is None else format(value, form)
                for value, form in (
                    (one.rmse, ".2f"),
                    (one.rmse_of_mean, ".2f"),
                    (one.bias, "+.2f"),
                    (one.coverage, ".1%"),
                    (one.coverage_of_clusters, ".1%"),
                    (one.width, ".1f"),
                )
            ),
        )
        for verdict, one in found.items()
    ]
    yield from _table(head, rows)


def _sets(part: str, sets: Sequence[RankedSet]) -> Iterator[str]:
    if not sets:
        return
    names = list(sets[0].spearman)
    head = (f"set ({part})", "rows", *names, "RMSE", "bias", "90 % hold")
    rows = [
        (
            one.name,
            one.rows,
            *(f"{one.spearman[name]:.2f}" for name in names),
            f"{one.rmse:.2f}",
            f"{one.bias:+.2f}",
            "" if one.covered is None else f"{one.covered:.0%}",
        )
        for one in sets
    ]
    covered = [one.covered for one in sets if one.covered is not None]
    rows.append(
        (
            f"**mean of {len(sets)}**",
            sum(one.rows for one in sets),
            *(f"{np.mean([one.spearman[name] for one in sets]):.2f}" for name in names),
            f"{np.mean([one.rmse for one in sets]):.2f}",
            f"{np.mean([one.bias for one in sets]):+.2f}",
            f"{np.mean(covered):.0%}" if covered else "",
        )
    )
    yield from _table(head, rows)


def _pairing(done: DoorFigures) -> Iterator[str]:
    head = ("true pairs against shuffled ones", "pairs", "clusters", "AUROC")
    rows = [
        (
            one.verdict,
            f"{one.pairs:,}",
            one.clusters,
            "" if one.auroc is None else f"{one.auroc:.2f}",
        )
        for one in done.pairing
    ]
    yield from _table(head, [*rows, ("neither known", "", "", "0.50, no score")])
