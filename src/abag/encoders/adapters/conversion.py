"""From a PyTorch weights file to safetensors, once and on purpose.

AbLang2, and some repositories on a hub, publish pickled weights only. They are read here by
torch's restricted reader (``weights_only=True``: tensors and plain containers, no code) and
written as safetensors; the encoders themselves read nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from abag.errors import EncoderError, FileFormatError
from abag.files import replacing, require_file

WEIGHTS: Final = "model.safetensors"
_BESIDE: Final = ("*.json", "*.txt", "*.model")


def convert_weights(source: Path, folder: Path) -> Path:
    """Write the tensors of a ``.pt``, ``.pth`` or ``.bin`` file to ``folder/model.safetensors``.

    Configuration and tokenizer files that lie beside the source are copied along.

    Returns:
        The file that was written.

    Raises:
        MissingFileError: where there is no source.
        FileFormatError: for a file that is not a plain collection of tensors.
        EncoderError: where the folder holds such a file already.
    """
    import torch
    from safetensors.torch import save_file

    require_file(source)
    target = folder / WEIGHTS
    if target.exists():
        raise EncoderError(f"{target} is there already; name another folder")
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:
        # The restricted reader has no error class of its own: a refused object, a damaged
        # archive and a foreign file each raise another one.
        raise FileFormatError(
            f"{source} is not a plain file of tensors: {str(error).splitlines()[0]}"
        ) from None
    tensors = _tensors(content, source)
    folder.mkdir(parents=True, exist_ok=True)
    if source.parent.resolve() != folder.resolve():
        for pattern in _BESIDE:
            for path in source.parent.glob(pattern):
                shutil.copyfile(path, folder / path.name)
    with replacing(target, apart=True) as temporary:
        # Cloned: safetensors refuses tensors that share memory, as tied weights do.
        save_file(
            {name: tensor.contiguous().clone() for name, tensor in tensors.items()},
            temporary,
            metadata={"format": "pt"},
        )
    return target


def _tensors(content: Any, source: Path) -> dict[str, Any]:
    import torch

    if isinstance(content, Mapping) and content:
        tensors = {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}
        if len(tensors) == len(content):
            return tensors
    raise FileFormatError(
        f"{source} holds something other than named tensors; give the file of a state dict"
    )
