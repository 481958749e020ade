"""A split: the training and test rows of one table, as one hashed file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import polars as pl

from abag.data.tables import Measurements, antibody_key, antigen_key
from abag.errors import FileFormatError, SplitError, counted
from abag.files import parse_json, read_parquet, require_file, write_parquet

TRAIN: Final = "train"
VALIDATION: Final = "val"
TEST: Final = "test"
UNUSED: Final = "unused"
FORMAT: Final = 1
_METADATA: Final = "abag.split"

ASSIGNMENT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "record_id": pl.String(),
    "content": pl.String(),
    "group": pl.String(),
    "part": pl.String(),
    "barred": pl.List(pl.String()),
}
"""Columns of :attr:`Split.assignment`, one row a row of the table, sorted by ``record_id``.

``content`` hashes the row's chains, ``group`` is the unit that stays whole (a cluster, a structure,
an assay), ``part`` is where the row is tested (``fold-3``, ``test``, ``val``), or ``train`` (never
tested) or ``unused``, and ``barred`` names further test parts for which it must not train.
"""


LABEL_COLUMNS: Final = (
    "quantity", "raw_value", "raw_unit", "relation", "pkd", "pkd_lower", "pkd_upper", "rank_score",
    "rank_lower", "rank_upper", "assay",
)  # fmt: skip
"""Columns of the measured values of a table; :attr:`Split.labels` hashes them."""


@dataclass(frozen=True, eq=False)
class Split:
    """The parts of one table. Make one with :func:`abag.data.splits.make_split`."""

    strategy: str
    parameters: Mapping[str, Any]
    seed: int
    assignment: pl.DataFrame
    notes: tuple[str, ...] = ()
    path: Path | None = None
    """File that it was read from, for messages."""
    labels: pl.DataFrame | None = None
    """``record_id`` and :func:`row_labels` of the table that it was made for; None in files of
    earlier versions, which have none."""
    table_digest: str = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        if dict(self.assignment.schema) != ASSIGNMENT_SCHEMA:
            raise SplitError(f"a split needs the columns {', '.join(ASSIGNMENT_SCHEMA)}")
        rows = self.assignment.sort("record_id").with_columns(pl.col("barred").list.sort())
        object.__setattr__(self, "assignment", rows)
        object.__setattr__(self, "table_digest", _digest_of(rows.select("record_id", "content")))
        head = [FORMAT, self.strategy, dict(self.parameters), self.seed, list(self.notes)]
        text = json.dumps(head, sort_keys=True) + _digest_of(rows)
        object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest())

    def __eq__(self, other: object) -> bool:
        """Two splits are equal when their digests are."""
        return isinstance(other, Split) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def parts(self) -> dict[str, int]:
        """Number of rows of each part, test parts first, in their order."""
        counts = dict(self.assignment.group_by("part").len().iter_rows())
        return {name: counts[name] for name in sorted(counts, key=_order)}

    @property
    def test_parts(self) -> tuple[str, ...]:
        """Parts that are predicted: every fold, or ``val`` and ``test``."""
        return tuple(name for name in self.parts() if name not in (TRAIN, UNUSED))

    @property
    def is_folds(self) -> bool:
        """Whether each part is tested by a model that was trained on the others."""
        return any(name.startswith("fold-") for name in self.test_parts)

    def _rows(self, chosen: pl.Expr) -> set[str]:
        return set(self.assignment.filter(chosen)["record_id"])

    def test_ids(self, part: str) -> set[str]:
        """Record ids of one part."""
        self._require_part(part)
        return self._rows(pl.col("part") == part)

    def training_ids(self, part: str) -> set[str]:
        """Record ids that may train the model which predicts ``part``.

        For folds: all rows of other folds and of ``train`` that are not barred. For ``val`` and
        ``test``: the rows of ``train``.
        """
        self._require_part(part)
        trains = pl.col("part") == TRAIN
        if self.is_folds:
            trains = ~pl.col("part").is_in([part, UNUSED])
        return self._rows(trains & ~pl.col("barred").list.contains(part))

    def trained_without(self, part: str) -> dict[str, str]:
        """Facts for the origin of a model trained for ``part``; :meth:`tested_part` reads them."""
        facts = {"split_digest": self.digest, "split_strategy": self.strategy}
        return facts | ({"held_out": part} if self.is_folds else {"part": TRAIN})

    def tested_part(self, origin: Mapping[str, str]) -> str | None:
        """The part that a model of this origin has not seen, None where it may have seen all."""
        part = origin.get("held_out") or (TEST if origin.get("part") == TRAIN else None)
        return part if part in self.test_parts else None

    def left_out(self, part: str) -> int:
        """Number of rows that neither train for nor are tested in ``part``."""
        used = len(self.test_ids(part)) + len(self.training_ids(part))
        others = 0 if self.is_folds else sum(
            count for name, count in self.parts().items() if name not in (part, TRAIN, UNUSED)
        )  # fmt: skip
        return self.assignment.height - used - others

    def part_table(self, table: Measurements | pl.DataFrame, part: str) -> Measurements:
        """Rows of ``table`` in one part, in the table's order."""
        rows = Measurements.of(table)
        self.require(rows)
        return rows.of_records(self._rows(pl.col("part") == part))

    def fold_tables(
        self, table: Measurements | pl.DataFrame
    ) -> Iterator[tuple[str, Measurements, Measurements]]:
        """Yield ``(part, training rows, test rows)``: every fold, or ``test`` alone."""
        rows = Measurements.of(table)
        self.require(rows)
        for part in self.test_parts:
            if part != VALIDATION:
                train, test = self.training_ids(part), self.test_ids(part)
                yield part, rows.of_records(train), rows.of_records(test)

    def require(self, table: Measurements | pl.DataFrame) -> None:
        """Raise :class:`SplitError`, naming the rows, unless this split was made for ``table``."""
        contents = row_contents(Measurements.of(table))
        if table_digest(contents) == self.table_digest:
            return
        own_contents = self.assignment.select("record_id", "content")
        joined = own_contents.join(contents, on="record_id", how="full", suffix="_found")
        changed = joined.filter(pl.col("content") != pl.col("content_found"))["record_id"]
        reasons = [
            _reason(joined.filter(pl.col("record_id_found").is_null())["record_id"], "lacks"),
            _reason(joined.filter(pl.col("record_id").is_null())["record_id_found"], "adds"),
            _reason(changed, "has other chains in"),
        ]
        raise SplitError(
            f"{self.path or 'this split'} was made for another table: the table here "
            + "; it ".join(reason for reason in reasons if reason)
            + ". Give the table that the split was made from, or make a new split with `abag split`"
        )

    def require_labels(self, table: Measurements) -> None:
        """As :meth:`require`, and the measured values must be those that the split was made for."""
        self.require(table)
        if self.labels is None:
            return
        joined = self.labels.join(row_labels(table), on="record_id", suffix="_found")
        changed = joined.filter(pl.col("labels") != pl.col("labels_found"))["record_id"]
        if not changed.is_empty():
            raise SplitError(
                f"{self.path or 'this split'} was made for another table: the table here "
                f"{_reason(changed, 'has other measured values in')}. Give the table that the "
                "split was made from; where the new values are meant, make a new split with "
                "`abag split`"
            )

    def _require_part(self, part: str) -> None:
        if part not in self.test_parts:
            names = ", ".join(self.test_parts)
            raise SplitError(f"this split has no test part {part!r}; its test parts are {names}")

    def summary(self) -> dict[str, Any]:
        """The split's settings, sizes and digests, ready for JSON."""
        return {
            "strategy": self.strategy,
            "parameters": dict(self.parameters),
            "seed": self.seed,
            "rows": self.assignment.height,
            "groups": self.assignment["group"].n_unique(),
            "parts": self.parts(),
            "left_out": {part: self.left_out(part) for part in self.test_parts},
            "digest": self.digest,
            "table_digest": self.table_digest,
            "notes": list(self.notes),
        }

    def save(self, path: Path) -> None:
        """Write one Parquet file: the assignment, with everything else in its metadata."""
        head = {
            "format": FORMAT,
            "strategy": self.strategy,
            "parameters": dict(self.parameters),
            "seed": self.seed,
            "notes": list(self.notes),
            "digest": self.digest,
        }
        rows = self.assignment
        if self.labels is not None:
            rows = rows.join(self.labels, on="record_id", how="left", maintain_order="left")
        write_parquet(path, rows, {_METADATA: json.dumps(head, sort_keys=True)})

    @classmethod
    def load_for(cls, path: Path, table: Measurements) -> Self:
        """Read a split and check that it is of ``table``, its chains and its measured values.

        Raises:
            MissingFileError, FileFormatError, SplitError: see :meth:`load` and
                :meth:`require_labels`.
        """
        split = cls.load(path)
        split.require_labels(table)
        return split

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a saved split; raises SplitError when its content does not match its digest."""
        require_file(path)
        if path.suffix != ".parquet":
            raise FileFormatError(f"{path} is not a split (.parquet); make one with `abag split`")
        rows, metadata = read_parquet(path)
        if _METADATA not in metadata:
            raise FileFormatError(f"{path} is not a split; make one with `abag split`")
        head = parse_json(metadata[_METADATA], path)
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise SplitError(
                f"{path} has another split format than {FORMAT}, which this abag reads; "
                "make the split again with `abag split`"
            )
        labels = rows.select("record_id", "labels") if "labels" in rows.columns else None
        rows = rows.drop("labels", strict=False)
        if dict(rows.schema) != ASSIGNMENT_SCHEMA:
            raise SplitError(f"{path} does not hold the columns {', '.join(ASSIGNMENT_SCHEMA)}")
        try:
            facts = (head["strategy"], head["parameters"], head["seed"])
            split = cls(*facts, rows, tuple(head["notes"]), path, labels)
            saved_digest = str(head["digest"])
        except (KeyError, TypeError, ValueError) as error:
            raise SplitError(f"{path} is damaged ({error}); make the split again") from None
        if split.digest != saved_digest:
            raise SplitError(
                f"{path} was changed after it was made: its content has digest "
                f"{split.digest[:12]}, not {saved_digest[:12]}; make the split again"
            )
        return split


def row_contents(table: Measurements) -> pl.DataFrame:
    """``record_id`` and a hash of heavy, light and antigen chains of each row."""
    text = table.select("record_id", text=pl.concat_str(antibody_key(), pl.lit(">"), antigen_key()))
    hashes = {t: hashlib.sha256(t.encode()).hexdigest()[:16] for t in set(text["text"])}
    content = pl.Series("content", [hashes[t] for t in text["text"]], dtype=pl.String)
    return text.select("record_id").with_columns(content)


def row_labels(table: Measurements) -> pl.DataFrame:
    """``record_id`` and a hash of all measured values of each row, bounds and assay included."""
    measured = table.select(*(name for name in LABEL_COLUMNS if name in table.frame.columns))
    hashes = [
        hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16] for row in measured.iter_rows()
    ]
    labels = pl.Series("labels", hashes, dtype=pl.String)
    return table.select("record_id").with_columns(labels)


def table_digest(contents: pl.DataFrame) -> str:
    """SHA-256 of the table of :func:`row_contents`, whatever the order of its rows."""
    return _digest_of(contents.select("record_id", "content").sort("record_id"))


def _digest_of(rows: pl.DataFrame) -> str:
    joined = [
        pl.col(name).list.join(",") if isinstance(dtype, pl.List) else pl.col(name)
        for name, dtype in rows.schema.items()
    ]
    lines = rows.select(pl.concat_str(joined, separator="\t")).to_series()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _reason(record_ids: pl.Series, verb: str) -> str:
    if record_ids.is_empty():
        return ""
    examples = ", ".join(sorted(record_ids)[:3])
    return f"{verb} {counted(len(record_ids), 'row')} such as {examples}"


def _order(part: str) -> tuple[int, int, str]:
    fold = re.fullmatch(r"fold-(\d+)", part)
    ranks = {TRAIN: 1, VALIDATION: 2, TEST: 3, UNUSED: 4}
    return (0, int(fold[1]), part) if fold else (ranks.get(part, 5), 0, part)
