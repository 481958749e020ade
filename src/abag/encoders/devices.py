"""One encoder for each device, and compiling its network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from abag.encoders.protocol import Encoder
from abag.errors import EncoderError, OptionError


def on_devices(open_: Callable[[str], Encoder], devices: Sequence[str]) -> list[Encoder]:
    """Open an encoder on each device; ``all-cuda`` stands for every CUDA device there is.

    Args:
        open_: opens the encoder on the device it is given.
        devices: such as ``auto``, ``cpu`` or ``cuda:0``; no device twice.

    Raises:
        OptionError: for no device, or one twice.
    """
    names = [name for device in devices for name in _expanded(device)]
    if not names:
        raise OptionError("PyTorch sees no CUDA device here; give auto or cpu")
    if len(set(names)) < len(names):
        raise OptionError(f"devices are {', '.join(names)}; name each one once")
    return [open_(name) for name in names]


def _expanded(device: str) -> list[str]:
    if device != "all-cuda":
        return [device]
    import torch

    return [f"cuda:{i}" for i in range(torch.cuda.device_count())]


def compile_network(encoder: Encoder) -> None:
    """Compile an encoder's network in place for any batch shape (``torch.compile``).

    It pays from some ten thousand residues on: the first batch takes a minute or so. Results
    differ from the uncompiled ones in the order of rounding (about 1e-6 in fp32), so the identity
    stays the same.

    Raises:
        EncoderError: for an encoder without a network to compile.
    """
    import torch

    network = getattr(encoder, "network", None)
    if not isinstance(network, torch.nn.Module):
        raise EncoderError(f"{encoder.identity.id} cannot be compiled; leave --compile away")
    network.compile(dynamic=True)
