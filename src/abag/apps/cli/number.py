"""``abag number``: IMGT numbers, CDRs and chain kinds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli import emit, tell
from abag.apps.cli.options.reading import AS_IT_IS, FileChoices
from abag.errors import OptionError, counted

if TYPE_CHECKING:
    import polars as pl


def number(
    fasta: str | None = None,
    *,
    sequence: Annotated[list[str] | None, Parameter(negative=())] = None,
    map_: Annotated[list[str] | None, Parameter(name="--map", negative=())] = None,
    file_choices: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """IMGT, Kabat, Chothia, Martin and AHo numbers, CDRs and chain kinds of antibody sequences.

    Finds heavy, kappa, lambda and VHH domains in bare Fv, Fab, IgG and scFv chains. Start and
    end are the first and the last residue of the domain in the chain, counted from 1.

    Args:
        fasta: FASTA file of chains, or one chain in one-letter code; or a table, AIRR file or
            structure of antibodies.
        sequence: one chain in one-letter code instead of a file; repeat the option for several.
        map_: for a table: which column is what, as heavy=VH; repeat it.
        file_choices: options for files that leave a choice.
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
        records = _records(Path(fasta), map_ or [], file_choices)
    else:
        records = [(f"sequence {i}", text) for i, text in enumerate(sequence or [], start=1)]
    table = number_records(records)
    if out is not None:
        from abag.files import write_csv

        write_csv(out, table)
    content = {"domains": table.to_dicts(), "out": None if out is None else str(out)}
    emit(content, _text(table, len(records), out), json)


def _records(path: Path, mapping: list[str], file_choices: FileChoices) -> list[tuple[str, str]]:
    """Name and letters of each chain of a file."""
    from abag.data.formats import FileKind, file_kind, read_fasta
    from abag.data.formats.reading import read_pairs

    if not path.is_dir() and file_kind(path) is FileKind.FASTA:
        return [(record.id, record.sequence) for record in read_fasta(path)]
    pairs = read_pairs(path, mapping, choices=file_choices.choices(), antigen_unknown=True)
    for problem in pairs.problems:
        tell(f"left out: {problem}")
    return [
        (f"{row['antibody_name'] or row['source_row']} {role}", row[role])
        for row in pairs.frame.iter_rows(named=True)
        for role in ("heavy", "light", "scfv")
        if row[role]
    ]


def _is_chain(text: str) -> bool:
    """Whether an argument is a chain and no file: letters alone, and no such file is there."""
    return len(text) > 20 and text.replace("*", "").isalpha() and not Path(text).exists()


def _text(table: pl.DataFrame, chains: int, out: Path | None) -> str:
    if out is not None:
        domains = counted(int(table["kind"].count()), "variable domain")
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
