"""Adaptyv's results: a design a row or a replicate, KD in mol/L, and whether it bound at all.

As in ``results/replicate_summary.csv`` of adaptyvbio/egfr_competition_2 (GitHub), with sequences by
name in a file of their own (``name,replicate,kd,kon,koff,binding_strength,binding,expression``), or
with a column ``sequence``.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from abag.data.formats.layouts.layout import KnownLayout
from abag.units import is_missing

VALUE: Final = "kd or no binding (M)"
TOP: Final = 1e-5
"""KD above which the tables hold nothing: the value that 40 of their rows share."""


def _value(kd: str | None, binding: str | None) -> str | None:
    """``NB`` where a design did not bind and has no KD; a bound at the top of the range."""
    if is_missing(kd):
        return "NB" if str(binding).strip().lower() in ("false", "no", "0") else kd
    try:
        return f">{kd}" if float(kd or "") == TOP else kd
    except ValueError:
        return kd


def _values(table: pl.DataFrame) -> pl.DataFrame:
    cells = [_value(kd, said) for kd, said in zip(table["kd"], table["binding"], strict=True)]
    return table.with_columns(pl.Series(VALUE, cells, pl.String))


ADAPTYV: Final = KnownLayout(
    name="Adaptyv results",
    needs=frozenset({"name", "kd", "binding"}),
    columns={"scfv": "sequence", "value": VALUE, "antibody_name": "name", "antigen_name": "target"},
    constants={"quantity": "KD", "unit": "M", "method": "BLI"},
    prepare=_values,
    note="kd is in mol/L, and 1e-05, the top of the range, is a bound; designs that are no "
    "antibodies are refused by row",
)
