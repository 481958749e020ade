"""Pairs antibodies and antigens that were read from separate files, also with labels.

FASTA, AIRR and structure files hold sequences alone. Here they become a table of pairs to predict
or, with a table of labels by name, raw rows of measurements.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.formats.columns import PAIRS_SCHEMA, measurement_columns, pair_columns
from abag.data.formats.layouts import recognise
from abag.data.formats.mapping import ColumnMapping
from abag.data.formats.selection import ChosenColumns, choose_columns
from abag.data.formats.sequences.fasta import AntibodyRecord
from abag.data.formats.tables import ROW, read_noted
from abag.data.raw import RawTable, raw_table
from abag.errors import Problem, TableError

Antigens = Mapping[str, tuple[str, ...]]

_OF_BOTH: Final = ("structure_id", "flags")
"""Columns that labels and sequences may both have."""


@dataclass(frozen=True, slots=True)
class UserPairs:
    """Pairs to predict, and a problem for each row of the file that is in none of them."""

    frame: pl.DataFrame
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """Notes on steps that users may not expect, for standard error."""


def pairs_of(
    path: Path, antibodies: Sequence[AntibodyRecord], antigens: Antigens | None = None
) -> pl.DataFrame:
    """The table of pairs (:data:`PAIRS_SCHEMA`) of antibodies that were read from ``path``.

    One antigen goes with every antibody; of several each antibody takes that of its own name.
    Without antigens each has those that stood beside it in its file, if any. Raises
    :class:`TableError` for antibodies that have none among several.
    """
    problems = []
    rows = []
    for antibody in antibodies:
        name = _antigen_for(antibody.name, antigens)
        if antigens and name is None:
            reason = f"none of the {len(antigens)} antigens has the name {antibody.name!r}"
            problems.append(Problem(antibody.line, None, reason))
        chains = antigens[name] if antigens and name is not None else antibody.antigen
        rows.append(
            (antibody.line, antibody.name, name, antibody.heavy, antibody.light, antibody.scfv,
             list(chains), None, list(antibody.flags))
        )  # fmt: skip
    if problems:
        mend = "Give one antigen for all, one by each antibody's id, or antigen names in the labels"
        raise TableError(path, problems, mend + ".")
    return pl.DataFrame(rows, schema=PAIRS_SCHEMA, orient="row")


def _antigen_for(antibody: str, antigens: Antigens | None) -> str | None:
    if not antigens:
        return None
    if len(antigens) == 1:
        return next(iter(antigens))
    return antibody if antibody in antigens else None


def labelled(
    pairs: pl.DataFrame,
    labels: Path,
    mapping: ColumnMapping | None = None,
    *,
    antigens: Antigens | None = None,
    ignore_unlabelled: bool = False,
) -> RawTable:
    """Raw rows: one a row of the table ``labels``, with the chains of the pair of that name.

    The names stand in the column ``antibody_name`` of the labels (found as ``id``, ``name`` and
    so on). A column ``antigen_name`` (or ``antigen``) picks among ``antigens``; without it each
    antibody takes the antigen of its own name. Where neither ``pairs`` nor ``antigens`` have
    antigens, the labels give their sequences. ``source_row`` is the line in the labels.

    Raises:
        TableError: A label whose antibody or antigen is not there, an antibody without a label
            (unless ``ignore_unlabelled``), no antigen at all (unless the mapping says
            ``antigen_unknown``), and the faults of :func:`raw_table_from_user`.
    """
    mapping = mapping or ColumnMapping()
    table, notes = read_noted(labels, **mapping.constants.reading)
    table, mapping, layout_notes = recognise(table, mapping)
    chosen = choose_columns(labels, table, mapping, with_chains=False)
    name_column = chosen.column("antibody_name")
    if name_column is None:
        mend = "Map it: --map antibody_name=COLUMN"
        raise TableError(labels, [Problem(1, None, "no column of antibody names found", mend)])
    index_of = {name: row for row, name in enumerate(pairs["antibody_name"])}
    table, respelt = _with_known_spelling(table, name_column, index_of)
    problems = _unknown(table, name_column, index_of, "sequence")
    target_column = name_column
    if antigens and len(antigens) > 1:
        target_column = chosen.column("antigen_name") or chosen.column("antigen") or name_column
        problems += _unknown(table, target_column, antigens, "antigen")
    missing = sorted(set(index_of) - set(table[name_column])) if not ignore_unlabelled else []
    if missing:
        listed = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        mend = "Add them, or say that they are to be left out"
        reason = f"{len(missing)} antibodies have no row here: {listed}"
        problems.append(Problem(None, name_column, reason, mend))
    from_labels = not antigens and not (pairs["antigen"].list.len() > 0).any()
    has_antigen = "antigen" in chosen.columns or mapping.constants.antigen
    if from_labels and not has_antigen and not mapping.antigen_unknown:
        mend = "Give a FASTA file of antigens, or accept it (--map antigen_unknown:=true)"
        problems.append(Problem(None, None, "there is no antigen", mend))
    if problems:
        raise TableError(labels, problems)
    chains = pairs[[index_of[name] for name in table[name_column]]]
    if antigens and len(antigens) > 1:
        targets = table[target_column].to_list()
        several = [list(antigens[target]) for target in targets]
        chains = chains.with_columns(
            pl.Series("antigen_name", targets, pl.String),
            pl.Series("antigen", several, pl.List(pl.String)),
        )
    raw = joined_rows(labels, table, chains, chosen, mapping, antigen_from_labels=from_labels)
    return replace(raw, notes=(*notes, *layout_notes, *respelt))


def _with_known_spelling(
    table: pl.DataFrame, column: str, names: Mapping[str, int]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Names without white space around them, and in the case of the one sequence that they fit."""
    by_case: dict[str, list[str]] = {}
    for name in names:
        by_case.setdefault(name.casefold(), []).append(name)
    bare = [name if name is None else name.strip() for name in table[column]]
    spelt = [
        several[0]
        if name is not None
        and name not in names
        and len(several := by_case.get(name.casefold(), [])) == 1
        else name
        for name in bare
    ]
    changes = [
        f"{old} is {new}" for old, new in dict(zip(bare, spelt, strict=True)).items() if old != new
    ]
    notes = (f"names told apart by case alone: {', '.join(changes[:5])}",) if changes else ()
    return table.with_columns(pl.Series(column, spelt, pl.String)), notes


def joined_rows(
    labels: Path,
    table: pl.DataFrame,
    chains: pl.DataFrame,
    chosen: ChosenColumns,
    mapping: ColumnMapping,
    *,
    antigen_from_labels: bool = False,
    problems: Sequence[str | None] = (),
) -> RawTable:
    """Raw rows of a table of labels, with the chains of ``chains``, row by row.

    ``problems``, if there are any, has the fault of each row's chains.
    """
    columns = measurement_columns(labels, table, chosen, mapping)
    columns |= {name: pl.col(f"_{name}") for name in PAIRS_SCHEMA if name not in (ROW, *_OF_BOTH)}
    columns["structure_id"] = pl.coalesce(columns["structure_id"], "_structure_id")
    columns["flags"] = pl.concat_list(columns["flags"], "_flags")
    if antigen_from_labels:
        expressions = pair_columns(chosen, mapping)
        columns |= {name: expressions[name] for name in ("antigen", "antigen_name")}
    joined = table.hstack(chains.drop(ROW).rename(lambda name: f"_{name}"))
    if problems:
        joined = joined.with_columns(pl.Series("_problem", problems, pl.String))
        row_problems = pl.concat_list(columns["problem"], "_problem").list.drop_nulls()
        columns["problem"] = pl.when(row_problems.list.len() > 0).then(row_problems.list.join("; "))
    return RawTable(labels.name, raw_table(labels.name, joined, **columns).frame, table)


def _unknown(
    table: pl.DataFrame, column: str, names: Container[str | None], kind: str
) -> list[Problem]:
    return [
        Problem(line, column, f"no {kind} is named {name!r}")
        for line, name in zip(table[ROW], table[column], strict=True)
        if name not in names
    ]
