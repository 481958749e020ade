"""From a folder of published sources, or a user's file, to one canonical table on disk.

Three files are written: the table, the quarantine beside it, and a manifest with the checksum of
everything read and written. The same input gives the same bytes: there is no date in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.data.canonical import Canonical, canonicalise, concatenate
from abag.data.chains import AntibodyCleaner
from abag.data.schema import SCHEMA_VERSION, SHIPPABLE_LICENCES, require_canonical
from abag.data.sources import SOURCES
from abag.data.sources.base import RawTable, Source
from abag.errors import MissingFileError, OptionError, Problem, SchemaError, TableError
from abag.files import (
    read_parquet,
    replacing,
    require_file,
    require_folder,
    require_other,
    sha256_of,
    write_json,
    write_parquet,
)
from abag.progress import task
from abag.version import VERSION

LICENCES: Final = ("all", "permissive")


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

    def as_json(self) -> dict[str, Any]:
        """For ``--json`` and for the manifest."""
        return {
            "table": str(self.table),
            "quarantine": str(self.quarantine),
            "manifest": str(self.manifest),
            "sources": [asdict(summary) for summary in self.summaries],
        }


def choose_sources(folder: Path, names: Sequence[str] = ()) -> list[Source]:
    """The named adapters, or every adapter whose folder is in ``folder``."""
    require_folder(folder)
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise OptionError(
            f"unknown: {', '.join(unknown)}; known sources are {', '.join(sorted(SOURCES))}"
        )
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        raise MissingFileError(f"{folder} has no folder for {', '.join(missing)}")
    chosen = [SOURCES[n] for n in sorted(names or SOURCES) if (folder / n).is_dir()]
    if not chosen:
        raise MissingFileError(
            f"{folder} has no folder named after a source; `abag data sources` lists the names"
        )
    return chosen


def build_table(
    folder: Path, out: Path, *, names: Sequence[str] = (), licence: str = "all"
) -> Build:
    """Read the chosen sources and write the canonical table, its quarantine and its manifest."""
    if licence not in LICENCES:
        raise OptionError(f"unknown licence choice {licence!r}; known are {', '.join(LICENCES)}")
    require_parquet_name(out)
    chosen = choose_sources(folder, names)
    cleaner = AntibodyCleaner()
    parts: list[Canonical] = []
    summaries: list[SourceSummary] = []
    checksums: dict[str, str] = {}
    with task("reading sources", total=len(chosen)) as bar:
        for source in chosen:
            bar.describe(f"reading {source.name}")
            made, read = read_source(source, folder, cleaner)
            checksums |= {f"{source.name}/{name}": sum_ for name, sum_ in read.items()}
            kept = _permitted(made.table) if licence == "permissive" else made.table
            summaries.append(_summary(source.name, source.licence, made, kept))
            parts.append(Canonical(kept, made.quarantine, kept.height + made.quarantine.height))
            bar.advance()
    return _write(concatenate(parts), out, tuple(summaries), checksums, {"licence": licence})


def read_source(
    source: Source, folder: Path, cleaner: AntibodyCleaner | None = None
) -> tuple[Canonical, dict[str, str]]:
    """One source's canonical rows, and the checksum of each file they came from."""
    cleaner = cleaner or AntibodyCleaner()
    parts: list[Canonical] = []
    checksums: dict[str, str] = {}
    for raw in source.read(folder / source.name):
        parts.append(canonicalise(raw, source.name, source.licence, cleaner))
        path = folder / source.name / raw.file.partition("#")[0]
        if path.is_file():
            checksums[path.name] = sha256_of(path)
    if not parts:
        raise MissingFileError(f"{folder / source.name} holds none of the files of {source.name}")
    return concatenate(parts), checksums


def import_table(
    raw: RawTable, files: Sequence[Path], out: Path, *, quarantine: bool = False
) -> Build:
    """Write a user's own table; rows with problems are refused unless ``quarantine``.

    ``files`` are those that were read; the first holds the values and is named in messages.

    Raises :class:`TableError` with every problem of the file at once, OptionError when ``out`` is
    no name for a table or one of the files.
    """
    require_parquet_name(out)
    require_other(out, files)
    made = canonicalise(raw, "user", "own-data")
    if made.quarantine.height and not (quarantine and made.table.height):
        problems = [
            Problem(row, None, "; ".join(reasons))
            for row, reasons in made.quarantine.select("source_row", "reasons").iter_rows()
        ]
        mend = "Correct these rows, or set them aside with --quarantine."
        raise TableError(files[0], problems, mend if made.table.height else "No row can be used.")
    summary = _summary("user", "own-data", made, made.table)
    checksums = {path.name: sha256_of(path) for path in files if path.is_file()}
    return _write(made, out, (summary,), checksums, {})


def load_table(path: Path) -> pl.DataFrame:
    """Read a canonical table, refusing anything else and a table without rows."""
    require_file(path)
    if path.suffix != ".parquet":
        raise SchemaError(
            f"{path} is not a canonical table (.parquet); make one with `abag data import {path}`"
        )
    table, _ = read_parquet(path)
    require_canonical(table, str(path))
    if table.is_empty():
        raise SchemaError(f"{path} has no rows; build or import a table with some")
    return table


def require_parquet_name(out: Path) -> None:
    """Raise :class:`OptionError` unless ``out`` may become a table."""
    if out.suffix != ".parquet":
        raise OptionError(
            f"a table is written as Parquet: give --out a name in .parquet, not {out}"
        )


def _permitted(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("licence").is_in(list(SHIPPABLE_LICENCES)))


def _summary(name: str, licence: str, made: Canonical, kept: pl.DataFrame) -> SourceSummary:
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


def _write(
    made: Canonical,
    out: Path,
    summaries: tuple[SourceSummary, ...],
    checksums: dict[str, str],
    options: dict[str, str],
) -> Build:
    require_canonical(made.table)
    aside = out.with_suffix(".quarantine.parquet")
    manifest = out.with_suffix(".manifest.json")
    header = {"abag.schema_version": str(SCHEMA_VERSION)}
    # All three are written before the first takes its place: they belong together.
    with ExitStack() as stack:
        table, rest, account = (
            stack.enter_context(replacing(path)) for path in (out, aside, manifest)
        )
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
        )
    return Build(out, aside, manifest, summaries)
