"""From a PyTorch weights file to safetensors, once and on purpose.

AbLang2, and some repositories on a hub, publish pickled weights only. They are read here by
torch's restricted reader (``weights_only=True``: tensors and plain containers, no code) and
written as safetensors; the encoders themselves read nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from abag.errors import EncoderError, FileFormatError
from abag.files import replacing, require_file

if TYPE_CHECKING:
    from torch import Tensor

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
    from safetensors.torch import save_file

    require_file(source)
    target = folder / WEIGHTS
    if target.exists():
        raise EncoderError(f"{target} is there already; name another folder")
    tensors = named_tensors(read_restricted(source, str(source)), str(source))
    folder.mkdir(parents=True, exist_ok=True)
    if source.parent.resolve() != folder.resolve():
        for pattern in _BESIDE:
            for path in source.parent.glob(pattern):
                shutil.copyfile(path, folder / path.name)
    with replacing(target, apart=True) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    return target


def read_restricted(source: Path | IO[bytes], name: str, allowed: Sequence[type] = ()) -> Any:
    """The content of a pickled file by torch's restricted reader.

    Args:
        source: the file.
        name: of it, for messages.
        allowed: classes, holders of plain values, that may stand in it beside tensors.

    Raises:
        FileFormatError: it holds anything else.
    """
    import torch

    try:
        with torch.serialization.safe_globals(list(allowed)):
            return torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:
        # The restricted reader has no error class of its own: a refused object, a damaged
        # archive and a foreign file each raise another one.
        raise FileFormatError(
            f"{name} is not a plain file of tensors: {str(error).splitlines()[0]}"
        ) from None


def named_tensors(content: Any, name: str) -> dict[str, Tensor]:
    """Tensors by name, each in memory of its own, from what :func:`read_restricted` gave.

    Raises:
        FileFormatError: it holds something else, or nothing.
    """
    import torch

    plain = isinstance(content, Mapping) and all(map(torch.is_tensor, content.values()))
    if not (plain and content):
        raise FileFormatError(
            f"{name} holds something other than named tensors; give the file of a state dict"
        )
    # Cloned: safetensors refuses tensors that share memory, as tied weights do.
    return {str(key): tensor.contiguous().clone() for key, tensor in content.items()}
