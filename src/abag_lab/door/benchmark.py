"""Sealed and open figures of the model behind ``abag predict``, beside plainer ones.

The sealed part (:mod:`abag_lab.door.rows`) is opened once for each model that is to ship: models
are fitted on the open rows alone, and ``openings.jsonl`` beside the output says when. The open
figures are of rows held out in folds; choices were made while they were looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Measurements, Pairs
from abag.files import require_own, write_json, write_parquet, write_text
from abag.model.cross_validation import Fold, cross_validate
from abag.model.protocol import AffinityModel, create_model
from abag.uncertainty.calibration import DEFAULT_LEVEL, Calibration, held_out_reaches
from abag.uncertainty.coverage import GroupFigures, Reaches, group_figures
from abag.uncertainty.domain import Verdict
from abag.uncertainty.out_of_fold import out_of_fold, predict_fold, with_kind
from abag_lab.door.pairing import PairingFigure, pairing_figures
from abag_lab.door.rows import door_rows, seal_digest
from abag_lab.door.scores import REFERENCE, PartScore, part_scores
from abag_lab.door.sets import RankedSet, variant_sets
from abag_lab.old_global.model import GlobalModel

Reals = NDArray[np.float64]

SHIPPED, MEAN, OLD = "pairs", "mean", "old global"
OPENINGS: Final = "openings.jsonl"
HELD_OUT: Final = "held_out.parquet"
FIGURES: Final = "door.json"
FILES: Final = (OPENINGS, HELD_OUT, FIGURES)


@dataclass(frozen=True)
class DoorFigures:
    """Scores, verdicts, sets of variants and pairing of the model behind ``abag predict``."""

    seal: str
    scores: tuple[PartScore, ...]
    verdicts: Mapping[str, Mapping[Verdict, GroupFigures]]
    """Errors, coverage and width of the shipped kind of model by part and verdict."""
    sets: Mapping[str, Sequence[RankedSet]]
    """Sets of designed variants by part."""
    pairing: Sequence[PairingFigure] = field(default=())
    """How well the evidence for binding separates true pairs from shuffled ones, open rows."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seal": self.seal,
            "scores": [asdict(score) for score in self.scores],
            "verdicts": {
                part: {verdict.value: asdict(figures) for verdict, figures in by_verdict.items()}
                for part, by_verdict in self.verdicts.items()
            },
            "sets": {part: [asdict(ranked) for ranked in sets] for part, sets in self.sets.items()},
            "pairing": [asdict(figure) for figure in self.pairing],
        }


def benchmark_door(
    sources: Path, out: Path, *, opened: bool = False, folds: int = 5, seed: int = 0
) -> DoorFigures:
    """Measure on the open rows, and with ``opened`` once on the sealed ones.

    Raises:
        OptionError: ``out`` holds other files.
        FileFormatError: it is a file.
    """
    require_own(out, FILES, "figures of the door", overwrite=True)
    return measure_door(door_rows(sources, seed), out, opened=opened, folds=folds, seed=seed)


def measure_door(
    rows: pl.DataFrame, out: Path, *, opened: bool, folds: int, seed: int
) -> DoorFigures:
    """As :func:`benchmark_door`, on rows that were read already."""
    open_rows, sealed = rows.filter(~pl.col("sealed")), rows.filter("sealed")
    held_out = _held_out(SHIPPED, open_rows, folds, seed, remember=False)
    reference = _held_out(REFERENCE, open_rows, folds, seed)
    write_parquet(out / HELD_OUT, held_out)
    calibration = Calibration.of(held_out, DEFAULT_LEVEL)
    table = _with_predictions(
        held_out, {REFERENCE: reference}, open_rows, held_out_reaches(held_out, DEFAULT_LEVEL)
    )
    scores = [
        score
        for part, part_rows in _parts(table)
        for score in part_scores(part, part_rows, _models(part_rows))
    ]
    sets = {
        "open, parents measured": _sets(table.filter(pl.col("scheme") == "variants")),
        "open, nothing of the family measured": _sets(table.filter(pl.col("scheme") == "families")),
    }
    verdicts: dict[str, Mapping[Verdict, GroupFigures]] = {"open": calibration.figures}
    if opened:
        judged, figures = _score_sealed(open_rows, sealed, calibration)
        sealed_scores = part_scores("sealed", judged, _models(judged))
        scores += sealed_scores
        verdicts["sealed"] = figures
        sets["sealed"] = _sets(judged.filter(pl.col("kind") == "designed"))
        log = out / OPENINGS
        earlier = log.read_text(encoding="utf-8") if log.exists() else ""
        line = {"seal": seal_digest(rows), "scores": [asdict(score) for score in sealed_scores]}
        write_text(log, earlier + json.dumps(line, sort_keys=True) + "\n")
    pairing = pairing_figures(open_rows, folds=folds, seed=seed)
    door_figures = DoorFigures(seal_digest(rows), tuple(scores), verdicts, sets, pairing)
    write_json(out / FIGURES, door_figures.as_json())
    return door_figures


def _held_out(
    name: str, rows: pl.DataFrame, folds: int, seed: int, **settings: Any
) -> pl.DataFrame:
    return out_of_fold(lambda: create_model(name, settings), rows, folds=folds, seed=seed)


def _with_predictions(
    held_out: pl.DataFrame,
    others: Mapping[str, pl.DataFrame],
    rows: pl.DataFrame,
    reaches: Reaches,
) -> pl.DataFrame:
    """Exact rows with their chains, the prediction of every model, and ``inside``."""
    value, predicted = held_out["lower"].to_numpy(), held_out["prediction"].to_numpy()
    inside = (value >= predicted - reaches.below) & (value <= predicted + reaches.above)
    key = ["record_id", "scheme"]
    table = held_out.with_columns(pl.Series("inside", inside)).rename(
        {"prediction": SHIPPED, "train_mean": MEAN}
    )
    for name, predictions in others.items():
        column = predictions.select(*key, pl.col("prediction").alias(name))
        table = table.join(column, on=key, how="left", maintain_order="left")
    table = table.filter(pl.col("lower") == pl.col("upper")).rename({"lower": "measured"})
    chains = rows.select("record_id", "heavy", "light")
    return table.join(chains, on="record_id", how="left", maintain_order="left")


def _models(table: pl.DataFrame) -> list[str]:
    return [name for name in (SHIPPED, REFERENCE, OLD, MEAN) if name in table.columns]


def _parts(table: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Parts of the held-out rows: verdicts, and the natural pairs of new antigens."""
    parts = [
        (f"open, {verdict.value}", table.filter(pl.col("verdict") == verdict.value))
        for verdict in Verdict
    ]
    new = table.filter(pl.col("scheme") == "antigen-cluster", pl.col("kind") == "natural")
    largest = new["cluster"].mode().sort()[0]
    parts += [
        ("open, natural pairs, new antigens", new),
        ("open, the same without the largest cluster", new.filter(pl.col("cluster") != largest)),
    ]
    return [(name, part) for name, part in parts if part.height]


def _sets(table: pl.DataFrame) -> list[RankedSet]:
    return variant_sets(table, [*_models(table), *(n for n in (_PARENT,) if n in table.columns)])


_PARENT: Final = "pairs, parent given"
"""``abag predict --parent`` on a set whose parent nobody measured."""


def _score_sealed(
    open_rows: pl.DataFrame, sealed: pl.DataFrame, calibration: Calibration
) -> tuple[pl.DataFrame, dict[Verdict, GroupFigures]]:
    """Every model fitted on the open rows, on the sealed ones."""
    test = with_kind(Measurements.of(sealed.filter(pl.col("pkd").is_not_null())))
    builds: dict[str, Callable[[], AffinityModel]] = {
        SHIPPED: partial(create_model, SHIPPED),
        REFERENCE: partial(create_model, REFERENCE),
        OLD: GlobalModel,
    }
    learners = {name: partial(_learn, build) for name, build in builds.items()}
    fold = Fold("sealed", Measurements.of(open_rows), test, "sealed")
    ((_, predictions),) = cross_validate([fold], learners, "opening the sealed part")
    shipped = predictions.pop(SHIPPED)
    identities = (shipped["antibody_identity"].to_numpy(), shipped["antigen_identity"].to_numpy())
    reaches = calibration.reaches_of(
        [Verdict(verdict) for verdict in shipped["verdict"]],
        identities,
        shipped["scale"].to_numpy(),
        DEFAULT_LEVEL,
    )
    judged = _with_predictions(shipped, predictions, test.frame, reaches)
    return judged, group_figures(shipped, reaches, DEFAULT_LEVEL)


def _learn(
    build: Callable[[], AffinityModel], train: Measurements
) -> Callable[[Fold[Measurements]], pl.DataFrame]:
    model = build().fit(train)
    return lambda fold: predict_fold(model, fold).with_columns(
        pl.Series(_PARENT, _from_parents(model, fold.test))
    )


def _from_parents(model: AffinityModel, test: Measurements) -> Reals:
    """Level of the parent of each row's family plus the effect of the changes from it."""
    predicted = model.predict(test)
    effects = model.effects
    if effects is None:
        return predicted
    for _, part in test.frame.with_row_index("at").group_by("family", maintain_order=True):
        parent = part.filter("is_parent")
        if part["kind"][0] != "designed" or parent.is_empty():
            continue
        chains = (str(parent["heavy"][0]), str(parent["light"][0] or ""))
        change = effects.effects_on(chains, Pairs(part))[0]
        predicted[part["at"].to_numpy()] = predicted[int(parent["at"][0])] + change
    return predicted
