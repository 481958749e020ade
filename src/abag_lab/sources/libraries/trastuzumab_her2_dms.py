"""Mason et al. 2021: trastuzumab CDR-H3 variants, sorted as HER2 binders (1) or not (0).

The files ``data/trastuzumab_variants/random/*.csv`` of github.com/oxpig/Graphinity. ``cdrh3_seq``
replaces ten residues of trastuzumab's heavy chain. The folder ``split_by_clonotype_seqid_70``
holds the same 36,391 rows once more, divided otherwise, and is not read: a split is no
measurement, and abag makes its own. Where a sequence was sorted both ways the file says 1; the
conflicts stand in the ``alphabind`` source (mHER_H3).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.libraries.partners import read_antigen
from abag_lab.sources.libraries.variants import TRASTUZUMAB, chain_list
from abag_lab.sources.published import Source, flagged, present, read_text_table

FILES = tuple(f"trastuzumab_variants-random-{part}.csv" for part in ("train", "val", "test"))


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each variant; the three files together are the whole set."""
    for path in present(folder, FILES):
        yield raw_table(
            path.name,
            read_text_table(path),
            antibody_name="trastuzumab CDR-H3 variant",
            antigen_name="HER2",
            antigen=chain_list([read_antigen(folder, "HER2")]),
            quantity="binary",
            value=pl.col("labels"),
            unit="label",
            relation="=",
            assay="trastuzumab_her2_dms/CDR-H3",
            method="FACS",
            structure_id="1n8z",
            reference="10.1038/s41551-021-00699-9",
            flags=flagged("framework_grafted"),
            **TRASTUZUMAB.columns(pl.col("cdrh3_seq")),
        )


SOURCE = Source(
    name="trastuzumab_her2_dms",
    title="Trastuzumab CDR-H3 library, HER2 binders and non-binders",
    licence="not stated",
    citation="Mason et al., Nature Biomedical Engineering 2021",
    origin="github.com/oxpig/Graphinity at 281a72f, data/trastuzumab_variants/random",
    reader=read,
)
