"""A campaign of affinity maturation in a folder: rounds kept apart, nothing half-written.

    campaign.json              parent, target and assay, fixed by the first file
    round-00/                  the variants measured at the start, and the model of them
    round-01/proposed.csv      what `abag propose` chose (also .fasta, .json and plate.html)
    round-01/seal.json         the same with its predictions, fixed by a SHA-256
    round-01/measured.parquet  its results, as canonical rows, and the batch of each
    round-01/set_aside.csv     rows of the same file that are no results, and why
    round-01/training.parquet  all rows so far, offsets of batches taken off
    round-01/model, report     the model of them and its verdict
    round-01/state.json        written last: what is there counts only once this says so
    scorecard.json, .html      what the plates predicted, and what was measured

Late results of a round are a second intake: ``measured-2.parquet``, ``model-2`` and so on, which
count once the state names them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import polars as pl

from abag.antibody.antibody import Chains
from abag.errors import CampaignError, FileFormatError
from abag.files import (
    LOCK,
    locked,
    make_folder,
    read_json,
    read_parquet,
    recover_within,
    require_folder,
    sha256_of,
    write_json,
)
from abag.maturation.campaign.seal import Seal, SealedWell, open_seal
from abag.version import VERSION

FORMAT: Final = "abag-campaign"
FORMAT_VERSION: Final = 2
_READABLE: Final = (1, 2)
CAMPAIGN: Final = "campaign.json"
STATE: Final = "state.json"
MEASURED: Final = "measured"
TRAINING: Final = "training"
MODEL: Final = "model"
REPORT: Final = "report"
ASIDE_ROWS: Final = "set_aside"
PROPOSED: Final = "proposed"
DONE: Final = "measured"
BATCH: Final = "batch"
"""Column of a round's measured rows: where each was measured."""


@dataclass(frozen=True)
class Round:
    """One round: its number, folder, and whether it is proposed or measured."""

    number: int
    folder: Path
    state: dict[str, Any]

    @property
    def status(self) -> str:
        """``proposed`` or ``measured``."""
        return str(self.state["status"])

    @property
    def intakes(self) -> int:
        """How many files of results it has."""
        return int(self.state.get("intakes", self.status == DONE))

    def path_of(self, kind: str, intake: int | None = None) -> Path:
        """File or folder of an intake (the last by default): ``model``, ``training``, ..."""
        number = self.intakes if intake is None else intake
        name = kind if number < 2 else f"{kind}-{number}"
        if kind in (MEASURED, TRAINING):
            return self.folder / f"{name}.parquet"
        return self.folder / (f"{name}.csv" if kind == ASIDE_ROWS else name)

    def table(self, kind: str, intake: int | None = None) -> pl.DataFrame:
        """Rows that were written for this round.

        Raises:
            FileFormatError: the file is damaged, changed, or of another round.
        """
        path = self.path_of(kind, intake)
        rows, _ = read_parquet(path)
        digest = self.state.get("files", {}).get(path.name)
        if digest is not None and digest != sha256_of(path):
            raise FileFormatError(
                f"{path} is not the file that was written for this round (its checksum differs); "
                "restore it from a copy"
            )
        return rows

    @cached_property
    def seal(self) -> Seal | None:
        """What was predicted; None for rounds that were not proposed.

        Raises CampaignError where the seal is not what was sealed.
        """
        digest = self.state.get("seal_sha256")
        return open_seal(self.folder, digest) if digest else None

    @property
    def variants(self) -> dict[Chains, SealedWell]:
        """Proposed variants, each once."""
        return {} if self.seal is None else self.seal.variants

    @property
    def names(self) -> dict[str, Chains]:
        """Chains by the names of wells, as the seal has them."""
        return {} if self.seal is None else self.seal.names

    @property
    def failed(self) -> set[Chains]:
        """Variants of the plate that gave no measurement."""
        names = self.names
        return {names[well] for well in self.state.get("failed", ()) if well in names}

    def measured(self) -> pl.DataFrame:
        """Rows of all its intakes, as they were measured, with their batch."""
        tables = []
        for intake in range(1, self.intakes + 1):
            rows = self.table(MEASURED, intake)
            if BATCH not in rows.columns:  # of an earlier abag
                rows = rows.with_columns(pl.lit(self.folder.name).alias(BATCH))
            tables.append(rows)
        return pl.concat(tables)


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True)
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
        return self.measured_rounds[-1]

    @property
    def measured_rounds(self) -> list[Round]:
        """Rounds with results."""
        return [round_ for round_ in self.rounds if round_.status == DONE]

    def training(self) -> pl.DataFrame:
        """All rows so far, offsets of batches taken off."""
        return self.measured.table(TRAINING)

    def known(self) -> set[Chains]:
        """Variants that were measured."""
        return pairs_of(self.training())

    def failed(self) -> set[Chains]:
        """Variants that gave no measurement and were not measured since."""
        failed = {chains for round_ in self.rounds for chains in round_.failed}
        return failed - self.known() if failed else failed

    def pending(self) -> set[Chains]:
        """Variants of plates that have results already, still without one of their own."""
        sealed = {chains for round_ in self.measured_rounds for chains in round_.variants}
        return sealed - self.known() - self.failed() if sealed else sealed

    def names(self) -> dict[str, Chains]:
        """Chains by the names of all plates, and by wells where one plate is open alone."""
        return {
            name: chains
            for round_ in self.rounds
            for name, chains in round_.names.items()
            if round_ is self.latest or "-" in name
        }

    def as_json(self) -> dict[str, Any]:
        """Plain values: where the campaign stands."""
        return {
            "folder": str(self.folder),
            "target": self.target,
            "rounds": [{"round": round_.number, **round_.state} for round_ in self.rounds],
        }


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
        fits = content["format"] == FORMAT and content["format_version"] in _READABLE
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
    rounds = tuple(_read_rounds(folder))
    if not any(round_.status == DONE for round_ in rounds):
        raise CampaignError(f"{folder} has no round with results; start it again in a new folder")
    return Campaign(folder, parent, assay, target, antigen, rounds)


def write_campaign(campaign: Campaign) -> None:
    """Write ``campaign.json``: parent, target, assay and antigen of a campaign."""
    heavy, light = campaign.parent
    content = {
        "format": FORMAT, "format_version": FORMAT_VERSION, "abag_version": VERSION,
        "parent": {"heavy": heavy, "light": light}, "assay": campaign.assay,
        "target": campaign.target, "antigen": list(campaign.antigen),
    }  # fmt: skip
    write_json(campaign.folder / CAMPAIGN, content, seal=True)


def _read_rounds(folder: Path) -> list[Round]:
    recover_within(folder)
    rounds = []
    for number in range(len(list(folder.glob("round-*")))):
        round_folder = folder / round_name(number)
        if not (round_folder / STATE).is_file():
            break  # cut short before it was finished
        state = read_json(round_folder / STATE)
        valid = isinstance(state, dict) and state.get("status") in (PROPOSED, DONE)
        if not valid or state.get("round", number) != number:
            raise CampaignError(f"{round_folder / STATE} is damaged; restore it from a copy")
        rounds.append(Round(number, round_folder, state))
    return rounds


def write_state(closed: Round, state: dict[str, Any]) -> None:
    """Close a round: its sealed state, with the checksums of the tables that it stands on."""
    files = {
        path.name: sha256_of(path)
        for intake in range(1, closed.intakes + 1)
        for path in (closed.path_of(MEASURED, intake), closed.path_of(TRAINING, intake))
    }
    content = {**state, "round": closed.number, "files": files}
    write_json(closed.folder / STATE, content, seal=True)


def one_at_a_time(
    change: Callable[Concatenate[Path, Arguments], Result],
) -> Callable[Concatenate[Path, Arguments], Result]:
    """A change of a campaign that holds its folder, so that a second one is refused meanwhile."""

    @wraps(change)
    def locked_change(folder: Path, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        is_new = not folder.exists()
        make_folder(folder)
        try:
            with locked(folder, "changed"):
                return change(folder, *args, **kwargs)
        finally:
            if {path.name for path in folder.iterdir()} == {LOCK}:
                (folder / LOCK).unlink()
                if is_new:
                    folder.rmdir()

    return locked_change


def round_name(number: int) -> str:
    """Folder of a round."""
    return f"round-{number:02d}"


def pairs_of(table: pl.DataFrame) -> set[Chains]:
    """Heavy and light chains of rows."""
    return {(heavy, light or None) for heavy, light in table.select("heavy", "light").iter_rows()}
