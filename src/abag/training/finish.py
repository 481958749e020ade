"""The end of a run: the kept weights, the served model, and the test part, looked at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Measurements
from abag.errors import ModelError
from abag.evaluation.evaluation import Evaluation, evaluate
from abag.evaluation.from_files import BASELINES, antigen_keys, audit_png, named_candidate
from abag.evaluation.held_out import Candidate
from abag.evaluation.reporting.outputs import evaluation_content
from abag.evaluation.reporting.report import EvaluationSection, render_report
from abag.evaluation.scores.scoring import Estimate
from abag.files import write_csv, write_json, write_tensors, write_text
from abag.model.network.model import NetworkModel
from abag.model.network.network import AffinityNetwork
from abag.training.engine.checkpoint import WEIGHTS
from abag.training.engine.loop import Trainer
from abag.training.engine.rows import TrainingTable
from abag.training.engine.validation import PHYSICAL, figures_of
from abag.training.history import draw_history, summary_of
from abag.training.monitors import distinct_share
from abag.training.setup import Options, Setup
from abag.version import VERSION

if TYPE_CHECKING:
    from abag.data.leaks.leakage import Audit

Array = NDArray[np.float64]

FORMAT: Final = 1
SERVED_ROWS: Final = 16
"""Rows that the saved model predicts anew from their sequences, to compare."""
SERVED_TOLERANCE: Final = 0.5
"""Difference in pKd that stored embeddings in bf16 or int8 may make."""


def write_artefacts(trainer: Trainer, setup: Setup, options: Options) -> dict[str, Any]:
    """Write everything that a finished run holds; its network has the kept weights.

    Returns the test figures, empty where ``options.test`` is false: then that part is not read.
    """
    run, network, progress = trainer.run, trainer.network, trainer.state.progress
    title = f"{setup.recipe.name}: epoch {progress.best_epoch} of {len(progress.history)} kept"
    write_weights(run, setup, network, progress.best_epoch)
    if options.report:
        draw_history(run, progress.history, progress.best_epoch, title)
    model = served_model(setup, network)
    model.save(run / "model", overwrite=True)
    val = trainer.predict(setup.rows.val)
    content: dict[str, Any] = {
        "format": FORMAT,
        "abag_version": VERSION,
        "recipe": setup.recipe.name,
        "hyper_parameters": setup.recipe.as_json(),
        "encoders": setup.identity["encoders"],
        "split": {**setup.split.summary(), "part": setup.rows.part},
        "val": {
            **figures_of(setup.rows, val, setup.recipe.network.output.strong_pkd),
            "rows": len(val),
            "epoch": progress.best_epoch,
        },
        "training": summary_of(progress, trainer.state.monitor),
        "size": {
            "trained_parameters": sum(p.numel() for p in network.parameters()),
            "checkpoint_bytes": (run / WEIGHTS).stat().st_size,
        },
        "served_difference": served_difference(model, trainer, setup.rows),
        "test": {},
    }
    if options.test:
        faults = content["training"]["reasons"]
        # A store may round embeddings; what is tested is the model that others will ask.
        stored = setup.sources.store is not None
        tested = setup.rows.table.take(setup.rows.test)
        pkd = model.predict(tested) if stored else trainer.predict(setup.rows.test)
        content |= _test(run, setup, pkd, options, faults)
    write_json(run / "metrics.json", content, seal=True)
    return cast(dict[str, Any], content["test"])


def write_weights(run: Path, setup: Setup, network: AffinityNetwork, epoch: int) -> None:
    """Write ``checkpoint.safetensors``: the kept weights of the trained parts, and their recipe."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    metadata = {
        "recipe": setup.recipe.model_dump_json(),
        "epoch": str(epoch),
        "encoders": setup.identity["encoders"],
        "table_sha256": setup.identity["table_sha256"],
        "split_digest": setup.identity["split_digest"],
        "part": setup.rows.part,
    }
    write_tensors(run / WEIGHTS, tensors, metadata)


def _test(
    run: Path, setup: Setup, pkd: Array, options: Options, faults: Sequence[str]
) -> dict[str, Any]:
    """Evaluate the test part, write predictions and report, and give what metrics.json holds."""
    rows = setup.rows
    if not np.isfinite(pkd).all():
        ids = rows.record_ids(rows.test[~np.isfinite(pkd)])
        raise ModelError(f"the kept weights predict no number for {', '.join(ids[:5])}")
    evaluation, audited = _evaluated(setup, pkd, options)
    write_predictions(run, setup, pkd)
    if options.report:
        _write_report(run, setup, evaluation, audited, faults)
    return {
        "test": test_figures(evaluation, setup, pkd),
        "audit": None if audited is None else {
            "verdict": audited.verdict, "believe": audited.believe, "is_leaky": audited.is_leaky,
        },
        "evaluation": evaluation_content(evaluation),
    }  # fmt: skip


def _write_report(
    run: Path,
    setup: Setup,
    evaluation: Evaluation,
    audited: Audit | None,
    faults: Sequence[str],
) -> None:
    rows = setup.rows
    notes = " ".join(f"{note[0].upper()}{note[1:]}." for note in rows.notes)
    section = EvaluationSection(
        evaluation,
        note=f"Tested once, after training, on the part {rows.part!r} of the split. {notes}",
        audit_picture=None if audited is None else audit_png(audited),
        faults=tuple(faults),
        provenance={
            "table SHA-256": setup.identity["table_sha256"],
            "recipe": setup.recipe.name,
            "trained rows": len(rows.train),
            "validation rows": len(rows.val),
        },
    )
    title = f"{setup.recipe.name} on {setup.sources.table.stem}, split: {setup.split.strategy}"
    write_text(run / "report.html", render_report([section], title))


@dataclass(frozen=True)
class _TestPart:
    """The test part of a run, with the rows that could train for it, for the baselines."""

    setup: Setup

    @property
    def digest(self) -> str:
        """Of the whole split."""
        return self.setup.split.digest

    def fold_tables(self, table: Measurements) -> Iterator[tuple[str, Measurements, Measurements]]:
        """The one part."""
        rows, ids = self.setup.rows, self.setup.split.training_ids(self.setup.rows.part)
        yield rows.part, table.of_records(ids), table.take(rows.test)


def _evaluated(setup: Setup, pkd: Array, options: Options) -> tuple[Evaluation, Audit | None]:
    from abag.data.leaks.leakage import audit

    rows, split = setup.rows, setup.split
    predictions = dict(zip(rows.record_ids(rows.test), pkd.tolist(), strict=True))
    subject = Candidate(
        setup.recipe.name,
        predicted=predictions,
        settings=setup.recipe.as_json(),
    )
    values = {"target": "pkd", "seed": setup.recipe.seed}
    baselines = [named_candidate(name, values, baseline=True) for name in BASELINES]
    audited = audit(setup.table, split, seed=0) if options.audit else None
    facts = split.summary()
    evaluation = evaluate(
        [subject, *baselines],
        rows.table,
        _TestPart(setup),
        name=split.strategy,
        antigen_keys=antigen_keys(rows.table, split),
        split_facts={key: facts[key] for key in ("strategy", "parameters", "seed")},
        audit=None if audited is None else audited.as_json(),
        resamples=options.resamples,
    )
    return evaluation, audited


def test_figures(evaluation: Evaluation, setup: Setup, pkd: Array) -> dict[str, Any]:
    """Figures of the test part with intervals, and how varied and physical predictions are."""
    scores = evaluation.subject
    level = scores.levels[evaluation.leading].summary["spearman"]
    figures = {
        key: _with_interval(estimate)
        for key, estimate in {**scores.pooled, **scores.decisions}.items()
    }
    pairs = setup.rows.pairs(setup.rows.test)
    plain = {
        "spearman_inside_antigen": level.mean,
        "prediction_sd": float(pkd.std()),
        "distinct_predictions": len(np.unique(np.round(pkd, 6))),
        "distinct_inputs": len(set(pairs)),
        "distinct_share": distinct_share(dict(zip(pairs, pkd.tolist(), strict=True))),
        "share_out_of_range": float(np.mean((pkd < PHYSICAL[0]) | (pkd > PHYSICAL[1]))),
        "lowest": float(pkd.min()),
        "highest": float(pkd.max()),
    }
    return figures | {key: {"value": value, "n": len(pkd)} for key, value in plain.items()}


def _with_interval(estimate: Estimate) -> dict[str, Any]:
    interval, score = estimate.interval, estimate.score
    ends = None
    if interval is not None and interval.low is not None:
        ends = [interval.low, interval.high]
    return {"value": score.value, "interval": ends, "n": score.n, "reason": score.reason}


def write_predictions(run: Path, setup: Setup, pkd: Array) -> None:
    """Write ``test_predictions.csv``: true value or bounds, prediction, error."""
    rows = setup.rows
    labels = rows.labels.take(rows.test)
    value, lower, upper = (
        pl.Series(array, dtype=pl.Float64).replace([np.inf, -np.inf], None).fill_nan(None)
        for array in (labels.value, labels.lower, labels.upper)
    )
    frame = pl.DataFrame(
        {
            "record_id": rows.record_ids(rows.test),
            "true": value,
            "pred": pkd,
            "error": pl.Series(pkd) - value,
            "true_lower": lower,
            "true_upper": upper,
        }
    )
    write_csv(run / "test_predictions.csv", frame)


def served_model(setup: Setup, network: AffinityNetwork) -> NetworkModel:
    """The trained network as a model that reads sequences."""
    rows = setup.rows
    origin = {
        "table_sha256": setup.identity["table_sha256"],
        **setup.split.trained_without(rows.part),
    }
    return NetworkModel.from_trained(
        network,
        recipe=setup.recipe.as_json(),
        antibody_encoder=setup.antibody_encoder,
        antigen_encoder=setup.antigen_encoder,
        table=rows.table.take(rows.train),
        origin=origin,
    )


def served_difference(model: NetworkModel, trainer: Trainer, rows: TrainingTable) -> float:
    """Largest difference between what was trained and what is served, over validation rows.

    Raises:
        ModelError: it is too large to come from the number format of stored embeddings.
    """
    chosen = rows.val[:SERVED_ROWS]
    served = model.predict(rows.table.take(chosen))
    difference = float(np.abs(trainer.predict(chosen) - served).max())
    if not difference <= SERVED_TOLERANCE:
        raise ModelError(
            f"the saved model predicts up to {difference:.3g} pKd apart from the network that was "
            "trained: the store holds embeddings that its encoders do not give; check it with "
            "`abag store verify`, or train without --store"
        )
    return difference
