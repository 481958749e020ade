"""``abag propose``: the next plate, from a model of your assay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from abag.apps.cli.options.reading import AS_IT_IS, NO_ANTIBODY, FileChoices, GivenAntibody
from abag.apps.cli.output import emit
from abag.errors import ModelError, OptionError

if TYPE_CHECKING:
    from abag.antibody.antibody import Chains
    from abag.maturation.plate.wells import Layout
    from abag.maturation.propose.aims import Aims
    from abag.maturation.propose.proposals import Proposals
    from abag.maturation.propose.request import Purse, Request

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Besides:
    """What a plate may cost, and what its variants must keep besides affinity."""

    budget: float | None = None
    """What the variants may cost together, in the currency of the prices."""
    cost_variant: float = 0.0
    """Price of a variant."""
    cost_mutation: float = 0.0
    """Price of each of its mutations."""
    keep: Annotated[list[Path] | None, Parameter(negative=())] = None
    """Model of another antigen whose bond must not be lost; repeat it for several."""
    lose: Annotated[list[Path] | None, Parameter(negative=())] = None
    """Model of an antigen that must not be bound; repeat it for several."""
    margin: float = 0.5
    """How far below the parent counts as lost under those models, in their unit."""
    least_human: float | None = None
    """Smallest humanness: change of ln(share among human antibodies) against the parent."""
    most_from_germline: int | None = None
    """Largest number of residues that differ from the nearest V gene."""
    least_charge: float | None = None
    """Smallest net charge of the variable domains at pH 7.4."""
    most_charge: float | None = None
    """Largest net charge of the variable domains at pH 7.4."""
    pareto: Annotated[bool, Parameter(negative=())] = False
    """Choose among candidates that none beats on all aims: affinity, --keep and --lose, humanness,
    distance from the germline."""

    def purse(self) -> Purse:
        """Budget and prices."""
        from abag.maturation.propose.request import Purse

        return Purse(self.budget, self.cost_variant, self.cost_mutation)

    def aims(self) -> Aims:
        """The rules on every variant."""
        from abag.maturation.propose.aims import Aims

        keep, lose = (tuple(map(str, paths or ())) for paths in (self.keep, self.lose))
        return Aims(
            keep, lose, self.margin, self.least_human, self.most_from_germline,
            self.least_charge, self.most_charge, self.pareto,
        )  # fmt: skip


def propose(
    *,
    model: Path | None = None,
    campaign: Path | None = None,
    of: Annotated[GivenAntibody, Parameter(name="*")] = NO_ANTIBODY,
    read: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    n: int = 96,
    out: Path | None = None,
    max_mutations: int | None = None,
    cdrs: Annotated[list[str] | None, Parameter(negative=())] = None,
    positions: Annotated[list[str] | None, Parameter(negative=())] = None,
    freeze: Annotated[list[str] | None, Parameter(negative=())] = None,
    untried: Annotated[bool, Parameter(negative=())] = False,
    max_untried: int = 1,
    letters: str = "",
    numbering: str = "sequential",
    liabilities: str = "avoid",
    least_natural: float | None = None,
    acquisition: str = "ucb",
    diversity: str = "none",
    beta: float = 1.0,
    most_repeats: float = 0.5,
    singles: int = 0,
    also: Annotated[Besides, Parameter(name="*")] = Besides(),
    controls: int = 0,
    replicates: int = 1,
    exclude: Annotated[list[str] | None, Parameter(negative=())] = None,
    seed: int = 0,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Choose the variants to measure next: plate, sequences, predictions and a reason for each.

    Args:
        model: Folder of a model of your assay, from `abag adapt`.
        campaign: Campaign folder instead of a model; the plate becomes its next round.
        of: The parent (default: the commonest residues of the measured rows).
        read: Options for files that leave a choice.
        n: Number of variants; with controls, 92 and 4 fill a plate.
        out: Folder for proposed.csv, proposed.fasta, proposed.json and plate.html.
        max_mutations: Most mutations of a variant (default: as the measured ones, 2 to 8).
        cdrs: Change these IMGT CDRs alone: H3,L1, or all.
        positions: Change these places: H:100-110,L:50; with --cdrs, both.
        freeze: Places that stay whatever else is asked for: H:1-26.
        untried: Also change positions that no measured variant changes, where neither --cdrs nor
            --positions choose.
        max_untried: Most substitutions of a variant that no measured variant has.
        letters: Residues that may be put in (default: all but cysteine), or `measured` for the
            substitutions of measured variants alone.
        numbering: How positions are counted: sequential, imgt, kabat, chothia, martin or aho.
        liabilities: avoid new severe ones, strict (moderate ones too), or flag them only.
        least_natural: Leave out variants less natural than this under the built-in encoder.
        acquisition: ucb, ei, top-set, thompson or greedy.
        diversity: For ucb and ei: none, believer or penalty.
        beta: For ucb: deviations added to the mean.
        most_repeats: Largest share of the variants that one mutation may be in; 1 for no limit.
        singles: Variants that are kept for single mutants, to learn effects one by one.
        also: What the plate may cost, and what its variants must keep besides.
        controls: Wells of every plate that hold the parent, at its end.
        replicates: Wells of each variant.
        exclude: For an open plate of a campaign: names of wells whose variants are not wanted;
            others take their places and the rest stays.
        seed: Seed of search and draws.
        overwrite: Replace a plate that is in the folder, or a round without results.
        json: Print one JSON object.
    """
    from abag.maturation.plate.wells import Layout
    from abag.maturation.propose.acquisition import Policy
    from abag.maturation.propose.request import Request

    request = Request(
        n, max_mutations, tuple(cdrs or ()), tuple(positions or ()), tuple(freeze or ()), letters,
        numbering, untried, max_untried, liabilities, least_natural,
        Policy(acquisition, diversity, beta), seed,  # type: ignore[arg-type]
        most_repeats, singles, also.purse(), also.aims(),
    )  # fmt: skip
    layout = Layout(controls, replicates)
    if campaign is not None:
        _require_alone(model=model, out=out, heavy=of.heavy, light=of.light, parent=of.parent)
        from abag.maturation.campaign.rounds import propose_round

        names = [one for text in exclude or [] for one in text.split(",") if one]
        opened, found = propose_round(
            campaign, request, layout=layout, exclude=names, overwrite=overwrite
        )
        folder = opened.latest.folder
        sealed = str(opened.latest.state["seal_sha256"])
    else:
        if exclude:
            raise OptionError("--exclude exchanges wells of a campaign's plate; give --campaign")
        folder = _required(out, "--out", "name a folder for the plate")
        chains = _parent(of, read)
        found, sealed = _from_model(model, folder, chains, request, layout, overwrite), ""
    shown = {"folder": str(folder), "seal_sha256": sealed or None, **found.as_json()}
    emit(shown, _text(found, folder, sealed), json)


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
    from abag.model.registry import load_model

    require_free_plate(out, overwrite)
    loaded = load_model(_required(model, "--model", "name a model, or a --campaign"))
    if not isinstance(loaded, AssayGP):
        raise ModelError(
            f"{model} is a model {loaded.name!r}; plates are chosen by a model of your own assay: "
            "fit one with `abag adapt ASSAY.csv --out MODEL`"
        )
    found = choose(loaded, parent, request)
    write_plate(found, out, layout=layout, overwrite=overwrite)
    return found


def _parent(of: GivenAntibody, read: FileChoices) -> Chains | None:
    if of.heavy is None and of.parent is None:
        if of != NO_ANTIBODY:
            raise OptionError("give the parent by --heavy and --light, or by --parent FILE --name")
        return None
    return of.read(read.choices()).chains


def _required(given: Path | None, option: str, mend: str) -> Path:
    if given is None:
        raise OptionError(f"{option} is missing: {mend}")
    return given


def _require_alone(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise OptionError(f"--campaign has its own model and parent; leave out --{name}")


def _text(found: Proposals, folder: Path, sealed: str) -> str:
    expected = found.expected.plates
    lines = [
        f"{len(found.chosen)} variants chosen of {found.candidates:,} candidates "
        f"({found.left_out:,} left out); the parent is predicted at "
        f"{found.parent_predicted:.2f} {found.unit}",
        "",
    ]
    for one in found.chosen[:_SHOWN]:
        lines.append(
            f"{one.mutations:<32} {one.predicted:6.2f} ({one.lower_90:.2f} to "
            f"{one.upper_90:.2f})  {'; '.join(one.liabilities)}".rstrip()
        )
    if len(found.chosen) > _SHOWN:
        lines.append(f"... and {len(found.chosen) - _SHOWN} more")
    told = {"proposed": "this plate", "random": "random variants", "singles": "random singles"}
    lines += [
        "", f"expected to measure better than the best so far ({found.expected.best_so_far:.2f}): "
        + ", ".join(f"{told[name]} {one.over_best.mean:.1f}" for name, one in expected.items()),
        *(f"note: {note}" for note in found.notes), f"plate: {folder / 'proposed.csv'}",
    ]  # fmt: skip
    if sealed:
        lines.append(f"seal: {sealed} (keep this line; it proves what was foretold)")
    return "\n".join(lines)
