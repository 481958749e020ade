"""Rows of the same molecules: copies of one measurement, and measurements that disagree."""

from __future__ import annotations

from typing import Final

import polars as pl

from abag.data.faults.fault import Fault, FaultKind, Severity
from abag.data.faults.labels import view_of
from abag.data.merging import CONFLICT_RANGE, span_of
from abag.units import ABSOLUTE, Quantity

MOLECULE: Final = ["antibody", "antigen", "antigen_name", "quantity"]
MAX_NEAR_COPIES: Final = 50
MAX_GAP_SHARE: Final = 0.15
OFFSET_PAIRS: Final = 8
OFFSET: Final = 0.5
BETWEEN_PAIRS: Final = 2
BETWEEN_SHARE: Final = 0.05


def symmetry_copies(table: pl.DataFrame) -> list[Fault]:
    """Rows that repeat one measurement: copies of a complex in a crystal, or of a whole table.

    Copies have one structure id, one raw value with its unit, and the same chains up to residues
    that are not resolved in one of them (a substitution makes another molecule).
    """
    keys = ["assay", "structure_id", "quantity", "raw_value", "raw_unit", "relation"]
    # A bound is the assay's limit: two rows may share it without being copies.
    view = view_of(table).filter("is_exact", pl.col("structure_id").is_not_null())
    view = view.filter(pl.len().over(keys) > 1)
    if view.is_empty():
        return []
    extra: dict[str, list[str]] = {}
    for key, rows in view.group_by(keys, maintain_order=True):
        extra.setdefault(str(key[0]), []).extend(_copies(rows))
    sizes = dict(table.group_by("assay").len().iter_rows())
    return [
        Fault.of_rows(
            FaultKind.SYMMETRY_COPY,
            Severity.NOTE,
            assay,
            ids,
            sizes[assay],
            f"{len(ids)} of {sizes[assay]} rows repeat the chains, structure and value of "
            "another row (copies of a complex in one crystal, or one table inside another): "
            "they are no replicates. Merge them before you split, or the split leaks",
            {"copies": len(ids), "rows_without_them": sizes[assay] - len(ids)},
        )
        for assay, ids in sorted(extra.items())
        if ids
    ]


def _copies(rows: pl.DataFrame) -> list[str]:
    """Ids of the rows that repeat an earlier row of the same structure and value."""
    is_first = pl.struct("antibody", "antigen").is_first_distinct()
    firsts = rows.filter(is_first)
    copies: list[str] = rows.filter(~is_first)["record_id"].to_list()
    if not 2 <= firsts.height <= MAX_NEAR_COPIES:
        return copies
    distinct: list[tuple[str, str]] = []
    for antibody, antigen, name in firsts.select("antibody", "antigen", "record_id").iter_rows():
        if any(_same_but_for_gaps(antibody, a) and _same_antigen(antigen, b) for a, b in distinct):
            copies.append(name)
        else:
            distinct.append((antibody, antigen))
    return copies


def _same_but_for_gaps(a: str, b: str) -> bool:
    """Whether one text is the other with residues missing, and nothing substituted."""
    if a == b:
        return True
    gap = abs(len(a) - len(b))
    if gap == 0 or gap > MAX_GAP_SHARE * max(len(a), len(b)):
        return False
    from rapidfuzz.distance import Indel

    return int(Indel.distance(a, b, score_cutoff=gap)) == gap


def _same_antigen(a: str, b: str) -> bool:
    short, long = sorted((a.split("/"), b.split("/")), key=len)
    return all(any(_same_but_for_gaps(chain, long_chain) for long_chain in long) for chain in short)


def replicate_conflicts(table: pl.DataFrame, others: pl.DataFrame | None = None) -> list[Fault]:
    """Molecules whose measurements contradict each other, inside an assay and between assays.

    Exact labels differ by more than 1.0 (binary labels: at all; of 20 labels or more the middle
    90 %), or a bound excludes an exact label by more than 1.0. Between assays only absolute
    quantities are compared; at least two molecules and 5 % of the shared ones must differ so, and
    the assays must show no common offset (median difference above 0.5 on eight molecules or more),
    which is a matter of calibration.
    """
    faults = _conflicts_inside(table)
    return faults + _conflicts_between(table, table if others is None else others)


def _conflicts_inside(table: pl.DataFrame) -> list[Fault]:
    view = view_of(table).filter(pl.col("quantity") != Quantity.ENRICHMENT.value)
    # A ddG is relative to its parent: other structures have other parents.
    parent = pl.when(pl.col("quantity") == Quantity.DELTA_DELTA_G.value).then("structure_id")
    keys = ["assay", *MOLECULE, "parent"]
    exact = pl.col("is_exact")
    value = pl.col("value").filter(exact)
    floor, ceiling = pl.col("lower").filter(~exact).max(), pl.col("upper").filter(~exact).min()
    groups = (
        view.with_columns(parent=parent)
        .group_by(keys, maintain_order=True)
        .agg(
            pl.len().alias("rows"),
            pl.max_horizontal(
                span_of(value), floor - value.min(), value.max() - ceiling, floor - ceiling
            ).alias("span"),
            pl.col("record_id"),
        )
        .filter(pl.col("rows") > 1)
    )
    limit = pl.when(pl.col("quantity") == Quantity.BINARY.value).then(0.0).otherwise(CONFLICT_RANGE)
    conflicting = groups.filter(pl.col("span") > limit)
    faults = []
    for (assay,), rows in conflicting.sort("span", descending=True, maintain_order=True).group_by(
        ["assay"], maintain_order=True
    ):
        compared = int(groups.filter(pl.col("assay") == assay).height)
        total = table.filter(pl.col("assay") == assay).height
        faults.append(
            _conflict(
                str(assay),
                [name for ids in rows["record_id"].to_list() for name in ids],
                total,
                f"{rows.height} of {compared} repeatedly measured antibody-antigen pairs have "
                f"labels that contradict each other (largest difference {rows['span'][0]:.2f})",
                {
                    "sign_same_assay": 1,
                    "pairs": rows.height,
                    "pairs_compared": compared,
                    "largest": float(rows["span"][0]),
                },
            )
        )
    return sorted(faults, key=lambda fault: fault.assay)


def _conflicts_between(table: pl.DataFrame, others: pl.DataFrame) -> list[Fault]:
    # Where the antigen is unknown, the same antibody may have been measured on two.
    usable = pl.col("quantity").is_in(ABSOLUTE) & (pl.col("antigen") != "")
    left, right = (
        view_of(frame)
        .filter(usable & pl.col("value").is_not_null() & pl.col("is_exact"))
        .group_by(["assay", "antibody", "antigen"], maintain_order=True)
        .agg(pl.col("value").median(), pl.col("record_id").first())
        for frame in (table, others)
    )
    joined = (
        left.join(right, on=["antibody", "antigen"], suffix="_ref")
        .filter(pl.col("assay") != pl.col("assay_ref"))
        .with_columns(difference=pl.col("value") - pl.col("value_ref"))
        .sort("assay", "assay_ref", "record_id")
    )
    faults = []
    for (assay, reference), rows in joined.group_by(["assay", "assay_ref"], maintain_order=True):
        offset = float(rows.select(pl.col("difference").median()).item())
        conflicting = rows.filter(pl.col("difference").abs() > CONFLICT_RANGE)
        systematic = rows.height >= OFFSET_PAIRS and abs(offset) > OFFSET
        too_few = conflicting.height < max(BETWEEN_PAIRS, BETWEEN_SHARE * rows.height)
        if too_few or systematic:
            continue
        largest = float(conflicting.select(pl.col("difference").abs().max()).item())
        faults.append(
            _conflict(
                str(assay),
                conflicting["record_id"].to_list(),
                table.filter(pl.col("assay") == assay).height,
                f"{conflicting.height} of {rows.height} antibody-antigen pairs differ by more than "
                f"{CONFLICT_RANGE:g} from {reference!r} (largest {largest:.2f})",
                {
                    "sign_other_assay": 1,
                    "reference": str(reference),
                    "pairs": conflicting.height,
                    "pairs_compared": rows.height,
                    "largest": largest,
                    "offset": offset,
                },
            )
        )
    return faults


def _conflict(
    assay: str, ids: list[str], total: int, reason: str, evidence: dict[str, float | int | str]
) -> Fault:
    message = (
        f"{reason}. Read the originals: conditions, constructs or units differ. Merged rows "
        "carry the flag replicate_conflict"
    )
    kind = FaultKind.REPLICATE_CONFLICT
    return Fault.of_rows(kind, Severity.WARNING, assay, ids, total, message, evidence)
