"""BioMap: binding free energies of antibody-antigen complexes, with sequences.

One file, ``biomap.csv`` (columns ``pdb``, ``antibody_seq_a``, ``antibody_seq_b``, ``antigen_seq``
and ``delta_g`` in kcal/mol, negative binds), from ``ProcessedData/BioMap`` of the repository
TencentAILabHealthcare/PALM. Chains a and b stand in either order. The repository is for
non-commercial use. Many rows repeat measurements of SKEMPI and AB-Bind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.published import Source, flagged, read_text_table

FILE = "biomap.csv"


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each complex; mutants stand as whole chains, without naming the mutation."""
    original = read_text_table(folder / FILE)
    # A spreadsheet read 4JAN as a date; "4-Jan" can only have been that code.
    date = r"^(\d)-([A-Za-z]{3})$"
    yield raw_table(
        FILE,
        original,
        heavy=pl.col("antibody_seq_a"),
        light=pl.col("antibody_seq_b"),
        antigen=pl.concat_list("antigen_seq").list.drop_nulls(),
        quantity="dG",
        value=pl.col("delta_g"),
        unit="kcal/mol",
        assay="biomap",
        structure_id=pl.col("pdb").str.replace(date, "${1}${2}").str.to_lowercase(),
        flags=flagged(structure_id_mended=pl.col("pdb").str.contains(date)),
    )


SOURCE = Source(
    name="biomap",
    title="BioMap antibody-antigen binding free energies",
    licence="PolyForm-Noncommercial-1.0.0",
    citation="He et al., PALM-H3 and A2binder, Nature Communications 2024",
    origin="github.com/TencentAILabHealthcare/PALM at d58a171, ProcessedData/BioMap/biomap.csv",
    reader=read,
)
