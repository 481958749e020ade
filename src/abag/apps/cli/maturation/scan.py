"""``abag scan``: every single mutant of an antibody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.apps.cli.options.positions import EVERYWHERE, FreePositions
from abag.apps.cli.options.reading import NO_ANTIBODY, GivenAntibody
from abag.errors import OptionError

if TYPE_CHECKING:
    from abag.data.formats.choices import Choices
    from abag.maturation.antibody.parent import Parent
    from abag.maturation.scan.result import Scan

_SHOWN = 10


def scan(
    *,
    of: Annotated[GivenAntibody, Parameter(name="*")] = NO_ANTIBODY,
    structure: Path | None = None,
    antigen: Annotated[list[str] | None, Parameter(negative=())] = None,
    model: Path | None = None,
    out: Path | None = None,
    where: Annotated[FreePositions, Parameter(name="*")] = EVERYWHERE,
    chains: Annotated[list[str] | None, Parameter(negative=())] = None,
    arm: int | None = None,
    most_umis: Annotated[bool, Parameter(negative=())] = False,
    exclude_cysteine: Annotated[bool, Parameter(negative=())] = False,
    naturalness: Annotated[bool, Parameter(negative=())] = False,
    level: float = 0.9,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Predict every single mutant of an antibody: table, FASTA, heat map and interactive page.

    Args:
        of: The parent.
        structure: PDB or mmCIF file of the parent on its antigen: log-odds of each mutant in it
            (ProteinMPNN, after `abag encoders fetch proteinmpnn`); without a parent, its antibody.
        antigen: Antigen chain or FASTA file, for models that read it; repeat it for several.
        model: Folder of a model of your assay (`abag adapt`) or of another kind (default: the
            shipped model, which predicts without a measurement).
        out: Folder for scan.csv, scan.fasta, heatmap.png, scan.html and summary.json.
        where: Which residues may change.
        chains: Change this chain alone: H or L. Of a structure also which chain is which, as
            heavy=H,light=L.
        arm: Of a parent with several variable domains: which arm, along the heavy chain.
        most_umis: Of a parent's cell with several heavy or light chains: the one with most UMIs.
        exclude_cysteine: Leave out mutants that add or lose a cysteine.
        naturalness: Also score mutants under the built-in encoder (needs the extra network).
        level: Coverage of the intervals.
        overwrite: Replace a scan that is in the folder.
        json: Print one JSON object.
    """
    from abag.data.formats.choices import ChainNames, Choices
    from abag.maturation.scan.scanning import scan as scan_all

    if out is None:
        raise OptionError("--out is missing: name a folder for the files of the scan")
    roles = ",".join(text for text in chains or [] if "=" in text)
    names = ChainNames.parse(roles) if roles else None
    chains = [text for text in chains or [] if "=" not in text]
    if structure is not None and model is None and not of.is_named:
        of = replace(of, parent=structure)
    scanned = scan_all(
        _parent(model, of, antigen or [], Choices(names, most_umis, arm)), out,
        model=model, structure=structure, structure_chains=names, cdrs=where.cdrs or [],
        positions=where.positions or [], chains=chains, numbering=where.numbering,
        without_cysteine=exclude_cysteine, naturalness=naturalness, level=level,
        overwrite=overwrite,
    )  # fmt: skip
    emit(scanned.as_json(), _text(scanned), json)


def _parent(model: Path | None, of: GivenAntibody, antigen: list[str], choices: Choices) -> Parent:
    from abag.inference.inputs import given_antigen
    from abag.maturation.antibody.parent import parent_of_model

    target = given_antigen(antigen)
    if model is not None and not of.is_named:
        return parent_of_model(model, name=of.name, antigen=target)
    return of.read(choices, target)


def _text(scanned: Scan) -> str:
    summary = scanned.as_json()
    unit = scanned.effects.unit
    sentence = f"{summary['mutants']:,} mutants of {scanned.parent.name}; "
    if summary["better_than_parent"]:
        sentence += (
            f"{summary['better_than_parent']:,} predicted better than the parent, "
            f"{summary['better_without_new_liability']:,} of them without a new liability"
        )
    else:
        sentence += "none is predicted better than the parent, the least harmful come first"
    if summary["measured"]:
        sentence += f"; {summary['measured']:,} measured already are left out of the list"
    lines = [sentence, ""]
    for row in summary["best"][:_SHOWN]:
        ends = ""
        if row["delta_lower"] is not None:
            ends = f"  {row['delta_lower']:+.2f} to {row['delta_upper']:+.2f}"
        where = f"{row['region']} {row['imgt']}".strip()
        lines.append(
            f"{row['mutation']:<10}{where:<12}Δ {unit} {row['delta']:+.2f}{ends}"
            f"  {row['liabilities']}".rstrip()
        )
    lines += ["", *(f"note: {note}" for note in scanned.notes)]
    return "\n".join([*lines, f"page: {summary['files']['scan.html']}"])
