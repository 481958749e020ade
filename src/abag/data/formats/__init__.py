"""Reading a user's own files: tables, FASTA, AIRR rearrangements and structures.

Every reader ends in a :class:`~abag.data.raw.RawTable` (measurements) or in a table of
pairs; the canonical step cleans the rows. :func:`read_measurements` and :func:`read_pairs` find
the kind of a file by its content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from abag.data.formats.choices import ChainNames, Choices
    from abag.data.formats.columns import raw_table_from_user
    from abag.data.formats.content import FileKind, file_kind
    from abag.data.formats.coordinates.complexes import read_complexes
    from abag.data.formats.mapping import ColumnMapping, mapping_from_texts
    from abag.data.formats.reading import read_measurements, read_pairs
    from abag.data.formats.sequences.airr import read_airr
    from abag.data.formats.sequences.fasta import read_antibodies, read_antigens, read_fasta
    from abag.data.formats.tables import read_table

__all__ = [
    "ChainNames",
    "Choices",
    "ColumnMapping",
    "FileKind",
    "file_kind",
    "mapping_from_texts",
    "raw_table_from_user",
    "read_airr",
    "read_antibodies",
    "read_antigens",
    "read_complexes",
    "read_fasta",
    "read_measurements",
    "read_pairs",
    "read_table",
]

_MODULES: Final = {
    "choices": "ChainNames Choices",
    "columns": "raw_table_from_user",
    "content": "FileKind file_kind",
    "coordinates.complexes": "read_complexes",
    "mapping": "ColumnMapping mapping_from_texts",
    "reading": "read_measurements read_pairs",
    "sequences.airr": "read_airr",
    "sequences.fasta": "read_antibodies read_antigens read_fasta",
    "tables": "read_table",
}
"""Module -> the public names that it has."""


def __getattr__(name: str) -> object:
    """Import a public name at its first use: predicting a pair reads no file."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names.split():
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
