"""A user's assay as a canonical table of one antibody's variants on one antigen, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from abag.antibody.notation import SEQUENTIAL, require_numbering
from abag.data.build import load_table
from abag.data.canonical import Canonical, canonicalise
from abag.data.chains import AntibodyCleaner
from abag.data.engineered.arms import choose_arm
from abag.data.formats import FileKind, file_kind, mapping_from_texts, read_measurements
from abag.data.formats.columns import raw_table_of
from abag.data.formats.mutants.parents import ParentChains
from abag.data.formats.mutants.variants import (
    ASIDE,
    Completed,
    VariantColumns,
    complete_variants,
    named_variants,
)
from abag.data.formats.selection import ChosenColumns, choose_columns
from abag.data.formats.tables import ROW, read_noted
from abag.data.merging import merge_replicates
from abag.data.raw import RawTable
from abag.data.tables import TARGET_UNITS, Pairs
from abag.errors import ModelError, OptionError, Problem, TableError, counted
from abag.files import column_names
from abag.maturation.assay.one_assay import notes_of, require_one, require_one_value
from abag.maturation.assay.strangers import part_families
from abag.model.assay_gp.model import FEWEST_ROWS
from abag.model.assay_gp.several import by_antigen


@dataclass(frozen=True, slots=True)
class Assay:
    """The rows to learn from, one a variant: replicates are merged to their median.

    ``target`` is pkd, or rank_score where no absolute scale is known.
    """

    table: pl.DataFrame
    target: str
    unit: str
    """What the target's numbers are, for tables and axes."""
    notes: tuple[str, ...]
    rows: int = 0
    """Rows kept, before replicates were merged."""
    aside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ASIDE))
    """Rows of the file that were set aside, with :data:`ASIDE` columns."""

    @property
    def exact(self) -> pl.DataFrame:
        """Rows whose target is a number."""
        return self.table.filter(pl.col(self.target).is_not_null())


@dataclass(frozen=True, slots=True)
class AssayFile:
    """How a user's file of measured variants is read.

    ``mapping`` holds ``column=header`` pairs; ``unit`` and ``quantity`` are those of the values
    where neither header nor column says them; ``assay`` chooses one of several; ``parent_heavy``
    and ``parent_light`` are the chains that mutations change, whose places are counted by
    ``numbering``; ``quarantine`` sets rows with problems aside instead of refusing the file;
    ``names`` are the chains of antibodies that rows may name instead of giving their own;
    ``leave_out`` are lines of the file that hold no measurement;
    ``keep_strangers`` learns from rows far from the parent, too, as variants of it;
    ``arm`` is that of constructs with several variable domains.
    """

    mapping: Sequence[str] = ()
    unit: str | None = None
    quantity: str | None = None
    assay: str | None = None
    parent_heavy: str | None = None
    parent_light: str | None = None
    numbering: str = SEQUENTIAL
    quarantine: bool = False
    names: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    leave_out: frozenset[int] = frozenset()
    keep_strangers: bool = False
    arm: int | None = None


@dataclass(frozen=True, slots=True)
class ReadRows:
    """Canonical rows by antigen and parent, and the rows set aside (:data:`ASIDE`): all rows."""

    groups: Mapping[str, pl.DataFrame]
    aside: pl.DataFrame
    notes: tuple[str, ...]


def read_assay(path: Path, assay_file: AssayFile | None = None) -> Assay:
    """Read a canonical table (.parquet) or a user's own file, and check that it can teach.

    Rows may give chains, or mutations of a parent (see :mod:`abag.data.formats.mutants.variants`).

    Raises:
        TableError: rows or headers with problems, each named with its line.
        MutationError: a parent without a heavy chain, or a numbering that is not known.
        ModelError: one variant only, all values equal, all censored, several assays, antigens or
            quantities.
    """
    file_rows = read_groups(path, assay_file or AssayFile())
    table = next(iter(file_rows.groups.values()))
    if len(file_rows.groups) > 1:
        require_one(pl.concat(file_rows.groups.values()), str(path))
        table, file_rows = _largest_group(file_rows)
    return _checked_assay(table, str(path), file_rows)


def read_assays(path: Path, assay_file: AssayFile | None = None) -> dict[str, Assay]:
    """As :func:`read_assay`, of each antigen and each parent of the file, by name."""
    file_rows = read_groups(path, assay_file or AssayFile())
    if len(file_rows.groups) == 1:
        return {
            name: _checked_assay(rows, str(path), file_rows)
            for name, rows in file_rows.groups.items()
        }
    together = pl.concat(file_rows.groups.values())
    for column in ("assay", "quantity"):
        require_one_value(together, column, str(path))
    return {
        name: _checked_assay(rows, f"{path}, {name[:60]}", file_rows)
        for name, rows in file_rows.groups.items()
    }


def read_rows(
    path: Path, assay_file: AssayFile
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Canonical rows of a file, those set aside, and notes; not checked as rows to learn from.

    Of a file with several parents, the rows of the one with most.
    """
    file_rows = read_groups(path, assay_file)
    if not any(antigen_and_parent(name)[1] for name in file_rows.groups):
        return pl.concat(file_rows.groups.values()), file_rows.aside, file_rows.notes
    table, file_rows = _largest_group(file_rows)
    return table, file_rows.aside, file_rows.notes


def read_groups(path: Path, assay_file: AssayFile) -> ReadRows:
    """Canonical rows of a file by antigen and parent, the parent with most rows first.

    Rows that are far from every parent are set aside, unless they are asked for.
    """
    require_numbering(assay_file.numbering)
    table, aside, notes = _canonical_rows(path, assay_file)
    if assay_file.assay is not None:
        of_assay = pl.col("assay") == assay_file.assay
        others = _with_reason(table.filter(~of_assay), pl.lit("of another assay"))
        table, aside = table.filter(of_assay), pl.concat([aside, others])
    families = part_families(table, keep_strangers=assay_file.keep_strangers)
    if families.aside.height:
        aside = pl.concat([aside, _with_reason(families.aside, pl.col("reason"))])
        notes.append(_strangers_note(families.aside))
    groups: dict[str, pl.DataFrame] = {}
    for number, rows in enumerate(families.rows, start=1):
        parent = f" {_OF_PARENT}{number}" if len(families.rows) > 1 else ""
        one_antigen = not rows.height or rows["antigen"].n_unique() == 1
        parts = {"": Pairs(rows)} if one_antigen else by_antigen(Pairs(rows))
        groups |= {f"{name}{parent}".strip(): part.frame for name, part in parts.items()}
    if len(families.rows) > 1:
        sizes = ", ".join(str(rows.height) for rows in families.rows)
        notes.append(
            f"the rows are variants of {len(families.rows)} parents ({sizes} rows): a model of each"
        )
    return ReadRows(groups, aside, tuple(notes))


_OF_PARENT: Final = "parent-"
"""Before the number of the parent in a group's name, where a file has several."""


def antigen_and_parent(name: str) -> tuple[str, str]:
    """Antigen and parent of a group's name; the parent is empty where the file has one alone."""
    antigen, split, number = name.rpartition(_OF_PARENT)
    return (antigen.strip(), f"{split}{number}") if split and number.isdigit() else (name, "")


def _checked_assay(table: pl.DataFrame, where: str, file_rows: ReadRows) -> Assay:
    assay = check_assay(table, where)
    return replace(assay, notes=(*file_rows.notes, *assay.notes), aside=file_rows.aside)


def _largest_group(file_rows: ReadRows) -> tuple[pl.DataFrame, ReadRows]:
    """The group with most rows; the others are set aside."""
    largest, *others = sorted(file_rows.groups.values(), key=lambda rows: -rows.height)
    apart = [_with_reason(rows, pl.lit("a variant of another parent")) for rows in others]
    return largest, replace(file_rows, aside=pl.concat([file_rows.aside, *apart]))


def _with_reason(table: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    return table.with_columns(reason=reason).select(
        pl.col(name).cast(d) for name, d in ASIDE.items()
    )


def _strangers_note(aside: pl.DataFrame) -> str:
    rows = aside.select("source_row", "antibody_name", "reason").head(3).rows()
    shown = "; ".join(
        f"row {row}{f' ({name})' if name else ''}: {reason}" for row, name, reason in rows
    )
    return (
        f"{counted(aside.height, 'row')} far from the parent set aside ({shown}"
        f"{'; ...' if aside.height > 3 else ''}); --keep-strangers learns from them, too"
    )


def check_assay(table: pl.DataFrame, where: str = "the table") -> Assay:
    """Check canonical rows of one assay and merge replicates.

    Two rows of one variant must not stand on both sides of a cross-validation, nor may a
    leave-one-out error be that of a repeat.

    Raises:
        ModelError: names what is wrong with the rows.
    """
    if table.is_empty():
        raise ModelError(f"{where} has no row of this assay; `abag data check` shows what it has")
    require_one(table, where)
    target = "pkd" if table["pkd"].is_not_null().any() else "rank_score"
    exact = table.filter(pl.col(target).is_not_null())
    if exact.is_empty():
        raise ModelError(
            f"{where}: all {counted(table.height, 'row')} are censored (bounds such as KD > 10 uM, "
            "no numbers); measure some of them in a wider window"
        )
    pairs = exact.select("heavy", "light").n_unique()
    if pairs == 1:
        raise ModelError(
            f"{where} has one variant only, measured {exact.height} times; a model of an assay "
            "learns from differences between variants"
        )
    merged = merge_replicates(table)
    rows = merged.table.frame
    exact = rows.filter(pl.col(target).is_not_null())
    if exact[target].n_unique() == 1:
        raise ModelError(
            f"{where}: all {counted(exact.height, 'value')} are equal ({exact[target][0]:g}); "
            "there is no order to learn. Check that the value column is the measurement"
        )
    if exact.height < FEWEST_ROWS:
        raise ModelError(
            f"{where} has {counted(exact.height, 'variant')} with a number; "
            f"{FEWEST_ROWS} are the fewest to learn from"
        )
    notes = tuple(notes_of(rows, exact, target, merged.summary))
    return Assay(rows, target, TARGET_UNITS[target], notes, table.height)


def _canonical_rows(
    path: Path, assay_file: AssayFile
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Canonical rows, rows set aside, and notes."""
    from abag.data.tables import SCHEMA

    is_parquet = path.suffix == ".parquet" and path.is_file()
    if is_parquet and set(SCHEMA) <= set(column_names(path)):
        return load_table(path).frame, pl.DataFrame(schema=ASIDE), []
    raw, completed = _raw_rows(path, assay_file)
    if assay_file.arm is not None:
        raw = replace(raw, frame=choose_arm(raw.frame, assay_file.arm, path))
    cleaner = AntibodyCleaner()
    canonical = canonicalise(raw, "user", "own-data", cleaner)
    notes = [
        *raw.notes,
        *completed.notes,
        *_quarantine_notes(path, canonical, assay_file.quarantine),
    ]
    faulty = canonical.quarantine.select(
        "source_row", antibody_name=pl.lit(None), mutations=pl.lit(None),
        reason=pl.col("reasons").list.join("; "),
    )  # fmt: skip
    aside = pl.concat([completed.aside, faulty.cast(dict(ASIDE))])  # type: ignore[arg-type]
    if completed.parent is None:
        return canonical.table, aside, notes
    parent = _cleaned_parent(completed.parent, cleaner)
    return canonical.table.with_columns(named_variants(canonical.table, parent)), aside, notes


def _raw_rows(path: Path, assay_file: AssayFile) -> tuple[RawTable, Completed]:
    """Raw rows, and the table with chains completed from its mutations and the given parent."""
    parent = ParentChains.of_options(assay_file.parent_heavy, assay_file.parent_light)
    if path.is_dir() or not path.exists() or file_kind(path) is not FileKind.TABLE:
        if parent is not None:
            raise OptionError("a parent can be given for a table of variants only; leave it out")
        raw = read_measurements(
            path,
            mapping=list(assay_file.mapping),
            unit=assay_file.unit,
            quantity=assay_file.quantity,
        )
        return raw, Completed(raw.original, None)
    mapping = mapping_from_texts(
        list(assay_file.mapping), unit=assay_file.unit, quantity=assay_file.quantity
    )
    # A model of one assay learns from the antibody; its rows need not say what they were bound to.
    mapping = mapping.model_copy(update={"antigen_unknown": True})
    table, sheet_notes = read_noted(path, **mapping.constants.reading)
    if assay_file.leave_out:
        table = table.filter(~pl.col(ROW).is_in(list(assay_file.leave_out)))
    chosen = choose_columns(path, table, mapping, with_values=False, with_chains=False)
    table = _with_named_chains(path, table, chosen, assay_file.names)
    completed = Completed(table, parent)
    if chosen.column("scfv") is None and chosen.column("mutations") is not None:
        columns = VariantColumns.of(chosen)
        completed = complete_variants(
            path, table, columns, parent=parent, numbering=assay_file.numbering,
            quarantine=assay_file.quarantine,
        )  # fmt: skip
    raw = raw_table_of(path, completed.table, mapping)
    return replace(raw, notes=(*sheet_notes, *raw.notes)), completed


def _with_named_chains(
    path: Path,
    table: pl.DataFrame,
    chosen: ChosenColumns,
    known: Mapping[str, tuple[str, str | None]],
) -> pl.DataFrame:
    """The table with the chains of its rows' names, where it has none and the names are known."""
    column = chosen.column("antibody_name")
    if not known or column is None or chosen.column("heavy") or chosen.column("scfv"):
        return table
    names = [str(name).strip() for name in table[column]]
    unknown = [row for row, name in enumerate(names) if name not in known]
    if unknown and chosen.column("mutations"):
        return table
    if unknown:
        problems = [
            Problem(table[ROW][row], column, f"{names[row]!r} is no variant of the plate")
            for row in unknown
        ]
        raise TableError(path, problems, "Add a column of mutations, or the chains.")
    heavy, light = zip(*(known[name] for name in names), strict=True)
    return table.with_columns(
        pl.Series("heavy", heavy, pl.String), pl.Series("light", light, pl.String)
    )


def _quarantine_notes(path: Path, canonical: Canonical, quarantine: bool) -> list[str]:
    """A note on the rows that were left out; TableError where problems must be mended."""
    aside = canonical.quarantine.height
    if aside and not (quarantine and canonical.table.height):
        mend = "Correct these rows, leave them out of the file, or set them aside (--quarantine)."
        raise TableError(
            path, canonical.problems(), mend if canonical.table.height else "No row can be used."
        )
    if not aside:
        return []
    shown = ", ".join(str(row) for row in canonical.quarantine["source_row"].head(10))
    return [f"{counted(aside, 'row')} with problems set aside (row {shown})"]


def _cleaned_parent(parent: ParentChains, cleaner: AntibodyCleaner) -> ParentChains:
    """The parent's variable domains, as the rows have them."""
    triple = (parent.heavy, parent.light, None)
    chains = cleaner.clean([triple])[triple]
    if chains.problem or chains.heavy is None:
        raise ModelError(f"the parent cannot be read: {chains.problem}")
    return ParentChains(chains.heavy, chains.light)
