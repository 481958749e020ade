"""Sealed and open figures of the model behind ``abag predict``, beside plainer ones.

The sealed part (:mod:`abag_lab.door.rows`) is opened once for each model that is to ship: models
are fitted on the open rows alone, and ``openings.jsonl`` beside the output says when. The open
figures are of rows held out in folds; choices were made while they were looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.errors import OptionError
from abag.files import write_json, write_parquet
from abag.model.pairs.measured import MeasuredPairs
from abag.model.protocol import sound_answer
from abag.model.registry import create_model
from abag.progress import task
from abag.uncertainty.calibration import DEFAULT_LEVEL, Calibration
from abag.uncertainty.coverage import GroupFigures, figures_of
from abag.uncertainty.domain import DomainIndex, Verdict
from abag.uncertainty.out_of_fold import COLUMNS, out_of_fold
from abag_lab.door.rows import door_rows, seal_digest
from abag_lab.old_global.model import GlobalModel

Reals = NDArray[np.float64]

MODELS: Final = ("pairs", "kmer-ridge", "mean")
"""Fitted on the same rows, beside the old global model."""
_FEWEST: Final = 5
"""Fewest measured variants of a set in which an order counts."""
OPENINGS: Final = "openings.jsonl"


@dataclass(frozen=True, slots=True)
class PartScore:
    """One model on one part."""

    model: str
    part: str
    rows: int
    pearson: float
    rmse: float
    bias: float


@dataclass(frozen=True)
class DoorFigures:
    """What came out."""

    seal: str
    scores: tuple[PartScore, ...]
    verdicts: Mapping[str, Mapping[Verdict, GroupFigures]]
    """Coverage and width of the shipped kind of model by part and verdict."""
    order: Mapping[str, float]
    """Mean Spearman inside sets of designed variants, by model."""
    sets: int

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seal": self.seal,
            "scores": [asdict(one) for one in self.scores],
            "verdicts": {
                part: {verdict.value: asdict(one) for verdict, one in found.items()}
                for part, found in self.verdicts.items()
            },
            "order_in_sets": dict(self.order),
            "sets": self.sets,
        }


def benchmark_door(
    sources: Path, out: Path, *, opened: bool = False, folds: int = 5, seed: int = 0
) -> DoorFigures:
    """Measure on the open rows, and with ``opened`` once on the sealed ones.

    Raises:
        OptionError: ``out`` is a file.
    """
    if out.is_file():
        raise OptionError(f"--out {out} is a file; name a folder")
    out.mkdir(parents=True, exist_ok=True)
    rows = door_rows(sources, seed)
    shut, sealed = rows.filter(~pl.col("sealed")), rows.filter("sealed")
    held_out = out_of_fold(lambda: create_model("pairs"), shut, folds=folds, seed=seed)
    write_parquet(out / "held_out.parquet", held_out)
    calibration = Calibration.of(held_out, DEFAULT_LEVEL)
    verdicts: dict[str, Mapping[Verdict, GroupFigures]] = {"open": calibration.figures}
    scores = [_score("pairs", "open, " + scheme, part) for scheme, part in _parts(held_out)]
    order, count = _order_in_sets(held_out, shut)
    if opened:
        found, figures = _open(shut, sealed, calibration)
        scores += found
        verdicts["sealed"] = figures
        with (out / OPENINGS).open("a", encoding="utf-8") as log:
            line = {"seal": seal_digest(rows), "scores": [asdict(one) for one in found]}
            log.write(json.dumps(line, sort_keys=True) + "\n")
    done = DoorFigures(seal_digest(rows), tuple(scores), verdicts, order, count)
    write_json(out / "door.json", done.as_json())
    return done


def _parts(held_out: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    exact = held_out.filter(pl.col("lower") == pl.col("upper"))
    return [
        (f"{scheme} ({kind})", part)
        for (scheme, kind), part in exact.group_by("scheme", "kind", maintain_order=True)
    ]


def _score(model: str, part: str, rows: pl.DataFrame) -> PartScore:
    predicted, measured = rows["prediction"].to_numpy(), rows["lower"].to_numpy()
    return PartScore(model, part, rows.height, *_agreement(predicted, measured))


def _agreement(predicted: Reals, measured: Reals) -> tuple[float, float, float]:
    error = predicted - measured
    flat = np.ptp(predicted) == 0 or np.ptp(measured) == 0
    pearson = 0.0 if flat else float(np.corrcoef(predicted, measured)[0, 1])
    return pearson, float(np.sqrt(np.mean(error**2))), float(error.mean())


def _open(
    shut: pl.DataFrame, sealed: pl.DataFrame, calibration: Calibration
) -> tuple[list[PartScore], dict[Verdict, GroupFigures]]:
    """Every model fitted on the open rows, on the sealed ones."""
    test = sealed.filter(pl.col("pkd").is_not_null())
    measured = test["pkd"].to_numpy()
    models: dict[str, Any] = {name: lambda n=name: create_model(n) for name in MODELS}
    models["old global"] = GlobalModel
    scores, figures = [], {}
    with task("opening the sealed part", len(models)) as bar:
        for name, build in models.items():
            model = build().fit(shut)
            predicted, scale = sound_answer(model, test)[:2]
            scores.append(PartScore(name, "sealed", test.height, *_agreement(predicted, measured)))
            if name == "pairs":
                figures = _sealed_figures(model, test, predicted, scale, calibration)
            bar.advance()
    return scores, figures


def _sealed_figures(
    model: Any, test: pl.DataFrame, predicted: Reals, scale: Reals, calibration: Calibration
) -> dict[Verdict, GroupFigures]:
    known = DomainIndex(model.measured).familiarity(test)
    reaches = calibration.reaches(known, scale, DEFAULT_LEVEL)
    rows = pl.DataFrame(
        {
            "prediction": predicted,
            "lower": test["pkd"],
            "upper": test["pkd"],
            "cluster": test["cluster"],
            "verdict": [verdict.value for verdict in known.verdicts],
            "train_mean": np.full(test.height, model.training.target_mean),
        },
        schema_overrides={"cluster": COLUMNS["cluster"]},
    )
    found = {}
    for verdict in Verdict:
        inside = (rows["verdict"] == verdict.value).to_numpy()
        if inside.any():
            part = rows.filter(pl.Series(inside))
            found[verdict] = figures_of(part, reaches.take(inside), DEFAULT_LEVEL)
    return found


def _order_in_sets(held_out: pl.DataFrame, rows: pl.DataFrame) -> tuple[dict[str, float], int]:
    """Mean Spearman inside families of designed variants: the model, and plainer orders."""
    exact = held_out.filter(
        (pl.col("scheme") == "variants") & (pl.col("lower") == pl.col("upper"))
    ).join(rows.select("record_id", "heavy", "light", "antigen"), on="record_id", how="left")
    measured = MeasuredPairs.of(rows.filter(pl.col("pkd").is_not_null()))
    found: dict[str, list[float]] = {"pairs": [], "fewer mutations": [], "BLOSUM62": []}
    for _, part in exact.group_by("unit", maintain_order=True):
        if part.height < _FEWEST or part["lower"].n_unique() < 2:
            continue
        changes, blosum = _plain_orders(measured, part)
        truth = part["lower"].to_numpy()
        for name, order in (
            ("pairs", part["prediction"].to_numpy()),
            ("fewer mutations", -changes),
            ("BLOSUM62", blosum),
        ):
            found[name].append(_spearman(order, truth))
    return {name: float(np.mean(one)) for name, one in found.items() if one}, len(found["pairs"])


def _plain_orders(measured: MeasuredPairs, part: pl.DataFrame) -> tuple[Reals, Reals]:
    """Changes from the parent of the set, and their summed BLOSUM62 scores."""
    from abag.antibody.residues import substitution_scores

    layout = measured.layout
    own = layout.lay(part.select("heavy", pl.col("light").fill_null("")).rows())
    total = layout.changes(own, measured.laid).total
    # The parent is the measured antibody from which the set differs least.
    parent = measured.laid.codes[int(total.sum(axis=0).argmin())]
    matrix = substitution_scores("BLOSUM62")
    padded = np.full((22, 22), -4.0)
    padded[:20, :20] = matrix
    differ = own.codes != parent
    scores = np.where(differ, padded[parent, own.codes] - padded[parent, parent], 0.0)
    return differ.sum(axis=1).astype(np.float64), np.asarray(scores.sum(axis=1))


def _spearman(one: Reals, other: Reals) -> float:
    from scipy.stats import rankdata

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


__all__ = ["DoorFigures", "benchmark_door"]
