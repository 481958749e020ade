"""A release beside earlier ones: every model predicts the same measured rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.similarity import antigen_clusters
from abag.errors import ReleaseError
from abag.evaluation.scores import kernels
from abag.evaluation.scores.intervals import ClusterBootstrap
from abag.files import read_json
from abag.model.artefact import MODEL, RELEASE, located
from abag.model.protocol import load_model
from abag.release.facts import stored_predictions
from abag.release.subjects import RUN, Subject

RESAMPLES: Final = 1_000


def released(place: Path) -> Path:
    """The folder of a release, by path or by ``name@revision``.

    Raises:
        MissingFileError, ReleaseError: there is none, or it is a model without a release.
    """
    folder = located(place)
    if (folder / RELEASE).is_file():
        return folder
    if (folder.parent / RELEASE).is_file():
        return folder.parent
    raise ReleaseError(f"{place} is no release (it has no {RELEASE}); make one with `abag release`")


def compare_with_earlier(
    new_folder: Path, subject: Subject, earlier: Sequence[Path], table: Path | None, title: str
) -> dict[str, Any] | None:
    """Figures of this release and of earlier ones on the same rows; None where none is given.

    The rows are those of the run's test part, or the exact pKd of ``table``.

    Raises:
        ReleaseError: there are no measured rows to compare on.
    """
    if not earlier:
        return None
    if table is not None:
        from abag.data.build import load_table

        rows = load_table(table).frame.filter(pl.col("pkd").is_not_null())
        rows_in_words, true = f"rows of {table.name}", rows["pkd"].to_numpy()
        pred = load_model(new_folder / MODEL).predict(rows)
    elif subject.held_out is not None:
        stored = stored_predictions(new_folder / RUN)
        exact = stored.filter(pl.col("true").is_not_null())
        rows = subject.held_out.filter(pl.col("record_id").is_in(exact["record_id"].to_list()))
        rows_in_words, true = "test rows", exact["true"].to_numpy()
        pred = exact["pred"].to_numpy()
    else:
        raise ReleaseError(
            "there are no test rows to compare on; name a table of measured rows by --compare-on"
        )
    antigens = rows["antigen"].to_list()
    clusters = antigen_clusters(antigens)
    keys = [clusters["/".join(antigen)] for antigen in antigens]
    bootstrap = ClusterBootstrap(keys, resamples=RESAMPLES, seed=0)
    name, _, version = title.rpartition(" ")
    figures = _scores(pred, true, bootstrap)
    split = _split_of(new_folder)
    held_out = "yes" if table is None else "not known"
    releases: list[dict[str, Any]] = [{
        "name": name, "version": version, "status": _status_of(new_folder),
        "recommendation": "above", "held_out": held_out, **figures,
    }]  # fmt: skip
    for path in earlier:
        folder = released(path)
        facts = read_json(folder / RELEASE)
        same = split is not None and _split_of(folder) == split
        releases.append({
            "name": facts["given"]["name"],
            "version": facts["given"]["version"],
            "status": _status_of(folder),
            "recommendation": facts["recommendation"]["what"],
            "held_out": "yes" if same and table is None else "not known",
            **_scores(load_model(folder / MODEL).predict(rows), true, bootstrap),
        })  # fmt: skip
    return {"what": rows_in_words, "rows": rows.height, "releases": releases}


def _split_of(release: Path) -> tuple[str, str] | None:
    path = release / RUN / "metrics.json"
    if not path.is_file():
        return None
    split = read_json(path)["split"]
    return split["digest"], split["part"]


def _status_of(release: Path) -> str:
    """``stable`` or ``unstable``; a model that is no run has neither."""
    path = release / RUN / "metrics.json"
    return str(read_json(path)["training"]["status"]) if path.is_file() else "no run"


def _scores(
    pred: NDArray[np.float64], true: NDArray[np.float64], bootstrap: ClusterBootstrap
) -> dict[str, Any]:
    """Correlations and error of one model's predictions, each with its interval."""
    figures: dict[str, Any] = {"distinct": len(np.unique(np.round(pred, 6)))}
    ones = np.ones((1, len(true)))
    for key, kernel in (
        ("spearman", kernels.spearman),
        ("pearson", kernels.pearson),
        ("rmse", kernels.rmse),
    ):
        value = float(kernel(true, pred, ones)[0])
        resampled = bootstrap.distribution(lambda w, k=kernel: k(true, pred, w))  # type: ignore[misc]
        ends = bootstrap.interval(resampled)
        finite = bool(np.isfinite(value))
        figures[key] = {"value": value if finite else None, "low": ends.low, "high": ends.high}
    return figures
