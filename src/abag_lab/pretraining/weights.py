"""The weights file of the built-in encoder: half precision, its shape in the metadata."""

from __future__ import annotations

from pathlib import Path

import torch

from abag.encoders.adapters.builtin_model import BuiltinModel, shape_metadata
from abag.files import replacing, sha256_of


def save_weights(path: Path, model: BuiltinModel) -> str:
    """Write fp16 weights and load them back into ``model``; returns the revision.

    So what is measured afterwards is what is shipped. The revision is the first 16 digits of the
    SHA-256 of the file.
    """
    from safetensors.torch import save_file

    shipped = {name: tensor.cpu().half() for name, tensor in model.state_dict().items()}
    with replacing(path, apart=True) as temporary:
        save_file(
            {k: v.contiguous() for k, v in shipped.items()}, temporary, shape_metadata(model.shape)
        )
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(shipped[name].float())
    return sha256_of(path)[:16]
