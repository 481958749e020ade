"""The variable-domain profiles: HMMER models of ANARCI's wheel, and letters as HMMER reads them.

ANARCI (Dunbar and Deane, Bioinformatics 2016; BSD-3) ships 29 models of 128 columns, one for each
species and chain type, whose columns are the IMGT positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from abag.antibody.alphabet import ChainKind
from abag.antibody.wheel import wheel_folder, wheel_part
from abag.errors import SequenceError, UnavailableError

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
    last_column: int
    """Last IMGT position that germline J segments of this species and type fill (127 or 128)."""

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
    path = wheel_folder() / "dat" / "HMMs" / "ALL.hmm"
    if not path.is_file():
        raise UnavailableError(
            f"the anarci package has no {path.name}; reinstall it from its wheel"
        )
    profiles: list[Profile] = []
    with HMMFile(path) as models:
        for hmm in models:
            species, chain_type = _text(hmm.name).split("_")
            profile = Profile(
                len(profiles), species, chain_type, hmm, _last_column(species, chain_type)
            )
            if _is_in_frame(profile):
                profiles.append(profile)
    return tuple(profiles)


def _last_column(species: str, chain_type: str) -> int:
    genes = wheel_part("germlines").all_germlines["J"].get(chain_type, {}).get(species)
    return len(next(iter(genes.values())).rstrip("-")) if genes else COLUMNS


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
