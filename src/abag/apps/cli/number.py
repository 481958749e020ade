"""``abag number``: IMGT numbers, CDRs and chain kinds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli.output import emit
from abag.errors import OptionError, counted

if TYPE_CHECKING:
    import polars as pl


def number(
    fasta: str | None = None,
    *,
    sequence: Annotated[list[str] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """IMGT, Kabat, Chothia, Martin and AHo numbers, CDRs and chain kinds of antibody sequences.

    Finds heavy, kappa, lambda and VHH domains in bare Fv, Fab, IgG and scFv chains. Start and
    end are the first and the last residue of the domain in the chain, counted from 1.

    Args:
        fasta: FASTA file of chains, plain or gzip, or one chain in one-letter code.
        sequence: one chain in one-letter code instead of a file; repeat the option for several.
        out: CSV file for the table, with one row for each domain.
        json: print one JSON object.
    """
    if fasta is not None and _is_chain(fasta):
        sequence = [fasta, *(sequence or [])]
        fasta = None
    if (fasta is None) == (not sequence):
        raise OptionError("give a FASTA file or --sequence, one of the two")
    if out is not None and out.suffix.lower() != ".csv":
        raise OptionError(f"--out {out}: the table is written as CSV; name it like numbers.csv")
    from abag.antibody.numbering.table import number_records

    if fasta is not None:
        from abag.data.formats import read_fasta

        records = [(record.id, record.sequence) for record in read_fasta(Path(fasta))]
    else:
        records = [(f"sequence {i}", text) for i, text in enumerate(sequence or [], start=1)]
    table = number_records(records)
    if out is not None:
        from abag.files import write_csv

        write_csv(out, table)
    content = {"domains": table.to_dicts(), "out": None if out is None else str(out)}
    emit(content, _text(table, len(records), out), json)


def _is_chain(text: str) -> bool:
    """Whether an argument is a chain and no file: letters alone, and no such file is there."""
    return len(text) > 20 and text.replace("*", "").isalpha() and not Path(text).exists()


def _text(table: pl.DataFrame, chains: int, out: Path | None) -> str:
    found = table["kind"].count()
    if out is not None:
        domains = counted(int(found), "variable domain")
        return f"{domains} in {counted(chains, 'chain')}: {out}"
    from abag.antibody.numbering.schemes import OTHER_SCHEMES

    blocks = []
    for row in table.iter_rows(named=True):
        if row["kind"] is None:
            blocks.append(f"{row['name']}: no antibody variable domain")
            continue
        lines = [f"{row['name']}: {row['kind']}, residues {row['start']} to {row['end']}"]
        lines += [f"  {region}  {row[region]}" for region in ("CDR1", "CDR2", "CDR3")]
        lines.append(f"  IMGT  {row['numbering']}")
        lines += [
            f"  {scheme.title() if scheme != 'aho' else 'AHo'}  {row[scheme]}"
            for scheme in OTHER_SCHEMES
            if row[scheme]
        ]
        if row["faults"]:
            lines.append(f"  lacks what a sound domain has: {row['faults'].replace('_', ' ')}")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)
