"""IgDesign: designed variants of three antibodies, binders with a KD and non-binders without.

``NAME.csv`` holds HCDR1 to HCDR3 of each design, ``NAME_parent.csv`` the parent's chains and its
CDRs, ``antigens.json`` the antigens. A non-binder is censored at the highest concentration that the
campaign tells of, 10 uM.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag.errors import FileFormatError
from abag.files import read_json
from abag_lab.sources.published import Source, flag_if, flagged, present, read_text_table

TARGETS: Final = {"tnfrsf9": "TNFRSF9", "fxi": "FXI", "il36r": "IL36R"}
LOOPS: Final = ("HCDR1", "HCDR2", "HCDR3")
NO_BINDING_NM: Final = "10000"


def read(folder: Path) -> Iterator[RawTable]:
    """One table for each target."""
    antigens = read_json(folder / "antigens.json")
    for path in present(folder, (f"{name}.csv" for name in TARGETS)):
        target = TARGETS[path.stem]
        yield _target(path, str(antigens[target]["seq"]), target)


def _target(path: Path, antigen: str, target: str) -> RawTable:
    original = read_text_table(path)
    parent = read_text_table(path.with_name(f"{path.stem}_parent.csv")).row(0, named=True)
    heavy = str(parent["Heavy"]).strip()
    parent_loops = [str(parent[loop]) for loop in LOOPS]
    if any(heavy.count(loop) != 1 for loop in parent_loops):
        raise FileFormatError(f"{path}: a CDR of the parent does not stand in it exactly once")
    chains = [_grafted(heavy, parent_loops, row) for row in original.select(LOOPS).rows()]
    measured = pl.col("KD (nM)").is_not_null() & (pl.col("KD (nM)") != "")
    return raw_table(
        path.name,
        original.with_columns(made=pl.Series(chains)),
        antibody_name=pl.col("Reference Ab"),
        antigen_name=target,
        heavy=pl.col("made"),
        light=str(parent["Light"]).strip(),
        antigen=pl.concat_list(pl.lit(antigen)),
        quantity="KD",
        value=pl.when(measured).then(pl.col("KD (nM)")).otherwise(pl.lit(NO_BINDING_NM)),
        unit="nM",
        relation=flag_if(~measured, ">"),
        assay=f"igdesign_open:{path.stem}",
        method="SPR",
        mutations=flag_if(pl.col("made") == heavy, ""),
        flags=flagged(non_binder=~measured),
    )


def _grafted(heavy: str, parent_loops: list[str], loops: tuple[str, ...]) -> str:
    for old, new in zip(parent_loops, loops, strict=True):
        heavy = heavy.replace(old, new)
    return heavy


SOURCE = Source(
    name="igdesign_open",
    title="IgDesign: designed variants of three antibodies",
    licence="MIT",
    citation="Shanehsazzadeh et al., IgDesign (2024)",
    origin="github.com/AstraZeneca/DiffAbXL at 054ee4c, benchmarking_datasets",
    reader=read,
)
