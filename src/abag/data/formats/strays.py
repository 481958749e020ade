"""Refuses rows that are no measurement: means of other rows, ditto marks, errors of a sheet."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import partial
from typing import Final

import polars as pl

from abag.data.formats.numbers.cell_texts import Notes, map_cells
from abag.data.formats.tables import ROW
from abag.units import is_ditto, is_missing

_CENTRES: Final = frozenset({
    "mean", "average", "avg", "median", "geomean", "geometricmean", "gmean", "meansd", "meansem",
    "overallmean", "grandmean", "mittelwert", "moyenne", "media", "promedio", "total", "summary",
})  # fmt: skip
_SPREADS: Final = frozenset({
    "sd", "std", "stdev", "stddev", "standarddeviation", "sem", "stderr", "standarderror", "cv",
    "cvpercent", "percentcv", "rsd", "percentrsd", "variance", "stabw", "95ci", "ci95",
})  # fmt: skip
_WEAK: Final = frozenset({"n", "se", "ci", "sum", "min", "max", "minimum", "maximum", "count",
                          "range"})  # fmt: skip
"""Words that may be names, too: they count beside one that cannot."""
_OF_OTHERS: Final = re.compile(
    r"(?:the\s+)?(?:mean|average|avg\.?|median|geo(?:metric)?[ _-]?mean|mittelwert)"
    r"(?:\s+(?:of|for)\b|[\s_:\-(\[]).+"
    r"|.+[\s_:\-(\[](?:mean|average|avg\.?|median|geo(?:metric)?[ _-]?mean|mittelwert)"
    r"(?:\s*(?:±|\+/-)\s*\w+)?[)\]]?",
    re.IGNORECASE,
)
"""``mean of ab1``, ``ab1 (avg)``: a mean where the column has other names as well."""

_SHEET_ERRORS: Final = re.compile(r"#(?:REF|VALUE|NAME|DIV/0|NUM|NULL|SPILL|CALC)[!?]?", re.I)


def refuse_strays(table: pl.DataFrame, fields: dict[str, str], notes: Notes) -> None:
    """Give a problem to each row that is a summary of others or leaves its cells to the one above.

    ``fields`` are the user's columns in use, and the raw column of each.
    """
    for name in table.columns:
        if name == ROW:
            continue
        if name in fields:
            notes.refuse(map_cells(table[name], partial(_mark_problem, name)))
        if fields.get(name, "antibody_name") == "antibody_name":
            words = _summaries(table[name].drop_nulls().unique(), of_names=name in fields)
            notes.refuse(map_cells(table[name], partial(_summary_problem, words)))
        if fields.get(name) == "antibody_name":
            notes.refuse(_means_of_others(table[name]))


def _mark_problem(name: str, cell: str | None) -> str | None:
    if is_ditto(cell):
        return f"{name!r} is {cell!r}, which repeats the cell above; write it out"
    if cell is not None and _SHEET_ERRORS.fullmatch(cell.strip()):
        return f"{name!r} holds {cell!r}, an error of a spreadsheet"
    return None


def _means_of_others(names: pl.Series) -> list[str | None]:
    """A problem for each name that is that of a mean; none where every name is one."""
    means = map_cells(
        names, lambda cell: cell is not None and bool(_OF_OTHERS.fullmatch(cell.strip()))
    )
    if all(means):
        return [None] * len(means)
    return [
        f"a summary of other rows ({cell.strip()}), no measurement" if mean and cell else None
        for mean, cell in zip(means, names, strict=True)
    ]


def _bare_word(cell: str | None) -> str:
    return re.sub(r"[^a-z0-9]", "", (cell or "").lower().replace("%", "percent"))


def _summaries(cells: Iterable[str], *, of_names: bool) -> Collection[str]:
    """The words of a column that mark a row as a summary; ``of_names`` for the column of names.

    Where a column names the kind of every row's number (``mean``, ``SD``), the means are values.
    """
    words = {_bare_word(cell) for cell in cells if not is_missing(cell)}
    if not words & (_CENTRES | _SPREADS):
        return ()
    strong = words & _SPREADS
    if of_names or words - (_CENTRES | _SPREADS | _WEAK):
        strong |= words & _CENTRES
    weak = words & _WEAK if of_names or strong & _SPREADS else set()
    return strong | weak


def _summary_problem(words: Collection[str], cell: str | None) -> str | None:
    if words and cell is not None and _bare_word(cell) in words:
        return f"a summary of other rows ({cell.strip()}), no measurement"
    return None
