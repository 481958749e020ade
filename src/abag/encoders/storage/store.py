"""Residue embeddings on disk, keyed by encoder identity and molecule. Computes nothing.

A store is a folder; each encoder identity and number format has a room of its own in it, so that
embeddings of two encoders, two revisions, or a tuned and an untuned one never meet::

    STORE/esm2-35m-bf16-0f3a.../store.json
                               /shard-000001-8d1c....safetensors

Shards are written whole or not at all and never changed, so any number of readers may read while
one writer appends. The index is rebuilt from the headers of the shards.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.encoders.protocol import Encoder, EncoderIdentity, Molecule
from abag.encoders.storage.quantise import Packed, Storage, unpack
from abag.encoders.storage.shards import PREFIX, SUFFIX, Shard
from abag.errors import EncoderError, FileFormatError, MissingFileError
from abag.files import read_json, require_folder_name

FORMAT: Final = 1
ROOM_FILE: Final = "store.json"
LOCK_FILE: Final = "writer.lock"
_MAX_OPEN: Final = 256
"""Shards that are mapped at one time; each costs a file handle."""


def molecule_key(molecule: Molecule) -> str:
    """First 32 hexadecimal digits of the SHA-256 of role and chains, upper case."""
    text = f"{molecule.role.value}:{'/'.join(molecule.chains).upper()}"
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Damage:
    """One place whose bytes are not those that were written."""

    shard: Path
    record: str | None
    """Key of the record, or None where the shard's header is damaged and nothing of it can be
    read."""
    reason: str

    def __str__(self) -> str:
        """Render as one line that names the shard and the record."""
        where = f"record {self.record} in {self.shard}" if self.record else str(self.shard)
        return f"{where}: {self.reason}"


class EmbeddingStore:
    """The room of one encoder identity in a store folder: reading, and the way to the writer."""

    def __init__(
        self,
        folder: Path,
        identity: EncoderIdentity,
        width: int,
        storage: Storage | str = Storage.BF16,
    ) -> None:
        """Open the room, or name one that the first writer will make.

        Args:
            folder: of the store; several encoders may share one.
            identity: of the encoder, with its adapters.
            width: dimension of its residue rows.
            storage: ``fp32``, ``bf16`` or ``int8``; what each loses says
                :mod:`abag.encoders.storage.quantise`.

        Raises:
            EncoderError: where the room holds rows of another width.
            FileFormatError: where ``store.json`` is damaged or of another version.
        """
        self.folder = folder
        self.identity = identity
        self.width = width
        self.storage = Storage(storage)
        self.unreadable: tuple[Damage, ...] = ()
        """Shard files that are set aside: the others are read without them."""
        self._shards: dict[tuple[str, int, int], Shard] = {}
        self._index: dict[str, Shard] = {}
        self._mapped: OrderedDict[Path, Shard] = OrderedDict()
        self._checked: set[str] = set()
        self._require_width()
        self.refresh()

    @classmethod
    def for_encoder(
        cls, folder: Path, encoder: Encoder, storage: Storage | str = Storage.BF16
    ) -> EmbeddingStore:
        """The room of an encoder."""
        return cls(folder, encoder.identity, encoder.facts.width, storage)

    def __reduce__(self) -> tuple[Any, ...]:
        """A worker process opens the store itself; memory maps are not sent."""
        return type(self), (self.folder, self.identity, self.width, self.storage)

    @property
    def about(self) -> dict[str, Any]:
        """Description of the room in ``store.json`` and in every shard."""
        return {
            "format": FORMAT,
            "encoder": asdict(self.identity),
            "width": self.width,
            "storage": self.storage.value,
        }

    @property
    def room(self) -> Path:
        """Folder of this identity and number format."""
        key = json.dumps([asdict(self.identity), self.storage.value], sort_keys=True)
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", self.identity.id).strip(".-")
        return self.folder / f"{name}-{self.storage.value}-{digest}"

    @property
    def shards(self) -> Sequence[Shard]:
        """Readable shards in the order of writing."""
        return sorted(self._shards.values(), key=lambda shard: shard.path.name)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, molecule: Molecule) -> bool:
        return molecule_key(molecule) in self._index

    def has(self, key: str) -> bool:
        """Whether a record of this key can be read."""
        return key in self._index

    def record_keys(self) -> Iterator[str]:
        """Keys of all records."""
        return iter(self._index)

    def refresh(self) -> None:
        """See what writers have added or compacted since; costs one listing where nothing."""
        for _ in range(5):
            try:
                self._scan()
                return
            except FileNotFoundError:
                continue  # A writer compacted between the listing and the opening.
        raise FileFormatError(f"{self.room} changes faster than it can be read; try again")

    def packed(self, key: str) -> Packed:
        """A record as it is stored: views of the memory map, not checked, not to be written to.

        bf16 comes as its 16 bits in uint16; ``torch.from_numpy(...).view(torch.bfloat16)`` reads
        it without a conversion.

        Raises:
            KeyError: where there is no such record.
        """
        try:
            return self._shard(key).packed(key)
        except FileNotFoundError:
            self.refresh()  # compacted by a writer since the last look
            return self._shard(key).packed(key)

    def rows(self, key: str) -> NDArray[np.float32]:
        """Rows [residues, width] of a record in fp32; its checksum is tested at the first read.

        Raises:
            KeyError: where there is no such record.
            FileFormatError: where its bytes are not those that were written.
        """
        packed = self.packed(key)
        if key not in self._checked:
            shard = self._index[key]
            if not shard.is_whole(key):
                raise FileFormatError(
                    f"record {key} in {shard.path} is damaged (checksum); drop what is damaged "
                    f"with `abag store compact {self.folder} --drop-damaged` and embed again"
                )
            self._checked.add(key)
        return unpack(packed)

    def residues(self, key: str) -> int:
        """Number of rows of a record."""
        return self._index[key].entries[key].residues

    def windowed(self, key: str) -> bool:
        """Whether overlapping windows were joined in a record."""
        return self._index[key].entries[key].windowed

    def _require_width(self) -> None:
        path = self.room / ROOM_FILE
        if not path.exists():
            return
        about = _read_about(path)
        if about["width"] != self.width:
            raise EncoderError(
                f"{self.room} holds rows of width {about['width']} of {self.identity.id}, this "
                f"encoder gives {self.width}; it is another encoder under the same name and "
                f"revision. Give its embeddings a folder of their own"
            )

    def _scan(self) -> None:
        shards: dict[tuple[str, int, int], Shard] = {}
        unreadable: list[Damage] = []
        for path in sorted(self.room.glob(f"{PREFIX}*{SUFFIX}")):
            state = path.stat()
            name = (path.name, state.st_ino, state.st_mtime_ns)
            try:
                shards[name] = self._shards.get(name) or self._opened(path)
            except FileFormatError as error:
                unreadable.append(Damage(path, None, str(error)))
        self.unreadable = tuple(unreadable)
        new = [shard for name, shard in shards.items() if name not in self._shards]
        if self._shards.keys() - shards.keys():
            self._index = {}
            self._mapped.clear()
            for shard in shards.values():
                shard.close()
            new = list(shards.values())
        self._shards = shards
        for shard in sorted(new, key=lambda shard: shard.path.name):
            for key in shard.entries:
                self._index.setdefault(key, shard)

    def _opened(self, path: Path) -> Shard:
        shard = Shard.open(path)
        about = {name: shard.about.get(name) for name in self.about}
        if about != self.about:
            raise FileFormatError(f"{path} belongs to another encoder; it was put here by hand")
        return shard

    def _shard(self, key: str) -> Shard:
        """The shard of a record, counted as used last; the one unused longest is closed."""
        shard = self._index[key]
        self._mapped[shard.path] = shard
        self._mapped.move_to_end(shard.path)
        if len(self._mapped) > _MAX_OPEN:
            self._mapped.popitem(last=False)[1].close()
        return shard


def rooms(folder: Path) -> list[EmbeddingStore]:
    """Every room of a store folder (or the room itself), in the order of their names.

    Raises:
        MissingFileError: where there is none.
        FileFormatError: for a damaged ``store.json``.
    """
    files = sorted([*folder.glob(ROOM_FILE), *folder.glob(f"*/{ROOM_FILE}")])
    if not files:
        raise MissingFileError(f"{folder} is no embedding store; make one with `abag embed`")
    for room in {path.parent for path in folder.glob(f"*/{PREFIX}*{SUFFIX}")}:
        if not (room / ROOM_FILE).exists():
            raise FileFormatError(
                f"{room} holds shards and no {ROOM_FILE}; the next `abag embed` with its encoder "
                f"writes it again"
            )
    return [_room_of(path) for path in files]


def require_store_folder(folder: Path) -> None:
    """Refuse a folder that no store can be made in: one that holds other things, or a room.

    Raises:
        FileFormatError: that names the folder; nothing was written to it.
    """
    require_folder_name(folder)
    if not folder.is_dir():
        return
    if (folder / ROOM_FILE).exists():
        raise FileFormatError(
            f"{folder} is the room of one encoder in a store; name the folder above it"
        )
    places = [path for path in folder.iterdir() if not path.name.startswith(".")]
    # A writer that is killed at its start leaves an empty room.
    places = [path for path in places if not path.is_dir() or any(path.iterdir())]
    if places and not any((p / name).exists() for p in places for name in (ROOM_FILE, LOCK_FILE)):
        raise FileFormatError(
            f"{folder} holds other files and no embedding store; name a new or empty folder"
        )


def _room_of(path: Path) -> EmbeddingStore:
    about = _read_about(path)
    folder = path.absolute().parents[1] if len(path.parents) < 2 else path.parents[1]
    try:
        identity = EncoderIdentity(**about["encoder"])
        store = EmbeddingStore(folder, identity, int(about["width"]), about["storage"])
    except (TypeError, ValueError, KeyError) as error:
        if isinstance(error, EncoderError | FileFormatError):
            raise
        raise FileFormatError(f"{path} does not say what the store is ({error})") from None
    # The name of the room is a digest of what it says: this is its checksum.
    if store.room.name != path.absolute().parent.name:
        raise FileFormatError(
            f"{path} describes the room {store.room.name}: it was changed, or its folder renamed. "
            f"Give the folder its name again, or delete {ROOM_FILE} and embed again"
        )
    return store


def _read_about(path: Path) -> dict[str, Any]:
    remedy = "delete it, and the next `abag embed` writes it again"
    try:
        about = read_json(path)
    except FileFormatError as error:
        raise FileFormatError(f"{error}; {remedy}") from None
    if not isinstance(about, dict) or "width" not in about:
        raise FileFormatError(f"{path} does not say what the store is; {remedy}")
    if about.get("format") != FORMAT:
        raise FileFormatError(
            f"{path} is of format {about.get('format')}, this version reads {FORMAT}"
        )
    return about
