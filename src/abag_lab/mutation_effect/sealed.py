"""Families and antigens that are set aside before the first trial, by a rule and not by choice.

A unit is a cluster of complexes; a cluster of more than 1,000 rows that may be shipped falls into
its antibody families, because too little would be left to learn from. A unit of at most 1,000 such
rows is sealed if the SHA-256 of a fixed text and its first name is divisible by 3. Models are
chosen on the open part, and the sealed part is scored once for each that ships
(docs/models/mutation-effect.md lists the openings).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.mutation_effect.complexes import complex_clusters, families_and_antigens

_TEXT: Final = "abag variants 1:"
_MOST_ROWS: Final = 1_000
_EVERY: Final = 3


def sealed_assays(assays: Sequence[VariantAssay]) -> tuple[str, ...]:
    """Names of the assays that are set aside, in order."""
    families, _ = families_and_antigens(assays)
    clusters = complex_clusters(assays)
    rows = _shippable_rows(assays, clusters)
    units = {
        assay.name: ("family", families[assay.name])
        if rows[clusters[assay.name]] > _MOST_ROWS
        else ("cluster", clusters[assay.name])
        for assay in assays
    }
    sealed: list[str] = []
    for unit in set(units.values()):
        members = [assay for assay in assays if units[assay.name] == unit]
        few = sum(len(assay.delta) for assay in members if assay.shippable) <= _MOST_ROWS
        if few and _sealed_by_hash(min(assay.name for assay in members)):
            sealed += [assay.name for assay in members]
    return tuple(sorted(sealed))


def parts(assays: Sequence[VariantAssay]) -> tuple[list[VariantAssay], list[VariantAssay]]:
    """The open and the sealed assays."""
    sealed = set(sealed_assays(assays))
    return (
        [assay for assay in assays if assay.name not in sealed],
        [assay for assay in assays if assay.name in sealed],
    )


def digest(assays: Sequence[VariantAssay], names: Sequence[str]) -> str:
    """SHA-256 of the named assays: parents, variants and values, so that a change is seen."""
    sha256 = hashlib.sha256()
    for assay in sorted(assays, key=lambda assay: assay.name):
        if assay.name in names:
            sha256.update(f"{assay.name}\n{assay.parent_heavy}\n{assay.parent_light}\n".encode())
            for heavy, light, value in zip(
                assay.table["heavy"], assay.table["light"], assay.delta.tolist(), strict=True
            ):
                sha256.update(f"{heavy},{light},{value:.4f}\n".encode())
    return sha256.hexdigest()


def _sealed_by_hash(name: str) -> bool:
    return int(hashlib.sha256((_TEXT + name).encode()).hexdigest(), 16) % _EVERY == 0


def _shippable_rows(assays: Sequence[VariantAssay], clusters: Mapping[str, str]) -> dict[str, int]:
    rows = dict.fromkeys(clusters.values(), 0)
    for assay in assays:
        if assay.shippable:
            rows[clusters[assay.name]] += len(assay.delta)
    return rows
