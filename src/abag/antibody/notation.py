"""The grammar of mutations as people write them: text into pieces, each with all its readings.

Known are ``H:A33G``, ``HA33G``, ``VH-A33G``, ``HER2-VH_A33G``, SKEMPI's ``AH33G`` (the chain behind
the residue) and ``A33(H)G``, HGVS's ``p.Ala33Gly``, ``A33del``, ``delA33``, ``A33AGS`` (G and S put
in behind A33), Kabat's ``Y100aF`` and ``Y100AF``, and a numbering behind a mutation,
``D98W (Kabat)``. Which reading fits the parent is decided in :mod:`abag.antibody.mutations`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from abag.antibody.alphabet import AMINO_ACIDS, UNKNOWN_RESIDUE
from abag.antibody.numbering.schemes import SCHEMES
from abag.errors import MutationError

SEQUENTIAL: Final = "sequential"
NUMBERINGS: Final = (SEQUENTIAL, *SCHEMES)
"""Numberings of the places of mutations."""

_LABELS: Final = {
    **dict.fromkeys(("H", "VH", "HC", "HEAVY", "VHH"), "H"),
    **dict.fromkeys(("L", "VL", "LC", "LIGHT", "K", "VK"), "L"),
}
_LABEL: Final = "|".join(sorted(_LABELS, key=len, reverse=True))
_PARENT: Final = re.compile(
    r"(?:(?:wt|wild[ _-]?type|parent(?:al)?|native|unmutated|unmodified|no mutations?|p\.=)"
    r"[ _-]*(?:(?:antibody|mab|fab|scfv|vhh|sequence|control|parent|wt)|\(.*\))?)?",
    re.IGNORECASE,
)
_THREE: Final = {
    "Ala": "A", "Cys": "C", "Asp": "D", "Glu": "E", "Phe": "F", "Gly": "G", "His": "H", "Ile": "I",
    "Lys": "K", "Leu": "L", "Met": "M", "Asn": "N", "Pro": "P", "Gln": "Q", "Arg": "R", "Ser": "S",
    "Thr": "T", "Val": "V", "Trp": "W", "Tyr": "Y", "Ter": "*",
}  # fmt: skip
_LONG: Final = re.compile("|".join(_THREE))
_BIG: Final = "|".join(_THREE).upper()
_ALL_BIG: Final = re.compile(rf"(.*?)({_BIG})(\d+[A-Za-z]?)({_BIG})")
_SCHEME: Final = re.compile(
    rf"\s*[(\[]\s*({'|'.join(SCHEMES)})(?: numbering)?\s*[)\]]", re.IGNORECASE
)
_HEADING: Final = re.compile(
    rf"\b({_LABEL})(?:[ _-]?chain)?(?::\s+|\s+)(?=[A-Za-z(][\w.]*\d)", re.IGNORECASE
)
_SEPARATOR: Final = re.compile(r"(?:[;,+/|&\s]|(?<=\s)and(?=\s))+", re.IGNORECASE)
_JOINER: Final = re.compile(r"[-_:.]")
_PIECE: Final = re.compile(
    rf"(?:(?:\S*?[-_.])?(?P<chain>{_LABEL})[-_:.])?(?:p\.)?\(?"
    r"(?P<letters>[A-Za-z]*)(?P<number>\d+)(?:\((?P<behind>[A-Za-z]+)\))?(?:->|→|>)?"
    r"(?P<mutant>[A-Za-z*-]+)\)?",
    re.IGNORECASE,
)
_CHAIN_BEHIND: Final = re.compile(
    rf"(?<![\w:.-])([A-Za-z]{{1,3}}\d+[A-Za-z]{{1,3}})\s*\(({_LABEL})(?:[ _-]?chain)?\)",
    re.IGNORECASE,
)
"""``Y33F (H)`` and ``Y33F(VH)``."""
_DELETED: Final = re.compile(r"(.*?)(?:del|Δ)([A-Za-z]\d+)", re.IGNORECASE)
_STRANGER: Final = re.compile(r"(?P<name>\S+?)[-_:.][A-Za-z]?\d+[A-Za-z*-]+")
_ALLOWED: Final = frozenset(AMINO_ACIDS + UNKNOWN_RESIDUE)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a piece of text: a change of a residue at a position of a numbering."""

    chain: str | None
    """``H`` or ``L``; None where the piece names none."""
    wild_type: str
    position: str
    """``33``, or ``100A`` in a scheme."""
    mutant: str
    """One letter; ``-`` for a deletion; several where residues are put in behind the first."""
    scheme: str


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one mutation and its readings, the usual one first."""

    text: str
    readings: tuple[Reading, ...]


def means_parent(text: str) -> bool:
    """Whether a text of mutations means the unchanged parent: empty, ``WT``, ``wild-type``."""
    return _PARENT.fullmatch(text.strip()) is not None


def require_numbering(scheme: str) -> None:
    """Raise :class:`MutationError` for a numbering that is not known."""
    if scheme not in NUMBERINGS:
        raise MutationError(f"unknown numbering {scheme!r}; known are {', '.join(NUMBERINGS)}")


def read_pieces(text: str, scheme: str = SEQUENTIAL) -> list[Piece]:
    """Part a text into its mutations and read each; ``scheme`` holds where a piece names none.

    Raises:
        MutationError: a piece that names no mutation, or a letter that is no amino acid.
    """
    spelt = unicodedata.normalize("NFKC", text).replace("\u200b", "").strip()
    if spelt[:1] + spelt[-1:] in ("[]", "{}"):
        spelt = spelt[1:-1]
    joined = _SCHEME.sub(lambda match: f"({match[1].lower()})", re.sub("[\"']", "", spelt))
    joined = _CHAIN_BEHIND.sub(r"\2:\1", joined)
    joined = _HEADING.sub(r"\1:", joined)
    parts = [part for part in _SEPARATOR.split(joined) if part]
    return [piece for part in parts for piece in _parse(part, scheme)]


def _parse(piece: str, scheme: str) -> list[Piece]:
    if match := _match(piece):
        return [_piece(piece, match, scheme)]
    for joiner in _JOINER.finditer(piece):
        first, second = piece[: joiner.start()], piece[joiner.end() :]
        if (match := _match(first)) and (others := _parse_if_possible(second, scheme)):
            return [_piece(first, match, scheme), *others]
    if stranger := _STRANGER.fullmatch(_plain(piece)):
        raise MutationError(
            f"{piece!r}: unknown chain {stranger['name']!r}; write H or L, as in H:A33G"
        )
    raise MutationError(
        f"{piece!r} names no mutation; write chain, the parent's residue, place and new "
        "residue, for example H:A33G"
    )


def _parse_if_possible(text: str, scheme: str) -> list[Piece]:
    try:
        return _parse(text, scheme)
    except MutationError:
        return []


def _plain(piece: str) -> str:
    """A piece with one-letter residues, and without a numbering behind it."""
    bare = re.sub(rf"\(({'|'.join(SCHEMES)})\)", "", piece)
    bare = _LONG.sub(lambda match: _THREE[match[0]], bare)
    if big := _ALL_BIG.fullmatch(bare):
        bare = f"{big[1]}{_THREE[big[2].title()]}{big[3]}{_THREE[big[4].title()]}"
    if deletion := _DELETED.fullmatch(bare):
        bare = f"{deletion[1]}{deletion[2]}del"
    return bare


def _match(piece: str) -> re.Match[str] | None:
    return _PIECE.fullmatch(_plain(piece))


def _piece(text: str, match: re.Match[str], scheme: str) -> Piece:
    numbering = re.search(rf"\(({'|'.join(SCHEMES)})\)", text)
    chains = _chains(text, match)
    residues = _mutants(match["number"], match["mutant"], numbering[1] if numbering else scheme)
    readings = [
        Reading(chain, wild_type, position, mutant, counted)
        for chain, wild_type in chains
        for position, mutant, counted in residues
    ]
    for reading in readings:
        _require_letters(text, reading)
    return Piece(text, tuple(dict.fromkeys(readings)))


def _chains(text: str, match: re.Match[str]) -> list[tuple[str | None, str]]:
    """Chain and residue of the parent in ``H:A``, ``HA``, ``AH`` and ``A``, in every reading."""
    letters = match["letters"].upper()
    label = match["chain"] or match["behind"]
    if label is not None and label.upper() not in _LABELS:
        raise MutationError(f"{text!r}: unknown chain {label!r}; write H or L, as in H:A33G")
    if not letters:
        raise MutationError(
            f"{text!r} does not name the parent's residue; write it, as in H:A33G, so that the "
            "place can be checked"
        )
    if len(letters) == 1:
        return [(_LABELS[label.upper()] if label else None, letters)]
    pairs: list[tuple[str | None, str]] = []
    if label is None and letters[:-1] in _LABELS:
        pairs.append((_LABELS[letters[:-1]], letters[-1]))
    if label is None and len(letters) == 2 and letters[-1] in "HL":
        pairs.append((letters[-1], letters[0]))
    if not pairs:
        raise MutationError(f"{text!r}: unknown chain {letters[:-1]!r}; write H or L, as in H:A33G")
    return pairs


def _mutants(number: str, mutant: str, scheme: str) -> list[tuple[str, str, str]]:
    """Position, new residues and numbering behind a piece's number, in every reading."""
    position = str(int(number))
    if mutant.lower() in ("del", "-"):
        return [(position, "-", scheme)]
    lettered = len(mutant) > 1 and mutant[0].isalpha()
    inserted = (position + mutant[0].upper(), mutant[1:].upper(), scheme)
    if lettered and mutant[0].islower() and not mutant[1:].islower():
        return [inserted]  # Kabat's 100a
    if scheme != SEQUENTIAL:
        return [inserted] if lettered else [(position, mutant.upper(), scheme)]
    substitution = (position, mutant.upper(), scheme)
    if not (lettered and len(mutant) == 2):
        return [substitution]
    return [substitution, *((*inserted[:2], numbering) for numbering in SCHEMES)]


def _require_letters(text: str, reading: Reading) -> None:
    for letter in reading.wild_type + reading.mutant.replace("-", "", int(reading.mutant == "-")):
        if letter not in _ALLOWED:
            hint = " (a stop codon is no variant that binds)" if letter == "*" else ""
            raise MutationError(f"{text!r}: {letter!r} is no amino acid{hint}")
