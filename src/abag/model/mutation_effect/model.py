"""The mutation-effect model: how much a variant's pKd differs from its parent's, unmeasured.

Each of the n changes of a variant has an effect, a weighted sum of the features of
:mod:`abag.model.mutation_effect.features`; their sum S is divided by n^crowding (0 is additive),
and losses level off at A:

    s = slope S / n^crowding,  ΔpKd = s for s > 0 and -A (1 - exp(s / A)) for s < 0.

The weights were learnt on differences inside assays, the repertoire's part on antibodies alone.
Nothing but numpy and the numbering is needed to serve it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.schema import require_columns
from abag.errors import ModelError
from abag.model import artefact
from abag.model.mutation_effect.features import FEATURES, substitution_features
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scales import Reals
from abag.model.mutation_effect.variants import lay

NAME: Final = "mutation-effect"


@dataclass(frozen=True, slots=True)
class Scale:
    """From the weighted sum to pKd, and how far off it is.

    ``slope`` multiplies the sum; ``depth`` is A, in pKd; the standard deviation of the
    error is sqrt(floor^2 + share^2 ΔpKd^2 + per_mutation^2 n) for n >= 1 changes, and 0 for none.
    """

    slope: float
    depth: float
    crowding: float
    floor: float
    share: float
    per_mutation: float

    def level(self, total: Reals, mutations: NDArray[np.int64] | int = 1) -> Reals:
        """ΔpKd of the sums S of rows with so many changes."""
        raw = self.slope * total / np.maximum(mutations, 1) ** self.crowding
        lost = self.depth * np.expm1(np.minimum(raw, 0.0) / self.depth)
        return np.asarray(np.where(raw > 0.0, raw, lost))

    def deviation(self, delta: Reals, mutations: NDArray[np.int64]) -> Reals:
        """Standard deviation of the error, pKd."""
        variance = self.floor**2 + (self.share * delta) ** 2 + self.per_mutation**2 * mutations
        return np.asarray(np.where(mutations > 0, np.sqrt(variance), 0.0))


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

        The deviation is that of a measured ΔpKd on an antibody and antigen that training had
        not; 0 for the parent itself. Arguments and errors as for :meth:`delta`.
        """
        del antigen
        require_columns(variants, ["heavy", "light"], "the table of variants")
        total = np.zeros(variants.height)
        mutations = np.zeros(variants.height, dtype=np.int64)
        for name, sequence in (("heavy", parent_heavy), ("light", parent_light or "")):
            chains = variants[name].fill_null("").to_list()
            chain = _require_domain(sequence, name, chains)
            if chain is None:
                continue
            laid = lay(chains, chain)
            total += laid.total(self._effects(chain))
            mutations += laid.mutations(chain)
        delta = self.scale.level(total, mutations)
        return delta, self.scale.deviation(delta, mutations)

    def effects(self, sequence: str) -> Reals:
        """ΔpKd of every single substitution of a chain, shape (P, 20); 0 for its own residues."""
        return self.scale.level(self._effects(ParentChain.of(sequence))[:, :20])

    def _effects(self, chain: ParentChain) -> Reals:
        """Weighted sums, shape (P, 22): letters, X (nothing is known: 0), deletion.

        A deletion counts as the mean substitution at its position, an insertion as that of the
        residue before it.
        """
        table = np.zeros((len(chain.residues), 22))
        table[:, :20] = substitution_features(chain, self.repertoire) @ self.weights
        table[:, 21] = table[:, :20].sum(axis=1) / 19.0
        return table

    def save(self, folder: Path, overwrite: bool = False) -> None:
        """Write the model as safetensors and JSON into a new folder."""
        self._artefact().write(folder, overwrite)

    @property
    def model_id(self) -> str:
        """Name and digest: equal for equal models."""
        return self._artefact().model_id

    def _artefact(self) -> artefact.Artefact:
        scale = {name: getattr(self.scale, name) for name in Scale.__dataclass_fields__}
        arrays = {"weights": self.weights, **self.repertoire.arrays()}
        settings = {"features": list(FEATURES), "scale": scale}
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
        return cls(
            np.asarray(stored.arrays["weights"], dtype=np.float64),
            Repertoire.from_arrays(stored.arrays),
            Scale(**stored.settings["scale"]),
            stored.training,
        )


def _require_domain(sequence: str, name: str, chains: Sequence[str]) -> ParentChain | None:
    """The parent's chain on its positions, or None where neither it nor any variant has one."""
    if not sequence:
        if any(chains):
            raise ModelError(
                f"variants have a {name} chain and the parent has none; give the parent's {name}"
            )
        return None
    if any(not chain for chain in chains):
        raise ModelError(
            f"variant {chains.index('') + 1} has no {name} chain and the parent has one; give it "
            "in every row"
        )
    chain = ParentChain.of(sequence)
    if not chain.kind:
        raise ModelError(
            f"no variable domain is found in the parent's {name} chain ({len(sequence)} residues)"
        )
    return chain


def shipped_folder() -> Path:
    """Folder of the model that the package ships."""
    return Path(str(files("abag"))) / "resources" / "mutation_effect"


@cache
def load_mutation_effect() -> MutationEffect:
    """The shipped model; read once."""
    return MutationEffect.load(shipped_folder())
