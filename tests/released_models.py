"""Small releases: a calibrated k-mer ridge, which is fitted in a moment."""

from __future__ import annotations

from pathlib import Path

from abag.files import write_json, write_parquet
from abag.files.reading import SEAL, read_json
from abag.model.fitting import TrainingRows
from abag.release.bundle import SUMS, build_release, sums_text
from abag.release.intent import Intent
from abag.release.subjects import read_subject
from abag.uncertainty.served import fit_served
from synthetic_pairs import complexes_table

DATE = "2026-11-28"


def fitted_model(folder: Path) -> Path:
    """A calibrated model of made-up pairs."""
    write_parquet(folder / "table.parquet", complexes_table(48, antigens=5))
    fit_served("kmer-ridge", TrainingRows(folder / "table.parquet"), folder / "model", folds=3)
    return folder / "model"


def small_release(folder: Path, version: str = "1.0.0", **stated: object) -> Path:
    """A release of :func:`fitted_model`."""
    folder.mkdir(parents=True, exist_ok=True)
    model = fitted_model(folder)
    build_release(read_subject(model), Intent(version, "ridge", DATE, **stated), folder / "out")  # type: ignore[arg-type]
    return folder / "out"


def resum(release: Path) -> None:
    """Make the sums anew, as one would who wants a change to go unseen."""
    (release / SUMS).write_text(sums_text(release), encoding="utf-8")


def change_json(path: Path, *keys: str, value: object) -> None:
    """Change one value of a sealed file, and seal it anew."""
    content = read_json(path)
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    content.pop(SEAL, None)
    write_json(path, content, seal=True)
