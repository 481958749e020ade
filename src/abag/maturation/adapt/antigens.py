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
    told: AssayFile | None = None,
    seed: int = 0,
    overwrite: bool = False,
    embedding: Embedding = "none",
    structure: Path | None = None,
) -> list[Adaptation]:
    """Fit models to the variants of a file, measure what they know, and save both.

    Several antigens are learnt together. Variants of a second parent get a model of their own in
    ``OUT/parent-2``, whose hyper-parameters start from those of the first.

    Args:
        path: Canonical table (.parquet), or a user's own CSV, TSV or Parquet file.
        out: New folder for the model.
        report: Folder for report.html, adaptation.json, held_out.csv and set_aside.csv; beside the
            model where it is not given (``MODEL-report``).
        told: What the user says of the file: columns, unit, parent, numbering.
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
    where = report or out.with_name(f"{out.name}-report")
    require_folder_name(where)
    done: list[Adaptation] = []
    groups = _by_parent(read_assays(path, told))
    if structure is not None and sum(map(len, groups.values())) > 1:
        raise OptionError(
            "--structure is of one parent on one antigen, and the file has several; adapt each in "
            "a file of its own"
        )
    for parent, assays in groups.items():
        to, at = (out / parent, where / parent) if parent else (out, where)
        if len(assays) > 1:
            done += adapt_antigens(path, to, at, assays, seed, overwrite, embedding)
            continue
        require_free_places(to, at, overwrite)
        (assay,) = assays.values()
        kin = done[0].model if done else None
        done.append(adapt_assay(path, assay, to, at, seed, overwrite, embedding, kin, structure))
    return done


def _by_parent(assays: Mapping[str, Assay]) -> dict[str, dict[str, Assay]]:
    """Assays of each parent by antigen; the parent's name is empty where there is one alone."""
    found: dict[str, dict[str, Assay]] = {}
    for name, assay in assays.items():
        antigen, parent = antigen_and_parent(name)
        found.setdefault(parent, {})[antigen] = assay
    return found


def adapt_antigens(
    path: Path,
    out: Path,
    where: Path,
    assays: Mapping[str, Assay],
    seed: int,
    overwrite: bool,
    embedding: Embedding,
) -> list[Adaptation]:
    """A model of each antigen in a folder of its own, ``OUT/<antigen>``, with its report.

    ``where`` is the folder for the reports, ``assays`` the checked rows of each antigen by name;
    all else as in :func:`adapt_file`.

    Raises:
        ModelError: an antigen's rows cannot teach a model, or a folder is taken.
    """
    names = folder_names(list(assays))
    for name in names.values():
        require_free_places(out / name, where / name, overwrite)
    targets = {one.target for one in assays.values()}
    target = "pkd" if targets == {"pkd"} else "rank_score"
    settings = AssayGPSettings(target=target, seed=seed, embedding=embedding)
    origin = {"table_sha256": sha256_of(path)}
    shared = fit_antigens(pl.concat([one.table for one in assays.values()]), settings, origin)
    together = skill_together(assays, settings)
    found = []
    for (key, assay), model in zip(assays.items(), shared.models.values(), strict=True):
        rows = sampled(assay.exact, seed)
        alone = measure_skill(rows, target, seed, embedding=embedding)
        value, other = together[key].of("assay-gp").spearman, together[key].of("alone").spearman
        worse = value is not None and other is not None and value < other - 0.02
        chosen = AssayGP(settings).fit(assay.table, origin) if worse else model
        note = (
            f"learnt {'alone' if worse else 'together with the other antigens'}: on held-out "
            f"variants Spearman {_text(value)} together and {_text(other)} alone "
            f"(share {shared.shares[key]:.2f} of 1)"
        )
        skills = (alone[0] if worse else together[key], *alone[1:])
        folder = where / names[key]
        curve = learning_curve(rows, target, seed, embedding=embedding)
        done = Adaptation(
            chosen, assay, judge(skills, assay.exact.height), skills, curve,
            (f"antigen {key[:60]}", note, *assay.notes), out / names[key], folder / "report.html",
        )  # fmt: skip
        save_adaptation(done, path, overwrite)
        found.append(done)
    return found


def folder_names(keys: Sequence[str]) -> dict[str, str]:
    """A folder's name for each antigen: its own name, or antigen-1 where that is a sequence."""
    found: dict[str, str] = {}
    for number, key in enumerate(keys, start=1):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-.")[:40]
        plain = name and len(key) <= 40 and name not in found.values()
        found[key] = name if plain else f"antigen-{number}"
    return found


Tables: TypeAlias = dict[str, pl.DataFrame]
"""Rows of each antigen."""


class _Heard(NamedTuple):
    """What was said of the test rows of one antigen in one fold."""

    true: Reals
    predicted: dict[str, Reals]
    inside: NDArray[np.bool_]
    tested: pl.DataFrame


def skill_together(assays: Mapping[str, Assay], settings: AssayGPSettings) -> dict[str, Skill]:
    """Skill on variants that no antigen's training rows hold: together, alone, and a ridge."""
    most = _MOST_ROWS // len(assays)
    tables = {key: sampled(one.exact, settings.seed, most) for key, one in assays.items()}
    # A fold may leave an antigen too few rows.
    said = cross_validate(
        _folds_of_variants(tables, settings.seed),
        {"": partial(_learn_together, settings)},
        "cross-validation across antigens",
        skip_untaught=True,
    )
    heard = [parts[""] for _, parts in said]
    return {key: _skill([one[key] for one in heard if key in one], settings.seed) for key in assays}


def _folds_of_variants(tables: Tables, seed: int) -> list[Fold[Tables]]:
    """Each variant is held out of the rows of every antigen at once."""
    everything, keys = pl.concat(list(tables.values())), ["heavy", "light"]
    variants = everything.select(keys).unique(maintain_order=True)
    order = np.random.default_rng(seed).permutation(variants.height)
    folds = []
    for number, part in enumerate(np.array_split(order, FOLDS), start=1):
        held = variants[np.sort(part).tolist()]
        train, test = (
            {k: t.join(held, on=keys, how=how, nulls_equal=True) for k, t in tables.items()}
            for how in ("anti", "semi")
        )
        folds.append(Fold(str(number), train, test))
    return folds


def _learn_together(
    settings: AssayGPSettings, train: Tables
) -> Callable[[Fold[Tables]], dict[str, _Heard]]:
    shared = fit_antigens(pl.concat(list(train.values())), settings).models
    given = {"target": settings.target, "seed": settings.seed}
    others = {
        key: {
            "alone": AssayGP(settings).fit(rows),
            **{name: create_model(name, given).fit(rows) for name in MODELS[1:]},
        }
        for key, rows in train.items()
    }

    def answer(fold: Fold[Tables]) -> dict[str, _Heard]:
        found = {}
        for (key, test), model in zip(fold.test.items(), shared.values(), strict=True):
            rows = test.filter(pl.Series([one is None for one in model.refusals(test)]))
            if rows.is_empty():
                continue
            values, shown = rows[settings.target].to_numpy(), model.distribution(rows)
            predicted = {"assay-gp": shown.median} | {
                name: other.predict(rows) for name, other in others[key].items()
            }
            inside = (shown.lower <= values) & (values <= shown.upper)
            found[key] = _Heard(values, predicted, inside, names_of(rows))
        return found

    return answer


def _skill(heard: Sequence[_Heard], seed: int) -> Skill:
    values = np.concatenate([one.true for one in heard]) if heard else np.zeros(0)
    joined = {
        name: np.concatenate([one.predicted[name] for one in heard]) if heard else values
        for name in ("assay-gp", "alone", *MODELS[1:])
    }
    covered = float(np.concatenate([one.inside for one in heard]).mean()) if heard else None
    models = tuple(figures_of(n, values, pred, covered, seed) for n, pred in joined.items())
    question = "New variants, learnt together with the other antigens?"
    named = pl.concat([one.tested for one in heard]) if heard else None
    return Skill("random", question, len(values), models, values, joined, named)


def _text(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
