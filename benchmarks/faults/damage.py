"""Damaged copies of every kind of file that abag reads back.

    python benchmarks/faults/damage.py [--copies 2000] [--seed 0] [--only table,store]
        [--state damage.json]

Of every kind there are two whole folders. A copy of one has a file with a flipped bit, a file that
is cut short or has zeros in it, or a file of the same name from the other folder. What is read,
through the function that the commands call, must be what was written, or be refused by an
AbagError; a copy whose damage changes no value (statistics of a Parquet file, white space, a file
for people) may be read.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from fuzzing import ANTIGEN, HEAVY, LIGHT
from pieces import Results, options_of_runner

from abag.errors import AbagError

OTHER_SEED = 1000


@dataclass(frozen=True)
class Kind:
    """A kind of folder: who makes it, and who reads it back."""

    make: Callable[[Path, int], None]
    """From a seed: other seeds, other values."""
    reader: Callable[[Path], Any]
    """Everything that it holds, as values that can be compared by their repr."""
    apart: frozenset[str] = field(default_factory=frozenset)
    """Files for people, which nothing reads back."""


def write_assay(path: Path, seed: int, rows: int = 24) -> None:
    """Measured variants of one antibody as a user's CSV."""
    rng = Random(seed)
    lines = ["name,heavy,light,antigen,KD (nM)"]
    for number in range(rows):
        heavy = list(HEAVY)
        for place in rng.sample(range(49, 58), 2):
            heavy[place] = rng.choice("ADEGHKNQRSTVY")
        lines.append(f"v{number},{''.join(heavy)},{LIGHT},{ANTIGEN},{rng.uniform(1, 50):.3f}")
    path.write_text("\n".join(lines) + "\n")


def command(*arguments: str | Path) -> None:
    """Carry out a command of abag, quietly."""
    import contextlib
    import io

    from abag.apps.cli import main

    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            main([str(argument) for argument in arguments])
    except SystemExit as ended:
        if ended.code not in (0, None):
            raise RuntimeError(f"{arguments}: {output.getvalue()}") from None


def make_table(folder: Path, seed: int) -> None:
    """A canonical table with its manifest, and a split of it."""
    write_assay(folder / "assay.csv", seed)
    table = folder / "table.parquet"
    command("data", "import", folder / "assay.csv", "--out", table)
    command("split", table, "--strategy", "random", "--folds", "3", "--seed", str(seed),
            "--out", folder / "split.parquet")  # fmt: skip
    (folder / "assay.csv").unlink()


def read_table(folder: Path) -> object:
    """Rows, and where each is tested."""
    from abag.data.build import load_table
    from abag.data.splits import Split

    table = load_table(folder / "table.parquet")
    split = Split.load_for(folder / "split.parquet", table)
    return table.frame.to_dicts(), split.assignment.to_dicts()


def make_model(folder: Path, seed: int) -> None:
    """A calibrated model."""
    make_table(folder, seed)
    command("fit", folder / "table.parquet", "--model", "kmer-ridge", "--calibrate",
            "--calibration-folds", "3", "--out", folder / "model")  # fmt: skip
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()


def predicted(model: Path) -> list[object]:
    """The prediction of a saved model for one pair."""
    import polars as pl

    from abag.inference.predictor import Predictor

    pair = {"heavy": [HEAVY], "light": [LIGHT], "antigen": [[ANTIGEN]]}
    return list(Predictor.load(model).predict_table(pl.DataFrame(pair)))


def make_campaign(folder: Path, seed: int) -> None:
    """A campaign with a measured round and an open plate."""
    write_assay(folder / "assay.csv", seed)
    command("adapt", folder / "assay.csv", "--campaign", folder / "campaign")
    command("propose", "--campaign", folder / "campaign", "--n", "4", "--cdrs", "H2",
            "--seed", str(seed))  # fmt: skip
    (folder / "assay.csv").unlink()


def read_campaign(folder: Path) -> object:
    """Where it stands, all measured rows, what the plate predicted, and its model."""
    from abag.maturation.campaign.folder import open_campaign
    from abag.model.assay_gp.model import AssayGP

    campaign = open_campaign(folder / "campaign")
    last = campaign.measured
    model = AssayGP.load(last.path_of("model"))
    if model.model_id != last.state["model_id"]:
        raise AbagError("not the model of this round")  # as `abag propose` says
    rounds = campaign.as_json()["rounds"]
    tables = campaign.training().to_dicts(), last.measured().to_dicts()
    return campaign.parent, rounds, tables, campaign.latest.seal, model.model_id


def make_plate(folder: Path, seed: int) -> None:
    """A plate by a model of an assay."""
    write_assay(folder / "assay.csv", seed)
    command("adapt", folder / "assay.csv", "--out", folder / "model")
    command("propose", "--model", folder / "model", "--n", "4", "--cdrs", "H2", "--seed", str(seed),
            "--out", folder / "plate")  # fmt: skip
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
        elif path.name != "plate":
            shutil.rmtree(path)


def read_plate(folder: Path) -> object:
    """Wells and parent, as they are ordered."""
    from abag.maturation.plate.table import read_wells

    wells, parent = read_wells(folder / "plate")
    return wells.to_dicts(), parent.heavy.sequence


def make_store(folder: Path, seed: int) -> None:
    """Embeddings of some antibodies and their antigen."""
    write_assay(folder / "assay.csv", seed, rows=6)
    command("embed", folder / "assay.csv", "--encoder", "builtin", "--store", folder / "store")
    (folder / "assay.csv").unlink()


def read_store(folder: Path) -> object:
    """Rows of every record; one that cannot be read is refused, as those are embedded anew."""
    from abag.encoders.storage.store import rooms

    rows = {}
    for room in rooms(folder / "store"):
        if room.unreadable:
            raise AbagError(room.unreadable[0].reason)
        rows |= {key: room.rows(key).tobytes() for key in sorted(room.record_keys())}
    return rows


def make_run(folder: Path, seed: int) -> None:
    """A finished training run with its states."""
    make_table(folder, seed)
    small = ("network.fusion.width=8", "network.fusion.heads=2", "network.fusion.feed_forward=1",
             "network.head.hidden=[8]", "network.fusion.regions=false", "batch.size=16",
             "batch.accumulate=1", "stopping.epochs=2", "adaptation=null",
             f"seed={seed}")  # fmt: skip
    chosen = [part for setting in small for part in ("--set", setting)]
    command("split", folder / "table.parquet", "--strategy", "random", "--train", "0.6", "--val",
            "0.2", "--test", "0.2", "--out", folder / "parts.parquet")  # fmt: skip
    command("train", folder / "table.parquet", "--recipe", "default", "--split",
            folder / "parts.parquet", "--out", folder / "run", "--no-audit", "--encoder", "builtin",
            "--device", "cpu", "--save-every", "1", *chosen)  # fmt: skip
    # A damaged state is taken from its spare, one step earlier; here it must be refused.
    (folder / "run" / "state.previous.safetensors").unlink()
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()


def read_run_folder(folder: Path) -> object:
    """Recipe, sources, state and saved model."""
    from abag.model.protocol import load_model
    from abag.training.engine.checkpoint import STATE
    from abag.training.setup import read_run, recipe_digest

    run = folder / "run"
    recipe, _, content = read_run(run)
    parts: list[object] = [recipe.as_json(), content]
    if content["identity"]["recipe"] != recipe_digest(recipe):
        raise AbagError("another recipe")  # as `abag train --resume` says

    def restore(tensors: Mapping[str, Any], plain: Mapping[str, Any]) -> None:
        parts.append({name: tensor.numpy().tobytes() for name, tensor in tensors.items()})
        parts.append(plain)

    STATE.read(run, content["identity"], restore)
    model = load_model(run / "model")
    return parts, model.model_id


def make_adapter(folder: Path, seed: int) -> None:
    """A LoRA adapter of the built-in encoder."""
    import torch

    from abag.encoders.adapters.lora import new_lora, save_lora
    from abag.encoders.adapters.opening import open_encoder

    torch.manual_seed(seed)
    encoder: Any = open_encoder("builtin", device="cpu")
    new_lora(encoder, r=2, seed=seed)
    save_lora(encoder, folder / "adapter")


def read_adapter_folder(folder: Path) -> object:
    """Settings and weights of an adapter."""
    from abag.encoders.adapters.lora import read_adapter

    settings, tensors = read_adapter(folder / "adapter")
    return settings, {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def make_partial(folder: Path, seed: int) -> None:
    """The pieces of a prediction or a screen in progress."""
    import polars as pl

    from abag.inference.partial import partial_result

    class StoppedError(Exception):
        pass

    try:
        with partial_result(folder / "out", {"table": f"{seed}", "model": "m"}) as partial:
            for number in range(3):
                partial.keep(number, pl.DataFrame({"pkd": [float(seed), float(number)]}))
            raise StoppedError
    except StoppedError:
        pass


def read_partial(folder: Path) -> object:
    """The pieces; one that is not whole is None, and is predicted again."""
    from abag.files import digest_of_json
    from abag.inference.partial import PartialResult

    seed = (folder / "seed").read_text()
    partial = PartialResult(folder / "out.partial", digest_of_json({"table": seed, "model": "m"}))
    pieces = [partial.piece(number) for number in range(3)]
    if any(piece is None for piece in pieces):
        raise AbagError("done again")
    return [piece.to_dicts() for piece in pieces if piece is not None]


def make_release(folder: Path, seed: int) -> None:
    """A release of a calibrated model."""
    from abag.release.bundle import build_release
    from abag.release.intent import Intent
    from abag.release.subjects import read_subject

    make_model(folder, seed)
    intent = Intent("1.0.0", "ridge", "2026-11-28")
    make_table(folder, seed)
    subject = read_subject(folder / "model", folder / "table.parquet")
    build_release(subject, intent, folder / "release")
    shutil.rmtree(folder / "model")
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()


def read_release(folder: Path) -> object:
    """The facts of a release that was verified."""
    from abag.release.verify import verify_release

    return verify_release(folder / "release", predictions=False)


KINDS: dict[str, Kind] = {
    "table": Kind(make_table, read_table, frozenset({"table.quarantine.parquet"})),
    "model": Kind(make_model, lambda folder: predicted(folder / "model"), frozenset({"card.md"})),
    "partial": Kind(make_partial, read_partial, frozenset({"about.json"})),
    "release": Kind(make_release, read_release),
    "campaign": Kind(make_campaign, read_campaign, frozenset(
        {"proposed.csv", "proposed.fasta", "proposed.json", "plate.html", "report.html",
         "adaptation.json", "held_out.csv", "set_aside.csv"})),
    "plate": Kind(make_plate, read_plate, frozenset({"proposed.fasta", "plate.html"})),
    "store": Kind(make_store, read_store),
    "adapter": Kind(make_adapter, read_adapter_folder),
    "run": Kind(make_run, read_run_folder, frozenset(
        {"training_history.csv", "training_history.png", "training_summary.json", "metrics.json",
         "test_predictions.csv", "report.html", "checkpoint.safetensors", "card.md"})),
}  # fmt: skip


def damaged(content: bytes, replacement: bytes, rng: Random) -> bytes:
    """A flipped bit, a cut, a run of zeros, or the file of the other folder."""
    place, kind = rng.randrange(max(len(content), 1)), rng.random()
    if kind < 0.6 and content:
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.randrange(8)
        return bytes(flipped)
    if kind < 0.75:
        return content[:place]
    if kind < 0.87:
        return content[:place] + b"\0" * len(content[place : place + 16]) + content[place + 16 :]
    return replacement


def files_of(folder: Path, kind: Kind) -> list[str]:
    """Names of the files that are read back."""
    apart = kind.apart | {"seed", ".lock", "writer.lock"}
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*") if path.is_file() and path.name not in apart
    )  # fmt: skip


def damage_kind(name: str, copies: int, seed: int, place: Path) -> dict[str, Any]:
    """Counts for one kind: refused, read as they were, swapped, and what went wrong."""
    kind, counts = KINDS[name], {"refused": 0, "same values": 0, "swaps": 0}
    faults: list[str] = []
    first, second, work = place / "one", place / "two", place / "work"
    for folder, number in ((first, seed), (second, seed + OTHER_SEED)):
        folder.mkdir(parents=True)
        kind.make(folder, number)
        (folder / "seed").write_text(str(number))
    shutil.copytree(first, work)
    wanted = repr(kind.reader(work))
    if wanted == repr(kind.reader(second)):
        faults.append(f"{name}: two folders hold the same")
    names = files_of(first, kind)
    for number in range(copies):
        rng = Random(f"{seed} {name} {number}")
        file = names[number % len(names)]
        original = (first / file).read_bytes()
        replacement = (second / file).read_bytes() if (second / file).exists() else original[::-1]
        content = damaged(original, replacement, rng)
        (work / file).write_bytes(content)
        counts["swaps"] += content == replacement != original
        try:
            if repr(kind.reader(work)) == wanted:
                counts["same values"] += 1
            else:
                faults.append(f"{number} {name}/{file}: read with other values")
        except AbagError:
            counts["refused"] += 1
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            faults.append(f"{number} {name}/{file}: {type(error).__name__} at {last}")
        (work / file).write_bytes(original)
    return {"copies": copies, "files": len(names), **counts, "faults": faults}


def damage(copies: int, seed: int = 0, kinds: tuple[str, ...] = tuple(KINDS)) -> dict[str, Any]:
    """Counts by kind, ``copies`` in all."""
    handle = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Rust says its panics there
    counts = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name in kinds:
                counts[name] = damage_kind(name, copies // len(kinds), seed, Path(folder) / name)
    finally:
        os.dup2(handle, 2)
    return counts


def main() -> None:
    parser = options_of_runner(__doc__, "only", "seed")
    parser.add_argument("--copies", type=int, default=2000)
    options = parser.parse_args()
    results = Results(options.state)
    for name in options.only.split(",") if options.only else KINDS:
        if name not in results.findings:
            results.note(name, damage(options.copies // len(KINDS), options.seed, (name,))[name])
    if any(counts["faults"] for counts in results.findings.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
