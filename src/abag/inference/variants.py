"""Tables of variants of one parent that nobody measured: by chains, by mutations, by CDRs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from abag.antibody.grafting import DEFINITIONS, fitting_definition, graft, loop_name
from abag.antibody.mutations import apply_mutations
from abag.antibody.notation import NUMBERINGS, SEQUENTIAL
from abag.data.formats.columns import pairs_of_table
from abag.data.formats.mapping import mapping_from_texts
from abag.data.formats.reading import read_pairs
from abag.data.formats.selection import ChosenColumns, choose_columns
from abag.data.formats.sequences.pairing import UserPairs
from abag.data.formats.tables import ROW, read_table
from abag.data.mutation_column import read_mutation_column
from abag.errors import OptionError, Problem, SequenceError, TableError, counted
from abag.inference.inputs import cleaned, one_pair

LIBRARY: Final = "library"
"""In the place of a parent's file: the commonest residues of the table itself."""


@dataclass(frozen=True, slots=True)
class GivenParent:
    """The antibody that a table's rows are variants of, its chains cleaned."""

    heavy: str
    light: str | None
    antigen: tuple[str, ...] = ()
    name: str = "the parent"


def given_parent(
    heavy: str | None, light: str | None, path: Path | None, antigen: Sequence[str] = ()
) -> GivenParent:
    """The parent from its chains or from a file that holds one antibody.

    Raises:
        OptionError: neither or both are given, or the file holds several antibodies.
        SequenceError: a chain cannot be read as what it should be.
    """
    if (path is None) == (heavy is None):
        raise OptionError("name the parent by --parent FILE or by --parent-heavy, one of the two")
    pairs = one_pair(heavy or "", light, list(antigen)) if path is None else read_pairs(path).frame
    if pairs.select("heavy", "light", "scfv").n_unique() > 1:
        raise OptionError(f"--parent {path} holds several antibodies; give a file with one")
    row = cleaned(pairs[:1]).row(0, named=True)
    if row["problem"]:
        raise SequenceError(f"the parent cannot be read: {row['problem']}")
    target = tuple(antigen) or tuple(row["antigen"] or ())
    return GivenParent(row["heavy"], row["light"], target, row["antibody_name"] or "the parent")


def read_variants(
    path: Path,
    parent: GivenParent,
    mapping: Sequence[str] = (),
    numbering: str | None = None,
) -> UserPairs:
    """The rows of a table as pairs with whole chains, on the parent's antigen where none is named.

    ``numbering`` counts the positions of mutations, or names the definition of CDRs.

    Raises:
        TableError: mutations that do not fit the parent, CDRs that are not found in it exactly
            once, rows that say nothing of a variant; all rows at once.
        OptionError: ``numbering`` is not known.
    """
    chosen_mapping = mapping_from_texts(list(mapping))
    table = read_table(path)
    chosen = choose_columns(path, table, chosen_mapping, with_values=False, with_chains=False)
    loops = {name: loop for name in table.columns if (loop := loop_name(name)) is not None}
    notes: tuple[str, ...] = ()
    if chosen.column("heavy") is None and chosen.column("scfv") is None:
        if chosen.column("mutations") is not None:
            heavy, light = _from_mutations(path, table, chosen, parent, numbering)
        elif loops:
            heavy, light, notes = _from_loops(path, table, loops, parent, numbering)
        else:
            raise TableError(
                path,
                [Problem(1, None, "no column of chains, of mutations or of CDRs")],
                "Name one: --map heavy=COLUMN or --map mutations=COLUMN; CDRs are read from "
                "columns HCDR1 to LCDR3.",
            )
        table = table.with_columns(
            pl.Series("heavy", heavy, pl.String), pl.Series("light", light, pl.String)
        )
        chains = {"heavy": ("heavy",), "light": ("light",)}
        chosen = replace(chosen, columns={**chosen.columns, **chains})
    # Structures say nothing of variants that nobody measured.
    columns = {name: headers for name, headers in chosen.columns.items() if name != "structure_id"}
    frame = pairs_of_table(table, replace(chosen, columns=columns), chosen_mapping)
    parent_antigen = pl.lit(list(parent.antigen), dtype=pl.List(pl.String))
    unnamed = pl.col("antigen").list.len() == 0
    its_light = pl.when(pl.col("scfv").is_null()).then(pl.lit(parent.light, pl.String))
    return UserPairs(
        frame.with_columns(
            antigen=pl.when(unnamed).then(parent_antigen).otherwise("antigen"),
            light=pl.coalesce("light", its_light),
        ),
        notes=notes,
    )


def _from_mutations(
    path: Path,
    table: pl.DataFrame,
    chosen: ChosenColumns,
    parent: GivenParent,
    numbering: str | None,
) -> tuple[list[str], list[str | None]]:
    scheme = numbering or SEQUENTIAL
    if scheme not in NUMBERINGS:
        raise OptionError(f"--numbering {scheme}: choose one of {', '.join(NUMBERINGS)}")
    column = str(chosen.column("mutations"))
    mutations = read_mutation_column(
        table[column].to_list(), parent.heavy, parent.light, scheme=scheme,
        lines=table[ROW].to_list(), path=path, column=column,
    )  # fmt: skip
    variants = [apply_mutations(parent.heavy, parent.light, changes) for changes in mutations]
    return [heavy for heavy, _ in variants], [light for _, light in variants]


def _from_loops(
    path: Path,
    table: pl.DataFrame,
    loops: dict[str, str],
    parent: GivenParent,
    numbering: str | None,
) -> tuple[list[str], list[str | None], tuple[str, ...]]:
    rows = [
        {
            loop: "".join(str(cell).split()).upper()
            for name, loop in loops.items()
            if (cell := row[name])
        }
        for row in table.iter_rows(named=True)
    ]
    if numbering is not None and numbering not in DEFINITIONS:
        raise OptionError(
            f"--numbering {numbering}: for CDRs choose one of {', '.join(DEFINITIONS)}"
        )
    try:
        definition = numbering or fitting_definition(parent.heavy, parent.light, rows)
    except SequenceError as error:
        raise TableError(path, [Problem(1, None, str(error))]) from None
    variants, problems = [], []
    for line, row in zip(table[ROW].to_list(), rows, strict=True):
        try:
            variants.append(graft(parent.heavy, parent.light, row, definition))
        except SequenceError as error:
            problems.append(Problem(line, None, str(error)))
    if problems:
        raise TableError(path, problems, "Correct these rows, or give whole chains.")
    note = (
        f"{counted(len(set(loops.values())), 'CDR column')} read as {definition} loops and put "
        "into the parent"
    )
    return [heavy for heavy, _ in variants], [light for _, light in variants], (note,)
