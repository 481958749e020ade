"""Faults of whole columns of labels: found from the values, reported, never repaired.

:func:`find_faults` looks at a canonical table (and at a second one for reference),
:func:`check_values` at plain numbers. No detector reads the name of a source, a file or an assay
except to tell assays apart. What each detector does on the published tables is listed in
``docs/faults.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import polars as pl
from numpy.typing import ArrayLike

from abag.data.faults.fault import Fault, FaultKind, Severity
from abag.data.faults.labels import AssayLabels, labels_of_table, labels_of_values
from abag.data.faults.landscape import FEWEST_VARIANTS, VariantSet, landscape
from abag.data.faults.log_of_log import (
    logarithms_as_values,
    logs_of_logs,
    logs_of_logs_against_others,
)
from abag.data.faults.mixed_units import follows_substitutions, mixed_units, shifted_residuals
from abag.data.faults.pairs import SharedLabels, measured, shared_labels
from abag.data.faults.ranges import impossible_ranges
from abag.data.faults.repeats import replicate_conflicts, symmetry_copies
from abag.data.faults.signs import (
    FEWEST_OF_SCAN,
    SHARED,
    ExpectedChanges,
    inverted_against_expectation,
    inverted_against_others,
    inverted_landscape,
    inverted_scan,
    signs_not_judged,
)
from abag.data.faults.spikes import label_spikes
from abag.data.tables import Measurements
from abag.progress import task
from abag.units import ABSOLUTE, Quantity, Unit, parse_unit, quantity_of

COLUMN_DETECTORS: Final[dict[FaultKind, Callable[[AssayLabels], list[Fault]]]] = {
    FaultKind.LABEL_SPIKE: label_spikes,
    FaultKind.IMPOSSIBLE_RANGE: impossible_ranges,
    FaultKind.MIXED_UNITS: mixed_units,
    FaultKind.LOG_OF_LOG: lambda labels: logs_of_logs(labels) or logarithms_as_values(labels),
}
"""Detectors that need the labels of one assay only."""

LIBRARY_SHARE: Final = 0.6

_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}


def check_values(
    values: ArrayLike,
    quantity: Quantity | str,
    unit: Unit | str,
    groups: Sequence[str] | None = None,
) -> list[Fault]:
    """Faults that plain labels show, without sequences.

    Args:
        values: Labels in ``unit``, shape (n,); NaN is a missing label.
        quantity: What was measured.
        unit: A unit of :mod:`abag.units` that the quantity can be written in.
        groups: The assay of each label where the column holds several; shape (n,).

    Raises:
        UnitError: The quantity or unit is unknown, or they do not go together.
        SchemaError: ``values`` is not one column, or ``groups`` has another length.
    """
    parsed_unit = parse_unit(unit) if isinstance(unit, str) else unit
    columns = labels_of_values(values, quantity_of(quantity), parsed_unit, groups)
    return _sorted(_column_faults(columns))


def find_faults(
    table: Measurements | pl.DataFrame,
    others: Measurements | pl.DataFrame | None = None,
    *,
    expected: ExpectedChanges | None = None,
) -> list[Fault]:
    """Faults of every assay of a canonical table, gravest first.

    Args:
        table: Canonical rows to judge.
        others: Canonical rows to compare with (other assays with the same antibodies); without
            it the assays of ``table`` are compared with each other. Rows of an assay that
            ``table`` has under the same name are not used.
        expected: What a model expects of substitutions, for signs of small libraries; with it
            a note says of which assays the sign was not judged.

    Raises:
        SchemaError: One of the tables is not canonical.
    """
    table = Measurements.canonical(table).frame
    if others is not None:
        others = Measurements.canonical(others, "the table to compare with").frame
    if table.is_empty():
        return []
    rows = measured(table)
    judged = set(rows["assay"].unique().to_list())
    reference = rows
    if others is not None:
        reference = pl.concat([rows, measured(others).filter(~pl.col("assay").is_in(judged))])
    with task("looking for faults", total=5) as bar:
        faults = _column_faults(labels_of_table(table))
        bar.advance()
        scans = _landscapes(reference)
        large = [scan for scan in scans if len(scan.values) >= FEWEST_VARIANTS]
        bar.advance()
        faults = _mixed_units_of_libraries(faults, [s for s in large if s.assay in judged])
        bar.advance()
        shared = list(shared_labels(reference, reference))
        between = _faults_between(reference, shared, large, judged)
        inverted = _of_inverted_sign(between)
        own_scans = [scan for scan in scans if scan.assay in judged - inverted]
        between += [fault for scan in own_scans for fault in inverted_scan(scan)]
        if expected is not None:
            inverted = _of_inverted_sign(between)
            unjudged = [scan for scan in own_scans if scan.assay not in inverted]
            between += [
                f for scan in unjudged for f in inverted_against_expectation(scan, expected)
            ]
            inverted = _of_inverted_sign(between)
            compared = inverted | {pair.assay for pair in shared if len(pair.ids) >= SHARED}
            between += signs_not_judged(rows, own_scans, compared)
        bar.advance()
        faults += between
        faults += symmetry_copies(table)
        faults += replicate_conflicts(table, others)
        bar.advance()
    return _sorted(faults)


def _of_inverted_sign(faults: Iterable[Fault]) -> set[str]:
    """Assays whose sign is inverted."""
    return {fault.assay for fault in faults if fault.kind is FaultKind.INVERTED_SIGN}


def _column_faults(columns: Iterable[AssayLabels]) -> list[Fault]:
    return [
        fault
        for labels in columns
        for detector in COLUMN_DETECTORS.values()
        for fault in detector(labels)
    ]


def _mixed_units_of_libraries(faults: list[Fault], scans: list[VariantSet]) -> list[Fault]:
    """Drop second peaks that substitutions explain; add slips that the labels alone hide."""
    for scan in scans:
        if scan.quantity in (Quantity.ENRICHMENT, Quantity.BINARY):
            continue
        faults = [f for f in faults if f.assay != scan.assay or not follows_substitutions(f, scan)]
        if not any(f.assay == scan.assay and f.kind is FaultKind.MIXED_UNITS for f in faults):
            faults += shifted_residuals(scan)
    return faults


def _faults_between(
    reference: pl.DataFrame,
    shared: list[SharedLabels],
    scans: list[VariantSet],
    judged: set[str],
) -> list[Fault]:
    """Signs and logarithms, judged against the parent and against other assays."""
    own_scans = [scan for scan in scans if scan.assay in judged]
    parents = _parents(reference)
    inverted = [fault for scan in own_scans for fault in inverted_landscape(scan, parents)]
    inverted_assays = {fault.assay for fault in inverted}
    inverted += [
        fault
        for fault in inverted_against_others(shared, scans, judged)
        if fault.assay not in inverted_assays
    ]
    return inverted + logs_of_logs_against_others(shared, judged)


def _landscapes(rows: pl.DataFrame) -> list[VariantSet]:
    """Libraries: assays that are mostly variants of one parent on one antigen."""
    antigen = ["assay", "quantity", "antigen", "antigen_name"]
    mostly = pl.len().over(antigen) >= LIBRARY_SHARE * pl.len().over("assay")
    rows = rows.filter(mostly)
    scans = []
    for (assay, quantity, _, _), group in rows.group_by(antigen, maintain_order=True):
        library = landscape(str(assay), Quantity(str(quantity)), group, fewest=FEWEST_OF_SCAN)
        if library is not None:
            scans.append(library)
    return scans


def _parents(rows: pl.DataFrame) -> dict[str, float]:
    """Median pKd of every antibody with an absolute label."""
    absolute = rows.filter(pl.col("quantity").is_in(ABSOLUTE))
    return dict(absolute.group_by("antibody").agg(pl.col("value").median()).iter_rows())


def _sorted(faults: list[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda f: (_ORDER[f.severity], f.kind.value, f.assay, -f.rows))


__all__ = [
    "Fault",
    "FaultKind",
    "Severity",
    "check_values",
    "find_faults",
]
