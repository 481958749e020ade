"""Predictions that a release carries, and whether its model gives them."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from abag.errors import ReleaseError, counted
from abag.files import make_folder, write_csv
from abag.inference.predictor import Predictor
from abag.model.artefact import MODEL
from abag.release.facts import AGREE_PKD, stored_predictions
from abag.release.subjects import RUN, Subject

CHECK: Final = "check"
PAIRS: Final = "pairs.csv"
HELD_OUT: Final = "held_out.csv"
MOST_PAIRS: Final = 12
_JOIN: Final = "/"


def write_check(folder: Path, subject: Subject) -> Predictor:
    """Write pairs with the packed model's predictions, and the chains of the test rows.

    Returns the packed model.

    Raises:
        ReleaseError: it does not give the stored test predictions.
    """
    make_folder(folder / CHECK)
    predictor = Predictor.load(folder / MODEL)
    pairs = subject.examples if subject.examples is not None else _well_known()
    predictions = predictor.predict_table(pairs, keep_going=True).rename({"row": "line"})
    answered = pairs.with_columns(
        predictions.select("pkd", "rank_score", "pkd_lower", "pkd_upper", "domain").get_columns()
    ).filter(pl.coalesce("pkd", "rank_score").is_not_null())
    if answered.is_empty():
        raise ReleaseError(
            f"the model predicts none of the {counted(pairs.height, 'pair')} that it was tried on: "
            f"{predictions['problem'].drop_nulls().to_list()[:1]}"
        )
    write_csv(folder / CHECK / PAIRS, _flat(answered))
    if subject.held_out is not None:
        write_csv(folder / CHECK / HELD_OUT, _flat(subject.held_out))
    require_predictions(folder, predictor)
    return predictor


def require_predictions(folder: Path, predictor: Predictor | None = None) -> None:
    """Raise ReleaseError unless the model of a release gives its stored predictions again."""
    predictor = predictor or Predictor.load(folder / MODEL)
    pairs = _chains(pl.read_csv(folder / CHECK / PAIRS))
    chains, names = pairs.select("heavy", "light", "antigen"), pairs["name"].to_list()
    predictions = predictor.predict_table(chains, keep_going=True)
    for name in ("pkd", "rank_score"):
        values = pairs[name].cast(pl.Float64).to_numpy()
        _require_same(values, predictions[name].to_numpy(), names, f"{CHECK}/{PAIRS}")
    if not (folder / CHECK / HELD_OUT).is_file():
        return
    held_out = _chains(pl.read_csv(folder / CHECK / HELD_OUT, infer_schema=False))
    stored = stored_predictions(folder / RUN)
    if stored["record_id"].to_list() != held_out["record_id"].to_list():
        raise ReleaseError(
            f"{RUN}/test_predictions.csv has other rows than {CHECK}/{HELD_OUT}, which has the "
            "chains of the test part; take both from one release"
        )
    predicted = predictor.model.predict(held_out)
    ids = stored["record_id"].to_list()
    _require_same(stored["pred"].to_numpy(), predicted, ids, f"{RUN}/test_predictions.csv")


def _require_same(stored: np.ndarray, predicted: np.ndarray, names: list[str], where: str) -> None:
    stored, predicted = stored.astype(np.float64), predicted.astype(np.float64)
    same = np.isclose(stored, predicted, rtol=0.0, atol=AGREE_PKD, equal_nan=True)
    if same.all():
        return
    index = int(np.flatnonzero(~same)[0])
    raise ReleaseError(
        f"{where}: the packed model does not give the stored predictions of "
        f"{counted(int((~same).sum()), 'row')}; {names[index]} has {stored[index]:.6f} stored, and "
        f"the model says {predicted[index]:.6f}. It is not the model that was tested: train "
        "without a store of rounded embeddings, or take model and predictions from one run"
    )


def _well_known() -> pl.DataFrame:
    """The package's example pairs, the first few of each antigen."""
    resource = files("abag") / "resources" / "examples" / "well_known.csv"
    with as_file(resource) as path:
        table = pl.read_csv(path, infer_schema=False)
    pairs = table.select(
        pl.format("{} on {}", "antibody_name", "antigen_name").alias("name"),
        "heavy",
        "light",
        pl.col("antigen").str.split(_JOIN),
        "antigen_name",
    )
    few = pairs.unique("name", keep="first", maintain_order=True)
    few = few.filter(pl.int_range(pl.len()).over("antigen_name") < 2)
    return few.drop("antigen_name").head(MOST_PAIRS)


def _flat(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("antigen").list.join(_JOIN))


def _chains(table: pl.DataFrame) -> pl.DataFrame:
    text = [pl.col(name).cast(pl.String) for name in ("heavy", "light")]
    antigen = pl.col("antigen").cast(pl.String).fill_null("")
    parts = pl.when(antigen == "").then(pl.lit([], dtype=pl.List(pl.String)))
    return table.with_columns(*text, antigen=parts.otherwise(antigen.str.split(_JOIN)))
