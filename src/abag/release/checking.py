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


def write_check(place: Path, subject: Subject) -> Predictor:
    """Write pairs with what the packed model says of them, and the chains of the test rows.

    Returns the packed model.

    Raises:
        ReleaseError: it does not give the stored test predictions.
    """
    make_folder(place / CHECK)
    predictor = Predictor.load(place / MODEL)
    given = subject.examples if subject.examples is not None else _well_known()
    found = predictor.predict_table(given, keep_going=True).rename({"row": "line"})
    kept = given.with_columns(
        found["pkd"], found["rank_score"], found["pkd_lower"], found["pkd_upper"], found["domain"]
    ).filter(pl.coalesce("pkd", "rank_score").is_not_null())
    if kept.is_empty():
        raise ReleaseError(
            f"the model predicts none of the {counted(given.height, 'pair')} that it was tried on: "
            f"{found['problem'].drop_nulls().to_list()[:1]}"
        )
    write_csv(place / CHECK / PAIRS, _flat(kept))
    if subject.held_out is not None:
        write_csv(place / CHECK / HELD_OUT, _flat(subject.held_out))
    require_predictions(place, predictor)
    return predictor


def require_predictions(place: Path, predictor: Predictor | None = None) -> None:
    """Raise ReleaseError unless the model of a release gives its stored predictions again."""
    predictor = predictor or Predictor.load(place / MODEL)
    pairs = _chains(pl.read_csv(place / CHECK / PAIRS))
    found = predictor.predict_table(pairs.select("heavy", "light", "antigen"), keep_going=True)
    for name in ("pkd", "rank_score"):
        told = pairs[name].cast(pl.Float64).to_numpy()
        _require_same(told, found[name].to_numpy(), pairs["name"].to_list(), f"{CHECK}/{PAIRS}")
    if not (place / CHECK / HELD_OUT).is_file():
        return
    held_out = _chains(pl.read_csv(place / CHECK / HELD_OUT, infer_schema=False))
    stored = stored_predictions(place / RUN)
    if stored["record_id"].to_list() != held_out["record_id"].to_list():
        raise ReleaseError(
            f"{RUN}/test_predictions.csv has other rows than {CHECK}/{HELD_OUT}, which has the "
            "chains of the test part; take both from one release"
        )
    again = predictor.model.predict(held_out)
    ids = stored["record_id"].to_list()
    _require_same(stored["pred"].to_numpy(), again, ids, f"{RUN}/test_predictions.csv")


def _require_same(told: np.ndarray, found: np.ndarray, names: list[str], where: str) -> None:
    told, found = np.asarray(told, dtype=np.float64), np.asarray(found, dtype=np.float64)
    same = np.isclose(told, found, rtol=0.0, atol=AGREE_PKD, equal_nan=True)
    if same.all():
        return
    place = int(np.flatnonzero(~same)[0])
    raise ReleaseError(
        f"{where}: the packed model does not give the stored predictions of "
        f"{counted(int((~same).sum()), 'row')}; {names[place]} has {told[place]:.6f} stored, and "
        f"the model says {found[place]:.6f}. It is not the model that was tested: train without a "
        "store of rounded embeddings, or take model and predictions from one run"
    )


def _well_known() -> pl.DataFrame:
    """The package's example pairs, the first few of each antigen."""
    place = files("abag") / "resources" / "examples" / "well_known.csv"
    with as_file(place) as path:
        table = pl.read_csv(path, infer_schema=False)
    named = table.select(
        pl.format("{} on {}", "antibody_name", "antigen_name").alias("name"),
        "heavy",
        "light",
        pl.col("antigen").str.split(_JOIN),
        "antigen_name",
    )
    few = named.unique("name", keep="first", maintain_order=True)
    few = few.filter(pl.int_range(pl.len()).over("antigen_name") < 2)
    return few.drop("antigen_name").head(MOST_PAIRS)


def _flat(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("antigen").list.join(_JOIN))


def _chains(table: pl.DataFrame) -> pl.DataFrame:
    text = [pl.col(name).cast(pl.String) for name in ("heavy", "light")]
    antigen = pl.col("antigen").cast(pl.String).fill_null("")
    parts = pl.when(antigen == "").then(pl.lit([], dtype=pl.List(pl.String)))
    return table.with_columns(*text, antigen=parts.otherwise(antigen.str.split(_JOIN)))
