"""Terms of the kernel that add up over mutations, and so carry over from position to position.

Each is a linear kernel on phi(x) = sum over positions p of A[p] (x) V[p, x_p]: a factor of the
position times a factor of the letter, zero at the reference letter. Neighbouring positions share
effects through A, similar residues through V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.kernels.knowledge import KNOWLEDGE, Knowledge
from abag.model.assay_gp.kernels.substitution import Codes, embedding
from abag.model.assay_gp.mutations import descriptors, severity
from abag.model.assay_gp.positions import REGIONS, Positions

Reals = NDArray[np.float64]

TERMS: Final = (
    "severity", "descriptors", "sites", "neighbours", "regions", *KNOWLEDGE, "mutations",
)  # fmt: skip
STANDARDISED: Final = ("severity", "descriptors", *KNOWLEDGE, "likelihood")
"""Terms whose features are scaled one by one."""
UNLEARNT: Final = tuple(name for name in TERMS if name != "effects")
"""Terms that have learnt from no assay, for landscapes on which the global model was trained."""
NEIGHBOURHOOD: Final = 3.0
"""Positions over which the correlation of neighbouring effects falls to 1/e."""


@dataclass(frozen=True, slots=True)
class Term:
    """``place`` (P, q) is A and ``letter`` (P, 22, v) is V; ``standardise`` scales each feature."""

    name: str
    place: Reals
    letter: Reals
    standardise: bool

    def features(self, letters: Codes) -> Reals:
        """Phi of each row, shape (rows, q v)."""
        rows, count = letters.shape
        # Elsewhere every row has the reference letter: a zero.
        varied = np.flatnonzero(
            (letters != letters[:1]).any(axis=0)
            | self.letter[np.arange(count), letters[:1]].any(axis=(0, 2))
        )
        vectors, place = self.letter[varied, letters[:, varied]], self.place[varied]
        if self.place.shape[1] == 1:
            return np.asarray((vectors * place[None]).sum(axis=1))
        summed = np.tensordot(vectors, place, axes=([1], [0]))
        return np.asarray(summed.transpose(0, 2, 1).reshape(rows, -1))

    def reach(self, inside: NDArray[np.bool_]) -> Reals:
        """Variance of each feature over single substitutions of the positions inside (P,)."""
        letter, place = self.letter[inside, :20], self.place[inside]
        square = place.T**2 @ (letter**2).sum(axis=1) / (19.0 * len(place))
        mean = place.T @ letter.sum(axis=1) / (19.0 * len(place))
        return np.asarray((square - mean**2).reshape(-1).clip(0.0))

    def effects(self, direction: Reals) -> Reals:
        """Product of phi's summands with ``direction`` (q v,), for each mutation; shape (P, 22)."""
        along = self.place @ direction.reshape(self.place.shape[1], -1)
        return np.asarray(np.einsum("plv,pv->pl", self.letter, along))


@dataclass(frozen=True, slots=True)
class CentredTerm:
    """A term centred on the training rows and scaled by what mutations can do.

    Kernel: (phi(x) - mean) . (phi(x') - mean) / spread^2 / scale. ``spread`` and ``scale`` are
    those of single substitutions anywhere in the variable domains, times the mean number of
    mutations of the training rows, never what those rows happened to vary: a feature that stood
    still in training has no effect beforehand, and a new variant that changes it moves by as much
    as any other (BoTorch issue 2185 shows what happens otherwise).
    """

    term: Term
    mean: Reals
    spread: Reals
    scale: float

    @classmethod
    def of(cls, term: Term, letters: Codes, positions: Positions) -> Self:
        """Centre on training letters of shape (rows, P); scale by all single substitutions."""
        mutations = float((letters != positions.reference).sum(axis=1).mean())
        taken = np.asarray(term.place.any(axis=1))
        inside = taken & (positions.imgt > 0)
        inside = inside if inside.any() else taken
        reach = term.reach(inside)
        spread, scale = np.ones(len(reach)), float(reach.sum())
        if term.standardise:
            spread = np.sqrt(np.where(reach > 1e-9, reach, 1.0))
            scale = float((reach > 1e-9).sum())
        return cls(
            term,
            term.features(letters).mean(axis=0),
            spread,
            max(scale, 1e-9) * max(mutations, 1.0),
        )

    def features(self, letters: Codes) -> Reals:
        """Features whose inner products are the kernel, shape (rows, features)."""
        standardised = (self.term.features(letters) - self.mean) / self.spread
        return np.asarray(standardised / np.sqrt(self.scale))

    def effects(self, direction: Reals) -> tuple[Reals, float]:
        """What each mutation adds to ``features . direction`` (P, 22), and the constant."""
        along = direction / (self.spread * np.sqrt(self.scale))
        return self.term.effects(along), -float(self.mean @ along)


def additive_terms(
    positions: Positions,
    active: NDArray[np.int64],
    names: Sequence[str],
    knowledge: Knowledge | None = None,
) -> list[Term]:
    """The named terms; ``neighbours`` and ``sites`` share effects between close positions.

    ``mutations`` gives each of the active positions (those that vary in training) effects of its
    own; what it expects of the others is in :meth:`abag.model.assay_gp.posterior.Kernel.unseen`.
    ``effects`` and ``features`` need the knowledge of the global model, ``context`` and
    ``likelihood`` (:mod:`abag.model.assay_gp.kernels.encoded`) that of an encoder.
    """
    count = positions.count
    everywhere = np.ones((count, 1))
    shift = embedding()[None, :, :] - embedding()[positions.reference][:, None, :]
    changed = np.ones((count, 22, 1))
    changed[np.arange(count), positions.reference] = 0.0
    makers = {
        "mutations": lambda: Term(
            "mutations", np.eye(count)[:, active], _letters(positions), False
        ),
        "severity": lambda: Term("severity", everywhere, severity(positions), True),
        "descriptors": lambda: Term("descriptors", everywhere, descriptors(positions), True),
        "sites": lambda: Term("sites", _neighbour_factor(positions), changed, False),
        "neighbours": lambda: Term("neighbours", _neighbour_factor(positions), shift, False),
        "regions": lambda: Term("regions", np.eye(2 * REGIONS)[positions.region], shift, False),
    }
    encoded = None if knowledge is None else knowledge.encoded
    if knowledge is not None:
        makers["effects"] = lambda: Term("effects", everywhere, knowledge.effects, True)
        makers["features"] = lambda: Term("features", everywhere, knowledge.features, True)
    if encoded is not None:
        makers["context"] = lambda: Term("context", encoded.context, shift, False)
        makers["likelihood"] = lambda: Term("likelihood", everywhere, encoded.likelihood, True)
    if missing := [name for name in names if name not in makers]:
        raise ValueError(f"the term {missing[0]} needs the global model or an encoder")
    return [makers[name]() for name in names]


def _letters(positions: Positions) -> Reals:
    """One-hot letters less those of the reference, shape (P, 22, 22).

    Two changes of one position have the correlation a half: they lose the same residue.
    """
    one_hot = np.eye(22)
    return np.asarray(one_hot[None] - one_hot[positions.reference][:, None, :])


def _neighbour_factor(positions: Positions) -> Reals:
    """A factor A with A A^T = exp(-|distance| / NEIGHBOURHOOD), shape (P, P)."""
    distance = np.abs(positions.place[:, None] - positions.place[None, :])
    correlation = np.exp(-distance / NEIGHBOURHOOD)
    correlation[np.diag_indices_from(correlation)] += 1e-6
    return np.asarray(np.linalg.cholesky(correlation))
