"""Every number in a text of a release is one of its facts."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from abag.errors import ReleaseError
from abag.release.texts import TEXTS, FactNumbers

FACTS = {"rmse": 1.0923, "rows": 23961, "share": 0.366, "id": "pairs-5f60", "text": "epoch 12",
         "list": [1.5, {"low": -0.02}], "flag": True}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["RMSE 1.09 pKd", "RMSE of 1.1.", "23,961 rows", "36.6% of them", "pairs-5f60 is its id",
     "in epoch 12", "(1.5 to -0.02)", "no number at all", "2 of a list"],
)  # fmt: skip
def test_a_fact_may_be_said_rounded(text: str):
    numbers = FactNumbers.of(FACTS)
    numbers.require("README.md", text)
    assert not numbers.holds("1.07")


@pytest.mark.parametrize(
    ("text", "word"),
    [("RMSE 1.08 pKd", "1.08"), ("5,707 rows", "5,707"), ("36.7%", "36.7%"), ("epoch 13", "13"),
     ("pairs-5f61", "pairs-5f61"), ("50M parameters", "50M"), ("1.0924", "1.0924")],
)  # fmt: skip
def test_any_other_number_is_refused_with_its_place(text: str, word: str):
    with pytest.raises(ReleaseError, match=re.escape(f"README.md, line 2: '{word}' is not in")):
        FactNumbers.of(FACTS).require("README.md", f"\n{text}")


def test_templates_hold_no_numbers_of_their_own():
    folder = files("abag") / "resources" / "release"
    for name in TEXTS.values():
        text = (folder / name).read_text(encoding="utf-8")
        plain = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.S)
        assert not re.findall(r"\d", plain), name
