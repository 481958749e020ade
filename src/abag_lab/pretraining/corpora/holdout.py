"""Clusters of CDR-H3 loops, and which clusters are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.similarity.linkage import cluster_names, linked_components
from abag.errors import OptionError

LOOP_IDENTITY: Final = 0.8
"""Identity of two CDR-H3s (1 - Levenshtein distance / longer length) that puts them together."""

LARGEST_HELD_OUT: Final = 0.1
"""A cluster larger than this share of what is to be held out stays in training."""


def loop_clusters(loops: Iterable[str], identity: float = LOOP_IDENTITY) -> dict[str, str]:
    """Single-linkage cluster name of each distinct CDR-H3."""
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    distinct = sorted(set(loops))

    def linked(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
        alike = process.cdist(
            [distinct[i] for i in rows],
            [distinct[i] for i in columns],
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=identity - 1e-6,
            dtype=np.float32,
        )
        return np.asarray(alike > 0)

    labels = linked_components(len(distinct), linked, "CDR-H3 loops")
    return cluster_names(distinct, labels, "h3-")


def held_out_clusters(sizes: Mapping[str, int], share: float, seed: int) -> set[str]:
    """Clusters, in an order drawn by ``seed``, until ``share`` of all members is held out.

    A cluster's place depends on its name and the seed only, not on what else there is.
    """
    if not 0 < share < 0.5:
        raise OptionError(f"held_out_share is {share}; give a share between 0 and 0.5")
    wanted = share * sum(sizes.values())
    order = sorted(sizes, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    chosen: set[str] = set()
    count = 0
    for name in order:
        if count >= wanted:
            break
        if sizes[name] <= max(1.0, LARGEST_HELD_OUT * wanted):
            chosen.add(name)
            count += sizes[name]
    return chosen
