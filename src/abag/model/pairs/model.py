"""The model of pairs: the level of measured relatives, and the effect of the changes from them.

    pKd(x, g) = r(p, g) + e(root -> p) + [e(root -> x) - e(root -> p)]    with a relative p,
    pKd(x, g) = f(x) + s(g) * (h(x, g) - f(x))                            without one.

x is the antibody and g the antigen. p is the measured relative with the fewest changes, on g or
nearly g (:mod:`abag.model.pairs.measured`); one with more than six changes in frameworks arose
apart and counts as none (``relatives``). root is the parent of p's family. f is a
kernel ridge on the antibody alone, h one on antibody and antigen (:mod:`abag.model.pairs.kernel`);
r is h fitted to pKd minus e, so that a library of weak variants says of its parent what the
parent's own measurement says. With a the k-mer cosine to the nearest measured antigen, known =
clip((a - cosine_new) / (cosine_known - cosine_new), 0, 1), s is share_new + (1 - share_new) known:
on an antigen that no measured one resembles, the antibody alone says most of the level. e is the
effect of the changes (:mod:`abag.model.pairs.relatives`): what the model of mutation effects says,
its size fitted to measured pairs and their relatives.

The spread is sqrt(v_level + v_effect); the calibration scales it for each verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from abag.data.similarity.antigens import ANTIGEN_THRESHOLD
from abag.data.tables import Pairs
from abag.model.array_model import ArrayModel, Arrays
from abag.model.pairs.families import Families, antigen_groups
from abag.model.pairs.kernel import BindingEvidence, LevelKernel, Recalled
from abag.model.pairs.measured import NONE, MeasuredPairs
from abag.model.pairs.relatives import ChangeEffects, Nearest, Raw, contact_importance, raw_effects
from abag.model.protocol import Answer, EffectsOfChanges, Settings
from abag.model.training_set import TrainingSet

Reals = NDArray[np.float64]
Places = NDArray[np.int64]

_LEAST_VARIANCE: Final = 0.04
"""An assay repeated in one laboratory is off by 0.2 pKd or more."""
_EFFECT_SHARE: Final = 0.5
"""Deviation of an effect in those that the model of mutation effects gives: these were set on
complexes of many sources, and are twice as wide as the errors of designed variants."""


_RECALLED: Final = 1_024


class PairSettings(Settings):
    """Settings of the level and of how its parts are joined."""

    ridge: float = Field(0.1, gt=0.0, description="Ridge of antibody and antigen together.")
    antibody_ridge: float = Field(0.3, gt=0.0, description="Ridge of the antibody alone.")
    cluster_power: float = Field(
        0.5, ge=0.0, le=1.0, description="A pair of an antigen cluster of n pairs weighs n^-power."
    )
    cosine_new: float = Field(0.5, ge=0.0, le=1.0, description="Antigens up to it are new.")
    cosine_known: float = Field(0.9, ge=0.0, le=1.0, description="Antigens from it are known.")
    share_new: float = Field(
        0.3, ge=0.0, le=1.0, description="Share of h in the level on a new antigen; f has the rest."
    )
    remember: bool = Field(
        True, description="Use what the model of mutation effects knows of measured families."
    )
    max_rows: int = Field(6_000, ge=1, description="More training rows are sampled to this many.")


@dataclass(frozen=True)
class _State:
    measured: MeasuredPairs
    kernel: LevelKernel
    sizes: ChangeEffects
    root: Places
    """Number of the root's pair, for each measured pair."""
    potential: Reals
    """e(root -> pair) of each measured pair, pKd."""
    binding: BindingEvidence
    recalled: dict[tuple[Any, ...], Reals] = field(default_factory=dict)
    """What the kernels gave for a pair before: the rows of a library need the same few."""


class PairModel(ArrayModel[PairSettings]):
    """Predicts pKd of a pair from measured relatives and the changes from them."""

    name = "pairs"
    settings_type = PairSettings
    # Families that the effects remember would get their own measurements as predictions.
    settings_for_strangers: ClassVar[Mapping[str, Any]] = {"remember": False}
    _state: _State

    @property
    def measured(self) -> MeasuredPairs:
        """The pairs that the model was fitted on."""
        self._require_fitted()
        return self._state.measured

    def _choose(self, rows: TrainingSet) -> TrainingSet:
        return rows.sample(self.settings.max_rows, self.settings.seed)

    def _learn(self, rows: TrainingSet) -> None:
        settings = self.settings
        measured = MeasuredPairs.of(rows.pairs, self.target)
        target, pairs = measured.pairs.pkd, measured.as_pairs()
        families = Families.of(measured)
        sizes, potential = _effects(measured, families, target, settings.remember)
        groups = antigen_groups(measured)
        cluster = groups[measured.pairs.antigen]
        weights = np.bincount(cluster)[cluster].astype(np.float64) ** -settings.cluster_power
        weights /= weights.mean()
        equal = np.ones(len(target))
        noise = np.stack(
            [equal * settings.ridge, equal * settings.ridge, settings.antibody_ridge / weights]
        )
        shares = np.stack([equal, equal, weights])
        shares /= shares.sum(axis=1, keepdims=True)
        targets = np.stack([target - potential, target, target])
        kernel, alike = LevelKernel.fit(pairs, targets, noise, shares)
        binding = BindingEvidence.fit(alike, cluster, groups, settings.ridge / weights)
        self._state = _State(measured, kernel, sizes, families.root, potential, binding)

    def _values(self, table: Pairs) -> Reals:
        return self.answer(table).value

    def answer(self, table: Pairs | pl.DataFrame) -> Answer:
        """Predictions, their parts and spread, relatives, and evidence that the pairs bind."""
        table = self._checked_rows(table)
        if table.is_empty():
            return Answer.of(np.zeros(0))
        state = self._state
        nearest = state.measured.nearest(table)
        nearest = nearest._replace(relative=np.where(nearest.is_sibling, NONE, nearest.relative))
        raw, effect = self._effect(table, nearest)
        antigens = np.where(nearest.relative == NONE, nearest.site, NONE)
        antigens = np.where(nearest.antigen >= ANTIGEN_THRESHOLD, antigens, NONE)
        recalled = self._recall(self._on_relatives(table, nearest), antigens)
        level, known = self._level(recalled)
        of_relative = recalled.of_root + state.potential[nearest.relative]
        level = np.where(nearest.relative != NONE, of_relative, level)
        variance = np.maximum(_level_variance(recalled, known, nearest), _LEAST_VARIANCE)
        spread = np.sqrt(variance + (_EFFECT_SHARE * raw.spread) ** 2)
        return Answer(
            value=level + effect,
            spread=spread,
            pair=recalled.pair,
            antibody=recalled.antibody,
            antigen=recalled.antigen,
            level=level,
            effect=effect,
            evidence=state.binding.scores(recalled.chosen, antigens),
        )

    def _recall(self, on_relatives: Pairs, antigens: Places) -> Recalled:
        """Levels and similarities of each row; those of one relative and antigen are kept."""
        state = self._state
        keys = on_relatives.select(
            "heavy",
            pl.col("light").fill_null(""),
            pl.col("antigen").list.join("/").fill_null(""),
            site=pl.Series(antigens),
        ).rows()
        # Another thread may forget all of them at any moment.
        looked_up = ((key, state.recalled.get(key)) for key in set(keys))
        known = {key: values for key, values in looked_up if values is not None}
        new = {key: row for row, key in reversed(list(enumerate(keys))) if key not in known}
        if new:
            rows = sorted(new.values())
            functions = state.binding.columns(antigens[rows])
            values_of_new = np.stack(
                state.kernel.recall(on_relatives.take(np.array(rows)), functions), axis=1
            )
            recalled = {keys[row]: values for row, values in zip(rows, values_of_new, strict=True)}
            known |= recalled
            if len(state.recalled) + len(recalled) > _RECALLED:
                state.recalled.clear()
            state.recalled.update(list(recalled.items())[:_RECALLED])
        return Recalled(*np.array([known[key] for key in keys]).T)

    def _level(self, recalled: Recalled) -> tuple[Reals, Reals]:
        """F + s * (h - f), and known."""
        settings = self.settings
        width = max(settings.cosine_known - settings.cosine_new, 1e-9)
        known = ((recalled.antigen - settings.cosine_new) / width).clip(0.0, 1.0)
        share = settings.share_new + (1.0 - settings.share_new) * known
        joined = share * (recalled.of_pair - recalled.of_antibody)
        return recalled.of_antibody + joined, known

    def _on_relatives(self, table: Pairs, nearest: Nearest) -> Pairs:
        """The table with the antibody of its relative in each row that has one."""
        measured, chains = self._state.measured, table.chains()
        for row in np.flatnonzero(nearest.relative != NONE).tolist():
            chains[row] = measured.antibodies[measured.pairs.antibody[nearest.relative[row]]]
        return Pairs.of_chains(chains, table["antigen"])

    def _effect(self, table: Pairs, nearest: Nearest) -> tuple[Raw, Reals]:
        """The raw effect of the root's changes, and the effect of those from the relative."""
        state = self._state
        is_variant = (nearest.relative != NONE) & (nearest.changes > 0)
        root = np.where(is_variant, state.root[nearest.relative], NONE)
        parents, parent_of = _antibodies_of(state.measured, root)
        raw = raw_effects(parents, parent_of, table, remember=self.settings.remember)
        # Most relatives are roots themselves, and their changes are known by now.
        others = np.where(root == nearest.relative, NONE, parent_of)
        counted = _cdr_changes(state.measured, parents, others, table)
        in_cdrs = np.where(root == nearest.relative, nearest.cdr_changes, counted)
        effect = state.sizes.of(raw, in_cdrs) - state.potential[nearest.relative]
        return raw, np.where(is_variant, effect, 0.0)

    @property
    def effects(self) -> EffectsOfChanges:
        """The model itself."""
        return self

    def effects_on(
        self, parent: tuple[str, str], table: Pairs
    ) -> tuple[Reals, Reals, Places, Places]:
        """Effect of the changes of each row from a given parent, pKd, whoever measured it.

        Returns effect, its standard deviation, numbers of changes and of those in CDRs, each
        (rows,).

        Raises:
            ModelError: a chain cannot be laid on the parent's.
        """
        state = self._state
        layout = state.measured.layout
        changes = layout.changes(layout.lay(table.chains()), layout.lay([parent]))
        total, cdr = changes.total[:, 0], changes.cdr[:, 0]
        parent_of = np.zeros(table.height, dtype=np.int64)
        raw = raw_effects([parent], parent_of, table, remember=self.settings.remember)
        return state.sizes.of(raw, cdr), _EFFECT_SHARE * raw.spread, total, cdr

    def importance_of(self, chain: str) -> Reals:
        """What binding would lose at each residue of a chain by its contact, pKd, (residues,)."""
        self._require_fitted()
        return contact_importance(chain)

    def _arrays(self) -> Arrays:
        state = self._state
        return {
            **state.measured.arrays(),
            **state.kernel.arrays(),
            **state.binding.arrays(),
            "effects.sizes": np.array([state.sizes.slope, state.sizes.toll]),
            "effects.root": state.root,
            "effects.potential": state.potential,
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._state = _State(
            MeasuredPairs.from_arrays(arrays),
            LevelKernel.from_arrays(arrays),
            ChangeEffects(*arrays["effects.sizes"].tolist()),
            arrays["effects.root"],
            arrays["effects.potential"],
            BindingEvidence.from_arrays(arrays),
        )


def _effects(
    measured: MeasuredPairs, families: Families, target: Reals, remember: bool
) -> tuple[ChangeEffects, Reals]:
    """Sizes of effects, fitted to the variants among the pairs, and e(root -> pair) of each.

    Sizes are learnt from effects that remember none of the families, because theirs would fit.
    """
    changed = families.root != np.arange(len(target))
    root = np.where(changed, families.root, NONE)
    parents, parent_of = _antibodies_of(measured, root)
    pairs = measured.as_pairs()
    raw = raw_effects(parents, parent_of, pairs, remember=False)
    # Smaller families are siblings from nature: neither of two is the parent of the other.
    rows = changed & families.designed & (families.changes > 0)
    sizes = ChangeEffects.fit(
        (target - target[families.root])[rows],
        Raw(raw.delta[rows], raw.spread[rows]),
        families.cdr_changes[rows],
        families.family[rows],
    )
    if remember:
        raw = raw_effects(parents, parent_of, pairs)
    return sizes, np.where(changed, sizes.of(raw, families.cdr_changes), 0.0)


def _antibodies_of(measured: MeasuredPairs, pairs: Places) -> tuple[list[tuple[str, str]], Places]:
    """Distinct antibodies of pairs, and the number of each row's among them; -1 stays -1."""
    antibodies = np.where(pairs == NONE, NONE, measured.pairs.antibody[pairs])
    distinct = np.unique(antibodies[antibodies != NONE])
    number = np.where(antibodies == NONE, NONE, np.searchsorted(distinct, antibodies))
    return [measured.antibodies[antibody] for antibody in distinct.tolist()], number


def _cdr_changes(
    measured: MeasuredPairs, parents: list[tuple[str, str]], parent_of: Places, table: Pairs
) -> Places:
    """Changes in CDRs of each row from its parent; 0 without one."""
    changes = np.zeros(table.height, dtype=np.int64)
    layout = measured.layout
    for number, parent in enumerate(parents):
        rows = np.flatnonzero(parent_of == number)
        chains = layout.lay(table.take(rows).chains())
        changes[rows] = layout.changes(chains, layout.lay([parent])).cdr[:, 0]
    return changes


def _level_variance(recalled: Recalled, known: Reals, nearest: Nearest) -> Reals:
    """Variance of the level by what is known: an antigen, a pair like it, or the pair itself."""
    unrelated = 1.3 * (1.0 - known) + known * (0.5 + 0.7 * (1.0 - recalled.pair))
    measured = 0.65 + 2.0 * (1.0 - nearest.relative_antigen)
    return np.asarray(np.where(nearest.relative != NONE, measured, unrelated))
