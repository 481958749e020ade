"""What is released: which files go into the folder, and whose rows shaped the weights.

A training run, a model of ``abag fit``, a model of one assay (``abag adapt``) and the shipped model
become one :class:`Subject`. Everything that only the run's own files can tell is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from abag.data.tables import SHIPPABLE_LICENCES
from abag.errors import MissingFileError, ReleaseError, counted
from abag.files import parse_json, read_json, require_folder, sha256_of
from abag.inference.predictor import SHIPPED_MODEL
from abag.model.artefact import FILES, MODEL, SERVED, located, read_manifest

SHIPPED: Final = "shipped"
"""The word for the model that comes with the package."""
RUN: Final = "run"
REPORT: Final = "report"
RUN_FILES: Final = (
    "checkpoint.safetensors", "metrics.json", "training_history.csv", "training_history.png",
    "training_summary.json", "test_predictions.csv", "recipe.json", "report.html",
)  # fmt: skip
"""The artefact set of a run."""
REPORT_FILES: Final = ("report.html", "adaptation.json", "held_out.csv")

Kind = Literal["run", "model", "assay", "shipped"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Rows of one source under one licence that shaped the weights."""

    source: str
    licence: str
    rows: int


@dataclass(frozen=True)
class Subject:
    """A model that is to be released, and what its own files say of it."""

    kind: Kind
    name: str
    model: Path
    files: Mapping[str, Path]
    """Place in the release -> file."""
    origins: tuple[Origin, ...]
    held_out: pl.DataFrame | None = None
    """``record_id``, ``heavy``, ``light``, ``antigen`` of the rows that a run was tested on."""
    notes: tuple[str, ...] = ()
    """What is known of the rows: how many were left out, say."""
    examples: pl.DataFrame | None = None
    """``name``, ``heavy``, ``light``, ``antigen`` of pairs to try it on; None: well-known ones."""
    encoders: tuple[Mapping[str, str], ...] = ()
    """``id`` and ``licence`` of the encoders that it reads with."""
    made_by: str = ""
    """Commands that make it again."""


def read_subject(path: Path, table: Path | None = None, split: Path | None = None) -> Subject:
    """Read what is to be released.

    Args:
        path: folder of a run, of a saved model or of a release, or the word ``shipped``.
        table: where the training rows lie, if the files do not say it or they were moved.
        split: where the split of a run lies now.

    Raises:
        MissingFileError, ModelError: it is none of these, or damaged.
        ReleaseError: it may not be released: a licence forbids it, or the test part chose.
    """
    if str(path) == SHIPPED and not path.exists():
        return _licensed(_of_model(SHIPPED_MODEL, "shipped", None))
    require_folder(path)
    if (path / "run.json").is_file():
        return _licensed(_of_run(path, table, split))
    folder = located(path)
    kind: Kind = "assay" if read_manifest(folder)["name"] == "assay-gp" else "model"
    return _licensed(_of_model(folder, kind, table))


def _of_model(folder: Path, kind: Kind, table: Path | None) -> Subject:
    manifest = read_manifest(folder)
    files = {f"{MODEL}/{name}": folder / name for name in _existing(folder, FILES)}
    # Beside a model of `abag adapt`, or beside that of a round of a campaign.
    for beside in (folder.with_name(f"{folder.name}-report"), folder.with_name(REPORT)):
        if kind == "assay" and beside.is_dir():
            files |= {f"{REPORT}/{name}": beside / name for name in _existing(beside, REPORT_FILES)}
    served = read_json(folder / SERVED) if (folder / SERVED).is_file() else {}
    known = served.get("protocol", {}).get("sources", [])
    origins = tuple(Origin(source, licence, rows) for source, licence, rows in known)
    examples = None
    if not origins:
        rows = _rows_of(folder, manifest, table)
        origins = origins_of(rows)
        examples = _examples(rows) if kind == "assay" else None
    name = f"abag-{manifest['name']}"
    return Subject(kind, name, folder, files, origins, examples=examples)


def _examples(rows: pl.DataFrame) -> pl.DataFrame:
    """The first variants of an assay."""
    name = pl.coalesce(pl.col("mutations"), pl.col("record_id")).fill_null("variant")
    return rows.head(8).select(
        pl.when(name == "").then(pl.lit("parent")).otherwise(name).alias("name"),
        "heavy", "light", "antigen",
    )  # fmt: skip


def _existing(folder: Path, names: Any) -> list[str]:
    return [name for name in sorted(names) if (folder / name).is_file()]


def _rows_of(folder: Path, manifest: Mapping[str, Any], table: Path | None) -> pl.DataFrame:
    """The table that a model was made of, which tells licences that the model does not record."""
    digest = manifest["training"].get("origin", {}).get("table_sha256")
    of_round = folder.with_name("training.parquet")
    if table is None and of_round.is_file():
        table = of_round
    if table is None or digest is None:
        raise ReleaseError(
            f"{folder} does not say under which licences its training rows are; name the file that "
            "it was made of by --table"
            if digest
            else f"{folder} does not record the table that it was made of, so the licences of its "
            "rows are unknown; make it again with this abag"
        )
    if sha256_of(table) != digest:
        raise ReleaseError(f"{table} is not the file that {folder} was made of (another SHA-256)")
    if table.suffix == ".parquet":
        from abag.data.build import load_table

        return load_table(table).frame
    from abag.maturation.assay.file import AssayFile, read_assay

    assay_file = AssayFile(mapping=["antigen_unknown:=true"])
    return read_assay(table, assay_file).table


def origins_of(rows: pl.DataFrame) -> tuple[Origin, ...]:
    """Sources, licences and counts of canonical rows."""
    counts = rows.group_by("source", "licence").len().sort("source", "licence")
    return tuple(Origin(*row) for row in counts.iter_rows())


def _licensed(subject: Subject) -> Subject:
    """The subject, if every row that shaped its weights allows weights to be published."""
    bad = [origin for origin in subject.origins if origin.licence not in SHIPPABLE_LICENCES]
    if bad:
        refused = "; ".join(
            f"{counted(o.rows, 'row')} of {o.source} under {o.licence}" for o in bad
        )
        raise ReleaseError(
            "the weights were shaped by rows whose licence does not allow to publish them: "
            f"{refused}. Train without these rows (licences that allow it: "
            f"{', '.join(sorted(SHIPPABLE_LICENCES))}; `abag data build --licence permissive`)"
        )
    return subject


def _of_run(run: Path, table: Path | None, split: Path | None) -> Subject:
    from abag.data.build import load_table
    from abag.data.splits import Split
    from abag.training.compare import read_compared
    from abag.training.setup import read_run

    metrics = read_compared(run).metrics
    recipe, sources, content = read_run(run)
    path = table or sources.table
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}; say with --table where the table lies")
    if sha256_of(path) != content["identity"]["table_sha256"]:
        raise ReleaseError(
            f"{path} is not the table that {run} was trained on (another SHA-256); "
            "name that table by --table"
        )
    rows = load_table(path)
    parts = Split.load_for(split or sources.split, rows)
    if parts.digest != content["identity"]["split_digest"]:
        raise ReleaseError(
            f"{split or sources.split} is not the split of {run}; name that split by --split"
        )
    part = str(metrics["split"]["part"])
    tested = pl.read_csv(run / "test_predictions.csv")["record_id"].cast(pl.String)
    require_test_chose_nothing(run, metrics, parts.training_ids(part), parts.test_ids(part), tested)
    model = run / MODEL
    files = {f"{RUN}/{name}": run / name for name in _existing(run, RUN_FILES)}
    files |= {f"{MODEL}/{name}": model / name for name in _existing(model, FILES)}
    ids = parts.training_ids(part)
    if not parts.is_folds and "val" in parts.test_parts:
        ids |= parts.test_ids("val")
    shaped = rows.of_records(ids)
    held_out = rows.of_records(set(tested)).select("record_id", "heavy", "light", "antigen")
    held_out = pl.DataFrame({"record_id": tested}).join(
        held_out, on="record_id", how="left", maintain_order="left"
    )
    return Subject(
        "run",
        f"abag-{recipe.name}",
        model,
        files,
        origins_of(shaped.frame),
        held_out,
        tuple(content.get("notes", ())),
        encoders=_encoders(metrics),
        made_by="\n".join(_commands(content)),
    )


def _encoders(metrics: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    from abag.encoders.adapters.catalogue import ENTRIES

    ids = dict.fromkeys(
        encoder["id"] for encoder in parse_json(metrics["encoders"], "metrics.json")
    )
    return tuple(
        {"id": name, "licence": ENTRIES[name].licence if name in ENTRIES else "see its card"}
        for name in ids
    )


def _commands(content: Mapping[str, Any]) -> list[str]:
    """What makes a run again, with the names of its files alone."""
    sources = content["sources"]
    table, split = Path(sources["table"]).name, Path(sources["split"]).name
    holdout = f" --holdout {sources['holdout']}" if sources.get("holdout") else ""
    return [
        f"abag train {table} --recipe run/recipe.json --split {split}{holdout} --out again",
        f"# table SHA-256 {content['identity']['table_sha256']}",
        f"# split digest {content['identity']['split_digest']}",
    ]


def require_test_chose_nothing(
    run: Path,
    metrics: Mapping[str, Any],
    training: set[str],
    test: set[str],
    tested: pl.Series,
) -> None:
    """Raise ReleaseError where rows of the test part trained a run or chose its epoch.

    The kept epoch must be the one that the validation figure of the recipe chooses.
    """
    shared = training & (test | set(tested))
    if shared:
        raise ReleaseError(
            f"{run}: {counted(len(shared), 'row')} of the test part could train the model "
            f"({', '.join(sorted(shared)[:3])}): its test figures measure memory. Train on another "
            "split"
        )
    if foreign := set(tested) - test:
        raise ReleaseError(
            f"{run / 'test_predictions.csv'} holds {counted(len(foreign), 'row')} that the test "
            f"part of the split does not ({', '.join(sorted(foreign)[:3])}); take the file that "
            "the run wrote"
        )
    metric = metrics["hyper_parameters"]["stopping"]["metric"]
    history = pl.read_csv(run / "training_history.csv")
    validated = history.drop_nulls(f"val_{metric}").sort("epoch")
    kept_epoch = metrics["training"]["kept_epoch"]
    if validated.is_empty():
        return
    values = validated[f"val_{metric}"]
    best = values.min() if metric in ("rmse", "loss") else values.max()
    chosen = validated.filter(pl.col(f"val_{metric}") == best)["epoch"][0]
    if chosen != kept_epoch:
        raise ReleaseError(
            f"{run} keeps epoch {kept_epoch}, but its validation {metric} is best at epoch "
            f"{chosen}: something else than the validation part chose the weights"
        )
