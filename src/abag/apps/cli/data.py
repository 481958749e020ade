"""``abag data``: build, import, check and merge tables of measurements."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import App, Parameter

from abag.apps.cli import emit
from abag.apps.cli.contributed import add_contributed
from abag.apps.cli.options.reading import AS_IT_IS, FileChoices

if TYPE_CHECKING:
    from abag.data.build import Build

app = App(name="data", help="Build, import, check and merge tables of measurements.")


@dataclass(frozen=True)
class FilesBeside:
    """Other files that belong to a FASTA, AIRR or structure file."""

    labels: Path | None = None
    """For FASTA, AIRR and structures: a table of names and values."""
    light: Path | None = None
    """For FASTA: a second file with the light chains."""
    antigen: Path | None = None
    """For FASTA and AIRR: a FASTA file of the antigen or antigens."""
    ignore_unlabelled: Annotated[bool, Parameter(negative=())] = False
    """Leave out sequences without a label instead of refusing them."""

    def with_file(self, file: Path) -> list[Path]:
        """All files that are read, for the manifest."""
        return [path for path in (self.labels, file, self.light, self.antigen) if path is not None]


NO_OTHER: Final = FilesBeside()


@app.command(name="import")
def import_(
    file: Path,
    *,
    out: Path | None = None,
    map: Annotated[list[str], Parameter(negative=())] | None = None,  # noqa: A002
    unit: str | None = None,
    quantity: str | None = None,
    beside: Annotated[FilesBeside, Parameter(name="*")] = NO_OTHER,
    file_choices: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    numbering: str = "sequential",
    quarantine: Annotated[bool, Parameter(negative=())] = False,
    explain: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make a canonical table of your own file: CSV, TSV, Excel, Parquet, FASTA, AIRR, PDB, mmCIF.

    Args:
        file: Your file, plain or gzip.
        out: The table to write (.parquet).
        map: `column=header`, for example `heavy=VH`; repeat for several (default: usual names).
        unit: Unit of the value column where neither its header nor a unit column says it.
        quantity: KD, KA, dG, ddG, IC50, EC50, enrichment or binary, where no column says it.
        beside: Other files that belong to a FASTA, AIRR or structure file.
        file_choices: Options for files that leave a choice.
        numbering: How a column of mutations counts: sequential, imgt, kabat, chothia, martin, aho.
        quarantine: Set rows with problems aside, with their reasons, instead of refusing the file.
        explain: Say what each column of a table is taken for, and why; write nothing.
        json: Print one JSON object.
    """
    from abag.data.build import import_table
    from abag.data.formats import read_measurements
    from abag.errors import OptionError

    if explain:
        from abag.data.formats.own_tables import explain_file

        explained = explain_file(file, map or [], unit=unit, quantity=quantity)
        emit(explained.as_json(), explained.as_text(), json)
        return
    if out is None:
        raise OptionError(
            "name the table to write (--out TABLE.parquet), or --explain (see --help)"
        )
    raw = read_measurements(
        file,
        mapping=map or [],
        unit=unit,
        quantity=quantity,
        **asdict(beside),
        choices=file_choices.choices(numbering),
    )
    build = import_table(raw, beside.with_file(file), out, quarantine=quarantine)
    emit(build.as_json(), summary_text(build), json)


@app.command
def check(
    table: Path,
    *,
    others: Path | None = None,
    column: str | None = None,
    unit: str | None = None,
    quantity: str = "KD",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Look for faults of a whole table: spikes, wrong sign, log of log, mixed units, copies.

    Args:
        table: A canonical table (.parquet), or any CSV together with --column and --unit.
        others: A second canonical table to cross-check against.
        column: The column of labels of a CSV.
        unit: The unit that the column is said to be in.
        quantity: The quantity that the column is said to hold.
        json: Print one JSON object.
    """
    from abag.data.checking import check_file
    from abag.model.mutation_effect.model import expected_changes

    faults = check_file(
        table, others=others, column=column, unit=unit, quantity=quantity, expected=expected_changes
    )
    lines = [f"{fault.kind.value}: {fault.message}" for fault in faults]
    if all(fault.kind.value == "sign_not_judged" for fault in faults):
        lines.insert(0, "no fault found")
    if column is not None:
        lines.append(
            "note: a column alone does not tell whether larger is tighter; import its table"
        )
    text = "\n".join(lines)
    emit({"faults": [asdict(fault) for fault in faults]}, text, json)


@app.command
def merge(
    table: Path,
    *,
    out: Path,
    across_assays: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Merge replicates: the median in pKd, with the spread kept.

    Args:
        table: A canonical table (.parquet).
        out: The merged table to write (.parquet).
        across_assays: Merge absolute values (KD, KA, dG) of one pair across assays too.
        json: Print one JSON object.
    """
    from abag.data.build import merge_table

    did = merge_table(table, out, across_assays=across_assays)
    text = (
        f"rows in {did.rows_in} = rows out {did.rows_out} + replicates merged {did.replicates} + "
        f"copies {did.copies}; rows with conflicting replicates {did.conflicts}; table {out}"
    )
    emit({"table": str(out), **asdict(did)}, text, json)


def summary_text(build: Build) -> str:
    """What became of the rows of each source, as a table."""
    head = (
        f"{'source':<24} {'rows in':>8} {'kept':>8} {'aside':>8} {'left out':>8} "
        f"{'censored':>8} {'pKd':>8}  licence"
    )
    lines = [head, "-" * len(head)]
    for s in build.summaries:
        lines.append(
            f"{s.source:<24} {s.rows_in:>8} {s.kept:>8} {s.quarantined:>8} "
            f"{s.left_out_by_licence:>8} {s.censored:>8} {s.with_pkd:>8}  {s.licence}"
        )
    total = [
        sum(getattr(s, name) for s in build.summaries)
        for name in ("rows_in", "kept", "quarantined", "left_out_by_licence")
    ]
    lines.append(
        f"rows in {total[0]} = kept {total[1]} + set aside {total[2]} (quarantine)"
        + (f" + left out by licence {total[3]}" if total[3] else "")
    )
    if len(build.summaries) == 1 and (flags := build.summaries[0].flags):
        listed = ", ".join(f"{flag} {rows}" for flag, rows in flags.items())
        lines.append(f"rows with flags: {listed}")
    lines += [f"note: {note}" for note in build.notes]
    lines.append(f"table {build.table}, quarantine {build.quarantine}, manifest {build.manifest}")
    return "\n".join(lines)


add_contributed(app, "data")
