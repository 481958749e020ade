"""``abag adapt``: from a measured assay to a model of it, and to a plain verdict on that model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.errors import counted, require_seed
from abag.files import new_result, require_own, sha256_of, write_csv, write_json, write_text
from abag.maturation.adapt.skill import (
    MOST_ROWS,
    CurvePoint,
    Skill,
    learning_curve,
    measure_skill,
    sampled,
)
from abag.maturation.adapt.verdict import SkillVerdict, judge
from abag.maturation.assay.file import Assay, AssayFile, read_assay
from abag.model.artefact import require_free
from abag.model.assay_gp.model import AssayGP, Embedding
from abag.pages import notebook

REPORT_FILES: Final = ("report.html", "adaptation.json", "held_out.csv", "set_aside.csv")


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A model that was fitted to an assay, what it knows, and where everything lies."""

    model: AssayGP
    assay: Assay
    verdict: SkillVerdict
    skills: tuple[Skill, ...]
    curve: tuple[CurvePoint, ...]
    notes: tuple[str, ...]
    folder: Path
    report: Path

    def _repr_html_(self) -> str:
        verdict = self.verdict
        lines = [verdict.headline, *verdict.reasons, *self.notes, f"Report: {self.report}"]
        return notebook(f"Model of an assay: {verdict.grade.value}", lines)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as written beside the report."""
        return {
            "model": str(self.folder),
            "model_id": self.model.model_id,
            "target": self.assay.target,
            "rows": {
                "in": self.assay.rows + self.assay.aside.height,
                "kept": self.assay.rows,
                "set_aside": self.assay.aside.height,
            },
            "training": self.model.training.as_json(),
            "verdict": self.verdict.as_json(),
            "skill": {skill.name: skill.as_json() for skill in self.skills},
            "learning_curve": [asdict(point) for point in self.curve],
            "notes": list(self.notes),
            "report": str(self.report),
        }


def adapt(
    path: Path,
    out: Path,
    *,
    report: Path | None = None,
    told: AssayFile | None = None,
    seed: int = 0,
    overwrite: bool = False,
    embedding: Embedding = "none",
) -> Adaptation:
    """Fit a model to the variants of one antigen's assay, measure what it knows, and save both.

    Args:
        path: Canonical table (.parquet), or a user's own CSV, TSV or Parquet file.
        out: New folder for the model.
        report: Folder for report.html, adaptation.json, held_out.csv and set_aside.csv; beside the
            model where it is not given (``MODEL-report``).
        told: What the user says of the file: columns, unit, parent, numbering.
        seed: Seed of folds, draws and bootstrap.
        overwrite: Replace a saved model.
        embedding: Encoder whose view of the parent joins the kernel (needs torch), or ``none``.

    Raises:
        TableError: rows or headers with problems.
        ModelError: the rows cannot teach a model, or ``out`` is taken.
        UnavailableError: an encoder is asked for, and torch is not installed.
    """
    require_seed(seed)
    require_free(out, overwrite)
    where = report or out.with_name(f"{out.name}-report")
    require_free_report(where, out, overwrite)
    return adapt_assay(path, read_assay(path, told), out, where, seed, overwrite, embedding)


def adapt_assay(
    path: Path,
    given: Assay,
    out: Path,
    where: Path,
    seed: int,
    overwrite: bool,
    embedding: Embedding = "none",
    kin: AssayGP | None = None,
    structure: Path | None = None,
) -> Adaptation:
    """Fit a model to checked rows, measure what it knows, and save it with its report.

    ``kin`` is a model of another parent's variants in the same assay, ``structure`` a file with the
    parent on its antigen.
    """
    rows = sampled(given.exact, seed)
    notes = list(given.notes)
    if rows.height < given.exact.height:
        notes.append(
            f"cross-validated on {MOST_ROWS:,} rows drawn from {given.exact.height:,}; "
            "the saved model has learnt from all that it takes"
        )
    skills = tuple(
        measure_skill(rows, given.target, seed, embedding=embedding, structure=structure)
    )
    curve = tuple(
        learning_curve(rows, given.target, seed, embedding=embedding, structure=structure)
    )
    model = AssayGP(target=given.target, seed=seed, embedding=embedding)
    model.kin, model.structure = kin, structure
    model.fit(given.table, {"table_sha256": sha256_of(path)})
    verdict = judge(skills, given.exact.height)
    done = Adaptation(
        model, given, verdict, skills, curve, tuple(notes), out, where / "report.html"
    )
    save_adaptation(done, path, where, overwrite)
    return done


def save_adaptation(done: Adaptation, path: Path, where: Path, overwrite: bool) -> None:
    """Write the model, and its report into ``where``; ``path`` is the user's file."""
    from abag.maturation.adapt.report import render_adaptation

    counts = done.model.training
    lede = (
        f"Fitted on {counted(counts.rows_used, 'row')} "
        f"({counted(counts.antibodies, 'variant')}, {counts.rows_censored} censored) "
        f"of {path.name}; it predicts {done.assay.unit}."
    )
    page = render_adaptation(
        f"Model of {path.stem}", lede, done.verdict, done.skills, done.curve, done.notes,
        done.assay.unit,
    )  # fmt: skip
    stale = overwrite or not done.folder.exists()
    with new_result(where, REPORT_FILES, "a report", overwrite=stale) as new:
        write_text(new / "report.html", page)
        write_json(new / "adaptation.json", done.as_json())
        write_csv(new / "held_out.csv", _held_out(done.skills))
        write_csv(new / "set_aside.csv", done.assay.aside.sort("source_row"))
    # The model comes last: where it is, its report is.
    done.model.save(done.folder, overwrite)


def require_free_report(where: Path, out: Path, overwrite: bool) -> None:
    """Raise OptionError unless the report of a model in ``out`` may be written to ``where``.

    One without its model is of a call that was cut short, and may be replaced.
    """
    stale = overwrite or not out.exists()
    require_own(where, REPORT_FILES, "a report", overwrite=stale)


def _held_out(skills: Sequence[Skill]) -> pl.DataFrame:
    """Every prediction of a held-out row: way of holding out, the row's names, measured, predicted.

    Names are those of the user's file: its line, the antibody's name and its mutations.
    """
    parts = []
    for skill in skills:
        values = pl.DataFrame({"measured": skill.true, **skill.predictions})
        named = [] if skill.variants is None else [skill.variants]
        rows = pl.concat([*named, values], how="horizontal")
        parts.append(rows.select(pl.lit(skill.name).alias("held_out"), pl.all()))
    return pl.concat(parts, how="diagonal_relaxed")
