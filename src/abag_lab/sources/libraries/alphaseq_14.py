"""AlphaSeq affinities of scFv variants against a SARS-CoV-2 HR2 peptide (MIT-LL, A-Alpha Bio).

* ``df_14h_h_cdr.csv`` and ``df_14l_l_cdr.csv`` (github.com/TencentAILabHealthcare/PALM): heavy
  and light variants of Ab-14; the other chain is constant and taken from the test file.
* ``test_data_with_labels.csv`` (github.com/ucrbioinfo/AbAffinity): whole scFvs of Ab-14 (AAYL49
  heavy, AAYL50 light variants), Ab-91 (AAYL51) and Ab-95 (AAYL52), parted here at their linker.
  Its AAYL49 and AAYL50 rows are rows of the two other files again, often rounded or averaged
  otherwise: another assay here, and the flag ``repeats_14H_14L``.

All three may be gzip'd. The affinity is log10(KD/nM), lower is tighter, and orders one library:
flag ``scale_not_absolute``. The construct of the antigen is not published with the tables, so its
sequence is left empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag.errors import FileFormatError, MissingFileError
from abag_lab.sources.libraries.variants import (
    SCFV_LINKER,
    join_changes,
    point_changes,
)
from abag_lab.sources.published import Source, flagged, packed_or_plain, read_text_table

TEST_FILE = "test_data_with_labels.csv"
_ANTIBODIES = {"14": "Ab-14", "91": "Ab-91", "95": "Ab-95"}


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each variant; repeats between the files come out as often as they stand there."""
    paths = packed_or_plain(folder, TEST_FILE)
    if not paths:
        raise MissingFileError(
            f"{folder} lacks {TEST_FILE}(.gz), which holds the constant chains of the two others"
        )
    test = read_text_table(paths[0])
    chains = test.select("POI", *_parted(pl.col("Sequence")))
    heavy = _constant(chains, "AAYL50", "heavy")
    light = _constant(chains, "AAYL49", "light")
    for path in packed_or_plain(folder, "df_14h_h_cdr.csv"):
        changes = point_changes(pl.col("heavy"), heavy)
        yield _half(path, "14H", pl.col("heavy"), pl.lit(light), changes)
    for path in packed_or_plain(folder, "df_14l_l_cdr.csv"):
        changes = point_changes(pl.col("light"), light, chain="L")
        yield _half(path, "14L", pl.lit(heavy), pl.col("light"), changes)
    yield _scfvs(paths[0], test, heavy, light)


def _parted(scfv: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Heavy and light chain of an scFv, null where the linker does not stand in it once."""
    parts = scfv.str.split(SCFV_LINKER)
    has_both = parts.list.len() == 2
    halves = (pl.when(has_both).then(parts.list.get(i, null_on_oob=True)) for i in (0, 1))
    return next(halves).alias("heavy"), next(halves).alias("light")


def _constant(chains: pl.DataFrame, library: str, column: str) -> str:
    """The most common chain of a library that varies the other one."""
    fixed = chains.filter(pl.col("POI").str.starts_with(library))[column].drop_nulls()
    if fixed.is_empty():
        raise FileFormatError(f"{TEST_FILE} has no row of {library}: its constant chain is needed")
    counted = fixed.value_counts().sort(["count", column], descending=[True, False])
    return str(counted[column][0])


def _half(path: Path, library: str, heavy: pl.Expr, light: pl.Expr, changes: pl.Expr) -> RawTable:
    return raw_table(
        path.name,
        read_text_table(path),
        antibody_name="Ab-14",
        heavy=heavy,
        light=light,
        value=pl.col("affinity"),
        assay=f"alphaseq_14/{library}",
        mutations=changes,
        flags=flagged("scale_not_absolute"),
        **_SHARED,
    )


def _scfvs(path: Path, test: pl.DataFrame, heavy: str, light: str) -> RawTable:
    scfv = pl.col("Sequence")
    first, second = _parted(scfv)
    of_14 = join_changes(point_changes(first, heavy), point_changes(second, light, chain="L"))
    return raw_table(
        path.name,
        test,
        antibody_name=pl.col("seed_antibody").replace(_ANTIBODIES),
        heavy=first,
        light=second,
        scfv=pl.when(first.is_null()).then(scfv),
        value=pl.col("Pred_affinity"),
        assay=pl.concat_str([pl.lit("alphaseq_14/"), pl.col("POI").str.extract(r"^([^_]+)")]),
        mutations=pl.when(pl.col("seed_antibody") == "14").then(of_14),
        flags=flagged("scale_not_absolute", repeats_14H_14L=pl.col("seed_antibody") == "14"),
        **_SHARED,
    )


_SHARED: dict[str, pl.Expr | str] = {
    "antigen_name": "SARS-CoV-2 spike HR2 peptide",
    "quantity": "KD",
    "unit": "log10 nM",
    "relation": "=",
    "method": "AlphaSeq",
    "reference": "10.1038/s41597-022-01779-4",
}


SOURCE = Source(
    name="alphaseq_14",
    title="AlphaSeq anti-HR2 scFv variants of Ab-14, Ab-91 and Ab-95 (parts)",
    licence="CC-BY-NC-SA-4.0",
    citation="Engelhart et al., Scientific Data 2022",
    origin="github.com/TencentAILabHealthcare/PALM at d58a171; ucrbioinfo/AbAffinity at b8ce94d",
    reader=read,
)
