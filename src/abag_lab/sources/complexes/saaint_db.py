"""SAAINT-DB: affinities of antibody-antigen complexes with crystal structures (KD in nM)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.published import Source, flagged, read_text_table

FILE = "saaintdb_affinity_only_rows.csv"


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each complex in the asymmetric unit; chains are resolved residues, often Fab."""
    original = read_text_table(folder / FILE)
    pdb = pl.col("PDB_ID").str.to_lowercase()
    # A spreadsheet turned seven PDB ids such as 6e62 into 6.00E+62.
    eaten = pdb.str.contains(r"^\d\.\d+e\+\d+$")
    yield raw_table(
        FILE,
        original,
        heavy=pl.col("H_seq"),
        light=pl.col("L_seq"),
        antigen=pl.col("Ag_seq").str.split("|"),
        quantity="KD",
        value=pl.col("Affinity_KD(nM)"),
        unit="nM",
        assay="saaint_db",
        method=pl.col("Affinity_method"),
        temperature_kelvin=pl.col("Affinity_temp(K)").cast(pl.Float64, strict=False),
        structure_id=pl.when(~eaten).then(pdb),
        reference=pl.col("DOI"),
        flags=flagged(structure_id_eaten_by_spreadsheet=eaten),
    )


SOURCE = Source(
    name="saaint_db",
    title="SAAINT-DB affinity rows",
    licence="MIT",
    citation="Huang et al., SAAINT-DB, Acta Pharmacologica Sinica 2025",
    origin="github.com/tommyhuangthu/SAAINT; github.com/harshitsinghsnu/AbAffinity at 3f6c24e",
    reader=read,
)
