"""Reads the header of a FASTA record: the antibody's name, and the chain of the record.

A chain stands behind the name (``>ab1_H``, ``>ab1|light``, ``>ab1 heavy chain``, ``>ab1:VH``,
``>ab1 (L)``), before it (``>H:ab1``, ``>VH_ab1``), before a number (``>VH1``, ``>ab1_heavy_v2``),
or alone (``>H``). A single letter, and a label before the name or inside it, may as well be a part
of the name: such a reading is not sure, and counts where another record bears it out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Chain = Literal["heavy", "light", "scfv", "antigen"]

_CHAIN: Final = (
    r"(?:(?P<heavy>heavy(?:[ _-]?chain)?|vhh|vh|hc|h|igh[agmde]?|nanobody)"
    r"|(?P<light>light(?:[ _-]?chain)?|kappa|lambda|vl|vk|lc|l|k|igk|igl)"
    r"|(?P<scfv>scfv)|(?P<antigen>antigen|ag))"
)
_BEHIND: Final = re.compile(
    rf"(?P<id>\S.*?)[|_\-.:;,/ (\[]+(?P<label>{_CHAIN})[)\]]?", re.IGNORECASE
)
_BEFORE: Final = re.compile(
    rf"[(\[]?(?P<label>{_CHAIN})[)\]]?[|_\-.:/ ]+(?P<id>[^\s|]+)", re.IGNORECASE
)
_ALONE: Final = re.compile(rf":?(?P<label>{_CHAIN})", re.IGNORECASE)
_INSIDE: Final = re.compile(
    rf"(?P<id>(?:\S*[|_\-.:])?)(?P<label>{_CHAIN})(?P<rest>[_\-.]?[A-Za-z]{{0,3}}\d\w*)",
    re.IGNORECASE,
)
_GLUED: Final = re.compile(
    r"(?P<id>\S*\d\S*?|\S{3,}?)(?P<label>(?P<heavy>V?H|HC)|(?P<light>V?[LK]|LC))"
)
_ENTRY: Final = re.compile(
    r"(?P<code>[0-9][A-Za-z0-9]{3}|pdb_[A-Za-z0-9]{8})"
    r"(?:_\d+\|Chains? .*|:[A-Za-z0-9]+\|PDBID\|.*|[_:.][A-Za-z0-9](?:\|.*)?)"
)
_UNSURE: Final = ("h", "l", "k", "ag")
_HEAVY_J: Final = re.compile(r"W[GSAR].G[A-Z]{2}V[TIAS]V[SA]")
_LIGHT_J: Final = re.compile(r"FG[A-Z]GT[A-Z]{1,2}[VL][A-Z]{1,2}[IVL]")


@dataclass(frozen=True, slots=True)
class ChainName:
    """One reading of a header: the antibody's name (empty for a bare label) and its chain."""

    name: str
    chain: Chain | None
    sure: bool = True
    inside: bool = False
    """Whether the label stands inside the name: it counts where both chains bear it out."""


def readings(header: str) -> list[ChainName]:
    """Every reading of a header that names a chain, the surest first."""
    words = header.split()
    pieces = words[0].split("|")
    # `id|heavy|Homo sapiens`: the chain may stand in the first or second field.
    tries = [words[0], pieces[0], "|".join(pieces[:2]), " ".join(words[:2]), " ".join(words[:3])]
    behind = [match for text in tries if (match := _BEHIND.fullmatch(text))]
    names = [_reading(match, sure=match["label"].lower() not in _UNSURE) for match in behind]
    if alone := _ALONE.fullmatch(header.strip()):
        return [ChainName("", _chain(alone), sure=False)]
    if before := _BEFORE.match(header.strip()):
        names.append(_reading(before, sure=False))
    if inside := _INSIDE.fullmatch(words[0]):
        parts = (inside["id"].rstrip("|_-.:"), inside["rest"].lstrip("_-."))
        name = "_".join(part for part in parts if part)
        names.append(ChainName(name, _chain(inside), sure=False, inside=True))
    if glued := _GLUED.fullmatch(pieces[0]):
        chain: Chain = "heavy" if glued["heavy"] else "light"
        names.append(ChainName(glued["id"], chain, sure=False, inside=True))
    return list(dict.fromkeys(names))


def _reading(match: re.Match[str], sure: bool) -> ChainName:
    return ChainName(match["id"].strip(), _chain(match), sure)


def _chain(match: re.Match[str]) -> Chain:
    chains: tuple[Chain, ...] = ("heavy", "light", "scfv", "antigen")
    return next(chain for chain in chains if match[chain])


def chain_label(header: str) -> tuple[str, Chain | None]:
    """The antibody's name and chain in a header, read without other records."""
    candidates = [reading for reading in readings(header) if reading.name]
    return (candidates[0].name, candidates[0].chain) if candidates else (header.split()[0], None)


def entry_code(header: str) -> str | None:
    """The code of a PDB entry whose chains are the file's records: ``1N8Z_2|Chain B|...``."""
    match = _ENTRY.match(header)
    return match["code"].lower() if match and match.end() == len(header) else None


def looks_heavy(sequence: str) -> bool:
    """Whether a chain has the J segment of a heavy chain or VHH (``WGQGTLVTVSS``)."""
    return _HEAVY_J.search(sequence.upper()) is not None


def looks_light(sequence: str) -> bool:
    """Whether a chain has the J segment of a light chain (``FGQGTKVEIK``) and of no heavy one."""
    return not looks_heavy(sequence) and _LIGHT_J.search(sequence.upper()) is not None
