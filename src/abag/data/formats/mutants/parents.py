"""The parent of a table of variants: given, a row, or derived by undoing the rows' mutations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from abag.antibody.alphabet import not_residues, tidy_chain
from abag.antibody.mutations import apply_mutations, parse_mutations
from abag.antibody.notation import SEQUENTIAL, means_parent
from abag.errors import MutationError, Problem, TableError, counted

_SHOWN: Final = 5
_GIVE_PARENT: Final = (
    "Add a row WT with its chains, or give them: --parent-heavy SEQUENCE --parent-light SEQUENCE."
)


Pair: TypeAlias = tuple[str | None, str | None]
"""Heavy and light chain of a row, as far as it has them."""


@dataclass(frozen=True, slots=True)
class ParentChains:
    """The antibody that the variants are changes of."""

    heavy: str
    light: str | None = None

    @classmethod
    def of_options(cls, heavy: str | None, light: str | None) -> ParentChains | None:
        """From the options; None where neither is given."""
        if heavy is None and light is None:
            return None
        if not heavy:
            raise MutationError("a parent needs its heavy chain: give --parent-heavy as well")
        for chain in (heavy, light):
            if chain and (reason := not_residues(chain)):
                raise MutationError(f"the parent's chain {reason}")
        return cls(tidy_chain(heavy), tidy_chain(light) if light else None)


class SeveralParentsError(TableError):
    """Rows that are named as the parent and have different chains."""


def parent_row(
    path: Path, texts: Sequence[str | None], chains: Sequence[Pair], lines: Sequence[int]
) -> ParentChains | None:
    """The row that is named as the parent; an empty cell counts where no row says WT."""
    for candidates in (
        [i for i, text in enumerate(texts) if text is not None and means_parent(text)],
        [i for i, text in enumerate(texts) if text is None],
    ):
        with_chains = [i for i in candidates if chains[i][0]]
        distinct = {chains[i]: i for i in reversed(with_chains)}
        if len(distinct) > 1:
            rows = sorted(distinct.values())
            problems = [
                Problem(lines[i], None, "is named as the parent, with other chains than the first")
                for i in rows[1 : _SHOWN + 1]
            ]
            raise SeveralParentsError(
                path,
                problems,
                f"There are {len(distinct)} wild types (the first in row {lines[rows[0]]}). Name "
                "the mutations of all but one, split the file by parent, or give one with "
                "--parent-heavy and --parent-light.",
            )
        if with_chains and chains[with_chains[0]][0]:
            heavy, light = chains[with_chains[0]]
            return ParentChains(str(heavy), light)
    return None


def derived_parent(
    path: Path,
    texts: Sequence[str | None],
    chains: Sequence[Pair],
    lines: Sequence[int],
    numbering: str,
) -> ParentChains | None:
    """The parent of most rows, by undoing their substitutions; None where no row allows that."""
    bare = [line for line, pair in zip(lines, chains, strict=True) if not pair[0]]
    votes: dict[ParentChains, int] = {}
    if numbering == SEQUENTIAL:
        for text, (heavy, light) in zip(texts, chains, strict=True):
            if text and heavy and (parent := _undone(text, heavy, light)):
                votes[parent] = votes.get(parent, 0) + 1
    if votes:
        return max(votes, key=lambda candidate: votes[candidate])
    if bare:
        problem = Problem(bare[0], None, f"{counted(len(bare), 'row')} with mutations alone")
        raise TableError(path, [problem], f"The wild type is missing. {_GIVE_PARENT}")
    return None


def _undone(text: str, heavy: str, light: str | None) -> ParentChains | None:
    """A variant with its substitutions undone; None where they do not stand in its chains."""
    backward = ";".join(_reversed(piece) for piece in re.split(r"[;,+\s]+", text.strip()))
    try:
        mutations = parse_mutations(backward, heavy, light)
        chains = apply_mutations(heavy, light, mutations)
    except MutationError:
        return None
    return ParentChains(*chains)


def _reversed(piece: str) -> str:
    """``H:A33G`` as ``H:G33A``; ``?``, which fits nothing, for a text of another form."""
    match = re.fullmatch(r"((?:[A-Za-z]+:)?[A-Za-z]*?)([A-Za-z])(\d+)([A-Za-z])", piece)
    return f"{match[1]}{match[4]}{match[3]}{match[2]}" if match else "?"
