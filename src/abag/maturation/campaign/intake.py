"""Results come in: a campaign starts with them, a round closes, late ones are added.

A file of results may hold some of a plate only: the others are pending. A cell that is empty says
that a well is not measured yet, a word such as ``failed`` that it never will be. Results of an
earlier plate that come late are added to the last round that has results, and everything that was
learnt from them is learnt anew. Results of variants that were not proposed are refused unless that
is asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.antibody.antibody import Chains
from abag.data.tables import TARGET_COLUMNS
from abag.errors import CampaignError, counted, require_seed
from abag.files import LOCK, require_folder_name, sha256_of, write_csv, write_parquet
from abag.maturation.adapt.adaptation import Adaptation, adapt_assay
from abag.maturation.assay.file import AssayFile, check_assay, read_assay, read_rows
from abag.maturation.campaign.batches import BatchOffset, batch_offsets
from abag.maturation.campaign.folder import (
    ASIDE_ROWS,
    BATCH,
    DONE,
    MEASURED,
    MODEL,
    PROPOSED,
    REPORT,
    TRAINING,
    Campaign,
    Round,
    one_at_a_time,
    open_campaign,
    pairs_of,
    round_name,
    write_campaign,
    write_state,
)
from abag.maturation.campaign.results import Results
from abag.maturation.campaign.scorecard_page import write_scorecard
from abag.version import VERSION

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Intake:
    """The rows of one file: kept with their batch, or set aside with the reason; none is lost."""

    rows: pl.DataFrame
    aside: pl.DataFrame
    notes: tuple[str, ...]


@one_at_a_time
def take_results(
    folder: Path,
    path: Path,
    *,
    told: AssayFile | None = None,
    allow_unproposed: bool = False,
    failed: Sequence[str] = (),
    seed: int = 0,
) -> tuple[Campaign, Adaptation]:
    """Start a campaign with a file of measured variants, or add results to it.

    Args:
        folder: The campaign; a new or empty folder starts one.
        path: Measured variants, as ``abag adapt`` reads them.
        told: What the user says of the file.
        allow_unproposed: Take results of variants that no round proposed, too.
        failed: Names of wells that gave no measurement and will give none.
        seed: Seed of folds and draws.

    Raises:
        CampaignError: no round is open, or results of variants that were not proposed.
        TableError, ModelError: the rows cannot be read, or cannot teach a model.
    """
    told = told or AssayFile()
    require_seed(seed)
    require_folder_name(folder)
    if _is_new(folder):
        return _start(folder, path, told, seed)
    campaign = open_campaign(folder)
    if not failed:
        _require_new(campaign, path)
    results = Results.read(path, told, campaign, failed)
    rows, aside, notes = read_rows(path, results.told)
    rows = _fitted_in(campaign, rows, path)
    number = _round_of(campaign, pairs_of(rows) | results.failed, allow_unproposed)
    if not allow_unproposed:
        _require_proposed(campaign, rows, path)
    gone = [
        well.name
        for each in campaign.rounds
        for chains, well in each.variants.items() if chains in results.failed
    ]  # fmt: skip
    intakes = sum(one.intakes for one in campaign.rounds if one.number == number)
    rows = results.with_batches(rows, number, intakes)
    intake = Intake(rows, pl.concat([results.aside, aside]), notes)
    done = _close(campaign, intake, number, path, gone, seed)
    opened = open_campaign(folder)
    write_scorecard(opened)
    return opened, done


def _require_new(campaign: Campaign, path: Path) -> None:
    """Raise CampaignError for a file whose results are in; a scorecard cut short is made good."""
    digest = sha256_of(path)
    for one in campaign.done:
        if digest in _listed(one.state.get("results_sha256")):
            write_scorecard(campaign)
            raise CampaignError(
                f"the results of {path} are in {campaign.folder} already, in round {one.number}; "
                "nothing was changed"
            )


def _round_of(campaign: Campaign, variants: set[Chains], allow_unproposed: bool) -> int:
    """The round that results belong to: the open one, or for late ones the last with results."""
    latest, late = campaign.latest, campaign.pending()
    if latest.status == PROPOSED:
        here = variants & set(latest.variants)
        return latest.number if here or not variants & late else latest.number - 1
    if variants & late:
        return latest.number
    if not allow_unproposed:
        raise CampaignError(
            f"round {latest.number} of {campaign.folder} has its results, and no other is "
            "proposed; choose the next plate with `abag propose --campaign`, or add these rows as "
            "a round of their own with --allow-unproposed"
        )
    return latest.number + 1


def _start(folder: Path, path: Path, told: AssayFile, seed: int) -> tuple[Campaign, Adaptation]:
    rows, aside, notes = read_rows(path, told)
    if not rows.is_empty() and rows["antigen"].n_unique() > 1:
        raise CampaignError(
            f"{path} has {rows['antigen'].n_unique()} antigens, and a campaign is about one: start "
            "a campaign for each with its rows (`abag adapt FILE --out MODELS` learns them "
            "together)"
        )
    checked = check_assay(rows, str(path))
    place = folder / round_name(0)
    if place.exists():
        shutil.rmtree(place)  # of a start that was cut short
    antigen = tuple(rows["antigen"][0])
    first = Campaign(folder, ("", None), rows["assay"][0], checked.target, antigen, ())
    intake = Intake(Results.plain(path, told).with_batches(rows, 0, 0), aside, notes)
    done = _close(first, intake, 0, path, (), seed)
    named = rows.filter(pl.col("mutations") == "").select("heavy", "light")
    parent = named.row(0) if named.height else done.model.reference_chains()
    write_campaign(replace(first, parent=parent))
    return open_campaign(folder), done


def _is_new(folder: Path) -> bool:
    """Whether a campaign may start here: nothing is there but a start that was cut short."""
    return not folder.exists() or {path.name for path in folder.iterdir()} <= {round_name(0), LOCK}


def _close(
    campaign: Campaign,
    intake: Intake,
    number: int,
    path: Path,
    failed: Sequence[str],
    seed: int,
) -> Adaptation:
    """Write the results of a round, the model of all rows so far, and then its state."""
    before = next((one for one in campaign.rounds if one.number == number), None)
    state = {} if before is None else before.state
    here = Round(
        number, campaign.folder / round_name(number),
        {**state, "status": DONE, "intakes": (0 if before is None else before.intakes) + 1},
    )  # fmt: skip
    prefix = pl.lit(f"round-{number:02d}.{here.intakes}:")
    rows = intake.rows.with_columns(record_id=pl.concat_str(prefix, "record_id"))
    everything = pl.concat([*(one.measured() for one in campaign.done), rows])
    check_assay(everything.drop(BATCH), str(path))
    together, offsets = _together(everything, campaign.target)
    write_parquet(here.place(MEASURED), rows)
    write_parquet(here.place(TRAINING), together)
    write_csv(here.place(ASIDE_ROWS), intake.aside.sort("source_row"))
    shutil.rmtree(here.place(MODEL), ignore_errors=True)  # of a try that was cut short
    given = read_assay(here.place(TRAINING))
    places = here.place(MODEL), here.place(REPORT)
    done = adapt_assay(here.place(TRAINING), given, *places, seed, overwrite=False)
    gone = sorted({*state.get("failed", ()), *failed})
    known = pairs_of(together)
    here = replace(here, state={**here.state, "failed": gone})
    waiting = set(here.variants) - known - here.failed
    new: dict[str, Any] = {
        "rows": (state.get("rows") or 0) + rows.height,
        "rows_set_aside": (state.get("rows_set_aside") or 0) + intake.aside.height,
        "rows_so_far": together.height,
        "variants_so_far": together.select("heavy", "light").n_unique(),
        "best_so_far": _best(together, campaign.target), "model_id": done.model.model_id,
        "verdict": done.verdict.grade.name.lower(),
        "results_sha256": [*_listed(state.get("results_sha256")), sha256_of(path)],
        "pending": sorted(here.variants[one].name for one in waiting),
        "batches": [asdict(one) for one in offsets], "abag_version": VERSION,
    }  # fmt: skip
    write_state(here, {**here.state, **new})
    told = _told_of(intake, offsets, waiting, gone)
    return replace(done, notes=(*intake.notes, *done.notes, *told))


def _listed(found: Any) -> list[str]:
    return [found] if isinstance(found, str) else list(found or ())


def _together(rows: pl.DataFrame, target: str) -> tuple[pl.DataFrame, list[BatchOffset]]:
    """All rows with the offset of their batch taken off, and the offsets."""
    exact = rows.filter(pl.col(target).is_not_null())
    offsets = batch_offsets(
        list(exact.select("heavy", "light").iter_rows()), exact[BATCH].to_list(),
        exact[target].to_numpy(),
    )  # fmt: skip
    shift = pl.col(BATCH).replace_strict(
        [one.batch for one in offsets], [one.offset for one in offsets], default=0.0,
        return_dtype=pl.Float64,
    )  # fmt: skip
    moved = [pl.col(name) - shift for name in TARGET_COLUMNS[target]]
    return rows.with_columns(moved).drop(BATCH), offsets


def _told_of(
    intake: Intake, offsets: Sequence[BatchOffset], waiting: set[Chains], failed: Sequence[str]
) -> list[str]:
    notes = []
    if aside := intake.aside.height:
        kept = intake.rows.height
        notes.append(f"{counted(kept + aside, 'row')} in the file: {kept} kept, {aside} set aside "
                     "(set_aside.csv of the round says why)")  # fmt: skip
    for one in offsets:
        if abs(one.offset) > 2 * one.standard_error > 0:
            notes.append(
                f"batch {one.batch} reads {one.offset:+.2f} ± {one.standard_error:.2f} against the "
                f"first, by {counted(one.shared_variants, 'shared variant')}; taken off"
            )
    if waiting:
        notes.append(f"{counted(len(waiting), 'variant')} of the plate pending; add them when "
                     "they come, the next plate does not ask for them again")  # fmt: skip
    if failed:
        notes.append(f"{counted(len(failed), 'well')} failed: {', '.join(failed[:_SHOWN])}"
                     f"{', ...' if len(failed) > _SHOWN else ''}")  # fmt: skip
    return notes


def _best(table: pl.DataFrame, target: str) -> float | None:
    found = table[target].max()
    return None if found is None else float(str(found))


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
    before = campaign.training()["quantity"]
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
    allowed = {campaign.parent} | campaign.known()
    allowed |= {one for each in campaign.rounds for one in each.variants}
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
