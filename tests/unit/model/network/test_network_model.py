from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from abag.encoders.adapters.builtin import BuiltinEncoder
from abag.encoders.adapters.catalogue import ENTRIES
from abag.encoders.adapters.lora import new_lora
from abag.encoders.protocol import Encoder
from abag.errors import EncoderError, ModelError, SchemaError, UnavailableError
from abag.inference.predictor import Predictor
from abag.model.network.config import HeadConfig, NetworkConfig
from abag.model.network.encoders import FOLDERS
from abag.model.network.model import NetworkModel
from abag.model.network.network import make_network
from abag.model.protocol import AffinityModel, create_model, load_model
from encoder_zoo import CASES
from synthetic_encoder import HashEncoder

Make = Callable[..., NetworkConfig]
RECIPE = {"name": "v2.6", "seed": 7}
HEADS = HeadConfig(hidden=(16,), classifier=True, variance=True)


@pytest.fixture
def table(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.with_columns(
        pkd=pl.Series([6.0, 7.0, 8.0, 9.0, None, 5.0]),
        pkd_lower=pl.Series([6.0, 7.0, 8.0, 9.0, None, 5.0]),
        pkd_upper=pl.Series([6.0, 7.0, 8.0, 9.0, 5.0, 5.0]),
    )


def model_of(
    table: pl.DataFrame, config: NetworkConfig, *encoders: Encoder, recipe: Any = RECIPE
) -> NetworkModel:
    antibody, antigen = encoders if encoders else (BuiltinEncoder(), BuiltinEncoder())
    network = make_network(config, antibody.facts.width, antigen.facts.width, seed=3)
    network.centre(7.5)
    return NetworkModel.from_trained(
        network,
        recipe=recipe,
        antibody_encoder=antibody,
        antigen_encoder=antigen,
        table=table,
        origin={"split_digest": "s"},
    )


def trained_adapter(seed: int) -> BuiltinEncoder:
    """The built-in encoder with an adapter that is no longer neutral."""
    encoder = BuiltinEncoder()
    generator = torch.Generator().manual_seed(seed)
    for parameter in new_lora(encoder, seed=seed):
        torch.nn.init.normal_(parameter.data, std=0.3, generator=generator)
    return encoder


def test_a_prediction_is_the_same_alone_in_any_batch_and_in_any_order(
    table: pl.DataFrame, config_of: Make
):
    model = model_of(table, config_of())
    whole = model.predict(table)
    alone = np.concatenate([model.predict(table[i : i + 1]) for i in range(6)])
    backwards = model.predict(table[::-1])[::-1]
    assert np.abs(whole - alone).max() <= 1e-5
    assert np.abs(whole - backwards).max() <= 1e-5
    assert whole.shape == (6,)
    assert np.std(whole) > 1e-3


def test_it_is_a_model_like_any_other(table: pl.DataFrame, config_of: Make):
    model: AffinityModel = model_of(table, config_of())
    assert model.target == "pkd"
    assert model.settings.model_dump() == {"target": "pkd", "seed": 7, "recipe": "v2.6"}
    assert model.domain.knows_antibody(table).all()
    # Five exact rows and one bound: a network learns from all six.
    summary = model.training
    assert (summary.rows_exact, summary.rows_censored, summary.rows_used) == (5, 1, 6)
    assert summary.origin == {"split_digest": "s"}
    assert model.predict(table.clear()).shape == (0,)


def test_saved_and_loaded_it_predicts_the_same(
    table: pl.DataFrame, config_of: Make, tmp_path: Path
):
    model = model_of(table, config_of(head=HEADS))
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded, NetworkModel)
    assert loaded.model_id == model.model_id
    assert loaded.recipe == RECIPE
    assert loaded.config == model.config
    np.testing.assert_array_equal(loaded.predict(table), model.predict(table))
    first = (tmp_path / "model" / "weights.safetensors").read_bytes()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "weights.safetensors").read_bytes() == first


def test_it_says_what_its_other_heads_say(table: pl.DataFrame, config_of: Make):
    said = model_of(table, config_of(head=HEADS)).predictions(table)
    assert said.strong_probability is not None
    assert ((said.strong_probability > 0) & (said.strong_probability < 1)).all()
    assert said.deviation is not None
    assert (said.deviation > 0).all()
    plain = model_of(table, config_of()).predictions(table)
    assert plain.strong_probability is None
    assert plain.deviation is None


def test_the_predictor_serves_it(table: pl.DataFrame, config_of: Make, tmp_path: Path):
    model = model_of(table, config_of())
    model.save(tmp_path / "model")
    predictor = Predictor.load(tmp_path / "model")
    heavy, light, antigen = table.select("heavy", "light", "antigen").row(0)
    one = predictor.predict_pair(heavy, light, antigen)
    assert one.pkd == pytest.approx(model.predict(table[:1])[0], abs=1e-5)
    assert one.model_id == model.model_id
    out = predictor.predict_table(table.select("heavy", "light", "antigen"), keep_going=True)
    assert out["pkd"].is_not_null().all()


def test_rows_without_a_chain_are_refused_one_by_one(table: pl.DataFrame, config_of: Make):
    model = model_of(table, config_of())
    rows = pl.DataFrame(
        {
            "heavy": ["EVQLV", None, "EVQLV", "EV1"],
            "light": [None, "DIQ", None, None],
            "antigen": [["MKV"], ["MKV"], [], ["MKV"]],
        },
        schema_overrides={"antigen": pl.List(pl.String())},
    )
    refusals = model.refusals(rows)
    assert refusals[0] is None
    assert refusals[1] == "no heavy chain, which this model reads"
    assert refusals[2] == "no antigen sequence, which this model reads"
    assert refusals[3] is not None
    assert "'1' at residue 3" in refusals[3]
    with pytest.raises(SchemaError):
        model.predict(table.drop("antigen"))


def test_molecules_read_in_windows_are_flagged(table: pl.DataFrame, config_of: Make):
    model = model_of(table, config_of())
    limit = BuiltinEncoder().facts.max_residues
    long = table[:2].with_columns(antigen=pl.Series([["A" * (limit + 1), "A"], ["A" * limit]]))
    assert model.row_flags(long)["read_in_windows"].tolist() == [True, False]


def test_adapters_travel_with_the_model_and_are_used(
    table: pl.DataFrame, config_of: Make, tmp_path: Path
):
    """The release v2.8 served its bare encoders; here the served model is the trained one."""
    adapted = trained_adapter(1), trained_adapter(2)
    model = model_of(table, config_of(), *adapted)
    before = model.predict(table)
    model.save(tmp_path / "model")
    loaded = NetworkModel.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.predict(table), before, atol=1e-5)
    digests = [encoder.identity.adapter_digest for encoder in loaded.encoders]
    assert digests == [encoder.identity.adapter_digest for encoder in adapted]
    assert len(set(digests)) == 2
    bare = model_of(table, config_of())
    assert np.abs(bare.predict(table) - before).max() > 1e-2


def test_an_adapter_that_is_not_the_recorded_one_is_refused(
    table: pl.DataFrame, config_of: Make, tmp_path: Path
):
    from abag.model import artefact

    model_of(table, config_of(), trained_adapter(1), BuiltinEncoder()).save(tmp_path / "model")
    saved = artefact.read(tmp_path / "model")
    name = next(key for key in saved.arrays if key.startswith("adapter.antibody."))
    arrays = {**saved.arrays, name: saved.arrays[name] * 2}
    replace(saved, arrays=arrays).write(tmp_path / "changed")
    with pytest.raises(ModelError, match="antibody encoder builtin has the adapter"):
        NetworkModel.load(tmp_path / "changed")


def test_an_encoder_that_is_not_the_trained_one_is_refused_by_name(
    table: pl.DataFrame, config_of: Make, tmp_path: Path
):
    trained = HashEncoder(width=6, id="hash", revision="r1")
    model_of(table, config_of(), trained, trained).save(tmp_path / "model")
    same = HashEncoder(width=6, id="hash", revision="r1")
    NetworkModel.load(tmp_path / "model", encoders=(same, same))
    newer = HashEncoder(width=6, id="hash", revision="r2")
    with pytest.raises(ModelError, match="antigen encoder than hash here: revision r1, not r2"):
        NetworkModel.load(tmp_path / "model", encoders=(same, newer))
    adapted = HashEncoder(width=6, id="hash", adapter_digest="abc")
    with pytest.raises(ModelError, match="adapter digest none, not abc"):
        NetworkModel.load(tmp_path / "model", encoders=(adapted, same))
    wider = HashEncoder(width=7, id="hash", revision="r1")
    with pytest.raises(EncoderError, match="width 6, hash gives 7"):
        NetworkModel.load(tmp_path / "model", encoders=(wider, same))
    with pytest.raises(EncoderError, match="there is no encoder 'hash'"):
        NetworkModel.load(tmp_path / "model")


def test_an_encoder_of_another_width_than_the_networks_is_refused(
    table: pl.DataFrame, config_of: Make
):
    encoder = HashEncoder(width=6)
    with pytest.raises(EncoderError, match="width 8, hash gives 6"):
        NetworkModel.from_trained(
            make_network(config_of(), 6, 8),
            recipe=RECIPE,
            antibody_encoder=encoder,
            antigen_encoder=encoder,
            table=table,
        )


def test_local_encoder_files_are_found_below_the_named_folder(
    table: pl.DataFrame, config_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    case = next(case for case in CASES if case.id == "esm2-8m")
    monkeypatch.setitem(ENTRIES, "esm2-8m", case.entry())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    case.write(tmp_path / "files" / "esm2-8m")
    encoder = case.open(tmp_path / "files" / "esm2-8m")
    model = model_of(table, config_of(), encoder, encoder)
    model.save(tmp_path / "model")
    monkeypatch.setenv(FOLDERS, str(tmp_path / "files"))
    loaded = NetworkModel.load(tmp_path / "model", device="cpu")
    np.testing.assert_allclose(loaded.predict(table), model.predict(table), atol=1e-5)
    assert loaded.encoders[0] is loaded.encoders[1]


def test_a_changed_or_foreign_file_is_refused(table: pl.DataFrame, config_of: Make, tmp_path: Path):
    model_of(table, config_of()).save(tmp_path / "model")
    create_model("mean").fit(table).save(tmp_path / "mean")
    with pytest.raises(ModelError, match="holds a model 'mean', not 'network'"):
        NetworkModel.load(tmp_path / "mean")
    path = tmp_path / "model" / "model.json"
    content = json.loads(path.read_text())
    content["settings"]["network"]["fusion"]["heads"] = 2
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="was changed after it was saved"):
        NetworkModel.load(tmp_path / "model")


def test_weights_that_do_not_fit_their_configuration_are_refused(
    table: pl.DataFrame, config_of: Make, tmp_path: Path
):
    from abag.model import artefact

    model_of(table, config_of()).save(tmp_path / "model")
    saved = artefact.read(tmp_path / "model")
    without = {k: v for k, v in saved.arrays.items() if k != "network.pkd.bias"}
    replace(saved, arrays=without).write(tmp_path / "changed")
    with pytest.raises(ModelError, match="no whole network"):
        NetworkModel.load(tmp_path / "changed")


def test_fitting_it_names_the_command_that_trains_it(table: pl.DataFrame):
    with pytest.raises(ModelError, match="abag train"):
        create_model("network").fit(table)
    with pytest.raises(ModelError, match="not trained"):
        create_model("network").predict(table)


def test_without_torch_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="torch")

    monkeypatch.setattr("abag.model.protocol.import_module", absent)
    with pytest.raises(UnavailableError, match=r"'network' needs PyTorch: .*abag\[network\]"):
        create_model("network")
