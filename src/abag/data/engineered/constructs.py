"""Which variable domains of the given chains are one antibody: Fv, Fab, IgG, scFv, or several.

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
    """An antibody as the canonical table wants it."""

    heavy: str | None
    light: str | None
    flags: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A domain of a chain and of its siblings: kind, ends, and what a sound sibling has."""

    is_heavy: bool
    start: int
    end: int
    anchors: Anchors | None

    @classmethod
    def of(cls, domain: NumberedDomain) -> Part:
        """The part that a numbered domain is."""
        return cls(not domain.kind.is_light, domain.start, domain.end, Anchors.of(domain))


@dataclass(frozen=True, slots=True)
class FoundDomain:
    """A variable domain in the chain of a role, and how much stands before and behind it."""

    role: str
    is_heavy: bool
    sequence: str
    before: int
    behind: int
    faults: tuple[str, ...]


def refused(problem: str) -> AntibodyChains:
    """An antibody that cannot be read, and why."""
    return AntibodyChains(None, None, problem=problem)


def own_domain(role: str, text: str, domains: list[FoundDomain]) -> FoundDomain | None:
    """The domain of a chain that is plainly what its role says; None where more must be asked.

    One whole domain of that kind, and beside it nothing of another one.
    """
    if len(domains) != 1:
        return None
    domain = domains[0]
    if domain.is_heavy != (role == "heavy") or len(domain.sequence) < MIN_VARIABLE_DOMAIN_RESIDUES:
        return None
    has_more = max(domain.before, domain.behind) >= _FEWEST_OF_A_FRAGMENT
    return None if has_more and damaged_neighbour({role: (text, domains)}) else domain


def plain_antibody(
    heavy: FoundDomain, light: FoundDomain | None, flags: dict[str, None]
) -> AntibodyChains:
    """What :func:`one_antibody` makes of chains that have their :func:`own_domain` each."""
    for domain in (heavy, light):
        if domain is not None:
            _note_trims(domain, flags)
    return _checked(heavy, light, flags)


def one_antibody(
    given: Mapping[str, tuple[str, list[FoundDomain]]], flags: dict[str, None]
) -> AntibodyChains:
    """One heavy and at most one light domain out of the chains, or why that cannot be told."""
    for role, (text, domains) in given.items():
        if not domains:
            what = foreign_domain(text)
            where = "the chain" if role == "single" else f"the {role} chain"
            kind = "heavy variable domain" if role == "single" else "antibody variable domain"
            return refused(f"{where} is {what}" if what else f"no {kind} in {where}")
    per_kind = {
        kind: {role: [d for d in domains if d.is_heavy == (kind == "heavy")]
               for role, (_, domains) in given.items()}
        for kind in ("heavy", "light")
    }  # fmt: skip
    for kind, by_role in per_kind.items():
        if len(given) == 2 and all(len(by_role[r]) == len(given[r][1]) == 1 for r in given):
            return refused(f"both chains are {kind} chains")
    heavies, lights = (_distinct(by_role.values()) for by_role in per_kind.values())
    if len(heavies) > 1 or len(lights) > 1:
        where = "in one chain" if len(given) == 1 else "in its chains"
        # An arm is counted along the heavy domains: with one of them there is none to choose.
        way = ", or choose one of them (--arm 1)" if len(heavies) > 1 else ""
        return refused(
            f"{len(heavies)} heavy and {len(lights)} light variable domains {where}; give one "
            f"antibody a row{way}"
        )
    if not heavies:
        alone = "single" in given
        return refused(
            "no heavy variable domain in the chain" if alone else
            "no heavy chain, only a light chain"
        )  # fmt: skip
    heavy, light = heavies[0], lights[0] if lights else None
    if "single" in given or (light is not None and heavy.role == light.role):
        flags["single_chain_parted"] = None
    elif heavy.role != "heavy" or (light is not None and light.role != "light"):
        flags["chains_swapped"] = None
    if "single_chain_parted" in flags:
        return _checked(heavy, light, flags)
    return plain_antibody(heavy, light, flags)


def damaged_neighbour(given: Mapping[str, tuple[str, list[FoundDomain]]]) -> str | None:
    """Why a chain is no sound construct: part of a further domain stands beside one; else None.

    An scFv of which one half lost a stretch would else pass for a VHH.
    """
    for role, (text, domains) in given.items():
        ends = [0, *(place for d in domains for place in (d.before, len(text) - d.behind))]
        for start, end in zip(ends[::2], [*ends[1::2], len(text)], strict=True):
            if end - start >= _FEWEST_OF_A_FRAGMENT and resembles_a_domain(text[start:end]):
                where = "the chain" if role == "single" else f"the {role} chain"
                return (
                    f"residues {start + 1} to {end} of {where} are part of a further variable "
                    "domain, which is not whole; mend the chain, or give one domain alone"
                )
    return None


def _distinct(by_role: Iterable[list[FoundDomain]]) -> list[FoundDomain]:
    """Domains of all chains; one that two columns give alike counts once."""
    kept: list[FoundDomain] = []
    for domains in by_role:
        known = {domain.sequence for domain in kept}
        kept += [domain for domain in domains if domain.sequence not in known]
    return kept


def _note_trims(domain: FoundDomain, flags: dict[str, None]) -> None:
    if domain.before > 0:
        flags["leader_trimmed"] = None
    if domain.behind >= 60:
        flags["constant_domain_trimmed"] = None
    elif domain.behind > 0:
        flags["tail_trimmed"] = None


def _checked(
    heavy: FoundDomain, light: FoundDomain | None, flags: dict[str, None]
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
