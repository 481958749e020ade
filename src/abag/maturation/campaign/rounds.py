"""The next round of a campaign: a plate is chosen, laid out and sealed; wells may be refilled."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from abag.antibody.antibody import Chains
from abag.errors import CampaignError, OptionError, counted
from abag.files import is_unfinished, swapping
from abag.maturation.adapt.verdict import Grade
from abag.maturation.campaign.folder import (
    MODEL,
    PROPOSED,
    STATE,
    Campaign,
    Round,
    one_at_a_time,
    open_campaign,
    round_name,
    write_state,
)
from abag.maturation.campaign.scorecard import interval_scale
from abag.maturation.campaign.seal import SEAL, write_seal
from abag.maturation.plate.table import FILES, write_plate
from abag.maturation.plate.wells import Layout
from abag.maturation.propose.proposals import Proposals, Standing, propose
from abag.maturation.propose.request import Request
from abag.model.assay_gp.model import AssayGP
from abag.version import VERSION

_UNPROVED: Final = (
    "the model ranked held-out variants no better than chance so far: this plate is for learning"
)


@one_at_a_time
def propose_round(
    folder: Path,
    request: Request,
    *,
    layout: Layout | None = None,
    exclude: Sequence[str] = (),
    overwrite: bool = False,
) -> tuple[Campaign, Proposals]:
    """Choose the next plate of a campaign, seal it, and write it as a new round.

    Args:
        folder: The campaign.
        request: What to propose.
        layout: Controls and replicates.
        exclude: Names of wells of the open plate whose variants are not wanted: others take their
            places, the rest of the plate stays, and the plate is sealed anew.
        overwrite: Replace an open plate as a whole.

    Raises:
        CampaignError: the last proposal has no results yet and neither ``overwrite`` nor
            ``exclude`` is given, or names that are not on the open plate.
    """
    campaign = open_campaign(folder)
    latest = campaign.latest
    if latest.status == PROPOSED and not overwrite and not exclude:
        raise CampaignError(
            f"round {latest.number} of {folder} is proposed and has no results; add them with "
            "`abag adapt RESULTS.csv --campaign`, exchange some wells with --exclude, or choose "
            "it again with --overwrite"
        )
    plate, unwanted = _plate_without(latest, exclude) if exclude else ([], set())
    if exclude:
        request = replace(request, count=len(plate))
    scale, wells = interval_scale(campaign)
    standing = Standing(
        sorted(campaign.known(), key=str), sorted(campaign.pending(), key=str),
        sorted(campaign.failed() | unwanted, key=str), plate, scale,
    )  # fmt: skip
    model = AssayGP.load(campaign.measured.path_of(MODEL))
    if model.model_id != campaign.measured.state.get("model_id"):
        raise CampaignError(
            f"{campaign.measured.path_of(MODEL)} is not the model of this round "
            f"({campaign.measured.state.get('model_id')}); restore it from a copy"
        )
    proposals = propose(model, campaign.parent, request, standing)
    notes = list(proposals.notes)
    if campaign.measured.state.get("verdict") == Grade.CHANCE.name.lower():
        notes.insert(0, _UNPROVED)
    if pending := len(standing.pending):
        notes.append(f"{pending} wells of earlier plates are pending; none is asked again")
    if scale > 1:
        notes.append(
            f"intervals are {scale:.2f} times as wide as the model's: "
            f"{counted(wells, 'sealed well')} ask for it"
        )
    proposals = replace(proposals, notes=tuple(notes))
    _write_round(campaign, proposals, layout or Layout())
    return open_campaign(folder), proposals


def _write_round(campaign: Campaign, proposals: Proposals, layout: Layout) -> None:
    number = campaign.measured.number + 1
    round_folder = campaign.folder / round_name(number)
    replaced = []
    if campaign.latest.status == PROPOSED:
        state = campaign.latest.state
        replaced = [*state.get("replaced_seals", ()), state.get("seal_sha256", "")]
    # An open plate stands, with its seal, until the one that replaces it is whole.
    with swapping(round_folder) as new:
        table = write_plate(proposals, new, prefix=f"R{number}-P", layout=layout)
        digest = write_seal(new, proposals, table, campaign.measured.state.get("seal_sha256", ""))
        write_state(
            Round(number, new, {"status": PROPOSED}),
            {"status": PROPOSED, "proposed": len(proposals.chosen), "model_id": proposals.model_id,
             "seal_sha256": digest, "replaced_seals": replaced, "abag_version": VERSION},
        )  # fmt: skip
        _keep_others(round_folder, new)


def _keep_others(old: Path, new: Path) -> None:
    """Take along what the user put into the folder of a plate that is replaced."""
    if old.is_dir():
        for path in old.iterdir():
            if path.name not in (*FILES, SEAL, STATE) and not is_unfinished(path):
                (shutil.copytree if path.is_dir() else shutil.copy2)(path, new / path.name)


def _plate_without(
    latest: Round, exclude: Sequence[str]
) -> tuple[list[Chains | None], set[Chains]]:
    """The open plate with None in place of each excluded variant, and those variants."""
    if latest.status != PROPOSED or latest.seal is None:
        raise CampaignError(
            f"--exclude exchanges wells of an open plate, and round {latest.number} has its results"
        )
    names = latest.seal.names
    plate = list(latest.seal.variants)
    unknown = [name for name in exclude if names.get(name) not in plate]
    if unknown:
        raise OptionError(
            f"--exclude {unknown[0]}: no variant of the open plate has this name; "
            f"its names go from {latest.seal.wells[0].name} to {latest.seal.wells[-1].name}"
        )
    unwanted = {names[name] for name in exclude}
    return [None if chains in unwanted else chains for chains in plate], unwanted
