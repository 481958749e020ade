"""CR9114 heavy-chain deep mutational scan: KD of single mutants by Tite-Seq.

The files ``result/HC_*_KD_table_summary_kabat.csv`` and ``Fasta/CR9114_HC_{WT,GL}.pep`` of
github.com/nicwulab/CR9114_DMS. ``mut`` counts along the ``.pep`` chain (``A33G``; ``A33_`` is a
stop). ``minus_log_Kd`` = -log10 KD is the mean of two replicates and 5.0 the floor: "at or below
5". A mean with one replicate at the floor leans upwards: relation ``~`` and flag
``floor_in_a_replicate``. Nonsense and silent rows are the experiment's controls and come out as
they are: the canonical step refuses the stop codons.

The light chain and the H1 and H3 antigens are those of Phillips et al. 2021
(:mod:`abag_lab.sources.libraries.partners`); the scan used other constructs (an H1 stem, an H3 HA,
an influenza B HA) whose sequences are not published with it: flag ``antigen_construct_differs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag.errors import FileFormatError
from abag.files import read_bytes
from abag_lab.sources.libraries.partners import read_complex
from abag_lab.sources.libraries.variants import (
    chain_list,
    numbers,
    relation_where,
    with_substitution,
)
from abag_lab.sources.published import Source, flag_if, flagged, present, read_text_table

FLOOR = 5.0
_FILES = {
    "HC_GL_KD_table_summary_kabat.csv": ("germline-H1", "GL", "4fqi_h1", "influenza H1 stem"),
    "HC_WT_H1_KD_table_summary_kabat.csv": ("mature-H1", "WT", "4fqi_h1", "influenza H1 stem"),
    "HC_WT_H3_KD_table_summary_kabat.csv": ("mature-H3", "WT", "4fqi_h3", "influenza H3 HA"),
    "HC_WT_fluB_KD_table_summary_kabat.csv": ("mature-FluB", "WT", None, "influenza B HA"),
}


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each variant and antigen, controls included."""
    at_floor = numbers("minus_log_Kd")[0] <= FLOOR
    replicates = numbers("minus_log_Kd_rep1", "minus_log_Kd_rep2")
    partly = pl.any_horizontal(*(replicate <= FLOOR for replicate in replicates)) & ~at_floor
    for path in present(folder, _FILES):
        assay, background, complex_name, antigen = _FILES[path.name]
        original = read_text_table(path)
        known = read_complex(folder, complex_name or "4fqi_h1")
        heavy = with_substitution(original["mut"], _parent(folder, background))
        silent = pl.col("mut_class").is_in(["silent", "WT"])
        change = pl.concat_str([pl.lit("H:"), pl.col("mut").str.replace("_", "*", literal=True)])
        yield raw_table(
            path.name,
            original,
            antibody_name="CR9114" if background == "WT" else "CR9114 germline",
            antigen_name=antigen,
            heavy=pl.lit(heavy),
            light=known.light,
            antigen=chain_list(known.antigen if complex_name else ()),
            quantity="KD",
            value=pl.col("minus_log_Kd"),
            unit="pKd",
            assay=f"cr9114_dms/{assay}",
            method="Tite-Seq",
            mutations=pl.when(silent).then(pl.lit("")).otherwise(change),
            reference="BioProject PRJNA1284397",
            problem=flag_if(pl.lit(heavy).is_null(), "`mut` does not fit the parent chain"),
            relation=relation_where(less=at_floor, about=partly),
            flags=flagged(
                *(["antigen_construct_differs"] if complex_name else []),
                floor_in_a_replicate=partly,
                control=pl.col("mut_class").is_in(["silent", "nonsense"]),
            ),
        )


def _parent(folder: Path, background: str) -> str:
    path = folder / f"CR9114_HC_{background}.pep"
    lines = read_bytes(path).decode("utf-8", "replace").split()
    if len(lines) < 2 or not lines[0].startswith(">"):
        raise FileFormatError(f"{path} is not a FASTA file of one chain")
    return "".join(lines[1:])


SOURCE = Source(
    name="cr9114_dms",
    title="CR9114 heavy-chain deep mutational scan",
    licence="not stated",
    citation="nicwulab/CR9114_DMS, BioProject PRJNA1284397, 2025",
    origin="github.com/nicwulab/CR9114_DMS at fefd671, result and Fasta",
    reader=read,
)
