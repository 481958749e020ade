"""Results come in: a campaign starts with them, a round closes, late ones are added.

A file of results may hold some of a plate only: the others are pending. A cell that is empty means
that a well is not measured yet, a word such as ``failed`` that it never will be. Late results of an
earlier plate are added to the last round that has results, and its model is fitted anew. Results of
variants that were not proposed are refused unless ``allow_unproposed`` is set.
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
    """All rows of one file: results with their batch, and rows set aside with the reason."""

    rows: pl.DataFrame
    aside: pl.DataFrame
    notes: tuple[str, ...]


@one_at_a_time
def take_results(
    folder: Path,
    path: Path,
    *,
    assay_file: AssayFile | None = None,
    allow_unproposed: bool = False,
    failed: Sequence[str] = (),
    seed: int = 0,
) -> tuple[Campaign, Adaptation]:
    """Start a campaign with a file of measured variants, or add results to it.

    Args:
        folder: The campaign; a new or empty folder starts one.
        path: Measured variants, as ``abag adapt`` reads them.
        assay_file: How the file is read.
        allow_unproposed: Take results of variants that no round proposed, too.
        failed: Names of wells that gave no measurement and will give none.
        seed: Seed of folds and draws.

    Raises:
        CampaignError: no round is open, or results of variants that were not proposed.
        TableError, ModelError: the rows cannot be read, or cannot teach a model.
    """
    assay_file = assay_file or AssayFile()
    require_seed(seed)
    require_folder_name(folder)
    if _is_new(folder):
        return _start_campaign(folder, path, assay_file, seed)
    campaign = open_campaign(folder)
    if not failed:
        _require_new(campaign, path)
    results = Results.read(path, assay_file, campaign, failed)
    rows, aside, notes = read_rows(path, results.assay_file)
    rows = _under_campaign(campaign, rows, path)
    number = _round_of(campaign, pairs_of(rows) | results.failed, allow_unproposed)
    if not allow_unproposed:
        _require_proposed(campaign, rows, path)
    failed_wells = [
        well.name
        for round_ in campaign.rounds
        for chains, well in round_.variants.items() if chains in results.failed
    ]  # fmt: skip
    intakes = sum(round_.intakes for round_ in campaign.rounds if round_.number == number)
    rows = results.with_batches(rows, number, intakes)
    intake = Intake(rows, pl.concat([results.aside, aside]), notes)
    adaptation = _close_round(campaign, intake, number, path, failed_wells, seed)
    updated = open_campaign(folder)
    write_scorecard(updated)
    return updated, adaptation


def _require_new(campaign: Campaign, path: Path) -> None:
    """Raise CampaignError for a file that was taken in before; its scorecard is written again."""
    digest = sha256_of(path)
    for round_ in campaign.measured_rounds:
        if digest in _as_list(round_.state.get("results_sha256")):
            write_scorecard(campaign)
            raise CampaignError(
                f"the results of {path} are in {campaign.folder} already, in round "
                f"{round_.number}; nothing was changed"
            )


def _round_of(campaign: Campaign, variants: set[Chains], allow_unproposed: bool) -> int:
    """The round that results belong to: the open one, or for late ones the last with results."""
    latest, late = campaign.latest, campaign.pending()
    if latest.status == PROPOSED:
        on_plate = variants & set(latest.variants)
        return latest.number if on_plate or not variants & late else latest.number - 1
    if variants & late:
        return latest.number
    if not allow_unproposed:
        raise CampaignError(
            f"round {latest.number} of {campaign.folder} has its results, and no other is "
            "proposed; choose the next plate with `abag propose --campaign`, or add these rows as "
            "a round of their own with --allow-unproposed"
        )
    return latest.number + 1


def _start_campaign(
    folder: Path, path: Path, assay_file: AssayFile, seed: int
) -> tuple[Campaign, Adaptation]:
    rows, aside, notes = read_rows(path, assay_file)
    if not rows.is_empty() and rows["antigen"].n_unique() > 1:
        raise CampaignError(
            f"{path} has {rows['antigen'].n_unique()} antigens, and a campaign is about one: start "
            "a campaign for each with its rows (`abag adapt FILE --out MODELS` learns them "
            "together)"
        )
    assay = check_assay(rows, str(path))
    round_folder = folder / round_name(0)
    if round_folder.exists():
        shutil.rmtree(round_folder)  # of a start that was cut short
    antigen = tuple(rows["antigen"][0])
    first = Campaign(folder, ("", None), rows["assay"][0], assay.target, antigen, ())
    intake = Intake(Results.plain(path, assay_file).with_batches(rows, 0, 0), aside, notes)
    adaptation = _close_round(first, intake, 0, path, (), seed)
    unmutated = rows.filter(pl.col("mutations") == "").select("heavy", "light")
    parent = unmutated.row(0) if unmutated.height else adaptation.model.reference_chains()
    write_campaign(replace(first, parent=parent))
    return open_campaign(folder), adaptation


def _is_new(folder: Path) -> bool:
    """Whether a campaign may start here: nothing is there but a start that was cut short."""
    return not folder.exists() or {path.name for path in folder.iterdir()} <= {round_name(0), LOCK}


def _close_round(
    campaign: Campaign,
    intake: Intake,
    number: int,
    path: Path,
    failed: Sequence[str],
    seed: int,
) -> Adaptation:
    """Write the results of a round, the model of all rows so far, and then its state."""
    former = next((round_ for round_ in campaign.rounds if round_.number == number), None)
    state = {} if former is None else former.state
    closed = Round(
        number, campaign.folder / round_name(number),
        {**state, "status": DONE, "intakes": (0 if former is None else former.intakes) + 1},
    )  # fmt: skip
    prefix = pl.lit(f"round-{number:02d}.{closed.intakes}:")
    rows = intake.rows.with_columns(record_id=pl.concat_str(prefix, "record_id"))
    measured = pl.concat([*(past.measured() for past in campaign.measured_rounds), rows])
    check_assay(measured.drop(BATCH), str(path))
    training, offsets = _without_offsets(measured, campaign.target)
    write_parquet(closed.path_of(MEASURED), rows)
    write_parquet(closed.path_of(TRAINING), training)
    write_csv(closed.path_of(ASIDE_ROWS), intake.aside.sort("source_row"))
    shutil.rmtree(closed.path_of(MODEL), ignore_errors=True)  # of a try that was cut short
    assay = read_assay(closed.path_of(TRAINING))
    folders = closed.path_of(MODEL), closed.path_of(REPORT)
    adaptation = adapt_assay(closed.path_of(TRAINING), assay, *folders, seed, overwrite=False)
    failed_wells = sorted({*state.get("failed", ()), *failed})
    closed = replace(closed, state={**closed.state, "failed": failed_wells})
    pending = set(closed.variants) - pairs_of(training) - closed.failed
    results: dict[str, Any] = {
        "rows": (state.get("rows") or 0) + rows.height,
        "rows_set_aside": (state.get("rows_set_aside") or 0) + intake.aside.height,
        "rows_so_far": training.height,
        "variants_so_far": training.select("heavy", "light").n_unique(),
        "best_so_far": _best_value(training, campaign.target),
        "model_id": adaptation.model.model_id,
        "verdict": adaptation.verdict.grade.name.lower(),
        "results_sha256": [*_as_list(state.get("results_sha256")), sha256_of(path)],
        "pending": sorted(closed.variants[chains].name for chains in pending),
        "batches": [asdict(batch) for batch in offsets], "abag_version": VERSION,
    }  # fmt: skip
    write_state(closed, {**closed.state, **results})
    notes = _intake_notes(intake, offsets, pending, failed_wells)
    return replace(adaptation, notes=(*intake.notes, *adaptation.notes, *notes))


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _without_offsets(rows: pl.DataFrame, target: str) -> tuple[pl.DataFrame, list[BatchOffset]]:
    """All rows with the offset of their batch taken off, and the offsets."""
    exact = rows.filter(pl.col(target).is_not_null())
    offsets = batch_offsets(
        list(exact.select("heavy", "light").iter_rows()), exact[BATCH].to_list(),
        exact[target].to_numpy(),
    )  # fmt: skip
    shift = pl.col(BATCH).replace_strict(
        {batch.batch: batch.offset for batch in offsets}, default=0.0, return_dtype=pl.Float64
    )
    shifted = [pl.col(name) - shift for name in TARGET_COLUMNS[target]]
    return rows.with_columns(shifted).drop(BATCH), offsets


def _intake_notes(
    intake: Intake, offsets: Sequence[BatchOffset], pending: set[Chains], failed: Sequence[str]
) -> list[str]:
    notes = []
    if aside := intake.aside.height:
        rows = intake.rows.height
        notes.append(f"{counted(rows + aside, 'row')} in the file: {rows} kept, {aside} set aside "
                     "(set_aside.csv of the round says why)")  # fmt: skip
    for batch in offsets:
        if abs(batch.offset) > 2 * batch.standard_error > 0:
            notes.append(
                f"batch {batch.batch} reads {batch.offset:+.2f} ± {batch.standard_error:.2f} "
                f"against the first, by {counted(batch.shared_variants, 'shared variant')}; "
                "taken off"
            )
    if pending:
        notes.append(f"{counted(len(pending), 'variant')} of the plate pending; add them when "
                     "they come, the next plate does not ask for them again")  # fmt: skip
    if failed:
        notes.append(f"{counted(len(failed), 'well')} failed: {', '.join(failed[:_SHOWN])}"
                     f"{', ...' if len(failed) > _SHOWN else ''}")  # fmt: skip
    return notes


def _best_value(table: pl.DataFrame, target: str) -> float | None:
    best = table[target].max()
    return None if best is None else float(str(best))


def _under_campaign(campaign: Campaign, rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Rows under the campaign's assay and antigen.

    Raises CampaignError for another antigen or another quantity.
    """
    antigens = rows.filter(pl.col("antigen").list.len() > 0)["antigen"].to_list()
    other_antigens = [chains for chains in antigens if tuple(chains) != campaign.antigen]
    if other_antigens:
        raise CampaignError(
            f"{path} has results on another antigen ({'/'.join(other_antigens[0])[:40]}) than the "
            "campaign"
        )
    quantities = campaign.training()["quantity"]
    other_quantities = sorted(set(rows["quantity"]) - set(quantities))
    if other_quantities:
        raise CampaignError(
            f"{path} has values of {', '.join(other_quantities)}, and the campaign is about "
            f"{quantities[0]}: they have no common scale. Start another campaign with them"
        )
    antigen = pl.lit(list(campaign.antigen), dtype=pl.List(pl.String()))
    return rows.with_columns(assay=pl.lit(campaign.assay), antigen=antigen)


def _require_proposed(campaign: Campaign, rows: pl.DataFrame, path: Path) -> None:
    """Raise CampaignError for rows that are neither proposed, nor measured before, nor parent."""
    allowed = {campaign.parent} | campaign.known()
    allowed |= {chains for round_ in campaign.rounds for chains in round_.variants}
    unproposed = [
        (row, mutations or name or "")
        for heavy, light, row, mutations, name in rows.select(
            "heavy", "light", "source_row", "mutations", "antibody_name"
        ).iter_rows()
        if (heavy, light or None) not in allowed
    ]
    if unproposed:
        shown = ", ".join(f"row {row} {name}".strip() for row, name in unproposed[:_SHOWN])
        raise CampaignError(
            f"{path} has {counted(len(unproposed), 'variant')} that round {campaign.latest.number} "
            f"did not propose ({shown}{', ...' if len(unproposed) > _SHOWN else ''}); take them "
            "with --allow-unproposed, or add the file to the campaign that it belongs to"
        )
