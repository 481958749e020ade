"""Tables that are already in memory: polars (lazy too), pandas, Arrow, lists of dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl

from abag.data.formats.tables import text_frame
from abag.errors import SchemaError, UnavailableError

Tabular: TypeAlias = Any
"""A polars DataFrame or LazyFrame, a pandas DataFrame, an Arrow table, a list of dictionaries, or a
dictionary of columns."""


def polars_frame(data: Tabular) -> pl.DataFrame:
    """The table as a polars frame.

    Raises :class:`SchemaError` for other objects, :class:`UnavailableError` for a pandas frame
    where pyarrow is not installed.
    """
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    kind = type(data).__module__.partition(".")[0]
    try:
        if kind == "pandas":
            # An index with a name, such as that of the antibody, is a column.
            return pl.from_pandas(data, include_index=any(data.index.names))
        if kind == "pyarrow":
            return pl.DataFrame(pl.from_arrow(data))
        if isinstance(data, Mapping):
            return pl.DataFrame(data, strict=False)
        if isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data):
            return pl.DataFrame(list(data), infer_schema_length=None, strict=False)
    except ImportError:
        raise UnavailableError(
            "a pandas frame is read by pyarrow; install it with: pip install 'abag[pandas]'"
        ) from None
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise SchemaError(f"the table cannot be read: {error}") from None
    raise SchemaError(
        f"a {type(data).__name__} is no table: give a polars or pandas frame, or a list of "
        "dictionaries"
    )


def as_text(data: Tabular) -> pl.DataFrame:
    """The table as :func:`abag.data.formats.read_table` gives it; rows are numbered from 1."""
    return text_frame("the table", polars_frame(data), first_row=1)
