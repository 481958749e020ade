"""What a store's reader and writer agree on: the key of a molecule, and what a room is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final, Protocol

from abag.encoders.protocol import EncoderIdentity, Molecule
from abag.encoders.storage.quantise import Storage

FORMAT: Final = 1
ROOM_FILE: Final = "store.json"
LOCK_FILE: Final = "writer.lock"


def molecule_key(molecule: Molecule) -> str:
    """First 32 hexadecimal digits of the SHA-256 of role and chains, upper case."""
    text = f"{molecule.role.value}:{'/'.join(molecule.chains).upper()}"
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


class Room(Protocol):
    """The part of :class:`abag.encoders.storage.store.EmbeddingStore` that its writer needs."""

    identity: EncoderIdentity
    width: int
    storage: Storage

    @property
    def room(self) -> Path:
        """Folder of the shards."""

    @property
    def about(self) -> dict[str, Any]:
        """What ``store.json`` and every shard say of the room."""

    def has(self, key: str) -> bool:
        """Whether a record of this key can be read."""

    def refresh(self) -> None:
        """See what was written since."""
