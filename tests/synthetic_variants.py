"""A parent antibody with variants of its CDR-H3, on one antigen."""

from __future__ import annotations

import polars as pl

from synthetic_pairs import HEAVY

H3 = HEAVY.rindex("C") + 1
"""Where CDR-H3 begins in the heavy chain, counted from 0."""


def table(rows: list[tuple[str, str | None, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "heavy": [row[0] for row in rows], "light": [row[1] for row in rows],
            "antigen": [[row[2]] for row in rows], "pkd": [row[3] for row in rows],
        },
        schema_overrides={"light": pl.String},
    )  # fmt: skip


def changed(chain: str, place: int, residue: str) -> str:
    assert chain[place] != residue
    return chain[:place] + residue + chain[place + 1 :]


def variants(count: int) -> list[str]:
    """The parent with one residue of CDR-H3 changed in each."""
    return [changed(HEAVY, H3 + 2 + i % 5, "TVHN"[i // 5]) for i in range(count)]
