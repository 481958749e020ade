"""DeepInterAware: antibody rows of SKEMPI and AB-Bind with mutant chains, and SAbDab pairs.

From ``data/`` of the repository BioMedicalBigDataMiningLab/DeepInterAware (CC BY-NC 4.0), each
file with its folder's name in front: ``SKEMPI_mute_data.csv``, ``AB-Bind_mute_data.csv`` (wild
and mutant chains), ``*_process_data.csv`` (the measurements, row by row the same), and
``SAbDab_ab_ag_pair.csv`` with ``SAbDab_antibody.csv`` and ``SAbDab_antigen.csv``. The two other
files hold no further measurement and are not read. Half of the SAbDab pairs are negatives made
by shuffling partners: nobody measured them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag.errors import FileFormatError
from abag_lab.sources.complexes.mutant_complexes import (
    ab_bind_columns,
    mutant_columns,
    temperature_columns,
)
from abag_lab.sources.published import Source, flagged, listed, present, read_text_table

_SKEMPI_COLUMNS: Final = (
    "#PDB", "Mutation(s)_PDB", "Affinity_mut (M)", "Affinity_wt (M)", "Reference", "Protein 1",
    "Protein 2", "Temperature", "Method", "Notes",
)  # fmt: skip
_AB_BIND_COLUMNS: Final = (
    "#PDB", "Mutation", "Protein-1", "Protein-2", "Assay Name", "Assay Temp (Celcius)",
)  # fmt: skip

_EXCHANGED: Final = ("A", "B")
"""Letters that SKEMPI's 1MLC has in the columns heavy and light, the wrong way round."""


def read(folder: Path) -> Iterator[RawTable]:
    """The KD of SKEMPI mutants, the ddG of AB-Bind mutants, then the SAbDab pairs."""
    for path in present(folder, ["SKEMPI_mute_data.csv"]):
        yield _skempi(path)
    for path in present(folder, ["AB-Bind_mute_data.csv"]):
        yield _ab_bind(path)
    for path in present(folder, ["SAbDab_ab_ag_pair.csv"]):
        yield _pairs(path)


def _skempi(path: Path) -> RawTable:
    original = _with_measurements(path, _SKEMPI_COLUMNS)
    return raw_table(
        path.name,
        original,
        quantity="KD",
        value=pl.col("process Affinity_mut (M)"),
        unit="M",
        assay="deepinteraware:skempi",
        method=pl.col("process Method"),
        structure_id=pl.col("PDB").str.to_lowercase(),
        reference=pl.col("process Reference"),
        **mutant_columns(original, "process Mutation(s)_PDB", _roles_of),
        **temperature_columns("process Temperature"),
    )


def _ab_bind(path: Path) -> RawTable:
    original = _with_measurements(path, _AB_BIND_COLUMNS)
    return raw_table(
        path.name,
        original,
        method=pl.col("process Assay Name"),
        temperature_kelvin=pl.col("process Assay Temp (Celcius)").cast(pl.Float64) + 273.15,
        **ab_bind_columns("deepinteraware"),
        **mutant_columns(original, "process Mutation", _roles_of),
    )


def _pairs(path: Path) -> RawTable:
    antibodies = read_text_table(path.with_name("SAbDab_antibody.csv"))
    antigens = read_text_table(path.with_name("SAbDab_antigen.csv"))
    original = (
        read_text_table(path)
        .join(antibodies.select("ab_id", "heavy", "light", "pdb_id"), on="ab_id", how="left")
        .join(antigens.select("ag_id", "ag_seq"), on="ag_id", how="left")
        .sort("source_row")
    )
    true_pair = pl.col("label") == "1"
    return raw_table(
        path.name,
        original,
        heavy=pl.col("heavy"),
        light=pl.col("light"),
        antigen=listed("ag_seq"),
        quantity="binary",
        value=pl.col("label"),
        unit="label",
        assay="deepinteraware:sabdab_pairs",
        structure_id=pl.when(true_pair).then(pl.col("pdb_id").str.to_lowercase()),
        flags=flagged(shuffled_negative=~true_pair),
    )


def _with_measurements(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """The chains of a mute table beside the named columns of its process table."""
    chains = read_text_table(path)
    process_path = path.with_name(path.name.replace("_mute_", "_process_"))
    process = read_text_table(process_path)
    if chains.height != process.height or (chains["PDB"] != process["#PDB"]).any():
        raise FileFormatError(
            f"{path} and {process_path.name} do not hold the same complexes row by row; "
            "copy both files from one commit"
        )
    return chains.hstack(process.select(pl.col(name).alias(f"process {name}") for name in columns))


def _roles_of(row: dict[str, Any]) -> dict[str, str]:
    """The heavy chain's letter as H, the light chain's as L."""
    letters = (row["heavy"], row["light"] or "")
    if row["PDB"] == "1MLC" and letters == _EXCHANGED:
        letters = letters[::-1]
    return {letters[0]: "H", letters[1]: "L"}


SOURCE = Source(
    name="deepinteraware",
    title="DeepInterAware: SKEMPI and AB-Bind antibody mutants, SAbDab pairs",
    licence="CC-BY-NC-4.0",
    citation="Xia et al., DeepInterAware, Advanced Science 2025",
    origin="github.com/BioMedicalBigDataMiningLab/DeepInterAware at 11a2832, data/",
    reader=read,
)
