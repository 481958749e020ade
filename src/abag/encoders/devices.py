"""Devices and number formats: which are there, one encoder for each device, a compiled network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from abag.encoders.protocol import Encoder, trainable_part
from abag.errors import EncoderError, OptionError, UnavailableError, counted

if TYPE_CHECKING:
    import torch

PRECISIONS: Final = {"fp32": "float32", "bf16": "bfloat16"}
"""Arithmetic by the name of its option, and torch's name of it; not fp16: T5 overflows in it."""


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
    trainable = trainable_part(encoder)
    if trainable is None:
        raise EncoderError(f"{encoder.identity.id} cannot be compiled; leave --compile away")
    trainable.network.compile(dynamic=True)


def chosen_device(device: str) -> torch.device:
    """``auto`` means the first CUDA device where there is one, else the processor.

    Raises:
        OptionError: for a name that is no device.
        UnavailableError: for a CUDA device that is not there.
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen: torch.device | None
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda", "mps"):
        raise OptionError(f"{device!r} is no device; give auto, cpu, cuda, cuda:0 and so on")
    if chosen.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count <= (chosen.index or 0):
            raise UnavailableError(
                f"there is no device {device}: PyTorch sees {counted(count, 'CUDA device')}; "
                f"give auto or cpu"
            )
    return chosen


def chosen_precision(precision: str, device: torch.device) -> str:
    """``auto`` means bf16 where the device has units for it (it is about twice as fast), else fp32.

    Raises:
        EncoderError: for anything but auto, fp32 and bf16.
    """
    if precision == "auto":
        return "bf16" if has_bf16_units(device) else "fp32"
    if precision not in PRECISIONS:
        raise EncoderError(
            f"there is no precision {precision!r}; choose auto, {' or '.join(PRECISIONS)}"
        )
    return precision


def has_bf16_units(device: torch.device) -> bool:
    """Whether a device has units that multiply bf16 numbers: newer GPUs, processors with AMX."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch do not say; they get fp32.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(capabilities.get("amx_bf16", False))
