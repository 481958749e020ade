"""``abag evaluate``: score models on held-out rows, with baselines and the leak audit beside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from abag.apps.cli import emit

if TYPE_CHECKING:
    from abag.evaluation.from_files import EvaluationRun
    from abag.evaluation.scores.scoring import ModelScores


def evaluate(
    table: Path,
    *,
    split: Path,
    model: Annotated[list[str], Parameter(negative=())],
    out: Path,
    target: Literal["pkd", "rank_score"] = "pkd",
    seed: int = 0,
    bootstrap: int = 1000,
    audit: bool = True,
    title: str | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Score models on held-out rows: metrics.json, test_predictions.csv, report.html.

    Args:
        table: Canonical table (.parquet) from `abag data build` or `abag data import`.
        split: Split of this table from `abag split`.
        model: Name of a model, fitted on each fold, or folder of a saved one, tested on the part
            that it was not fitted on; repeat it for several. The first leads the report.
        out: Folder for the three files.
        target: pkd, or rank_score (order inside one assay).
        seed: Seed of models and bootstrap.
        bootstrap: Number of bootstrap resamples.
        audit: Audit the split for leaks and show the audit in the report.
        title: Heading of the report.
        overwrite: Replace an evaluation that is in the folder.
        json: Print one JSON object.
    """
    from abag.evaluation.from_files import evaluate_files

    run = evaluate_files(
        table,
        split,
        model,
        out,
        target=target,
        seed=seed,
        resamples=bootstrap,
        with_audit=audit,
        title=title,
        overwrite=overwrite,
    )
    emit(_content(run), _text(run), json)


def _content(run: EvaluationRun) -> dict[str, Any]:
    from abag.evaluation.reporting.wording import summarise

    evaluation = run.evaluation
    summary = summarise(evaluation)
    return {
        "subject": evaluation.subject.name,
        "headline": summary.headline,
        "trust": summary.trust.value,
        "reasons": list(summary.reasons),
        "rows": evaluation.rows.exact + evaluation.rows.censored,
        "split_digest": evaluation.split["digest"],
        "models": {model.name: _figures(model, evaluation.leading) for model in evaluation.models},
        "metrics": str(run.files.metrics),
        "predictions": str(run.files.predictions),
        "report": str(run.files.report),
    }


def _figures(model: ModelScores, level: str) -> dict[str, Any]:
    pooled = {key: estimate.score.value for key, estimate in model.pooled.items()}
    return {
        "baseline": model.baseline,
        f"spearman_inside_{level}": model.levels[level].summary["spearman"].mean,
        **pooled,
    }


def _text(run: EvaluationRun) -> str:
    from abag.evaluation.reporting.wording import number, summarise

    evaluation = run.evaluation
    summary, level = summarise(evaluation), evaluation.leading
    head = f"inside one {level}"
    lines = [
        summary.question,
        summary.headline,
        summary.trust.value + (": " + " ".join(summary.reasons) if summary.reasons else "."),
        "",
    ]
    rows: list[tuple[str, ...]] = [("model", head, "Spearman", "Pearson", "RMSE")]
    for model in evaluation.models:
        figures = [model.levels[level].summary["spearman"].mean]
        figures += [model.pooled[key].score.value for key in ("spearman", "pearson", "rmse")]
        name = f"{model.name}{' (baseline)' if model.baseline else ''}"
        rows.append((name, *(number(value) for value in figures)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *cells in rows:
        shown = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append("  ".join([name.ljust(widths[0]), *shown]))
    controls = evaluation.controls()
    lines += [""] if controls else []
    lines += [f"controls, {name}: {shuffled.in_words()}" for name, shuffled in controls.items()]
    return "\n".join([*lines, "", f"report: {run.files.report}"])
