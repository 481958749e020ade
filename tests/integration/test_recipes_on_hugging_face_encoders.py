"""Every recipe trains and is served on small random IgT5, ESM-2 and ProtT5 models.

The files are written by the test; everything else is the way of the published models: the
catalogue, the tokenizer, the guard, transformers, PEFT, the saved model, the predictor.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
if find_spec("peft") is None:  # its import takes longer than those of all other libraries
    pytest.skip("peft is not installed", allow_module_level=True)

from abag.encoders.adapters.catalogue import ENTRIES
from abag.inference.predictor import Predictor
from abag.model.network.encoders import FOLDERS
from abag.model.network.model import NetworkModel
from abag.training.recipe import load_recipe
from abag.training.run import train
from abag.training.setup import Sources
from encoder_zoo import WIDTH, write_esm, write_t5, write_t5_sentencepiece
from synthetic_pairs import complexes_table
from synthetic_runs import QUIET, TINY, write_inputs

WRITERS = {
    "igt5": write_t5, "esm2-650m": write_esm, "esm2-3b": write_esm,
    "prott5": write_t5_sentencepiece,
}  # fmt: skip
SETTINGS = [
    *(setting for setting in TINY if not setting.endswith(("=hash", "=null"))),
    "stopping.epochs=1",
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return write_inputs(tmp_path_factory.mktemp("inputs"), complexes_table(30, antigens=4))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of encoders' files, each in a folder of its id."""
    folder = tmp_path_factory.mktemp("models")
    for name, write in WRITERS.items():
        write(folder / name)
    return folder


@pytest.fixture(autouse=True)
def small_and_offline(monkeypatch: pytest.MonkeyPatch, models: Path, tmp_path: Path) -> None:
    for name in WRITERS:
        monkeypatch.setitem(ENTRIES, name, replace(ENTRIES[name], width=WIDTH, max_residues=300))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(FOLDERS, str(models))


@pytest.mark.parametrize(
    ("name", "antibody", "antigen"),
    [
        ("v2.5", "igt5", "esm2-650m"),
        ("v2.6", "igt5", "esm2-3b"),
        ("v2.7", "igt5", "esm2-3b"),
        ("v2.8", "igt5", "prott5"),
        ("default", "igt5", "prott5"),
    ],
)
def test_a_recipe_trains_on_its_own_encoders_and_is_served(
    name: str, antibody: str, antigen: str, sources: Sources, models: Path, tmp_path: Path
):
    settings = list(SETTINGS)
    if name == "default":
        settings += [f"network.antibody.id={antibody}", f"network.antigen.id={antigen}"]
    recipe = load_recipe(name, settings)
    assert (recipe.network.antibody.id, recipe.network.antigen.id) == (antibody, antigen)
    assert (recipe.adaptation is not None) is (name == "v2.8")
    here = replace(sources, antibody_folder=models / antibody, antigen_folder=models / antigen)
    assert train(recipe, here, tmp_path / "run", QUIET).finished
    tested = pl.read_csv(tmp_path / "run" / "test_predictions.csv")
    rows = pl.read_parquet(sources.table).join(tested, on="record_id", maintain_order="right")
    predictor = Predictor.load(tmp_path / "run" / "model")
    served = predictor.predict_table(rows.select("heavy", "light", "antigen"))
    assert np.abs(served["pkd"].to_numpy() - rows["pred"].to_numpy()).max() < 1e-4
    assert isinstance(predictor.model, NetworkModel)
    adapted = [bool(e.identity.adapter_digest) for e in predictor.model.encoders]
    assert adapted == [name == "v2.8"] * 2
