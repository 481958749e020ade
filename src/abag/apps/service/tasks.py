"""What may be asked as a job: one request model a kind, and the command that answers it.

A job runs the same command line that a person would type, in a process of its own. So it gives the
same answer to the byte, can be stopped at any moment, and takes nothing down with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from abag.apps.service.answers import ANTIGEN, HEAVY, LIGHT, Chain, Short
from abag.apps.service.places import Places
from abag.errors import OptionError

_UPLOAD: Final = "0123456789abcdef"


def _request_config(**example: Any) -> ConfigDict:
    """How requests are read, with an example for the description of the interface."""
    return ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [dict(example)]})


class JobTask(BaseModel):
    """One kind of job; a subclass gives its fields, an example and its command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def command(self, places: Places, folder: Path) -> list[str]:
        """Arguments of ``abag``; outputs go into ``folder``."""
        raise TypeError(f"{type(self).__name__} has no command for {places.root} and {folder}")

    def options(self, *names: str) -> list[str]:
        """Options of the command for fields of the same names; what is not given is left out."""
        arguments: list[str] = []
        for name in names:
            option, value = "--" + name.replace("_", "-"), getattr(self, name)
            if value is True:
                arguments.append(option)
            elif value is not None and value is not False and value != "":
                # One text each, so that a value which begins with a hyphen is no option.
                values = value if isinstance(value, list) else [value]
                arguments += [f"{option}={text}" for text in values]
        return arguments


class _OfAssay(JobTask):
    """How a table of measurements is to be read."""

    file: Short = Field(description="Id of the uploaded table.")
    map: list[Short] = Field(default_factory=list, description="Texts such as heavy=VH.")
    unit: Short | None = Field(None, description="Unit of the values where no header says it.")
    quantity: Short | None = Field(None, description="KD, IC50, ... where no header says it.")
    assay: Short | None = Field(None, description="Which assay of a table that holds several.")
    parent_heavy: Chain | None = Field(None, description="Chain that the mutations change.")
    parent_light: Chain | None = Field(None, description="Its light chain.")
    numbering: Short | None = Field(None, description="How mutations are counted; from 1, or imgt.")
    arm: int | None = Field(None, ge=1, le=9, description="Of constructs with several domains.")
    quarantine: bool = Field(False, description="Set faulty rows aside instead of refusing.")
    keep_strangers: bool = Field(False, description="Learn from rows far from the parent, too.")
    seed: int = Field(0, ge=0)

    def _reading(self) -> list[str]:
        return self.options(
            "map", "unit", "quantity", "assay", "parent_heavy", "parent_light", "numbering", "arm",
            "quarantine", "keep_strangers", "seed",
        )  # fmt: skip


class PredictTable(JobTask):
    """Predict every pair of an uploaded table."""

    model_config = _request_config(file=_UPLOAD, level=0.9)

    file: Short = Field(description="Id of the uploaded table.")
    model: Short | None = Field(None, description="Name of an own model; without it the shipped.")
    antigen: list[Chain] = Field(default_factory=list, description="Antigen of every pair.")
    map: list[Short] = Field(default_factory=list, description="Texts such as heavy=VH.")
    level: float = Field(0.9, gt=0, lt=1)
    keep_going: bool = Field(True, description="Rows that cannot be predicted keep their reason.")
    parent_heavy: Chain | None = Field(None, description="Antibody that the rows are variants of.")
    parent_light: Chain | None = Field(None, description="Its light chain.")
    parent_library: bool = Field(False, description="The rows are variants of what they share.")
    numbering: Short | None = Field(None, description="How mutations are counted; from 1, or imgt.")
    chains: Short | None = Field(None, description="Of a structure: heavy=H,light=L,antigen=A,B.")
    arm: int | None = Field(None, ge=1, le=9, description="Of constructs with several domains.")
    most_umis: bool = Field(False, description="Of several chains of a cell take the commonest.")

    def command(self, places: Places, folder: Path) -> list[str]:
        """``abag predict --table``."""
        return [
            *("predict", "--table", str(places.uploaded(self.file))),
            *("--out", str(folder / "predictions.csv"), *_model(places, self.model)),
            *(["--parent=library"] if self.parent_library else []),
            *self.options(
                "level", "antigen", "map", "parent_heavy", "parent_light", "numbering", "chains",
                "arm", "keep_going", "most_umis",
            ),
        ]  # fmt: skip


class ScanMutants(JobTask):
    """Predict every single mutant of an antibody."""

    model_config = _request_config(heavy=HEAVY, light=LIGHT, cdrs=["H3"])

    heavy: Chain | None = Field(None, description="Parent; without it the one a model remembers.")
    light: Chain | None = None
    antigen: list[Chain] = Field(default_factory=list)
    model: Short | None = None
    campaign: Short | None = Field(None, description="A campaign, whose newest model is asked.")
    name: Short | None = None
    cdrs: list[Short] = Field(default_factory=list, description="Such as H3, L1.")
    level: float = Field(0.9, gt=0, lt=1)

    def command(self, places: Places, folder: Path) -> list[str]:
        """``abag scan``."""
        if self.campaign is None:
            model = _model(places, self.model)
        elif self.model is None:
            model = ["--model", str(places.campaign_model(self.campaign))]
        else:
            raise OptionError("give either a model or a campaign, not both")
        return [
            *("scan", "--out", str(folder / "scan"), *model),
            *self.options("level", "heavy", "light", "name", "antigen", "cdrs"),
        ]


class ExplainPair(JobTask):
    """Say what carries a prediction."""

    model_config = _request_config(heavy=HEAVY, light=LIGHT, antigen=[ANTIGEN])

    heavy: Chain
    light: Chain | None = None
    antigen: list[Chain] = Field(min_length=1)
    model: Short | None = None

    def command(self, places: Places, folder: Path) -> list[str]:
        """``abag explain``."""
        return [
            *("explain", "--out", str(folder / "explanation"), *_model(places, self.model)),
            *self.options("heavy", "light", "antigen"),
        ]


class AdaptModel(_OfAssay):
    """Learn a model of an assay."""

    model_config = _request_config(file=_UPLOAD, name="our SPR", unit="nM", quantity="KD")

    name: Short = Field(description="Name of the new model.")
    overwrite: bool = False

    def command(self, places: Places, folder: Path) -> list[str]:
        """``abag adapt --out``."""
        out = places.named("model", self.name)
        return [
            *("adapt", str(places.uploaded(self.file)), "--out", str(out)),
            *("--report", str(folder / "report")),
            *self._reading(),
            *self.options("overwrite"),
        ]


class ProposePlate(JobTask):
    """Choose a plate by a model, outside of any campaign."""

    model_config = _request_config(model="our SPR", wells=92)

    model: Short
    wells: int = Field(96, ge=1, le=1536)
    max_mutations: int | None = Field(None, ge=1, le=20)
    cdrs: list[Short] = Field(default_factory=list)
    seed: int = Field(0, ge=0)

    def command(self, places: Places, folder: Path) -> list[str]:
        """``abag propose --model``."""
        return [
            *("propose", "--model", str(places.existing("model", self.model))),
            *("--out", str(folder / "plate"), "--n", str(self.wells)),
            *self.options("seed", "max_mutations", "cdrs"),
        ]


class CampaignResults(_OfAssay):
    """Start a campaign with a table, or give a campaign the results of its plate."""

    model_config = _request_config(campaign="spring", file=_UPLOAD)

    campaign: Short
    allow_unproposed: bool = False
    failed: list[Short] = Field(default_factory=list, description="Wells without a measurement.")

    def command(self, places: Places, folder: Path) -> list[str]:
        """``abag adapt --campaign``."""
        del folder  # a campaign keeps its own files
        return [
            *("adapt", str(places.uploaded(self.file))),
            *("--campaign", str(places.named("campaign", self.campaign))),
            *self._reading(),
            *self.options("allow_unproposed", "failed"),
        ]


class CampaignPlate(JobTask):
    """Choose the next plate of a campaign."""

    model_config = _request_config(campaign="spring", wells=92, controls=4)

    campaign: Short
    wells: int = Field(96, ge=1, le=1536)
    controls: int = Field(0, ge=0, le=96, description="Wells of every plate for the parent.")
    max_mutations: int | None = Field(None, ge=1, le=20)
    cdrs: list[Short] = Field(default_factory=list, description="Such as H3, L1.")
    exclude: list[Short] = Field(
        default_factory=list, max_length=1536,
        description="Wells of the open plate that others are to take; the rest stays.",
    )  # fmt: skip
    overwrite: bool = Field(False, description="Choose the open plate anew, as a whole.")
    seed: int = Field(0, ge=0)

    def command(self, places: Places, folder: Path) -> list[str]:
        """``abag propose --campaign``."""
        del folder
        return [
            *("propose", "--campaign", str(places.existing("campaign", self.campaign))),
            *("--n", str(self.wells)),
            *self.options("seed", "controls", "max_mutations", "cdrs", "exclude", "overwrite"),
        ]


class OrderPlate(JobTask):
    """Files to order and pipette the last plate of a campaign, Excel among them."""

    model_config = _request_config(campaign="spring", host="h_sapiens")

    campaign: Short
    host: Short = Field("h_sapiens", description="Whose codons are used.")

    def command(self, places: Places, folder: Path) -> list[str]:
        """``abag order``."""
        return [
            *("order", str(places.existing("campaign", self.campaign))),
            *("--out", str(folder / "order"), *self.options("host")),
        ]


TASKS: Final[dict[str, type[JobTask]]] = {
    "predict-table": PredictTable,
    "scan": ScanMutants,
    "explain": ExplainPair,
    "adapt": AdaptModel,
    "propose": ProposePlate,
    "campaign-results": CampaignResults,
    "campaign-plate": CampaignPlate,
    "order": OrderPlate,
}
"""Kind of job -> what it is asked with. A new kind is a class and a line here."""


def _model(places: Places, name: str | None) -> list[str]:
    return [] if name is None else ["--model", str(places.existing("model", name))]
