"""IEDB: exports of B cell assays and receptors, whose header has two lines (group, then field).

The names are those that public programs for these exports use (``Assay - Response measured``,
``Assay - Quantitative measurement``, ``Assay - PDB ID``, ``Chain 1 - Protein Sequence``, ``Receptor
- Reference Name``). Exports of assays hold no chains and those of receptors no values: joined by
the assay's id they are a table of measurements. Case does not matter.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from abag.data.formats.layouts.layout import WITHOUT_VALUE, KnownLayout

QUANTITY: Final = "Quantity of Assay - Response measured"


def _quantities(table: pl.DataFrame) -> pl.DataFrame:
    """``dissociation constant KD`` as KD; what is not known keeps its text and is refused."""
    name = next(n for n in table.columns if n.lower() == "assay - response measured")
    text = pl.col(name)
    named = pl.lit(None, dtype=pl.String)
    for word, quantity in (("KD", "KD"), ("KA", "KA"), ("IC50", "IC50"), ("EC50", "EC50")):
        named = pl.when(text.str.contains(rf"\b{word}\b")).then(pl.lit(quantity)).otherwise(named)
    return table.with_columns(pl.coalesce(named, text).alias(QUANTITY))


IEDB: Final = KnownLayout(
    name="IEDB",
    needs=frozenset({"assay - response measured", "assay - quantitative measurement"}),
    columns={
        "value": "Assay - Quantitative measurement",
        "relation": "Assay - Measurement Inequality",
        "unit": "Assay - Units",
        "quantity": QUANTITY,
        "method": "Assay - Method",
        "temperature_celsius": "Assay - Temperature",
        "antigen": "Epitope - Name",
        "antigen_name": "Epitope - Source Molecule",
        "heavy": "Chain 1 - Protein Sequence",
        "light": "Chain 2 - Protein Sequence",
        "antibody_name": "Receptor - Reference Name",
        "reference": "Reference - PMID",
        "structure_id": "Assay - PDB ID",
    },
    prepare=_quantities,
    note="the epitope's residues are the antigen, chain 1 is the heavy chain; assays and receptors "
    "are exports of their own, to be joined by the assay's id",
)

IEDB_RECEPTORS: Final = KnownLayout(
    name="IEDB receptors",
    needs=frozenset({"chain 1 - protein sequence", "chain 2 - protein sequence"}),
    columns={
        "heavy": "Chain 1 - Protein Sequence", "light": "Chain 2 - Protein Sequence",
        "antigen": "Epitope - Name", "antigen_name": "Epitope - Source Molecule",
        "antibody_name": "Receptor - Reference Name", "reference": "Reference - PMID",
    },
    note=f"chain 1 is the heavy chain; {WITHOUT_VALUE}",
)  # fmt: skip
