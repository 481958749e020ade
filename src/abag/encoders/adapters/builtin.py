"""The package's own small encoder: shipped inside it, no download, no hub.

``abag pretrain`` makes its weights; ``resources/encoder/card.md`` says what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from abag.encoders.adapters.windows import windows
from abag.encoders.protocol import (
    EncodedMolecule,
    EncoderFacts,
    EncoderIdentity,
    LongChain,
    Molecule,
    Role,
)
from abag.errors import (
    FileFormatError,
    MissingFileError,
    OptionError,
    SequenceError,
    UnavailableError,
)
from abag.files import read_json, require_file, require_folder, sha256_of

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Float
    from torch import Tensor, nn

    from abag.encoders.adapters.builtin_model import BuiltinModel, Tokens

ID: Final = "builtin"
PREPROCESSING: Final = 1
"""Raise it when the same weights would get other tokens."""

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True)
class _Window:
    """Tokens that are read together, and which of their residue rows are kept."""

    tokens: Tokens
    kept: slice


def shipped_folder() -> Path:
    """Folder of the shipped ``weights.safetensors`` and ``card.json``."""
    return Path(str(files("abag"))) / "resources" / "encoder"


def read_facts(folder: Path | None = None) -> EncoderFacts:
    """Facts of the encoder in ``folder`` (default: the shipped one), from its card alone.

    Raises:
        MissingFileError: there is no card.
        FileFormatError: the card lacks a fact.
    """
    path = (folder or shipped_folder()) / "card.json"
    if folder is not None:
        require_folder(folder)
        if not path.exists():
            raise MissingFileError(
                f"{folder} holds no card.json, so it is no built-in encoder; name the folder of a "
                f"finished run (abag pretrain --resume RUN --finish makes one of a stopped run)"
            )
    card = read_json(path)
    try:
        return EncoderFacts(
            id=str(card["id"]),
            width=int(card["width"]),
            max_residues=int(card["max_residues"]),
            roles=frozenset({Role.ANTIBODY, Role.ANTIGEN}),
            paired=True,
            licence=str(card["licence"]),
            revision=str(card["revision"]),
            extra="network",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path} is no card of an encoder ({error!r})") from None


class BuiltinEncoder:
    """The built-in encoder behind :class:`abag.encoders.protocol.Encoder`.

    Nothing but the card is read before the first :meth:`encode`. Rows do not depend on the rest
    of the batch (to 1e-5 in fp32).
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        device: str = "cpu",
        precision: Precision = "fp32",
        long_chain: LongChain = LongChain.WINDOWS,
    ) -> None:
        """Take the encoder of ``folder`` (``weights.safetensors``, ``card.json``).

        Args:
            folder: the folder of a finished ``abag pretrain`` run; None takes the shipped weights.
            device: where torch computes, such as ``cpu`` or ``cuda:0``.
            precision: arithmetic; ``bf16`` moves rows by about 1 %.
            long_chain: what to do with a molecule longer than ``facts.max_residues``.
        """
        if precision not in ("fp32", "bf16"):
            raise OptionError(f"precision is {precision!r}; give fp32 or bf16")
        self._folder = folder or shipped_folder()
        self._facts = read_facts(self._folder)
        self.base_names: tuple[str, ...] = (self._facts.id,)
        """Names of the base model that an adapter may have been made for."""
        self.adapter_digest: Callable[[], str] = str
        """Gives the digest of the LoRA adapter; the empty text without one."""
        self._device, self._precision, self._long_chain = device, precision, long_chain
        self._network: nn.Module | None = None

    @property
    def facts(self) -> EncoderFacts:
        """Known without loading weights."""
        return self._facts

    @property
    def identity(self) -> EncoderIdentity:
        """What enters the key of a stored embedding."""
        facts = self._facts
        return EncoderIdentity(
            facts.id, facts.revision, self.adapter_digest(), self._precision, PREPROCESSING
        )

    @property
    def device(self) -> torch.device:
        """Where torch computes."""
        import torch

        return torch.device(self._device)

    @property
    def network(self) -> nn.Module:
        """The network, loaded when it is first asked for; an adapter or a compiler changes it."""
        if self._network is None:
            import torch

            # Weights that are made in inference mode could never take part in training.
            with torch.inference_mode(False):
                self._network = load_model(self._folder, self._facts.revision).to(self._device)
        return self._network

    @network.setter
    def network(self, network: nn.Module) -> None:
        self._network = network

    def encode(self, molecules: Sequence[Molecule]) -> list[EncodedMolecule]:
        """One batch, padded inside; results in the order given, the same in any batch.

        A molecule longer than ``facts.max_residues`` is read chain by chain, and a chain that is
        longer in windows (:mod:`abag.encoders.adapters.windows`).

        Raises:
            SequenceError: a molecule is too long and ``long_chain`` is ``refuse``.
            UnavailableError: torch is not installed.
            FileFormatError: the weights are not those of the card.
        """
        parts = [self._parts(molecule) for molecule in molecules]
        if not parts:
            return []
        import torch

        training = self.network.training
        self.network.eval()
        try:
            with torch.inference_mode():
                kept = self._hidden(parts).float().cpu().numpy()
        finally:
            self.network.train(training)
        ends = np.cumsum([molecule.residues for molecule in molecules])
        return [
            EncodedMolecule(
                np.ascontiguousarray(kept[end - molecule.residues : end]), windowed=len(of_one) > 1
            )
            for molecule, of_one, end in zip(molecules, parts, ends, strict=True)
        ]

    def embed(
        self, molecules: Sequence[Molecule]
    ) -> tuple[Float[Tensor, "molecules residues width"], Bool[Tensor, "molecules residues"]]:
        """For training: rows, and a mask that is True for a residue.

        Padding rows are zero. Gradients flow to whatever of the network is not frozen, such as an
        adapter.
        """
        import torch

        flat = self._hidden([self._parts(molecule) for molecule in molecules]).float()
        lengths = [molecule.residues for molecule in molecules]
        rows = torch.nn.utils.rnn.pad_sequence(list(torch.split(flat, lengths)), batch_first=True)
        places = torch.arange(rows.shape[1], device=rows.device)
        return rows, places[None, :] < torch.tensor(lengths, device=rows.device)[:, None]

    def log_probabilities(
        self, molecules: Sequence[Molecule], hidden: Sequence[NDArray[np.intp]]
    ) -> list[NDArray[np.float64]]:
        """Log-probabilities of the twenty residues where some are hidden; see ``MaskedEncoder``.

        Raises:
            SequenceError: a molecule is longer than the encoder reads at once.
        """
        import torch

        from abag.encoders.adapters.builtin_model import MASK, molecule_tokens, padded

        limit = self._facts.max_residues
        for molecule in molecules:
            if molecule.residues > limit:
                raise SequenceError(
                    f"an {molecule.role.value} of {molecule.residues} residues is longer than the "
                    f"{limit} that {self._facts.id} reads at once; give the variable domains"
                )
        pieces = [molecule_tokens(molecule) for molecule in molecules]
        codes, positions = padded(pieces)
        at = [np.asarray(p.residues)[places] for p, places in zip(pieces, hidden, strict=True)]
        for row, columns in enumerate(at):
            codes[row, torch.from_numpy(columns)] = MASK
        with torch.inference_mode():
            states = self.network(codes.to(self.device), positions.to(self.device))
            model = cast("BuiltinModel", self.network)
            return [
                model.logits(states[row, columns]).double().log_softmax(-1).cpu().numpy()
                for row, columns in enumerate(at)
            ]

    def _parts(self, molecule: Molecule) -> list[_Window]:
        """What is read of a molecule; the kept rows, joined in order, are its residues."""
        model = _import_model()
        limit = self._facts.max_residues
        if molecule.residues <= limit:
            return [_Window(model.molecule_tokens(molecule), slice(None))]
        if self._long_chain is LongChain.REFUSE:
            raise SequenceError(
                f"an {molecule.role.value} of {molecule.residues} residues is longer than the "
                f"{limit} that {self._facts.id} was trained for; cut it to the domain that binds, "
                "or allow windows"
            )
        return [
            _Window(
                model.tokens_of([(kind, chain[window.start : window.stop])]),
                slice(window.first - window.start, window.last - window.start),
            )
            for kind, chain in zip(model.kinds_of(molecule.role), molecule.chains, strict=False)
            for window in windows(len(chain), limit)
        ]

    def _hidden(self, parts: Sequence[Sequence[_Window]]) -> Float[Tensor, "all_residues width"]:
        """Rows of all molecules, one after the other; chain-type tokens are left out."""
        import torch

        from abag.encoders.adapters.builtin_model import padded

        pieces = [part for of_one in parts for part in of_one]
        codes, positions = padded([piece.tokens for piece in pieces])
        kept = [np.asarray(piece.tokens.residues)[piece.kept] for piece in pieces]
        row = np.repeat(np.arange(len(pieces)), [len(columns) for columns in kept])
        device, bf16 = self.device, self._precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            states = self.network(codes.to(device), positions.to(device))
        column = torch.from_numpy(np.concatenate(kept)).to(device)
        rows: Tensor = states[torch.from_numpy(row).to(device), column]
        return rows


def load_model(folder: Path, revision: str) -> BuiltinModel:
    """The network of ``folder`` in fp32, ready to encode.

    Raises:
        FileFormatError: the weights file is damaged or is not the one of the card's revision.
    """
    _import_model()
    from safetensors import SafetensorError, safe_open

    from abag.encoders.adapters.builtin_model import BuiltinModel, shape_from

    path = folder / "weights.safetensors"
    require_file(path)
    if (found := sha256_of(path)[:16]) != revision:
        raise FileFormatError(
            f"{path} has revision {found}, but its card says {revision}; copy both files again"
        )
    try:
        with safe_open(path, framework="pt") as stored:
            model = BuiltinModel(shape_from(dict(stored.metadata())))
            weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise FileFormatError(f"{path} holds no built-in encoder ({error})") from None
    return model.eval().requires_grad_(False)


def _import_model() -> ModuleType:
    """The module of the network, or a sentence about what is not installed."""
    try:
        from abag.encoders.adapters import builtin_model
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnavailableError(
            f"the encoder {ID} needs torch: pip install 'abag[network]'"
        ) from None
    return builtin_model
