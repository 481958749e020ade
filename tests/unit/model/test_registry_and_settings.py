import pytest

from abag.errors import OptionError
from abag.model.baselines.kmer_ridge import KmerRidge, KmerRidgeSettings
from abag.model.protocol import MODELS, create_model, model_class, parse_settings, split_assignments


@pytest.mark.parametrize("name", MODELS)
def test_every_registered_model_carries_its_name(name: str) -> None:
    assert model_class(name).name == name


def test_an_unknown_model_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(OptionError, match="did you mean 'kmer-ridge'"):
        create_model("kmer-rigde")


def test_an_unknown_setting_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(OptionError, match="did you mean 'ridge'"):
        KmerRidge(rigde=0.1)


def test_every_fault_of_the_settings_is_named_at_once() -> None:
    with pytest.raises(OptionError) as caught:
        parse_settings(KmerRidgeSettings, {"ridge": "-1", "target": "kd", "speed": "9"}, "m")
    for word in ("ridge=-1", "target=kd", "no setting 'speed'"):
        assert word in str(caught.value)


def test_texts_become_numbers() -> None:
    assert create_model("kmer-ridge", {"ridge": "0.03"}).settings.ridge == 0.03


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        KmerRidgeSettings().ridge = 1.0


def test_assignments_are_split_once() -> None:
    assert split_assignments(["a=1", "b = x=y"]) == {"a": "1", "b": "x=y"}


@pytest.mark.parametrize("bad", [["ridge"], ["=1"], ["ridge="], ["a=1", "a=2"]])
def test_assignments_that_are_none_are_refused(bad: list[str]) -> None:
    with pytest.raises(OptionError, match="--set"):
        split_assignments(bad)
