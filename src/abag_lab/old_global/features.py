"""What an antibody is, in numbers: germline distance, loops and composition.

Nothing here knows a label. A chain that is not there, or in which no variable domain is found, has
:data:`ABSENT` in all its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP, ChainKind, residue_codes
from abag.antibody.germlines import V_POSITIONS, Germlines
from abag.antibody.numbering.domains import IMGT_REGIONS
from abag.data.tables import Pairs
from abag.encoders.batching import distinct
from abag_lab.old_global.frames import LOOPS, Frame, Frames, find_frames
from abag_lab.old_global.residues import (
    count_residues,
    properties,
    shares,
    trait,
)

Reals = NDArray[np.float64]

ABSENT: Final = -1.0
_CDR_OF_V: Final = np.zeros(V_POSITIONS, dtype=np.bool_)
for _loop in ("CDR1", "CDR2"):
    _CDR_OF_V[IMGT_REGIONS[_loop][0] - 1 : IMGT_REGIONS[_loop][1]] = True


def antibody_features(table: Pairs, germlines: Germlines) -> Reals:
    """Features of each row of a table with heavy and light, shape (rows, features).

    Of each chain: presence and kind, germline distance, changes, species and family, then length
    and properties of each loop, shares of residues in CDR3 and in all loops, and properties of the
    domain.
    """
    heavy, light = table["heavy"].to_list(), [chain or "" for chain in table["light"]]
    frames = find_frames([*heavy, *(chain for chain in light if chain)])
    parts = []
    for chains, is_light in ((heavy, False), (light, True)):
        unique_chains, index = distinct(chains)
        domains = [_domain(chain, frames, is_light) for chain in unique_chains]
        parts.append(_chain_features(domains, germlines)[index])
    return np.concatenate(parts, axis=1)


Domain = tuple[str, Frame]
"""A chain, and the frame of the domain of the wanted kind in it."""


def _domain(chain: str, frames: Frames, is_light: bool) -> Domain | None:
    frames_of_kind = (frame for frame in frames.get(chain, ()) if frame.kind.is_light == is_light)
    frame = next(frames_of_kind, None)
    return None if frame is None else (chain, frame)


def _chain_features(domains: Sequence[Domain | None], germlines: Germlines) -> Reals:
    present = np.array([domain is not None for domain in domains])
    known = [domain for domain in domains if domain is not None]
    columns = _germline_columns(known, germlines) + _loop_columns(known)
    width = sum(column.shape[1] for column in columns)
    features = np.full((len(domains), width), ABSENT)
    if known:
        features[present] = np.concatenate(columns, axis=1)
    features[~present, 0] = 0.0
    return features


def _germline_columns(domains: Sequence[Domain], germlines: Germlines) -> list[Reals]:
    kinds = [frame.kind for _, frame in domains]
    letters = np.full((len(domains), V_POSITIONS), GAP, dtype=np.int64)
    for row, (chain, frame) in zip(letters, domains, strict=True):
        row[frame.v_positions] = residue_codes(chain)[frame.v_places]
    nearest = germlines.nearest(letters, kinds)
    germline = germlines.codes[nearest.gene]
    residues, reference = np.minimum(letters, 20), np.minimum(germline, 20)
    gained = [
        np.where(nearest.changed, trait(name, residues) - trait(name, reference), 0.0).sum(axis=1)
        for name in ("aromatic", "charge", "hydropathy")
    ]
    flags = np.array(
        [[1.0, kind == ChainKind.VHH, kind == ChainKind.LAMBDA] for kind in kinds]
    ).reshape(len(kinds), 3)
    changed = np.stack(
        [
            nearest.changed[:, _CDR_OF_V].sum(axis=1),
            nearest.changed[:, ~_CDR_OF_V].sum(axis=1),
            *gained,
        ],
        axis=1,
    )
    species = np.eye(len(germlines.species_names))[germlines.species[nearest.gene]]
    family = np.eye(len(germlines.family_names))[germlines.family[nearest.gene]]
    return [flags, nearest.distance, changed, species, family]


def _loop_columns(domains: Sequence[Domain]) -> list[Reals]:
    texts = [[chain[frame.loops[i]] for chain, frame in domains] for i in range(len(LOOPS))]
    counts = [count_residues(loop) for loop in texts]
    columns = []
    for loop, count in zip(texts, counts, strict=True):
        lengths = np.array([float(len(text)) for text in loop]).reshape(-1, 1)
        columns += [lengths, properties(count)]
    columns += [shares(counts[2]), shares(sum(counts[1:], counts[0]))]
    return [*columns, properties(count_residues([chain[f.start : f.end] for chain, f in domains]))]
