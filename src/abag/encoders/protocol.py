"""What an encoder is: chains in, one row a residue out. Imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import foreign_letters
from abag.errors import EncoderError, SequenceError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor, nn


class Role(StrEnum):
    """What a molecule is to the encoder."""

    ANTIBODY = "antibody"
    ANTIGEN = "antigen"


class LongChain(StrEnum):
    """What to do with a molecule that is longer than the encoder was trained for."""

    WINDOWS = "windows"
    """Encode overlapping windows and join them (the result is flagged)."""
    REFUSE = "refuse"
    """Raise SequenceError that names the length and the limit."""


@dataclass(frozen=True, slots=True)
class Molecule:
    """What is encoded at once: an antibody (heavy, or heavy and light) or one antigen chain.

    Raises :class:`SequenceError` for an empty chain or a letter that is no amino acid.
    """

    role: Role
    chains: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.chains or any(not chain for chain in self.chains):
            raise SequenceError(f"an {self.role.value} with an empty chain cannot be encoded")
        if len(self.chains) > (2 if self.role is Role.ANTIBODY else 1):
            raise SequenceError(f"{len(self.chains)} chains are no single {self.role.value}")
        for chain in self.chains:
            if foreign := foreign_letters(chain):
                place, letter = foreign[0]
                raise SequenceError(
                    f"{letter!r} at residue {place} of an {self.role.value} is no amino acid"
                )

    @property
    def residues(self) -> int:
        """Number of residues over all chains: the number of rows of its embedding."""
        return sum(len(chain) for chain in self.chains)


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """What is known of an encoder before anything is loaded."""

    id: str
    """Name in the catalogue, such as ``esm2-650m``."""
    width: int
    """Dimension d of a residue embedding."""
    max_residues: int
    """Longest molecule it was trained on, special tokens not counted."""
    roles: frozenset[Role]
    paired: bool
    """Whether heavy and light go in together."""
    licence: str
    revision: str
    """Pinned revision (a commit), or a digest of the weights for local ones."""
    extra: str | None
    """The optional dependency group it needs (``pip install abag[extra]``), if any."""


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """Everything that changes an embedding; two identities never share a stored one."""

    id: str
    revision: str
    adapter_digest: str
    """SHA-256 (16 digits) of LoRA adapters; empty without."""
    precision: str
    """``fp32`` or ``bf16``: the arithmetic of the encoder."""
    preprocessing: int
    """Version of the input rule (spacing, separators, windows)."""


@dataclass(frozen=True, slots=True)
class EncodedMolecule:
    """The embedding of one molecule."""

    rows: NDArray[np.float32]
    """[residues, width]: row i belongs to residue i of the chains in their order."""
    windowed: bool = False
    """Whether overlapping windows were joined because the molecule is longer than the limit."""

    def require(self, molecule: Molecule, width: int, encoder: str) -> None:
        """Raise :class:`EncoderError` unless these are finite rows [residues, width] of it."""
        shape, role = (molecule.residues, width), molecule.role.value
        if self.rows.shape != shape:
            raise EncoderError(
                f"{encoder} gave rows {list(self.rows.shape)} for an {role} whose rows should be "
                f"{list(shape)}"
            )
        if not np.isfinite(self.rows).all():
            raise EncoderError(
                f"{encoder} gave numbers that are not finite for an {role} of {shape[0]} residues "
                f"({molecule.chains[0][:12]}...); try fp32"
            )


class Encoder(Protocol):
    """Every encoder, ours and others', behind one interface.

    An encoder says itself what else it can do: ``masked`` and ``trainable`` are None, and the
    device is the processor, for a class that derives from this one and defines no more.
    """

    @property
    def facts(self) -> EncoderFacts:
        """Known without loading weights."""

    @property
    def identity(self) -> EncoderIdentity:
        """What enters the key of a stored embedding."""

    def encode(self, molecules: Sequence[Molecule]) -> list[EncodedMolecule]:
        """One batch, padded inside; results in the order given, the same in any batch."""

    @property
    def device_type(self) -> str:
        """Kind of device that it computes on, as torch names it; batches are sized for it."""
        return "cpu"

    @property
    def masked(self) -> MaskedEncoder | None:
        """The encoder itself where it predicts hidden residues."""
        return None

    @property
    def trainable(self) -> TrainableEncoder | None:
        """The encoder itself where its network can be compiled, adapted and trained."""
        return None


class MaskedEncoder(Encoder, Protocol):
    """An encoder that also predicts residues that are hidden from it."""

    def log_probabilities(
        self, molecules: Sequence[Molecule], hidden: Sequence[NDArray[np.intp]]
    ) -> list[NDArray[np.float64]]:
        """One batch: log-probabilities of the twenty residues at the hidden ones.

        Args:
            molecules: as for ``encode``.
            hidden: of each molecule, indices of the residues (over its chains) that are hidden
                together.

        Returns:
            One array (hidden, 20) for each molecule, columns in the order of ``AMINO_ACIDS``.
        """


class TrainableEncoder(Encoder, Protocol):
    """An encoder whose network can be compiled, adapted and trained."""

    network: nn.Module
    base_names: tuple[str, ...]
    """Names of the base model that an adapter may have been made for."""
    adapter_digest: Callable[[], str]
    """Gives the digest of the LoRA adapter; the empty text without one."""

    def embed(
        self, molecules: Sequence[Molecule]
    ) -> tuple[Float[Tensor, "molecules residues width"], Bool[Tensor, "molecules residues"]]:
        """Rows in fp32 with gradients, zero at padding, and a mask that is True for a residue."""


def trainable_part(encoder: Encoder) -> TrainableEncoder | None:
    """:attr:`Encoder.trainable`; None for a class of a user's own that does not say."""
    return getattr(encoder, "trainable", None)
