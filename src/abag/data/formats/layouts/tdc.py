"""Therapeutics Data Commons, SAbDab_Liu: both chains in one cell, KD in mol/L as ``Y``."""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from abag.data.formats.layouts.layout import KnownLayout

HEAVY: Final = "Antibody (heavy)"
LIGHT: Final = "Antibody (light)"


def _chains(table: pl.DataFrame) -> pl.DataFrame:
    """``['EVQL...', 'DIQM...']`` as two columns."""
    parts = [re.findall(r"[A-Za-z*]+", cell or "") for cell in table["Antibody"]]
    return table.with_columns(
        pl.Series(HEAVY, [p[0] if p else None for p in parts], pl.String),
        pl.Series(LIGHT, [p[1] if len(p) > 1 else None for p in parts], pl.String),
    )


TDC: Final = KnownLayout(
    name="TDC SAbDab_Liu",
    needs=frozenset({"antibody_id", "antibody", "antigen_id", "antigen", "y"}),
    columns={
        "heavy": HEAVY, "light": LIGHT, "antigen": "Antigen", "value": "Y",
        "antibody_name": "Antibody_ID", "antigen_name": "Antigen_ID",
    },
    constants={"quantity": "KD"},
    prepare=_chains,
    note="Y is KD in mol/L as downloaded (--unit M), or pKd after convert_to_log (--unit pKd)",
)  # fmt: skip
