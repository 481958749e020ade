"""Are the outputs still the same bytes? Run before and after a change that must change nothing.

    python benchmarks/same_bytes.py OLD                           # writes OLD/ and OLD.json
    python benchmarks/same_bytes.py NEW --compare OLD.json        # names every difference
    python benchmarks/same_bytes.py NEW --only adapt scan         # commands whose names begin so

A fixed set of commands runs on made-up measurements and on the examples that abag ships, each in a
process of its own and on one thread. Every file that they leave and every answer they print becomes
one SHA-256. The folder in which they ran, versions of abag, dates and durations are written over
first. Where the folder of the old run still lies beside its JSON, the first lines that differ are
shown too. Exit status 1 where anything differs.

To compare with another commit, check it out beside this one and put its sources first:

    git worktree add ../old COMMIT
    PYTHONPATH=../old/src python benchmarks/same_bytes.py ../OLD
    PYTHONPATH=src python benchmarks/same_bytes.py ../NEW --compare ../OLD.json

Both runs need the same Python and the same versions of all packages, and two minutes of one core.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)
VHH = (
    "QVQLVESGGGLVQAGGSLRLSCAASGRTFSSYAMGWFRQAPGKEREFVAAISWSGGSTYYADSVKGRFTISRDNAKNTVYLQMNSLKPEDTAVYYC"
    "AADRGSYGSSWYEYDYWGQGTQVTVSS"
)
CONSTANT = (
    "ASTKGPSVFPLAPSSKSTSGGTAALGCLVKDYFPEPVTVSWNSGALTSGVHTFPAVLQSSGLYSLSSVVTVPSSSLGTQTYICNVNHK"
)
ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
WORTH = {"A": 0.0, "W": 1.0, "K": -0.5, "D": -1.0, "F": 0.7}
PLACES = (27, 29, 53, 98, 100, 102)
LETTERS = "ACDEFGHIKLMNPQRSTVWY"

SMALL_NETWORK = [
    "network.fusion.width=8", "network.fusion.heads=2", "network.fusion.feed_forward=1",
    "network.head.hidden=[8]", "batch.size=8", "batch.accumulate=2", "stopping.epochs=2",
]  # fmt: skip
NARROW = ["--positions", "H:28,H:30,H:54,H:99,H:101,H:103", "--letters", "AWKDF"]
COMMANDS: dict[str, list[str]] = {
    "data-import": ["data", "import", "measured.csv", "--out", "measured.parquet"],
    "data-import-energies": ["data", "import", "energies.csv", "--out", "energies.parquet"],
    "data-import-well-known": ["data", "import", "well_known.csv", "--out", "known.parquet"],
    "data-import-fasta": [
        "data", "import", "chains.fasta", "--labels", "labels.csv", "--antigen", "antigen.fasta",
        "--out", "chains.parquet",
    ],
    "data-import-refused": ["data", "import", "faulty.csv", "--out", "faulty.parquet"],
    "data-import-quarantine": [
        "data", "import", "faulty.csv", "--quarantine", "--out", "faulty.parquet",
    ],
    "data-check": ["data", "check", "measured.parquet"],
    "data-merge": ["data", "merge", "measured.parquet", "--out", "merged.parquet"],
    "number": ["number", "chains.fasta", "--out", "numbered.csv"],
    "split-antibody": [
        "split", "merged.parquet", "--strategy", "antibody-cluster", "--folds", "3",
        "--out", "by-antibody.parquet",
    ],
    "split-antigen": [
        "split", "merged.parquet", "--strategy", "antigen-cluster", "--folds", "3",
        "--out", "by-antigen.parquet",
    ],
    "split-cold": [
        "split", "merged.parquet", "--strategy", "both-cold", "--folds", "2",
        "--out", "cold.parquet",
    ],
    "split-parts": [
        "split", "merged.parquet", "--strategy", "complex", "--train", "0.6", "--val", "0.2",
        "--test", "0.2", "--out", "parts.parquet",
    ],
    "audit": ["audit", "merged.parquet", "--split", "by-antigen.parquet", "--out", "audit"],
    "evaluate": [
        "evaluate", "merged.parquet", "--split", "by-antigen.parquet", "--model", "kmer-ridge",
        "--model", "nearest-neighbour", "--bootstrap", "100", "--out", "evaluation",
    ],
    "fit": [
        "fit", "merged.parquet", "--model", "kmer-ridge", "--calibrate", "--calibration-folds",
        "3", "--out", "ridge",
    ],
    "predict-ridge": [
        "predict", "--model", "ridge", "--table", "pairs.csv", "--out", "by-ridge.csv",
    ],
    "predict-single": ["predict", "--heavy", HEAVY, "--light", LIGHT, "--antigen", ANTIGEN],
    "predict-vhh": ["predict", "--heavy", VHH, "--antigen", ANTIGEN, "--level", "0.5"],
    "predict-well-known": ["predict", "--table", "well_known.csv", "--out", "known.csv"],
    "predict-table": ["predict", "--table", "pairs.csv", "--out", "pairs.parquet"],
    "predict-fasta": [
        "predict", "--table", "chains.fasta", "--antigen", ANTIGEN, "--keep-going",
        "--out", "chains.csv",
    ],
    "predict-airr": [
        "predict", "--table", "airr.tsv", "--antigen", ANTIGEN, "--out", "airr.csv",
    ],
    "predict-structure": ["predict", "--table", "complex.pdb", "--out", "complex.csv"],
    "predict-refused": ["predict", "--table", "faulty.csv", "--out", "none.csv"],
    "explain": [
        "explain", "--heavy", HEAVY, "--light", LIGHT, "--antigen", ANTIGEN,
        "--substitutes", "AD", "--out", "explained",
    ],
    "explain-structure": [
        "explain", "--structure", "complex.pdb", "--substitutes", "A", "--out", "contacts",
    ],
    "scan": [
        "scan", "--heavy", HEAVY, "--light", LIGHT, "--cdrs", "H3,L1", "--out", "scan",
    ],
    "adapt": ["adapt", "assay.csv", "--out", "mine"],
    "adapt-mutations": [
        "adapt", "mutations.csv", "--map", f"antigen:={ANTIGEN}", "--parent-heavy", HEAVY,
        "--parent-light", LIGHT, "--numbering", "imgt", "--out", "mutations",
    ],
    "adapt-campaign": ["adapt", "assay.csv", "--campaign", "campaign"],
    "adapt-refused": ["adapt", "faulty.csv", "--out", "none"],
    "predict-assay": [
        "predict", "--model", "mine", "--table", "candidates.csv", "--out", "candidates-out.csv",
    ],
    "scan-assay": [
        "scan", "--model", "mine", "--heavy", HEAVY, "--light", LIGHT, "--positions",
        "H:105-117", "--numbering", "imgt", "--exclude-cysteine", "--out", "scan-assay",
    ],
    "propose": [
        "propose", "--model", "mine", "--n", "8", "--controls", "1", *NARROW, "--out", "plate",
    ],
    "propose-campaign": [
        "propose", "--campaign", "campaign", "--n", "6", "--liabilities", "flag",
        "--acquisition", "top-set", *NARROW,
    ],
    "simulate": [
        "simulate", "landscape.csv", "--start", "10", "--rounds", "2", "--batch", "6", "--seeds",
        "1", "--top", "0.05", "--out", "simulation",
    ],
    "embed": ["embed", "pairs.csv", "--store", "store", "--storage", "fp32"],
    "scan-naturalness": [
        "scan", "--heavy", VHH, "--cdrs", "H2", "--naturalness", "--out", "scan-natural",
    ],
    "train": [
        "train", "merged.parquet", "--recipe", "default", "--encoder", "builtin", "--store",
        "store", "--split", "parts.parquet", "--device", "cpu", "--no-audit", "--out", "trained",
        *(word for setting in SMALL_NETWORK for word in ("--set", setting)),
    ],
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder for the outputs; OUT.json for the sums")
    parser.add_argument("--compare", type=Path, help="JSON of an earlier run")
    parser.add_argument("--only", nargs="+", default=[""], help="commands that begin so")
    arguments = parser.parse_args()
    folder: Path = arguments.out.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_inputs(folder)
    inputs = files_of(folder)
    for name, words in COMMANDS.items():
        if name.startswith(tuple(arguments.only)):
            answer_of(name, words, folder)
    sums = {name: digest(folder / name, folder) for name in sorted(files_of(folder) - inputs)}
    text = json.dumps(sums, indent=1) + "\n"
    folder.with_name(folder.name + ".json").write_text(text)
    print(f"{len(sums)} outputs, all together {hashlib.sha256(text.encode()).hexdigest()[:16]}")
    return compare(sums, arguments.compare, folder, arguments.only) if arguments.compare else 0


# Made-up measurements ------------------------------------------------------------------------


def write_inputs(folder: Path) -> None:
    """Everything that the commands read; the same bytes on every machine."""
    draw = random.Random(20_26)
    antigens = ["".join(draw.choices(LETTERS, k=60)) for _ in range(6)]
    families = [HEAVY, *(with_new_loops(draw) for _ in range(7))]
    table = []
    for row in range(90):
        heavy, antigen = loop_variant(draw, draw.choice(families)), draw.randrange(6)
        bound = ">" if row % 17 == 5 else ""
        light = "" if row % 3 == 0 else LIGHT
        kd = kd_nanomolar(heavy, draw, shift=0.5 * antigen)
        table.append([f"ab{row}", heavy, light, antigens[antigen], f"{bound}{kd:.4g}"])
        if row % 11 == 0:
            table.append([*table[-1][:4], f"{kd * 1.5:.4g}"])
    names = ["antibody_name", "heavy", "light", "antigen"]
    write(folder / "measured.csv", [*names, "KD (nM)"], table)
    write(folder / "pairs.csv", names, [row[:4] for row in table[:25]])
    write(folder / "faulty.csv", [*names, "KD (nM)"], faulty(table))
    write(
        folder / "energies.csv",
        ["heavy", "light", "antigen", "dG (kcal/mol)", "temperature_kelvin"],
        [[*row[1:4], f"{-8 - i / 10:.1f}", 288 + i] for i, row in enumerate(table[:30])],
    )
    write_assay(folder, draw)
    write_chains(folder, draw, antigens[0])
    root = next(Path(entry) / "abag" for entry in sys.path if (Path(entry) / "abag").is_dir())
    shutil.copy(root / "resources" / "examples" / "well_known.csv", folder / "well_known.csv")


def with_new_loops(draw: random.Random) -> str:
    """The same framework with other residues in most of H1, H2 and H3."""
    letters = list(HEAVY)
    for place in (*range(26, 33), *range(50, 58), *range(98, 107)):
        letters[place] = draw.choice(LETTERS.replace("C", ""))
    return "".join(letters)


def loop_variant(draw: random.Random, parent: str = HEAVY) -> str:
    letters = list(parent)
    for place in PLACES:
        letters[place] = draw.choice("AWKDF")
    return "".join(letters)


def kd_nanomolar(heavy: str, draw: random.Random, shift: float = 0.0) -> float:
    worth = sum(WORTH.get(heavy[place], 0.0) for place in PLACES)
    return float(10 ** (1.0 - worth - shift - draw.gauss(0.0, 0.2)))


def faulty(table: list[list[str]]) -> list[list[str]]:
    rows = [list(row) for row in table[:12]]
    rows[1][4], rows[3][4], rows[5][1], rows[7][3] = "-4", "strong", rows[5][1] + "*Z9", ""
    return rows


def write_assay(folder: Path, draw: random.Random) -> None:
    """One assay by chains, by mutations and in full; candidates without a value."""
    heavies = [loop_variant(draw) for _ in range(200)]
    rows = [[h, LIGHT, ANTIGEN, f"{kd_nanomolar(h, draw):.4g}"] for h in heavies]
    names = ["heavy", "light", "antigen", "KD (nM)"]
    write(folder / "landscape.csv", names, rows[:110])
    write(folder / "candidates.csv", names[:3], [row[:3] for row in rows[150:170]])
    few = [list(row) for row in rows[:31]]
    few[3][3], few[9][3] = ">1000", "<0.001"
    few.append([*few[4][:3], f"{float(few[4][3]) * 2:.4g}"])
    write(folder / "assay.csv", names, few)
    mutations = [["WT", "5"]]
    for first, second in ((30, 107), (30, 108), (107, 114), (36, 108)):
        for letter in "AWKDF":
            here = {30: "I", 36: "D", 107: "W", 108: "G", 114: "A"}
            pair = [f"H:{here[place]}{place}{letter}" for place in (first, second)]
            changed = [change for change in pair if change[2] != change[-1]]
            value = 5 * 10 ** -(WORTH[letter] + draw.gauss(0, 0.2))
            mutations.append([",".join(changed), f"{value:.4g}"])
    write(folder / "mutations.csv", ["mutations", "KD (nM)"], mutations)


def write_chains(folder: Path, draw: random.Random, antigen: str) -> None:
    """FASTA, AIRR and a structure of the same antibodies."""
    linker = "GGGGSGGGGSGGGGS"
    chains = {
        "one_H": HEAVY + CONSTANT, "one_L": LIGHT, "nano": VHH, "scfv": HEAVY + linker + LIGHT,
        "two_H": loop_variant(draw), "two_L": LIGHT,
    }  # fmt: skip
    (folder / "chains.fasta").write_text(
        "".join(f">{name}\n{chain}\n" for name, chain in chains.items())
    )
    (folder / "antigen.fasta").write_text(f">target\n{antigen}\n")
    values = [["one", "2"], ["nano", "30"], ["scfv", "0.5"], ["two", ">100"]]
    write(folder / "labels.csv", ["name", "KD (nM)"], values)
    airr = [["a", "c1", "IGH", HEAVY], ["b", "c1", "IGK", LIGHT], ["c", "c2", "IGH", VHH]]
    write(folder / "airr.tsv", ["sequence_id", "cell_id", "locus", "sequence_aa"], airr, "\t")
    (folder / "complex.pdb").write_text(structure({"H": HEAVY, "L": LIGHT, "A": antigen}))


def structure(chains: dict[str, str]) -> str:
    """A straight line of alpha carbons for each chain; the antigen lies four angstrom away."""
    words = "ALA CYS ASP GLU PHE GLY HIS ILE LYS LEU MET ASN PRO GLN ARG SER THR VAL TRP TYR"
    three = dict(zip(LETTERS, words.split(), strict=True))
    lines, serial = [], 0
    for row, (chain, sequence) in enumerate(chains.items()):
        for number, letter in enumerate(sequence, 1):
            serial += 1
            x, y = 3.8 * number, {0: 0.0, 1: -9.0, 2: 4.0}[row]
            lines.append(
                f"ATOM  {serial:5d}  CA  {three[letter]} {chain}{number:4d}    "
                f"{x:8.3f}{y:8.3f}{0.0:8.3f}  1.00  0.00           C"
            )
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def write(path: Path, names: list[str], rows: list[list[object]], separator: str = ",") -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=separator, lineterminator="\n").writerows([names, *rows])


# Running and comparing -----------------------------------------------------------------------


def answer_of(name: str, words: list[str], folder: Path) -> None:
    """Run a command, and keep its exit status, its JSON, and what it said where it refused."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1", "COLUMNS": "100", "PYTHONHASHSEED": str(len(name)),
        "HF_HUB_OFFLINE": "1", "MPLCONFIGDIR": str(folder / ".matplotlib"),
    }  # fmt: skip
    start = [sys.executable, "-m", "abag"]
    for prefix in ([], ["lab"]):  # replays may have moved among the commands of the workshop
        finished = subprocess.run(
            [*start, *prefix, *words, "--json"],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "nknown command" not in finished.stderr + finished.stdout:
            break
    refusal = finished.stderr if finished.returncode else ""
    text = f"exit status {finished.returncode}\n{finished.stdout}{refusal}"
    (folder / f"{name}.answer.txt").write_text(text)
    print(f"{name}: exit status {finished.returncode}", file=sys.stderr, flush=True)
    if finished.returncode and not name.endswith("refused"):
        print(refusal, file=sys.stderr)


def files_of(folder: Path) -> set[str]:
    """Files below a folder, without what begins with a dot (locks and caches)."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if not any(part[0] == "." for part in path.parts)}


DURATIONS = r'"(?:\w*seconds\w*|rows_per_second|began|started|peak_\w+|\w*_at)": [^,\n}]+'


def plain(text: str, folder: Path) -> str:
    """Text without what may differ between two runs of the same code."""
    text = text.replace(str(folder), "<folder>")
    text = re.sub(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?",
                  "<date>", text)  # fmt: skip
    text = re.sub(DURATIONS, "<duration>", text)
    text = re.sub(r'("(?:abag_)?version": )"[^"]*"', r"\1<version>", text)
    return re.sub(r"(abag[ -]v?)\d+\.\d+\.\d+\w*", r"\1<version>", text)


def digest(path: Path, folder: Path) -> str:
    """SHA-256 of a file; of a text, without dates, durations, versions and the folder."""
    content = path.read_bytes()
    if path.name == "training_history.csv":
        lines = [line.split(",") for line in content.decode().splitlines()]
        timed = [i for i, name in enumerate(lines[0]) if "second" in name]
        untimed = [[c for i, c in enumerate(line) if i not in timed] for line in lines]
        content = "\n".join(map(",".join, untimed)).encode()
    if path.suffix == ".safetensors":  # a training state writes its durations into the header
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.dumps(json.loads(content[8:end]), sort_keys=True).replace('\\"', '"')
        content = plain(header, folder).encode() + content[end:]
    with contextlib.suppress(UnicodeDecodeError):
        content = plain(content.decode(), folder).encode()
    return hashlib.sha256(content).hexdigest()


def compare(sums: dict[str, str], old_json: Path, folder: Path, only: list[str]) -> int:
    """Name what is new, gone or different. Returns the exit status."""
    old: dict[str, str] = json.loads(old_json.read_text())
    before = old_json.resolve().with_suffix("")
    different = [name for name, value in sums.items() if old.get(name, value) != value]
    missing = sorted(set(old) - set(sums)) if only == [""] else []
    new = sorted(set(sums) - set(old))
    for word, names in (("different", different), ("gone", missing), ("new", new)):
        for name in names:
            print(f"{word}: {name}")
            if word == "different" and (before / name).is_file():
                show(before / name, folder / name, before, folder)
    print(f"{len(sums)} outputs: {len(different)} different, {len(missing)} gone, {len(new)} new")
    return 1 if different or missing or new else 0


def show(old: Path, new: Path, before: Path, after: Path, most: int = 3) -> None:
    """The first lines of a text that differ."""
    try:
        left = plain(old.read_text(), before).splitlines()
        right = plain(new.read_text(), after).splitlines()
    except UnicodeDecodeError:
        print(f"  {old.stat().st_size} bytes, now {new.stat().st_size}")
        return
    changed = [i for i, pair in enumerate(zip(left, right, strict=False)) if len(set(pair)) > 1]
    for i in changed[:most]:
        print(f"  line {i + 1}: {left[i][:150]}\n      now: {right[i][:150]}")
    if len(changed) > most or len(left) != len(right):
        print(f"  {len(changed)} lines in all; {len(left)} lines, now {len(right)}")


if __name__ == "__main__":
    sys.exit(main())
