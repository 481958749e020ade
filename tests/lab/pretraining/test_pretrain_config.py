"""Recipes: frozen, unknown keys refused by name, every shipped one parses."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag.errors import OptionError
from abag_lab.pretraining.config import CHANGEABLE, PretrainConfig, load_config, parse_settings

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("pretrain-*.json"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.name)
def test_a_shipped_recipe_parses_and_stays_under_15_million_parameters(path: Path) -> None:
    pytest.importorskip("torch")
    from abag_lab.pretraining.loop import make_model

    assert make_model(load_config(path)).count() <= 15_000_000


def test_there_are_recipes() -> None:
    assert len(RECIPES) == 2


def test_settings_override_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"steps": 5, "width": 64}')
    config = load_config(tmp_path / "r.json", ["steps=7", "precision=fp32"])
    assert (config.steps, config.width, config.precision) == (7, 64, "fp32")


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(OptionError) as caught:
        load_config(None, ["lerning_rate=1", "steps=0", "mask_share=nan"])
    text = str(caught.value)
    assert "did you mean 'learning_rate'" in text
    assert "steps=0" in text
    assert "mask_share" in text


def test_a_setting_without_an_equals_sign_is_refused() -> None:
    with pytest.raises(OptionError, match="KEY=VALUE"):
        parse_settings(["steps"])


def test_what_a_resumed_run_may_change_exists() -> None:
    assert set(PretrainConfig.model_fields) >= CHANGEABLE


def test_a_recipe_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("[1]")
    with pytest.raises(OptionError, match="no JSON object"):
        load_config(tmp_path / "r.json")
