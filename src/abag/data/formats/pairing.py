"""Antibodies and antigens that were read apart, brought together with each other and with labels.

FASTA, AIRR and structure files hold sequences alone. Here they become the table of pairs that a
prediction wants, and, with a table of labels by name, raw rows of measurements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from abag.data.formats.columns import PAIRS_SCHEMA, measurement_columns
from abag.data.formats.fasta import AntibodyRecord
from abag.data.formats.mapping import ColumnMapping
from abag.data.formats.selection import choose_columns
from abag.data.formats.tables import ROW, read_table
from abag.data.sources.base import RawTable, raw_table
from abag.errors import Problem, TableError

Antigens = Mapping[str, tuple[str, ...]]


def pairs_of(
    path: Path, antibodies: Sequence[AntibodyRecord], antigens: Antigens | None = None
) -> pl.DataFrame:
    """The table of pairs (:data:`PAIRS_SCHEMA`) of antibodies that were read from ``path``.

    One antigen goes with every antibody; of several each antibody takes that of its own name.
    Without antigens the column is empty lists. Raises :class:`TableError` for antibodies that have
    none among several.
    """
    problems = []
    rows = []
    for antibody in antibodies:
        name = _antigen_for(antibody.name, antigens)
        if antigens and name is None:
            reason = f"none of the {len(antigens)} antigens has the name {antibody.name!r}"
            problems.append(Problem(antibody.line, None, reason))
        chains = list(antigens[name]) if antigens and name is not None else []
        rows.append(
            (antibody.line, antibody.name, name, antibody.heavy, antibody.light, antibody.scfv,
             chains)
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
    so on). A column ``antigen_name`` picks among ``antigens``. ``source_row`` is the line in the
    labels.

    Raises:
        TableError: A label whose antibody or antigen is not there, an antibody without a label
            (unless ``ignore_unlabelled``), and the faults of :func:`raw_table_from_user`.
    """
    mapping = mapping or ColumnMapping()
    table = read_table(labels)
    chosen = choose_columns(labels, table, mapping, with_chains=False)
    known = {name: row for row, name in enumerate(pairs["antibody_name"])}
    name_column = chosen.one("antibody_name")
    if name_column is None:
        mend = "Map it: --map antibody_name=COLUMN"
        raise TableError(labels, [Problem(1, None, "no column of antibody names found", mend)])
    names = table[name_column].to_list()
    antigen_column = chosen.one("antigen_name") if antigens and len(antigens) > 1 else None
    targets = table[antigen_column].to_list() if antigen_column else None
    problems = [
        Problem(line, name_column, f"no sequence is named {name!r}")
        for line, name in zip(table[ROW], names, strict=True)
        if name not in known
    ]
    if targets is not None and antigens is not None:
        problems += [
            Problem(line, antigen_column, f"no antigen is named {target!r}")
            for line, target in zip(table[ROW], targets, strict=True)
            if target not in antigens
        ]
    missing = sorted(set(known) - set(names)) if not ignore_unlabelled else []
    if missing:
        listed = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        reason = f"{len(missing)} antibodies have no row here: {listed}"
        mend = "Add them, or say that they are to be left out"
        problems.append(Problem(None, name_column, reason, mend))
    if problems:
        raise TableError(labels, problems)
    chains = pairs[[known[name] for name in names]]
    if targets is not None and antigens is not None:
        several = [list(antigens[target]) for target in targets]
        chains = chains.with_columns(
            pl.Series("antigen_name", targets, pl.String),
            pl.Series("antigen", several, pl.List(pl.String)),
        )
    joined = table.hstack(
        chains.drop(ROW).rename({name: f"_{name}" for name in PAIRS_SCHEMA if name != ROW})
    )
    columns = measurement_columns(labels, table, chosen, mapping)
    columns |= {name: pl.col(f"_{name}") for name in PAIRS_SCHEMA if name != ROW}
    made = raw_table(labels.name, joined, **columns)
    return RawTable(made.file, made.frame, table)
