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
    rows = _rows_by(assays, clusters)
    units = {
        one.name: ("family", families[one.name])
        if rows[clusters[one.name]] > _MOST_ROWS
        else ("cluster", clusters[one.name])
        for one in assays
    }
    sealed: list[str] = []
    for unit in set(units.values()):
        members = [one for one in assays if units[one.name] == unit]
        few = sum(len(one.delta) for one in members if one.shippable) <= _MOST_ROWS
        if few and _drawn(min(one.name for one in members)):
            sealed += [one.name for one in members]
    return tuple(sorted(sealed))


def parts(assays: Sequence[VariantAssay]) -> tuple[list[VariantAssay], list[VariantAssay]]:
    """The open and the sealed assays."""
    sealed = set(sealed_assays(assays))
    return (
        [one for one in assays if one.name not in sealed],
        [one for one in assays if one.name in sealed],
    )


def digest(assays: Sequence[VariantAssay], names: Sequence[str]) -> str:
    """SHA-256 of the named assays: parents, variants and values, so that a change is seen."""
    found = hashlib.sha256()
    for one in sorted(assays, key=lambda one: one.name):
        if one.name in names:
            found.update(f"{one.name}\n{one.parent_heavy}\n{one.parent_light}\n".encode())
            for heavy, light, value in zip(
                one.table["heavy"], one.table["light"], one.delta.tolist(), strict=True
            ):
                found.update(f"{heavy},{light},{value:.4f}\n".encode())
    return found.hexdigest()


def _drawn(name: str) -> bool:
    return int(hashlib.sha256((_TEXT + name).encode()).hexdigest(), 16) % _EVERY == 0


def _rows_by(assays: Sequence[VariantAssay], clusters: Mapping[str, str]) -> dict[str, int]:
    found = dict.fromkeys(clusters.values(), 0)
    for one in assays:
        if one.shippable:
            found[clusters[one.name]] += len(one.delta)
    return found
