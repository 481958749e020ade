"""Damaged copies of every kind of file that abag reads back.

    python benchmarks/faults/damage.py [--copies 2000] [--seed 0] [--out damage.json]

A copy has a flipped bit, is cut short, or is a file of its kind from elsewhere. What is read must
be what was written, or be refused by an AbagError; a copy whose damage changes no value (statistics
of a Parquet file, white space) may be read.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
import torch
from fuzzing import ANTIGEN, HEAVY, LIGHT

from abag.data.build import load_table
from abag.data.formats import read_table
from abag.data.schema import SCHEMA
from abag.data.splits import Split, make_split
from abag.errors import AbagError
from abag.files import read_json, read_tensors, write_json, write_parquet, write_tensors
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.registry import load_model


def canonical(rows: int, seed: int) -> pl.DataFrame:
    """A canonical table of made-up variants."""
    rng = Random(seed)
    made = []
    for number in range(rows):
        heavy = HEAVY[:50] + rng.choice("ADEGHKNQRSTVY") + HEAVY[51:]
        pkd = round(rng.uniform(6, 10), 3)
        made.append(dict.fromkeys(SCHEMA) | {
            "record_id": f"r{number}", "source": "user", "source_file": "f", "light": LIGHT,
            "source_row": number + 2, "heavy": heavy, "antigen": [ANTIGEN], "quantity": "KD",
            "raw_value": "1", "raw_unit": "nM", "relation": "=", "pkd": pkd, "pkd_lower": pkd,
            "pkd_upper": pkd, "replicates": 1, "assay": "a", "licence": "own-data", "flags": [],
        })  # fmt: skip
    return pl.DataFrame(made, schema=SCHEMA)


def _model(path: Path) -> list[float]:
    table = canonical(12, 5)
    return [float(value) for value in np.asarray(load_model(path.parent).predict(table))]


def _split(path: Path) -> object:
    split = Split.load(path)
    labels = None if split.labels is None else split.labels.to_dicts()
    return split.digest, split.assignment.to_dicts(), labels


def _tensors(path: Path) -> object:
    tensors, said = read_tensors(path, sealed=True)
    return {name: tensor.tolist() for name, tensor in tensors.items()}, said


READERS: Mapping[str, Callable[[Path], Any]] = {
    "table.parquet": lambda path: load_table(path).frame.to_dicts(),
    "user.parquet": lambda path: read_table(path).to_dicts(),
    "split.parquet": _split,
    "state.json": read_json,
    "state.safetensors": _tensors,
    "model/model.json": _model,
    "model/weights.safetensors": _model,
}


def make_files(folder: Path, seed: int) -> None:
    """One file of every kind."""
    table = canonical(30, seed)
    write_parquet(folder / "table.parquet", table, {"abag.schema_version": "1"})
    write_parquet(folder / "user.parquet", table.select("heavy", "pkd"))
    make_split(table, "random", folds=3, seed=seed).save(folder / "split.parquet")
    write_json(folder / "state.json", {"round": seed, "best": 0.5, "files": ["a"] * 4}, seal=True)
    weights = {"w": torch.arange(40.0).reshape(5, 8) + seed, "n": torch.tensor([seed])}
    write_tensors(folder / "state.safetensors", weights, {"format": "2", "step": str(seed)})
    KmerRidge().fit(table).save(folder / "model")


def damaged(content: bytes, other: bytes, rng: Random) -> bytes:
    """A flipped bit, a cut, a run of zeros, or the file of another run."""
    place, kind = rng.randrange(len(content)), rng.random()
    if kind < 0.7:
        found = bytearray(content)
        found[place] ^= 1 << rng.randrange(8)
        return bytes(found)
    if kind < 0.85:
        return content[:place]
    if kind < 0.97:
        return content[:place] + b"\0" * len(content[place : place + 16]) + content[place + 16 :]
    return other


def damage(copies: int, seed: int = 0) -> dict[str, Any]:
    """Counts: refused, read as they were, read with other values, tracebacks."""
    counts = {"refused": 0, "same values": 0, "another whole file": 0}
    faults: list[str] = []
    handle = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Rust says its panics there
    with tempfile.TemporaryDirectory() as place:
        one, two = Path(place) / "one", Path(place) / "two"
        for number, folder in enumerate((one, two)):
            folder.mkdir()
            make_files(folder, number)
        wanted = {name: repr(read(one / name)) for name, read in READERS.items()}
        names = sorted(READERS)
        for number in range(copies):
            rng, name = Random(f"{seed} {number}"), names[number % len(names)]
            path = one / name
            whole, other = path.read_bytes(), (two / name).read_bytes()
            content = damaged(whole, other, rng)
            path.write_bytes(content)
            try:
                same = repr(READERS[name](path)) == wanted[name]
                if same:
                    counts["same values"] += 1
                elif content == other and "/" not in name:
                    counts["another whole file"] += 1  # nothing beside it says which it must be
                else:
                    faults.append(f"{number} {name}: read with other values")
            except AbagError:
                counts["refused"] += 1
            except BaseException as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                faults.append(f"{number} {name}: {type(error).__name__} at {last}")
            path.write_bytes(whole)
    os.dup2(handle, 2)
    return {"copies": copies, "seed": seed, **counts, "faults": faults}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result = damage(options.copies, options.seed)
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
