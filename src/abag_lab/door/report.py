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


def door_lines(figures: DoorFigures) -> Iterator[str]:
    """All tables, part by part."""
    yield f"seal {figures.seal[:16]}"
    yield from _scores(figures.scores)
    for part, by_verdict in figures.verdicts.items():
        yield from _verdicts(part, by_verdict)
    for part, sets in figures.sets.items():
        yield from _sets(part, sets)
    yield from _pairing(figures)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield from ["", *markdown_table(head, rows)]


def _scores(scores: Sequence[PartScore]) -> Iterator[str]:
    head = ("part", "model", "rows", "clusters", "Pearson", "RMSE", "bias", "RMSE minus kmer-ridge")
    rows = [
        (
            score.part,
            score.model,
            f"{score.rows:,}",
            score.clusters,
            f"{score.pearson:.2f}",
            f"{score.rmse:.2f}",
            f"{score.bias:+.2f}",
            "" if score.rmse_beyond_reference is None else _between(*score.rmse_beyond_reference),
        )
        for score in scores
    ]
    yield from _table(head, rows)


def _between(low: float, high: float) -> str:
    return f"{low:+.2f} to {high:+.2f}"


def _verdicts(part: str, by_verdict: Mapping[Verdict, GroupFigures]) -> Iterator[str]:
    head = (f"{part}, verdict", "rows", "clusters", "RMSE", "of the mean", "bias", "90 % hold",
            "by cluster", "width")  # fmt: skip
    rows = [
        (
            verdict.value,
            f"{figures.rows_exact:,}",
            figures.clusters,
            *(
                "" if value is None else format(value, form)
                for value, form in (
                    (figures.rmse, ".2f"),
                    (figures.rmse_of_mean, ".2f"),
                    (figures.bias, "+.2f"),
                    (figures.coverage, ".1%"),
                    (figures.coverage_of_clusters, ".1%"),
                    (figures.width, ".1f"),
                )
            ),
        )
        for verdict, figures in by_verdict.items()
    ]
    yield from _table(head, rows)


def _sets(part: str, sets: Sequence[RankedSet]) -> Iterator[str]:
    if not sets:
        return
    names = list(sets[0].spearman)
    head = (f"set ({part})", "rows", *names, "RMSE", "bias", "90 % hold")
    rows = [
        (
            ranked.name,
            ranked.rows,
            *(f"{ranked.spearman[name]:.2f}" for name in names),
            f"{ranked.rmse:.2f}",
            f"{ranked.bias:+.2f}",
            "" if ranked.covered is None else f"{ranked.covered:.0%}",
        )
        for ranked in sets
    ]
    covered = [ranked.covered for ranked in sets if ranked.covered is not None]
    rows.append(
        (
            f"**mean of {len(sets)}**",
            sum(ranked.rows for ranked in sets),
            *(f"{np.mean([ranked.spearman[name] for ranked in sets]):.2f}" for name in names),
            f"{np.mean([ranked.rmse for ranked in sets]):.2f}",
            f"{np.mean([ranked.bias for ranked in sets]):+.2f}",
            f"{np.mean(covered):.0%}" if covered else "",
        )
    )
    yield from _table(head, rows)


def _pairing(figures: DoorFigures) -> Iterator[str]:
    head = ("true pairs against shuffled ones", "pairs", "clusters", "AUROC")
    rows = [
        (
            figure.verdict,
            f"{figure.pairs:,}",
            figure.clusters,
            "" if figure.auroc is None else f"{figure.auroc:.2f}",
        )
        for figure in figures.pairing
    ]
    yield from _table(head, [*rows, ("neither known", "", "", "0.50, no score")])
