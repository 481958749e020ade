"""Writes one canonical table to disk.

Three files are written: the table, the quarantine beside it, and a manifest with the checksum of
every file read and written. The same input gives the same bytes: they hold no date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from abag.data.canonical import QUARANTINE_SCHEMA, Canonical, canonicalise
from abag.data.merging import MergeSummary, merge_replicates
from abag.data.raw import RawTable
from abag.data.tables import OWN_DATA, SCHEMA_VERSION, USER, Measurements
from abag.errors import OptionError, SchemaError, TableError
from abag.files import (
    read_json,
    read_parquet,
    replacing_together,
    require_file,
    require_other,
    sha256_of,
    write_json,
    write_parquet,
)
from abag.version import VERSION


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """Rows of one source that were kept, set aside or left out: counts and reasons."""

    source: str
    licence: str
    rows_in: int
    kept: int
    quarantined: int
    left_out_by_licence: int
    censored: int
    with_pkd: int
    mended: int
    reasons: dict[str, int]
    """Quarantine reasons, most frequent first, numbers in them replaced by ``#``."""
    flags: dict[str, int]
    """Kept rows with each flag, most frequent first."""


@dataclass(frozen=True, slots=True)
class Build:
    """A table that was built: where it is and what it holds."""

    table: Path
    quarantine: Path
    manifest: Path
    summaries: tuple[SourceSummary, ...]
    notes: tuple[str, ...] = ()
    """Notes on lines left out around the rows of a user's file, and on doubtful columns."""

    def as_json(self) -> dict[str, Any]:
        """For ``--json`` and for the manifest."""
        return {
            "table": str(self.table),
            "quarantine": str(self.quarantine),
            "manifest": str(self.manifest),
            "sources": [asdict(summary) for summary in self.summaries],
            "notes": list(self.notes),
        }


def import_table(
    raw: RawTable, files: Sequence[Path], out: Path, *, quarantine: bool = False
) -> Build:
    """Write a user's own table; rows with problems are refused unless ``quarantine``.

    ``files`` are those that were read; the first holds the values and is named in messages.

    Raises :class:`TableError` with every problem of the file at once, OptionError when ``out`` is
    no name for a table or one of the files.
    """
    require_parquet_name(out)
    require_other(_paths(out), files)
    canonical = canonicalise(raw, USER, OWN_DATA)
    if canonical.quarantine.height and not (quarantine and canonical.table.height):
        mend = "Correct these rows, or set them aside with --quarantine."
        mend = mend if canonical.table.height else "No row can be used."
        raise TableError(files[0], canonical.problems(), mend)
    summary = summarise_source(USER, OWN_DATA, canonical, canonical.table)
    checksums = {path.name: sha256_of(path) for path in files if path.is_file()}
    built = write_build(canonical, out, (summary,), checksums, {})
    return replace(built, notes=raw.notes)


def merge_table(path: Path, out: Path, *, across_assays: bool = False) -> MergeSummary:
    """Merge the replicates of a table, and write it with a manifest and an empty quarantine.

    Raises OptionError when ``out`` is no name for a table, or one of its three files is read.
    """
    require_parquet_name(out)
    require_other(_paths(out), _paths(path))
    merged = merge_replicates(load_table(path), across_assays=across_assays)
    rows = merged.table.frame
    canonical = Canonical(rows, pl.DataFrame(schema=QUARANTINE_SCHEMA), rows.height)
    options = {"merged": "across assays" if across_assays else "inside assays"}
    write_build(canonical, out, (), {path.name: sha256_of(path)}, options)
    return merged.summary


def load_table(path: Path) -> Measurements:
    """Read a canonical table, refusing anything else and a table without rows.

    Raises:
        SchemaError: it is no such table, or not the one that its manifest was written with.
        FileFormatError: it, or its manifest, is damaged.
    """
    require_file(path)
    if path.suffix != ".parquet":
        raise SchemaError(
            f"{path} is not a canonical table (.parquet); make one with `abag data import {path}`"
        )
    table, _ = read_parquet(path)
    _require_manifest(path)
    measurements = Measurements.canonical(table, str(path))
    if not len(measurements):
        raise SchemaError(f"{path} has no rows; build or import a table with some")
    return measurements


def _require_manifest(path: Path) -> None:
    """Raise SchemaError where a manifest lies beside a table, and was written with another one."""
    manifest = _paths(path)[2]
    content = read_json(manifest) if manifest.is_file() else None
    checksums = content.get("files_written") if isinstance(content, dict) else None
    if isinstance(checksums, dict) and checksums.get(path.name, "") not in ("", sha256_of(path)):
        raise SchemaError(
            f"{path} is not the table that {manifest.name} was written with (its checksum "
            f"differs); import or build it again, or take {manifest.name} away where it is of "
            "another table"
        )


def require_parquet_name(out: Path) -> None:
    """Raise :class:`OptionError` unless ``out`` may become a table."""
    if out.suffix != ".parquet":
        raise OptionError(
            f"a table is written as Parquet: give --out a name in .parquet, not {out}"
        )


def summarise_source(
    name: str, licence: str, canonical: Canonical, rows: pl.DataFrame
) -> SourceSummary:
    """Count the rows of one source; ``rows`` are those of ``canonical`` that its licence leaves."""
    reasons = canonical.quarantine["reasons"].explode()
    reasons = reasons.str.replace_all(r"'[^']*'|\d+(\.\d+)?(e[-+]?\d+)?", "#")
    licences = canonical.table["licence"].unique().sort().to_list()
    return SourceSummary(
        source=name,
        licence=" / ".join(licences) or licence,
        rows_in=canonical.rows_in,
        kept=rows.height,
        quarantined=canonical.quarantine.height,
        left_out_by_licence=canonical.table.height - rows.height,
        censored=rows.filter(pl.col("relation").is_in(["<", ">"])).height,
        with_pkd=rows["pkd"].count(),
        mended=rows.filter(pl.col("flags").list.len() > 0).height,
        reasons=_by_frequency(reasons, 8),
        flags=_by_frequency(rows["flags"].explode()),
    )


def _by_frequency(texts: pl.Series, most: int | None = None) -> dict[str, int]:
    """Number of rows with each text, most frequent first, then in the order of the alphabet."""
    counts = texts.drop_nulls().to_frame("text").group_by("text").len()
    counts = counts.sort(["len", "text"], descending=[True, False])
    return dict(counts.head(counts.height if most is None else most).iter_rows())


def _paths(out: Path) -> tuple[Path, Path, Path]:
    """The table, its quarantine and its manifest."""
    return out, out.with_suffix(".quarantine.parquet"), out.with_suffix(".manifest.json")


def write_build(
    canonical: Canonical,
    out: Path,
    summaries: tuple[SourceSummary, ...],
    checksums: dict[str, str],
    options: dict[str, str],
) -> Build:
    """Write table, quarantine and manifest together, or none of them."""
    Measurements.canonical(canonical.table)
    paths = _paths(out)
    header = {"abag.schema_version": str(SCHEMA_VERSION)}
    with replacing_together(paths) as (table, quarantine, manifest):
        write_parquet(table, canonical.table, header)
        write_parquet(quarantine, canonical.quarantine, header)
        written = zip(paths, (table, quarantine), strict=False)
        write_json(
            manifest,
            {
                "abag_version": VERSION,
                "schema_version": SCHEMA_VERSION,
                "options": options,
                "files_read": checksums,
                "files_written": {path.name: sha256_of(temporary) for path, temporary in written},
                "sources": [asdict(summary) for summary in summaries],
            },
            seal=True,
        )
    return Build(*paths, summaries)
