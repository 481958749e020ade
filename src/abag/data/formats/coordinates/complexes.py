"""Antibody-antigen complexes in a structure: heavy, light and antigen chains, and their contacts.

Without names of chains, variable domains are found by numbering, a heavy chain takes the light
chain whose variable domain touches its own most, and the antigen is every other protein chain
within 5 Å of the CDRs. Each copy in the asymmetric unit is a complex of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.numbering import NumberedDomain
from abag.antibody.numbering.domains import region_span
from abag.antibody.soundness import foreign_domain
from abag.data.formats.choices import ChainNames
from abag.data.formats.columns import PAIRS_SCHEMA
from abag.data.formats.coordinates.structures import Structure, StructureChain, read_structure
from abag.errors import FileFormatError

CONTACT_ANGSTROM: Final = 4.5
"""Residues with heavy atoms closer than this are in contact."""

ANTIGEN_ANGSTROM: Final = 5.0
"""A protein chain with an atom this close to the CDRs is antigen."""

_CDRS: Final = ("CDR1", "CDR2", "CDR3")
_FEWEST_CONTACTS: Final = 12
"""Pairs of residues within 5 Å from which two antibodies bind each other and do not just touch."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One antibody residue near one antigen residue; indices count letters of a chain from 0."""

    antibody_chain: str
    antibody_index: int
    antigen_chain: str
    antigen_index: int
    distance_angstrom: float


@dataclass(frozen=True, slots=True)
class Complex:
    """One antibody with its antigen, from one structure.

    ``light`` is None for a VHH and for an scFv, whose two domains both stand in ``heavy``
    (``is_scfv``).
    """

    path: Path
    structure_id: str | None
    copy: int
    """Number of the copy in the file, from 1."""
    heavy: StructureChain
    light: StructureChain | None
    is_scfv: bool
    antigen: tuple[StructureChain, ...]
    contacts: tuple[Contact, ...]
    """Every residue pair closer than :data:`CONTACT_ANGSTROM`, nearest atoms."""
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """Structure and chains, such as ``1abc_HL_A``."""
        antibody = self.heavy.name + (self.light.name if self.light else "")
        stem = self.structure_id or self.path.name.partition(".")[0]
        antigen = "".join(chain.name for chain in self.antigen)
        return f"{stem}_{antibody}_{antigen}".rstrip("_")


Domains = dict[str, tuple[NumberedDomain, ...]]
"""Variable domains by the name of their chain."""


@dataclass(frozen=True, slots=True)
class _Fv:
    """Chains of one antibody and the residues (index in the chain) of their CDRs."""

    heavy: StructureChain
    light: StructureChain | None
    is_scfv: bool
    paratope: dict[str, frozenset[int]]

    @property
    def chains(self) -> tuple[StructureChain, ...]:
        """Heavy and, where there is one, light chain."""
        return (self.heavy,) if self.light is None else (self.heavy, self.light)


def read_complexes(
    path: Path, chains: ChainNames | None = None, *, antigen_needed: bool = True
) -> tuple[Complex, ...]:
    """Read the antibody-antigen complexes of a PDB or mmCIF file, plain or gzip.

    ``chains`` names those of one complex; without names of an antigen it is the chains near the
    CDRs. An antibody without an antigen is refused where one is needed, else read alone.

    Raises:
        FileFormatError: A chain is not there, or no antibody or no antigen was found.
    """
    structure = read_structure(path)
    domains = _domains(structure.chains)
    if chains is not None:
        light = structure.chain(chains.light) if chains.light else None
        fvs = [_fv(structure.chain(chains.heavy), light, domains)]
    else:
        fvs = list(_paired_fvs(structure.chains, domains))
        if not fvs:
            raise FileFormatError(_no_antibody(structure))
    named_antigen = [structure.chain(name) for name in chains.antigen] if chains else []
    pairs = [(fv, named_antigen or _antigens(structure, fv, fvs, domains)) for fv in fvs]
    if not any(antigen for _, antigen in pairs):
        pairs = [(fv, _other_antibody(fv, fvs)) for fv in fvs]
    bound = [(fv, antigen) for fv, antigen in pairs if antigen]
    if not bound and antigen_needed:
        raise FileFormatError(
            f"{path} has no protein chain within {ANTIGEN_ANGSTROM:g} Å of the CDRs; name the "
            f"chains, such as --chains {_example(fvs[0])},antigen=NAME "
            f"(its chains are {_names(structure)})"
        )
    unbound = len(pairs) - len(bound) if bound else 0
    return tuple(
        _complex(structure, number, fv, antigen, unbound, domains)
        for number, (fv, antigen) in enumerate(bound or pairs, start=1)
    )


def _names(structure: Structure) -> str:
    return ", ".join(chain.name for chain in structure.chains)


def _example(fv: _Fv) -> str:
    light = f",light={fv.light.name}" if fv.light else ""
    return f"heavy={fv.heavy.name}{light}"


def _no_antibody(structure: Structure) -> str:
    foreign = [
        f"chain {chain.name} is {kind}"
        for chain in structure.chains
        if (kind := foreign_domain(chain.sequence))
    ]
    if foreign:
        return f"{structure.path} has no antibody that abag reads: {'; '.join(foreign)}"
    return (
        f"{structure.path} has no chain with a heavy variable domain (its chains are "
        f"{_names(structure)}); name the chains, such as --chains heavy=H,light=L,antigen=A"
    )


def complexes_table(complexes: Iterable[Complex]) -> pl.DataFrame:
    """The table of pairs of complexes (``source_row`` is the number of the copy)."""
    rows = [
        (
            c.copy,
            c.name,
            None,
            None if c.is_scfv else c.heavy.sequence,
            c.light.sequence if c.light else None,
            c.heavy.sequence if c.is_scfv else None,
            [chain.sequence for chain in c.antigen],
            c.structure_id,
            list(c.flags),
        )
        for c in complexes
    ]
    return pl.DataFrame(rows, schema=PAIRS_SCHEMA, orient="row")


def residue_distances(
    first: StructureChain, second: StructureChain, within_angstrom: float
) -> dict[tuple[int, int], float]:
    """Nearest heavy-atom distance (Å) of each pair of residues that are closer than the limit.

    Keys are (index in ``first``, index in ``second``).
    """
    from scipy.spatial import cKDTree

    if not (len(first.atom_positions) and len(second.atom_positions)):
        return {}
    close = cKDTree(first.atom_positions).sparse_distance_matrix(
        cKDTree(second.atom_positions), within_angstrom, output_type="ndarray"
    )
    order = np.lexsort(
        (close["v"], second.atom_residues[close["j"]], first.atom_residues[close["i"]])
    )
    distances: dict[tuple[int, int], float] = {}
    for i, j, distance in close[order].tolist():
        key = (int(first.atom_residues[i]), int(second.atom_residues[j]))
        if distance < within_angstrom:
            distances.setdefault(key, float(distance))
    return distances


def _domains(chains: Sequence[StructureChain]) -> Domains:
    """Variable domains by the name of the chain."""
    from abag.antibody.numbering import number_chains

    numbered = number_chains([chain.sequence for chain in chains])
    return {chain.name: numbered[chain.sequence] for chain in chains}


def _cdr_indices(domains: Iterable[NumberedDomain]) -> frozenset[int]:
    return frozenset(
        domain.start + offset
        for domain in domains
        for name in _CDRS
        for offset in range(len(domain.sequence))[region_span(domain.positions, name)]
    )


def _fv(heavy: StructureChain, light: StructureChain | None, domains: Domains) -> _Fv:
    kinds = [domain.kind.is_light for domain in domains[heavy.name]]
    paratope = {
        chain.name: _cdr_indices(domains[chain.name]) or frozenset(range(len(chain.sequence)))
        for chain in (heavy, light)
        if chain is not None
    }
    is_scfv = light is None and any(kinds) and not all(kinds)
    return _Fv(heavy, light, is_scfv, paratope)


def _paired_fvs(chains: Sequence[StructureChain], domains: Domains) -> Iterator[_Fv]:
    """Each heavy chain with the free light chain that its variable domain touches most."""
    heavies = [c for c in chains if any(not d.kind.is_light for d in domains[c.name])]
    lights = [c for c in chains if domains[c.name] and c not in heavies]
    without_light = [c for c in heavies if not any(d.kind.is_light for d in domains[c.name])]
    touching = sorted(
        (-_touching(heavy, light, domains), a, b)
        for a, heavy in enumerate(without_light)
        for b, light in enumerate(lights)
    )
    partner: dict[str, StructureChain] = {}
    for touches, a, b in touching:
        used = {chain.name for chain in partner.values()}
        if touches < 0 and without_light[a].name not in partner and lights[b].name not in used:
            partner[without_light[a].name] = lights[b]
    for heavy in heavies:
        yield _fv(heavy, partner.get(heavy.name), domains)


def _touching(heavy: StructureChain, light: StructureChain, domains: Domains) -> int:
    """Pairs of residues of the two variable domains in contact."""
    return sum(
        any(d.start <= i < d.end for d in domains[heavy.name])
        and any(d.start <= j < d.end for d in domains[light.name])
        for i, j in residue_distances(heavy, light, CONTACT_ANGSTROM)
    )


def _antigens(
    structure: Structure, fv: _Fv, fvs: Sequence[_Fv], domains: Domains
) -> list[StructureChain]:
    """Chains without a variable domain near the CDRs; where there is none, other antibodies."""
    names = {chain.name for chain in fv.chains}
    nearby = [c for c in structure.chains if c.name not in names and _cdr_contacts(fv, c)]
    plain = [chain for chain in nearby if not domains[chain.name]]
    return plain or (nearby if len(fvs) == 1 else [])


def _other_antibody(fv: _Fv, fvs: Sequence[_Fv]) -> list[StructureChain]:
    """Chains of another antibody that this one's CDRs bind (an idiotype and its antibody).

    Copies of the same antibody that touch in a crystal are no complex.
    """
    for partner in fvs:
        if partner is fv or partner.heavy.sequence == fv.heavy.sequence:
            continue
        contacts = [_cdr_contacts(fv, chain) for chain in partner.chains]
        if sum(contacts) >= _FEWEST_CONTACTS:
            return [chain for chain, pairs in zip(partner.chains, contacts, strict=True) if pairs]
    return []


def _cdr_contacts(fv: _Fv, partner: StructureChain) -> int:
    """Pairs of residues of the CDRs and another chain within :data:`ANTIGEN_ANGSTROM`."""
    count = 0
    for chain in fv.chains:
        in_cdrs: NDArray[np.bool_] = np.isin(chain.atom_residues, sorted(fv.paratope[chain.name]))
        cdrs = replace(
            chain,
            atom_positions=chain.atom_positions[in_cdrs],
            atom_residues=chain.atom_residues[in_cdrs],
        )
        count += len(residue_distances(cdrs, partner, ANTIGEN_ANGSTROM))
    return count


def _complex(
    structure: Structure,
    number: int,
    fv: _Fv,
    antigen: Sequence[StructureChain],
    unbound: int,
    domains: Domains,
) -> Complex:
    contacts = tuple(
        Contact(antibody_chain.name, i, antigen_chain.name, j, distance)
        for antibody_chain in fv.chains
        for antigen_chain in antigen
        for (i, j), distance in sorted(
            residue_distances(antibody_chain, antigen_chain, CONTACT_ANGSTROM).items()
        )
    )
    chains = [*fv.chains, *antigen]
    raised = {
        "sequence_from_resolved_residues": any(not chain.from_seqres for chain in chains),
        "missing_residues": any(chain.missing for chain in chains)
        or any(chain.breaks for chain in chains if not chain.from_seqres),
        "no_contacts": bool(antigen) and not contacts,
        "antigen_is_an_antibody": bool(antigen) and all(domains[chain.name] for chain in antigen),
        "models_joined": structure.models_joined > 1,
        "other_copies_without_antigen": unbound > 0,
    }
    flags = tuple(flag for flag, is_raised in raised.items() if is_raised)
    return Complex(
        structure.path, structure.structure_id, number, fv.heavy, fv.light, fv.is_scfv,
        tuple(antigen), contacts, flags,
    )  # fmt: skip
