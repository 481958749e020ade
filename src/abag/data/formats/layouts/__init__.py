"""Known layouts of databases and instruments, one small file each."""

from __future__ import annotations

from typing import Final

import polars as pl

from abag.data.formats.layouts.adaptyv import ADAPTYV
from abag.data.formats.layouts.cov_abdab import COV_ABDAB
from abag.data.formats.layouts.iedb import IEDB, IEDB_RECEPTORS
from abag.data.formats.layouts.instruments import (
    BIACORE,
    BIACORE_SINGLE_CYCLE,
    CARTERRA,
    OCTET,
    TITRATION_ANALYSIS,
)
from abag.data.formats.layouts.layout import KnownLayout
from abag.data.formats.layouts.oas import OAS_PAIRED, OAS_UNPAIRED
from abag.data.formats.layouts.proteingym import PROTEINGYM
from abag.data.formats.layouts.tdc import TDC
from abag.data.formats.layouts.thera_sabdab import THERA_SABDAB, THERA_SABDAB_SPACED
from abag.data.formats.mapping import ColumnMapping

LAYOUTS: Final[tuple[KnownLayout, ...]] = (
    TDC, THERA_SABDAB, THERA_SABDAB_SPACED, COV_ABDAB, OAS_PAIRED, OAS_UNPAIRED, IEDB,
    IEDB_RECEPTORS, PROTEINGYM, OCTET, BIACORE, BIACORE_SINGLE_CYCLE, TITRATION_ANALYSIS, CARTERRA,
    ADAPTYV,
)  # fmt: skip
"""Every known layout; the first that fits is taken."""


def recognise(
    table: pl.DataFrame, mapping: ColumnMapping
) -> tuple[pl.DataFrame, ColumnMapping, tuple[str, ...]]:
    """The table and mapping completed by the layout that fits, and a note; else as they are."""
    layout = next((one for one in LAYOUTS if one.fits(table)), None)
    return (table, mapping, ()) if layout is None else layout.applied(table, mapping)


__all__ = ["LAYOUTS", "KnownLayout", "recognise"]
