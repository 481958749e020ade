"""The pairs of any file, with all that a user says beside it: one door for every command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from abag.data import formats
from abag.data.arms import choose_arm


def read_pairs(
    path: Path,
    mapping: Sequence[str] = (),
    antigen: Sequence[str] = (),
    choices: formats.Choices | None = None,
    *,
    antigen_unknown: bool = False,
) -> formats.UserPairs:
    """Read pairs from a table, FASTA, AIRR rearrangements, a structure or a folder of these.

    Args:
        path: The file; its kind is told by its content.
        mapping: For tables, texts such as ``heavy=VH``; usual names are found without.
        antigen: Antigen chains for every pair of a file that names none.
        choices: What the user decides where a file leaves a choice.
        antigen_unknown: Whether a table may name no antigen at all.

    Raises:
        MissingFileError, FileFormatError, TableError: the file cannot be read as pairs.
        OptionError: ``mapping`` names what is not known, or the file is no table.
    """
    is_table = not path.is_dir() and formats.file_kind(path) is formats.FileKind.TABLE
    if (antigen or antigen_unknown) and is_table:
        mapping = [*mapping, *(f"antigen:={chain}" for chain in antigen)]
        if antigen_unknown and not any(text.startswith("antigen_unknown") for text in mapping):
            mapping = [*mapping, "antigen_unknown:=true"]
    choices = choices or formats.Choices()
    pairs = formats.read_pairs(path, mapping=mapping, choices=choices)
    if choices.arm is not None:
        pairs = replace(pairs, frame=choose_arm(pairs.frame, choices.arm, path))
    if not antigen:
        return pairs
    given = pl.lit(list(antigen), dtype=pl.List(pl.String))
    none = pl.col("antigen").list.len() == 0
    filled = pl.when(none).then(given).otherwise("antigen")
    return replace(pairs, frame=pairs.frame.with_columns(antigen=filled))
