"""Tite-Seq of the anti-fluorescein antibody 4-4-20 (Adams et al. 2016): KD of CDR variants.

The files ``data/replicate_{1,2,3}.csv`` (plain or gzip'd) and ``data/titration_curves.csv`` of
github.com/jbkinney/16_titeseq. A row is a DNA sequence of the CDR1H and CDR3H segments, so one
protein has several rows; the segments stand in the heavy chain of PDB 1FLR here (flag
``framework_grafted``). The antigen is a hapten and has no sequence (``antigen_not_protein``).

``fit_KD`` runs over the titrated concentrations, 10^-9.5 to 10^-5 mol/L: the ends mean "at or
below" and "at or above". The titration curves of single clones were fitted without that limit, up
to a KD of 1 mol/L: beyond the highest concentration the row says KD > 1e-5 mol/L (flag
``mended:beyond_titration_range``), since a curve that does not saturate fixes no KD. Its clone
``delta`` is the empty control and has no antibody.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.libraries.variants import join_changes, numbers, point_changes
from abag_lab.sources.published import (
    Source,
    flag_if,
    flagged,
    packed_or_plain,
    present,
    read_text_table,
)

HEAVY = (
    "EVKLDETGGGLVQPGRPMKLSCVASGFTFSDYWMNWVRQSPEKGLEWVAQIRNKPYNYETYYSDSVKGRFTISRDDSKSSVYLQMNNLRVED"
    "MGIYYCTGSYYGMDYWGQGTSVTVSS"
)
LIGHT = (
    "DVVMTQTPLSLPVSLGDQASISCRSSQSLVHSQGNTYLRWYLQKPGQSPKVLIYKVSNRFSGVPDRFSGSGSGTDFTLKISRVEAEDLGVYF"
    "CSQSTHVPWTFGGGTKLEIK"
)
CDR1, CDR3 = "TFSDYWMNWV", "GSYYGMDYWG"
LOWEST_KD, HIGHEST_KD = 10.0**-9.5, 1e-5
CURVES = "titration_curves.csv"
_BEYOND = "mended:beyond_titration_range"
_COLUMNS = ["source_row", "CDR1H", "CDR1H_AA", "CDR3H", "CDR3H_AA"]
_FITS = ["expression", "fit_KD", "fit_KD_sigma", "fit_fraction"]


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each DNA variant and replicate, then one for each titration curve."""
    kd = numbers("fit_KD")[0]
    # The file writes twelve digits, so its ends of the range are compared with a tolerance.
    low, high = kd <= LOWEST_KD * (1 + 1e-9), kd >= HIGHEST_KD * (1 - 1e-9)
    for number in (1, 2, 3):
        for path in packed_or_plain(folder, f"replicate_{number}.csv"):
            yield raw_table(
                path.name,
                read_text_table(path).select(_COLUMNS + _FITS),
                value=pl.col("fit_KD"),
                relation=pl.when(low).then(pl.lit("<")).when(high).then(pl.lit(">"))
                .otherwise(pl.lit("=")),
                assay="titeseq_4420/Tite-Seq",
                method="Tite-Seq",
                **_antibody(pl.col("CDR1H_AA"), pl.col("CDR3H_AA")),
            )  # fmt: skip
    for path in present(folder, (CURVES,)):
        yield _curves(path)


def _curves(path: Path) -> RawTable:
    # The cells of this table are padded with blanks.
    original = read_text_table(path).rename(str.strip)
    original = original.with_columns(pl.col(pl.String).str.strip_chars())
    beyond = numbers("KD")[0] > HIGHEST_KD
    control = pl.col("name") == "delta"
    columns = _antibody(pl.col("CDR1HAA"), pl.col("CDR3HAA"), **{_BEYOND: beyond})
    for name in ("heavy", "light", "mutations"):
        columns[name] = pl.when(~control).then(columns[name])
    return raw_table(
        path.name,
        original,
        value=pl.when(beyond).then(pl.lit(f"{HIGHEST_KD:g}")).otherwise("KD"),
        relation=pl.when(beyond).then(pl.lit(">")).otherwise(pl.lit("=")),
        assay="titeseq_4420/titration curves",
        method="flow cytometry titration",
        problem=flag_if(control, "an empty control: no antibody was displayed"),
        **columns,
    )


def _antibody(cdr1: pl.Expr, cdr3: pl.Expr, **flags: pl.Expr) -> dict[str, Any]:
    """The columns that both kinds of file share."""
    first, third = HEAVY.index(CDR1), HEAVY.index(CDR3)
    heavy = pl.concat_str(
        [
            pl.lit(HEAVY[:first]),
            cdr1,
            pl.lit(HEAVY[first + len(CDR1) : third]),
            cdr3,
            pl.lit(HEAVY[third + len(CDR3) :]),
        ]
    )
    changes = join_changes(
        point_changes(cdr1, CDR1, first=first + 1), point_changes(cdr3, CDR3, first=third + 1)
    )
    return {
        "antibody_name": "4-4-20",
        "antigen_name": "fluorescein",
        "heavy": heavy,
        "light": pl.lit(LIGHT),
        "quantity": "KD",
        "unit": "M",
        "structure_id": "1flr",
        "mutations": changes,
        "reference": "10.7554/eLife.23156",
        "flags": flagged("antigen_not_protein", "framework_grafted", **flags),
    }


SOURCE = Source(
    name="titeseq_4420",
    title="Tite-Seq of 4-4-20 against fluorescein",
    licence="not stated",
    citation="Adams et al., eLife 2016, doi 10.7554/eLife.23156",
    origin="github.com/jbkinney/16_titeseq at 54130c8, data",
    reader=read,
)
