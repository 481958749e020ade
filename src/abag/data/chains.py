"""Cleans chains: from texts as people write them to the variable domains that models need.

Mended and flagged are white space, lower case, gaps, a closing stop, leader peptides, tags,
constant domains (all trimmed to the variable domain), heavy and light swapped, two domains in one
chain (scFv). All else is refused with a reason. Each distinct chain is cleaned once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import polars as pl

from abag.antibody.alphabet import (
    AMINO_ACIDS,
    LONGEST_NAME,
    MAX_ANTIBODY_RESIDUES,
    MAX_ANTIGEN_RESIDUES,
    RARE_RESIDUES,
    UNKNOWN_RESIDUE,
    foreign_letters,
    looks_like_nucleotides,
    may_be_a_name,
    not_residues,
    without_end_groups,
)
from abag.antibody.numbering import number_chains
from abag.antibody.soundness import faults_of
from abag.data.engineered.constructs import (
    AntibodyChains,
    ChainDomain,
    Part,
    damaged_neighbour,
    one_antibody,
    plain_antibody,
    plain_domain,
    refused,
)
from abag.units import is_missing

MAX_UNKNOWN_SHARE: Final = 0.10
"""Chains with more unknown residues than this are refused."""

ProxyKey = tuple[int, str, str]

_IS_PLAIN: Final = re.compile(f"[{AMINO_ACIDS}]+").fullmatch
_GAPS: Final = re.compile(r"[\s\-.]+")
_LINKER: Final = re.compile(r"(?:G{2,5}S){3,}")
_FEWEST_BESIDE_A_LINKER: Final = 90
_TAG: Final = re.compile(r"^M?[GS]{0,3}H{6,}[GS]{0,3}|(?:[GS]{0,4}LE|[GS]{2,4})?H{6,}[GSA]{0,3}$")


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain with mended spelling, flags, and the reason if it is refused."""

    sequence: str
    flags: tuple[str, ...] = ()
    problem: str | None = None


def spell(text: str | None, name: str, longest: int) -> Chain:
    """Mend the spelling of a chain, called ``name`` in messages, or say why it is none."""
    if (
        text
        and LONGEST_NAME < len(text) <= longest
        and _IS_PLAIN(text)
        and not looks_like_nucleotides(text)
    ):
        return Chain(text)
    if text is None or is_missing(text):
        return Chain("", problem=f"{name} is empty")
    sequence, has_groups = without_end_groups(text.strip())
    if problem := not_residues(sequence):
        return Chain(sequence, problem=f"{name} {problem}")
    flags = ["end_groups_removed"] if has_groups else []
    if may_be_a_name(sequence):
        flags.append("could_be_a_name")
    if sequence != sequence.upper():
        sequence = sequence.upper()
        flags.append("lower_case_mended")
    without_gaps = _GAPS.sub("", sequence)
    if without_gaps != sequence:
        sequence = without_gaps
        flags.append("gaps_removed")
    if sequence.endswith("*"):
        sequence = sequence.rstrip("*")
        flags.append("stop_codon_trimmed")
    if problem := _no_residues(sequence):
        return Chain(sequence, problem=f"{name} {problem}")
    if not set(RARE_RESIDUES).isdisjoint(sequence):
        as_unknown = str.maketrans(RARE_RESIDUES, UNKNOWN_RESIDUE * len(RARE_RESIDUES))
        sequence = sequence.translate(as_unknown)
        flags.append("rare_residues_read_as_x")
    unknown = sequence.count(UNKNOWN_RESIDUE)
    if unknown:
        flags.append("unknown_residues")
        if unknown > MAX_UNKNOWN_SHARE * len(sequence):
            return Chain(
                sequence, problem=f"{name} has {unknown} unknown residues of {len(sequence)}"
            )
    if len(sequence) > longest:
        return Chain(
            sequence,
            problem=f"{name} has {len(sequence)} residues, more than {longest}; "
            "give the domain that is bound",
        )
    return Chain(sequence, tuple(flags))


def _no_residues(sequence: str) -> str | None:
    """Why capital letters cannot be a chain; None where they can."""
    if "*" in sequence:
        return f"has a stop codon at residue {sequence.index('*') + 1}"
    if foreign := foreign_letters(sequence):
        position, letter = foreign[0]
        return f"has {letter!r} at residue {position}, which is no amino acid"
    if looks_like_nucleotides(sequence):
        return "looks like nucleotides; translate it first"
    return None


def clean_antigen(text: str | None) -> Chain:
    """An antigen chain: spelling mended and a terminal poly-histidine tag taken off."""
    chain = spell(text, "antigen", MAX_ANTIGEN_RESIDUES)
    if chain.problem:
        return chain
    bare = _TAG.sub("", chain.sequence)
    if bare != chain.sequence and len(bare) >= 30:
        return Chain(bare, (*chain.flags, "tag_trimmed"))
    return chain


class _Piece(NamedTuple):
    """A stretch of a chain that is numbered by itself."""

    offset: int
    sequence: str
    key: ProxyKey


@dataclass(frozen=True, slots=True)
class _Lookup:
    """The variable domains of chains, each looked up once."""

    pieces: Mapping[str, Sequence[_Piece]]
    proxies: Mapping[ProxyKey, tuple[Part, ...]]
    faults: Mapping[str, tuple[tuple[str, ...], ...]]
    _domains: dict[tuple[str, str], list[ChainDomain]] = field(default_factory=dict)
    _plain: dict[tuple[str, str], ChainDomain | None] = field(default_factory=dict)

    def plain(self, role: str, chain: str) -> ChainDomain | None:
        """The only domain of a chain, if it is of the kind that the role says."""
        key = (role, chain)
        if key not in self._plain:
            self._plain[key] = plain_domain(role, chain, self.domains(role, chain))
        return self._plain[key]

    def domains(self, role: str, chain: str) -> list[ChainDomain]:
        """All domains of a chain, in their order."""
        if (role, chain) in self._domains:
            return self._domains[role, chain]
        domains = []
        for offset, piece, key in self.pieces[chain]:
            parts = self.proxies[key]
            faults = self.faults.get(piece) or ((),) * len(parts)
            domains += [
                ChainDomain(
                    role, part.is_heavy, chain[offset + part.start : offset + part.end],
                    offset + part.start, len(chain) - offset - part.end, domain_faults,
                )
                for part, domain_faults in zip(parts, faults, strict=True)
            ]  # fmt: skip
        self._domains[role, chain] = domains
        return domains


@dataclass
class AntibodyCleaner:
    """Cleans antibodies; numbers each distinct chain once, variants of one parent by proxy.

    With ``by_proxy`` an scFv is parted at its glycine-serine linker, and a chain of at most 135
    residues takes chain kind and domain ends from an already numbered chain of the same length
    that begins and ends alike: in a mutant library of 60,000 rows a few dozen chains are
    numbered. IMGT positions are never taken by proxy.
    """

    by_proxy: bool = True
    _proxies: dict[ProxyKey, tuple[Part, ...]] = field(default_factory=dict)
    _faults: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    def clean(
        self, antibodies: Sequence[tuple[str | None, str | None, str | None]]
    ) -> dict[tuple[str | None, str | None, str | None], AntibodyChains]:
        """Clean distinct (heavy, light, scfv) triples of texts."""
        texts = dict.fromkeys(text for triple in antibodies for text in triple if text)
        spelled = {
            text: spell(text, "antibody chain", MAX_ANTIBODY_RESIDUES)
            for text in texts
            if not is_missing(text)
        }
        pieces = {
            chain.sequence: [
                _Piece(offset, piece, self._proxy_key(piece))
                for offset, piece in self._pieces(chain.sequence)
            ]
            for chain in spelled.values()
            if not chain.problem
        }
        all_pieces = [piece for parts in pieces.values() for piece in parts]
        self._number_proxies(all_pieces)
        self._find_faults(all_pieces)
        lookup = _Lookup(pieces, self._proxies, self._faults)
        return {
            triple: self._cleaned([spelled.get(text) if text else None for text in triple], lookup)
            for triple in antibodies
        }

    def _number_proxies(self, pieces: Iterable[_Piece]) -> None:
        sequences: dict[ProxyKey, str] = {}
        for piece in pieces:
            if piece.key not in self._proxies:
                sequences.setdefault(piece.key, piece.sequence)
        numbered = number_chains(list(sequences.values()))
        for key, sequence in sequences.items():
            self._proxies[key] = tuple(Part.of(domain) for domain in numbered[sequence])

    def _find_faults(self, pieces: Iterable[_Piece]) -> None:
        """Look for faults in domains whose anchors differ from the proxy's."""
        doubtful = {
            sequence: key
            for _, sequence, key in pieces
            if sequence not in self._faults
            and not all(
                part.anchors is not None and part.anchors.hold(sequence[part.start : part.end])
                for part in self._proxies[key]
            )
        }
        numbered = number_chains(list(doubtful))
        for piece, key in doubtful.items():
            parts, domains = self._proxies[key], numbered[piece]
            same_number = len(domains) == len(parts)
            unlike = tuple(("unlike_a_variable_domain",) for _ in parts)
            self._faults[piece] = tuple(map(faults_of, domains)) if same_number else unlike

    def _proxy_key(self, sequence: str) -> ProxyKey:
        """Key of chains with the same domain ends; the chain itself where none is a proxy."""
        if self.by_proxy and len(sequence) <= 135:
            return (len(sequence), sequence[:20], sequence[-10:])
        return (len(sequence), sequence, "")

    def _pieces(self, sequence: str) -> list[tuple[int, str]]:
        """The chain, or its parts before and behind a linker, each with its offset."""
        least = _FEWEST_BESIDE_A_LINKER
        may_have_one = self.by_proxy and len(sequence) > 2 * least
        linker = _LINKER.search(sequence) if may_have_one else None
        if linker is None or min(linker.start(), len(sequence) - linker.end()) < least:
            return [(0, sequence)]
        return [(0, sequence[: linker.start()]), (linker.end(), sequence[linker.end() :])]

    def _cleaned(self, triple: Sequence[Chain | None], lookup: _Lookup) -> AntibodyChains:
        heavy, light, scfv = triple
        chains = [chain for chain in (scfv, heavy, light) if chain is not None]
        if not chains:
            return refused("no antibody chain")
        for chain in chains:
            if chain.problem:
                return refused(chain.problem)
        flags = {flag: None for chain in chains for flag in chain.flags}
        if scfv is None and heavy is not None:
            heavy_domain = lookup.plain("heavy", heavy.sequence)
            light_domain = None if light is None else lookup.plain("light", light.sequence)
            if heavy_domain is not None and (light is None or light_domain is not None):
                return plain_antibody(heavy_domain, light_domain, flags)
        roles = {"single": scfv} if scfv is not None else {"heavy": heavy, "light": light}
        by_role = {
            role: (chain.sequence, lookup.domains(role, chain.sequence))
            for role, chain in roles.items()
            if chain is not None
        }
        if list(by_role) == ["heavy"] and len(by_role["heavy"][1]) > 1:
            by_role = {"single": by_role["heavy"]}
        antibody = one_antibody(by_role, flags)
        damaged = None if antibody.problem else damaged_neighbour(by_role)
        return refused(damaged) if damaged else antibody


def clean_pairs(frame: pl.DataFrame, cleaner: AntibodyCleaner | None = None) -> pl.DataFrame:
    """Clean a frame with columns ``heavy``, ``light``, ``scfv`` (text) and ``antigen`` (list).

    Returns the frame, in its order, with ``heavy``, ``light`` and ``antigen`` cleaned, ``scfv``
    dropped, and the columns ``chain_flags`` (list of text) and ``chain_problem`` (text, null where
    all is well).
    """
    antibodies = _antibody_lookup(frame, cleaner or AntibodyCleaner())
    antigen_text = pl.col("antigen").list.drop_nulls().list.join("|").fill_null("")
    keyed = frame.with_columns(antigen_text=antigen_text)
    antigens = _antigen_lookup(keyed["antigen_text"])
    joined = keyed.join(
        antibodies,
        on=["heavy", "light", "scfv"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    ).join(antigens, on="antigen_text", how="left", maintain_order="left")
    flags = pl.concat_list("antibody_flags", "antigen_flags")
    return joined.with_columns(
        heavy=pl.col("clean_heavy"),
        light=pl.col("clean_light"),
        antigen=pl.col("clean_antigen"),
        chain_flags=flags.list.unique(maintain_order=True),
        chain_problem=pl.coalesce("antibody_problem", "antigen_problem"),
    ).select(*(c for c in frame.columns if c != "scfv"), "chain_flags", "chain_problem")


def _antibody_lookup(frame: pl.DataFrame, cleaner: AntibodyCleaner) -> pl.DataFrame:
    distinct = frame.select("heavy", "light", "scfv").unique(maintain_order=True)
    triples = list(distinct.iter_rows())
    cleaned = cleaner.clean(triples)
    results = [cleaned[triple] for triple in triples]
    return distinct.with_columns(
        pl.Series("clean_heavy", [r.heavy for r in results], pl.String),
        pl.Series("clean_light", [r.light for r in results], pl.String),
        flag_lists([r.flags for r in results]).alias("antibody_flags"),
        pl.Series("antibody_problem", [r.problem for r in results], pl.String),
    )


def flag_lists(flags: Sequence[tuple[str, ...]]) -> pl.Series:
    """A column of lists of text; fast where few different lists repeat."""
    index_of: dict[tuple[str, ...], int] = {}
    index = [index_of.setdefault(row, len(index_of)) for row in flags]
    return pl.Series([list(row) for row in index_of], dtype=pl.List(pl.String)).gather(index)


def _antigen_lookup(texts: pl.Series) -> pl.DataFrame:
    """Clean each distinct antigen (its chains joined by ``|``); no chain at all is a flag."""
    rows: list[tuple[str, list[str], list[str], str | None]] = []
    for text in texts.unique(maintain_order=True):
        parts = [part for part in text.split("|") if part.strip()]
        chains = [clean_antigen(part) for part in parts if not is_missing(part)]
        flags = list(dict.fromkeys(flag for chain in chains for flag in chain.flags))
        if 0 < len(chains) < len(parts):
            flags.append("antigen_chain_missing")
        problem = next((chain.problem for chain in chains if chain.problem), None)
        sequences = [chain.sequence for chain in chains]
        rows.append((text, sequences, flags if chains else ["antigen_unknown"], problem))
    return pl.DataFrame(
        rows,
        schema={
            "antigen_text": pl.String,
            "clean_antigen": pl.List(pl.String),
            "antigen_flags": pl.List(pl.String),
            "antigen_problem": pl.String,
        },
        orient="row",
    )
