"""Reads the pairs or the measurements of a user's file of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from abag.data.engineered.arms import choose_arm
from abag.data.formats.choices import Choices
from abag.data.formats.columns import pairs_table, raw_table_from_user
from abag.data.formats.content import FileKind, file_kind
from abag.data.formats.coordinates.sabdab import is_summary, read_summary
from abag.data.formats.coordinates.structure_files import first_complexes, read_structures
from abag.data.formats.mapping import ColumnMapping, mapping_from_texts
from abag.data.formats.sequences.airr import read_airr
from abag.data.formats.sequences.fasta import read_antibodies, read_antigens
from abag.data.formats.sequences.pairing import UserPairs, labelled, pairs_of
from abag.data.formats.tables import read_table
from abag.data.raw import RawTable
from abag.errors import FileFormatError, OptionError
from abag.files import require_file

_NO_CHOICE = Choices()


def read_pairs(
    path: Path,
    mapping: Sequence[str] = (),
    antigen: Sequence[str] = (),
    choices: Choices | None = None,
    *,
    antigen_unknown: bool = False,
) -> UserPairs:
    """Pairs to predict from a table, FASTA, AIRR table, structure or folder of structures.

    Args:
        path: The file; its kind is found by its content.
        mapping: For tables, texts such as ``heavy=VH``; usual names are found without.
        antigen: Antigen chains for every pair of a file that names none.
        choices: The user's decisions where a file leaves a choice.
        antigen_unknown: Whether a table may name no antigen at all.

    Raises:
        MissingFileError, FileFormatError, TableError: the file cannot be read as pairs.
        OptionError: ``mapping`` has an unknown name, or the file is no table.
    """
    choices = choices or _NO_CHOICE
    kind = FileKind.STRUCTURE if path.is_dir() else file_kind(path)
    if kind is FileKind.TABLE:
        column_texts = [*mapping, *(f"antigen:={chain}" for chain in antigen)]
        if antigen_unknown and not any(text.startswith("antigen_unknown") for text in column_texts):
            column_texts.append("antigen_unknown:=true")
        frame, notes = pairs_table(
            path, mapping_from_texts(column_texts), choices.parent, choices.numbering,
            keep_faulty=choices.keep_faulty,
        )  # fmt: skip
        pairs = UserPairs(frame, notes=notes)
    else:
        pairs = _pairs_of_sequences(path, kind, mapping, choices)
    if choices.arm is not None:
        pairs = replace(pairs, frame=choose_arm(pairs.frame, choices.arm, path))
    if not antigen:
        return pairs
    antigen_chains = pl.lit(list(antigen), dtype=pl.List(pl.String))
    without_antigen = pl.col("antigen").list.len() == 0
    filled = pl.when(without_antigen).then(antigen_chains).otherwise("antigen")
    return replace(pairs, frame=pairs.frame.with_columns(antigen=filled))


def _pairs_of_sequences(
    path: Path, kind: FileKind, mapping: Sequence[str], choices: Choices
) -> UserPairs:
    if path.is_dir():
        _refuse_options("a folder of structures", mapping=mapping)
        return read_structures(path, choices.chains)
    column_mapping = mapping_from_texts(mapping) if kind is FileKind.AIRR else ColumnMapping()
    encoding = column_mapping.constants.encoding
    if encoding is None or column_mapping != mapping_from_texts([f"encoding:={encoding}"]):
        _refuse_options(f"a file of {kind}", mapping=mapping)
    if kind is FileKind.STRUCTURE:
        return read_structures(path, choices.chains)
    if kind is FileKind.AIRR:
        airr = read_airr(path, most_umis=choices.most_umis, encoding=encoding)
        return UserPairs(pairs_of(path, airr.antibodies), airr.problems, airr.notes)
    return UserPairs(pairs_of(path, read_antibodies(path)))


def read_measurements(
    path: Path,
    *,
    mapping: Sequence[str] = (),
    unit: str | None = None,
    quantity: str | None = None,
    labels: Path | None = None,
    light: Path | None = None,
    antigen: Path | None = None,
    ignore_unlabelled: bool = False,
    choices: Choices = _NO_CHOICE,
) -> RawTable:
    """Raw rows of a user's measurements, from a table or from sequences with a table of labels.

    Args:
        path: A table; or FASTA, AIRR, a structure or a folder of structures together with
            ``labels``.
        mapping: ``heavy=VH``, ``assay:=run7`` and the like, for the table with the values.
        unit: Unit of the values, where neither their header nor a column says it.
        quantity: Quantity of the values, likewise.
        labels: A table with a column of names (FASTA ids, cell ids, file names of structures
            without their suffix) and the values.
        light: For FASTA, a second file with the light chains.
        antigen: For FASTA and AIRR, a FASTA file of the antigen(s).
        ignore_unlabelled: Leave out sequences without a label instead of refusing them.
        choices: What the user decides where a file leaves a choice.

    Raises:
        AbagError: The file's faults, each with its place and mend; see the reader of its kind.
    """
    column_mapping = mapping_from_texts(mapping, unit=unit, quantity=quantity)
    raw = _measurements(path, column_mapping, labels, light, antigen, ignore_unlabelled, choices)
    if choices.arm is None:
        return raw
    return replace(raw, frame=choose_arm(raw.frame, choices.arm, path))


def _measurements(
    path: Path,
    mapping: ColumnMapping,
    labels: Path | None,
    light: Path | None,
    antigen: Path | None,
    ignore_unlabelled: bool,
    choices: Choices,
) -> RawTable:
    if labels is None:
        require_file(path)
    kind = FileKind.STRUCTURE if path.is_dir() else file_kind(path)
    if kind is FileKind.TABLE:
        _refuse_options("a table", labels=labels, light=light, antigen=antigen)
        return raw_table_from_user(path, mapping, choices.numbering)
    if labels is None:
        raise FileFormatError(
            f"{path} is {kind} and holds no measurements; give a table of labels by name as "
            "well (--labels TABLE)"
        )
    if kind is FileKind.STRUCTURE:
        _refuse_options("structures", light=light, antigen=antigen)
        if is_summary(read_table(labels).columns):
            return read_summary(path, labels, mapping)
        pairs = first_complexes(path, choices.chains)
        return labelled(pairs, labels, mapping, ignore_unlabelled=ignore_unlabelled)
    antigens = read_antigens(antigen) if antigen else None
    if kind is FileKind.AIRR:
        antibodies = list(read_airr(path, most_umis=choices.most_umis).antibodies)
    else:
        antibodies = read_antibodies(path, light)
    shared_antigen = antigens if antigens and len(antigens) == 1 else None
    pairs = pairs_of(path, antibodies, shared_antigen)
    return labelled(pairs, labels, mapping, antigens=antigens, ignore_unlabelled=ignore_unlabelled)


def _refuse_options(source: str, **options: object) -> None:
    extra = [name for name, value in options.items() if value]
    if extra:
        listed = " or ".join(extra)
        raise OptionError(f"{source} takes no {listed}; leave it out")
