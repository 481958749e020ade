"""``release.json``: everything that is said of a release, taken from the artefacts beside it.

What people state (name, version, licence, news) and what only the training table can tell is kept
under ``given``; all else is read from the files of the release, so that it can be read again by
whoever checks it. Numbers that two files hold must agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from abag.errors import ReleaseError
from abag.evaluation.scores import metrics as scores
from abag.files import read_json
from abag.model.artefact import MODEL, SERVED, read_manifest
from abag.model.protocol import MODELS
from abag.release.issues import known_issues, recommendation
from abag.release.subjects import REPORT, RUN
from abag.version import VERSION

FORMAT: Final = "abag-release"
FORMAT_VERSION: Final = 1
AGREE_PKD: Final = 1e-4
"""Predictions are the same to this: float32 sums run in another order in other batches."""
_SAME: Final = 1e-9

QUANTITY: Final = "pKd = -log10(KD / 1 M)"
EQUATIONS: Final = {
    "assay-gp": ("y(x) = GP(x; parent, positions, substitution kernel) + noise",),
    "kmer-ridge": (
        "pKd(x, g) = mean + K (K + ridge I)^-1 (y - mean)",
        "K = 0.4 H + 0.2 L + 0.2 A + 0.6 H A + 0.3 H L A",
    ),
    "one-hot-ridge": ("y(x) = b + sum over positions w[position, residue]",),
    "network": (
        "X = antibody_encoder(heavy, light) [residues, width]",
        "Y = antigen_encoder(antigen) [residues, width]",
        "pKd = head(fusion(X, Y))",
    ),
    "mean": ("pKd = mean of the training rows",),
    "antigen-mean": ("pKd(g) = (n m(g) + s mean) / (n + s)",),
    "nearest-neighbour": ("pKd(x, g) = mean of the k nearest training rows",),
}
"""What a model computes, where the docstring of its module has no formula."""
FIGURES: Final = {
    "spearman_inside_antigen": "Spearman inside one antigen",
    "spearman": "Spearman, pooled",
    "pearson": "Pearson, pooled",
    "rmse": "RMSE, pKd",
    "mae": "MAE, pKd",
    "bias": "bias, pKd",
    "recall": "recall of strong binders",
    "precision": "precision of strong binders",
}
"""Test figures that a card shows, in this order."""


def gather(folder: Path, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a release whose artefacts lie in ``folder``.

    Raises:
        ReleaseError: two artefacts contradict each other.
        ModelError, FileFormatError: one is damaged.
    """
    model = folder / MODEL
    manifest = read_manifest(model)
    settings = manifest["settings"]
    run = folder / RUN
    facts: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "abag_version": VERSION,
        "given": dict(stated),
        "quantity": QUANTITY,
        "agree_pkd": AGREE_PKD,
        "model": {
            "id": manifest["model_id"],
            "name": manifest["name"],
            "made_by": manifest["abag_version"],
            "settings": {k: v for k, v in settings.items() if not isinstance(v, dict)},
            "target": settings.get("target", "pkd"),
            "equation": equation_of(manifest["name"]),
            "bytes": sum(path.stat().st_size for path in model.iterdir()),
        },
        "training": manifest["training"],
        "calibration": _calibration(model),
        "run": _run(run) if run.is_dir() else None,
        "assay": _assay(folder / REPORT),
        "check": _check(folder),
    }
    facts["issues"] = known_issues(facts)
    facts["recommendation"] = recommendation(facts)
    return facts


def equation_of(name: str) -> list[str]:
    """What a model computes: the indented lines of its module's docstring, or :data:`EQUATIONS`."""
    docstring = import_module(MODELS[name].partition(":")[0]).__doc__ or ""
    lines = [line.strip() for line in docstring.splitlines() if line.startswith("    ")]
    return lines or list(EQUATIONS.get(name, (QUANTITY,)))


def _calibration(model: Path) -> dict[str, Any] | None:
    """Measured figures by verdict, and how they were measured."""
    if not (model / SERVED).is_file():
        return None
    served = read_json(model / SERVED)
    figures = [{"verdict": name, **figure} for name, figure in served["figures"].items()]
    return {"protocol": served["protocol"], "figures": sorted(figures, key=lambda f: -f["rows"])}


def _assay(report: Path) -> dict[str, Any] | None:
    path = report / "adaptation.json"
    if not path.is_file():
        return None
    adaptation = read_json(path)
    return {key: adaptation[key] for key in ("rows", "target", "verdict", "skill", "notes")}


def _check(folder: Path) -> dict[str, int]:
    """How many predictions anyone can make again."""
    counts = {}
    for name in ("pairs", "held_out"):
        path = folder / "check" / f"{name}.csv"
        counts[name] = pl.read_csv(path, infer_schema=False).height if path.is_file() else 0
    return counts


def _run(run: Path) -> dict[str, Any]:
    metrics = read_json(run / "metrics.json")
    predictions = stored_predictions(run)
    require_agreement(metrics, predictions)
    evaluation, test = metrics["evaluation"], metrics["test"]
    recipe = metrics["hyper_parameters"]
    models = evaluation["models"]
    return {
        "recipe": metrics["recipe"],
        "title": recipe["title"],
        "settings": {
            key: recipe[key]
            for key in ("network", "loss", "optimiser", "schedule", "batch", "stopping", "seed")
        },
        "differs": recipe.get("differs", []),
        "encoders": metrics["encoders"],
        "size": metrics["size"],
        "split": {**metrics["split"], "notes": list(metrics["split"].get("notes", ()))},
        "audit": metrics["audit"],
        "val": metrics["val"],
        "status": metrics["training"],
        "test_rows": predictions.height,
        "figures": [
            {"key": key, "title": title, **_figure(test[key])}
            for key, title in FIGURES.items()
            if key in test
        ],
        "distinct": {
            key: test[key]["value"]
            for key in ("distinct_predictions", "distinct_inputs", "distinct_share",
                        "prediction_sd", "share_out_of_range", "lowest", "highest")
        },
        "baselines": [
            {"name": name}
            | {key: _estimate(model, key) for key in ("rmse", "spearman", "pearson")}
            for name, model in models.items()
        ],
        "collapse": models[evaluation["subject"]]["collapse"],
        "differences": models[evaluation["subject"]]["differences"],
        "resampling": evaluation["resampling"],
        "rows": evaluation["rows"],
    }  # fmt: skip


def stored_predictions(run: Path) -> pl.DataFrame:
    """``test_predictions.csv`` of a run."""
    return pl.read_csv(run / "test_predictions.csv", schema_overrides={"record_id": pl.String})


def _figure(figure: Mapping[str, Any]) -> dict[str, Any]:
    ends = figure.get("interval") or (None, None)
    return {"value": figure["value"], "low": ends[0], "high": ends[1], "rows": figure["n"],
            "reason": figure.get("reason")}  # fmt: skip


def _estimate(model: Mapping[str, Any], key: str) -> dict[str, Any]:
    estimate = model["pooled"][key]
    ends = estimate.get("interval") or {}
    return {"value": estimate["score"]["value"], "low": ends.get("low"), "high": ends.get("high")}


def require_agreement(metrics: Mapping[str, Any], predictions: pl.DataFrame) -> None:
    """Raise ReleaseError where the figures of a run are not those of its test predictions.

    Rows, errors, correlations and distinct values are computed again; a wrong one is named with
    both values.
    """
    test = metrics["test"]
    exact = predictions.drop_nulls("true")
    true, pred = exact["true"].to_numpy(), exact["pred"].to_numpy()
    figures: dict[str, float | None] = {
        "rmse": scores.rmse(true, pred).value,
        "mae": scores.mae(true, pred).value,
        "spearman": scores.spearman(true, pred).value,
        "pearson": scores.pearson(true, pred).value,
        "distinct_predictions": len(np.unique(np.round(predictions["pred"].to_numpy(), 6))),
    }
    claims = [(key, test[key]["value"], value) for key, value in figures.items() if key in test]
    claims.append(("rows of the test part", test["prediction_sd"]["n"], predictions.height))
    for figure, claimed, recomputed in claims:
        same = (
            claimed is None
            or recomputed is None
            or math.isclose(claimed, recomputed, rel_tol=1e-6, abs_tol=_SAME)
        )
        if not same or (claimed is None) != (recomputed is None):
            raise ReleaseError(
                f"metrics.json says that {figure} is {claimed}, but test_predictions.csv gives "
                f"{recomputed}: one of the two was changed; take both from the run"
            )
    errors = (predictions["pred"] - predictions["true"] - predictions["error"]).abs().max()
    if isinstance(errors, float) and errors > _SAME:
        raise ReleaseError("test_predictions.csv has an error that is not pred - true")
