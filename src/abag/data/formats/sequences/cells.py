"""Chains sequenced from single cells, and the pair of each cell."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from abag.errors import Problem

Locus = Literal["heavy", "light"]

_OF_A_SAMPLE: Final = re.compile(
    r"(?:bio)?samples?|librar(?:y|ies)|lib|donor|subject|patient|individual|participant|volunteer"
    r"|person|animal|mouse|mice|repertoire|(?:data)?set|batch|run|lane|pool|ident|experiment|study"
    r"|project|cohort|gem|channel|capture|chip|plate|hash(?:tag)?|hto|demux|timepoint|visit|tissue"
    r"|organ|specimen|biopsy|origin|source|site|compartment|population|strain|cage|well|replicate"
    r"|group|condition|day|processing|time|treatment|stim(?:ulation)?|expt?|files?|filename|sort"
    r"|accession|gs[emx]|[sed]r[rsx]|suffix|arm|cohort|disease|diagnosis|infection|vaccin(?:e|ation)"
    r"|dose|age|sex|gender|vendor|subset"
)
_OF_A_CONTIG: Final = re.compile(
    r"clone|clonotype|sequence|contig|call|umis?|reads?|count|score|consensus|junction|germline"
    r"|[vdjc]|cdr|fwr|locus|chain|gene|rows?|lines?"
)
_ENDING: Final = re.compile(r"(?<=...)(?:ids?|names?|number|\d+)$")


@dataclass(frozen=True, slots=True)
class CellChain:
    """One chain of a cell: the line of its row, its letters, and its number of UMIs."""

    line: int
    cell: tuple[str, ...]
    """Key of the cell: the values of its sample columns, then its barcode."""
    locus: Locus
    sequence: str
    umis: int | None = None


def tells_samples_apart(column: str) -> bool:
    """Whether a column, by its name, is about the sample of a cell.

    ``sample_id``, ``library_id``, ``rearrangement_set_id``, ``orig.ident``, ``donor`` and the
    like. All contigs of one cell have the same value there, so a column too many parts no pair.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", column).lower()
    words = [_ENDING.sub("", word) for word in re.findall(r"[a-z0-9]+", spaced)]
    return any(map(_OF_A_SAMPLE.fullmatch, words)) and not any(map(_OF_A_CONTIG.fullmatch, words))


def group_cells(chains: Iterable[CellChain]) -> tuple[list[list[CellChain]], int]:
    """Chains by their cell, those of one rearrangement merged, and the number of merged rows.

    The IGHM and the IGHD transcripts of a naive B cell, or a contig that stands in a file twice,
    have one V(D)J: a chain that equals another of its cell, or is a part of it, is no second one.
    """
    cells: dict[tuple[str, ...], list[CellChain]] = defaultdict(list)
    rows = 0
    for chain in chains:
        cells[chain.cell].append(chain)
        rows += 1
    merged = [_distinct(members) for members in cells.values()]
    return merged, rows - sum(map(len, merged))


def _distinct(members: Sequence[CellChain]) -> list[CellChain]:
    distinct: list[CellChain] = []
    for candidate in sorted(members, key=lambda chain: -len(chain.sequence)):
        index = next(
            (
                i
                for i, longer in enumerate(distinct)
                if longer.locus == candidate.locus and candidate.sequence in longer.sequence
            ),
            None,
        )
        if index is None:
            distinct.append(candidate)
            continue
        longer = distinct[index]
        umis = (
            None
            if None in (candidate.umis, longer.umis)
            else (candidate.umis or 0) + (longer.umis or 0)
        )
        distinct[index] = replace(longer, line=min(candidate.line, longer.line), umis=umis)
    return sorted(distinct, key=lambda chain: chain.line)


def with_most_umis(members: Sequence[CellChain]) -> tuple[list[CellChain], list[Problem]]:
    """Of each locus the chain with the most UMIs, and a problem for each of the others.

    Nothing is chosen where a count is missing or the two highest are equal.
    """
    chosen: list[CellChain] = []
    problems: list[Problem] = []
    for locus in ("heavy", "light"):
        rivals = sorted(
            (chain for chain in members if chain.locus == locus),
            key=lambda chain: -(chain.umis if chain.umis is not None else -1),
        )
        counts = [chain.umis for chain in rivals]
        if len(rivals) < 2 or None in counts or counts[0] == counts[1]:
            chosen += rivals
            continue
        chosen.append(rivals[0])
        problems += [
            Problem(
                chain.line, None,
                f"another {locus} chain of the cell has more UMIs ({counts[0]}, here {chain.umis})",
            )
            for chain in rivals[1:]
        ]  # fmt: skip
    return chosen, problems


def pair_fault(members: Sequence[CellChain]) -> str:
    """Why the chains of one cell are no pair; empty when they are one heavy and one light."""
    heavies = sum(chain.locus == "heavy" for chain in members)
    lights = len(members) - heavies
    if heavies == lights == 1:
        return ""
    if heavies > 1 or lights > 1:
        return f"{heavies} heavy and {lights} light chains"
    return "a heavy chain without a light chain" if heavies else "a light chain without a heavy"
