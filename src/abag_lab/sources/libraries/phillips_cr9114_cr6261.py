"""Phillips et al. 2021: every combination of the mutations of CR9114 and CR6261, by Tite-Seq.

The files ``raw_datasets/phillips_etal_*.csv`` of github.com/k-chrispens/rosetta-antibody-ddgs
(gzip'd or not), with the paper's supplement as their origin. A row is a bit string, 1 for the
mature and 0 for the germline residue of each site; ``complexes.json``
(:mod:`abag_lab.sources.libraries.partners`) maps bits to residues and holds light chains and
antigens.

* CR9114 against H3: 2^16 rows, ``logKd`` = -log10 KD is the mean of three replicates and 6.0 the
  floor of the assay: such a row says "at or below 6". A mean in which only some replicates stand
  at the floor is a number that leans upwards: relation ``~`` and flag ``floor_in_a_replicate``.
* CR6261 against H1: three replicates a row (``logKd_x``, ``logKd_y``, ``logKd``); the value here
  is the mean of those present, as AbBiBench gives it. The file lost the leading zeros of its bit
  strings. Means under 7 are fits below the titrated range (the published landscape writes them
  as 7.0): relation ``~`` and flag ``below_titration_range``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag.errors import FileFormatError
from abag_lab.sources.libraries.partners import LibraryPartners, bit_places, read_complex
from abag_lab.sources.libraries.variants import (
    chain_list,
    from_bits,
    number_text,
    numbers,
    relation_where,
)
from abag_lab.sources.published import (
    Source,
    flag_if,
    flagged,
    packed_or_plain,
    read_text_table,
)

H3_FLOOR = 6.0
H1_RANGE_END = 7.0
H3_FILE = "phillips_etal_CR9114_H3_notusing.csv"
H1_FILE = "phillips_etal_CR6261_H1.csv"


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each genotype, censored where the assay has its floor."""
    for path in packed_or_plain(folder, H3_FILE):
        original = read_text_table(path)
        replicates = numbers("repd", "repe", "repf")
        at_floor = numbers("logKd")[0] <= H3_FLOOR
        partly = pl.any_horizontal(*(replicate <= H3_FLOOR for replicate in replicates)) & ~at_floor
        columns = {
            "value": pl.col("logKd"),
            "relation": relation_where(less=at_floor, about=partly),
            "flags": flagged("library_framework_unverified", floor_in_a_replicate=partly),
        }
        names = ("CR9114", "influenza H3 HA (A/Wisconsin/67/2005)", "CR9114-H3", "4fqy")
        yield _table(path, original, read_complex(folder, "4fqi_h3"), names, columns)
    for path in packed_or_plain(folder, H1_FILE):
        columns_read = ["source_row", "variant", "logKd_x", "logKd_y", "logKd"]
        original = read_text_table(path).select(columns_read)
        mean = pl.mean_horizontal(*numbers("logKd_x", "logKd_y", "logKd"))
        low = mean < H1_RANGE_END
        columns = {
            "value": number_text(mean),
            "relation": relation_where(about=low),
            "flags": flagged("mean_of_replicates", below_titration_range=low),
        }
        names = ("CR6261", "influenza H1 HA (A/New Caledonia/20/1999)", "CR6261-H1", "3gbn")
        yield _table(path, original, read_complex(folder, "3gbn_h1"), names, columns)


def _table(
    path: Path,
    original: pl.DataFrame,
    known: LibraryPartners,
    names: tuple[str, str, str, str],
    columns: dict[str, pl.Expr],
) -> RawTable:
    if known.bits is None:
        raise FileFormatError(f"{path}: complexes.json maps no bits to residues for {names[2]}")
    places = bit_places(known.bits)
    mature, germline = known.bits["mature"], known.bits["germline"]
    bits = pl.col("variant").str.zfill(len(places))
    antibody, antigen, assay, structure = names
    return raw_table(
        path.name,
        original,
        antibody_name=antibody,
        antigen_name=antigen,
        heavy=from_bits(bits, known.heavy, places, germline, mature),
        light=known.light,
        antigen=chain_list(known.antigen),
        quantity="KD",
        unit="pKd",
        assay=f"phillips_cr9114_cr6261/{assay}",
        method="Tite-Seq",
        structure_id=structure,
        mutations=_site_changes(bits, places, germline, mature),
        reference="10.7554/eLife.71393",
        **columns,
    )


def _site_changes(
    bits: pl.Expr, places: list[int], germline: list[str], mature: list[str]
) -> pl.Expr:
    """Changes from the mature antibody: one for each site whose bit is 0."""
    changes = [
        flag_if(bits.str.slice(i, 1) == "0", f"H:{mature[i]}{place + 1}{germline[i]}")
        for i, place in enumerate(places)
    ]
    return pl.concat_str(changes, separator=";", ignore_nulls=True)


SOURCE = Source(
    name="phillips_cr9114_cr6261",
    title="CR9114 and CR6261 combinatorial landscapes",
    licence="CC-BY-4.0",
    citation="Phillips et al., eLife 2021, doi 10.7554/eLife.71393",
    origin="github.com/k-chrispens/rosetta-antibody-ddgs at 46ff69f, raw_datasets",
    reader=read,
)
