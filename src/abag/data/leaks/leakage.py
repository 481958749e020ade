"""Leaks across a split, measured without the clusters that made it.

For each test part the audit compares test rows with the rows that train for it: exact copies on
all rows, identities of CDRs, CDR-H3 and antigens to the nearest training row, and how well a
copy of the nearest training row's label predicts the test rows. A split made of clean clusters
has few near neighbours, and copying predicts no better than chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.leaks.label_copying import Copying, copied_labels, labels_of, spearman_of_copies
from abag.data.similarity import ANTIGEN_THRESHOLD, CDR_THRESHOLD, CdrSet, cdr_sets
from abag.data.similarity.neighbours import Neighbours, antigens_met_again, nearest_rows
from abag.data.splits import Split, Strategy
from abag.data.splits.positions import mutated_positions
from abag.data.tables import Measurements, antigen_key
from abag.errors import require_seed
from abag.progress import task

MAX_PAIRS: Final = 40_000_000
"""Beyond this many comparisons of antibodies, or five times as many of rows, over all parts, the
test rows are sampled."""
FEWEST_SAMPLED: Final = 100
TOLERATED_SHARE: Final = 0.05
"""Largest share of test rows with a near neighbour for which figures still count as figures for new
antibodies or new antigens (the leak is reported all the same)."""
HISTOGRAM_EDGES: Final[tuple[float, ...]] = tuple(round(i / 20, 2) for i in range(21))

SAME: Final[dict[str, str]] = {
    "pair": "the same antibody and antigen",
    "antibody": "the same antibody",
    "cdr_h3": "the same CDR-H3",
    "antigen": "the same antigen",
    "structure": "the same structure",
    "reference": "the same reference",
    "assay": "the same assay",
}
"""Exact properties that a test row may share with a training row."""

NEITHER: Final = (
    "figures hold for neither new antibodies nor new antigens: they measure memory, too"
)

_PROMISES: Final[dict[str, tuple[str, ...]]] = {
    Strategy.COMPLEX: ("structures",),
    Strategy.ANTIBODY_CLUSTER: ("pairs", "antibodies"),
    Strategy.ANTIGEN_CLUSTER: ("pairs", "antigens"),
    Strategy.BOTH_COLD: ("pairs", "antibodies", "antigens"),
    Strategy.ASSAY: ("assays",),
    Strategy.POSITION_BLOCK: ("positions",),
}


@dataclass(frozen=True, slots=True)
class PartAudit:
    """One test part against the rows that train for it."""

    part: str
    test_rows: int
    training_rows: int
    left_out: int
    examined_rows: int
    """Test rows whose nearest training rows were looked for (all, or a sample)."""
    same: dict[str, int]
    """Test rows that share a property of :data:`SAME` with a training row."""
    near: dict[str, int]
    """Examined rows at or above an identity: ``antibody >= 0.8`` and so on."""
    positions: int
    """Test rows with a mutated position that training rows of the assay mutate, too (looked for
    in position-block splits only)."""
    copying: Copying


@dataclass(frozen=True, slots=True)
class Leak:
    """One kind of leak over all test parts."""

    kind: str
    rows: int
    of_rows: int
    meaning: str

    @property
    def share(self) -> float:
        """Share of the (examined) test rows."""
        return self.rows / self.of_rows

    def __str__(self) -> str:
        return f"{self.kind} ({_percent(self.share)} of test rows have {self.meaning})"


@dataclass(frozen=True, slots=True)
class Audit:
    """Result of an audit; ``as_json`` has the same for machines."""

    strategy: str
    split_digest: str
    table_digest: str
    thresholds: dict[str, float]
    parts: tuple[PartAudit, ...]
    histograms: dict[str, list[int]]
    """Examined test rows by identity to the nearest training row, over all parts, in the bins of
    :data:`HISTOGRAM_EDGES`: ``antibody``, ``cdr_h3``, ``antigen``."""
    copying: Copying
    """Copies of the nearest label, all test parts together."""
    leaks: tuple[Leak, ...]
    broken_promises: tuple[str, ...]
    verdict: str
    believe: str
    notes: tuple[str, ...]

    @property
    def is_leaky(self) -> bool:
        """Whether the strategy breaks its promise, or neither side of the pairs is new."""
        return bool(self.broken_promises) or self.believe == NEITHER

    def share(self, kind: str) -> float:
        """Share of test rows (0 to 1) over all parts for a key of ``same`` or ``near``."""
        rows = sum(part.same.get(kind, part.near.get(kind, 0)) for part in self.parts)
        if all(kind in part.same for part in self.parts):
            return rows / sum(part.test_rows for part in self.parts)
        return rows / sum(part.examined_rows for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """Everything, in plain types; numbers that do not exist are None."""
        kinds = [*self.parts[0].same, *self.parts[0].near]
        leaks = [{**asdict(leak), "share": leak.share} for leak in self.leaks]
        return {
            **asdict(self),
            "parts": [asdict(part) for part in self.parts],
            "leaks": leaks,
            "broken_promises": list(self.broken_promises),
            "notes": list(self.notes),
            "is_leaky": self.is_leaky,
            "shares": {kind: self.share(kind) for kind in kinds},
            "histogram_edges": list(HISTOGRAM_EDGES),
        }


def audit(
    table: Measurements | pl.DataFrame,
    split: Split,
    *,
    seed: int = 0,
    cdrs: Mapping[str, CdrSet] | None = None,
    max_pairs: int = MAX_PAIRS,
) -> Audit:
    """Measure what leaks from training to test rows of ``split``.

    Args:
        table: the canonical table that the split was made for.
        split: the split.
        seed: for the sample of a large table and for the permuted labels.
        cdrs: CDRs by antibody key, if made before.
        max_pairs: above this many pairs of antibodies (or five times as many of rows), test rows
            are sampled and a note says so.

    Raises:
        SplitError: the split was made for another table.
    """
    require_seed(seed)
    table = Measurements.of(table).require("structure_id", "reference", "assay")
    split.require(table)
    sets = cdr_sets(table) if cdrs is None else cdrs
    keyed = _with_keys(table, sets)
    thresholds = _thresholds(split)
    limit = _rows_a_part(keyed, split, max_pairs)
    generator = np.random.default_rng(seed)
    sizes = [
        (min(len(split.test_ids(name)), limit), len(split.training_ids(name)))
        for name in split.test_parts
    ]
    among = antigens_met_again(keyed, sizes)
    parts, all_neighbours, copies = [], [], []
    with task("comparing test with training rows", len(split.test_parts)) as bar:
        for name in split.test_parts:
            train = keyed.filter(pl.col("record_id").is_in(list(split.training_ids(name))))
            test = keyed.filter(pl.col("record_id").is_in(list(split.test_ids(name))))
            train, test = train.sort("record_id"), test.sort("record_id")
            part, neighbours, copied = _audit_part(
                name, split, train, test, sets, among, thresholds, limit, generator
            )
            parts.append(part)
            all_neighbours.append(neighbours)
            copies.append(copied)
            bar.advance()
    return _conclude(split, thresholds, parts, all_neighbours, copies)


def _with_keys(table: Measurements, sets: Mapping[str, CdrSet]) -> pl.DataFrame:
    """The table with the keys by which exact copies are matched; missing values stay null."""
    antibody = table.antibody_keys
    h3 = pl.Series([sets[key].heavy[2] or None for key in antibody], dtype=pl.String)
    keyed = table.frame.with_columns(
        antibody.alias("same_antibody"),
        h3.alias("same_cdr_h3"),
        pl.when(pl.col("antigen").list.len() > 0).then(antigen_key()).alias("same_antigen"),
        pl.col("structure_id").alias("same_structure"),
        pl.col("reference").alias("same_reference"),
        pl.col("assay").alias("same_assay"),
    )
    pair = pl.concat_str("same_antibody", "same_antigen", separator=">")
    return labels_of(keyed.with_columns(pair.alias("same_pair")))


def _thresholds(split: Split) -> dict[str, float]:
    return {
        "antibody": float(split.parameters.get("antibody_threshold", CDR_THRESHOLD)),
        "antigen": float(split.parameters.get("antigen_threshold", ANTIGEN_THRESHOLD)),
    }


def _rows_a_part(keyed: pl.DataFrame, split: Split, max_pairs: int) -> int:
    antibodies = keyed["same_antibody"].n_unique()
    cost = max(antibodies, keyed.height // 5) * len(split.test_parts)
    return max(FEWEST_SAMPLED, max_pairs // cost)


def _audit_part(
    name: str,
    split: Split,
    train: pl.DataFrame,
    test: pl.DataFrame,
    sets: Mapping[str, CdrSet],
    among: Sequence[Sequence[str]],
    thresholds: Mapping[str, float],
    limit: int,
    generator: np.random.Generator,
) -> tuple[PartAudit, Neighbours, pl.DataFrame]:
    examined = test
    if test.height > limit:
        chosen = np.sort(generator.choice(test.height, size=limit, replace=False))
        examined = test[chosen]
    # Ranks are comparable inside one assay only; pKd is across all.
    allowed = None
    if examined["label_is_rank"].any():
        allowed = [
            np.flatnonzero((train["assay"] == assay).to_numpy()).astype(np.intp)
            for assay in examined["assay"]
        ]
    neighbours = nearest_rows(examined, train, sets, allowed, among)
    copied = copied_labels(examined, train, neighbours.rows, generator)
    part = PartAudit(
        part=name,
        test_rows=test.height,
        training_rows=train.height,
        left_out=split.left_out(name),
        examined_rows=examined.height,
        same={
            kind: test.join(train.drop_nulls(f"same_{kind}"), on=f"same_{kind}", how="semi").height
            for kind in SAME
        },
        near=_near_counts(neighbours, thresholds),
        positions=_shared_positions(test, train, split),
        copying=spearman_of_copies(copied),
    )
    return part, neighbours, copied


def _near_counts(neighbours: Neighbours, thresholds: Mapping[str, float]) -> dict[str, int]:
    checks = {
        "antibody": (neighbours.antibody, {0.9, 0.8, thresholds["antibody"]}),
        "cdr_h3": (neighbours.cdr_h3, {0.8}),
        "antigen": (neighbours.antigen, {0.9, 0.5, thresholds["antigen"]}),
    }
    return {
        f"{kind} >= {level:g}": int((values >= level - 1e-6).sum())
        for kind, (values, levels) in checks.items()
        for level in sorted(levels, reverse=True)
    }


def _shared_positions(test: pl.DataFrame, train: pl.DataFrame, split: Split) -> int:
    if split.strategy != Strategy.POSITION_BLOCK:
        return 0
    shared = 0
    for assay in test["assay"].unique().sort():
        # Both sides together, so that the parent is found from the same rows.
        rows = pl.concat([test, train], how="vertical").filter(pl.col("assay") == assay)
        tested = rows["record_id"].is_in(test["record_id"].to_list()).to_list()
        positions = mutated_positions(rows)
        trained = set().union(*(p for p, t in zip(positions, tested, strict=True) if not t))
        shared += sum(
            bool(p & trained) for p, t in zip(positions, tested, strict=True) if t
        )  # fmt: skip
    return shared


def _conclude(
    split: Split,
    thresholds: dict[str, float],
    parts: Sequence[PartAudit],
    neighbours: Sequence[Neighbours],
    copies: Sequence[pl.DataFrame],
) -> Audit:
    leaks = _leaks(parts, thresholds)
    promised = _PROMISES.get(split.strategy, ())
    broken = tuple(leak.kind for leak in leaks if leak.kind in promised)
    reported = tuple(leak for leak in leaks if leak.kind in (*promised, *_ALWAYS_REPORTED))
    verdict = "clean" if not reported else "leaks " + ", ".join(str(leak) for leak in reported)
    if broken:
        verdict += f". The strategy {split.strategy} promised to share no {' and no '.join(broken)}"
    examined, rows = sum(p.examined_rows for p in parts), sum(p.test_rows for p in parts)
    notes = list(split.notes)
    if examined < rows:
        notes.append(
            f"nearest rows were looked for in a seeded sample of {examined} of {rows} test rows; "
            "exact copies were counted in all of them"
        )
    return Audit(
        strategy=split.strategy,
        split_digest=split.digest,
        table_digest=split.table_digest,
        thresholds=thresholds,
        parts=tuple(parts),
        histograms={
            kind: _histogram([getattr(n, kind) for n in neighbours])
            for kind in ("antibody", "cdr_h3", "antigen")
        },
        copying=spearman_of_copies(pl.concat(copies)),
        leaks=reported,
        broken_promises=broken,
        verdict=verdict,
        believe=_range_of_validity(leaks, split.strategy),
        notes=tuple(notes),
    )


_ALWAYS_REPORTED: Final = ("pairs", "antibodies", "antigens")


def _leaks(parts: Sequence[PartAudit], thresholds: Mapping[str, float]) -> list[Leak]:
    rows = sum(part.test_rows for part in parts)
    examined = sum(part.examined_rows for part in parts)
    antibody, antigen = (f"{k} >= {thresholds[k]:g}" for k in ("antibody", "antigen"))
    counted = [
        ("pairs", [p.same["pair"] for p in parts], rows, "an exact copy of their pair in training"),
        (
            "antibodies",
            [p.near[antibody] for p in parts],
            examined,
            f"a training antibody of CDR identity {antibody[9:]}",
        ),
        (
            "antigens",
            [p.near[antigen] for p in parts],
            examined,
            f"a training antigen of identity {antigen[8:]}",
        ),
        ("structures", [p.same["structure"] for p in parts], rows, "their structure in training"),
        ("assays", [p.same["assay"] for p in parts], rows, "rows of their assay in training"),
        (
            "positions",
            [p.positions for p in parts],
            rows,
            "a mutated position that training mutates, too",
        ),
    ]
    leaks = [Leak(kind, sum(counts), of, text) for kind, counts, of, text in counted]
    return [leak for leak in leaks if leak.rows]


def _range_of_validity(leaks: Sequence[Leak], strategy: str) -> str:
    share = {leak.kind: leak.share for leak in leaks}
    antibodies = share.get("antibodies", 0.0) <= TOLERATED_SHARE
    antigens = share.get("antigens", 0.0) <= TOLERATED_SHARE
    if antibodies and antigens:
        return "figures hold for new antibodies against new antigens"
    if antibodies:
        return "figures hold for new antibodies against antigens seen in training, not new ones"
    if antigens:
        return "figures hold for new antigens, with antibodies like those seen in training"
    if strategy == Strategy.POSITION_BLOCK and "positions" not in share:
        return "figures hold for new mutated positions of a known antibody against a known antigen"
    return NEITHER


def _histogram(values: Sequence[NDArray[np.float64]]) -> list[int]:
    # Half a rounding error up, so that 0.8 falls into the bin that begins with 0.8.
    joined = np.clip(np.concatenate(values) + 1e-6, 0.0, 1.0)
    return [int(n) for n in np.histogram(joined, bins=np.array(HISTOGRAM_EDGES))[0]]


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
