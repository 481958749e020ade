"""The mutation-effect model: how much a variant's pKd differs from its parent's, unmeasured.

Each change of a variant has an effect, a weighted sum of the features of
:mod:`abag.model.mutation_effect.features`. Gains add up and losses combine by a power q to S, and
losses level off at A:

    S = sum of gains - (sum of losses^q)^(1/q),
    s = slope S,  ΔpKd = s for s > 0 and -A (1 - exp(s / A)) for s < 0.

The weights were learnt on differences inside assays, the repertoire's part on antibodies alone.
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

from abag.data.schema import require_columns
from abag.errors import ModelError
from abag.model import artefact
from abag.model.mutation_effect.combination import combine
from abag.model.mutation_effect.features import FEATURES, padded, substitution_features
from abag.model.mutation_effect.parent import ParentAntibody, ParentChain
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scale import Scale, exposure
from abag.model.mutation_effect.scales import Reals
from abag.model.mutation_effect.variants import lay

NAME: Final = "mutation-effect"


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

    ``weights`` (features,) in the order of ``FEATURES``.
    """

    weights: Reals
    repertoire: Repertoire
    scale: Scale
    training: Mapping[str, Any]

    def delta(
        self,
        parent_heavy: str,
        parent_light: str | None,
        variants: pl.DataFrame,
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
        variants: pl.DataFrame,
        antigen: Sequence[str] = (),
    ) -> tuple[Reals, Reals]:
        """ΔpKd of each variant and the standard deviation of its error, both (rows,), in pKd.

        90 % of measured ΔpKd of antibodies and antigens that training had not lie within 1.645
        deviations, on average over complexes; 0 for the parent itself. Arguments and errors as for
        :meth:`delta`.
        """
        found = self.predict(ParentAntibody.of(parent_heavy, parent_light, antigen), variants)
        return found.delta_pkd, found.spread

    def predict(self, parent: ParentAntibody, variants: pl.DataFrame) -> VariantEffects:
        """Effects of variants on a parent that is numbered already.

        Args:
            parent: numbered chains and the antigen, if it is known.
            variants: columns ``heavy`` and ``light``, as for :meth:`delta`.

        Raises:
            SchemaError: a column is missing.
            ModelError: the parent has no variable domain, or a chain cannot be laid on it.
        """
        require_columns(variants, ["heavy", "light"], "the table of variants")
        sums = np.zeros((variants.height, 4))
        mutations = np.zeros(variants.height, dtype=np.int64)
        for name, chain in (("heavy", parent.heavy), ("light", parent.light)):
            chains = variants[name].fill_null("").to_list()
            _require_domain(chain, name, chains)
            if chain is None:
                continue
            laid = lay(chains, chain)
            sums += laid.total(self._table(chain))
            mutations += laid.mutations(chain)
        delta = self.scale.level(combine(sums[:, 0], sums[:, 1], self.scale.power))
        return VariantEffects(delta, self.scale.deviation(sums[:, 2:], mutations))

    def effects(self, sequence: str) -> Reals:
        """ΔpKd of every single substitution of a chain, shape (P, 20); 0 for its own residues."""
        chain = ParentChain.of(sequence)
        return self.scale.level(substitution_features(chain, self.repertoire) @ self.weights)

    def _table(self, chain: ParentChain) -> Reals:
        """Loss to the power q, gain, and exposures of every change, shape (P, 22, 4)."""
        features = padded(substitution_features(chain, self.repertoire))
        effects = (features @ self.weights)[:, :, None]
        lost, gained = np.maximum(-effects, 0.0) ** self.scale.power, np.maximum(effects, 0.0)
        return np.concatenate([lost, gained, exposure(features)], axis=2)

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the model as safetensors and JSON into a new folder."""
        self._artefact().write(folder, overwrite)

    @property
    def model_id(self) -> str:
        """Name and digest: equal for equal models."""
        return self._artefact().model_id

    def _artefact(self) -> artefact.Artefact:
        arrays = {"weights": self.weights, **self.repertoire.arrays()}
        settings = {"features": list(FEATURES), "scale": asdict(self.scale)}
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
        if stored.settings.get("features") != list(FEATURES):
            raise ModelError(
                f"{folder} has other features than this version of abag; take the folder of this "
                "version, or the version that wrote it"
            )
        try:
            return cls(
                np.asarray(stored.arrays["weights"], dtype=np.float64),
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
