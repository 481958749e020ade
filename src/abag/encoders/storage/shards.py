"""One file of an embedding store: a safetensors file that carries a checksum for each record.

Any safetensors reader opens it: a tensor for each molecule under its key, ``KEY.scale`` beside it
for int8. The metadata entry ``abag`` says in JSON what the store is and, for each key, the CRC-32
and whether windows were joined. The name of the file ends in the CRC-32 of its header, so that no
byte of the file is unchecked. Reading goes through one memory map a file, sliced by the offsets
of the header (``safe_open`` asks the library for every tensor and copies it).
"""

from __future__ import annotations

import json
import math
import mmap
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from abag.encoders.storage.quantise import DTYPES, SAFETENSORS_NAMES, SCALE_DTYPE, Packed, Storage
from abag.errors import FileFormatError
from abag.files import replacing

PREFIX: Final = "shard-"
SUFFIX: Final = ".safetensors"
SCALE: Final = ".scale"
_LENGTH_BYTES: Final = 8
_MAX_HEADER: Final = 100_000_000
"""Longest header that the safetensors library reads, bytes."""


@dataclass(frozen=True, slots=True)
class Record:
    """One molecule's rows on their way into a shard."""

    key: str
    packed: Packed
    windowed: bool


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """Where a record lies in its shard."""

    offset: int
    """First byte of the rows in the file."""
    residues: int
    checksum: int
    windowed: bool
    scale_offset: int | None
    """First byte of the scales, for int8."""


def checksum(key: str, packed: Packed, windowed: bool) -> int:
    """CRC-32 of a record: key, flag, shape and every stored byte."""
    residues, width = packed.data.shape
    crc = zlib.crc32(f"{key} {int(windowed)} {residues} {width}".encode())
    if packed.scale is not None:
        crc = zlib.crc32(np.ascontiguousarray(packed.scale).data, crc)
    return zlib.crc32(np.ascontiguousarray(packed.data).data, crc)


def write_shard(
    folder: Path, number: int, records: Sequence[Record], about: Mapping[str, Any]
) -> Path:
    """Write records, in their order, under a temporary name; flush; rename.

    Args:
        folder: where the shard goes.
        number: of the shard; a folder has no two of one number.
        records: one or more, of one storage format and width, no key twice.
        about: the store's ``storage`` and ``width`` and whatever else says what it is.

    Returns:
        The finished file, ``shard-NUMBER-CRC.safetensors``.
    """
    storage = Storage(about["storage"])
    tensors: list[tuple[str, str, Any]] = [
        # Four-byte numbers first, so that they stay aligned.
        (r.key + SCALE, "F32", r.packed.scale)
        for r in records
        if r.packed.scale is not None
    ]
    tensors += [(r.key, SAFETENSORS_NAMES[storage], r.packed.data) for r in records]
    sums = {r.key: [checksum(r.key, r.packed, r.windowed), int(r.windowed)] for r in records}
    description = json.dumps({**about, "records": sums}, sort_keys=True, separators=(",", ":"))
    header: dict[str, Any] = {"__metadata__": {"abag": description}}
    offset = 0
    for name, dtype, array in tensors:
        end = offset + array.nbytes
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    path = folder / f"{PREFIX}{number:06d}-{zlib.crc32(text):08x}{SUFFIX}"
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(len(text).to_bytes(_LENGTH_BYTES, "little"))
        stream.write(text)
        for _, _, array in tensors:
            stream.write(np.ascontiguousarray(array).data)
    return path


class Shard:
    """A shard file: its entries, and its records as views of a memory map."""

    def __init__(
        self, path: Path, entries: dict[str, ShardEntry], about: dict[str, Any], stored_bytes: int
    ) -> None:
        self.path = path
        self.entries = entries
        self.about = about
        self.stored_bytes = stored_bytes
        self._dtype = DTYPES[Storage(about["storage"])]
        self._width = int(about["width"])
        self._map: mmap.mmap | None = None

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Read the header of a shard; nothing else of the file is touched.

        Raises:
            FileFormatError: for a file that is cut short or is no shard; it names the file.
        """
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            if not 2 <= length <= min(_MAX_HEADER, size - _LENGTH_BYTES):
                raise FileFormatError(f"{path}: the length of its header is damaged")
            text = stream.read(length)
        if path.stem[-8:] != f"{zlib.crc32(text):08x}":
            raise FileFormatError(f"{path}: its header is damaged (checksum)")
        start = _LENGTH_BYTES + length
        try:
            header = json.loads(text)
            about = json.loads(header.pop("__metadata__")["abag"])
            entries = _entries(header, about, start)
            end = start + max((int(t["data_offsets"][1]) for t in header.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileFormatError(f"{path}: its header is damaged ({error})") from None
        if end != size:
            raise FileFormatError(f"{path} has {size} bytes, its header says {end}")
        return cls(path, entries, about, size)

    def packed(self, key: str) -> Packed:
        """A record as it is stored, without a copy: views that cannot be written to."""
        entry = self.entries[key]
        memory = self._mapped()
        shape = (entry.residues, self._width)
        data = np.frombuffer(memory, self._dtype, math.prod(shape), entry.offset).reshape(shape)
        if entry.scale_offset is None:
            return Packed(data)
        return Packed(data, np.frombuffer(memory, SCALE_DTYPE, entry.residues, entry.scale_offset))

    def record(self, key: str) -> Record:
        """A record, as it could be written into another shard."""
        return Record(key, self.packed(key), self.entries[key].windowed)

    def is_whole(self, key: str) -> bool:
        """Whether a record has the bytes that were written."""
        entry = self.entries[key]
        return checksum(key, self.packed(key), entry.windowed) == entry.checksum

    def close(self) -> None:
        """Give the memory map up; views that were handed out keep it alive for themselves."""
        self._map = None

    @property
    def number(self) -> int:
        """Its number in the order of writing."""
        return int(self.path.name.removeprefix(PREFIX)[:6])

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            with self.path.open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map


def _entries(header: dict[str, Any], about: dict[str, Any], start: int) -> dict[str, ShardEntry]:
    """Check every tensor of a header against the store's width and format."""
    storage, width = Storage(about["storage"]), int(about["width"])
    entries: dict[str, ShardEntry] = {}
    for key, (crc, windowed) in about["records"].items():
        residues = header[key]["shape"][0]
        offset = _checked(key, header[key], SAFETENSORS_NAMES[storage], (residues, width), storage)
        scale = None
        if storage is Storage.INT8:
            scale = start + _checked(key, header[key + SCALE], "F32", (residues,), Storage.FP32)
        entries[key] = ShardEntry(start + offset, residues, int(crc), bool(windowed), scale)
    expected = len(entries) * (2 if storage is Storage.INT8 else 1)
    if len(header) != expected:
        raise ValueError(f"{len(header)} tensors, {expected} in its list of records")
    return entries


def _checked(
    key: str, tensor: dict[str, Any], name: str, shape: tuple[int, ...], storage: Storage
) -> int:
    """Offset of a tensor whose type, shape and extent belong together."""
    begin, end = tensor["data_offsets"]
    if (
        tensor["dtype"] != name
        or tuple(tensor["shape"]) != shape
        or begin < 0
        or end - begin != math.prod(shape) * DTYPES[storage].itemsize
    ):
        raise ValueError(f"record {key} has another shape or type than the store")
    return int(begin)
