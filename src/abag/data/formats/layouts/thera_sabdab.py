"""Thera-SAbDab: therapeutic antibodies with their variable domains; targets by name alone."""

from __future__ import annotations

from typing import Final

import polars as pl

from abag.data.formats.layouts.layout import WITHOUT_VALUE, KnownLayout

HEAVY: Final = "Heavy chain of the first arm"
LIGHT: Final = "Light chain of the first arm"


def _first_arm(table: pl.DataFrame) -> pl.DataFrame:
    """The chains of the first arm, whose columns are spelt in two ways in the releases."""
    by_key = {name.lower().replace(" ", ""): name for name in table.columns}
    return table.with_columns(
        pl.col(by_key["heavysequence"]).alias(HEAVY), pl.col(by_key["lightsequence"]).alias(LIGHT)
    )


def _layout(needs: set[str]) -> KnownLayout:
    return KnownLayout(
        name="Thera-SAbDab",
        needs=frozenset(needs),
        columns={
            "heavy": HEAVY, "light": LIGHT, "antibody_name": "Therapeutic",
            "antigen_name": "Target",
        },
        prepare=_first_arm,
        note=f"of a bispecific antibody the first arm is read; {WITHOUT_VALUE}",
        antigen_unknown=True,
    )  # fmt: skip


THERA_SABDAB: Final = _layout({"therapeutic", "heavysequence", "lightsequence", "target"})
THERA_SABDAB_SPACED: Final = _layout({"therapeutic", "heavy sequence", "light sequence", "target"})
