"""DeepAAI: neutralisation of HIV-1 and SARS-CoV-2, with antibody and virus sequences.

``dataset_hiv_reg.xlsx`` (IC50 in ug/mL), ``dataset_hiv_cls.xlsx`` and ``dataset_cov_cls.xlsx``
(label 1 neutralises, 0 does not) from ``processing/`` of the repository enai4bio/DeepAAI
(AGPL-3.0; compiled there from CATNAP and CoV-AbDab). VH and VL are joined without a sign between
them, so they come out as one chain to be parted by numbering; single domains stand alone.

Sheet 2 of ``dataset_hiv_reg.xlsx`` (no header) repeats the ``unseen`` rows of its Sheet 1 value
by value and is not read. The SARS-CoV-2 file has many repeated rows and pairs with both labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.published import IGG_MOLAR_MASS, Source, listed, present, read_sheet

_IC50: Final[dict[str, pl.Expr | str]] = {
    "quantity": "IC50", "value": pl.col("ic50"), "unit": "ug/mL",
    "molar_mass_g_per_mol": pl.lit(IGG_MOLAR_MASS),
}  # fmt: skip
_LABEL: Final[dict[str, pl.Expr | str]] = {
    "quantity": "binary", "value": pl.col("label"), "unit": "label",
}  # fmt: skip
_FILES: Final = {
    "dataset_hiv_reg.xlsx": ("Sheet1", "hiv_reg", "HIV-1 envelope", _IC50),
    "dataset_hiv_cls.xlsx": ("dataset_hiv", "hiv_cls", "HIV-1 envelope", _LABEL),
    "dataset_cov_cls.xlsx": ("Sheet1", "cov_cls", "coronavirus spike", _LABEL),
}
"""Sheet, assay, antigen and measurement of each file."""


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each pair of antibody and virus."""
    for path in present(folder, _FILES):
        sheet, assay, antigen, measurement = _FILES[path.name]
        yield raw_table(
            path.name,
            read_sheet(path, sheet),
            antigen_name=antigen,
            scfv=pl.col("antibody_seq"),
            antigen=listed("virus_seq"),
            assay=f"deepaai:{assay}",
            method="pseudovirus neutralisation",
            **measurement,
        )


SOURCE = Source(
    name="deepaai",
    title="DeepAAI neutralisation of HIV-1 and SARS-CoV-2",
    licence="AGPL-3.0",
    citation="Zhang et al., DeepAAI, Nature Machine Intelligence 2022",
    origin="github.com/enai4bio/DeepAAI at b5087c5, processing/",
    reader=read,
)
