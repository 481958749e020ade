"""Random reads of [L, 1024] bf16 from an embedding store against a raw memory map, in one run.

    python benchmarks/store.py [--records 1500] [--rounds 7] [--out store.json] [--quick]

Half of the records have 105 to 130 residues, half 100 to 700. Each round reads all of them in a
random order, one thread, copied into torch; every way takes its turn in each round, and ratios
are taken within a round, so that other work on the machine falls on all of them. Everything is in
the page cache.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from abag import progress
from abag.antibody.alphabet import AMINO_ACIDS
from abag.encoders.protocol import EncodedMolecule, EncoderIdentity, Molecule, Role
from abag.encoders.storage.store import EmbeddingStore, molecule_key
from abag.encoders.storage.store_upkeep import verify
from abag.encoders.storage.store_writer import writer_of

WIDTH = 1024
Read = Callable[[int], torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="few records: does it run at all?")
    options = parser.parse_args()
    if options.quick:
        options.records, options.rounds = 60, 3
    progress.silence()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.records, options.rounds)
    for name, way in result["ways"].items():
        print(f"{name:<42} {way['mb_per_s']:>8.0f} MB/s  {way['ratio']:.2f} of raw")
    print(f"write {result['write_mb_per_s']:.0f} MB/s, verify {result['verify_mb_per_s']:.0f} MB/s")
    if options.out:
        options.out.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")


def measure(folder: Path, records: int, rounds: int) -> dict:
    rng = np.random.default_rng(0)
    molecules = [
        Molecule(Role.ANTIGEN, ("".join(rng.choice(list(AMINO_ACIDS), length)),))
        for i in range(records)
        for length in [int(rng.integers(105, 131) if i % 2 else rng.integers(100, 701))]
    ]
    store = EmbeddingStore(folder, EncoderIdentity("random", "1", "", "bf16", 1), WIDTH, "bf16")
    noise = rng.standard_normal((1000, WIDTH), dtype=np.float32)
    began = time.perf_counter()
    with writer_of(store, flush_seconds=1e9) as writer:
        for molecule in molecules:
            writer.add(molecule, EncodedMolecule(noise[-molecule.residues :]))
    write = time.perf_counter() - began
    keys = [molecule_key(molecule) for molecule in molecules]
    total = sum(molecule.residues for molecule in molecules) * WIDTH * 2
    ways: dict[str, Read] = {
        "raw memory map": raw_reader(folder / "raw", store, keys),
        "store, packed() into torch": lambda i: torch.from_numpy(
            copied(store.packed(keys[i]).data)
        ).view(torch.bfloat16),
        "store, rows() in fp32": lambda i: torch.from_numpy(store.rows(keys[i])),
        "safe_open and get_tensor, opened once": safetensors_reader(store, keys),
    }
    seconds = timed(ways, records, rounds)
    began = time.perf_counter()
    if verify(store):
        raise SystemExit("the store is damaged")
    return {
        "records": records,
        "bytes": total,
        "rounds": rounds,
        "write_mb_per_s": total / write / 1e6,
        "verify_mb_per_s": total / (time.perf_counter() - began) / 1e6,
        "ways": {
            name: {
                "mb_per_s": total / min(taken) / 1e6,
                "ratio": statistics.median(
                    raw / other for raw, other in zip(seconds["raw memory map"], taken, strict=True)
                ),
            }
            for name, taken in seconds.items()
        },
    }


def copied(data: np.ndarray) -> np.ndarray:
    return data.copy()


def raw_reader(path: Path, store: EmbeddingStore, keys: list[str]) -> Read:
    """One flat file, one numpy memory map, offsets in a list: nothing faster is at hand."""
    places, offset = [], 0
    with path.open("wb") as stream:
        for key in keys:
            data = store.packed(key).data
            stream.write(data.tobytes())
            places.append((offset, offset + data.size, data.shape))
            offset += data.size
    flat = np.memmap(path, dtype=np.uint16, mode="r").view(np.ndarray)

    def read(i: int) -> torch.Tensor:
        begin, end, shape = places[i]
        return torch.from_numpy(copied(flat[begin:end].reshape(shape))).view(torch.bfloat16)

    return read


def safetensors_reader(store: EmbeddingStore, keys: list[str]) -> Read:
    owner = {
        key: handle
        for shard in store.shards
        for handle in [safe_open(shard.path, framework="pt").__enter__()]
        for key in shard.entries
    }
    return lambda i: owner[keys[i]].get_tensor(keys[i]).clone()


def timed(ways: dict[str, Read], records: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round, the first (warm-up) round left out."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    rng = np.random.default_rng(1)
    for turn in range(rounds + 1):
        order = rng.permutation(records).tolist()
        names = list(ways)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            began = time.perf_counter()
            for i in order:
                ways[name](i)
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main()
