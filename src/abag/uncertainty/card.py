"""The card of a served model: what it was fitted on, what was measured, what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from abag.model.training_set import TrainingSummary
from abag.uncertainty.coverage import GroupFigures
from abag.uncertainty.domain import Verdict

_GUARANTEE: Final = """\
Intervals for `known antibody, other antigen` and `neither known` count each antigen cluster once:
they hold for an antigen drawn as the antigens of the training table were, averaged over such
antigens, and not for every single one. In the two other verdicts natural pairs and families of
designed variants weigh half each. The errors are those of models fitted on the other folds, so
coverage is about, and not at least, the level. The rows are pairs that were measured, nearly all of
them binders: pKd and interval hold for a pair that binds. A pair that differs from the training
table in other ways (another assay, another kind of molecule) is not covered by any of this."""


def card(
    model_id: str,
    training: TrainingSummary,
    protocol: Mapping[str, Any],
    figures: Mapping[Verdict, GroupFigures],
) -> str:
    """Markdown text of the card."""
    sources = ", ".join(
        f"{name} ({rows:,} rows, {licence})" for name, licence, rows in protocol.get("sources", [])
    )
    lines = [
        f"# {model_id}",
        "",
        "Predicts pKd = -log10(KD / 1 M) of an antibody and an antigen from their sequences, with "
        "an interval and a verdict on what it knows.",
        "",
        "## Training",
        "",
        f"{training.rows_used:,} rows with an exact pKd: {training.antibodies:,} antibodies, "
        f"{training.antigens:,} antigens, mean {training.target_mean:.2f}, standard deviation "
        f"{training.target_sd:.2f}. Sources: {sources or 'not recorded'}. Digest of the rows "
        f"`{training.digest[:16]}`.",
        "",
        "## Errors on rows held out",
        "",
        f"{protocol.get('folds')} folds of complexes and of antigen clusters, seed "
        f"{protocol.get('seed')}; families of designed variants held out without and with their "
        "parents in five folds. Each interval was calibrated on the other folds.",
        "",
        *_table(figures),
        "",
        *_censored(figures),
        _GUARANTEE,
        *_pairing(protocol.get("pairing", [])),
        "",
        "The folder holds the chains of the training rows, to tell what is known.",
    ]
    return "\n".join(lines) + "\n"


def _table(figures: Mapping[Verdict, GroupFigures]) -> list[str]:
    level = next((f"{100 * group.level:g} %" for group in figures.values()), "90 %")
    rows = [
        "| verdict | rows | antigen clusters | RMSE | RMSE of the mean | bias | within 1 pKd | "
        f"{level} intervals cover | the same by cluster | mean width |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for verdict, group in figures.items():
        numbers = [
            _number(group.rmse, ".2f"),
            _number(group.rmse_of_mean, ".2f"),
            _number(group.bias, "+.2f"),
            _number(group.within_one, ".0%"),
            _number(group.coverage, ".1%"),
            _number(group.coverage_of_clusters, ".1%"),
            _number(group.width, ".1f"),
        ]
        rows.append(
            f"| {verdict} | {group.rows:,} | {group.clusters:,} | " + " | ".join(numbers) + " |"
        )
    return rows


def _censored(figures: Mapping[Verdict, GroupFigures]) -> list[str]:
    counts = [
        f"{verdict} {group.censored_compatible:,} and {group.censored_uncovered:,}"
        for verdict, group in figures.items()
        if group.rows > group.rows_exact
    ]
    if not counts:
        return []
    text = "; ".join(counts)
    return [
        f"Censored rows whose interval is compatible with the bound, and those whose interval lies "
        f"wholly on the excluded side: {text}. RMSE and coverage are of exact rows.",
        "",
    ]


def _pairing(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """How well the evidence that a pair binds separates true pairs from shuffled ones."""
    if not figures:
        return []
    rows = [
        f"| {figure['verdict']} | {figure['pairs']:,} | {figure['clusters']} | "
        f"{_number(figure['auroc'], '.2f')} |"
        for figure in figures
    ]
    return [
        "",
        "## Does it bind?",
        "",
        "Held-out pairs against the same antibodies with antigens of other pairs, each antigen as "
        "often among the shuffled pairs as among the true ones (`binding_score`); the largest "
        "antigen cluster is left out. Where neither side is known there is no score: chance.",
        "",
        "| verdict of the true pair | pairs | antigen clusters | AUROC |",
        "|---|---|---|---|",
        *rows,
        "| neither known | | | 0.50 |",
    ]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
