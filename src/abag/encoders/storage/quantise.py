"""How residue rows are kept: fp32, bf16 or int8 with a scale for each row. Needs no torch.

What is lost, for a row whose largest magnitude is m (and normal fp32 numbers):

- ``fp32``: nothing.
- ``bf16``: 8 significant bits, rounded to the nearest even; relative error at most 2**-8 (0.4 %)
  of each number.
- ``int8``: steps of m / 127, rounded to the nearest; absolute error at most m / 254 (0.4 % of m)
  for every number of the row, so small numbers of a row with one large one lose most.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray


class Storage(StrEnum):
    """Number format of stored rows."""

    FP32 = "fp32"
    BF16 = "bf16"
    INT8 = "int8"


DTYPES: Final[dict[Storage, np.dtype[Any]]] = {
    Storage.FP32: np.dtype("<f4"),
    Storage.BF16: np.dtype("<u2"),
    Storage.INT8: np.dtype("i1"),
}
"""Type of the stored numbers; numpy has no bf16, so its 16 bits are seen as a whole number."""

SAFETENSORS_NAMES: Final[dict[Storage, str]] = {
    Storage.FP32: "F32",
    Storage.BF16: "BF16",
    Storage.INT8: "I8",
}

SCALE_DTYPE: Final = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows as they are stored."""

    data: NDArray[Any]
    """[residues, width] in the type of :data:`DTYPES`."""
    scale: NDArray[np.float32] | None = None
    """[residues], for int8 alone: a stored number times its row's scale is the value."""


def pack(rows: NDArray[np.float32], storage: Storage) -> Packed:
    """Turn rows [residues, width] into what is stored; the result shares no memory with them."""
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    match storage:
        case Storage.FP32:
            return Packed(rows.astype(DTYPES[storage], copy=True))
        case Storage.BF16:
            return Packed(to_bf16(rows))
        case Storage.INT8:
            return _to_int8(rows)


def unpack(packed: Packed) -> NDArray[np.float32]:
    """Rows [residues, width] in fp32, in memory of their own."""
    if packed.scale is not None:
        return np.asarray(packed.data * packed.scale[:, None], dtype=np.float32)
    if packed.data.dtype.itemsize == 2:
        return from_bf16(packed.data)
    return packed.data.astype(np.float32, copy=True)


def to_bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper 16 bits of each number, rounded to the nearest even; NaN stays NaN."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    # Half a unit of the last kept bit, less one where that bit is 0: ties go to even.
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    upper = (rounded >> np.uint32(16)).astype(DTYPES[Storage.BF16])
    unknown = np.isnan(values)
    if unknown.any():
        upper[unknown] = 0x7FC0
    return upper


def from_bf16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The fp32 numbers whose upper 16 bits are given; exact."""
    wide = bits.astype(np.uint32)
    np.left_shift(wide, np.uint32(16), out=wide)
    return wide.view(np.float32)


def _to_int8(rows: NDArray[np.float32]) -> Packed:
    scale = (np.abs(rows).max(axis=1, initial=0.0) / np.float32(127)).astype(SCALE_DTYPE)
    # A row of zeros, or of numbers so small that the step is 0, is stored as zeros.
    divisor = np.where(scale > 0, scale, np.float32(1))
    steps = np.rint(rows / divisor[:, None])
    return Packed(np.clip(steps, -127, 127).astype(np.int8), scale)
