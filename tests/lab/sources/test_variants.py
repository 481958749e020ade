"""Chains put together from the short forms of libraries."""

from __future__ import annotations

import polars as pl

from abag_lab.sources.libraries.variants import (
    TRASTUZUMAB,
    from_bits,
    number_text,
    point_changes,
    with_substitution,
)


def evaluate(expression: pl.Expr, texts: list[str | None]) -> list[str | None]:
    return pl.DataFrame({"text": texts}).select(expression.alias("out"))["out"].to_list()


def test_changes_are_counted_from_one_and_empty_for_the_parent() -> None:
    changes = point_changes(pl.col("text"), "ACDE", chain="L", first=27)
    assert evaluate(changes, ["ACDE", "GCDE", "AWDY", "ACD"]) == [
        "",
        "L:A27G",
        "L:C28W;L:E30Y",
        None,
    ]


def test_bits_choose_the_residue_of_each_site() -> None:
    heavy = from_bits(pl.col("text"), "AAAAA", [1, 4], ["g", "h"], ["M", "N"])
    assert evaluate(heavy, ["00", "01", "10", "11", "1x"]) == [
        "AgAAh",
        "AgAAN",
        "AMAAh",
        "AMAAN",
        None,
    ]


def test_a_substitution_that_does_not_fit_the_parent_makes_no_chain() -> None:
    texts = pl.Series(["C2W", "C2_", "WT", "A2W", "C9W", "nonsense", None])
    assert with_substitution(texts, "ACDE").to_list() == [
        "AWDE",
        "A*DE",
        "ACDE",
        None,
        None,
        None,
        None,
    ]


def test_a_number_survives_its_text_to_the_last_bit() -> None:
    values = [1 / 3, 1e-300, -2.5, 6.302971312345678]
    texts = pl.DataFrame({"x": values}).select(number_text(pl.col("x")))["x"]
    assert [float(text) for text in texts] == values


def test_a_grafted_cdr_replaces_the_ten_residues_of_trastuzumab() -> None:
    segment = TRASTUZUMAB.parent[:-1] + "A"
    assert evaluate(TRASTUZUMAB.graft(pl.col("text")), [segment])[0].count("CSRWGGDGFYAMAYWG") == 1  # type: ignore[union-attr]
    assert evaluate(TRASTUZUMAB.changes(pl.col("text")), [segment]) == ["H:D108A"]
