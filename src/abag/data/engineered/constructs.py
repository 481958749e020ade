"""Which variable domains of some chains are one antibody: Fv, Fab, IgG, scFv; or several.

A chain or pair of chains with further variable domains (a dual-variable-domain Ig, a Fab with an
scFv or a VHH, two light domains) is several antibodies. None of them is chosen in silence: such a
row is refused, or the user names the arm (:mod:`abag.data.engineered.arms`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from abag.antibody.numbering import NumberedDomain, resembles_a_domain
from abag.antibody.soundness import Anchors, foreign_domain

_FEWEST_OF_A_FRAGMENT: Final = 40
MIN_VARIABLE_DOMAIN_RESIDUES: Final = 90
"""A variable domain has about 105 to 130 residues; below 90 a strand or a CDR is missing."""


@dataclass(frozen=True, slots=True)
class AntibodyChains:
    """An antibody as the canonical table has it."""

    heavy: str | None
    light: str | None
    flags: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A domain shared by a chain and its variants: kind, ends, and the anchors of a sound one."""

    is_heavy: bool
    start: int
    end: int
    anchors: Anchors | None

    @classmethod
    def of(cls, domain: NumberedDomain) -> Part:
        """The part of a numbered domain."""
        return cls(not domain.kind.is_light, domain.start, domain.end, Anchors.of(domain))


@dataclass(frozen=True, slots=True)
class ChainDomain:
    """A variable domain in the chain of a role, with the residues before and behind it."""

    role: str
    is_heavy: bool
    sequence: str
    before: int
    behind: int
    faults: tuple[str, ...]


def refused(problem: str) -> AntibodyChains:
    """An antibody that cannot be read, and why."""
    return AntibodyChains(None, None, problem=problem)


def plain_domain(role: str, text: str, domains: list[ChainDomain]) -> ChainDomain | None:
    """The only domain of a chain, if its kind is that of the role; else None.

    It must be whole, and the rest of the chain no part of another domain.
    """
    if len(domains) != 1:
        return None
    domain = domains[0]
    if domain.is_heavy != (role == "heavy") or len(domain.sequence) < MIN_VARIABLE_DOMAIN_RESIDUES:
        return None
    has_more = max(domain.before, domain.behind) >= _FEWEST_OF_A_FRAGMENT
    return None if has_more and damaged_neighbour({role: (text, domains)}) else domain


def plain_antibody(
    heavy: ChainDomain, light: ChainDomain | None, flags: dict[str, None]
) -> AntibodyChains:
    """The antibody of chains that have a :func:`plain_domain` each."""
    for domain in (heavy, light):
        if domain is not None:
            _flag_trims(domain, flags)
    return _with_fault_flags(heavy, light, flags)


def one_antibody(
    chains: Mapping[str, tuple[str, list[ChainDomain]]], flags: dict[str, None]
) -> AntibodyChains:
    """One heavy and at most one light domain of ``chains`` (text, domains by role), or why not."""
    for role, (text, domains) in chains.items():
        if not domains:
            foreign = foreign_domain(text)
            where = "the chain" if role == "single" else f"the {role} chain"
            kind = "heavy variable domain" if role == "single" else "antibody variable domain"
            return refused(f"{where} is {foreign}" if foreign else f"no {kind} in {where}")
    per_kind = {
        kind: {role: [d for d in domains if d.is_heavy == (kind == "heavy")]
               for role, (_, domains) in chains.items()}
        for kind in ("heavy", "light")
    }  # fmt: skip
    for kind, by_role in per_kind.items():
        if len(chains) == 2 and all(len(by_role[r]) == len(chains[r][1]) == 1 for r in chains):
            return refused(f"both chains are {kind} chains")
    heavies, lights = (_distinct(by_role.values()) for by_role in per_kind.values())
    if len(heavies) > 1 or len(lights) > 1:
        where = "in one chain" if len(chains) == 1 else "in its chains"
        # An arm is counted along the heavy domains: with one of them there is none to choose.
        advice = ", or choose one of them (--arm 1)" if len(heavies) > 1 else ""
        return refused(
            f"{len(heavies)} heavy and {len(lights)} light variable domains {where}; give one "
            f"antibody a row{advice}"
        )
    if not heavies:
        alone = "single" in chains
        return refused(
            "no heavy variable domain in the chain" if alone else
            "no heavy chain, only a light chain"
        )  # fmt: skip
    heavy, light = heavies[0], lights[0] if lights else None
    if "single" in chains or (light is not None and heavy.role == light.role):
        flags["single_chain_parted"] = None
    elif heavy.role != "heavy" or (light is not None and light.role != "light"):
        flags["chains_swapped"] = None
    if "single_chain_parted" in flags:
        return _with_fault_flags(heavy, light, flags)
    return plain_antibody(heavy, light, flags)


def damaged_neighbour(chains: Mapping[str, tuple[str, list[ChainDomain]]]) -> str | None:
    """Why a chain is unsound: part of a further domain stands beside a whole one; else None.

    An scFv of which one half lost a stretch would else pass for a VHH.
    """
    for role, (text, domains) in chains.items():
        ends = [0, *(edge for d in domains for edge in (d.before, len(text) - d.behind))]
        for start, end in zip(ends[::2], [*ends[1::2], len(text)], strict=True):
            if end - start >= _FEWEST_OF_A_FRAGMENT and resembles_a_domain(text[start:end]):
                where = "the chain" if role == "single" else f"the {role} chain"
                return (
                    f"residues {start + 1} to {end} of {where} are part of a further variable "
                    "domain, which is not whole; mend the chain, or give one domain alone"
                )
    return None


def _distinct(by_role: Iterable[list[ChainDomain]]) -> list[ChainDomain]:
    """Domains of all chains; one that stands in two columns counts once."""
    distinct: list[ChainDomain] = []
    for domains in by_role:
        sequences = {domain.sequence for domain in distinct}
        distinct += [domain for domain in domains if domain.sequence not in sequences]
    return distinct


def _flag_trims(domain: ChainDomain, flags: dict[str, None]) -> None:
    if domain.before > 0:
        flags["leader_trimmed"] = None
    if domain.behind >= 60:
        flags["constant_domain_trimmed"] = None
    elif domain.behind > 0:
        flags["tail_trimmed"] = None


def _with_fault_flags(
    heavy: ChainDomain, light: ChainDomain | None, flags: dict[str, None]
) -> AntibodyChains:
    for role, domain in (("heavy", heavy), ("light", light)):
        if domain is None:
            continue
        if len(domain.sequence) < MIN_VARIABLE_DOMAIN_RESIDUES:
            return refused(
                f"the {role} variable domain has {len(domain.sequence)} residues; a whole one "
                f"has {MIN_VARIABLE_DOMAIN_RESIDUES} or more"
            )
        for fault in domain.faults:
            flags[f"{role}_{fault}"] = None
    return AntibodyChains(heavy.sequence, light.sequence if light else None, tuple(flags))
