"""Nearest training rows of test rows, without the clusters that made the split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.similarity.antibodies import CdrSet, CdrTable
from abag.data.similarity.antigens import antigen_identities
from abag.data.tables import antibody_key, antigen_key

_PAIRS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Identities (0 to 1) of n test rows to their nearest training rows."""

    antibody: NDArray[np.float64]
    """Largest CDR identity to a training antibody, ``[n]``."""
    cdr_h3: NDArray[np.float64]
    """Largest identity of CDR-H3, ``[n]``."""
    antigen: NDArray[np.float64]
    """Largest identity to a training antigen, ``[n]``."""
    rows: tuple[NDArray[np.intp], ...]
    """Training rows with the largest sum of antibody and antigen identity, for each test row:
    all that tie, among those allowed; empty where none is allowed."""


def nearest_rows(
    test: pl.DataFrame,
    train: pl.DataFrame,
    cdrs: Mapping[str, CdrSet],
    allowed: Sequence[NDArray[np.intp]] | None = None,
    among: Sequence[Sequence[str]] = (),
) -> Neighbours:
    """Compare every test row with every training row of a canonical table.

    ``cdrs`` are those of all rows (:func:`~abag.data.similarity.cdr_sets`); ``allowed`` has the
    training rows that may be named in ``rows``, one array a test row (None is all); ``among`` has
    the :func:`antigens_met_again` of a table of which this is a part.
    """
    query, query_of = _distinct(test, antibody_key())
    reference, reference_of = _distinct(train, antibody_key())
    test_cdrs = CdrTable([cdrs[key] for key in query])
    train_cdrs = CdrTable([cdrs[key] for key in reference])
    antibody, cdr_h3 = _antibody_identities(test_cdrs, train_cdrs, len(query), len(reference))
    test_antigens, test_antigen_of = _distinct(test, antigen_key())
    train_antigens, train_antigen_of = _distinct(train, antigen_key())
    antigen = antigen_identities(
        [k.split("/") for k in test_antigens], [k.split("/") for k in train_antigens], among
    )
    rows = []
    for i in range(test.height):
        choice = np.arange(train.height) if allowed is None else allowed[i]
        similarity = antibody[query_of[i], reference_of[choice]].astype(np.float64)
        similarity += antigen[test_antigen_of[i], train_antigen_of[choice]]
        rows.append(choice[similarity >= similarity.max() - 1e-6] if choice.size else choice)
    return Neighbours(
        antibody.max(axis=1, initial=0.0)[query_of].astype(np.float64),
        cdr_h3.max(axis=1, initial=0.0)[query_of].astype(np.float64),
        antigen.max(axis=1, initial=0.0)[test_antigen_of],
        tuple(rows),
    )


def antigens_met_again(
    table: pl.DataFrame, parts: Iterable[tuple[int, int]]
) -> list[Sequence[str]]:
    """The antigens of a table, where it saves time to compare all with all at once; else none.

    ``parts`` are the numbers of test and of training rows of each part that will be compared.
    """
    if 2 * sum(test * train for test, train in parts) <= table.height**2:
        return []
    return [key.split("/") for key in _distinct(table, antigen_key())[0]]


def _distinct(table: pl.DataFrame, key: pl.Expr) -> tuple[list[str], NDArray[np.intp]]:
    """Sorted distinct keys, and the index of each row's key among them."""
    keys = table.select(key.fill_null("")).to_series().to_list()
    distinct = sorted(set(keys))
    index = {value: i for i, value in enumerate(distinct)}
    return distinct, np.array([index[value] for value in keys], dtype=np.intp)


def _antibody_identities(
    test_cdrs: CdrTable, train_cdrs: CdrTable, rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    cdr = np.zeros((rows, columns), dtype=np.float32)
    cdr_h3 = np.zeros((rows, columns), dtype=np.float32)
    all_columns = np.arange(columns, dtype=np.intp)
    step = max(1, _PAIRS_AT_ONCE // max(columns, 1))
    for start in range(0, rows, step):
        block = np.arange(start, min(start + step, rows), dtype=np.intp)
        cdr[block] = test_cdrs.identities(train_cdrs, block, all_columns)
        cdr_h3[block] = test_cdrs.h3_identities(train_cdrs, block, all_columns)
    return cdr, cdr_h3
