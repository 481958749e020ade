"""From rows that were read to one canonical table on disk.

Three files are written: the table, the quarantine beside it, and a manifest with the checksum of
everything read and written. The same input gives the same bytes: there is no date in them.
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
    """What became of the rows of one source."""

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
    """What was left out around the rows of a user's file, and how doubtful columns were taken."""

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
    require_other(_places(out), files)
    made = canonicalise(raw, USER, OWN_DATA)
    if made.quarantine.height and not (quarantine and made.table.height):
        mend = "Correct these rows, or set them aside with --quarantine."
        mend = mend if made.table.height else "No row can be used."
        raise TableError(files[0], made.problems(), mend)
    summary = summarise_source(USER, OWN_DATA, made, made.table)
    checksums = {path.name: sha256_of(path) for path in files if path.is_file()}
    built = write_build(made, out, (summary,), checksums, {})
    return replace(built, notes=raw.notes)


def merge_table(path: Path, out: Path, *, across_assays: bool = False) -> MergeSummary:
    """Merge the replicates of a table, and write it with a manifest and an empty quarantine.

    Raises OptionError when ``out`` is no name for a table, or one of its three files is read.
    """
    require_parquet_name(out)
    require_other(_places(out), _places(path))
    merged = merge_replicates(load_table(path), across_assays=across_assays)
    rows = merged.table.frame
    whole = Canonical(rows, pl.DataFrame(schema=QUARANTINE_SCHEMA), rows.height)
    options = {"merged": "across assays" if across_assays else "inside assays"}
    write_build(whole, out, (), {path.name: sha256_of(path)}, options)
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
    found = Measurements.canonical(table, str(path))
    if not len(found):
        raise SchemaError(f"{path} has no rows; build or import a table with some")
    return found


def _require_manifest(path: Path) -> None:
    """Raise SchemaError where a manifest lies beside a table, and was written with another one."""
    manifest = _places(path)[2]
    content = read_json(manifest) if manifest.is_file() else None
    told = content.get("files_written") if isinstance(content, dict) else None
    if isinstance(told, dict) and told.get(path.name, "") not in ("", sha256_of(path)):
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


def summarise_source(name: str, licence: str, made: Canonical, kept: pl.DataFrame) -> SourceSummary:
    """Count what became of the rows of one source; ``kept`` are those that its licence leaves."""
    reasons = (
        made.quarantine.select(pl.col("reasons").list.explode())
        .select(pl.col("reasons").str.replace_all(r"'[^']*'|\d+(\.\d+)?(e[-+]?\d+)?", "#"))
        .group_by("reasons")
        .len()
        .sort(["len", "reasons"], descending=[True, False])
        .head(8)
    )
    flags = (
        kept.select(pl.col("flags").list.explode())
        .drop_nulls()
        .group_by("flags")
        .len()
        .sort(["len", "flags"], descending=[True, False])
    )
    licences = made.table["licence"].unique().sort().to_list()
    return SourceSummary(
        source=name,
        licence=" / ".join(licences) or licence,
        rows_in=made.rows_in,
        kept=kept.height,
        quarantined=made.quarantine.height,
        left_out_by_licence=made.table.height - kept.height,
        censored=kept.filter(pl.col("relation").is_in(["<", ">"])).height,
        with_pkd=kept["pkd"].count(),
        mended=kept.filter(pl.col("flags").list.len() > 0).height,
        reasons=dict(reasons.iter_rows()),
        flags=dict(flags.iter_rows()),
    )


def _places(out: Path) -> tuple[Path, Path, Path]:
    """The table, its quarantine and its manifest."""
    return out, out.with_suffix(".quarantine.parquet"), out.with_suffix(".manifest.json")


def write_build(
    made: Canonical,
    out: Path,
    summaries: tuple[SourceSummary, ...],
    checksums: dict[str, str],
    options: dict[str, str],
) -> Build:
    """Write table, quarantine and manifest together, or none of them."""
    Measurements.canonical(made.table)
    _, aside, manifest = _places(out)
    header = {"abag.schema_version": str(SCHEMA_VERSION)}
    with replacing_together((out, aside, manifest)) as (table, rest, account):
        write_parquet(table, made.table, header)
        write_parquet(rest, made.quarantine, header)
        write_json(
            account,
            {
                "abag_version": VERSION,
                "schema_version": SCHEMA_VERSION,
                "options": options,
                "files_read": checksums,
                "files_written": {out.name: sha256_of(table), aside.name: sha256_of(rest)},
                "sources": [asdict(summary) for summary in summaries],
            },
            seal=True,
        )
    return Build(out, aside, manifest, summaries)
