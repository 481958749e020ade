"""The detectors on the real faulty tables, and on the clean ones, without being told which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from abag.data.canonical import canonicalise, concatenate
from abag.data.chains import AntibodyCleaner
from abag.data.faults import Fault, FaultKind, Severity, check_values, find_faults
from abag.data.merging import merge_replicates
from abag.data.raw import RawTable
from abag_lab.sources import SOURCES
from abag_lab.sources.libraries import abbibench

pytestmark = pytest.mark.sources

NUISANCES = {FaultKind.SYMMETRY_COPY, FaultKind.REPLICATE_CONFLICT}
BOUNDS = ("pkd", "pkd_lower", "pkd_upper", "rank_score", "rank_lower", "rank_upper")


@cache
def _cleaner() -> AntibodyCleaner:
    return AntibodyCleaner()


@cache
def canonical(folder: Path, name: str, published: bool = False, every: int = 1) -> pl.DataFrame:
    """Canonical rows of a source, read once: all, or one of so many."""
    source = SOURCES[name]
    read: Callable[[Path], object] = abbibench.read_as_published if published else source.reader
    parts = [
        canonicalise(one_of(raw, every), name, source.licence, _cleaner())
        for raw in read(folder / name)  # type: ignore[attr-defined]
        if isinstance(raw, RawTable)
    ]
    return concatenate(parts).table


def one_of(raw: RawTable, every: int) -> RawTable:
    frames = (frame.gather_every(every) for frame in (raw.frame, raw.original))
    return replace(raw, **dict(zip(("frame", "original"), frames, strict=True)))


def as_exact(table: pl.DataFrame) -> pl.DataFrame:
    """The reading of someone who takes every bound for a value."""
    number = pl.coalesce("rank_score", "rank_lower", "rank_upper")
    absolute = pl.col("quantity").is_in(["KD", "KA", "dG"])
    return table.with_columns(
        relation=pl.lit("="),
        **{
            name: pl.when(absolute).then(number) if name.startswith("pkd") else number
            for name in BOUNDS
        },
    )


def found(faults: list[Fault], assay: str | None = None) -> set[FaultKind]:
    return {fault.kind for fault in faults if assay is None or fault.assay.endswith(assay)}


def column(path: Path, name: str) -> NDArray[np.float64]:
    frame = pl.read_csv(path, infer_schema=False)
    return frame[name].cast(pl.Float64, strict=False).to_numpy()


def spikes(faults: list[Fault]) -> dict[float, int]:
    return {
        float(fault.evidence["value"]): fault.rows
        for fault in faults
        if fault.kind is FaultKind.LABEL_SPIKE
    }


def test_the_predecessors_column_holds_spikes_impossible_values_and_two_scales(
    sources_dir: Path,
) -> None:
    faults = check_values(
        column(sources_dir / "predecessor" / "test_predictions.csv", "true"), "KD", "pKd"
    )
    assert found(faults) == {
        FaultKind.LABEL_SPIKE,
        FaultKind.IMPOSSIBLE_RANGE,
        FaultKind.MIXED_UNITS,
    }
    assert spikes(faults) == {6.0: 8775, 7.0: 351}
    assert next(f for f in faults if f.rows == 8775).share == pytest.approx(0.366, abs=0.001)
    (mixed,) = [f for f in faults if f.kind is FaultKind.MIXED_UNITS]
    assert 1000 <= mixed.rows <= 1026
    assert all(f.severity is Severity.ERROR for f in faults if f.rows > 1000)


@pytest.mark.parametrize(
    ("file", "name", "placeholder", "rows"),
    [
        ("attabseq/AB645.csv", "ddG", 8.0, 27),
        ("attabseq/AB1101.csv", "ddG", 8.0, 50),
        ("deepinteraware/AB-Bind_mute_data.csv", "ddG", 8.0, 50),
        ("graphinity/Experimental_ddG_645.csv", "labels", -8.0, 27),
    ],
)
def test_a_ddg_of_eight_is_found_as_a_placeholder_in_every_copy_of_ab_bind(
    sources_dir: Path, file: str, name: str, placeholder: float, rows: int
) -> None:
    faults = check_values(column(sources_dir / file, name), "ddG", "kcal/mol")
    assert spikes(faults) == {placeholder: rows}
    assert found(faults) == {FaultKind.LABEL_SPIKE}


def test_biomap_holds_the_placeholder_of_ab_bind_as_an_energy(sources_dir: Path) -> None:
    faults = check_values(
        column(sources_dir / "biomap" / "biomap.csv", "delta_g"), "dG", "kcal/mol"
    )
    assert spikes(faults) == {-2.999: 24}
    assert found(faults) == {FaultKind.LABEL_SPIKE}


@pytest.mark.parametrize(
    ("file", "name", "quantity", "unit"),
    [
        ("saaint_db/saaintdb_affinity_only_rows.csv", "Affinity_KD(nM)", "KD", "nM"),
        ("attabseq/S1131.csv", "ddG", "ddG", "kcal/mol"),
        ("deepinteraware/SKEMPI_mute_data.csv", "ddG", "ddG", "kcal/mol"),
        ("alphaseq_14/df_14h_h_cdr.csv.gz", "affinity", "KD", "log10 nM"),
        ("alphaseq_14/df_14l_l_cdr.csv.gz", "affinity", "KD", "log10 nM"),
        ("alphaseq_14/test_data_with_labels.csv.gz", "Pred_affinity", "KD", "log10 nM"),
        (
            "alphabind/trastuzumab-scfv-full_validation_alphaseq.csv.gz",
            "alphaseq_affinity",
            "KD",
            "log10 nM",
        ),
        (
            "alphabind/trastuzumab-scfv-cdr_validation_alphaseq.csv",
            "alphaseq_affinity",
            "KD",
            "log10 nM",
        ),
    ],
)
def test_clean_columns_raise_no_fault(
    sources_dir: Path, file: str, name: str, quantity: str, unit: str
) -> None:
    assert check_values(column(sources_dir / file, name), quantity, unit) == []


def test_abbibench_as_published_shows_each_of_its_faults(sources_dir: Path) -> None:
    others = pl.concat([canonical(sources_dir, name) for name in ("attabseq", "alphaseq_14")])
    faults = find_faults(canonical(sources_dir, "abbibench", published=True), others)
    assert found(faults, "/1mhp") - NUISANCES == {FaultKind.INVERTED_SIGN}
    assert found(faults, "/1mlc") - NUISANCES == {
        FaultKind.INVERTED_SIGN,
        FaultKind.IMPOSSIBLE_RANGE,
    }
    assert found(faults, "/2fjg") == {FaultKind.IMPOSSIBLE_RANGE}
    assert found(faults, "/3gbn_h1") == {FaultKind.LABEL_SPIKE}
    for assay in ("/aayl49", "/aayl49_ML", "/aayl51"):
        assert found(faults, assay) == {FaultKind.LOG_OF_LOG}
    crossed = {f.assay[-6:] for f in faults if "undo" in f.evidence}
    assert crossed == {"aayl49", "aayl51"}


def test_abbibench_alone_shows_all_but_the_sign_of_1mhp(sources_dir: Path) -> None:
    faults = find_faults(canonical(sources_dir, "abbibench", published=True))
    assert found(faults, "/1mlc") >= {FaultKind.INVERTED_SIGN, FaultKind.IMPOSSIBLE_RANGE}
    for assay in ("/aayl49", "/aayl49_ML", "/aayl51"):
        assert found(faults, assay) == {FaultKind.LOG_OF_LOG}
    assert found(faults, "/1mhp") <= NUISANCES


def test_abbibench_read_rightly_is_clean_but_for_a_floor_of_five_rows(sources_dir: Path) -> None:
    others = pl.concat([canonical(sources_dir, name) for name in ("attabseq", "alphaseq_14")])
    faults = find_faults(canonical(sources_dir, "abbibench"), others)
    left = [fault for fault in faults if fault.kind not in NUISANCES]
    assert [(f.kind, f.assay[-4:], f.rows, f.severity) for f in left] == [
        (FaultKind.LABEL_SPIKE, "2fjg", 5, Severity.NOTE)
    ]


@pytest.mark.parametrize(
    ("name", "every", "assay", "number", "rows"),
    [
        ("phillips_cr9114_cr6261", 11, "CR9114-H3", 6.0, 5298),
        ("cr9114_dms", 1, "mature-FluB", 5.0, 49),
        ("cr9114_dms", 1, "mature-H3", 5.0, 6),
        ("cr9114_dms", 1, "germline-H1", 5.0, 4),
    ],
)
def test_floors_taken_for_values_are_spikes_and_declared_ones_are_not(
    sources_dir: Path, name: str, every: int, assay: str, number: float, rows: int
) -> None:
    table = canonical(sources_dir, name, every=every).filter(pl.col("assay").str.ends_with(assay))
    faults = find_faults(as_exact(table))
    assert [(f.kind, f.evidence["on_tight_scale"], f.rows) for f in faults] == [
        (FaultKind.LABEL_SPIKE, pytest.approx(number), rows)
    ]
    assert find_faults(table) == []


def test_tite_seqs_ceiling_taken_for_a_value_is_a_spike(sources_dir: Path) -> None:
    table = canonical(sources_dir, "titeseq_4420")
    levels = {
        round(float(f.evidence["on_tight_scale"]), 3)
        for f in find_faults(as_exact(table))
        if f.kind is FaultKind.LABEL_SPIKE
    }
    assert levels == {5.0, 9.5}
    assert found(find_faults(table)) <= NUISANCES


def test_alphaseq_14_raises_no_fault(sources_dir: Path) -> None:
    assert find_faults(canonical(sources_dir, "alphaseq_14")) == []


def test_saaint_db_has_symmetry_copies_and_few_conflicts_only(sources_dir: Path) -> None:
    table = canonical(sources_dir, "saaint_db")
    faults = find_faults(table)
    assert found(faults) == NUISANCES
    (copies,) = [f for f in faults if f.kind is FaultKind.SYMMETRY_COPY]
    assert copies.share > 0.3
    (conflict,) = [f for f in faults if f.kind is FaultKind.REPLICATE_CONFLICT]
    assert conflict.share < 0.02
    merged = merge_replicates(table)
    assert merged.summary.rows_in == table.height
    assert 0 < merged.summary.copies <= copies.rows
    assert found(find_faults(merged.table)) <= {FaultKind.SYMMETRY_COPY}


def test_a_tenth_of_saaint_db_written_in_the_wrong_unit_is_found(sources_dir: Path) -> None:
    table = canonical(sources_dir, "saaint_db")
    slipped = pl.Series(np.random.default_rng(0).random(table.height) < 0.1)
    planted = table.with_columns((pl.col(name) - 3.0 * slipped) for name in BOUNDS)
    assert FaultKind.MIXED_UNITS in found(find_faults(planted))


def test_a_scan_with_its_sign_flipped_is_found(sources_dir: Path) -> None:
    table = canonical(sources_dir, "cr9114_dms").filter(pl.col("relation") == "=")
    planted = table.with_columns((16.0 - pl.col(name)).alias(name) for name in BOUNDS)
    inverted = [f.assay for f in find_faults(planted) if f.kind is FaultKind.INVERTED_SIGN]
    assert len(inverted) == table["assay"].n_unique() == 4
