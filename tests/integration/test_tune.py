"""A search looks at the validation part alone, and goes on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

from abag.errors import ModelError, OptionError
from abag.training import tune as module
from abag.training.finish import _test as look_at_test
from abag.training.recipe import load_recipe
from abag.training.setup import Sources
from abag.training.tune import Range, tune, with_values
from synthetic_runs import QUIET, encoders, tiny_recipe, write_inputs

SEARCH = ["optimiser.lr=1e-4:1e-2:log", "batch.size=4,8", "stopping.patience=2:5"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


def test_a_search_that_was_killed_goes_on_with_the_trial_it_was_in(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out, trained = tiny_recipe("stopping.epochs=1"), tmp_path / "study", []

    def killed(recipe, sources, run, options, encoders):
        trained.append(run.name)
        if run.name != "0001":
            return own(recipe, sources, run, options, encoders)
        own(recipe, sources, run, replace(options, seconds=0.0), encoders)
        raise KeyboardInterrupt

    own = module.train
    monkeypatch.setattr(module, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(recipe, sources, out, 3, SEARCH, QUIET, encoders())
    monkeypatch.setattr(module, "train", own)
    done = tune(recipe, sources, out, 3, SEARCH, QUIET, encoders())
    assert (done.trials, done.failed) == (3, 0)
    assert trained == ["0000", "0001"]
    straight = tune(recipe, sources, tmp_path / "straight", 3, SEARCH, QUIET, encoders())
    assert replace(straight, folder=out) == done
    for name in ("trials.csv", "best.toml"):
        assert (out / name).read_text() == (tmp_path / "straight" / name).read_text()
    trials = pl.read_csv(out / "trials.csv")
    assert trials["trial"].to_list() == [0, 1, 2]
    assert trials["val_spearman"].max() == pytest.approx(done.best)
    assert trials["optimiser.lr"].n_unique() == 3
    again = tune(recipe, sources, out, 3, SEARCH, QUIET, encoders())
    assert again == done
    best = load_recipe(out / "best.toml")
    assert best.optimiser.lr == done.settings["optimiser.lr"]
    assert best.name == "default-tuned"
    assert best.loss == recipe.loss


def test_the_test_part_is_never_read(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(*_: object) -> None:
        raise AssertionError("the test part was read")

    monkeypatch.setattr(f"{look_at_test.__module__}._test", looked)
    out = tmp_path / "study"
    tune(tiny_recipe("stopping.epochs=1"), sources, out, 1, SEARCH, QUIET, encoders())
    metrics = json.loads((out / "trials" / "0000" / "metrics.json").read_text())
    assert metrics["test"] == {}
    assert not (out / "trials" / "0000" / "test_predictions.csv").exists()


def test_a_study_is_of_one_recipe_and_one_search(tmp_path: Path, sources: Sources) -> None:
    recipe, out = tiny_recipe("stopping.epochs=1"), tmp_path / "study"
    tune(recipe, sources, out, 1, SEARCH, QUIET, encoders())
    with pytest.raises(OptionError, match="a search of another search"):
        tune(recipe, sources, out, 2, SEARCH[:1], QUIET, encoders())
    with pytest.raises(OptionError, match="a search of another recipe"):
        tune(tiny_recipe("seed=3"), sources, out, 2, SEARCH, QUIET, encoders())


def test_where_every_trial_fails_the_search_says_why(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ModelError("no such thing")

    monkeypatch.setattr(module, "train", fail)
    with pytest.raises(OptionError, match=r"first 3 trials all failed.*no such thing"):
        tune(tiny_recipe(), sources, tmp_path / "study", 5, SEARCH, QUIET, encoders())


def test_ranges_are_read_as_they_are_written() -> None:
    assert Range.parse("optimiser.lr=1e-5:1e-2:log") == Range("optimiser.lr", (), 1e-5, 1e-2, True)
    assert Range.parse("batch.size=16,32") == Range("batch.size", (16, 32))
    assert Range.parse("network.fusion.blocks=1:3").whole
    assert Range.parse("schedule.kind=cosine,plateau").choices == ("cosine", "plateau")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("optimiser.lr", "is not KEY=LOW:HIGH"),
        ("optimiser.lr=1", "nothing to choose"),
        ("optimiser.lr=1e-2:1e-5", "LOW below HIGH"),
        ("optimiser.lr=0:1:log", "begins above 0"),
        ("optimiser.lr=a:b", "are no numbers"),
        ("optimiser.lr=1e-5:1e-2:cubic", "nothing or log"),
        ("optimiser.lrr=1e-5:1e-2", "did you mean 'lr'"),
        ("head.nothing.at=1:2", "no such place"),
        ("network.fusion.dropout=0:2", "less than 1"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    text: str, reason: str, tmp_path: Path, sources: Sources
) -> None:
    with pytest.raises(OptionError, match=reason):
        tune(tiny_recipe(), sources, tmp_path / "study", 1, [text], QUIET, encoders())
    assert not (tmp_path / "study").exists()


def test_the_default_ranges_suit_every_recipe() -> None:
    from abag.training.recipe import recipe_names

    for name in recipe_names():
        for text in module.DEFAULTS:
            one = Range.parse(text)
            for value in one.choices or (one.low, one.high):
                found: Any = with_values(load_recipe(name), {one.key: value}).as_json()
                for part in one.key.split("."):
                    found = found[int(part) if isinstance(found, list) else part]
                assert found == value


def test_a_search_that_was_killed_while_its_study_was_made_begins_anew(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    recipe, out = tiny_recipe("stopping.epochs=1"), tmp_path / "study"
    with monkeypatch.context() as patch:
        patch.setattr("optuna.create_study", killed)  # its tables are there, its name is not
        with pytest.raises(KeyboardInterrupt):
            tune(recipe, sources, out, 1, SEARCH, QUIET, encoders())
    assert tune(recipe, sources, out, 1, SEARCH, QUIET, encoders()).trials == 1
