"""The package's own small encoder: shipped inside it, no download, no hub.

``abag pretrain`` makes its weights; ``resources/encoder/card.md`` says what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from torch import Tensor, nn

from abag.encoders.adapters.adapter import NetworkEncoder
from abag.encoders.adapters.builtin_model import (
    MASK,
    PAD,
    BuiltinModel,
    kinds_of,
    shape_from,
    tokens_of,
)
from abag.encoders.adapters.catalogue import read_facts, shipped_folder
from abag.encoders.adapters.windows import Segment
from abag.encoders.devices import PRECISIONS
from abag.encoders.input_rules import CHAIN, InputRule
from abag.encoders.protocol import LongChain, Molecule, Role
from abag.errors import FileFormatError, OptionError, SequenceError
from abag.files import require_file, sha256_of

_RULE: Final = InputRule(
    "builtin", spaced=False, single=("<heavy>", CHAIN), pair=("<heavy>", CHAIN, "<light>", CHAIN)
)
"""How a molecule is cut; the tokens themselves come from :mod:`builtin_model`."""


class BuiltinEncoder(NetworkEncoder):
    """The built-in encoder behind :class:`abag.encoders.protocol.Encoder`.

    Nothing but the card is read before the first :meth:`encode`. Rows do not depend on the rest
    of the batch (to 1e-5 in fp32).
    """

    pad_id = PAD
    mask_id = MASK

    def __init__(
        self,
        folder: Path | None = None,
        *,
        device: str = "cpu",
        precision: str = "fp32",
        long_chain: LongChain = LongChain.WINDOWS,
    ) -> None:
        """Take the encoder of ``folder`` (``weights.safetensors``, ``card.json``).

        Args:
            folder: the folder of a finished ``abag pretrain`` run; None takes the shipped weights.
            device: where torch computes, such as ``cpu`` or ``cuda:0``.
            precision: arithmetic, ``fp32`` or ``bf16``, which moves rows by about 1 %.
            long_chain: what to do with a molecule longer than ``facts.max_residues``.
        """
        if precision not in PRECISIONS:
            raise OptionError(f"precision is {precision!r}; give {' or '.join(PRECISIONS)}")
        self._folder, self._device = folder or shipped_folder(), torch.device(device)
        facts = read_facts(self._folder)
        super().__init__(facts, _RULE, precision=precision, long=long_chain)
        self._network: nn.Module | None = None

    @property
    def device(self) -> torch.device:
        """Where torch computes."""
        return self._device

    @property
    def network(self) -> nn.Module:
        """The network, loaded at its first use; an adapter or a compiler changes it."""
        if self._network is None:
            # Weights that are made in inference mode could never take part in training.
            with torch.inference_mode(False):
                self._network = load_model(self._folder, self.facts.revision).to(self._device)
        return self._network

    @network.setter
    def network(self, network: nn.Module) -> None:
        self._network = network

    def read(
        self, parts: Sequence[tuple[Role, Segment]]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Each chain behind the token of its type."""
        token_rows = []
        for role, part in parts:
            kinds = kinds_of(role)[part.light :]
            tokens = tokens_of(list(zip(kinds, part.chains, strict=False)))
            token_rows.append((np.array(tokens.codes), np.array(tokens.residues)))
        return token_rows

    def states(
        self, ids: Int64[Tensor, "rows tokens"], mask: Bool[Tensor, "rows tokens"]
    ) -> Float[Tensor, "rows tokens width"]:
        """Hidden states of the last layer."""
        del mask  # the network finds padding by its code
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return cast(Tensor, self.network(ids))

    def log_probabilities(
        self, molecules: Sequence[Molecule], hidden: Sequence[NDArray[np.intp]]
    ) -> list[NDArray[np.float64]]:
        """Log-probabilities of the twenty residues where some are hidden; see ``MaskedEncoder``.

        Raises:
            SequenceError: a molecule is longer than the encoder reads at once.
        """
        limit = self.facts.max_residues
        for molecule in molecules:
            if molecule.residues > limit:
                raise SequenceError(
                    f"an {molecule.role.value} of {molecule.residues} residues is longer than the "
                    f"{limit} that {self.facts.id} reads at once; give the variable domains"
                )
        return super().log_probabilities(molecules, hidden)

    def hidden_logits(
        self,
        states: Float[Tensor, "hidden width"],
        starts: Int64[Tensor, " hidden"],
        counts: Sequence[int],
    ) -> Float[Tensor, "hidden 20"]:
        """Logits, molecule by molecule: their last digits must not depend on the batch."""
        del starts
        model = cast(BuiltinModel, self.network)
        return torch.cat(
            [model.logits(molecule_states) for molecule_states in torch.split(states, list(counts))]
        )


def load_model(folder: Path, revision: str) -> BuiltinModel:
    """The network of ``folder`` in fp32, ready to encode.

    Raises:
        FileFormatError: the weights file is damaged or is not the one of the card's revision.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / "weights.safetensors"
    require_file(path)
    if (file_revision := sha256_of(path)[:16]) != revision:
        raise FileFormatError(
            f"{path} has revision {file_revision}, but its card says {revision}; copy both files "
            f"again"
        )
    try:
        with safe_open(path, framework="pt") as stored:
            model = BuiltinModel(shape_from(dict(stored.metadata())))
            weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise FileFormatError(f"{path} holds no built-in encoder ({error})") from None
    return model.eval().requires_grad_(False)
