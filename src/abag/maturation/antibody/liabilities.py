"""Sequence liabilities of an antibody: motifs that harm stability, homogeneity or specificity.

Each is a warning from sequence alone; whether a site is exposed and flexible only a structure or
an experiment tells. Sources, by kind:

- N-glycosylation, sequon N-X-S/T with X other than P: Gavel and von Heijne, Protein Eng 3:433
  (1990); in variable domains e.g. Asn88 of cetuximab, Qian et al., Anal Biochem 364:8 (2007).
- Cysteine beside the canonical pair 23 and 104, or a canonical one lost: Raybould et al., PNAS
  116:4025 (2019); an odd one out is a free thiol.
- Deamidation: half-lives of Asn by the residue behind it (about 1 day for NG, 10 to 50 for NH, NS,
  NA, ND, NN, NT): Robinson and Robinson, PNAS 98:944 (2001); which sites degrade in antibodies:
  Sydow et al., PLoS ONE 9:e100736 (2014); Lu et al., mAbs 11:45 (2019).
- Isomerisation of Asp (DG, DS, DT, DD, DH): Sydow et al. (2014); Lu et al. (2019).
- Oxidation of Met and Trp in CDRs: Yang et al., mAbs 9:646 (2017); Haberger et al., mAbs 6:327
  (2014).
- Clipping at DP: Vlasak and Ionescu, mAbs 3:253 (2011).
- Charge: positively charged CDRs lack specificity: Rabia et al., Protein Eng Des Sel 31:409
  (2018); net charge of the Fv, viscosity and clearance: Sharma et al., PNAS 111:18601 (2014).
- Hydrophobic patch: a stretch of five CDR residues, mean of Eisenberg's consensus scale, J Mol
  Biol 179:125 (1984); why it matters: Raybould et al. (2019).
- Long CDR-H3: Raybould et al. (2019) (there as total CDR length).

Thresholds of the last three kinds are quantiles of 2,500 paired human antibodies of Observed
Antibody Space (97.5 % for charge and patches, both ends for the Fv; 95 % for length). Severities
are this package's judgement of these sources, and "CDR" is IMGT's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from abag.antibody.antibody import HEAVY, LIGHT, Antibody, NumberedChain


class LiabilityKind(StrEnum):
    """The kind of harm that a motif or property may do."""

    GLYCOSYLATION = "N-glycosylation"
    CYSTEINE = "cysteine"
    DEAMIDATION = "deamidation"
    ISOMERISATION = "isomerisation"
    OXIDATION = "oxidation"
    CLIPPING = "clipping"
    CHARGE = "charge"
    HYDROPHOBIC = "hydrophobic patch"
    LONG_CDR_H3 = "long CDR-H3"


class LiabilitySeverity(StrEnum):
    """How much it should weigh: high is a reason to avoid, low a note."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """3 for high, 2 for medium, 1 for low."""
        return {"high": 3, "medium": 2, "low": 1}[self.value]


@dataclass(frozen=True, slots=True)
class Liability:
    """One warning. ``place`` counts from 1 in the chain and is None for the whole molecule."""

    kind: LiabilityKind
    chain: str
    """H or L; empty for the whole Fv."""
    place: int | None
    imgt: str
    """IMGT position of the first residue of the motif; empty where there is none."""
    motif: str
    region: str
    """FR1 to FR4, CDR1 to CDR3, empty outside a domain, ``CDRs`` or ``Fv`` for charges."""
    severity: LiabilitySeverity
    excess: float = 0.0
    """How far a charge, hydrophobicity or length lies beyond its threshold; 0 for motifs."""

    @property
    def in_cdr(self) -> bool:
        """Whether the first residue of the motif is in an IMGT CDR."""
        return self.region.startswith("CDR")

    def __str__(self) -> str:
        """Render as ``deamidation NG at H:55 (IMGT 62, CDR2, high)``."""
        if self.place is None:
            return f"{self.kind} {self.motif} ({self.region}, {self.severity})"
        numbered = f"IMGT {self.imgt}, {self.region}" if self.imgt else "outside the domain"
        return (
            f"{self.kind} {self.motif} at {self.chain}:{self.place} ({numbered}, {self.severity})"
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    """A motif, its severity in CDRs, and that elsewhere (None: not reported there)."""

    kind: LiabilityKind
    motif: str
    in_cdr: LiabilitySeverity
    elsewhere: LiabilitySeverity | None = None


_RULES: Final = (
    _Rule(LiabilityKind.GLYCOSYLATION, "N[^P][ST]", LiabilitySeverity.HIGH, LiabilitySeverity.HIGH),
    _Rule(LiabilityKind.DEAMIDATION, "NG", LiabilitySeverity.HIGH, LiabilitySeverity.LOW),
    _Rule(LiabilityKind.DEAMIDATION, "N[HNST]", LiabilitySeverity.MEDIUM),
    _Rule(LiabilityKind.DEAMIDATION, "N[AD]", LiabilitySeverity.LOW),
    _Rule(LiabilityKind.ISOMERISATION, "DG", LiabilitySeverity.HIGH, LiabilitySeverity.LOW),
    _Rule(LiabilityKind.ISOMERISATION, "D[DHST]", LiabilitySeverity.MEDIUM),
    _Rule(LiabilityKind.OXIDATION, "M", LiabilitySeverity.MEDIUM),
    _Rule(LiabilityKind.OXIDATION, "W", LiabilitySeverity.LOW),
    _Rule(LiabilityKind.CLIPPING, "DP", LiabilitySeverity.MEDIUM, LiabilitySeverity.LOW),
)

_CANONICAL: Final = ("23", "104")
"""IMGT positions of the disulfide bond that every variable domain has."""

CHARGE_PH: Final = 7.4
_PKA: Final = {"D": (-1, 3.65), "E": (-1, 4.25), "H": (1, 6.0), "K": (1, 10.53), "R": (1, 12.48)}
"""Sign and side-chain pKa (Lehninger). Cys is taken as bonded; Tyr is neutral at pH 7.4."""
MOST_CDR_CHARGE: Final = 2.1
LEAST_FV_CHARGE: Final = -3.0
MOST_FV_CHARGE: Final = 6.1

EISENBERG: Final = {
    "A": 0.62, "C": 0.29, "D": -0.90, "E": -0.74, "F": 1.19, "G": 0.48, "H": -0.40, "I": 1.38,
    "K": -1.50, "L": 1.06, "M": 0.64, "N": -0.78, "P": 0.12, "Q": -0.85, "R": -2.53, "S": -0.18,
    "T": -0.05, "V": 1.08, "W": 0.81, "Y": 0.26,
}  # fmt: skip
"""Normalised consensus hydrophobicity (Eisenberg et al. 1984)."""
PATCH_RESIDUES: Final = 5
MOST_HYDROPHOBIC: Final = 1.06
MOST_CDR_H3: Final = 22

_STEP: Final = {
    LiabilityKind.CHARGE: 0.5, LiabilityKind.HYDROPHOBIC: 0.05, LiabilityKind.LONG_CDR_H3: 0.5,
}  # fmt: skip
"""By how much an excess must grow for a variant to be blamed for it."""


def find_liabilities(antibody: Antibody) -> tuple[Liability, ...]:
    """Every liability of an antibody: chain by chain in order of place, then the whole Fv."""
    chains = antibody.chains
    sites = [site for letter, chain in chains.items() for site in _chain_liabilities(letter, chain)]
    return (*sites, *_charges(antibody))


def new_liabilities(
    parent: Antibody,
    variant: Antibody,
    of_parent: Sequence[Liability] | None = None,
) -> tuple[Liability, ...]:
    """The liabilities that a variant adds, or makes more severe than they are in its parent.

    Sites are compared by IMGT position, by place where there is none. Losing a liability is never
    reported. ``of_parent`` are those of the parent where they are known, for many variants of one.
    """
    known = find_liabilities(parent) if of_parent is None else of_parent
    before = {_site_key(liability): liability for liability in known}
    return tuple(
        new
        for new in find_liabilities(variant)
        if _is_new_or_worse(new, before.get(_site_key(new)))
    )


def worst(liabilities: tuple[Liability, ...]) -> LiabilitySeverity | None:
    """The highest severity among some liabilities; None where there is none."""
    return max(
        (liability.severity for liability in liabilities), key=lambda s: s.rank, default=None
    )


def net_charge(residues: str, ph: float = CHARGE_PH) -> float:
    """Net charge of side chains in elementary charges, by Henderson and Hasselbalch.

    Chain ends are left out; unknown residues count as neutral.
    """
    total = 0.0
    for residue in residues:
        if residue in _PKA:
            sign, pka = _PKA[residue]
            total += sign / (1.0 + 10.0 ** (sign * (ph - pka)))
    return total


def _site_key(liability: Liability) -> tuple[str, str, str]:
    if liability.kind in _STEP:
        return liability.kind, liability.chain, liability.region
    return liability.kind, liability.chain, liability.imgt or f"place {liability.place}"


def _is_new_or_worse(liability: Liability, before: Liability | None) -> bool:
    if before is None or liability.severity.rank > before.severity.rank:
        return True
    return liability.excess - before.excess >= _STEP.get(liability.kind, float("inf"))


@lru_cache(maxsize=4_096)
def _chain_liabilities(letter: str, chain: NumberedChain) -> tuple[Liability, ...]:
    """Liabilities of one chain; cached, since most variants share one chain with their parent."""
    liabilities = [*_motifs(letter, chain), *_cysteines(letter, chain), *_patches(letter, chain)]
    liabilities.sort(key=lambda liability: liability.place or 0)
    length = chain.regions.count("CDR3")
    if letter == HEAVY and length > MOST_CDR_H3:
        place = chain.regions.index("CDR3")
        loop, severity = chain.residues("CDR3"), LiabilitySeverity.LOW
        excess = float(length - MOST_CDR_H3)
        liabilities.append(
            _at_site(place, letter, chain, LiabilityKind.LONG_CDR_H3, loop, severity, excess)
        )
    return tuple(liabilities)


def _at_site(
    place: int,
    letter: str,
    chain: NumberedChain,
    kind: LiabilityKind,
    motif: str,
    severity: LiabilitySeverity,
    excess: float = 0.0,
) -> Liability:
    """A warning of one chain whose motif begins at ``place``, counted from 0."""
    imgt, region = chain.positions[place], chain.regions[place]
    return Liability(kind, letter, place + 1, imgt, motif, region, severity, excess)


def _motifs(letter: str, chain: NumberedChain) -> Iterator[Liability]:
    for rule in _RULES:
        # A lookahead finds motifs that overlap.
        for match in re.finditer(f"(?=({rule.motif}))", chain.sequence):
            place = match.start()
            in_cdr = chain.regions[place].startswith("CDR")
            severity = rule.in_cdr if in_cdr else rule.elsewhere
            if severity is not None:
                yield _at_site(place, letter, chain, rule.kind, match.group(1), severity)


def _cysteines(letter: str, chain: NumberedChain) -> Iterator[Liability]:
    kind, extra = LiabilityKind.CYSTEINE, []
    for place, (residue, imgt) in enumerate(zip(chain.sequence, chain.positions, strict=True)):
        canonical = imgt in _CANONICAL
        if canonical and residue != "C":
            yield _at_site(place, letter, chain, kind, f"{residue} for C", LiabilitySeverity.HIGH)
        elif residue == "C" and not canonical:
            extra.append(place)
    severity = LiabilitySeverity.HIGH if len(extra) % 2 else LiabilitySeverity.MEDIUM
    for place in extra:
        yield _at_site(place, letter, chain, kind, "C", severity)


def _patches(letter: str, chain: NumberedChain) -> Iterator[Liability]:
    """The most hydrophobic stretch of each CDR, where it passes the threshold."""
    for region in ("CDR1", "CDR2", "CDR3"):
        residues = chain.residues(region)
        scale = [EISENBERG.get(residue, 0.0) for residue in residues]
        ends = range(PATCH_RESIDUES, len(scale) + 1)
        means = [sum(scale[end - PATCH_RESIDUES : end]) / PATCH_RESIDUES for end in ends]
        if not means or max(means) <= MOST_HYDROPHOBIC:
            continue
        first = means.index(max(means))
        motif, excess = residues[first : first + PATCH_RESIDUES], max(means) - MOST_HYDROPHOBIC
        yield _at_site(
            chain.regions.index(region) + first, letter, chain, LiabilityKind.HYDROPHOBIC, motif,
            LiabilitySeverity.MEDIUM, excess,
        )  # fmt: skip


def _charges(antibody: Antibody) -> Iterator[Liability]:
    """Net charge of the CDRs and of the Fv; the latter only where both chains are there."""
    chains = antibody.chains
    cdrs = sum(_chain_charge(chain, True) for chain in chains.values())
    if cdrs > MOST_CDR_CHARGE:
        yield _charge_liability("CDRs", cdrs, cdrs - MOST_CDR_CHARGE)
    if LIGHT in chains:
        fv = sum(_chain_charge(chain, False) for chain in chains.values())
        excess = max(fv - MOST_FV_CHARGE, LEAST_FV_CHARGE - fv)
        if excess > 0:
            yield _charge_liability("Fv", fv, excess)


@lru_cache(maxsize=4_096)
def _chain_charge(chain: NumberedChain, cdrs_only: bool) -> float:
    pairs = zip(chain.sequence, chain.regions, strict=True)
    region_prefix = "CDR" if cdrs_only else ""
    inside = (residue for residue, region in pairs if region and region.startswith(region_prefix))
    return net_charge("".join(inside))


def _charge_liability(region: str, charge: float, excess: float) -> Liability:
    motif = f"{charge:+.1f} at pH {CHARGE_PH}"
    return Liability(
        LiabilityKind.CHARGE, "", None, "", motif, region, LiabilitySeverity.MEDIUM, excess
    )
