"""Observed Antibody Space: a line of metadata, then AIRR columns; paired or one chain a row."""

from __future__ import annotations

from typing import Final

import polars as pl

from abag.data.formats.layouts.layout import WITHOUT_VALUE, KnownLayout

HEAVY: Final = "Heavy sequence_alignment_aa"
LIGHT: Final = "Light sequence_alignment_aa"

OAS_PAIRED: Final = KnownLayout(
    name="OAS, paired",
    needs=frozenset({"sequence_alignment_aa_heavy", "sequence_alignment_aa_light"}),
    columns={
        "heavy": "sequence_alignment_aa_heavy", "light": "sequence_alignment_aa_light",
        "antibody_name": "sequence_id_heavy",
    },
    note=WITHOUT_VALUE,
    antigen_unknown=True,
)  # fmt: skip


def _by_locus(table: pl.DataFrame) -> pl.DataFrame:
    chain = pl.col("sequence_alignment_aa")
    heavy = pl.col("v_call").str.to_uppercase().str.starts_with("IGHV")
    return table.with_columns(
        pl.when(heavy).then(chain).alias(HEAVY), pl.when(~heavy).then(chain).alias(LIGHT)
    )


OAS_UNPAIRED: Final = KnownLayout(
    name="OAS, unpaired",
    needs=frozenset({"sequence_alignment_aa", "v_call", "redundancy", "anarci_status"}),
    columns={"heavy": HEAVY, "light": LIGHT, "antibody_name": "sequence_id"},
    prepare=_by_locus,
    note=f"light chains alone are no antibodies and are refused by row; {WITHOUT_VALUE}",
    antigen_unknown=True,
)
