"""Damaged, cut, spliced and swollen inputs through every public reader.

    python benchmarks/faults/fuzzing.py [--inputs 100000] [--seed 0] [--state fuzzing.json]
        [--minutes 8]

Every reader may refuse an input with an AbagError and nothing else, within 20 seconds of computing
and 512 MiB.

Inputs are drawn from (seed, number), so that a finding is made again by its number. With --state
a later call goes on where an earlier one ended; --minutes ends a call between two chunks.
"""

from __future__ import annotations

import gzip
import io
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
from pieces import Results, options_of_runner

from abag.data.build import load_table
from abag.data.formats import (
    read_airr,
    read_complexes,
    read_fasta,
    read_measurements,
    read_pairs,
    read_table,
)
from abag.data.splits import Split
from abag.data.tables import SCHEMA
from abag.errors import AbagError
from abag.files import read_json, write_json, write_parquet
from abag.maturation.assay.file import read_assays

SECONDS = 20
MEBIBYTES = 512
HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFTFSSYAMSWVRQAPGKGLEWVSAISGSGGSTYYADSVKGRFTISRDNSKNTLYLQMNSLRAEDTAVYYC"
    "AKDRLSITIRPRYYGLDVWGQGTTVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQSISSYLNWYQQKPGKAPKLLIYAASSLQSGVPSRFSGSGSGTDFTLTISSLQPEDFATYYCQQSYSTPL"
    "TFGGGTKVEIK"
)
ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
TOKENS = [
    b'"', b'""', b"\n", b"\r", b"\r\n", b"\t", b",", b";", b"|", b"\0", b"\xff", b"\xef\xbb\xbf",
    b"=1+1", b"1e999", b"-", b"NaN", b"inf", b"<", b">", b"9" * 400, b"\xed\xa0\x80", b"[" * 2000,
    b'{"a":' * 500, b"ATOM", b"TER\n", b"_atom_site.id", b"loop_", b"data_", b"#", b"'", b"\x1b[2J",
    b"A" * 20000, "\u2028\u202e\u00e9".encode(), b"nM", b"WT", b"H:S33G", b"MODEL        1\n",
]  # fmt: skip


def table_text(rows: int = 6) -> str:
    lines = ["name,heavy,light,antigen,KD (nM)"]
    lines += [f"ab{i},{HEAVY},{LIGHT},{ANTIGEN},{i + 0.5}" for i in range(rows)]
    return "\n".join(lines) + "\n"


def pdb_text() -> str:
    lines = []
    number = 0
    for chain, sequence in (("H", HEAVY), ("L", LIGHT), ("A", ANTIGEN)):
        for place, letter in enumerate(sequence, start=1):
            number += 1
            name = {"A": "ALA", "G": "GLY", "S": "SER", "V": "VAL"}.get(letter, "LEU")
            lines.append(
                f"ATOM  {number:5d}  CA  {name} {chain}{place:4d}    "
                f"{place * 3.8:8.3f}{ord(chain) / 3:8.3f}{0.0:8.3f}  1.00 20.00           C"
            )
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def seeds(folder: Path) -> dict[str, bytes]:
    """A whole input of every kind."""
    fasta = "".join(f">ab{i}_H\n{HEAVY}\n>ab{i}_L\n{LIGHT}\n" for i in range(3))
    names = [
        "cell_id",
        "locus",
        "sequence_id",
        "sequence_aa",
        "productive",
        "v_call",
        "j_call",
        "sequence",
    ]
    airr = "\t".join(names) + "\n" + "".join(
        f"c{i}\t{locus}\ts{i}{locus}\t{chain}\tT\tIGHV1*01\tIGHJ1*01\t\n"
        for i in range(3) for locus, chain in (("IGH", HEAVY), ("IGK", LIGHT))
    )  # fmt: skip
    inputs: dict[str, bytes] = {
        "table.csv": table_text().encode(),
        "table.tsv": table_text().replace(",", "\t").encode(),
        "mutations.csv": b"mutations,heavy,KD (nM)\nWT,"
        + HEAVY.encode()
        + b",3\nS30G,,5\nA50V,,7\n",
        "chains.fasta": fasta.encode(),
        "cells.tsv": airr.encode(),
        "complex.pdb": pdb_text().encode(),
    }
    import gemmi

    structure = gemmi.read_pdb_string(pdb_text())
    structure.setup_entities()
    inputs["complex.cif"] = structure.make_mmcif_document().as_string().encode()
    frame = pl.read_csv(io.StringIO(table_text()))
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    inputs["user.parquet"] = buffer.getvalue()
    row = dict.fromkeys(SCHEMA) | {
        "record_id": "r", "source": "user", "source_file": "f", "source_row": 2, "heavy": HEAVY,
        "antigen": [ANTIGEN], "quantity": "KD", "raw_value": "1", "raw_unit": "nM", "relation": "=",
        "pkd": 9.0, "pkd_lower": 9.0, "pkd_upper": 9.0, "replicates": 1, "assay": "a",
        "licence": "own-data", "flags": [],
    }  # fmt: skip
    rows = [{**row, "record_id": f"r{i}", "source_row": i + 2} for i in range(8)]
    write_parquet(folder / "t.parquet", pl.DataFrame(rows, schema=SCHEMA))
    inputs["canonical.parquet"] = (folder / "t.parquet").read_bytes()
    write_json(folder / "s.json", {"step": 1, "history": [{"loss": 0.5}] * 5}, seal=True)
    inputs["state.json"] = (folder / "s.json").read_bytes()
    inputs["recipe.toml"] = b'name = "x"\n[optimiser]\nlr = 1e-3\n[stopping]\nepochs = 3\n'
    return inputs


def _recipe(path: Path) -> object:
    from abag.training.recipe import load_recipe

    return load_recipe(path)


READERS: dict[str, tuple[Callable[[Path], object], ...]] = {
    ".csv": (read_table, read_pairs, read_measurements, read_assays),
    ".tsv": (read_table, read_airr, read_pairs),
    ".fasta": (read_fasta, read_pairs),
    ".pdb": (read_complexes, read_pairs),
    ".cif": (read_complexes, read_pairs),
    ".parquet": (load_table, Split.load, read_table, read_assays),
    ".json": (read_json,),
    ".toml": (_recipe,),
}


def mutated(content: bytes, other: bytes, rng: Random) -> bytes:
    """One to six faults."""
    mutant = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not mutant:
            break
        place = rng.randrange(len(mutant))
        end = min(len(mutant), place + rng.choice((1, 2, 8, 64, 512)))
        kind = rng.randrange(8)
        if kind == 0:
            mutant[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            mutant[place:end] = rng.randbytes(end - place)
        elif kind == 2:
            del mutant[place:end]
        elif kind == 3:
            mutant[place:place] = mutant[place:end] * rng.choice((1, 2, 50))
        elif kind == 4:
            mutant[place:place] = rng.choice(TOKENS)
        elif kind == 5:
            del mutant[place:]
        elif kind == 6:
            mutant[place:end] = rng.choice(TOKENS)
        else:
            at = rng.randrange(max(len(other), 1))
            mutant[place:place] = other[at : at + rng.choice((16, 256, 4096))]
    return bytes(mutant)


def drawn(number: int, seed: int, inputs: dict[str, bytes]) -> tuple[str, bytes]:
    """Name and content of an input."""
    rng = Random(f"{seed} {number}")
    name = rng.choice(sorted(inputs))
    content = mutated(inputs[name], inputs[rng.choice(sorted(inputs))], rng)
    if rng.random() < 0.05 and not name.endswith((".json", ".toml")):
        content = (
            mutated(gzip.compress(content), b"", rng)
            if rng.random() < 0.5
            else gzip.compress(content)
        )
    return name, content


class TooLongError(Exception):
    """A reader needed more than its seconds."""


def _alarm(*_: object) -> None:
    raise TooLongError


def try_input(name: str, content: bytes, folder: Path) -> list[str]:
    """What is wrong with how the readers of its kind took an input."""
    path = folder / name
    path.write_bytes(content)
    faults = []
    for reader in READERS[path.suffix]:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            reader(path)
        except AbagError:
            pass
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)
            frames = [
                f"{Path(frame.filename).name}:{frame.lineno}"
                for frame in where
                if "abag" in frame.filename
            ]
            faults.append(f"{reader.__name__}: {type(error).__name__} at {[*where, *frames][-1]}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return faults


def _some(numbers: range, seed: int, sender: object) -> None:
    """In a process of its own: try inputs and send what was found."""
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), 2
    )  # Rust says its panics there before they are caught
    signal.signal(signal.SIGPROF, _alarm)
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        inputs = seeds(folder)
        start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        faults: dict[str, int] = {}
        for number in numbers:
            for fault in try_input(*drawn(number, seed, inputs), folder):
                faults.setdefault(fault, number)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sender.send((faults, (peak - start) // 1024))  # type: ignore[attr-defined]


def try_chunk(numbers: range, seed: int) -> tuple[dict[str, int], int]:
    """Kinds of fault with their first number, and mebibytes above the start, of some inputs."""
    # A fork would inherit the locks of polars' threads, and wait for ever.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_some, args=(numbers, seed, sender))
    process.start()
    sender.close()
    try:
        result: tuple[dict[str, int], int] = receiver.recv()
    except EOFError:
        result = {f"the process ended (of inputs from {numbers.start})": numbers.start}, 0
    process.join()
    return result


def fuzz(
    inputs: int, seed: int = 0, chunk: int = 500, results: Results | None = None,
    minutes: float = float("inf"),
) -> dict[str, Any]:  # fmt: skip
    """Counts, and the first number of each kind of fault; goes on with what was found before."""
    results = results or Results(None)
    name = f"seed {seed}"
    counts = results.findings.get(name, {"tried": 0, "faults": {}, "mebibytes_above_start": 0})
    until = time.monotonic() + 60 * minutes
    while counts["tried"] < inputs and time.monotonic() < until:
        numbers = range(counts["tried"], min(counts["tried"] + chunk, inputs))
        faults, grown = try_chunk(numbers, seed)
        counts = {
            "tried": numbers.stop,
            "faults": {**faults, **counts["faults"]},
            "mebibytes_above_start": max(grown, counts["mebibytes_above_start"]),
        }
        results.note(name, counts)
    return counts


def main() -> None:
    parser = options_of_runner(__doc__, "minutes", "seed")
    parser.add_argument("--inputs", type=int, default=100_000)
    options = parser.parse_args()
    results = Results(options.state)
    if fuzz(options.inputs, options.seed, results=results, minutes=options.minutes)["faults"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
