"""Cao et al. 2022: neutralisation of SARS-CoV-2 variants by 3,333 antibodies, with sequences.

``antibody_info.xlsx`` from the repository jianfcpku/convergent_RBD_evolution (licence not
stated): sheet ``cross`` with seven variants, sheet ``specific`` with eleven; no antibody is in
both. Line 1 is a title, line 2 the header. A cell is a pseudovirus IC50 in ug/mL, ``>10``, or
``--`` where nothing was measured. ``src_neut_data.csv`` is an earlier state of sheet ``cross``
and is not read, so that no pair counts twice.

One raw table a sheet and variant, so that each pair of antibody and variant is one row. Values
are comparable inside one variant; the antigen's sequence is not in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.published import IGG_MOLAR_MASS, Source, read_sheet

FILE = "antibody_info.xlsx"
_VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "cross": ("D614G", "BA.1", "BA.2", "BA.2.75", "BA.5", "BQ.1.1", "XBB"),
    "specific": (
        "D614G", "BA.1", "BA.2", "BA.5", "BA.2.75", "BA.2.75.2", "CA.1", "BQ.1.1", "BR.2",
        "BM.1.1.1", "XBB",
    ),
}  # fmt: skip


def read(folder: Path) -> Iterator[RawTable]:
    """One row an antibody and variant."""
    for sheet, variants in _VARIANTS.items():
        original = read_sheet(folder / FILE, sheet, header_row=2)
        for variant in variants:
            yield raw_table(
                f"{FILE}#{sheet}:{variant}",
                original,
                antibody_name=pl.col("Antibody  Name"),
                antigen_name=f"SARS-CoV-2 {variant} spike",
                heavy=pl.col("Heavy chain AA"),
                light=pl.col("Light chain AA"),
                quantity="IC50",
                value=pl.col(variant),
                unit="ug/mL",
                assay=f"sarscov2_ic50_cao2022:{variant}",
                method="pseudovirus neutralisation",
                molar_mass_g_per_mol=pl.lit(IGG_MOLAR_MASS),
                reference="10.1101/2022.09.15.507787",
            )


SOURCE = Source(
    name="sarscov2_ic50_cao2022",
    title="SARS-CoV-2 antibody panel of Cao et al. 2022",
    licence="not stated",
    citation="Cao et al., Imprinted SARS-CoV-2 humoral immunity, Nature 2023",
    origin="github.com/jianfcpku/convergent_RBD_evolution at 1bd4f1f, antibody_info.xlsx",
    reader=read,
)
