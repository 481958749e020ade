"""Speed of the antibody numbering, and its agreement with ANARCI run on the hmmscan program.

    python benchmarks/numbering.py SOURCES [--chains 2000] [--reference 1000]

SOURCES is the folder of published tables (ABAG_DATA_SOURCES). Chains are the first distinct heavy
and light chains of `oas_paired`, half and half. Without hmmscan (package hmmer) on PATH the
comparison is left out, and that is said.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from abag import progress
from abag.antibody.numbering import NumberedDomain, clear_cache, number_chains

KIND_OF_TYPE = {"H": "heavy", "K": "kappa", "L": "lambda"}
CDR = set(range(27, 39)) | set(range(56, 66)) | set(range(105, 118))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "sources", type=Path, nargs="?", default=os.environ.get("ABAG_DATA_SOURCES")
    )
    parser.add_argument("--chains", type=int, default=2000)
    parser.add_argument("--reference", type=int, default=1000)
    options = parser.parse_args()
    if options.sources is None:
        parser.error("name the folder of published tables, or set ABAG_DATA_SOURCES")
    progress.silence()
    chains = distinct_chains(Path(options.sources), options.chains)
    measure_speed(chains)
    compare(chains[: options.reference])


def distinct_chains(sources: Path, number: int) -> list[str]:
    table = pl.read_csv(sources / "oas_paired" / "paired_1_val_set.csv.gz")
    heavy, light = (table[name].unique(maintain_order=True).to_list() for name in table.columns)
    half = number // 2
    return [chain for pair in zip(heavy[:half], light[:half], strict=True) for chain in pair]


def measure_speed(chains: Sequence[str]) -> None:
    number_chains(chains[:2])  # imports and profiles
    clear_cache()
    wall, cpu = time.perf_counter(), time.process_time()
    number_chains(chains)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{len(chains)} distinct chains in one run, 2 threads: {len(chains) / wall:.0f} chains/s")
    print(
        f"  processor time {cpu / len(chains) * 1e3:.2f} ms a chain; load {os.getloadavg()[0]:.1f}"
    )
    began = time.perf_counter()
    number_chains(chains)
    print(f"  the same again: {len(chains) / (time.perf_counter() - began):.0f} chains/s")
    few = chains[:200]
    clear_cache()
    alone = time.perf_counter()
    for chain in few:
        number_chains([chain])
    alone = (time.perf_counter() - alone) / len(few)
    gain = alone * len(chains) / wall
    print(f"  one by one: {1 / alone:.0f} chains/s; a batch is {gain:.1f} times faster")


def compare(chains: Sequence[str]) -> None:
    if shutil.which("hmmscan") is None:
        print("comparison left out: no hmmscan on PATH (Debian package hmmer)")
        return
    from anarci import anarci

    for name, species in (("human and mouse", ["human", "mouse"]), ("all species", None)):
        records = [(str(i), chain) for i, chain in enumerate(chains)]
        began = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            numbered, details, _ = anarci(records, scheme="imgt", ncpu=2, allowed_species=species)
        rate = len(chains) / (time.perf_counter() - began)
        ours = number_chains(chains)
        counts: Counter[str] = Counter()
        for chain, domains, about in zip(chains, numbered, details, strict=True):
            theirs = reference(domains or [], about or [])
            counts.update(judge(ours[chain], theirs))
        shares = ", ".join(
            f"{agreement} {counts[agreement]}/{len(chains)}"
            for agreement in ("same domains and kinds", "same CDRs", "same numbers", "same ends")
        )
        print(f"ANARCI with hmmscan, profiles of {name} ({rate:.0f} chains/s): {shares}")


def reference(domains: list, details: list) -> list[tuple[str, dict[int, str]]]:
    """Kind and position by residue index of each antibody domain of ANARCI's answer."""
    domains_read = []
    for (numbering, start, _), about in zip(domains, details, strict=True):
        names = [f"{n}{i.strip()}" for (n, i), residue in numbering if residue != "-"]
        kind = KIND_OF_TYPE.get(about["chain_type"])
        if kind is not None:
            domains_read.append((kind, dict(enumerate(names, start=start))))
    return domains_read


def judge(ours: tuple[NumberedDomain, ...], theirs: list[tuple[str, dict[int, str]]]) -> set[str]:
    kinds = ["heavy" if d.kind.value == "vhh" else d.kind.value for d in ours]
    if kinds != [kind for kind, _ in theirs]:
        return set()
    agreements = {"same domains and kinds", "same CDRs", "same numbers", "same ends"}
    for domain, (_, theirs_at) in zip(ours, theirs, strict=True):
        ours_at = dict(enumerate(domain.positions, start=domain.start))
        if ours_at.keys() != theirs_at.keys():
            agreements.discard("same ends")
        if any(ours_at[i] != theirs_at[i] for i in ours_at.keys() & theirs_at.keys()):
            agreements.discard("same numbers")
        if in_loops(ours_at) != in_loops(theirs_at):
            agreements.discard("same CDRs")
    return agreements


def in_loops(positions: dict[int, str]) -> dict[int, str]:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return {i: p for i, p in positions.items() if int(p.rstrip(letters)) in CDR}


if __name__ == "__main__":
    main()
