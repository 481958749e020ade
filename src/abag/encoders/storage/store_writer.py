"""Appending to an embedding store: one writer at a time, whole shards or nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from abag.encoders.protocol import EncodedMolecule, Molecule
from abag.encoders.storage.quantise import pack
from abag.encoders.storage.shards import PREFIX, SUFFIX, Record, write_shard
from abag.encoders.storage.store import LOCK_FILE, ROOM_FILE, EmbeddingStore, molecule_key
from abag.files import hold, is_at, make_folder, write_json

SHARD_BYTES: Final = 64 * 2**20
"""A shard is written when this much waits."""
SHARD_RECORDS: Final = 100_000
"""Bounds the header, whatever the length of the records."""
FLUSH_SECONDS: Final = 60.0
"""A shard is written at least this often, so that a stopped run costs a minute at most."""


@contextmanager
def writer_of(
    store: EmbeddingStore, *, shard_bytes: int = SHARD_BYTES, flush_seconds: float = FLUSH_SECONDS
) -> Iterator[StoreWriter]:
    """The one writer of a room; what was added is kept also when the block is left early.

    Args:
        store: the room.
        shard_bytes: a shard is written when this much waits.
        flush_seconds: and at least this often.

    Raises:
        UnavailableError: where another process writes; it names the process.
    """
    with writing(store):
        writer = StoreWriter(store, shard_bytes=shard_bytes, flush_seconds=flush_seconds)
        try:
            yield writer
        finally:
            writer.flush()


@contextmanager
def writing(store: EmbeddingStore) -> Iterator[None]:
    """Hold the room's lock; make the room where it is new; sweep what a killed writer left.

    A room made for this and left without a shard is taken away again.

    Raises:
        FileFormatError: where no folder can be made, as below a file.
        UnavailableError: where another process writes, or the file system has no locks.
    """
    room = store.room
    above = [folder for folder in (room, room.parent) if not folder.exists()]
    with _locked(room):
        for left in [*room.glob(f".{PREFIX}*"), *room.glob(f".{ROOM_FILE}*")]:
            left.unlink(missing_ok=True)
        new = not (room / ROOM_FILE).exists()
        if new:
            write_json(room / ROOM_FILE, store.about)
        store.refresh()
        try:
            yield
        finally:
            if new and not any(room.glob(f"{PREFIX}*{SUFFIX}")):
                _remove_empty(room, above)


@contextmanager
def _locked(room: Path) -> Iterator[None]:
    """Hold the lock of a room that is there."""
    with ExitStack() as locks:
        while True:
            make_folder(room)
            path = room / LOCK_FILE
            try:
                lock = locks.enter_context(hold(path, room, "written", needed=True))
            except FileNotFoundError:
                continue  # another writer has just removed the room, in which it wrote nothing
            # Another writer may have removed the room between opening and locking: then this lock
            # is on a file without a name, which nobody else will ever open.
            if is_at(lock.fileno(), path):
                break
            locks.close()
        yield


def _remove_empty(room: Path, above: Sequence[Path]) -> None:
    """Take a room away in which nothing was written, with the folders made for it."""
    (room / ROOM_FILE).unlink(missing_ok=True)
    (room / LOCK_FILE).unlink(missing_ok=True)
    for folder in above:
        with suppress(OSError):  # something else was put there meanwhile
            folder.rmdir()


class StoreWriter:
    """Collects records and writes them as shards; made by :func:`writer_of`."""

    def __init__(self, store: EmbeddingStore, *, shard_bytes: int, flush_seconds: float) -> None:
        self.store = store
        self.shard_bytes = shard_bytes
        self.flush_seconds = flush_seconds
        self._waiting: dict[str, Record] = {}
        self._bytes = 0
        self._flushed = time.monotonic()

    def add(self, molecule: Molecule, encoded: EncodedMolecule) -> bool:
        """Take the embedding of a molecule; False where the store has it already.

        Raises:
            EncoderError: for rows of another shape than [residues, width], or not finite.
        """
        encoded.require(molecule, self.store.width, self.store.identity.id)
        key = molecule_key(molecule)
        # The first rows of a molecule stay: a second writer may have computed them in another
        # arithmetic order, and readers must not see a stored embedding change.
        if self.store.has(key) or key in self._waiting:
            return False
        self.add_record(Record(key, pack(encoded.rows, self.store.storage), encoded.windowed))
        return True

    def add_record(self, record: Record) -> None:
        """Take a record that is packed already."""
        scale = record.packed.scale
        self._waiting[record.key] = record
        self._bytes += record.packed.data.nbytes + (0 if scale is None else scale.nbytes)
        if (
            self._bytes >= self.shard_bytes
            or len(self._waiting) >= SHARD_RECORDS
            or time.monotonic() - self._flushed >= self.flush_seconds
        ):
            self.flush()

    def flush(self) -> None:
        """Write what waits as one shard, so that readers see it and a kill cannot take it."""
        if self._waiting:
            write_shard(
                self.store.room, next_number(self.store), [*self._waiting.values()],
                self.store.about,
            )  # fmt: skip
            self._waiting, self._bytes = {}, 0
            self.store.refresh()
        self._flushed = time.monotonic()


def next_number(store: EmbeddingStore) -> int:
    """One more than any shard in the room has, readable or not."""
    # A damaged shard keeps its number too: a new one in its place would look like its repair.
    names = [path.name for path in store.room.glob(f"{PREFIX}*{SUFFIX}")]
    numbers = [int(name.removeprefix(PREFIX)[:6]) for name in names if name[6:12].isdigit()]
    return max(numbers, default=0) + 1
