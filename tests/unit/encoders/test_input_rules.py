from __future__ import annotations

import pytest

from abag.encoders.input_rules import RULES, rule_named
from abag.errors import EncoderError


@pytest.mark.parametrize(
    ("name", "single", "pair"),
    [
        ("plain", 2, None),
        ("spaced-t5", 1, None),
        ("spaced-t5-pair", 1, 2),
        ("spaced-bert", 2, None),
        ("spaced-bert-pair", 2, 3),
        ("ablang2", 3, 5),
    ],
)
def test_the_number_of_special_tokens_is_documented(name: str, single: int, pair: int | None):
    rule = rule_named(name)
    assert rule.specials(1) == single
    if pair is None:
        with pytest.raises(EncoderError, match="one chain at a time"):
            rule.specials(2)
    else:
        assert rule.specials(2) == pair


def test_a_light_chain_alone_stands_behind_ablang2s_separator():
    assert RULES["ablang2"].template(1, light=True)[0] == "|"
    assert RULES["plain"].template(1, light=True) == RULES["plain"].single


def test_residues_are_spaced_and_rare_ones_read_as_x():
    rule = RULES["spaced-t5"]
    assert rule.text(rule.letters("evUZOBJ")) == "E V X X X X X"
    assert RULES["plain"].text(RULES["plain"].letters("EVUZOBJ")) == "EVUZOBX"


def test_an_unknown_rule_is_refused_with_the_list():
    with pytest.raises(EncoderError, match="no input rule 'spaced'; there are plain, spaced-t5"):
        rule_named("spaced")
