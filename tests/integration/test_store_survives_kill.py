"""A writer that is killed at any moment leaves a store that verifies and goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from abag.encoders.service import embed
from abag.encoders.storage.store import EmbeddingStore
from abag.encoders.storage.store_upkeep import compact, verify
from synthetic_encoder import HashEncoder, random_molecules, rows_of

WIDTH = 64
MOLECULES = random_molecules(400, seed=3, longest=200)

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from synthetic_encoder import HashEncoder, random_molecules, rows_of
from abag.encoders.protocol import EncodedMolecule
from abag.encoders.storage.store import EmbeddingStore
from abag.encoders.storage.store_upkeep import compact
from abag.encoders.storage.store_writer import writer_of

molecules = random_molecules(400, seed=3, longest=200)
store = EmbeddingStore.for_encoder(Path(sys.argv[1]), HashEncoder(width=64), "bf16")
print("ready", flush=True)
while True:
    with writer_of(store, shard_bytes=60_000) as writer:
        for molecule in molecules:
            if molecule not in store:
                writer.add(molecule, EncodedMolecule(rows_of(molecule, 64)))
    compact(store, shard_bytes=1_000_000)
    for shard in store.shards:
        shard.path.unlink()
    store.refresh()
"""


def kill_and_check(folder: Path, rng: random.Random) -> int:
    """Kill a writer at a random moment; the store verifies, and is filled without starting over."""
    tests = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), tests], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.4))
        process.kill()
        process.wait()
    encoder = HashEncoder(width=WIDTH)
    store = EmbeddingStore.for_encoder(folder, encoder, "bf16")
    assert verify(store) == []
    assert store.unreadable == ()
    survived = len(store)
    result = embed(MOLECULES, encoder, store)
    assert result.from_store == survived
    assert len(encoder.encoded) == len(set(MOLECULES)) - survived
    place = rng.randrange(len(MOLECULES))
    assert np.allclose(result[place], rows_of(MOLECULES[place], WIDTH), rtol=2**-8)
    compact(store)
    assert verify(store) == []
    # Swept by the next writer; a store killed while it was merged, and so full, needed none above.
    assert not list(store.room.glob(".*"))
    return survived


def survivors(tmp_path: Path, times: int) -> list[int]:
    rng = random.Random(7)
    return [kill_and_check(tmp_path / str(i), rng) for i in range(times)]


def test_a_store_survives_kills(tmp_path):
    assert len(survivors(tmp_path, 6)) == 6


@pytest.mark.slow
def test_a_store_survives_a_hundred_kills(tmp_path):
    found = survivors(tmp_path, 100)
    assert len(set(found)) > 10, "the kills fell at too few different moments"
