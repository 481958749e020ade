"""Groups of training pairs that must stay together when the model judges itself."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Pairs
from abag.encoders.batching import distinct
from abag.model.pair_similarity import count_kmers, unit_roots

Codes = NDArray[np.int64]


def antigen_families(antigens: list[list[str]], cosine: float) -> Codes:
    """Connected components of antigens whose k-mer cosine reaches ``cosine``; shape (rows,)."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    unique_antigens, index = distinct([tuple(chains) for chains in antigens])
    roots = unit_roots(count_kmers(unique_antigens)).sparse()
    similar = (roots @ roots.T).toarray() >= cosine
    _, family = connected_components(csr_matrix(similar), directed=False)
    return np.asarray(family, dtype=np.int64)[index]


def antibodies(frame: Pairs) -> Codes:
    """A number for each distinct heavy and light chain; shape (rows,)."""
    keys = frame.select(
        pl.concat_str(pl.col("heavy"), pl.col("light").fill_null(""), separator="/")
    )
    return keys.to_series().rank("dense").to_numpy().astype(np.int64) - 1


def folds_of(groups: Codes, folds: int, seed: int) -> Codes:
    """A fold for each row: whole groups, largest first, each to the fold with fewest rows."""
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, fold = np.zeros(folds), np.zeros(len(sizes), dtype=np.int64)
    for group in order:
        fold[group] = filled.argmin()
        filled[fold[group]] += sizes[group]
    return np.asarray(fold[groups])
