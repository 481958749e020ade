"""On natural human chains the numbers must meet the landmarks that define IMGT positions."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from abag.antibody.numbering import NumberedDomain, number_chains

PAIRS = 300


@pytest.fixture(scope="module")
def pairs(sources_dir: Path) -> pl.DataFrame:
    return pl.read_csv(sources_dir / "oas_paired" / "paired_1_val_set.csv.gz").head(PAIRS)


def share(domains: list[NumberedDomain], position: str, allowed: str) -> float:
    at = [dict(zip(d.positions, d.sequence, strict=True)).get(position, "-") for d in domains]
    return sum(residue in allowed for residue in at) / len(at)


@pytest.mark.sources
@pytest.mark.parametrize(
    ("column", "kinds", "j_residue"),
    [
        ("sequence_alignment_aa_heavy", {"heavy"}, "W"),
        ("sequence_alignment_aa_light", {"kappa", "lambda"}, "F"),
    ],
)
def test_natural_chains_bear_the_imgt_landmarks(
    pairs: pl.DataFrame, column: str, kinds: set[str], j_residue: str
):
    numbered = number_chains(pairs[column].to_list())
    assert all(len(domains) == 1 for domains in numbered.values())
    domains = [domain for (domain,) in numbered.values()]
    assert {domain.kind.value for domain in domains} == kinds
    assert all(d.start == 0 and d.end == len(chain) for chain, (d,) in numbered.items())
    for position, allowed in (("23", "C"), ("41", "W"), ("104", "C"), ("119", "G"), ("121", "G")):
        assert share(domains, position, allowed) >= 0.98, position
    assert share(domains, "118", j_residue) >= 0.97
    assert share(domains, "89", "LMIVAF") >= 0.97
