"""Numbered variable domains, made of hits; and the difference of VHH and VH.

A VH buries IMGT 42, 49, 50 and 52 under the light chain (Val, Gly, Leu, Trp). A VHH has no light
chain and shows them to water: Phe or Tyr at 42, Glu or Gln at 49, Arg or Cys at 50 and Gly, Leu
or Phe at 52 (Muyldermans, Annu Rev Biochem 2013). Profiles cannot see this: both are VH domains.
The rule is a heuristic. Some VHHs keep the VH residues (human-like or humanised nanobodies), and
no rule on the sequence alone finds those; they are called heavy, and everything downstream
treats VHH as heavy anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from abag.antibody.alphabet import ChainKind
from abag.antibody.numbering.anarci import COLUMNS, DELETE, INSERT, MATCH, imgt_positions
from abag.antibody.numbering.search import Hit

IMGT_REGIONS: Final[dict[str, tuple[int, int]]] = {
    "FR1": (1, 26), "CDR1": (27, 38), "FR2": (39, 55), "CDR2": (56, 65),
    "FR3": (66, 104), "CDR3": (105, 117), "FR4": (118, 128),
}  # fmt: skip
"""First and last IMGT position of each region (Lefranc et al., Dev Comp Immunol 2003)."""
_CDRS: Final = tuple(IMGT_REGIONS[f"CDR{loop}"] for loop in (1, 2, 3))
LOOPS: Final = tuple(
    next((loop for loop, (first, last) in enumerate(_CDRS, start=1) if first <= column <= last), 0)
    for column in range(129)
)
"""Number of the CDR (1 to 3) at each IMGT position, 0 in frameworks; index 0 is unused."""
_INSERTIONS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class NumberedDomain:
    """One variable domain found in a chain.

    ``sequence[i]`` of the domain stands at IMGT position ``positions[i]`` (``"111A"`` for
    insertions) and at index ``start + i`` of the chain it was found in.
    """

    kind: ChainKind
    start: int
    end: int
    sequence: str
    positions: tuple[str, ...]
    score: float
    """Bit score of the profile alignment."""

    def region(self, name: str) -> str:
        """Residues of one IMGT region: FR1, CDR1, FR2, CDR2, FR3, CDR3 or FR4."""
        return self.sequence[region_span(self.positions, name)]

    @property
    def cdr1(self) -> str:
        """Residues of CDR1 (IMGT 27 to 38)."""
        return self.region("CDR1")

    @property
    def cdr2(self) -> str:
        """Residues of CDR2 (IMGT 56 to 65)."""
        return self.region("CDR2")

    @property
    def cdr3(self) -> str:
        """Residues of CDR3 (IMGT 105 to 117)."""
        return self.region("CDR3")


def position_number(position: str) -> int:
    """111 of ``111A``: the number of a position without its insertion letters."""
    return int(position.rstrip(_INSERTIONS))


@lru_cache(maxsize=4_096)
def region_span(positions: tuple[str, ...], name: str) -> slice:
    """Slice of a region in a domain; positions ascend, and those of a library are few."""
    first, last = IMGT_REGIONS[name]
    numbers = [position_number(position) for position in positions]
    begin = sum(number < first for number in numbers)
    return slice(begin, begin + sum(first <= number <= last for number in numbers))


VHH_RESIDUES: Final[dict[str, str]] = {"42": "FY", "49": "EQ", "50": "RC", "52": "GLF"}
"""Residues typical of VHH at the four hallmark positions (IMGT)."""

_NEEDED: Final = 2


def is_vhh(positions: tuple[str, ...], sequence: str) -> bool:
    """Whether at least two of the four hallmark positions of a heavy domain bear a VHH residue."""
    marks = sum(sequence[i] in typical for i, typical in _hallmarks(positions))
    return marks >= _NEEDED


@lru_cache(maxsize=4_096)
def _hallmarks(positions: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Indices of the hallmark positions, and the residues that are typical there."""
    index = {position: i for i, position in enumerate(positions)}
    return tuple(
        (index[hallmark], typical)
        for hallmark, typical in VHH_RESIDUES.items()
        if hallmark in index
    )


MINIMUM_SCORE: Final = 80.0
"""Bits from which a stretch counts as a variable domain (ANARCI's threshold)."""

J_MINIMUM_SCORE: Final = 10.0
"""Bits from which the rest of a chain behind Cys104 counts as a J segment (ANARCI's threshold)."""

PART_MINIMUM_SCORE: Final = 30.0
"""Bits from which a stretch counts as the other part of a domain that was found already."""

_OVERLAP: Final = 12
"""Residues that two neighbouring hits may share before one counts as the same domain."""
_LEFT_OFF: Final = 3
"""Last residues of a chain cut inside its J segment that HMMER may leave off."""
_LAST_LIGHT_COLUMN: Final = 127
_CYS_23: Final = 23
_CYS_104: Final = 104
_FEWEST_OF_A_PART: Final = 20
"""Residues beside a cut alignment from which the rest of its domain is looked for."""
_LAST_MIDDLE_COLUMN: Final = 115
_J_START: Final = 117


def choose_domains(hits: Sequence[Hit]) -> list[Hit]:
    """The best hit of each variable domain, in the order of the chain.

    Hits must come best first. Neighbours that share a few residues (no linker between two
    domains) are cut apart in favour of the better one.
    """
    if len(hits) == 1:
        return [hit for hit in hits if hit.score >= MINIMUM_SCORE]
    chosen: list[Hit] = []
    for hit in hits:
        if hit.score >= MINIMUM_SCORE and all(
            _shared(hit, better) <= _OVERLAP for better in chosen
        ):
            chosen.append(hit)
    ranks = [hit.rank for hit in chosen]
    chosen.sort(key=lambda hit: hit.start)
    order = [ranks.index(hit.rank) for hit in chosen]
    for i in range(len(chosen) - 1):
        excess = chosen[i].end - chosen[i + 1].start
        if excess > 0 and order[i] < order[i + 1]:
            chosen[i + 1] = _without_first(chosen[i + 1], excess)
        elif excess > 0:
            chosen[i] = _without_last(chosen[i], excess)
    return chosen


def _shared(first: Hit, second: Hit) -> int:
    return min(first.end, second.end) - max(first.start, second.start)


def _without_first(hit: Hit, residues: int) -> Hit:
    path, column, start = hit.path, hit.first_column, hit.start
    while path and (residues > 0 or path[0] != MATCH):
        residues -= path[0] != DELETE
        start += path[0] != DELETE
        column += path[0] != INSERT
        path = path[1:]
    return hit._replace(path=path, first_column=column, start=start)


def _without_last(hit: Hit, residues: int) -> Hit:
    path, column, end = hit.path, hit.last_column, hit.end
    while path and (residues > 0 or path[-1] != MATCH):
        residues -= path[-1] != DELETE
        end -= path[-1] != DELETE
        column -= path[-1] != INSERT
        path = path[:-1]
    return hit._replace(path=path, last_column=column, end=end)


def complete(hit: Hit, floor: int, ceiling: int) -> Hit:
    """Carry an alignment that stops just short of a domain's ends to those ends.

    HMMER leaves off first and last residues that are unlike the germline. As in ANARCI up to five
    columns are filled at the front, and the J segment is completed once half of it is aligned, or
    once no more than three residues are left to which nothing else could belong.
    Light chains end at IMGT 127: the residue behind it belongs to the constant domain. Residues
    from ``floor`` on and before ``ceiling`` are free for this domain.
    """
    missing = hit.first_column - 1
    if 0 < missing <= 5:
        added = min(missing, hit.start - floor)
        hit = hit._replace(
            start=hit.start - added,
            first_column=hit.first_column - added,
            path=MATCH * added + hit.path,
        )
    light = hit.profile.kind is not None and hit.profile.kind.is_light
    last = _LAST_LIGHT_COLUMN if light else COLUMNS
    n_left = ceiling - hit.end
    cut_short = hit.last_column >= _J_START and n_left <= _LEFT_OFF
    if hit.last_column < last and (hit.last_column > 123 or cut_short):
        added = min(last - hit.last_column, n_left)
        hit = hit._replace(
            end=hit.end + added,
            last_column=hit.last_column + added,
            path=hit.path + MATCH * added,
        )
    while hit.last_column > last:
        hit = _without_last(hit, 1)
    return hit


def is_cut_short(hit: Hit, floor: int, ceiling: int) -> bool:
    """Whether an alignment covers a part of a domain although residues are left for the rest."""
    behind = hit.last_column < _CYS_104 and ceiling - hit.end >= _FEWEST_OF_A_PART
    return behind or (hit.first_column > _CYS_23 and hit.start - floor >= _FEWEST_OF_A_PART)


def joined(hit: Hit, others: Sequence[Hit], floor: int, ceiling: int) -> Hit:
    """One alignment of two parts of a domain that follow each other in chain and columns.

    A loop that is lost parts the domain: HMMER then aligns both sides by themselves. Residues that
    both claim go to the side where they stand in a framework. ``others`` are hits of the same
    chain, best first; ``floor`` and ``ceiling`` as in :func:`complete`. ``hit`` itself is given
    back where no other part fits.
    """
    for other in others:
        first, second = sorted((hit, other), key=lambda part: part.start)
        shared = first.end - second.start
        if (
            other.profile.chain_type == hit.profile.chain_type
            and floor <= other.start
            and other.end <= ceiling
            and shared <= _OVERLAP
            and first.last_column < second.first_column + max(shared, 0)
        ):
            if shared > 0 and LOOPS[first.last_column]:
                first = _without_last(first, shared)
            elif shared > 0:
                second = _without_first(second, shared)
            between = second.start - first.end
            columns = second.first_column - first.last_column - 1
            if 0 <= between <= columns:
                middle = MATCH * between + DELETE * (columns - between)
                path = first.path + middle + second.path
                column, end = second.last_column, second.end
                return first._replace(path=path, last_column=column, end=end, score=hit.score)
    return hit


def lacks_j_segment(hit: Hit, ceiling: int) -> bool:
    """Whether an alignment ends before FR4 though much of the chain is left (a very long CDR3)."""
    return (
        hit.last_column < 120
        and hit.end - 1 + 30 < ceiling
        and residue_at(hit, _CYS_104) is not None
    )


def residue_at(hit: Hit, target_column: int) -> int | None:
    """Index in the chain of the residue matched to a column, if there is one."""
    column, residue = hit.first_column, hit.start
    for step in hit.path:
        if step == MATCH and column == target_column:
            return residue
        residue += step != DELETE
        column += step != INSERT
    return None


def with_j_segment(hit: Hit, j_hits: Sequence[Hit], offset: int, ceiling: int) -> Hit:
    """Join a V segment that ends in CDR3 with the J segment found behind it.

    ``j_hits`` are hits in the rest of the chain behind Cys104, which begins at ``offset``, best
    first. ``hit`` itself is given back where no J segment reaches IMGT 126.
    """
    candidates = [j for j in j_hits if j.score >= J_MINIMUM_SCORE and j.start + offset < ceiling]
    if not candidates:
        return hit
    j = candidates[0]
    j = j._replace(start=j.start + offset, end=j.end + offset)
    j = complete(j, offset, ceiling)
    if j.last_column < 126 or j.first_column > _J_START:
        return hit
    before_j = [residue_at(j, column) for column in range(_J_START, COLUMNS + 1)]
    first = next(i for i, residue in enumerate(before_j) if residue is not None)
    j = _without_first(j, int(before_j[first] or 0) - j.start)
    cysteine = residue_at(hit, _CYS_104)
    if cysteine is None:
        return hit
    v = _without_last(hit, hit.end - cysteine - 1)
    loop = j.start - v.end
    columns = min(loop, _LAST_MIDDLE_COLUMN - _CYS_104)
    empty = j.first_column - _CYS_104 - 1 - columns
    middle = MATCH * columns + INSERT * (loop - columns) + DELETE * empty
    return v._replace(end=j.end, last_column=j.last_column, path=v.path + middle + j.path)


def number_domains(chain: str, chosen: Sequence[Hit]) -> tuple[NumberedDomain, ...]:
    """Number the antibody domains among the chosen hits; receptors of T cells are left out."""
    numbered = []
    for hit in chosen:
        kind = hit.profile.kind
        positions = imgt_positions(hit.first_column, hit.path) if kind is not None else None
        if kind is None or positions is None:
            continue
        residues = chain[hit.start : hit.end]
        numbered.append(
            NumberedDomain(kind, hit.start, hit.end, residues, positions, round(hit.score, 1))
        )
    if any(domain.kind.is_light for domain in numbered):
        return tuple(numbered)
    return tuple(
        replace(domain, kind=ChainKind.VHH) if is_vhh(domain.positions, domain.sequence) else domain
        for domain in numbered
    )
