"""DeepNano: nanobodies with antigens, of which a few have a KD and most a label.

From ``data/`` of the repository ddd9898/DeepNano (MIT): ``all_binding_site_data_5A.csv``
(SAbDab-nano complexes; ``affinity`` in M or None), ``all_pair_data.csv`` (plain or gzip; pairs
of sdAb-DB, Yes or No), ``mmc3_GST.csv`` and ``mmc4_HSA.csv`` (ELISA of Xiang et al., Cell Systems
2021; the antigen's sequence is not in the file). ``mmc3_GST_pos.csv`` repeats rows of
``mmc3_GST.csv`` and is not read.

sdAb-DB lists binders only, so the No pairs (whose partners all occur in Yes pairs) were made by
pairing at random. The ELISA column is called LogIC50 of the optical density; no binding is its 0,
so higher is tighter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.published import (
    Source,
    flagged,
    listed,
    packed_or_plain,
    present,
    read_text_table,
)

_ELISA: Final = {"mmc3_GST.csv": "glutathione S-transferase", "mmc4_HSA.csv": "human serum albumin"}


def read(folder: Path) -> Iterator[RawTable]:
    """Complexes with their KD where one is known, labelled pairs, and two ELISA panels."""
    for path in present(folder, ["all_binding_site_data_5A.csv"]):
        yield _complexes(path)
    for path in packed_or_plain(folder, "all_pair_data.csv"):
        yield _pairs(path)
    for path in present(folder, _ELISA):
        yield _elisa(path)


def _complexes(path: Path) -> RawTable:
    method = pl.col("affinity_method").replace("None", None)
    is_pubmed_id = method.str.contains(r"^\d+$")
    return raw_table(
        path.name,
        read_text_table(path),
        heavy=pl.col("seq_nanobody"),
        antigen=listed("seq_antigen"),
        quantity="KD",
        value=pl.col("affinity").replace("None", None),
        unit="M",
        assay="deepnano:sabdab_nano",
        method=pl.when(~is_pubmed_id).then(method),
        structure_id=pl.col("pdb").str.to_lowercase(),
        reference=pl.when(is_pubmed_id).then(method),
    )


def _pairs(path: Path) -> RawTable:
    return raw_table(
        path.name,
        read_text_table(path),
        heavy=pl.col("seq_nanobody"),
        antigen=listed("seq_antigen"),
        quantity="binary",
        value=pl.col("label").replace({"Yes": "1", "No": "0"}),
        unit="label",
        assay="deepnano:sdab_db_pairs",
        flags=flagged(shuffled_negative=pl.col("label") == "No"),
    )


def _elisa(path: Path) -> RawTable:
    original = read_text_table(path)
    written = pl.col(original.columns[2])
    non_binder = written.str.contains("No binding")
    return raw_table(
        path.name,
        original,
        heavy=pl.col("Protein Sequenze"),
        antigen_name=_ELISA[path.name],
        quantity="IC50",
        value=pl.when(non_binder).then(pl.lit("0")).when(written != "/").then(written),
        unit="score",
        relation=pl.when(non_binder).then(pl.lit("<")),
        assay=f"deepnano:{path.stem}",
        method="ELISA",
        reference="Xiang et al., Cell Systems 2021",
        flags=flagged(non_binder=non_binder),
    )


SOURCE = Source(
    name="deepnano",
    title="DeepNano nanobody-antigen pairs",
    licence="MIT",
    citation="Deng et al., DeepNano, Nature Machine Intelligence 2024",
    origin="github.com/ddd9898/DeepNano at 82b12d4, data/",
    reader=read,
)
