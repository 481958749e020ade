"""Published sources, one small adapter each. A new one is a file and a line here."""

from __future__ import annotations

from typing import Final

from abag_lab.sources.complexes import (
    attabseq,
    biomap,
    deepaai,
    deepinteraware,
    deepnano,
    saaint_db,
    sarscov2_ic50_cao2022,
    skempi_v2,
)
from abag_lab.sources.designed import igdesign_open, variant_tables
from abag_lab.sources.libraries import (
    abbibench,
    alphabind,
    alphaseq_14,
    cr9114_dms,
    phillips_cr9114_cr6261,
    ranibizumab_cdrh3,
    titeseq_4420,
    trastuzumab_her2_dms,
)
from abag_lab.sources.published import Source

_MODULES = (
    abbibench,
    alphabind,
    alphaseq_14,
    attabseq,
    biomap,
    cr9114_dms,
    deepaai,
    deepinteraware,
    deepnano,
    igdesign_open,
    phillips_cr9114_cr6261,
    ranibizumab_cdrh3,
    saaint_db,
    sarscov2_ic50_cao2022,
    skempi_v2,
    titeseq_4420,
    trastuzumab_her2_dms,
)

SOURCES: Final[dict[str, Source]] = {
    source.name: source
    for source in (*(module.SOURCE for module in _MODULES), *variant_tables.SOURCES)
}
"""Every adapter by the name of its source."""
