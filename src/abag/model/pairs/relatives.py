"""How near measured pairs come to a pair, and the effect of the changes from its relative.

The model of mutation effects (:mod:`abag.model.mutation_effect`) gives d, the ΔpKd of the changes,
and its deviation s. Here its size is fitted to measured pairs and their relatives: with c the
number of changes in CDRs

    effect = a d - b (1 - exp(-c / 6)),   a, b >= 0,

because what was designed and measured lies below its parent even where each change looks harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from abag.data.tables import Pairs

if TYPE_CHECKING:
    from abag.model.mutation_effect import MutationEffect, ParentAntibody
    from abag.model.pairs.layout import Antibody

Reals = NDArray[np.float64]
Places = NDArray[np.int64]

FRAMEWORK_CHANGES: Final = 4
"""Designed variants change CDRs and leave the frameworks; antibodies of one germline that arose
apart differ by more (of 152 natural pairs with over ten changes 2 did not)."""
MOST_OF_A_VARIANT: Final = 6
"""Humanising and repairing change half a dozen residues of frameworks; of 25 measured relatives
with more 23 arose apart, each with mutations of its own."""


class Nearest(NamedTuple):
    """How near the measured pairs come to each of n rows; every array has shape (n,)."""

    antibody: Reals
    """Largest CDR identity to a measured antibody, 0 to 1."""
    antigen: Reals
    """Largest identity to a measured antigen, 0 to 1."""
    kin: Places
    """Number of that antibody; -1 where nothing was measured."""
    site: Places
    """Number of that antigen; -1 where nothing was measured."""
    relative: Places
    """Number of the measured pair of which the row is a variant; -1 without one."""
    relative_antigen: Reals
    """Identity of its antigen to the row's; 0 without one."""
    changes: Places
    """Residues that differ from the relative; 0 without one."""
    cdr_changes: Places
    """Those of them that stand in CDRs."""

    @property
    def is_sibling(self) -> NDArray[np.bool_]:
        """Whether the relative arose apart from the row's antibody.

        Nobody changed one into the other, and what changes cost says nothing of the two.
        """
        return np.asarray(self.changes - self.cdr_changes > MOST_OF_A_VARIANT)

    def take(self, rows: NDArray[np.bool_]) -> Nearest:
        """The chosen rows, by mask."""
        chosen: list[Any] = [values[rows] for values in self]
        return Nearest(*chosen)

    @classmethod
    def joined(cls, parts: Sequence[Nearest]) -> Nearest:
        """The rows of several tables below each other."""
        joined: list[Any] = [np.concatenate(values) for values in zip(*parts, strict=True)]
        return cls(*joined)


FEW_CHANGES: Final = 6.0
"""The toll of being changed at all levels off over so many changes in CDRs."""
_GUESS: Final = (1.0, 0.5)
"""a and b before any pair was seen."""
_GUESS_WEIGHT: Final = (5.0, 1.0)
"""How firmly they are held, in rows of one pKd: the model of mutation effects was fitted to more
assays than a table of pairs holds."""
_ROBUST: Final = 1.5
"""Residuals of more than so many pKd count linearly, not squared (Huber)."""


class Raw(NamedTuple):
    """Output of the model of mutation effects for n rows, each (n,): ΔpKd and its deviation."""

    delta: Reals
    spread: Reals


def raw_effects(
    parents: Sequence[Antibody], parent_of: Places, variants: Pairs, *, remember: bool = True
) -> Raw:
    """ΔpKd of each row of ``variants`` (heavy, light) against ``parents[parent_of[i]]``.

    A row whose ``parent_of`` is -1 has no effect. Without ``remember`` the model of mutation
    effects does not know the families that it was fitted on.
    """
    delta, spread = np.zeros(variants.height), np.zeros(variants.height)
    for number in np.unique(parent_of[parent_of >= 0]).tolist():
        rows = np.flatnonzero(parent_of == number)
        effects = _effects_on(parents[number], variants.take(rows), remember)
        delta[rows], spread[rows] = effects
    return Raw(delta, spread)


def _effects_on(parent: Antibody, variants: Pairs, remember: bool) -> Raw:
    effects = _effect_model(remember).predict(_parent(*parent), variants)
    return Raw(effects.delta_pkd, effects.spread)


AT_CONTACT: Final = ("contact_severity", "hot_spot", "lost_volume", "contact")
"""Features of the model of mutation effects that ask whether a position touches antigens."""


def contact_importance(chain: str) -> Reals:
    """How much binding is lost at each residue by its contact with antigens, pKd, (residues,).

    The mean over the nineteen substitutes of the part of the effect that is a matter of contact; 0
    outside the variable domain.
    """
    from abag.model.mutation_effect.features import FEATURES, substitution_features
    from abag.model.mutation_effect.parent import ParentChain

    model, parent = _effect_model(False), ParentChain.of(chain)
    if not parent.kind:
        return np.zeros(len(chain))
    chosen = [list(FEATURES).index(name) for name in AT_CONTACT]
    parts = substitution_features(parent, model.repertoire)[:, :, chosen] @ model.weights[chosen]
    letters = np.arange(parts.shape[1])
    others = letters[None, :] != parent.residues[:, None]
    return np.asarray(np.where(others, np.abs(parts), 0.0).sum(axis=1) / 19.0)


@cache
def _effect_model(remember: bool) -> MutationEffect:
    from abag.model.mutation_effect import load_mutation_effect

    model = load_mutation_effect()
    return model if remember else replace(model, memories=())


@lru_cache(maxsize=2_048)
def _parent(heavy: str, light: str) -> ParentAntibody:
    from abag.model.mutation_effect import ParentAntibody

    return ParentAntibody.of(heavy, light or None)


@dataclass(frozen=True)
class ChangeEffects:
    """Sizes of effects: ``slope`` is a and ``toll`` is b of the equation above, in pKd."""

    slope: float = _GUESS[0]
    toll: float = _GUESS[1]

    @classmethod
    def fit(cls, difference: Reals, raw: Raw, cdr_changes: Places, families: Places) -> Self:
        """Fit to measured differences from relatives; every family has the same say.

        Args:
            difference: pKd minus that of the relative, shape (n,).
            raw: output of the model of mutation effects for the same rows.
            cdr_changes: changes in CDRs, shape (n,).
            families: number of the family of each row, shape (n,).
        """
        design = np.stack([raw.delta, -_toll(cdr_changes)], axis=1)
        family_sizes = np.bincount(families)[families] if len(families) else np.zeros(0)
        weights = 1.0 / np.maximum(family_sizes, 1.0) ** 0.5
        ridge = np.diag(_GUESS_WEIGHT)
        fitted = np.array(_GUESS)
        for _ in range(20):
            error = difference - design @ fitted
            robust = weights * np.minimum(1.0, _ROBUST / np.maximum(np.abs(error), 1e-9))
            normal = design.T @ (design * robust[:, None]) + ridge
            moments = design.T @ (difference * robust) + ridge @ np.array(_GUESS)
            fitted = np.maximum(np.linalg.solve(normal, moments), 0.0)
        return cls(float(fitted[0]), float(fitted[1]))

    def of(self, raw: Raw, cdr_changes: Places) -> Reals:
        """Effect of each row, pKd; 0 for a row without a change."""
        return np.asarray(self.slope * raw.delta - self.toll * _toll(cdr_changes))


def _toll(cdr_changes: Places) -> Reals:
    return np.asarray(1.0 - np.exp(-cdr_changes / FEW_CHANGES))
