"""The files of an evaluation: metrics.json, test_predictions.csv and report.html."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from abag.data.tables import TARGET_COLUMNS
from abag.evaluation.evaluation import Evaluation
from abag.evaluation.reporting.report import EvaluationSection, render_report
from abag.files import new_result, require_own, write_csv, write_json, write_text

FORMAT: Final = 1
NAMES: Final = ("metrics.json", "test_predictions.csv", "report.html")
_WHAT: Final = "an evaluation"


@dataclass(frozen=True, slots=True)
class EvaluationFiles:
    """Where the outputs lie."""

    metrics: Path
    predictions: Path
    report: Path

    @classmethod
    def of(cls, folder: Path) -> EvaluationFiles:
        """Those of a folder."""
        return cls(*(folder / name for name in NAMES))


def write_evaluation(
    sections: Sequence[EvaluationSection], folder: Path, title: str, *, overwrite: bool = False
) -> EvaluationFiles:
    """Write the three files of one or several evaluations; they appear whole, all together.

    Raises:
        OptionError: see :func:`require_free_evaluation`.
    """
    with new_result(folder, NAMES, _WHAT, overwrite=overwrite) as scratch:
        put_evaluation(sections, scratch, title)
    return EvaluationFiles.of(folder)


def put_evaluation(sections: Sequence[EvaluationSection], folder: Path, title: str) -> None:
    """Write the three files into a folder that a larger result is being made in."""
    write_json(folder / NAMES[0], metrics_content(sections), seal=True)
    write_csv(folder / NAMES[1], predictions_table([section.evaluation for section in sections]))
    write_text(folder / NAMES[2], render_report(sections, title))


def require_free_evaluation(folder: Path, overwrite: bool) -> None:
    """Raise OptionError where ``folder`` holds other files, or an evaluation to be kept."""
    require_own(folder, NAMES, _WHAT, overwrite=overwrite)


def metrics_content(sections: Sequence[EvaluationSection]) -> dict[str, Any]:
    """All figures as plain JSON; undefined ones are null with a reason beside."""
    return {
        "format": FORMAT,
        "abag_version": sections[0].evaluation.version,
        "evaluations": [
            {**evaluation_content(section.evaluation), "provenance": _plain(section.provenance)}
            for section in sections
        ],
    }


def evaluation_content(evaluation: Evaluation) -> dict[str, Any]:
    """One evaluation as plain JSON."""
    settings = {candidate.name: candidate for candidate in evaluation.candidates}
    curves, controls = evaluation.risk_coverage(), evaluation.controls()
    content = {
        "name": evaluation.name,
        "target": evaluation.target,
        "leading_level": evaluation.leading,
        "rows": evaluation.rows,
        "train_rows": evaluation.held_out.train_rows,
        "resampling": evaluation.resampling,
        "split": evaluation.split,
        "audit": evaluation.audit,
        "subject": evaluation.subject.name,
        "models": {
            model.name: {
                **_fields(model),
                "settings": settings[model.name].settings,
                "model_id": settings[model.name].identity,
                "fitted_before": settings[model.name].build is None,
                "risk_coverage": curves.get(model.name),
                "controls": controls.get(model.name),
            }
            for model in evaluation.models
        },
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def predictions_table(evaluations: Sequence[Evaluation]) -> pl.DataFrame:
    """Every prediction: one line a row, model and evaluation; ``error`` null where censored."""
    parts = []
    for evaluation in evaluations:
        table, groups = evaluation.held_out.table, evaluation.antigens
        value, lower, upper = TARGET_COLUMNS[evaluation.target]
        names = [groups.names[code] if code >= 0 else None for code in groups.codes]
        for name, pred in evaluation.held_out.predictions.items():
            parts.append(
                table.select(
                    "record_id",
                    evaluation=pl.lit(evaluation.name),
                    model=pl.lit(name),
                    fold=pl.Series(evaluation.held_out.folds, dtype=pl.String),
                    antigen_group=pl.Series(names, dtype=pl.String),
                    true=pl.col(value),
                    true_lower=pl.col(lower),
                    true_upper=pl.col(upper),
                    relation=pl.col("relation"),
                    pred=pl.Series(pred),
                ).with_columns(error=pl.col("pred") - pl.col("true"))
            )
    return pl.concat(parts)


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _plain(value: Any) -> Any:
    """JSON values only: infinite bounds and NaN become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(_fields(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
