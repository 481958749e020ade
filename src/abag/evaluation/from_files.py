"""Evaluate models on a saved table and a saved split, with baselines and the leak audit beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from abag.data.build import load_table
from abag.data.leaks.leakage import Audit, audit
from abag.data.similarity import antigen_clusters
from abag.data.splits import Split
from abag.data.tables import Measurements
from abag.errors import ModelError, OptionError, SplitError
from abag.evaluation.evaluation import Evaluation, evaluate
from abag.evaluation.held_out import Candidate
from abag.evaluation.reporting.outputs import (
    EvaluationFiles,
    require_free_evaluation,
    write_evaluation,
)
from abag.evaluation.reporting.report import EvaluationSection
from abag.evaluation.scores.intervals import require_resamples
from abag.files import sha256_of
from abag.model.artefact import located, read_manifest
from abag.model.protocol import MODELS, create_model, load_model
from abag.pictures import NO_PICTURE, can_draw

BASELINES: Final = ("mean", "antigen-mean", "nearest-neighbour", "kmer-ridge")
"""Fitted beside every evaluation."""


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """An evaluation and the files it was written to."""

    evaluation: Evaluation
    files: EvaluationFiles


def evaluate_files(
    table: Path,
    split: Path,
    models: Sequence[str],
    out: Path,
    *,
    target: str = "pkd",
    seed: int = 0,
    resamples: int = 1000,
    with_audit: bool = True,
    title: str | None = None,
    overwrite: bool = False,
) -> EvaluationRun:
    """Evaluate models and write ``metrics.json``, ``test_predictions.csv`` and ``report.html``.

    Args:
        table: Canonical table (Parquet).
        split: Split of this table.
        models: Names of models, fitted on each fold, and folders of saved models, tested on the
            part that they were not fitted on.
        out: Folder for the three files.
        target: ``pkd`` or ``rank_score``.
        seed: Seed of models and bootstrap.
        resamples: Bootstrap resamples.
        with_audit: Audit the split, too.
        title: Heading of the report.
        overwrite: Replace an evaluation in ``out``.

    Raises:
        OptionError: a model is neither known nor a folder, or ``out`` is taken.
        SplitError: the split belongs to another table, or a saved model to another split.
        ModelError: a saved model is damaged.
    """
    if not models:
        raise OptionError(f"name a model with --model: {', '.join(MODELS)}, or a model's folder")
    require_resamples(resamples)
    require_free_evaluation(out, overwrite)
    rows = load_table(table)
    parts = Split.load_for(split, rows)
    candidates, part = _candidates(models, parts, target, seed)
    audited = audit(rows, parts, seed=seed) if with_audit else None
    evaluation = evaluate(
        candidates,
        rows,
        parts,
        part=part,
        name=parts.strategy,
        target=target,
        antigen_keys=antigen_keys(rows, parts),
        split_facts=_split_facts(parts),
        audit=None if audited is None else audited.as_json(),
        resamples=resamples,
        seed=seed,
    )
    files = {"table file": table.name, "table SHA-256": sha256_of(table), "split file": split.name}
    picture = None if audited is None else audit_png(audited)
    section = EvaluationSection(evaluation, audit_picture=picture, provenance=files)
    heading = title or f"{evaluation.subject.name} on {table.stem}, split: {parts.strategy}"
    return EvaluationRun(evaluation, write_evaluation([section], out, heading, overwrite=overwrite))


def antigen_keys(table: Measurements, split: Split | None = None) -> list[str]:
    """Antigen cluster of each row; those of the split where it was made by antigen clusters."""
    if split is not None and split.strategy == "antigen-cluster":
        group = dict(split.assignment.select("record_id", "group").iter_rows())
        return [group[record] for record in table["record_id"]]
    antigens = table["antigen"].to_list()
    clusters = antigen_clusters(antigens)
    return [clusters["/".join(antigen)] for antigen in antigens]


def audit_png(audited: Audit) -> bytes | str:
    """Picture of an audit as PNG; a sentence of markup where nothing can draw it."""
    if not can_draw():
        return f"<p>{NO_PICTURE}</p>"
    from abag.evaluation.reporting.audit_figure import audit_bytes

    return audit_bytes(audited, dpi=110)


def named_candidate(name: str, values: Mapping[str, Any], *, baseline: bool) -> Candidate:
    """A registered model with settings, to be fitted on each fold."""
    settings = create_model(name, values).settings
    return Candidate(
        name=name,
        build=lambda: create_model(name, values),
        baseline=baseline,
        settings=settings.model_dump(mode="json"),
    )


def _candidates(
    models: Sequence[str], split: Split, target: str, seed: int
) -> tuple[list[Candidate], str | None]:
    """The models asked for, then the other baselines; and the one part that is tested."""
    values = {"target": target, "seed": seed}
    candidates, part = [], None
    for model in dict.fromkeys(models):
        if model in MODELS:
            candidates.append(named_candidate(model, values, baseline=False))
        elif model and (Path(model).is_dir() or "@" in model):
            candidate, tested = saved_candidate(located(model), split)
            if part not in (None, tested):
                raise SplitError(
                    f"the saved models are to be tested on different parts ({part} and {tested}); "
                    "evaluate them one by one"
                )
            candidates.append(candidate)
            part = tested
        else:
            create_model(model)  # raises, naming the nearest known model
    names = {candidate.name for candidate in candidates}
    candidates += [
        named_candidate(name, values, baseline=True) for name in BASELINES if name not in names
    ]
    return candidates, part


def saved_candidate(folder: Path, split: Split) -> tuple[Candidate, str]:
    """A saved model, and the test part that it was not fitted on.

    Raises:
        SplitError: the model was fitted with another split or on test rows: it has seen them.
    """
    manifest = read_manifest(folder)
    origin: Mapping[str, str] = manifest.get("training", {}).get("origin", {})
    digest = origin.get("split_digest")
    if digest != split.digest:
        fitted_on = f"with split {digest[:12]}" if digest else "without a split"
        raise SplitError(
            f"{folder} was fitted {fitted_on}, not with this one ({split.digest[:12]}): it may "
            "have seen the test rows. Fit it with `abag fit --split` on this split"
        )
    tested = split.tested_part(origin)
    if tested is None:
        raise SplitError(
            f"{folder} was fitted on the part {origin.get('part')!r} of this split, which leaves "
            "no part to test it on; fit it with --holdout"
        )
    name = f"{folder.name} (saved)" if folder.name in MODELS else folder.name
    model = load_model(folder)
    if not name:
        raise ModelError(f"{folder} has no name; give the folder's own path")
    candidate = Candidate(
        name, fitted=model, settings=manifest["settings"], identity=manifest["model_id"]
    )
    return candidate, tested


def _split_facts(split: Split) -> dict[str, Any]:
    facts = split.summary()
    return {key: facts[key] for key in facts if key not in ("left_out", "parts")}
