"""The letters of chains: amino acids, their codes and hashes, and texts that read as names.

A residue has one code everywhere: 0 to 19 in the order of :data:`AMINO_ACIDS`, :data:`GAP` for a
position that a chain does not have, :data:`UNKNOWN` for X and all that is no standard residue.

Names of proteins are spelt in the letters of amino acids. A short text is a name where it is
written like one (``Streptavidin``), is a known symbol (``EGFR``), has letters that antigens do
not have (O, U, J), or where its letters follow each other as in names and not as in proteins: the
log-odds of a trigram model of the names in ``resources/names`` against the composition of proteins.
Peptides of 12 residues have log-odds below -14 in 99 of 100 draws, names (each left out in turn)
above -2 in 95 of 100.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from abag.units import is_missing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AMINO_ACIDS: Final = "ACDEFGHIKLMNPQRSTVWY"
"""The twenty standard residues, in alphabetical order of their letters."""

GAP: Final = 20
"""Code of a gap."""
UNKNOWN: Final = 21
"""Code of X, of rare residues and of signs that are no residue."""
LETTERS: Final = AMINO_ACIDS + "-X"
"""Letter of each code."""
UNKNOWN_RESIDUE: Final = "X"
RARE_RESIDUES: Final = "BJOUZ"
"""Letters of the IUPAC code that mean a rare or ambiguous residue; read as X, with a flag."""

_KNOWN_LETTERS: Final = frozenset(AMINO_ACIDS + UNKNOWN_RESIDUE + RARE_RESIDUES)

MAX_ANTIGEN_RESIDUES: Final = 6_000
MAX_ANTIBODY_RESIDUES: Final = 1_500


class ChainKind(StrEnum):
    """The kind of a chain."""

    HEAVY = "heavy"
    KAPPA = "kappa"
    LAMBDA = "lambda"
    VHH = "vhh"
    ANTIGEN = "antigen"

    @property
    def is_light(self) -> bool:
        """Whether this is a light-chain kind."""
        return self in (ChainKind.KAPPA, ChainKind.LAMBDA)


def tidy_chain(text: str) -> str:
    """A chain in capital letters, without white space."""
    return "".join(text.split()).upper()


def sequence_hash(sequence: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the upper-case sequence."""
    return hashlib.sha256(sequence.upper().encode("ascii")).hexdigest()[:16]


def looks_like_nucleotides(sequence: str) -> bool:
    """Whether a sequence of 30 letters or more is written in A, C, G, T, U and N alone."""
    return len(sequence) >= 30 and not sequence.upper().strip("ACGTUN")


def foreign_letters(sequence: str) -> list[tuple[int, str]]:
    """Positions (from 1) and letters that belong to no amino-acid code."""
    upper = sequence.upper()
    if _KNOWN_LETTERS.issuperset(upper):
        return []
    return [(i, c) for i, c in enumerate(upper, start=1) if c not in _KNOWN_LETTERS]


@cache
def code_of_byte() -> NDArray[np.uint8]:
    """Code of every ASCII byte, shape (256,)."""
    import numpy as np

    table = np.full(256, UNKNOWN, dtype=np.uint8)
    for code, letter in enumerate(AMINO_ACIDS):
        table[ord(letter)] = table[ord(letter.lower())] = code
    table[ord("-")] = GAP
    return table


def residue_codes(text: str) -> NDArray[np.uint8]:
    """Codes of the letters of a chain, shape (letters,); ``-`` is a gap, any other sign is X."""
    import numpy as np

    return code_of_byte()[np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8)]


LONGEST_NAME: Final = 45
"""Longer texts are chains, or hold letters and signs that no chain has."""

FEWEST_RESIDUES: Final = 6
"""The shortest epitopes that were measured as peptides, such as ELDKWA, have six residues."""

_NAME: Final = -2.0
_DOUBTFUL: Final = -10.0
_NOT_IN_ANTIGENS: Final = frozenset("OUJ")

_COMPOSITION_PERCENT: Final = (
    8.25, 1.37, 5.45, 6.75, 3.86, 7.07, 2.27, 5.96, 5.84, 9.66,
    2.42, 4.06, 4.70, 3.93, 5.53, 6.56, 5.34, 6.87, 1.08, 2.92,
)  # fmt: skip
"""Share of each residue in UniProtKB/Swiss-Prot (release statistics), in the order of letters."""

_RESIDUE_BY_RESIDUE: Final = re.compile(r"\s*(?:[A-Z]\s+)+[A-Z]\s*")
_MISSING_INSIDE: Final = re.compile(r"nan|NaN|none|None|null|Null|<NA>|#N/A")
_THREE_LETTERS: Final = re.compile(
    r"(?:(?:Ala|Arg|Asn|Asp|Cys|Gln|Glu|Gly|His|Ile|Leu|Lys|Met|Phe|Pro|Ser|Thr|Trp|Tyr|Val)"
    r"[\s\-]*){3,}"
)

_MODIFIED: Final = re.compile(r"[A-Z]*(p[STYE])(?:[A-Z]|p[STYE])*")
_SENTENCE: Final = re.compile(r"(?:\S{1,9}\s+){2,}.*[a-z]{3}")
_SHORT_END: Final = re.compile(r"([A-Z]{1,2}-)?[A-Z]{5,}(-[A-Z]{1,2})?")
_MIXED_PIECE: Final = re.compile(r"[A-Z]+[a-z][A-Za-z]*|[a-z]+[A-Z][A-Za-z]*")
_TAGS: Final = frozenset({
    "GST", "MBP", "TRX", "SNAP", "CLIP", "HALO", "FLAG", "MYC", "HA", "HIS", "AVI", "STREP", "FC",
    "HFC", "MFC", "IGG", "GFP", "EGFP", "RFP", "YFP", "MCHERRY", "SUMO", "HSA", "TWINSTREP", "TAG",
    "KLH", "BSA", "OVA", "LINKER", "VH", "VL", "HC", "LC", "VHH", "SCFV", "FAB", "ECD", "RBD",
})  # fmt: skip
"""Names of tags, carriers and domains that people set apart at the end of a chain."""

_GROUP: Final = (
    r"(?:Ac|ac|Acetyl|acetyl|Me|Bio|Biotin(?:yl)?|biotin(?:yl)?|BIOTIN|FITC|(?:5-|5\(6\)-|6-)?FAM|"
    r"TAMRA|Cy[357](?:\.5)?|Fmoc|Boc|Cbz|H2N|NH2|Myr|Palm|Pal|Suc|DOTA|DTPA|KLH|BSA|Ahx|Aca|"
    r"PEG\d*|Abz|Dansyl|DNP|Mal|For|formyl)"
)
_TAIL: Final = (
    r"(?:OH|oh|NH2|nh2|amide|Amide|AMIDE|am|CONH2|COOH|COO|acid|OMe|OtBu|CHO|AMC|pNA|KLH|BSA|FITC|"
    r"[Bb]iotin|BIOTIN|Ahx|PEG\d*)"
)
_GROUPS: Final = re.compile(
    rf"^(?P<head>(?:{_GROUP}[- ]+|[(\[]{_GROUP}[)\]]-?)*(?:Ac(?=[A-Z]{{4}}))?)"
    rf"(?P<pyro>(?:pE|pGlu|Pyr|pyroE|<E)-?)?"
    rf"(?P<body>.*?)(?P<tail>(?:[- ]+{_TAIL}|-?[(\[]{_TAIL}[)\]])*|CONH2|NH2)$",
    re.DOTALL,
)


def without_end_groups(text: str) -> tuple[str, bool]:
    """A peptide without the groups at its ends (``Ac-``, ``Biotin-``, ``-OH``, ``pE``).

    Returns the residues and whether anything was taken off; pyroglutamate becomes E.
    """
    match = _GROUPS.fullmatch(text.strip())
    if match is None or not (match["head"] or match["pyro"] or match["tail"]):
        return text, False
    body = match["body"]
    if match["tail"] and body.startswith("H-"):
        body = body[2:]
    return ("E" if match["pyro"] else "") + body, True


def not_residues(text: str) -> str | None:
    """Why a text is not a chain; None where it may be one."""
    mixed = text != text.upper() and text != text.lower()
    marker = _MISSING_INSIDE.search(text) if mixed or "/" in text or "<" in text else None
    if marker and len(text) > len(marker[0]):
        position = len("".join(text[: marker.start()].split())) + 1
        return f"has {marker[0]!r}, a mark of a missing value, at residue {position}"
    if mixed and _THREE_LETTERS.fullmatch(text):
        return "is written in three-letter code; write one letter a residue"
    if mixed and (modified := _MODIFIED.fullmatch(text)):
        return f"has {modified[1]!r}, a modified residue; write the letter of the residue alone"
    end = _SHORT_END.fullmatch(text.strip())
    if len(text) > LONGEST_NAME and not (end and end[1] and end[2]):
        return "is a text of several words" if _SENTENCE.match(text) else _foreign_piece(text)
    if end and (group := end[1] or end[2]):
        return f"has {group!r} at its end, which may be a group or residues; write the residues"
    if _RESIDUE_BY_RESIDUE.fullmatch(text):
        return None
    letters = re.sub(r"[^A-Za-z]", "", text)
    if not letters or re.search(r"[^A-Za-z\s\-.*_]", text):
        return None
    if _is_name(text, letters):
        return (
            f"is {text.strip()!r}, which reads as a name; give its residues (if these are its "
            f"residues, part them by spaces: {' '.join(letters.upper()[:4])} ...)"
        )
    return _foreign_piece(text)


def _foreign_piece(text: str) -> str | None:
    """Why a piece behind a dash or space is not residues: ``-Fc``, ``GST-``, ``Spike``."""
    pieces = [piece for piece in re.split(r"[\s\-]+", text.strip()) if piece]
    if len(pieces) < 2 or not any(piece.isupper() and len(piece) > 4 for piece in pieces):
        return None
    in_blocks = len(pieces) > 2 and len(set(map(len, pieces[:-1]))) == 1
    for piece in pieces:
        at_end = piece in (pieces[0], pieces[-1]) and not in_blocks
        small = piece.isalpha() and piece.islower() and 2 < len(piece) < FEWEST_RESIDUES + 3
        if _MIXED_PIECE.fullmatch(piece) or (at_end and (piece in _TAGS or small)):
            return f"has {piece!r}, which may be a tag, a group or a name; write the residues alone"
    return None


def may_be_a_name(text: str) -> bool:
    """Whether a short chain that passed :func:`not_residues` may still be a name."""
    letters = re.sub(r"[^A-Za-z]", "", text).upper()
    if not letters or len(text) > LONGEST_NAME or _RESIDUE_BY_RESIDUE.fullmatch(text):
        return False
    return len(letters) <= FEWEST_RESIDUES or name_log_odds(letters) > _DOUBTFUL


def reads_as_chain(text: str) -> bool:
    """Whether a cell of a column may be a chain, or several joined by ``|/:;,`` or in a list."""
    bare = re.sub(r"[\[\]'\"]", "", text) if re.match(r"\s*\[\s*['\"]", text) else text
    parts = [part for part in re.split(r"[|/:;,]", bare) if not is_missing(part)]
    return bool(parts) and all(
        re.fullmatch(r"[A-Za-z*.\-\s]{6,}", bare := without_end_groups(part.strip())[0])
        and not_residues(bare) is None
        for part in parts
    )


def _is_name(text: str, letters: str) -> bool:
    if re.search(r"[a-z]", letters) and letters != letters.lower():
        # A word, or a few: a capital and small letters, or small letters in between.
        return bool(re.search(r"[a-z]{2,}|^[a-z][A-Z]", letters)) or len(letters) < FEWEST_RESIDUES
    upper = letters.upper().replace("X", "")
    if upper in _known_names():
        return True
    if not _NOT_IN_ANTIGENS.isdisjoint(upper):
        return True
    words = [word for word in re.split(r"[^A-Za-z]+", text) if word]
    if len(words) > 1 and max(map(len, words)) < 10 and len(set(map(len, words[:-1]))) > 1:
        return sum(map(name_log_odds, (word.upper() for word in words))) > _DOUBTFUL * len(words)
    return name_log_odds(upper) > _NAME


def name_log_odds(letters: str) -> float:
    """Bits for "a name" against "residues" of capital letters, whatever their number."""
    trigrams, background = _model()
    padded = f"^^{letters}"
    return sum(
        trigrams.log2(padded[i - 2], padded[i - 1], padded[i]) - background[padded[i]]
        for i in range(2, len(padded))
    )


class _Trigrams:
    """Letters after two letters, backed off to one letter and to none."""

    def __init__(self, names: frozenset[str]) -> None:
        self._one: Counter[str] = Counter()
        self._two: Counter[str] = Counter()
        self._three: Counter[str] = Counter()
        for name in names:
            padded = f"^^{name}"
            for i in range(2, len(padded)):
                self._one[padded[i]] += 1
                self._two[padded[i - 1 : i + 1]] += 1
                self._three[padded[i - 2 : i + 1]] += 1
        self._after_one = _totals(self._two)
        self._after_two = _totals(self._three)
        self._all = self._one.total()

    def log2(self, first: str, second: str, third: str) -> float:
        alone = (self._one[third] + 0.5) / (self._all + 13.0)
        pair = (self._two[second + third] + 4.0 * alone) / (self._after_one[second] + 4.0)
        three = self._three[first + second + third] + 3.0 * pair
        return math.log2(three / (self._after_two[first + second] + 3.0))


def _totals(counts: Counter[str]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for gram, count in counts.items():
        totals[gram[:-1]] += count
    return totals


@cache
def _model() -> tuple[_Trigrams, Mapping[str, float]]:
    shares = dict.fromkeys("BJOUXZ", 0.05) | dict(
        zip(AMINO_ACIDS, _COMPOSITION_PERCENT, strict=True)
    )
    total = sum(shares.values())
    return _Trigrams(_name_list("antigens.txt")), {
        letter: math.log2(share / total) for letter, share in shares.items()
    }


@cache
def _known_names() -> frozenset[str]:
    return _name_list("antigens.txt") | _name_list("symbols.txt") | _name_list("laboratory.txt")


@cache
def _name_list(name: str) -> frozenset[str]:
    text = resources.files("abag").joinpath("resources", "names", name).read_text("utf-8")
    return frozenset(text.upper().split())
