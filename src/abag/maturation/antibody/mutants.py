"""Which residues of an antibody to change, and every single mutant of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.antibody import Antibody, NumberedChain
from abag.antibody.mutations import Mutation
from abag.antibody.notation import NUMBERINGS, SEQUENTIAL
from abag.antibody.numbering import first_domain
from abag.antibody.numbering.schemes import scheme_positions
from abag.errors import OptionError

_CDR: Final = re.compile(r"(?:CDR-?)?([HL])(?:CDR)?-?([123])", re.IGNORECASE)
_POSITIONS: Final = re.compile(r"(?:([HL]):)?(\d+[A-Z]?)(?:-(\d+[A-Z]?))?", re.IGNORECASE)
_ROLE: Final = {"H": "heavy", "L": "light"}
ALL_CDRS: Final = "all"


@dataclass(frozen=True, slots=True)
class Site:
    """One residue of the parent. ``place`` counts from 1 in its chain."""

    chain: str
    place: int
    residue: str
    imgt: str
    """IMGT position; empty outside the variable domain."""
    region: str
    """FR1 to FR4 or CDR1 to CDR3; empty outside the variable domain."""


def sites_of(antibody: Antibody) -> tuple[Site, ...]:
    """Every residue, heavy chain first."""
    return tuple(
        Site(letter, i + 1, chain.sequence[i], chain.positions[i], chain.regions[i])
        for letter, chain in antibody.chains.items()
        for i in range(len(chain.sequence))
    )


def choose_sites(
    antibody: Antibody,
    *,
    cdrs: Sequence[str] = (),
    positions: Sequence[str] = (),
    chains: Sequence[str] = (),
    numbering: str = SEQUENTIAL,
) -> tuple[Site, ...]:
    """The residues that the options choose; all residues where they choose none.

    Args:
        antibody: the parent.
        cdrs: IMGT CDRs such as ``H3`` or ``L1``, or ``all``.
        positions: ``H:100-110``, ``L:50``; added to the CDRs.
        chains: ``H`` or ``L``; of what was chosen, only these chains.
        numbering: how ``positions`` are counted: ``sequential`` (from 1 along the chain),
            ``imgt``, ``kabat``, ``chothia`` or ``martin``.

    Raises:
        OptionError: a CDR, position or chain that the antibody does not have.
    """
    letters = _chosen_chains(antibody, chains)
    chosen = {site for text in _split(cdrs) for site in _cdr_sites(antibody, text)}
    chosen |= {
        site for text in _split(positions) for site in _range_sites(antibody, text, numbering)
    }
    everything = sites_of(antibody)
    if not _split(cdrs) and not _split(positions):
        chosen = set(everything)
    sites = tuple(site for site in everything if site in chosen and site.chain in letters)
    if not sites:
        raise OptionError(
            f"no residue is left to change: --chains {','.join(chains)} leaves out every CDR and "
            "position that was asked for"
        )
    return sites


def single_mutants(sites: Iterable[Site], *, without_cysteine: bool = False) -> list[Mutation]:
    """All 19 single mutants of each residue (20 of an unknown one), in order of place and letter.

    ``without_cysteine`` leaves out mutants that add a cysteine or lose one.
    """
    return [
        Mutation(site.chain, site.place, site.residue, letter, site.imgt or None)
        for site in sites
        if not (without_cysteine and site.residue == "C")
        for letter in AMINO_ACIDS
        if letter != site.residue and not (without_cysteine and letter == "C")
    ]


def mutant_chains(
    antibody: Antibody, mutations: Iterable[Mutation]
) -> list[tuple[str, str | None]]:
    """Heavy and light chain of each single mutant."""
    heavy, light = antibody.sequences
    mutants: list[tuple[str, str | None]] = []
    for mutation in mutations:
        parent = heavy if mutation.chain == "H" else light or ""
        mutant = parent[: mutation.place - 1] + mutation.mutant + parent[mutation.place :]
        mutants.append((mutant, light) if mutation.chain == "H" else (heavy, mutant))
    return mutants


def _split(texts: Sequence[str]) -> list[str]:
    """The texts, split at commas, semicolons and spaces, too."""
    return [part for text in texts for part in re.split(r"[,;\s]+", text) if part]


def _chosen_chains(antibody: Antibody, chains: Sequence[str]) -> set[str]:
    letters = {text.upper()[:1] if text.lower() in ("heavy", "light") else text.upper()
             for text in _split(chains)}  # fmt: skip
    if unknown := sorted(letters - set(_ROLE)):
        raise OptionError(f"--chains {unknown[0]}: there is no such chain; give H, L or H,L")
    for letter in sorted(letters):
        _numbered_chain(antibody, letter, f"--chains {letter}")
    return letters or set(antibody.chains)


def _numbered_chain(antibody: Antibody, letter: str, option: str) -> NumberedChain:
    if letter not in antibody.chains:
        raise OptionError(f"{option}: the antibody has no {_ROLE[letter]} chain")
    return antibody.chains[letter]


def _cdr_sites(antibody: Antibody, text: str) -> list[Site]:
    if text.lower() == ALL_CDRS:
        return [site for site in sites_of(antibody) if site.region.startswith("CDR")]
    match = _CDR.fullmatch(text)
    if match is None:
        raise OptionError(
            f"--cdrs {text}: there is no such CDR; give some of H1,H2,H3,L1,L2,L3, or all"
        )
    letter, region = match[1].upper(), f"CDR{match[2]}"
    _numbered_chain(antibody, letter, f"--cdrs {text}")
    return [s for s in sites_of(antibody) if s.chain == letter and s.region == region]


def _range_sites(antibody: Antibody, text: str, numbering: str) -> list[Site]:
    match = _POSITIONS.fullmatch(text)
    if match is None:
        raise OptionError(
            f"--positions {text} cannot be read; write chain and places, as H:100-110 or L:50"
        )
    letter = (match[1] or "").upper()
    if not letter and len(antibody.chains) > 1:
        raise OptionError(f"--positions {text} names no chain; write H:{text} or L:{text}")
    letter = letter or "H"
    labels = position_labels(_numbered_chain(antibody, letter, f"--positions {text}"), numbering)
    first, last = match[2].upper(), (match[3] or match[2]).upper()
    for end in (first, last):
        if end not in labels:
            raise OptionError(
                f"--positions {text}: the {_ROLE[letter]} chain has no position {end} in "
                f"{numbering} numbering; it goes from {_span(labels)}"
            )
    start, stop = labels.index(first), labels.index(last)
    if start > stop:
        raise OptionError(f"--positions {text}: {first} stands behind {last}; turn them round")
    sites = [site for site in sites_of(antibody) if site.chain == letter]
    return sites[start : stop + 1]


def _span(labels: Sequence[str]) -> str:
    numbered = [label for label in labels if label]
    return f"{numbered[0]} to {numbered[-1]}" if numbered else "nowhere to nowhere"


@lru_cache(maxsize=64)
def position_labels(chain: NumberedChain, numbering: str) -> tuple[str, ...]:
    """Position of each residue in a numbering scheme; empty outside the variable domain.

    Raises:
        OptionError: the scheme is unknown, or has no place for this domain.
    """
    if numbering not in NUMBERINGS:
        raise OptionError(
            f"--numbering {numbering} is not known; give one of {', '.join(NUMBERINGS)}"
        )
    if numbering == SEQUENTIAL:
        return tuple(str(place) for place in range(1, len(chain.sequence) + 1))
    if numbering == "imgt":
        return chain.positions
    domain = first_domain(chain.sequence)
    labels = scheme_positions(domain, numbering) if domain is not None else None
    if domain is None or labels is None:
        raise OptionError(f"{numbering} numbering has no place for a loop of this chain; use imgt")
    trailing = len(chain.sequence) - domain.end
    return ("",) * domain.start + labels + ("",) * trailing


def named_in(mutations: Iterable[Mutation], antibody: Antibody, numbering: str) -> str:
    """Mutations named by the positions of a scheme, ``H:Y100aF;L:S30T``.

    Empty where the scheme has no place for a loop of the antibody, or a residue stands outside
    the variable domain.
    """
    names = []
    for mutation in mutations:
        try:
            label = position_labels(antibody.chains[mutation.chain], numbering)[mutation.place - 1]
        except OptionError:
            return ""
        if not label:
            return ""
        letter = label.lstrip("0123456789")
        number = label.removesuffix(letter)
        shown = number + (letter.lower() if numbering != "imgt" else letter)
        names.append(f"{mutation.chain}:{mutation.wild_type}{shown}{mutation.mutant}")
    return ";".join(names)
