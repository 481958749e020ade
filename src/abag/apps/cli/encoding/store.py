"""``abag store``: what is in an embedding store, whether it is whole, and merging its shards."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from abag.apps.cli import emit
from abag.errors import counted

app = App(
    name="store",
    help="Look into an embedding store, verify it, merge its shards.",
    help_format="plaintext",
)


@app.command
def info(folder: Path, *, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Encoders, number formats and sizes of a store.

    Args:
        folder: of the store.
        json: print one JSON object.
    """
    from abag.encoders.storage.store import rooms
    from abag.encoders.storage.store_upkeep import info as look

    infos = [look(room) for room in rooms(folder)]
    lines = [
        f"{room['encoder']['id']} ({room['encoder']['precision']}"
        + (f", LoRA {room['encoder']['adapter_digest']}" * bool(room["encoder"]["adapter_digest"]))
        + f"), stored as {room['storage']}: {room['records']} records of width {room['width']}, "
        f"{room['residues']} residues, {room['bytes'] / 2**20:.1f} MiB in "
        f"{counted(room['shards'], 'shard')}"
        + (f", {len(room['unreadable'])} unreadable" * bool(room["unreadable"]))
        for room in infos
    ]
    emit({"rooms": infos}, "\n".join(lines), json)


@app.command
def verify(folder: Path, *, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Read every byte of a store and name what is damaged; exit status 1 where anything is.

    Args:
        folder: of the store.
        json: print one JSON object.
    """
    from abag.encoders.storage.store import rooms
    from abag.encoders.storage.store_upkeep import verify as check

    checked = [(room, check(room)) for room in rooms(folder)]
    damage = [record for _, places in checked for record in places]
    records = sum(len(room) for room, _ in checked)
    content = {
        "records": records,
        "damage": [{**asdict(record), "shard": str(record.shard)} for record in damage],
    }
    text = "\n".join(map(str, damage)) or f"{records} records, all whole"
    emit(content, text, json)
    if damage:
        sys.exit(1)


@app.command
def compact(
    folder: Path,
    *,
    drop_damaged: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Merge small shards and drop duplicates; readers may go on reading.

    Args:
        folder: of the store.
        drop_damaged: leave damaged records out instead of refusing; embed again to refill.
        json: print one JSON object.
    """
    from abag.encoders.storage.store import rooms
    from abag.encoders.storage.store_upkeep import compact as merge

    results = [(room, merge(room, drop_damaged=drop_damaged)) for room in rooms(folder)]
    lines = [
        f"{room.room.name}: {counted(merged.shards_before, 'shard')} became {merged.shards_after}, "
        f"{counted(merged.duplicates, 'duplicate')} and "
        f"{counted(len(merged.dropped), 'damaged place')} dropped"
        for room, merged in results
    ]
    content = {
        "rooms": [
            {**asdict(merged), "dropped": list(map(str, merged.dropped)), "room": str(room.room)}
            for room, merged in results
        ]
    }
    emit(content, "\n".join(lines), json)
