"""``abag adapt``: from a file of measured variants to a model of each antigen and parent in it.

Antigens are learnt together where that helps, which is measured on variants that no antigen's
training rows hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Pairs
from abag.errors import OptionError, require_seed
from abag.files import require_folder_name, sha256_of
from abag.maturation.adapt.adaptation import (
    Adaptation,
    adapt_assay,
    require_free_places,
    save_adaptation,
)
from abag.maturation.adapt.skill import (
    MODELS,
    Skill,
    figures_of,
    learning_curve,
    measure_skill,
    names_of,
    sampled,
)
from abag.maturation.adapt.verdict import judge
from abag.maturation.assay.file import Assay, AssayFile, antigen_and_parent, read_assays
from abag.model.assay_gp.model import AssayGP, AssayGPSettings, Embedding
from abag.model.assay_gp.several import fit_antigens
from abag.model.cross_validation import Fold, cross_validate
from abag.model.protocol import create_model

Reals = NDArray[np.float64]

FOLDS = 5
_MOST_ROWS = 600
"""Rows of all antigens together on which sharing is cross-validated."""


def adapt_file(
    path: Path,
    out: Path,
    *,
    report: Path | None = None,
    assay_file: AssayFile | None = None,
    seed: int = 0,
    overwrite: bool = False,
    embedding: Embedding = "none",
    structure: Path | None = None,
) -> list[Adaptation]:
    """Fit models to the variants of a file, measure their skill, and save both.

    Several antigens are learnt together. Variants of a second parent get a model of their own in
    ``OUT/parent-2``, whose hyper-parameters start from those of the first.

    Args:
        path: Canonical table (.parquet), or a user's own CSV, TSV or Parquet file.
        out: New folder for the model.
        report: Folder for report.html, adaptation.json, held_out.csv and set_aside.csv; beside the
            model where it is not given (``MODEL-report``).
        assay_file: How the file is read: columns, unit, parent, numbering.
        seed: Seed of folds, draws and bootstrap.
        overwrite: Replace a saved model.
        embedding: Encoder whose view of the parent joins the kernel (needs torch), or ``none``.
        structure: File with the parent on its antigen, whose log-odds join what the model expects
            beforehand.

    Raises:
        TableError: rows or headers with problems.
        ModelError: the rows cannot teach a model, or ``out`` is taken.
        OptionError: a structure for several antigens or parents.
        UnavailableError: an encoder is asked for, and torch is not installed.
    """
    require_seed(seed)
    reports = report or out.with_name(f"{out.name}-report")
    require_folder_name(reports)
    adaptations: list[Adaptation] = []
    groups = _by_parent(read_assays(path, assay_file))
    if structure is not None and sum(map(len, groups.values())) > 1:
        raise OptionError(
            "--structure is of one parent on one antigen, and the file has several; adapt each in "
            "a file of its own"
        )
    for parent, assays in groups.items():
        model_folder, report_folder = (out / parent, reports / parent) if parent else (out, reports)
        if len(assays) > 1:
            adaptations += adapt_antigens(
                path, model_folder, report_folder, assays, seed, overwrite, embedding
            )
            continue
        require_free_places(model_folder, report_folder, overwrite)
        (assay,) = assays.values()
        kin = adaptations[0].model if adaptations else None
        adaptations.append(
            adapt_assay(
                path, assay, model_folder, report_folder, seed, overwrite, embedding, kin, structure
            )
        )
    return adaptations


def _by_parent(assays: Mapping[str, Assay]) -> dict[str, dict[str, Assay]]:
    """Assays of each parent by antigen; the parent's name is empty where there is one alone."""
    by_parent: dict[str, dict[str, Assay]] = {}
    for name, assay in assays.items():
        antigen, parent = antigen_and_parent(name)
        by_parent.setdefault(parent, {})[antigen] = assay
    return by_parent


def adapt_antigens(
    path: Path,
    out: Path,
    reports: Path,
    assays: Mapping[str, Assay],
    seed: int,
    overwrite: bool,
    embedding: Embedding,
) -> list[Adaptation]:
    """A model of each antigen in a folder of its own, ``OUT/<antigen>``, with its report.

    ``reports`` is the folder for the reports, ``assays`` the checked rows of each antigen by name;
    all else as in :func:`adapt_file`.

    Raises:
        ModelError: an antigen's rows cannot teach a model, or a folder is taken.
    """
    names = folder_names(list(assays))
    for name in names.values():
        require_free_places(out / name, reports / name, overwrite)
    targets = {assay.target for assay in assays.values()}
    target = "pkd" if targets == {"pkd"} else "rank_score"
    settings = AssayGPSettings(target=target, seed=seed, embedding=embedding)
    origin = {"table_sha256": sha256_of(path)}
    shared = fit_antigens(
        Pairs(pl.concat([assay.table for assay in assays.values()])), settings, origin
    )
    together = skill_together(assays, settings)
    adaptations = []
    for (key, assay), model in zip(assays.items(), shared.models.values(), strict=True):
        rows = sampled(assay.exact, seed)
        alone = measure_skill(rows, target, seed, embedding=embedding)
        shared_rho, alone_rho = (together[key].of(n).spearman for n in ("assay-gp", "alone"))
        worse = shared_rho is not None and alone_rho is not None and shared_rho < alone_rho - 0.02
        chosen = AssayGP(settings).fit(assay.table, origin) if worse else model
        note = (
            f"learnt {'alone' if worse else 'together with the other antigens'}: on held-out "
            f"variants Spearman {_rho_text(shared_rho)} together and {_rho_text(alone_rho)} "
            f"alone (share {shared.shares[key]:.2f} of 1)"
        )
        skills = (alone[0] if worse else together[key], *alone[1:])
        folder = reports / names[key]
        curve = learning_curve(rows, target, seed, embedding=embedding)
        adaptation = Adaptation(
            chosen, assay, judge(skills, assay.exact.height), skills, curve,
            (f"antigen {key[:60]}", note, *assay.notes), out / names[key], folder / "report.html",
        )  # fmt: skip
        save_adaptation(adaptation, path, overwrite)
        adaptations.append(adaptation)
    return adaptations


def folder_names(keys: Sequence[str]) -> dict[str, str]:
    """A folder's name for each antigen: its own name, or antigen-1 where that is a sequence."""
    names: dict[str, str] = {}
    for number, key in enumerate(keys, start=1):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-.")[:40]
        plain = name and len(key) <= 40 and name not in names.values()
        names[key] = name if plain else f"antigen-{number}"
    return names


Tables: TypeAlias = dict[str, pl.DataFrame]
"""Rows of each antigen."""


class _TestedRows(NamedTuple):
    """Predictions of the test rows of one antigen in one fold, each (rows,)."""

    true: Reals
    predicted: dict[str, Reals]
    inside: NDArray[np.bool_]
    variants: pl.DataFrame


def skill_together(assays: Mapping[str, Assay], settings: AssayGPSettings) -> dict[str, Skill]:
    """Skill on variants that no antigen's training rows hold: together, alone, and a ridge."""
    most = _MOST_ROWS // len(assays)
    tables = {key: sampled(assay.exact, settings.seed, most) for key, assay in assays.items()}
    # A fold may leave an antigen too few rows.
    folds = cross_validate(
        _folds_of_variants(tables, settings.seed),
        {"": partial(_learn_together, settings)},
        "cross-validation across antigens",
        skip_untaught=True,
    )
    answers = [parts[""] for _, parts in folds]
    return {
        key: _pooled_skill([answer[key] for answer in answers if key in answer], settings.seed)
        for key in assays
    }


def _folds_of_variants(tables: Tables, seed: int) -> list[Fold[Tables]]:
    """Each variant is held out of the rows of every antigen at once."""
    everything, keys = pl.concat(list(tables.values())), ["heavy", "light"]
    variants = everything.select(keys).unique(maintain_order=True)
    order = np.random.default_rng(seed).permutation(variants.height)
    folds = []
    for number, part in enumerate(np.array_split(order, FOLDS), start=1):
        held_out = variants[np.sort(part).tolist()]
        train, test = (
            {k: t.join(held_out, on=keys, how=how, nulls_equal=True) for k, t in tables.items()}
            for how in ("anti", "semi")
        )
        folds.append(Fold(str(number), train, test))
    return folds


def _learn_together(
    settings: AssayGPSettings, train: Tables
) -> Callable[[Fold[Tables]], dict[str, _TestedRows]]:
    shared = fit_antigens(Pairs(pl.concat(list(train.values()))), settings).models
    options = {"target": settings.target, "seed": settings.seed}
    others = {
        key: {
            "alone": AssayGP(settings).fit(rows),
            **{name: create_model(name, options).fit(rows) for name in MODELS[1:]},
        }
        for key, rows in train.items()
    }

    def answer(fold: Fold[Tables]) -> dict[str, _TestedRows]:
        answers = {}
        for (key, test), model in zip(fold.test.items(), shared.values(), strict=True):
            rows = test.filter(pl.Series([reason is None for reason in model.refusals(test)]))
            if rows.is_empty():
                continue
            values, shown = rows[settings.target].to_numpy(), model.distribution(rows)
            predicted = {"assay-gp": shown.median} | {
                name: other.predict(rows) for name, other in others[key].items()
            }
            inside = (shown.lower <= values) & (values <= shown.upper)
            answers[key] = _TestedRows(values, predicted, inside, names_of(rows))
        return answers

    return answer


def _pooled_skill(answers: Sequence[_TestedRows], seed: int) -> Skill:
    values = np.concatenate([answer.true for answer in answers]) if answers else np.zeros(0)
    joined = {
        name: np.concatenate([answer.predicted[name] for answer in answers]) if answers else values
        for name in ("assay-gp", "alone", *MODELS[1:])
    }
    covered = (
        float(np.concatenate([answer.inside for answer in answers]).mean()) if answers else None
    )
    models = tuple(figures_of(n, values, pred, covered, seed) for n, pred in joined.items())
    question = "New variants, learnt together with the other antigens?"
    variants = pl.concat([answer.variants for answer in answers]) if answers else None
    return Skill("random", question, len(values), models, values, joined, variants)


def _rho_text(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
