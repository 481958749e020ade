"""ProteinGym's substitution benchmarks: a mutant, its sequence and a score, higher is fitter."""

from __future__ import annotations

from typing import Final

import polars as pl

from abag.data.formats.layouts.layout import KnownLayout

MUTATIONS: Final = "mutations of mutant"

PROTEINGYM: Final = KnownLayout(
    name="ProteinGym substitutions",
    needs=frozenset({"mutant", "mutated_sequence", "dms_score"}),
    columns={"heavy": "mutated_sequence", "value": "DMS_score", "mutations": MUTATIONS},
    constants={"quantity": "enrichment", "unit": "score"},
    prepare=lambda table: table.with_columns(
        pl.col("mutant").str.replace_all(":", ";", literal=True).alias(MUTATIONS)
    ),
    note="the mutated protein must be the antibody; scores order variants, no more",
    antigen_unknown=True,
)
