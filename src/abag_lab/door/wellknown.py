"""Names of well-known antigens, by the examples that the package ships."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

import abag
from abag.data.similarity.antigens import antigen_identities
from abag.data.tables import antigen_key

EXAMPLES: Final = Path(abag.__file__).parent / "resources" / "examples" / "well_known.csv"
NAMED: Final = {
    "SARS-CoV-2 spike": (
        "RVQPTESIVRFPNITNLCPFGEVFNATRFASVYAWNRKRISNCVADYSVLYNSASFSTFKCYGVSPTKLNDLCFTNVYAD"
        "SFVIRGDEVRQIAPGQTGKIADYNYKLPDDFTGCVIAWNSNNLDSKVGGNYNYLYRLFRKSNLKPFERDISTEIYQAGST"
        "PCNGVEGFNCYFPLQSYGFQPTNGVGYQPYRVVVLSFELLHAPATVCGPKKSTNLVKNKCVNF"
    )
}
"""Receptor-binding domain of UniProt P0DTC2."""
_ALIKE: Final = 0.9


def with_names(rows: pl.DataFrame) -> pl.DataFrame:
    """Name the antigens that have no name and are nearly those of the examples."""
    examples = pl.read_csv(EXAMPLES).select("antigen_name", "antigen").unique("antigen_name")
    known = [*NAMED.items(), *examples.sort("antigen_name").rows()]
    keys = rows.select(antigen_key().alias("key"))["key"].unique().sort().to_list()
    identities = antigen_identities([k.split("/") for k in keys], [[chain] for _, chain in known])
    names = {
        key: known[int(row.argmax())][0]
        for key, row in zip(keys, identities, strict=True)
        if row.max() >= _ALIKE
    }
    name = antigen_key().replace_strict(names, default=None, return_dtype=pl.String)
    return rows.with_columns(antigen_name=pl.coalesce("antigen_name", name))
