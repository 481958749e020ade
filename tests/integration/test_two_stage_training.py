"""v2.8 from end to end: one split for both stages, and the served model carries its adapters."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")
if find_spec("peft") is None:  # its import takes longer than those of all other libraries
    pytest.skip("peft is not installed", allow_module_level=True)

from abag.encoders.adapters.builtin import BuiltinEncoder
from abag.encoders.protocol import Encoder
from abag.encoders.storage.store import rooms
from abag.inference.predictor import Predictor
from abag.model.network.model import NetworkModel
from abag.training.adaptation import ADAPTERS, STAGE
from abag.training.recipe import Recipe
from abag.training.run import resume, train
from abag.training.setup import Sources
from synthetic_pairs import complexes_table
from synthetic_runs import QUIET, outcome, tiny_recipe, with_time, write_inputs


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    short = [pl.col(chain).str.head(40) for chain in ("heavy", "light")]
    table = complexes_table(20, antigens=4).with_columns(*short)
    return write_inputs(tmp_path_factory.mktemp("inputs"), table)


def recipe(epochs: int = 2) -> Recipe:
    """Of both stages."""
    sides = ["network.antibody.id=builtin", "network.antigen.id=builtin"]
    stages = [
        f'adaptation={{"epochs": {epochs}, "batch": 8, "lr": 0.01}}',
        f"stopping.epochs={epochs}",
    ]
    return tiny_recipe(*sides, *stages, name="v2.8")


def encoders() -> tuple[Encoder, Encoder]:
    one = BuiltinEncoder()
    return one, one


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, sources: Sources) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    assert train(recipe(), sources, out, QUIET, encoders()).finished
    return out


def test_the_served_model_is_the_trained_one_with_its_adapters(run: Path, sources: Sources):
    stage = json.loads((run / ADAPTERS / STAGE).read_text())
    model = NetworkModel.load(run / "model", device="cpu")
    digests = [encoder.identity.adapter_digest for encoder in model.encoders]
    assert digests == [stage["digests"]["antibody"], stage["digests"]["antigen"]]
    tested = pl.read_csv(run / "test_predictions.csv")
    rows = pl.read_parquet(sources.table).join(tested, on="record_id", maintain_order="right")
    served = model.predict(rows)
    assert np.abs(served - rows["pred"].to_numpy()).max() < 1e-4


def test_its_bare_encoders_would_give_other_predictions(run: Path, sources: Sources):
    """What the release's server did."""
    model = NetworkModel.load(run / "model", device="cpu")
    bare = NetworkModel.from_trained(
        model._require_trained().network,
        recipe=model.recipe,
        antibody_encoder=BuiltinEncoder(),
        antigen_encoder=BuiltinEncoder(),
        table=pl.read_parquet(sources.table),
    )
    table = pl.read_parquet(sources.table)
    assert np.abs(bare.predict(table) - model.predict(table)).max() > 1e-3
    assert bare.model_id != model.model_id


def test_the_predictor_serves_it(run: Path):
    table = complexes_table(3, antigens=2)  # the predictor asks for whole domains
    out = Predictor.load(run / "model").predict_table(table.select("heavy", "light", "antigen"))
    np.testing.assert_allclose(
        out["pkd"].to_numpy(), NetworkModel.load(run / "model").predict(table), atol=1e-5
    )


def test_stopped_after_every_step_of_both_stages_it_ends_with_the_same_bits(
    run: Path, sources: Sources, tmp_path: Path
):
    stopped = tmp_path / "run"
    done = train(recipe(), sources, stopped, with_time(0), encoders())
    assert (done.finished, done.steps, done.status) == (False, 0, "training")
    stops = 0
    while not done.finished:
        done, stops = resume(stopped, with_time(0), encoders=encoders()), stops + 1
    assert stops > done.steps  # some of them in the first stage
    assert outcome(stopped) == outcome(run)


def test_embeddings_are_kept_under_the_digest_of_their_adapter(sources: Sources, tmp_path: Path):
    store = tmp_path / "store"
    train(recipe(1), replace(sources, store=store), tmp_path / "run", QUIET, encoders())
    stage = json.loads((tmp_path / "run" / ADAPTERS / STAGE).read_text())
    kept = {room.identity.adapter_digest for room in rooms(store)}
    assert kept == set(stage["digests"].values())
