"""From the checked rows of an assay to a model of it, and to a plain verdict on that model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.errors import counted
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
from abag.maturation.assay.file import Assay
from abag.model.artefact import require_free
from abag.model.assay_gp.model import AssayGP, Embedding
from abag.pages import notebook

REPORT_FILES: Final = ("report.html", "adaptation.json", "held_out.csv", "set_aside.csv")


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A model that was fitted to an assay, its skill and verdict, and the folders of both."""

    model: AssayGP
    assay: Assay
    verdict: SkillVerdict
    skills: Sequence[Skill]
    curve: Sequence[CurvePoint]
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


def adapt_assay(
    path: Path,
    assay: Assay,
    out: Path,
    reports: Path,
    seed: int,
    overwrite: bool,
    embedding: Embedding = "none",
    kin: AssayGP | None = None,
    structure: Path | None = None,
) -> Adaptation:
    """Fit a model to checked rows, measure its skill, and save it with its report.

    ``kin`` is a model of another parent's variants in the same assay, ``structure`` a file with the
    parent on its antigen.
    """
    rows = sampled(assay.exact, seed)
    notes = list(assay.notes)
    if rows.height < assay.exact.height:
        notes.append(
            f"cross-validated on {MOST_ROWS:,} rows drawn from {assay.exact.height:,}; "
            "the saved model has learnt from all that it takes"
        )
    skills = measure_skill(rows, assay.target, seed, embedding=embedding, structure=structure)
    curve = learning_curve(rows, assay.target, seed, embedding=embedding, structure=structure)
    model = AssayGP(target=assay.target, seed=seed, embedding=embedding)
    model.kin, model.structure = kin, structure
    model.fit(assay.table, {"table_sha256": sha256_of(path)})
    verdict = judge(skills, assay.exact.height)
    report = reports / "report.html"
    adaptation = Adaptation(model, assay, verdict, skills, curve, tuple(notes), out, report)
    save_adaptation(adaptation, path, overwrite)
    return adaptation


def save_adaptation(adaptation: Adaptation, path: Path, overwrite: bool) -> None:
    """Write the model and its report; ``path`` is the user's file."""
    from abag.maturation.adapt.report import render_adaptation

    counts = adaptation.model.training
    lede = (
        f"Fitted on {counted(counts.rows_used, 'row')} "
        f"({counted(counts.antibodies, 'variant')}, {counts.rows_censored} censored) "
        f"of {path.name}; it predicts {adaptation.assay.unit}."
    )
    page = render_adaptation(
        f"Model of {path.stem}", lede, adaptation.verdict, adaptation.skills, adaptation.curve,
        adaptation.notes, adaptation.assay.unit,
    )  # fmt: skip
    stale = overwrite or not adaptation.folder.exists()
    with new_result(adaptation.report.parent, REPORT_FILES, "a report", overwrite=stale) as scratch:
        write_text(scratch / "report.html", page)
        write_json(scratch / "adaptation.json", adaptation.as_json())
        write_csv(scratch / "held_out.csv", _held_out(adaptation.skills))
        write_csv(scratch / "set_aside.csv", adaptation.assay.aside.sort("source_row"))
    # The model comes last: where it is, its report is.
    adaptation.model.save(adaptation.folder, overwrite)


def require_free_places(out: Path, reports: Path, overwrite: bool) -> None:
    """Raise unless a model may be written to ``out`` (ModelError), its report to ``reports``.

    A report without its model is of a call that was cut short, and may be replaced.
    """
    require_free(out, overwrite)
    stale = overwrite or not out.exists()
    require_own(reports, REPORT_FILES, "a report", overwrite=stale)


def _held_out(skills: Sequence[Skill]) -> pl.DataFrame:
    """Every prediction of a held-out row: way of holding out, the row's names, measured, predicted.

    Names are those of the user's file: its line, the antibody's name and its mutations.
    """
    parts = []
    for skill in skills:
        values = pl.DataFrame({"measured": skill.true, **skill.predictions})
        variants = [] if skill.variants is None else [skill.variants]
        rows = pl.concat([*variants, values], how="horizontal")
        parts.append(rows.select(pl.lit(skill.name).alias("held_out"), pl.all()))
    return pl.concat(parts, how="diagonal_relaxed")
