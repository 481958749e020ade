"""Profile searches: which part of a chain aligns to which profile, and how.

Every score is that of one chain against one profile with the size of the database fixed, so a
chain gets the same answer alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final, NamedTuple

from abag.antibody.numbering.profiles import Profile, alphabet, load_profiles
from abag.antibody.numbering.states import DELETE, INSERT, MATCH
from abag.antibody.numbering.underflow import flushing_to_zero

MOST_RESIDUES: Final = 2_000
"""Longer chains are not searched and have no domain; an IgM heavy chain has 590 residues."""
_FEWEST_OF_A_TASK: Final = 64
_MOST_OF_A_TASK: Final = 1_024
"""A task makes a profile ready, which takes as long as half a search."""
_STEPS: Final = "".join(DELETE if chr(code) == "-" else MATCH for code in range(128))
"""Step of an alignment for each letter of the aligned chain."""


class Hit(NamedTuple):
    """One stretch of a chain aligned to one profile."""

    profile: Profile
    score: float
    """Bit score of this stretch."""
    evalue: float
    """Independent E-value against all profiles, to the two digits that ``hmmscan`` prints."""
    chain_pvalue: float
    """P-value of the whole chain against the profile; orders hits of equal E-value."""
    start: int
    end: int
    """Residues ``start`` (from 0) up to, without, ``end`` are aligned."""
    first_column: int
    last_column: int
    path: str
    """Matches, insertions and deletions (see :mod:`abag.antibody.numbering.states`)."""

    @property
    def rank(self) -> tuple[float, float, int, int]:
        """Sorting key: the best hit first, never a tie."""
        return (self.evalue, self.chain_pvalue, self.profile.index, self.start)


def align(
    wanted: Mapping[int, Sequence[str]], threads: int = 2, minimum_score: float = 0.0
) -> dict[str, list[Hit]]:
    """Search chains with profiles.

    Args:
        wanted: the chains to search, by the index of the profile to search them with.
        threads: how many searches run at once (HMMER runs outside Python's lock).
        minimum_score: hits of fewer bits are left out.

    Returns:
        Every hit of every chain that has one, best first.
    """
    wanted = {
        profile: [chain for chain in chains if len(chain) <= MOST_RESIDUES]
        for profile, chains in wanted.items()
    }
    share = -(-max(map(len, wanted.values()), default=0) // threads)
    size = min(max(share, _FEWEST_OF_A_TASK), _MOST_OF_A_TASK)
    tasks = [
        (profile, chains[i : i + size])
        for profile, chains in wanted.items()
        for i in range(0, len(chains), size)
    ]
    profiles = load_profiles()

    def run(task: tuple[int, Sequence[str]]) -> list[tuple[str, Hit]]:
        return _search(profiles[task[0]], task[1], len(profiles), minimum_score)

    if threads > 1 and len(tasks) > 1:
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(run, tasks))
    else:
        answers = [run(task) for task in tasks]
    found: dict[str, list[Hit]] = {}
    for answer in answers:
        for chain, hit in answer:
            found.setdefault(chain, []).append(hit)
    for hits in found.values():
        hits.sort(key=lambda hit: hit.rank)
    return found


def _search(
    profile: Profile, chains: Sequence[str], n_profiles: int, minimum_score: float
) -> list[tuple[str, Hit]]:
    from pyhmmer.easel import DigitalSequenceBlock, TextSequence
    from pyhmmer.plan7 import Pipeline

    letters = alphabet()
    block = DigitalSequenceBlock(
        letters,
        [
            TextSequence(name=name, sequence=chain).digitize(letters)
            for name, chain in zip(_names(_MOST_OF_A_TASK), chains, strict=False)
        ],
    )
    pipeline = Pipeline(letters, Z=n_profiles, domZ=n_profiles)
    with flushing_to_zero():
        hits = pipeline.search_hmm(profile.hmm, block)
    found = []
    for hit in hits:
        chain = chains[int(hit.name)]
        found += [
            (chain, _hit(profile, domain, hit.pvalue))
            for domain in hit.domains
            if domain.included and domain.score >= minimum_score
        ]
    return found


@cache
def _names(count: int) -> tuple[Any, ...]:
    """Names of records, of the type that this pyhmmer takes (bytes before 0.12, text since)."""
    from pyhmmer.easel import TextSequence

    texts = tuple(map(str, range(count)))
    return texts if isinstance(TextSequence().name, str) else tuple(t.encode() for t in texts)


def _hit(profile: Profile, domain: Any, chain_pvalue: float) -> Hit:
    alignment = domain.alignment
    columns, residues = alignment.hmm_sequence, alignment.target_sequence
    path = residues.translate(_STEPS)
    at = columns.find(".")
    while at >= 0:
        path = path[:at] + INSERT + path[at + 1 :]
        at = columns.find(".", at + 1)
    return Hit(
        profile,
        domain.score,
        float(f"{domain.i_evalue:.2g}"),
        chain_pvalue,
        alignment.target_from - 1,
        alignment.target_to,
        alignment.hmm_from,
        alignment.hmm_to,
        path,
    )
