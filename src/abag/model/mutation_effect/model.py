"""The mutation-effect model: how much a variant's pKd differs from its parent's, unmeasured.

Each change i of a variant has an effect, e_i = w . x_i + d_i: a weighted sum of the features of
:mod:`abag.model.mutation_effect.features`, and what the parent's antibody family, if it was
measured, adds at that position (:mod:`abag.model.mutation_effect.memory`). Gains add up and losses
combine by a power q; a row that affinity maturation chose
(:mod:`abag.model.mutation_effect.maturation`) gains M; and losses level off at A:

    S = sum of gains - (sum of losses^q)^(1/q) + M,    M = m n^(-1/3) sum of v . z_i,
    s = slope S,  ΔpKd = s for s > 0 and -A (1 - exp(s / A)) for s < 0,

with n the effective number of changes, each counted by its first guess of a loss. w, v and d were
learnt together on differences inside assays, the repertoire's part of x on antibodies alone.
Nothing but numpy and the numbering is needed to serve it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
import polars as pl

from abag.data.tables import Pairs, rows_to_predict
from abag.errors import ModelError
from abag.model import artefact
from abag.model.mutation_effect.changes import CodedChanges, changes_of, tables_of
from abag.model.mutation_effect.features import FEATURES
from abag.model.mutation_effect.maturation import MATURED
from abag.model.mutation_effect.memory import FamilyMemory, nearest_memory
from abag.model.mutation_effect.parent import ParentAntibody, ParentChain
from abag.model.mutation_effect.priors import Reals
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scale import Scale, combined, exposure

NAME: Final = "mutation-effect"
_SLICE: Final = 4_096
"""Variants laid on their parent at once: memory does not grow with the table."""


class VariantEffects(NamedTuple):
    """What variants are predicted to gain or lose against their parent, one item a variant.

    ``delta_pkd`` (rows,) is pKd of the variant minus pKd of the parent: positive is tighter, 0 for
    the parent itself. ``spread`` (rows,) is the standard deviation of its error in pKd: measured
    differences lie within 1.645 of them in 90 % of rows of antibodies that training had not.
    """

    delta_pkd: Reals
    spread: Reals


@dataclass(frozen=True, slots=True)
class MutationEffect:
    """ΔpKd of variants against their parent, without a measurement of either.

    ``weights`` (features,) in the order of ``FEATURES``, ``maturation`` (6,) in that of
    ``MATURED``; ``memories`` are of the families that were measured.
    """

    weights: Reals
    maturation: Reals
    memories: tuple[FamilyMemory, ...]
    repertoire: Repertoire
    scale: Scale
    training: Mapping[str, Any]

    def delta(
        self,
        parent_heavy: str,
        parent_light: str | None,
        variants: Pairs | pl.DataFrame,
        antigen: Sequence[str] = (),
    ) -> Reals:
        """ΔpKd of each variant, shape (rows,); positive is tighter, 0 for the parent itself.

        Args:
            parent_heavy: heavy chain or VHH of the parent.
            parent_light: its light chain; None or empty without one.
            variants: columns ``heavy`` and ``light``; light may be null. Chains of another length
                than the parent's are laid on it by IMGT position.
            antigen: chains of the antigen; not used by this version.

        Raises:
            SchemaError: a column is missing.
            ModelError: the parent has no variable domain, or a chain cannot be laid on it.
        """
        return self.delta_distribution(parent_heavy, parent_light, variants, antigen)[0]

    def delta_distribution(
        self,
        parent_heavy: str,
        parent_light: str | None,
        variants: Pairs | pl.DataFrame,
        antigen: Sequence[str] = (),
    ) -> tuple[Reals, Reals]:
        """ΔpKd of each variant and the standard deviation of its error, both (rows,), in pKd.

        90 % of measured ΔpKd of antibodies and antigens that training had not lie within 1.645
        deviations, on average over complexes; 0 for the parent itself. Arguments and errors as for
        :meth:`delta`.
        """
        effects = self.predict(ParentAntibody.of(parent_heavy, parent_light, antigen), variants)
        return effects.delta_pkd, effects.spread

    def predict(self, parent: ParentAntibody, variants: Pairs | pl.DataFrame) -> VariantEffects:
        """Effects of variants on a parent that is numbered already.

        Args:
            parent: numbered chains and the antigen, if it is known.
            variants: columns ``heavy`` and ``light``, as for :meth:`delta`.

        Raises:
            SchemaError: a column is missing.
            ModelError: the parent has no variable domain, or a chain cannot be laid on it.
        """
        rows = rows_to_predict(variants, ("heavy", "light"), "the table of variants")
        for name, chain in parent.chains:
            _require_domain(chain, name, rows[name].fill_null("").to_list())
        tables, share = tables_of(parent, self.repertoire)
        if not tables:
            raise ModelError("the parent has neither a heavy nor a light chain; give one")
        memory = nearest_memory(self.memories, parent)
        effects = {}
        for number, table in tables:
            effects[number] = table.effects(self.weights)
            if memory is not None:
                effects[number] += memory.table(("heavy", "light")[number], table.chain)
        parts = []
        for piece in rows.frame.iter_slices(_SLICE):
            chains = [
                piece[("heavy", "light")[number]].fill_null("").to_list() for number, _ in tables
            ]
            parts.append(self._predict(changes_of(tables, share, chains), effects))
        if not parts:
            return VariantEffects(np.zeros(0), np.zeros(0))
        return VariantEffects(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _predict(self, changes: CodedChanges, tables: Mapping[int, Reals]) -> tuple[Reals, Reals]:
        effects = np.zeros(len(changes.rows))
        for number, table in tables.items():
            on_chain = changes.chain == number
            effects[on_chain] = table[changes.place[on_chain], changes.code[on_chain]]
        total = combined(changes, effects, self.maturation, self.scale.power)
        deviation = self.scale.deviation(exposure(changes), changes.mutations)
        return self.scale.level(total), deviation

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the model as safetensors and JSON into a new folder."""
        self._artefact().write(folder, overwrite)

    @property
    def model_id(self) -> str:
        """Name and digest: equal for equal models."""
        return self._artefact().model_id

    def _artefact(self) -> artefact.Artefact:
        arrays = {
            "weights": self.weights,
            "maturation": self.maturation,
            **self.repertoire.arrays(),
        }
        for i, memory in enumerate(self.memories):
            arrays[f"memory.{i}.residues"] = memory.residues.astype(np.uint8)
            arrays[f"memory.{i}.values"] = memory.values.astype(np.float32)
        settings = {
            "features": list(FEATURES),
            "matured": list(MATURED),
            "scale": asdict(self.scale),
            "memories": [
                {"name": memory.name, "labels": list(memory.labels)} for memory in self.memories
            ],
        }
        return artefact.Artefact(NAME, settings, dict(self.training), arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            ModelError: another model, a changed file, or features that this version has not.
        """
        stored = artefact.read(folder)
        if stored.name != NAME:
            raise ModelError(f"{folder} holds the model {stored.name!r}, not {NAME!r}")
        expected = {"features": list(FEATURES), "matured": list(MATURED)}
        if {name: stored.settings.get(name) for name in expected} != expected:
            raise ModelError(
                f"{folder} has other features than this version of abag; take the folder of this "
                "version, or the version that wrote it"
            )
        try:
            return cls(
                np.asarray(stored.arrays["weights"], dtype=np.float64),
                np.asarray(stored.arrays["maturation"], dtype=np.float64),
                tuple(
                    FamilyMemory(
                        memory["name"],
                        tuple(memory["labels"]),
                        stored.arrays[f"memory.{i}.residues"].astype(np.int64),
                        stored.arrays[f"memory.{i}.values"].astype(np.float64),
                    )
                    for i, memory in enumerate(stored.settings["memories"])
                ),
                Repertoire.from_arrays(stored.arrays),
                Scale(**stored.settings["scale"]),
                stored.training,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{folder} is no whole model {NAME!r} ({error})") from None


def _require_domain(chain: ParentChain | None, name: str, variants: Sequence[str]) -> None:
    """Raise unless the parent has a variable domain in this chain, and every variant the chain."""
    if chain is None:
        if any(variants):
            raise ModelError(
                f"variants have a {name} chain and the parent has none; give the parent's {name}"
            )
        return
    if any(not variant for variant in variants):
        raise ModelError(
            f"variant {variants.index('') + 1} has no {name} chain and the parent has one; give it "
            "in every row"
        )
    if not chain.kind:
        raise ModelError(
            f"no variable domain is found in the parent's {name} chain "
            f"({len(chain.sequence)} residues)"
        )


def shipped_folder() -> Path:
    """Folder of the model that the package ships."""
    return Path(str(files("abag"))) / "resources" / "mutation_effect"


@cache
def load_mutation_effect() -> MutationEffect:
    """The shipped model; read once."""
    return MutationEffect.load(shipped_folder())


def expected_changes(parent: str, variants: Sequence[str]) -> Reals:
    """Expected ΔpKd of variants of a parent, all ``heavy/light``; shape (n,).

    Zeros where the parent has no variable domain that can be numbered.
    """
    heavy, _, light = parent.partition("/")
    parts = [variant.partition("/") for variant in variants]
    frame = pl.DataFrame(
        {"heavy": [part[0] for part in parts], "light": [part[2] or None for part in parts]},
        schema={"heavy": pl.String, "light": pl.String},
    )
    try:
        return load_mutation_effect().delta(heavy, light or None, frame)
    except ModelError:
        return np.zeros(len(variants))
