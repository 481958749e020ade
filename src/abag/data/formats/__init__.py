"""Reading a user's own files: tables, FASTA, AIRR rearrangements and structures.

Every reader ends in a :class:`~abag.data.raw.RawTable` (measurements) or in a table of
pairs; the canonical step cleans the rows. :func:`read_measurements` and :func:`read_pairs` tell
the kind of a file by its content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from abag.data.formats.choices import ChainNames, Choices
    from abag.data.formats.columns import PAIRS_SCHEMA, pairs_table, raw_table_from_user
    from abag.data.formats.content import FileKind, file_kind
    from abag.data.formats.coordinates.complexes import (
        Complex,
        Contact,
        complexes_table,
        read_complexes,
    )
    from abag.data.formats.coordinates.structures import Structure, StructureChain, read_structure
    from abag.data.formats.mapping import ColumnMapping, Constants, mapping_from_texts
    from abag.data.formats.reading import read_measurements, read_pairs
    from abag.data.formats.sequences.airr import AirrPairs, read_airr
    from abag.data.formats.sequences.fasta import (
        AntibodyRecord,
        FastaRecord,
        read_antibodies,
        read_antigens,
        read_fasta,
    )
    from abag.data.formats.sequences.pairing import UserPairs, labelled, pairs_of
    from abag.data.formats.tables import read_table

__all__ = [
    "PAIRS_SCHEMA",
    "AirrPairs",
    "AntibodyRecord",
    "ChainNames",
    "Choices",
    "ColumnMapping",
    "Complex",
    "Constants",
    "Contact",
    "FastaRecord",
    "FileKind",
    "Structure",
    "StructureChain",
    "UserPairs",
    "complexes_table",
    "file_kind",
    "labelled",
    "mapping_from_texts",
    "pairs_of",
    "pairs_table",
    "raw_table_from_user",
    "read_airr",
    "read_antibodies",
    "read_antigens",
    "read_complexes",
    "read_fasta",
    "read_measurements",
    "read_pairs",
    "read_structure",
    "read_table",
]

_MODULES: Final = {
    "choices": "ChainNames Choices",
    "columns": "PAIRS_SCHEMA pairs_table raw_table_from_user",
    "coordinates.complexes": "Complex Contact complexes_table read_complexes",
    "coordinates.structures": "Structure StructureChain read_structure",
    "mapping": "ColumnMapping Constants mapping_from_texts",
    "content": "FileKind file_kind",
    "reading": "read_measurements read_pairs",
    "sequences.airr": "AirrPairs read_airr",
    "sequences.fasta": "AntibodyRecord FastaRecord read_antibodies read_antigens read_fasta",
    "sequences.pairing": "UserPairs labelled pairs_of",
    "tables": "read_table",
}
"""Module -> the public names that it has."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: predicting a pair reads no file."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names.split():
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
