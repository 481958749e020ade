import json

import pytest

from abag.errors import MissingFileError, OptionError
from abag.training.recipe import Recipe, field_description, load_recipe, parse_recipe, recipe_names


def test_the_four_releases_and_ours_are_shipped() -> None:
    assert recipe_names() == ("v2.5", "v2.6", "v2.7", "v2.8", "default")


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_parses_names_itself_and_says_how_it_differs(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.differs


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_survives_json(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(json.loads(json.dumps(recipe.as_json()))) == recipe


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        # The table of the releases, row by row.
        ("v2.5", ("igt5", "esm2-650m", "concatenation", 4e-3, 0.01, 16 * 4, 10, "free")),
        ("v2.6", ("igt5", "esm2-3b", "cross-attention", 5e-4, 0.01, 32 * 4, 10, "free")),
        ("v2.7", ("igt5", "esm2-3b", "cross-attention", 1e-3, 1e-5, 16 * 8, 15, "clamp")),
        ("v2.8", ("igt5", "prott5", "cross-attention", 1e-3, 1e-4, 256, 15, "free")),
    ],
)
def test_a_release_keeps_its_facts(name: str, facts: tuple[object, ...]) -> None:
    r = load_recipe(name)
    assert facts == (
        r.network.antibody.id,
        r.network.antigen.id,
        r.network.fusion.kind,
        r.optimiser.lr,
        r.optimiser.weight_decay,
        r.batch.size * r.batch.accumulate,
        r.stopping.patience,
        r.network.output.range,
    )


def test_the_losses_of_the_releases_have_their_weights() -> None:
    losses = {n: [(t.kind, t.weight) for t in load_recipe(n).loss] for n in recipe_names()}
    assert losses["v2.5"] == [("focal-mse", 1.0)]
    assert losses["v2.6"] == [("huber", 0.5), ("soft-spearman", 0.4), ("bce", 0.1)]
    assert losses["v2.7"] == [("mse", 0.7), ("bce", 0.3)]
    assert losses["v2.8"] == [("mse", 1.0)]


def test_only_v2_8_adapts_its_encoders_with_rank_4() -> None:
    adapted = {n: load_recipe(n).adaptation for n in recipe_names()}
    assert [n for n, a in adapted.items() if a] == ["v2.8"]
    assert adapted["v2.8"] is not None
    assert (adapted["v2.8"].rank, adapted["v2.8"].alpha, adapted["v2.8"].dropout) == (4, 8, 0.1)


def test_settings_override_a_recipe_down_to_one_loss_term() -> None:
    recipe = load_recipe("v2.6", ["optimiser.lr=1e-4", "loss.0.delta=2", "adaptation.rank=8"])
    assert recipe.optimiser.lr == 1e-4
    assert recipe.loss[0].delta == 2.0  # type: ignore[union-attr]
    assert recipe.adaptation is not None
    assert recipe.adaptation.rank == 8


def test_null_takes_a_part_away() -> None:
    assert load_recipe("v2.8", ["adaptation=null"]).adaptation is None


def test_all_faults_are_named_at_once_with_the_nearest_key() -> None:
    with pytest.raises(OptionError) as error:
        load_recipe("v2.6", ["optimiser.lrr=1", "optimiser.weight_decay=-1", "seed=x"])
    message = str(error.value)
    assert "unknown key 'optimiser.lrr'; did you mean 'lr'?" in message
    assert "optimiser.weight_decay=-1" in message
    assert "seed='x'" in message


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["network.head.classifier=false"], "classifier"),
        (["loss.0.kind=foo"], "'focal-mse'"),
        (["loss.0.gama=2"], "gama"),
        (["network.output.low=20"], "not below"),
        (["network.fusion.heads=7"], "number of heads"),
        (["rows=all"], "per_assay"),
        (["stopping.metric=auc"], "spearman"),
        (["nonsense"], "KEY=VALUE"),
        (["seed.deep=1"], "a value above"),
        (["loss.9.kind=mse"], "none of the 3 terms"),
        (["loss.first.kind=mse"], "none of the 3 terms"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(settings: list[str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        load_recipe("v2.6", settings)


def test_an_unknown_recipe_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(MissingFileError, match=r"did you mean 'v2\.7'"):
        load_recipe("v2.77")


def test_a_file_of_ones_own_is_a_recipe(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[optimiser]\nlr = 0.01\n')
    assert load_recipe(path).optimiser.lr == 0.01
    path.write_text("name = ")
    with pytest.raises(OptionError, match="is not TOML"):
        load_recipe(path)


def test_every_setting_is_described() -> None:
    def undescribed(values: object, place: list[str]) -> list[str]:
        if isinstance(values, dict):
            return [u for k, v in values.items() for u in undescribed(v, [*place, k])]
        if place[-1] == "kind" and place[0] == "loss":
            return []
        return [] if field_description(Recipe, place) else [".".join(place)]

    content = load_recipe("v2.8").as_json()
    content["loss"] = content["loss"][0]
    assert undescribed(content, []) == []
