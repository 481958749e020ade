"""A campaign of affinity maturation in a folder: rounds kept apart, nothing half-written.

    campaign.json              parent, target and assay, fixed by the first file
    round-00/                  the variants measured at the start, and the model of them
    round-01/proposed.csv      what `abag propose` chose (also .fasta, .json and plate.html)
    round-01/measured.parquet  its results, as canonical rows
    round-01/training.parquet  all rows so far
    round-01/model, report     the model of them and its verdict
    round-01/state.json        written last: what is there counts only once this says so

Results of variants that were not proposed are refused unless that is asked for.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.antibody.antibody import Chains
from abag.data.formats import FileKind, file_kind, mapping_from_texts, read_table
from abag.data.formats.selection import choose_columns
from abag.errors import CampaignError, FileFormatError, counted
from abag.files import (
    read_json,
    require_folder,
    require_folder_name,
    sha256_of,
    write_json,
    write_parquet,
)
from abag.maturation.adapt.adaptation import Adaptation, adapt
from abag.maturation.adapt.verdict import Grade
from abag.maturation.assay.file import AssayFile, check_assay, read_rows
from abag.maturation.propose.plate import CSV_NAME, write_plate
from abag.maturation.propose.proposals import Proposals, Request, propose
from abag.model.assay_gp.model import AssayGP
from abag.version import VERSION

FORMAT: Final = "abag-campaign"
FORMAT_VERSION: Final = 1
CAMPAIGN: Final = "campaign.json"
STATE: Final = "state.json"
MEASURED: Final = "measured.parquet"
TRAINING: Final = "training.parquet"
PROPOSED: Final = "proposed"
DONE: Final = "measured"
_SHOWN: Final = 5
_UNPROVED: Final = (
    "the model ranked held-out variants no better than chance so far: this plate is for learning"
)


@dataclass(frozen=True, slots=True)
class Round:
    """One round: its number, folder, and whether it is proposed or measured."""

    number: int
    folder: Path
    state: dict[str, Any]

    @property
    def status(self) -> str:
        """``proposed`` or ``measured``."""
        return str(self.state["status"])


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign folder that was opened and checked."""

    folder: Path
    parent: Chains
    assay: str
    target: str
    antigen: tuple[str, ...]
    rounds: tuple[Round, ...]

    @property
    def latest(self) -> Round:
        """The last round."""
        return self.rounds[-1]

    @property
    def measured(self) -> Round:
        """The last round whose results are in."""
        return next(one for one in reversed(self.rounds) if one.status == DONE)

    def as_json(self) -> dict[str, Any]:
        """Plain values: where the campaign stands."""
        return {
            "folder": str(self.folder),
            "target": self.target,
            "rounds": [{"round": one.number, **one.state} for one in self.rounds],
        }


def take_results(
    folder: Path,
    path: Path,
    *,
    told: AssayFile | None = None,
    allow_unproposed: bool = False,
    seed: int = 0,
) -> tuple[Campaign, Adaptation]:
    """Start a campaign with a file of measured variants, or add the results of its open round.

    Args:
        folder: The campaign; a new or empty folder starts one.
        path: Measured variants, as ``abag adapt`` reads them.
        told: What the user says of the file.
        allow_unproposed: Take results of variants that no round proposed, too.
        seed: Seed of folds and draws.

    Raises:
        CampaignError: no round is open, or results of variants that were not proposed.
        TableError, ModelError: the rows cannot be read, or cannot teach a model.
    """
    told = told or AssayFile()
    require_folder_name(folder)
    if _is_new(folder):
        return _start(folder, path, told, seed)
    campaign = open_campaign(folder)
    rows, _ = read_rows(path, _completed(campaign, path, told))
    rows = _fitted_in(campaign, rows, path)
    current = campaign.latest
    if current.status != PROPOSED:
        if not allow_unproposed:
            raise CampaignError(
                f"round {current.number} of {folder} has its results, and no other is proposed; "
                "choose the next plate with `abag propose --campaign`, or add these rows as a "
                "round of their own with --allow-unproposed"
            )
        number = current.number + 1
    else:
        number = current.number
        if not allow_unproposed:
            _require_proposed(campaign, rows, path)
    place = folder / _round_name(number)
    done = _close(campaign, place, rows, number, path, seed)
    return open_campaign(folder), done


def open_campaign(folder: Path) -> Campaign:
    """Read a campaign folder.

    Raises:
        CampaignError: the folder holds no campaign, a newer one, or rounds that are missing.
    """
    require_folder(folder)
    path = folder / CAMPAIGN
    if not path.is_file():
        raise CampaignError(
            f"{folder} is no campaign (it has no {CAMPAIGN}); start one with "
            "`abag adapt ASSAY.csv --campaign FOLDER`, with a new folder"
        )
    try:
        content = read_json(path)
        fits = content["format"] == FORMAT and content["format_version"] == FORMAT_VERSION
        parent = (str(content["parent"]["heavy"]), content["parent"]["light"])
        assay, target = str(content["assay"]), str(content["target"])
        antigen = tuple(content["antigen"])
    except (FileFormatError, KeyError, TypeError) as error:
        raise CampaignError(f"{path} is damaged ({error}); restore it from a copy") from None
    if not fits:
        raise CampaignError(
            f"{path} has format {content['format']} {content['format_version']}; this abag "
            f"{VERSION} reads {FORMAT} {FORMAT_VERSION}"
        )
    rounds = tuple(_rounds(folder))
    if not any(one.status == DONE for one in rounds):
        raise CampaignError(f"{folder} has no round with results; start it again in a new folder")
    return Campaign(folder, parent, assay, target, antigen, rounds)


def propose_round(
    folder: Path, request: Request, *, controls: int = 0, overwrite: bool = False
) -> tuple[Campaign, Proposals]:
    """Choose the next plate of a campaign and write it as a new round.

    Raises:
        CampaignError: the last proposal has no results yet and ``overwrite`` is false.
    """
    campaign = open_campaign(folder)
    latest = campaign.latest
    if latest.status == PROPOSED and not overwrite:
        raise CampaignError(
            f"round {latest.number} of {folder} is proposed and has no results; add them with "
            "`abag adapt RESULTS.csv --campaign`, or choose it again with --overwrite"
        )
    number = campaign.measured.number + 1
    base = campaign.measured.folder
    model = AssayGP.load(base / "model")
    training = pl.read_parquet(base / TRAINING)
    known = list(training.select("heavy", "light").unique(maintain_order=True).iter_rows())
    found = propose(model, campaign.parent, request, known)
    if campaign.measured.state.get("verdict") == Grade.CHANCE.name.lower():
        found = replace(found, notes=(_UNPROVED, *found.notes))
    place = folder / _round_name(number)
    # Without its state a round does not count, so that an old plate is never half replaced.
    (place / STATE).unlink(missing_ok=True)
    write_plate(found, place, prefix=f"R{number}-P", controls=controls)
    write_json(
        place / STATE,
        {"status": PROPOSED, "proposed": len(found.chosen), "model_id": found.model_id,
         "abag_version": VERSION},
    )  # fmt: skip
    return open_campaign(folder), found


def _start(folder: Path, path: Path, told: AssayFile, seed: int) -> tuple[Campaign, Adaptation]:
    rows, _ = read_rows(path, told)
    if not rows.is_empty() and rows["antigen"].n_unique() > 1:
        raise CampaignError(
            f"{path} has {rows['antigen'].n_unique()} antigens, and a campaign is about one: start "
            "a campaign for each with its rows (`abag adapt FILE --out MODELS` learns them "
            "together)"
        )
    checked = check_assay(rows, str(path))
    place = folder / _round_name(0)
    if place.exists():
        shutil.rmtree(place)  # of a start that was cut short
    antigen = tuple(rows["antigen"][0])
    first = Campaign(folder, ("", None), rows["assay"][0], checked.target, antigen, ())
    done = _close(first, place, rows, 0, path, seed)
    heavy, light = _parent(rows, done.model)
    write_json(
        folder / CAMPAIGN,
        {"format": FORMAT, "format_version": FORMAT_VERSION, "abag_version": VERSION,
         "parent": {"heavy": heavy, "light": light}, "assay": first.assay,
         "target": first.target, "antigen": list(first.antigen)},
    )  # fmt: skip
    return open_campaign(folder), done


def _is_new(folder: Path) -> bool:
    """Whether a campaign may start here: nothing is there but a start that was cut short."""
    return not folder.exists() or {path.name for path in folder.iterdir()} <= {_round_name(0)}


def _close(
    campaign: Campaign, place: Path, rows: pl.DataFrame, number: int, path: Path, seed: int
) -> Adaptation:
    """Write the results of a round, the model of all rows so far, and then its state."""
    rows = rows.with_columns(record_id=pl.concat_str(pl.lit(f"round-{number:02d}:"), "record_id"))
    parts = [rows]
    if campaign.rounds:
        parts.insert(0, pl.read_parquet(campaign.measured.folder / TRAINING))
    together = pl.concat(parts)
    check_assay(together, str(path))
    write_parquet(place / MEASURED, rows)
    write_parquet(place / TRAINING, together)
    shutil.rmtree(place / "model", ignore_errors=True)  # of a try that was cut short
    done = adapt(place / TRAINING, place / "model", report=place / "report", seed=seed)
    state = {
        "status": DONE, "rows": rows.height, "rows_so_far": together.height,
        "variants_so_far": together.select("heavy", "light").n_unique(),
        "best_so_far": _best(together, campaign.target), "model_id": done.model.model_id,
        "verdict": done.verdict.grade.name.lower(), "results_sha256": sha256_of(path),
        "abag_version": VERSION,
    }  # fmt: skip
    write_json(place / STATE, state)
    return done


def _best(table: pl.DataFrame, target: str) -> float | None:
    found = table[target].max()
    return None if found is None else float(str(found))


def _rounds(folder: Path) -> list[Round]:
    found = []
    for number in range(len(list(folder.glob("round-*")))):
        place = folder / _round_name(number)
        if not (place / STATE).is_file():
            break  # cut short before it was finished
        state = read_json(place / STATE)
        if not isinstance(state, dict) or state.get("status") not in (PROPOSED, DONE):
            raise CampaignError(f"{place / STATE} is damaged; restore it from a copy")
        found.append(Round(number, place, state))
    return found


def _round_name(number: int) -> str:
    return f"round-{number:02d}"


def _parent(rows: pl.DataFrame, model: AssayGP) -> Chains:
    """The row without mutations; else the commonest residues."""
    named = rows.filter(pl.col("mutations") == "")
    if named.height:
        return named["heavy"][0], named["light"][0]
    return model.reference_chains()


def _completed(campaign: Campaign, path: Path, told: AssayFile) -> AssayFile:
    """What a table of results leaves out: antigen, parent, and the chains of the plate's names."""
    if path.is_dir() or not path.exists() or file_kind(path) is not FileKind.TABLE:
        return told
    mapping = mapping_from_texts(list(told.mapping))
    chosen = choose_columns(path, read_table(path), mapping, with_values=False, with_chains=False)
    if chosen.one("heavy") is None and chosen.one("scfv") is None:
        told = replace(told, names=_names(campaign.latest))
        if told.parent_heavy is None:
            heavy, light = campaign.parent
            told = replace(told, parent_heavy=heavy, parent_light=light)
    if chosen.one("antigen") or mapping.constants.antigen or mapping.antigen_unknown:
        return told
    known = [f"antigen:={chain}" for chain in campaign.antigen] or ["antigen_unknown:=true"]
    return replace(told, mapping=[*told.mapping, *known])


def _names(latest: Round) -> dict[str, Chains]:
    """Chains by the names of an open plate, and by its wells where there is one plate only."""
    if latest.status != PROPOSED:
        return {}
    plate = pl.read_csv(latest.folder / CSV_NAME, infer_schema=False)
    one_plate = plate["plate"].n_unique() == 1
    found: dict[str, Chains] = {}
    for name, well, heavy, light in plate.select("name", "well", "heavy", "light").iter_rows():
        found[name] = heavy, light or None
        if one_plate:
            found[well] = heavy, light or None
    return found


def _fitted_in(campaign: Campaign, rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Rows under the campaign's assay and antigen.

    Raises CampaignError for another antigen or another quantity.
    """
    given = rows.filter(pl.col("antigen").list.len() > 0)["antigen"].to_list()
    other = [chains for chains in given if tuple(chains) != campaign.antigen]
    if other:
        raise CampaignError(
            f"{path} has results on another antigen ({'/'.join(other[0])[:40]}) than the campaign"
        )
    before = pl.read_parquet(campaign.measured.folder / TRAINING, columns=["quantity"])["quantity"]
    strange = sorted(set(rows["quantity"]) - set(before))
    if strange:
        raise CampaignError(
            f"{path} has values of {', '.join(strange)}, and the campaign is about {before[0]}: "
            "they have no common scale. Start another campaign with them"
        )
    antigen = pl.lit(list(campaign.antigen), dtype=pl.List(pl.String()))
    return rows.with_columns(assay=pl.lit(campaign.assay), antigen=antigen)


def _require_proposed(campaign: Campaign, rows: pl.DataFrame, path: Path) -> None:
    """Raise CampaignError for rows that are neither proposed, nor measured before, nor parent."""
    allowed = {campaign.parent}
    allowed |= _pairs(pl.read_csv(campaign.latest.folder / CSV_NAME, infer_schema=False))
    allowed |= _pairs(pl.read_parquet(campaign.measured.folder / TRAINING))
    strange = [
        (row, mutations or name or "")
        for heavy, light, row, mutations, name in rows.select(
            "heavy", "light", "source_row", "mutations", "antibody_name"
        ).iter_rows()
        if (heavy, light or None) not in allowed
    ]
    if strange:
        shown = ", ".join(f"row {row} {name}".strip() for row, name in strange[:_SHOWN])
        raise CampaignError(
            f"{path} has {counted(len(strange), 'variant')} that round {campaign.latest.number} "
            f"did not propose ({shown}{', ...' if len(strange) > _SHOWN else ''}); take them with "
            "--allow-unproposed, or add the file to the campaign that it belongs to"
        )


def _pairs(table: pl.DataFrame) -> set[Chains]:
    return {(heavy, light or None) for heavy, light in table.select("heavy", "light").iter_rows()}
