"""The two encoders that a saved network belongs to: recorded, opened again, refused if changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from abag.encoders.adapters.lora import adapter_content, adapter_digest, apply_adapter
from abag.encoders.adapters.opening import open_encoder
from abag.encoders.guard import require_width
from abag.encoders.protocol import Encoder, EncoderIdentity, trainable_part
from abag.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

FOLDERS: Final = "ABAG_ENCODERS"
"""Environment variable: a folder with one folder of files for each encoder, named by its id."""


@dataclass(frozen=True)
class EncoderRecord:
    """An encoder of a saved model: identity, width and adapter."""

    side: str
    """``antibody`` or ``antigen``."""
    identity: EncoderIdentity
    width: int
    adapter_settings: dict[str, Any] = field(default_factory=dict)
    """Of the LoRA adapter; empty without one."""
    adapter_tensors: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, side: str, encoder: Encoder) -> Self:
        """Record an encoder, with its adapter if it carries one."""
        trainable = trainable_part(encoder)
        if trainable is None or not encoder.identity.adapter_digest:
            return cls(side, encoder.identity, encoder.facts.width)
        settings, tensors = adapter_content(trainable)
        return cls(side, encoder.identity, encoder.facts.width, settings, tensors)

    def as_json(self) -> dict[str, Any]:
        """Plain values, without the tensors."""
        return {
            "identity": asdict(self.identity),
            "width": self.width,
            "adapter_settings": self.adapter_settings,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Tensors of the adapter under names of their own."""
        return {
            f"{self._prefix}{name}": tensor.numpy() for name, tensor in self.adapter_tensors.items()
        }

    @classmethod
    def restored(
        cls, side: str, content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        """The inverse of :meth:`as_json` and :meth:`arrays`.

        Raises:
            ModelError: the adapter's digest is not that of the identity.
        """
        identity = EncoderIdentity(**content["identity"])
        prefix = f"adapter.{side}."
        tensors = {
            name.removeprefix(prefix): torch.from_numpy(np.array(array))
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
        settings = content["adapter_settings"]
        digest = adapter_digest(settings, tensors) if tensors else ""
        if digest != identity.adapter_digest:
            raise ModelError(
                f"the saved model says that its {side} encoder {identity.id} has the adapter "
                f"{identity.adapter_digest or 'none'}, and holds {digest or 'none'}; copy it again"
            )
        return cls(side, identity, int(content["width"]), settings, tensors)

    def opened(self, device: str) -> Encoder:
        """Open the encoder, with its adapter.

        Raises:
            EncoderError, UnavailableError, MissingFileError: it cannot be opened.
            ModelError: it is another one than the model was trained on.
        """
        identity = self.identity
        folder = _folder_of(identity.id)
        encoder = open_encoder(
            identity.id, folder=folder, device=device, precision=identity.precision
        )
        trainable = trainable_part(encoder)
        if self.adapter_tensors and trainable is not None:
            name = f"of the model's {self.side} encoder"
            apply_adapter(trainable, self.adapter_settings, self.adapter_tensors, name)
        self.require(encoder)
        return encoder

    def require(self, encoder: Encoder) -> None:
        """Raise unless this is the encoder that the model was trained on.

        Raises:
            EncoderError: its rows have another width.
            ModelError: it is another one, another revision, precision, input rule or adapter.
        """
        require_width(encoder.facts, self.width, f"the network's {self.side} side")
        if encoder.identity == self.identity:
            return
        wanted, got = asdict(self.identity), asdict(encoder.identity)
        differences = [
            f"{key.replace('_', ' ')} {wanted[key] or 'none'}, not {got[key] or 'none'}"
            for key in wanted
            if wanted[key] != got[key]
        ]
        raise ModelError(
            f"the network was trained on another {self.side} encoder than {encoder.identity.id} "
            f"here: {'; '.join(differences)}. Get the one it was trained on (its files may lie in "
            f"a folder named {self.identity.id} below that of {FOLDERS}), or train again"
        )

    @property
    def _prefix(self) -> str:
        return f"adapter.{self.side}."


def open_both(
    antibody: EncoderRecord, antigen: EncoderRecord, device: str
) -> tuple[Encoder, Encoder]:
    """Both encoders of a saved model; one object where they are the same."""
    first = antibody.opened(device)
    return first, first if antigen.identity == antibody.identity else antigen.opened(device)


def _folder_of(id_: str) -> Path | None:
    parent = os.environ.get(FOLDERS)
    folder = Path(parent) / id_ if parent else None
    return folder if folder is not None and folder.is_dir() else None
