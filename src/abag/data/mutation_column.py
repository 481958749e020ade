"""Reads a column of mutations against one parent: each fault by its row, and any common cause."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from abag.antibody.mutations import Mutation, fitting_numberings, parse_mutations
from abag.antibody.notation import NUMBERINGS, SEQUENTIAL
from abag.errors import MutationError, Problem, TableError, counted

_MOST_TRIED: Final = 2_000
"""Distinct texts that are tried in every numbering once one of them does not fit."""

_CORRECT: Final = "Correct these rows, or leave them out."
_SET_ASIDE: Final = "Correct these rows, leave them out, or set them aside (--quarantine)."

_MOST_SHIFT: Final = 40
_FEWEST_SHIFTED: Final = 4
_PLACE: Final = re.compile(r"(?<=[A-Za-z])\d+(?=[A-Za-z(*-])")

_NEARLY_ALL: Final = 0.9
"""Share of rows in one numbering from which the rest are single mistakes."""


class SingleMistakesError(TableError):
    """Single rows that do not fit, while the others agree on the parent and the numbering."""

    shared: str | None = None
    """The common fault of the rows, and an option that mends it."""

    def with_advice(self, mend: str) -> SingleMistakesError:
        """The same faults with advice for commands that have no ``--quarantine``."""
        advice = f"{self.shared} {mend}" if self.shared else mend
        return SingleMistakesError(self.path, list(self.problems), advice)


def read_mutation_column(
    texts: Sequence[str | None],
    parent_heavy: str,
    parent_light: str | None = None,
    *,
    scheme: str = SEQUENTIAL,
    lines: Sequence[int] | None = None,
    path: Path | str = "the table",
    column: str = "mutations",
) -> list[tuple[Mutation, ...]]:
    """Read every row of a column of mutations of one parent; None is read as the parent itself.

    ``scheme`` is the numbering of the whole column, ``lines`` has the line of each row in its file
    (from 2 where it is not given).

    Raises:
        TableError: every row that does not fit, and the numbering that would fit all of them, or
            that none does.
        SingleMistakesError: as above, where most rows fit and the rest have nothing in common.
    """
    numbers = list(lines) if lines is not None else list(range(2, len(texts) + 2))
    parsed: dict[str, tuple[Mutation, ...] | MutationError] = {}
    problems: list[Problem] = []
    rows: list[tuple[Mutation, ...]] = []
    for line, text in zip(numbers, (text or "" for text in texts), strict=True):
        if text not in parsed:
            parsed[text] = _parsed(text, parent_heavy, parent_light, scheme)
        mutations = parsed[text]
        if isinstance(mutations, MutationError):
            problems.append(Problem(line, column, str(mutations)))
        else:
            rows.append(mutations)
    if problems:
        shared = _common_fault(list(parsed), parent_heavy, parent_light)
        allowed = 0.5 if shared is None else 1.0 - _NEARLY_ALL
        if len(problems) <= allowed * len(numbers):
            mend = _SET_ASIDE if shared is None else f"{shared} --quarantine sets them aside."
            mistakes = SingleMistakesError(path, problems, mend)
            mistakes.shared = shared
            raise mistakes
        raise TableError(path, problems, shared or _CORRECT)
    return rows


def _parsed(
    text: str, heavy: str, light: str | None, scheme: str
) -> tuple[Mutation, ...] | MutationError:
    try:
        return parse_mutations(text, heavy, light, scheme)
    except MutationError as error:
        return error


def _common_fault(texts: Sequence[str], heavy: str, light: str | None) -> str | None:
    """The common fault of the rows' numbering; None where they agree on one."""
    tried = texts[:_MOST_TRIED]
    fitting = {text: set(fitting_numberings(text, heavy, light)) for text in tried}
    readable = {text: numberings for text, numberings in fitting.items() if numberings}
    shared = set(NUMBERINGS).intersection(*fitting.values())
    if shared:
        numbering = next(name for name in NUMBERINGS if name in shared)
        return f"Every row fits {numbering} numbering: give --numbering {numbering}."
    shift = _shift(tried, heavy, light)
    if shift == 1:
        return "Every row fits if its places are counted from 0: add 1 to each of them."
    if shift:
        change = f"{abs(shift)} {'less' if shift > 0 else 'more'} than here"
        return f"Every row fits if its places are {change}; count them along the chain as given."
    if not readable:
        return "No numbering fits: is this the parent that the mutations were counted on?"
    most = set(NUMBERINGS).intersection(*readable.values())
    if most:
        return None
    return _mixed_numberings(readable)


def _shift(texts: Sequence[str], heavy: str, light: str | None) -> int:
    """The shift of all places by which every mutation fits; 0 where none does.

    A leader, a tag or a count from 0 shifts all of them alike. Few residues may fit by chance.
    """
    places = {match[0] for text in texts for match in _PLACE.finditer(text)}
    if len(places) < _FEWEST_SHIFTED:
        return 0
    for shift in sorted(range(-_MOST_SHIFT, _MOST_SHIFT + 1), key=lambda by: (by != 1, abs(by))):
        if shift and all(_fits(_shifted(text, shift), heavy, light) for text in texts):
            return shift
    return 0


def _shifted(text: str, shift: int) -> str:
    return _PLACE.sub(lambda match: str(max(int(match[0]) + shift, 0)), text)


def _fits(text: str, heavy: str, light: str | None) -> bool:
    return not isinstance(_parsed(text, heavy, light, SEQUENTIAL), MutationError)


def _mixed_numberings(readable: dict[str, set[str]]) -> str:
    """The fewest numberings that explain the rows, with an example of each."""
    texts = dict(readable)
    groups: dict[str, list[str]] = defaultdict(list)
    while texts:
        best = max(NUMBERINGS, key=lambda name: sum(name in fitting for fitting in texts.values()))
        groups[best] = [text for text, numberings in texts.items() if best in numberings]
        texts = {text: numberings for text, numberings in texts.items() if best not in numberings}
    main, members = next(iter(groups.items()))
    if len(members) >= _NEARLY_ALL * len(readable):
        return f"Nearly all rows fit {main} numbering (--numbering {main}); correct the others."
    shown = "; ".join(
        f"{counted(len(group), 'text')} only in {name} (such as {group[0]})"
        if rank
        else f"{counted(len(group), 'text')} in {name}"
        for rank, (name, group) in enumerate(groups.items())
    )
    return (
        f"The column mixes numbering schemes: {shown}. Write all of them in one numbering and name "
        "it with --numbering."
    )
