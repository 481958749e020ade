"""Liu et al. 2020 (Ens-Grad): phage panning of a CDR-H3 library on ranibizumab's frame.

The file ``data/training data/R2R3_enrichment_replicates_I_II.csv`` (plain or gzip'd) of
github.com/gifford-lab/antibody-2019. The label is the log enrichment from round 2 to round 3 in
two replicates, and orders sequences inside the experiment only. The value is the mean where both
replicates have one (flag ``mean_of_replicates``), else the one there is.

The file holds CDR-H3s without the residues before them (``CAK``) and without the frame: they are
put into the heavy chain of ranibizumab (flag ``framework_grafted``). X stands in 301 of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.libraries.partners import read_antigen
from abag_lab.sources.libraries.variants import (
    Scaffold,
    chain_list,
    number_text,
    numbers,
)
from abag_lab.sources.published import Source, flagged, packed_or_plain, read_text_table

FILE = "R2R3_enrichment_replicates_I_II.csv"
_FIRST, _SECOND = "log(R3/R2) replicate 1", "log(R3/R2) replicate 2"
RANIBIZUMAB: Final = Scaffold(
    before=(
        "EVQLVESGGGLVQPGGSLRLSCAASGYDFTHYGMNWVRQAPGKGLEWVGWINTYTGEPTYAADFKRRFTFSLDTSKSTAYLQMN"
        "SLRAEDTAVYYCAK"
    ),
    parent="YPYYYGTSHWYFDV",
    after="WGQGTLVTVSS",
    light=(
        "DIQLTQSPSSLSASVGDRVTITCSASQDISNYLNWYQQKPGKAPKVLIYFTSSLHSGVPSRFSGSGSGTDFTLTISSLQPEDFA"
        "TYYCQQYSTVPWTFGQGTKVEIK"
    ),
)
"""Ranibizumab; the library replaces its whole CDR-H3."""


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each CDR-H3; rows without either replicate have no value."""
    for path in packed_or_plain(folder, FILE):
        original = read_text_table(path).rename({"": "CDRH3"}, strict=False)
        both = pl.col(_FIRST).is_not_null() & pl.col(_SECOND).is_not_null()
        mean = pl.when(both).then(pl.mean_horizontal(*numbers(_FIRST, _SECOND)))
        yield raw_table(
            path.name,
            original,
            antibody_name="ranibizumab CDR-H3 variant",
            antigen_name="VEGF-A",
            antigen=chain_list([read_antigen(folder, "VEGF")]),
            quantity="enrichment",
            value=pl.coalesce(number_text(mean), _FIRST, _SECOND),
            unit="score",
            relation="=",
            assay="ranibizumab_cdrh3/R3 over R2",
            method="phage panning",
            structure_id="1cz8",
            reference="10.1093/bioinformatics/btz895",
            flags=flagged("framework_grafted", mean_of_replicates=both),
            **RANIBIZUMAB.columns(pl.col("CDRH3")),
        )


SOURCE = Source(
    name="ranibizumab_cdrh3",
    title="Ranibizumab CDR-H3 library, phage panning enrichment on VEGF",
    licence="CC-BY-NC-SA-4.0",
    citation="Liu et al., Bioinformatics 2020, doi 10.1093/bioinformatics/btz895",
    origin="github.com/gifford-lab/antibody-2019 at 3388463, data/training data",
    reader=read,
)
