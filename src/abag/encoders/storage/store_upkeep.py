"""Contents and damage of a store, and the merging of its small shards."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from abag import progress
from abag.encoders.storage.shards import Record, Shard
from abag.encoders.storage.store import Damage, EmbeddingStore
from abag.encoders.storage.store_writer import SHARD_BYTES, StoreWriter, writing
from abag.errors import FileFormatError


@dataclass(frozen=True, slots=True)
class Compacted:
    """Result of a compaction."""

    shards_before: int
    shards_after: int
    bytes_before: int
    bytes_after: int
    duplicates: int
    """Records that were there more than once; one of each stays."""
    dropped: tuple[Damage, ...]


def info(store: EmbeddingStore) -> dict[str, Any]:
    """Identity, number format and size of a room, for people and machines."""
    shards = store.shards
    return {
        "room": str(store.room),
        "encoder": asdict(store.identity),
        "width": store.width,
        "storage": store.storage.value,
        "records": len(store),
        "residues": sum(store.residues(key) for key in store.record_keys()),
        "windowed": sum(store.windowed(key) for key in store.record_keys()),
        "duplicates": sum(len(shard.entries) for shard in shards) - len(store),
        "shards": len(shards),
        "bytes": sum(shard.stored_bytes for shard in shards),
        "unreadable": [str(bad.shard) for bad in store.unreadable],
    }


def verify(store: EmbeddingStore) -> list[Damage]:
    """Read every byte of every shard and name what is damaged; an empty list is a whole store.

    The header of a shard is tested on opening, each record against its CRC-32, which no flipped
    byte passes (nor any burst of up to 32 bits).
    """
    store.refresh()
    damage = list(store.unreadable)
    changed = "its bytes are not those that were written (checksum)"
    for shard in progress.track(store.shards, f"verify {store.room.name}"):
        damage += [Damage(shard.path, k, changed) for k in shard.entries if not shard.is_whole(k)]
        shard.close()
    return damage


def compact(
    store: EmbeddingStore, *, drop_damaged: bool = False, shard_bytes: int = SHARD_BYTES
) -> Compacted:
    """Merge shards below half of ``shard_bytes`` and drop all but one of each record.

    New shards are written before old ones go, so that a reader, or a kill, at any moment finds
    every record. The whole store is verified first.

    Args:
        store: the room.
        drop_damaged: leave damaged records and unreadable shards out instead of refusing.
        shard_bytes: size of the merged shards.

    Raises:
        FileFormatError: for damage, unless it is to be dropped; every place is named.
        UnavailableError: where another process writes.
    """
    with writing(store):
        damage = verify(store)
        if damage and not drop_damaged:
            lines = "\n".join(f"  {damaged}" for damaged in damage)
            raise FileFormatError(
                f"{store.room} is damaged in {len(damage)} place(s):\n{lines}\n"
                f"drop them with `abag store compact {store.folder} --drop-damaged` and embed again"
            )
        before = store.shards
        bytes_before = sum(shard.stored_bytes for shard in before)
        old = _to_rewrite(before, damage, shard_bytes)
        kept_keys = {key for shard in before if shard not in old for key in shard.entries}
        bad = {(damaged.shard, damaged.record) for damaged in damage}
        counts = Counter(key for shard in before for key in shard.entries)
        # The store has these keys already, so its own check for duplicates would skip them all.
        writer = StoreWriter(store, shard_bytes=shard_bytes, flush_seconds=math.inf)
        for record in _unique(old, kept_keys, bad):
            writer.add_record(record)
        writer.flush()
        for path in [*(shard.path for shard in old), *(bad.shard for bad in store.unreadable)]:
            path.unlink()
        store.refresh()
    after = store.shards
    return Compacted(
        shards_before=len(before),
        shards_after=len(after),
        bytes_before=bytes_before,
        bytes_after=sum(shard.stored_bytes for shard in after),
        duplicates=sum(counts.values()) - len(counts),
        dropped=tuple(damage),
    )


def _to_rewrite(before: Sequence[Shard], damage: list[Damage], shard_bytes: int) -> list[Shard]:
    """Small shards where there are several, and those with a duplicate or a damaged record."""
    small = [shard for shard in before if shard.stored_bytes < shard_bytes / 2]
    chosen = {shard.path for shard in small} if len(small) > 1 else set()
    chosen |= {damaged.shard for damaged in damage}
    first_shard: dict[str, Path] = {}
    for shard in before:
        for key in shard.entries:
            if first_shard.setdefault(key, shard.path) != shard.path:
                chosen.add(shard.path)
    return [shard for shard in before if shard.path in chosen]


def _unique(
    old: Sequence[Shard], kept_keys: set[str], bad: set[tuple[Path, str | None]]
) -> Iterator[Record]:
    written = set(kept_keys)
    for shard in progress.track(old, "compact"):
        for key in shard.entries:
            if key not in written and (shard.path, key) not in bad:
                written.add(key)
                yield shard.record(key)
