"""What encoding a table costs: a plain Hugging Face loop, distinct chains, and ours, in one run.

    python benchmarks/encoding.py [--models esm2-35m] [--threads 2] [--out FOLDER] [--quick]

Random weights of the true sizes; by default ESM-2 35M on the processor, and ESM-2 3B and IgT5
where there is a GPU. Two tables: 2,000 variants of one antibody against one antigen, and different
molecules of mixed length. Ways:

  loop        every row's antibody and antigen again, in the table's order, batches of 16 padded
              to the longest of the batch, fp32; antibody and antigen are batches of their own
  loop, bf16  the same in the arithmetic that ours uses
  distinct    the same loop over distinct molecules, in order of appearance
  ours        abag.encoders.service.embed: distinct chains, sorted into batches by a budget;
              with --compile, variants also through torch.compile (compiling is not counted)

A way that would take too long runs on the first rows of the table and is extrapolated, and the
output says on how many. Rates count the table's residues, repeats included, for all ways alike.
Besides wall time the processor time of this process is given: on a machine with other work it is
the steadier of the two (it leaves out waiting, and counts every thread). For the same reason
threads that wait for each other sleep (OMP_WAIT_POLICY=PASSIVE): spinning, on processors that are
busy with other work, slowed the plain loop four times and flattered ours.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from encoding_models import Loaded, load, mixed, variants

from abag import progress
from abag.encoders.devices import compile_network
from abag.encoders.protocol import Molecule
from abag.encoders.service import embed
from abag.files import write_json

BATCH = 16


@dataclass(frozen=True)
class Way:
    """One way of encoding one table, in seconds for the whole table."""

    model: str
    table: str
    way: str
    precision: str
    measured: str
    wall_s: float
    cpu_s: float
    table_residues_per_s: float
    encoded_residues_per_s: float
    share_of_peak: float
    """Operations that the distinct or repeated residues need (no padding) over the matmul peak."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, default=2000, help="variants in the table")
    parser.add_argument("--antigen", type=int, default=600, help="residues of the antigen")
    parser.add_argument("--mixed", type=int, help="molecules of mixed length")
    parser.add_argument("--sample", type=int, help="rows that the slow ways are measured on")
    parser.add_argument("--budget", type=int)
    parser.add_argument("--compile", action="store_true", help="ours also compiled")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--file", type=Path, help="result of one model, in place of --out")
    parser.add_argument("--quick", action="store_true", help="smallest model: does it run at all?")
    options = parser.parse_args()
    if "OMP_WAIT_POLICY" not in os.environ:  # torch reads it when it is loaded
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    progress.silence()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    gpu = device.type == "cuda"
    models = options.models or (["esm2-3b", "igt5"] if gpu else ["esm2-35m"])
    options.sample = options.sample or (512 if gpu else 32)
    options.mixed = options.mixed or (1024 if gpu else 64)
    if options.quick:
        models = options.models or ["esm2-8m"]
        options.sample, options.mixed = 4, 4
        options.rows, options.antigen = 24, 80
    for model in models:
        path = options.file
        if options.out is not None:
            path = options.out / f"encoding-{model}-{device.type}.json"
        if path is not None and path.exists():
            print(f"{path} is there already; left as it is")
            continue
        result = measure(model, device, options)
        print(as_text(result))
        if path is not None:
            write_json(path, result)


def measure(model: str, device: torch.device, options: argparse.Namespace) -> dict:
    peak = {name: matmul_peak(device, name) for name in ("fp32", "bf16")}
    best = "bf16" if peak["bf16"] > 2 * peak["fp32"] else "fp32"
    loaded = load(model, device, best if device.type == "cuda" else "fp32")
    pairs = [loaded.taken(pair) for pair in variants(options.rows, options.antigen)]
    table = [molecule for pair in pairs for molecule in pair]
    ways = []
    for precision in dict.fromkeys(("fp32", best)):
        bench = Bench(loaded.in_precision(precision), precision, peak[precision])
        name = "loop" if precision == "fp32" else "loop, bf16"
        ways.append(bench.loop(name, "variants", pairs, options.sample))
        unique = list(dict.fromkeys(m for pair in pairs for m in chains(pair, loaded.paired)))
        ways.append(bench.distinct(table, unique, options.sample))
        names = ["ours", "ours compiled"] if options.compile else ["ours"]
        ways += [bench.ours(n, "variants", table, unique, options) for n in names]
        molecules = list(loaded.taken(mixed(options.mixed, loaded.paired)))
        ways.append(bench.plain("distinct", "mixed", molecules))
        ways.append(bench.ours("ours", "mixed", molecules, molecules, options))
    return {
        "model": model, "device": device_name(device), "threads": torch.get_num_threads(),
        "torch": torch.__version__, "load_average": os.getloadavg()[0],
        "peak_gflop_per_s": {name: value / 1e9 for name, value in peak.items()},
        "rows": options.rows, "antigen_residues": options.antigen,
        "residues_of_variants": sum(m.residues for m in table),
        "distinct_residues_of_variants": sum(m.residues for m in unique),
        "padding_of_mixed_loop": padding(molecules),
        "ways": [asdict(way) for way in ways], "ratios": ratios(ways),
    }  # fmt: skip


def chains(pair: Iterable[Molecule], paired: bool) -> list[Molecule]:
    """What goes through the encoder for a row: pairs whole, or chain by chain."""
    return [
        part
        for molecule in pair
        for part in (
            [molecule] if paired else [Molecule(molecule.role, (c,)) for c in molecule.chains]
        )
    ]


@dataclass
class Bench:
    """One model in one precision."""

    loaded: Loaded
    precision: str
    peak: float

    def loop(
        self, name: str, table: str, pairs: Sequence[tuple[Molecule, ...]], sample: int
    ) -> Way:
        """Every row again: column by column in batches of 16 rows."""
        part = pairs[: min(sample, len(pairs))]
        rows = [chains(pair, self.loaded.paired) for pair in part]

        def run() -> None:
            for start in range(0, len(rows), BATCH):
                for column in zip(*rows[start : start + BATCH], strict=True):
                    self.forward(column)

        self.warm(rows[0])
        wall, cpu = timed(run, self.loaded.device)
        scale = len(pairs) / len(part)
        everything = [m for row in rows for m in row] * round(scale)
        note = f"{len(part)} of {len(pairs)} rows"
        return self.way(name, table, note, wall * scale, cpu * scale, everything, everything)

    def distinct(self, table: Sequence[Molecule], unique: Sequence[Molecule], sample: int) -> Way:
        """The distinct molecules of the variants in order of appearance, in batches of 16."""
        # Light chain and antigen stand among the first; the rest are heavy chains or pairs.
        first, part = unique[:BATCH], unique[BATCH : BATCH + sample]
        self.warm(first)
        once = timed(lambda: self.batches(first), self.loaded.device)
        many = timed(lambda: self.batches(part), self.loaded.device)
        scale = (len(unique) - len(first)) / len(part)
        wall, cpu = (a + b * scale for a, b in zip(once, many, strict=True))
        note = f"{len(first) + len(part)} of {len(unique)} molecules"
        return self.way("distinct", "variants", note, wall, cpu, table, unique)

    def plain(self, name: str, table: str, molecules: Sequence[Molecule]) -> Way:
        """All molecules in the table's order, in batches of 16."""
        self.warm(molecules)
        wall, cpu = timed(lambda: self.batches(molecules), self.loaded.device)
        return self.way(name, table, "all", wall, cpu, molecules, molecules)

    def ours(
        self,
        name: str,
        table: str,
        molecules: Sequence[Molecule],
        unique: Sequence[Molecule],
        options: argparse.Namespace,
    ) -> Way:
        """The service, on the whole table."""
        encoder = self.loaded.encoder(self.precision)
        if "compiled" in name:
            compile_network(encoder)
        for _ in range(2):
            embed(unique[: BATCH + 1], encoder)
        wall, cpu = timed(
            lambda: embed(molecules, encoder, budget=options.budget),
            self.loaded.device,
        )
        self.loaded.network._compiled_call_impl = None  # the plain loops use the same network
        return self.way(name, table, "all", wall, cpu, molecules, unique)

    def warm(self, molecules: Sequence[Molecule]) -> None:
        """Run two batches that are not counted: first calls cost what later ones do not."""
        for _ in range(2):
            self.forward([molecules[0]] * BATCH)

    def batches(self, molecules: Sequence[Molecule]) -> None:
        for start in range(0, len(molecules), BATCH):
            self.forward(molecules[start : start + BATCH])

    def forward(self, molecules: Sequence[Molecule]) -> list[np.ndarray]:
        """One padded batch of the plain loop: rows of the residues, in fp32, on the processor."""
        if self.loaded.paired:
            texts = ["</s>".join(" ".join(c) for c in m.chains) for m in molecules]
        else:
            texts = [(" " * self.loaded.spaced).join(m.chains[0]) for m in molecules]
        inputs = self.loaded.tokenizer(texts, padding=True, return_tensors="pt")
        inputs = inputs.to(self.loaded.device)
        with torch.no_grad():
            states = self.loaded.network(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
            ).last_hidden_state
        states = states.float().cpu().numpy()
        return [states[i, : m.residues].copy() for i, m in enumerate(molecules)]

    def way(
        self,
        name: str,
        table: str,
        note: str,
        wall: float,
        cpu: float,
        of_table: Sequence[Molecule],
        encoded: Sequence[Molecule],
    ) -> Way:
        print(f"{self.precision} {table} {name}: {wall:.1f} s", file=sys.stderr, flush=True)
        flop = sum(self.loaded.architecture.flop(m.residues) for m in encoded)
        return Way(
            self.loaded.architecture.id, table, name, self.precision, note, wall, cpu,
            sum(m.residues for m in of_table) / wall, sum(m.residues for m in encoded) / wall,
            flop / wall / self.peak,
        )  # fmt: skip


def timed(run: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Wall and processor seconds of one run."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


def matmul_peak(device: torch.device, precision: str) -> float:
    """Best rate of a square matrix product on random numbers, operations a second."""
    n = 8192 if device.type == "cuda" else 1536
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    a, b = (torch.randn(n, n, device=device, dtype=kind) for _ in range(2))
    best = min(timed(lambda: a @ b, device)[0] for _ in range(12))
    return 2.0 * n**3 / best


def padding(molecules: Sequence[Molecule]) -> float:
    """Share of padding in batches of 16 in the table's order."""
    lengths = [m.residues for m in molecules]
    groups = [lengths[i : i + BATCH] for i in range(0, len(lengths), BATCH)]
    return 1.0 - sum(lengths) / sum(max(g) * len(g) for g in groups)


def ratios(ways: Sequence[Way]) -> dict[str, dict[str, float]]:
    """Ours over each other way of the same table, by wall and by processor time."""
    return {
        f"{ours.table}: {ours.way} {ours.precision} over {other.way} {other.precision}": {
            "wall": other.wall_s / ours.wall_s,
            "cpu": other.cpu_s / ours.cpu_s,
        }
        for ours in ways
        for other in ways
        if ours.way.startswith("ours")
        and not other.way.startswith("ours")
        and ours.table == other.table
    }


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()


def as_text(result: dict) -> str:
    peak = ", ".join(f"{k} {v:,.0f}" for k, v in result["peak_gflop_per_s"].items())
    lines = [
        f"{result['model']} on {result['device']}, {result['threads']} threads, "
        f"load {result['load_average']:.1f}; matmul peak in GFLOP/s: {peak}",
        f"variants: {result['residues_of_variants']:,} residues, "
        f"{result['distinct_residues_of_variants']:,} of them distinct; mixed: "
        f"{result['padding_of_mixed_loop']:.0%} of what the loop computes is padding",
        f"{'table':<9} {'way':<13} {'':<5} {'wall s':>9} {'cpu s':>9} {'table res/s':>12} "
        f"{'encoded/s':>10} {'of peak':>8}  measured on",
    ]
    lines += [
        f"{w['table']:<9} {w['way']:<13} {w['precision']:<5} {w['wall_s']:>9.1f} "
        f"{w['cpu_s']:>9.1f} {w['table_residues_per_s']:>12,.0f} "
        f"{w['encoded_residues_per_s']:>10,.0f} "
        f"{w['share_of_peak']:>8.1%}  {w['measured']}"
        for w in result["ways"]
    ]
    lines += [
        f"{name:<60} {r['wall']:>6.1f}x wall {r['cpu']:>6.1f}x cpu"
        for name, r in result["ratios"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
