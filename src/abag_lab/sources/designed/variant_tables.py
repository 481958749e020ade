"""Published sets of variants of one parent, each written out as ``variants.csv``.

Columns of the file: heavy, light (empty for a nanobody), antigen (empty where the source gives
none), value, quantity, unit, relation, parent, family, antigen_name, variant, note. One assay is
one family on one antigen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag.errors import MissingFileError
from abag_lab.sources.published import (
    Source,
    flag_if,
    listed,
    packed_or_plain,
    read_text_table,
)

FILE: Final = "variants.csv"


def _reader(name: str) -> Callable[[Path], Iterator[RawTable]]:
    def read(folder: Path) -> Iterator[RawTable]:
        """One row for each variant; the parent names no mutations."""
        paths = packed_or_plain(folder, FILE)
        if not paths:
            raise MissingFileError(f"{folder} has neither {FILE} nor {FILE}.gz")
        original = read_text_table(paths[0])
        # -log10 KD is written with the unit of its argument.
        logarithm = pl.col("unit") == "log10 M"
        is_parent = pl.col("parent").str.to_lowercase() == "true"
        yield raw_table(
            paths[0].name,
            original,
            antibody_name=pl.col("family"),
            antigen_name=pl.col("antigen_name"),
            heavy=pl.col("heavy"),
            light=pl.col("light"),
            antigen=listed("antigen"),
            quantity="KD",
            value=pl.col("value"),
            unit=pl.when(logarithm).then(pl.lit("pKd")).otherwise(pl.col("unit")),
            relation=pl.col("relation"),
            assay=pl.format("{}:{}:{}", pl.lit(name), "family", "antigen_name"),
            mutations=flag_if(is_parent, ""),
        )

    return read


def _source(name: str, title: str, licence: str, citation: str, origin: str) -> Source:
    return Source(name, title, licence, citation, origin, _reader(name))


_FLAB: Final = "github.com/Graylab/FLAb"
SOURCES: Final = (
    _source(
        "hie2023_efficient_evolution",
        "antibodies evolved with language models",
        "CC-BY-4.0",
        "Hie et al., Nat Biotechnol 42:275 (2024)",
        f"{_FLAB}, data/binding/hie2023efficient_*",
    ),
    _source(
        "shanker2024_structural_evolution",
        "SA58 and LY-CoV1404 evolved with inverse folding",
        "MIT",
        "Shanker et al., Science 385:46 (2024)",
        f"{_FLAB}, data/binding/shanker2024unsupervised_*",
    ),
    _source(
        "rosace2023_tnf",
        "redesigned adalimumab and golimumab",
        "CC-BY-4.0",
        "Rosace et al., Nat Commun 14:1937 (2023)",
        f"{_FLAB}, data/binding/rosace2023automated_*",
    ),
    _source(
        "kirby2024_magmaseq",
        "maturation paths of SARS-CoV-2 antibodies",
        "MIT",
        "Kirby et al., PNAS, doi 10.1073/pnas.2412787122",
        "github.com/WhiteheadGroup/Ab_retrospective_trajectories",
    ),
    _source(
        "phillips2023_ch65",
        "intermediates of CH65",
        "MIT",
        "Phillips et al., eLife 12:e83628 (2023)",
        "github.com/amphilli/CH65-comblib",
    ),
    _source(
        "hutchinson2023_d441",
        "single mutants of D44.1 (non-commercial)",
        "CC-BY-NC-4.0",
        "Hutchinson et al., mAbs 16 (2024)",
        f"{_FLAB}, data/binding/hutchinson2023enhancement_singlekd_fab.csv",
    ),
    _source(
        "wu2023_cr9114_cdrh3",
        "CDR-H3 grafts in CR9114 (licence not stated)",
        "not stated",
        "nicwulab/CR9114_LC_CDRH3_screen, BioProject PRJNA976657 (2023)",
        "github.com/nicwulab/CR9114_LC_CDRH3_screen",
    ),
)
