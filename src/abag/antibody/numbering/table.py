"""Numbered chains as a table: one row for each variable domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from abag.antibody.alphabet import foreign_letters, looks_like_nucleotides
from abag.antibody.numbering.chains import number_chains
from abag.antibody.numbering.domains import IMGT_REGIONS, NumberedDomain
from abag.antibody.numbering.schemes import OTHER_SCHEMES, scheme_positions
from abag.errors import SequenceError

if TYPE_CHECKING:
    import polars as pl


def number_records(records: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Number chains, each given with its name.

    Returns:
        A row for each variable domain, in the order of ``records`` and of the chain; a chain
        without one gets a row whose other cells are empty. Columns: ``name``, ``length`` of the
        chain, ``domain`` (from 1), ``kind``, ``start`` and ``end`` (first and last residue in
        the chain, counted from 1), ``score`` (bits), ``FR1`` to ``FR4`` (residues of the IMGT
        regions), ``numbering`` (``1E 2V ...``: IMGT position and residue), the same in ``kabat``,
        ``chothia``, ``martin`` and ``aho`` (empty where the scheme has no place for the domain),
        and ``faults``: the parts of a sound domain that this one lacks (``without_trp41``).

    Raises:
        SequenceError: for a letter that belongs to no amino-acid code, or a chain too long.
    """
    import polars as pl

    for name, sequence in records:
        _require_letters(name, sequence)
    numbered = number_chains(sequence for _, sequence in records)
    rows = []
    for name, sequence in records:
        chain = {"name": name, "length": len(sequence)}
        rows += [
            {**chain, "domain": i, **_cells(domain)}
            for i, domain in enumerate(numbered[sequence], start=1)
        ] or [chain]
    return pl.DataFrame(rows, schema=_schema())


def _require_letters(name: str, sequence: str) -> None:
    foreign = foreign_letters(sequence)
    if looks_like_nucleotides(sequence):
        raise SequenceError(f"{name}: this looks like nucleotides; translate it first")
    if not sequence:
        raise SequenceError(f"{name}: the sequence is empty; give a protein chain")
    if foreign:
        position, letter = foreign[0]
        raise SequenceError(
            f"{name}: {letter!r} at place {position} is no amino acid; give one chain in "
            "one-letter code, without gaps, stops or separators between chains"
        )


def _cells(domain: NumberedDomain) -> dict[str, Any]:
    from abag.antibody.soundness import faults_of

    def written(scheme: str) -> str:
        positions = scheme_positions(domain, scheme)
        pairs = zip(positions or (), domain.sequence if positions else "", strict=True)
        return " ".join(f"{position}{residue}" for position, residue in pairs)

    return {
        "kind": domain.kind.value,
        "start": domain.start + 1,
        "end": domain.end,
        "score": domain.score,
        **{name: domain.region(name) for name in IMGT_REGIONS},
        "numbering": written("imgt"),
        **{scheme: written(scheme) for scheme in OTHER_SCHEMES},
        "faults": "; ".join(faults_of(domain)),
    }


def _schema() -> dict[str, Any]:
    import polars as pl

    return {
        "name": pl.String, "length": pl.Int64, "domain": pl.Int64, "kind": pl.String,
        "start": pl.Int64, "end": pl.Int64, "score": pl.Float64,
        **dict.fromkeys(IMGT_REGIONS, pl.String), "numbering": pl.String,
        **dict.fromkeys(OTHER_SCHEMES, pl.String), "faults": pl.String,
    }  # fmt: skip
