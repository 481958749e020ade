"""DNA for a plate: codons by how often a host uses them, and degenerate codons for a library.

The parent is coded once; a variant keeps its codons and changes only those of its mutations, so
that sites and primers stay where they are. Usage tables are those of python-codon-tables (Kazusa).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

from abag.errors import OptionError, SequenceError, installed

SITES: Final[dict[str, str]] = {
    "BsaI": "GGTCTC", "BsmBI": "CGTCTC", "BbsI": "GAAGAC", "SapI": "GCTCTTC", "NotI": "GCGGCCGC",
    "XhoI": "CTCGAG", "NheI": "GCTAGC", "HindIII": "AAGCTT", "EcoRI": "GAATTC", "BamHI": "GGATCC",
    "NcoI": "CCATGG", "NdeI": "CATATG", "AgeI": "ACCGGT", "KpnI": "GGTACC", "ApaLI": "GTGCAC",
    "BssHII": "GCGCGC", "SalI": "GTCGAC", "XbaI": "TCTAGA",
}  # fmt: skip
"""Restriction enzymes and their recognition sites, which may be kept out of the DNA."""
LONGEST_RUN: Final = 6
"""More of one base in a row is kept out: synthesis and sequencing slip there."""
RAREST: Final = 0.1
"""Codons of which a host uses fewer for their residue are the last choice."""
STOP: Final = "*"


@cache
def usage(host: str) -> dict[str, dict[str, float]]:
    """Share of each codon among those of its residue, by residue.

    Raises:
        UnavailableError: python-codon-tables is not installed.
        OptionError: there is no such host.
    """
    tables = installed(
        "python_codon_tables",
        "DNA needs the package python-codon-tables: pip install 'abag[order]'",
    )
    hosts = {name.rsplit("_", 1)[0]: name for name in tables.available_codon_tables_names}
    if host not in hosts:
        raise OptionError(f"--host {host} is not known; give one of {', '.join(sorted(hosts))}")
    shares: dict[str, dict[str, float]] = tables.get_codons_table(hosts[host])
    return shares


@dataclass(frozen=True, slots=True)
class Coding:
    """How proteins are coded: the host, and the sites that neither strand may hold."""

    host: str = "h_sapiens"
    avoid: tuple[str, ...] = ("BsaI", "BsmBI")
    """Names of enzymes, or sites of their own in A, C, G and T."""

    def __post_init__(self) -> None:
        """Raise OptionError for an unknown enzyme."""
        for name in self.avoid:
            if name not in SITES and (len(name) < 4 or set(name.upper()) - set("ACGT")):
                raise OptionError(
                    f"--avoid {name} is no known enzyme and no site in ACGT; known are "
                    f"{', '.join(sorted(SITES))}"
                )

    @property
    def forbidden(self) -> tuple[str, ...]:
        """Sequences that must not occur: sites, their reverse complements, long runs."""
        from Bio.Seq import reverse_complement

        sites = [SITES.get(name, name.upper()) for name in self.avoid]
        both = [*sites, *map(reverse_complement, sites)]
        return tuple(dict.fromkeys([*both, *(base * (LONGEST_RUN + 1) for base in "ACGT")]))

    def encode(self, protein: str, like: tuple[str, str] | None = None) -> str:
        """The DNA of a protein, no start or stop codon added.

        Args:
            protein: One-letter code.
            like: Protein and DNA of the parent, whose codons are kept where the residue is.

        Raises:
            SequenceError: a residue without a codon, or sites that no choice of codons avoids.
        """
        parent_codons = _parent_codons(protein, like)
        choices = list(map(self._codon_choices, protein, parent_codons))
        forbidden = self.forbidden
        longest = max(map(len, forbidden))
        dna: list[str] = []
        tried = [0] * (len(protein) + 1)
        while len(dna) < len(protein):
            place = len(dna)
            if tried[place] == len(choices[place]):
                tried[place] = 0
                if not dna:
                    raise SequenceError(
                        f"no choice of codons keeps {', '.join(self.avoid)} out of "
                        f"{protein[:20]}...; avoid fewer sites"
                    )
                dna.pop()
                continue
            codon = choices[place][tried[place]]
            tried[place] += 1
            tail = "".join(dna[-(longest // 3 + 2) :])[-(longest - 1) :] + codon
            if not any(sequence in tail for sequence in forbidden):
                dna.append(codon)
        return "".join(dna)

    def _codon_choices(self, residue: str, parent_codon: str | None) -> list[str]:
        """Codons of a residue: the parent's, the commonest of the host, the rare ones last."""
        table = usage(self.host).get(residue)
        if table is None or residue == STOP:
            raise SequenceError(f"there is no codon for {residue!r}; name all residues")
        ranked = sorted(table, key=lambda codon: (table[codon] < RAREST, -table[codon], codon))
        return (
            [parent_codon, *(codon for codon in ranked if codon != parent_codon)]
            if parent_codon
            else ranked
        )


def _parent_codons(protein: str, like: tuple[str, str] | None) -> list[str | None]:
    """The parent's codon of each residue, where it has the same residue there."""
    if like is None:
        return [None] * len(protein)
    parent, dna = like
    codons = [dna[3 * i : 3 * i + 3] for i in range(len(parent))]
    if len(parent) == len(protein):
        return [c if a == b else None for a, b, c in zip(parent, protein, codons, strict=True)]
    # Another length: what both have at their two ends.
    shorter = min(len(parent), len(protein))
    head = next((i for i in range(shorter) if parent[i] != protein[i]), shorter)
    tail = next(
        (i for i in range(shorter - head) if parent[-1 - i] != protein[-1 - i]), shorter - head
    )
    middle = len(protein) - head - tail
    return [*codons[:head], *([None] * middle), *codons[len(codons) - tail :]]


@dataclass(frozen=True, slots=True)
class Degenerate:
    """One codon of mixed bases, and the residues it codes beside those that are wanted."""

    codon: str
    codes: str
    extra: str
    stop: bool
    codons: int
    """How many codons it stands for: the size of the library at this place."""


def degenerate_codon(wanted: Iterable[str]) -> Degenerate:
    """The codon of mixed bases that codes all wanted residues and the least beside them.

    No stop is better than a stop, then fewer other residues, then fewer codons.
    """
    need = frozenset(wanted)
    best: tuple[tuple[int, int, int, str], Degenerate] | None = None
    for text, codes, codons in _degenerate_codons():
        if not need <= codes:
            continue
        extra = codes - need - {STOP}
        key = (int(STOP in codes), len(extra), codons, text)
        if best is None or key < best[0]:
            residues = "".join(sorted(codes - {STOP}))
            best = key, Degenerate(text, residues, "".join(sorted(extra)), STOP in codes, codons)
    if best is None:
        raise SequenceError(f"no codon codes {', '.join(sorted(need))}; name all residues")
    return best[1]


@cache
def _degenerate_codons() -> Sequence[tuple[str, frozenset[str], int]]:
    """All 3,375 codons of mixed bases (IUPAC), each with its residues and number of codons."""
    from Bio.Data.CodonTable import unambiguous_dna_by_id
    from Bio.Data.IUPACData import ambiguous_dna_values

    standard = unambiguous_dna_by_id[1]
    code = {**standard.forward_table, **dict.fromkeys(standard.stop_codons, STOP)}
    bases = {letter: mixed for letter, mixed in ambiguous_dna_values.items() if letter != "X"}
    mixtures = []
    for letters in product(bases, repeat=3):
        codons = ["".join(codon) for codon in product(*(bases[letter] for letter in letters))]
        mixtures.append(("".join(letters), frozenset(code[codon] for codon in codons), len(codons)))
    return mixtures
