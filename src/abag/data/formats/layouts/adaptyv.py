"""Adaptyv's results: one sequence a design, KD in mol/L, and whether it bound at all."""

from __future__ import annotations

from typing import Final

import polars as pl

from abag.data.formats.layouts.layout import KnownLayout
from abag.units import is_missing

VALUE: Final = "kd or no binding (M)"


def _no_binding(table: pl.DataFrame) -> pl.DataFrame:
    """``NB`` where a design did not bind and therefore has no KD."""
    values = [
        "NB" if is_missing(kd) and str(binding).strip().lower() in ("false", "no", "0") else kd
        for kd, binding in zip(table["kd"], table["binding"], strict=True)
    ]
    return table.with_columns(pl.Series(VALUE, values, pl.String))


ADAPTYV: Final = KnownLayout(
    name="Adaptyv results",
    needs=frozenset({"name", "sequence", "kd", "binding"}),
    columns={"scfv": "sequence", "value": VALUE, "antibody_name": "name", "antigen_name": "target"},
    constants={"quantity": "KD", "unit": "M", "method": "BLI"},
    prepare=_no_binding,
    note="kd is in mol/L; designs that are no antibodies are refused by row",
)
