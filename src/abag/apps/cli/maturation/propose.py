"""``abag propose``: the next plate, from a model of your assay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.apps.cli.options.plates import (
    ANY_VARIANT,
    AS_BEST,
    NO_MORE,
    ONE_WELL_EACH,
    Besides,
    Choosing,
    Search,
    Wells,
    request_of,
)
from abag.apps.cli.options.positions import EVERYWHERE, FreePositions
from abag.apps.cli.options.reading import AS_IT_IS, NO_ANTIBODY, FileChoices, GivenAntibody
from abag.errors import ModelError, OptionError

if TYPE_CHECKING:
    from abag.antibody.antibody import Chains
    from abag.maturation.plate.wells import Layout
    from abag.maturation.propose.proposals import Proposals
    from abag.maturation.propose.request import Request

_SHOWN = 10


def propose(
    *,
    model: Path | None = None,
    campaign: Path | None = None,
    of: Annotated[GivenAntibody, Parameter(name="*")] = NO_ANTIBODY,
    file_choices: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    n: int = 96,
    out: Path | None = None,
    where: Annotated[FreePositions, Parameter(name="*")] = EVERYWHERE,
    search: Annotated[Search, Parameter(name="*")] = ANY_VARIANT,
    choosing: Annotated[Choosing, Parameter(name="*")] = AS_BEST,
    also: Annotated[Besides, Parameter(name="*")] = NO_MORE,
    wells: Annotated[Wells, Parameter(name="*")] = ONE_WELL_EACH,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Choose the variants to measure next: plate, sequences, predictions and a reason for each.

    Args:
        model: Folder of a model of your assay, from `abag adapt`.
        campaign: Campaign folder instead of a model; the plate becomes its next round.
        of: The parent (default: the commonest residues of the measured rows).
        file_choices: Options for files that leave a choice.
        n: Number of variants; with controls, 92 and 4 fill a plate.
        out: Folder for proposed.csv, proposed.fasta, proposed.json and plate.html.
        where: Which residues may change.
        search: Which variants are candidates.
        choosing: How variants are chosen among the candidates.
        also: What the plate may cost, and what its variants must keep besides.
        wells: How the plate is filled.
        overwrite: Replace a plate that is in the folder, or a round without results.
        json: Print one JSON object.
    """
    request = request_of(n, where, search, choosing, also)
    layout, unwanted = wells.layout(), wells.unwanted()
    if campaign is not None:
        _require_alone(model=model, out=out, heavy=of.heavy, light=of.light, parent=of.parent)
        from abag.maturation.campaign.rounds import propose_round

        opened, proposals = propose_round(
            campaign, request, layout=layout, exclude=unwanted, overwrite=overwrite
        )
        folder = opened.latest.folder
        sealed = str(opened.latest.state["seal_sha256"])
    else:
        if unwanted:
            raise OptionError("--exclude exchanges wells of a campaign's plate; give --campaign")
        folder = _required(out, "--out", "name a folder for the plate")
        chains = _parent(of, file_choices)
        proposals, sealed = _from_model(model, folder, chains, request, layout, overwrite), ""
    shown = {"folder": str(folder), "seal_sha256": sealed or None, **proposals.as_json()}
    emit(shown, _text(proposals, folder, sealed), json)


def _from_model(
    model: Path | None,
    out: Path,
    parent: Chains | None,
    request: Request,
    layout: Layout,
    overwrite: bool,
) -> Proposals:
    from abag.maturation.plate.table import require_free_plate, write_plate
    from abag.maturation.propose.proposals import propose as choose
    from abag.model.assay_gp.model import AssayGP
    from abag.model.protocol import load_model

    require_free_plate(out, overwrite)
    loaded = load_model(_required(model, "--model", "name a model, or a --campaign"))
    if not isinstance(loaded, AssayGP):
        raise ModelError(
            f"{model} is a model {loaded.name!r}; plates are chosen by a model of your own assay: "
            "fit one with `abag adapt ASSAY.csv --out MODEL`"
        )
    proposals = choose(loaded, parent, request)
    write_plate(proposals, out, layout=layout, overwrite=overwrite)
    return proposals


def _parent(of: GivenAntibody, file_choices: FileChoices) -> Chains | None:
    if of.heavy is None and of.parent is None:
        if of != NO_ANTIBODY:
            raise OptionError("give the parent by --heavy and --light, or by --parent FILE --name")
        return None
    return of.read(file_choices.choices()).chains


def _required(value: Path | None, option: str, mend: str) -> Path:
    if value is None:
        raise OptionError(f"{option} is missing: {mend}")
    return value


def _require_alone(**options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise OptionError(f"--campaign has its own model and parent; leave out --{name}")


def _text(proposals: Proposals, folder: Path, sealed: str) -> str:
    expected = proposals.expected.plates
    lines = [
        f"{len(proposals.chosen)} variants chosen of {proposals.candidates:,} candidates "
        f"({proposals.left_out:,} left out); the parent is predicted at "
        f"{proposals.parent_predicted:.2f} {proposals.unit}",
        "",
    ]
    for proposal in proposals.chosen[:_SHOWN]:
        lines.append(
            f"{proposal.mutations:<32} {proposal.predicted:6.2f} ({proposal.lower_90:.2f} to "
            f"{proposal.upper_90:.2f})  {'; '.join(proposal.liabilities)}".rstrip()
        )
    if len(proposals.chosen) > _SHOWN:
        lines.append(f"... and {len(proposals.chosen) - _SHOWN} more")
    labels = {"proposed": "this plate", "random": "random variants", "singles": "random singles"}
    lines += [
        "",
        f"expected to measure better than the best so far ({proposals.expected.best_so_far:.2f}): "
        + ", ".join(f"{labels[key]} {plate.over_best.mean:.1f}" for key, plate in expected.items()),
        *(f"note: {note}" for note in proposals.notes), f"plate: {folder / 'proposed.csv'}",
    ]  # fmt: skip
    if sealed:
        lines.append(f"seal: {sealed} (keep this line; it proves what was predicted)")
    return "\n".join(lines)
