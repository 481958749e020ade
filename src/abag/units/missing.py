"""How people write that there is nothing: one list for every door through which cells come in."""

from __future__ import annotations

import re
from typing import Final

MISSING_MARKERS: Final = frozenset({
    "", "na", "n/a", "n.a.", "n.a", "n a", "#n/a", "#na", "<na>", "n/a n/a",
    "nan", "-nan", "+nan", "<nan>", "#nan", "1.#qnan", "1.#ind", "-1.#ind", "nat", "pd.na",
    "none", "null", "<null>", "(null)", "[null]", "nil", "\\n", "\\",
    "nd", "n.d.", "n.d", "n/d", "nr", "n.r.", "n/r", "not determined", "not available",
    "not applicable", "not reported", "not measured", "not tested", "not known", "not given",
    "no data", "unknown", "unk", "missing", "tbd", "t.b.d.", "tba", "to be determined",
    "no light chain", "no vl", "no lc", "(blank)", "(none)", "(missing)", "(unknown)", "[]", "{}",
})  # fmt: skip
"""Cells that hold nothing, in lower case; a cell of dashes, dots or question marks is one, too.

``nd`` may also mean "not detected": see :func:`abag.units.written.no_binding` for a value.
"""

_LONGEST: Final = max(map(len, MISSING_MARKERS))
MARKS: Final = r"[-–—−‐_.·?/\s]*"
"""A pattern of cells of dashes, dots and question marks alone."""
_QUOTED: Final = r"[\"'`]"


DITTO_MARKS: Final = ('"', "''", "〃", "″", "”", "“", "„")
"""Marks by which people repeat the cell above; Excel and pandas never do."""
_DITTO_WORDS: Final = frozenset({"ditto", "do.", "idem", "same", "as above", "same as above"})


def is_ditto(text: str | None) -> bool:
    """Whether a cell says that the one above is meant: ``"``, ``〃``, ``ditto``, ``same``."""
    bare = (text or "").strip()
    return bare in DITTO_MARKS or bare.lower() in _DITTO_WORDS


def is_missing(text: str | None) -> bool:
    """Whether a cell holds nothing: empty, ``NA``, ``nan``, ``N/A``, ``-``, ``n.d.`` and such."""
    if text is None:
        return True
    if len(text) > _LONGEST and text.isalpha():  # a chain, most often: letters alone
        return False
    if is_ditto(text):
        return False
    bare = " ".join(re.sub(_QUOTED, "", text).replace("\u200b", "").replace("\ufeff", "").split())
    return bare.lower() in MISSING_MARKERS or re.fullmatch(MARKS, bare) is not None


def present(text: str | None) -> str | None:
    """The text without white space around it; None where it says that there is nothing."""
    return None if text is None or is_missing(text) else text.strip()
