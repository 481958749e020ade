"""From a folder of published sources to one canonical table on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.build import (
    Build,
    SourceSummary,
    require_parquet_name,
    summarise_source,
    write_build,
)
from abag.data.canonical import Canonical, canonicalise, concatenate
from abag.data.chains import AntibodyCleaner
from abag.data.tables import SHIPPABLE_LICENCES
from abag.errors import MissingFileError, OptionError
from abag.files import require_folder, sha256_of
from abag.progress import task
from abag_lab.sources import SOURCES
from abag_lab.sources.published import Source

LICENCES: Final = ("all", "permissive")


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
            canonical, files = read_source(source, folder, cleaner)
            checksums |= {f"{source.name}/{name}": sum_ for name, sum_ in files.items()}
            rows = canonical.table
            if licence == "permissive":
                rows = rows.filter(pl.col("licence").is_in(list(SHIPPABLE_LICENCES)))
            summaries.append(summarise_source(source.name, source.licence, canonical, rows))
            parts.append(
                Canonical(rows, canonical.quarantine, rows.height + canonical.quarantine.height)
            )
            bar.advance()
    return write_build(concatenate(parts), out, tuple(summaries), checksums, {"licence": licence})


def source_table(folder: Path, name: str, *, shippable: bool = False) -> pl.DataFrame:
    """One source's canonical rows; with ``shippable`` those that may shape shipped weights."""
    (source,) = choose_sources(folder, [name])
    table = read_source(source, folder)[0].table
    licences = list(SHIPPABLE_LICENCES)
    return table.filter(pl.col("licence").is_in(licences)) if shippable else table


def read_source(
    source: Source, folder: Path, cleaner: AntibodyCleaner | None = None
) -> tuple[Canonical, dict[str, str]]:
    """One source's canonical rows, and the checksum of each file they came from."""
    cleaner = cleaner or AntibodyCleaner()
    parts: list[Canonical] = []
    checksums: dict[str, str] = {}
    for raw in source.reader(folder / source.name):
        parts.append(canonicalise(raw, source.name, source.licence, cleaner))
        path = folder / source.name / raw.file.partition("#")[0]
        if path.is_file():
            checksums[path.name] = sha256_of(path)
    if not parts:
        raise MissingFileError(f"{folder / source.name} holds none of the files of {source.name}")
    return concatenate(parts), checksums
