"""The parts of ANARCI's wheel that numbering uses: profiles, germline genes, IMGT positions.

ANARCI (Dunbar and Deane, Bioinformatics 2016; BSD-3) ships 29 HMMER models of 128 columns, one for
each species and chain type. The columns are IMGT positions except inside the CDRs, whose gaps and
insertions the IMGT definition places by length (its ``number_imgt``). Its parts are taken without
its package, which imports BioPython and costs 0.1 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any, Final

from abag.antibody.alphabet import ChainKind
from abag.errors import SequenceError, UnavailableError


def _wheel_file(*parts: str) -> Path:
    spec = find_spec("anarci")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(
            "antibody numbering needs the package anarci; install it with: pip install anarci"
        )
    path = Path(next(iter(spec.submodule_search_locations)), *parts)
    if not path.is_file():
        raise UnavailableError(
            f"the anarci package has no {path.name}; reinstall it from its wheel"
        )
    return path


@cache
def wheel_part(name: str) -> Any:
    """The module ``germlines`` (V and J genes) or ``schemes`` (rules of numbering).

    Raises:
        UnavailableError: ANARCI is not installed, or has no such module.
    """
    loader = SourceFileLoader(f"abag_anarci_{name}", str(_wheel_file(f"{name}.py")))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None  # a loader was given
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


COLUMNS: Final = 128
ANTIBODY_KINDS: Final = {"H": ChainKind.HEAVY, "K": ChainKind.KAPPA, "L": ChainKind.LAMBDA}
"""Chain type letter of a profile's name; A, B, G and D are chains of T-cell receptors."""

MAX_RESIDUES: Final = 100_000
"""The longest sequence that HMMER takes."""

_KNOWN_LETTERS: Final = frozenset("ACDEFGHIKLMNPQRSTVWYBJZOUX")


@dataclass(frozen=True, slots=True)
class Profile:
    """One model: ``alpaca_H`` is species ``alpaca`` and chain type ``H``."""

    index: int
    species: str
    chain_type: str
    hmm: Any

    @property
    def kind(self) -> ChainKind | None:
        """The antibody chain kind, or None for a T-cell receptor."""
        return ANTIBODY_KINDS.get(self.chain_type)


@cache
def alphabet() -> Any:
    """HMMER's amino-acid alphabet."""
    from pyhmmer.easel import Alphabet

    return Alphabet.amino()


@cache
def load_profiles() -> tuple[Profile, ...]:
    """Profiles in the IMGT frame, in the order of ANARCI's file.

    Raises UnavailableError where anarci or pyhmmer is not installed.
    """
    try:
        from pyhmmer.plan7 import HMMFile
    except ImportError as error:
        raise UnavailableError(
            f"antibody numbering needs the package pyhmmer ({error}); install it with: "
            "pip install pyhmmer"
        ) from None
    profiles: list[Profile] = []
    with HMMFile(_wheel_file("dat", "HMMs", "ALL.hmm")) as models:
        for hmm in models:
            species, chain_type = _text(hmm.name).split("_")
            profile = Profile(len(profiles), species, chain_type, hmm)
            if _is_in_frame(profile):
                profiles.append(profile)
    return tuple(profiles)


def _is_in_frame(profile: Profile) -> bool:
    """Whether Cys23, Trp41 and Cys104 stand where IMGT puts them.

    In the wheel of February 2026 the columns of ``rhesus_H`` and ``rhesus_K`` are shifted by one
    against all others (cysteines in columns 24 and 105), so numbers taken from them are wrong.
    """
    consensus = profile.hmm.consensus.upper()
    return bool(consensus[22] == "C" and consensus[40] == "W" and consensus[103] == "C")


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def readable(sequence: str) -> str:
    """Upper case, and X for every sign that is no amino-acid letter; the length stays.

    Raises SequenceError for more than ``MAX_RESIDUES`` residues.
    """
    if len(sequence) > MAX_RESIDUES:
        raise SequenceError(
            f"a sequence of {len(sequence)} residues cannot be numbered; "
            f"the limit is {MAX_RESIDUES}: give single protein chains"
        )
    upper = sequence.upper()
    if len(upper) != len(sequence):  # a sign such as the German sharp s grows in upper case
        upper = sequence
    if _KNOWN_LETTERS.issuperset(upper):
        return upper
    return "".join(letter if letter in _KNOWN_LETTERS else "X" for letter in upper)


MATCH, INSERT, DELETE = "m", "i", "d"
StateVector = list[tuple[tuple[int, str], int | None]]
"""ANARCI's form: ((column, step), residue index); an insertion bears the column behind it."""


@lru_cache(maxsize=65_536)
def imgt_positions(first_column: int, path: str) -> tuple[str, ...] | None:
    """IMGT position of every residue of an alignment; None where the scheme has no place for one.

    Args:
        first_column: profile column (from 1) of the first letter of ``path``.
        path: one of ``m`` (residue in a column), ``i`` (residue between two columns) or ``d``
            (column without residue) for each step.

    The None case is a CDR3 of more than 117 residues, or more insertions in a framework than
    there are letters.
    """
    residues = sum(step != DELETE for step in path)
    return positions_by(
        wheel_part("schemes").number_imgt, _state_vector(first_column, path), residues
    )


def positions_by(
    rules: Callable[..., Any], vector: StateVector, residues: int, **options: str
) -> tuple[str, ...] | None:
    """Positions that ANARCI's rules give residues; None where they have no place for one."""
    try:
        numbering, _, _ = rules(vector, "A" * residues, **options)
    except (AssertionError, IndexError):
        return None
    positions = tuple(
        f"{number}{insertion.strip()}"
        for (number, insertion), residue in numbering
        if residue != "-"
    )
    return positions if len(positions) == residues else None


def _state_vector(first_column: int, path: str) -> StateVector:
    column, residue = first_column, 0
    vector: StateVector = []
    for step in path:
        vector.append(((column, step), None if step == DELETE else residue))
        residue += step != DELETE
        column += step != INSERT
    # ANARCI holds back the columns at a border of a CDR and forgets them when the domain ends
    # there (a chain cut inside its J segment); empty columns behind the end make it give them out.
    vector += [((missing, DELETE), None) for missing in range(column, COLUMNS + 1)]
    return vector
