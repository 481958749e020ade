from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from abag.encoders.adapters.builtin import BuiltinEncoder
from abag.encoders.adapters.builtin_model import BuiltinModel, Shape, shape_metadata
from abag.encoders.adapters.lora import digest_of_folder
from abag.encoders.protocol import Encoder
from abag.errors import EncoderError, FileFormatError
from abag.files import read_tensors, sha256_of, write_tensors
from abag.model.network.inputs import PairBatch, PairFeatures
from abag.model.network.network import make_network
from abag.training.adaptation import (
    ADAPTERS,
    SIDES,
    STAGE,
    STATE,
    Stage,
    adapt_encoders,
)
from abag.training.recipe import Recipe
from abag.training.run import make_trained_network
from abag.training.setup import Options, Setup, Sources, read_setup
from synthetic_encoder import HashEncoder
from synthetic_pairs import complexes_table
from synthetic_runs import tiny_recipe, write_inputs

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return write_inputs(tmp_path_factory.mktemp("inputs"), complexes_table(30, antigens=4))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random encoder of the built-in kind."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("encoder")
    shape = Shape(width=16, layers=1, heads=2, feed_forward=16)
    model = BuiltinModel(shape)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(1))
    save_file(model.state_dict(), folder / "weights.safetensors", shape_metadata(shape))
    card = {"id": "builtin", "width": 16, "max_residues": 400, "licence": "MIT"}
    revision = sha256_of(folder / "weights.safetensors")[:16]
    (folder / "card.json").write_text(json.dumps({**card, "revision": revision}))
    return folder


def recipe_of(*settings: str, epochs: int = 2) -> Recipe:
    return tiny_recipe(
        f'adaptation={{"epochs": {epochs}, "batch": 6, "lr": 0.01}}', *settings, name="v2.8"
    )


def setup_of(recipe: Recipe, sources: Sources, files: Path) -> Setup:
    encoder = BuiltinEncoder(files)
    return read_setup(recipe, sources, CPU, (encoder, encoder))


def adapted(run: Path, setup: Setup) -> Setup:
    done = adapt_encoders(run, setup, make_trained_network(setup))
    assert done is not None
    return done


def digests(setup: Setup) -> list[str]:
    encoders: tuple[Encoder, Encoder] = setup.antibody_encoder, setup.antigen_encoder
    return [encoder.identity.adapter_digest for encoder in encoders]


def test_both_encoders_get_adapters_of_their_own(sources: Sources, files: Path, tmp_path: Path):
    setup = setup_of(recipe_of(), sources, files)
    done = adapted(tmp_path, setup)
    assert done.antibody_encoder is not done.antigen_encoder
    assert len({*digests(done), ""}) == 3
    assert digests(done) == [digest_of_folder(tmp_path / ADAPTERS / side) for side in SIDES]
    stage = json.loads((tmp_path / ADAPTERS / STAGE).read_text())
    assert stage["digests"] == dict(zip(SIDES, digests(done), strict=True))
    assert len(stage["losses"]) == 2
    assert not (tmp_path / ADAPTERS / STATE).exists()


def test_the_same_seed_gives_the_same_adapters_and_another_others(
    sources: Sources, files: Path, tmp_path: Path
):
    found = []
    for place, seed in enumerate((1, 1, 2)):
        torch.manual_seed(place)  # what came before does not matter
        setup = setup_of(recipe_of(f"seed={seed}"), sources, files)
        found.append(digests(adapted(tmp_path / str(place), setup)))
    assert found[0] == found[1] != found[2]


def test_stopped_after_every_step_it_ends_with_the_same_adapters(
    sources: Sources, files: Path, tmp_path: Path
):
    straight = adapted(tmp_path / "straight", setup_of(recipe_of(), sources, files))
    run, stopped, stops = tmp_path / "stopped", None, 0
    while stopped is None:
        torch.manual_seed(stops)  # what another process would have drawn before
        stopped = one_step(run, setup_of(recipe_of(), sources, files))
        stops += 1
    assert stops == 2 * 3  # epochs, steps of each
    assert digests(stopped) == digests(straight)
    notes = [(tmp_path / name / ADAPTERS / STAGE).read_text() for name in ("straight", "stopped")]
    assert notes[0] == notes[1]
    assert not list((run / ADAPTERS).glob("stage*.safetensors"))


def one_step(run: Path, setup: Setup) -> Setup | None:
    return adapt_encoders(run, setup, make_trained_network(setup), Options(seconds=0))


def test_a_state_is_believed_only_where_it_is_whole_and_of_this_run(
    sources: Sources, files: Path, tmp_path: Path
):
    path, setup = tmp_path / ADAPTERS / STATE, setup_of(recipe_of(), sources, files)
    assert one_step(tmp_path, setup) is None
    whole = path.read_bytes()
    tensors, said = read_tensors(path)

    def refused(why: str, setup: Setup) -> None:
        with pytest.raises(FileFormatError, match=why):
            one_step(tmp_path, setup)

    path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    refused("another digest", setup_of(recipe_of(), sources, files))
    write_tensors(path, tensors, {**said, "format": "99"})
    refused("no training state of this abag", setup_of(recipe_of(), sources, files))
    path.write_bytes(whole)
    refused("another recipe", setup_of(recipe_of("seed=9"), sources, files))


def test_a_state_from_before_the_engines_were_one_goes_on(
    sources: Sources, files: Path, tmp_path: Path
):
    """It was written after each epoch, with names of its own and no format."""
    straight = adapted(tmp_path / "straight", setup_of(recipe_of(), sources, files))
    run = tmp_path / "stopped"
    for _ in range(3):
        assert one_step(run, setup_of(recipe_of(), sources, files)) is None
    tensors, said = read_tensors(run / ADAPTERS / STATE)
    setup = setup_of(recipe_of(), sources, files)
    encoders = BuiltinEncoder(files), BuiltinEncoder(files)
    stage = Stage.of(run / ADAPTERS, setup, make_trained_network(setup), encoders, None)
    place = {name: number for number, name in enumerate(stage.state.weights())}
    before = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        key, _, weight = rest.partition(".")
        before[rest if part == "model" else f"moment.{place[weight]}.{key}"] = tensor
    losses = json.loads(said["progress"])["losses"]
    write_tensors(run / ADAPTERS / STATE, before, {"losses": json.dumps(losses)})
    assert digests(adapted(run, setup_of(recipe_of(), sources, files))) == digests(straight)


def test_a_finished_stage_is_loaded_and_gives_the_same_rows(
    sources: Sources, files: Path, tmp_path: Path
):
    setup = setup_of(recipe_of(), sources, files)
    trained = adapted(tmp_path, setup)
    loaded = adapted(tmp_path, setup_of(recipe_of(), sources, files))
    assert digests(loaded) == digests(trained)
    table, config = setup.rows.table, setup.recipe.network
    first, again = (
        PairFeatures.of(table, s.antibody_encoder, s.antigen_encoder, config)
        for s in (trained, loaded)
    )
    assert torch.equal(first.antibodies.rows, again.antibodies.rows)
    assert torch.equal(first.antigens.rows, again.antigens.rows)
    bare = BuiltinEncoder(files)
    base = PairFeatures.of(table, bare, bare, config)
    assert (first.antibodies.rows - base.antibodies.rows).abs().max() > 1e-3


def test_an_adapter_that_was_swapped_is_refused(sources: Sources, files: Path, tmp_path: Path):
    adapted(tmp_path / "one", setup_of(recipe_of(), sources, files))
    adapted(tmp_path / "two", setup_of(recipe_of("seed=9"), sources, files))
    name = "adapter_model.safetensors"
    other = (tmp_path / "two" / ADAPTERS / "antigen" / name).read_bytes()
    (tmp_path / "one" / ADAPTERS / "antigen" / name).write_bytes(other)
    with pytest.raises(FileFormatError, match="does not hold the adapter that was saved there"):
        adapted(tmp_path / "one", setup_of(recipe_of(), sources, files))


def test_only_training_rows_are_learnt_from(sources: Sources, files: Path, tmp_path: Path):
    """v2.8's stages split the rows anew, so half of its test rows had been trained on."""
    setup = setup_of(recipe_of(), sources, files)
    left_out = np.concatenate([setup.rows.val, setup.rows.test])
    value = setup.rows.labels.value.copy()
    value[left_out] = 20 - value[left_out]
    other = setup_of(recipe_of(), sources, files)
    labels = replace(other.rows.labels, value=value)
    other = replace(other, rows=replace(other.rows, labels=labels))
    assert digests(adapted(tmp_path / "a", setup)) == digests(adapted(tmp_path / "b", other))


@pytest.mark.parametrize("pooling", ["residues", "mean"])
@pytest.mark.parametrize("regions", ["true", "false"])
def test_pairs_embedded_with_gradients_are_those_of_the_cached_way(
    pooling: str, regions: str, sources: Sources, files: Path, tmp_path: Path
):
    recipe = recipe_of(
        f"network.antibody.pooling={pooling}",
        f"network.antigen.pooling={pooling}",
        f"network.fusion.regions={regions}",
    )
    setup, encoder = setup_of(recipe, sources, files), BuiltinEncoder(files)
    rows = np.array([5, 0, 7, 5])
    table = setup.rows.table
    features = PairFeatures.of(table, encoder, encoder, recipe.network)
    cached = features.batch(rows.tolist())
    network = make_network(recipe.network, 16, 16)
    stage = Stage.of(tmp_path, setup, network, (BuiltinEncoder(files), BuiltinEncoder(files)), None)
    live = stage.pairs(rows)

    def of_pairs(batch: PairBatch, name: str) -> torch.Tensor:
        of = batch.antigen_of if name.startswith("antigen") else batch.antibody_of
        assert of is not None  # two rows are one pair
        return getattr(batch, name)[of]

    for name in ("antibody", "antigen"):
        assert torch.allclose(of_pairs(live, name), of_pairs(cached, name), atol=1e-5)
    for name in ("antibody_mask", "antigen_mask", "regions"):
        assert torch.equal(of_pairs(live, name), of_pairs(cached, name))
    network = make_network(recipe.network, 16, 16).eval()
    assert torch.allclose(network(live).pkd, network(cached).pkd, atol=1e-5)


def test_an_encoder_without_gradients_is_refused_before_anything_is_written(
    sources: Sources, tmp_path: Path
):
    encoder = HashEncoder()
    setup = read_setup(recipe_of(), sources, CPU, (encoder, encoder))
    with pytest.raises(EncoderError, match="hash cannot be adapted"):
        adapted(tmp_path / "run", setup)
    assert not (tmp_path / "run").exists()


def test_a_recipe_without_a_first_stage_keeps_its_encoders(sources: Sources, tmp_path: Path):
    encoder = HashEncoder()
    setup = read_setup(tiny_recipe(), sources, CPU, (encoder, encoder))
    assert adapted(tmp_path / "run", setup) is setup
