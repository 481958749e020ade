"""Short questions, answered at once by the functions that command line and Python call.

Every function may run in several threads at once.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from abag.files import read_json

if TYPE_CHECKING:
    from abag.inference.predictor import Prediction, Predictor

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAY"
    "LQMNSLRAEDTAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQP"
    "EDFATYYCQQHYTTPPTFGQGTKVEIK"
)
ANTIGEN = (
    "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYVLIAHNQVRQVPLQRLRIV"
    "RGTQLFEDNYALAVLD"
)

_MOST_PAIRS = 200

Chain = Annotated[str, Field(max_length=100_000)]
Short = Annotated[str, Field(max_length=200)]


class PairRequest(BaseModel):
    """One antibody and its antigen."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"heavy": HEAVY, "light": LIGHT, "antigen": [ANTIGEN]}]},
    )

    heavy: Chain = Field(description="Heavy chain, VHH or whole scFv, one-letter code.")
    light: Chain | None = Field(None, description="Light chain, where there is one.")
    antigen: list[Chain] = Field(default_factory=list, max_length=20, description="Its chains.")
    level: float = Field(0.9, gt=0, lt=1, description="Share that intervals are to hold.")
    model: str | None = Field(None, max_length=100, description="An own model, by its name.")


class NumberRequest(BaseModel):
    """Chains to be numbered."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"sequence": [HEAVY]}]}
    )

    sequence: list[Chain] = Field(min_length=1, max_length=200)


class ColumnsRequest(BaseModel):
    """An uploaded table, and what its columns are said to be."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"file": "0123456789abcdef", "map": ["heavy=VH"]}]},
    )

    file: Short = Field(description="Id of the uploaded table.")
    map: list[Short] = Field(default_factory=list, description="Texts such as heavy=VH.")
    unit: Short | None = Field(None, description="Unit of the values where no header says it.")
    quantity: Short | None = Field(None, description="KD, IC50, ... where no header says it.")
    values: bool = Field(True, description="Whether the table must have measured values.")


class FileRequest(BaseModel):
    """An uploaded file of pairs."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"file": "0123456789abcdef"}]}
    )

    file: Short = Field(description="Id of the uploaded file.")


def predict(pair: PairRequest, folder: Path | None) -> Prediction:
    """One pair."""
    # Of an own model, the one that lies there now.
    changed = 0.0 if folder is None else (folder / "model.json").stat().st_mtime
    targets = [chain for chain in pair.antigen if chain.strip()]
    predictor = _loaded(folder, pair.level, changed)
    return predictor.predict_pair(pair.heavy, pair.light, targets)


def number(chains: NumberRequest) -> dict[str, Any]:
    """Chains with IMGT numbers."""
    from abag.antibody.numbering.table import number_records

    records = [(f"sequence {i}", text) for i, text in enumerate(chains.sequence, start=1)]
    return {"domains": number_records(records).to_dicts(), "out": None}


def columns(table: ColumnsRequest, path: Path) -> dict[str, Any]:
    """What each column of a table is taken for, and why."""
    from abag.data.formats.own_tables import explain_file

    explained = explain_file(
        path, table.map, unit=table.unit, quantity=table.quantity, with_values=table.values
    )
    return explained.as_json()


def pairs(path: Path) -> list[dict[str, Any]]:
    """The first pairs of a file: table, FASTA, AIRR or structure."""
    import polars as pl

    from abag.data.formats.reading import read_pairs

    frame = read_pairs(path, antigen_unknown=True).frame.head(_MOST_PAIRS)
    heavy = pl.coalesce("heavy", "scfv").alias("heavy")
    antigen = pl.col("antigen").list.join("/")
    return frame.select("antibody_name", "antigen_name", heavy, "light", antigen).to_dicts()


def health() -> str:
    """Predict one pair; gives the model's id."""
    pair = PairRequest(heavy=HEAVY, light=LIGHT, antigen=[ANTIGEN], model=None, level=0.9)
    return predict(pair, None).model_id


def examples() -> list[dict[str, Any]]:
    """The package's own table of well-known antibodies."""
    import polars as pl

    with as_file(files("abag") / "resources" / "examples" / "well_known.csv") as path:
        return pl.read_csv(path, infer_schema=False).to_dicts()


def card(folder: Path) -> dict[str, Any]:
    """What an own model is."""
    facts = read_json(folder / "model.json")
    return {"name": folder.name, "model_id": facts["model_id"], "training": facts["training"]}


@lru_cache(maxsize=8)
def _loaded(folder: Path | None, level: float, changed: float) -> Predictor:
    from abag.inference import load

    del changed  # part of the key: a model that was replaced is loaded anew
    return load(folder, level=level)
