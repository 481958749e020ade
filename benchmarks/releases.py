"""Make the releases of docs/examples: v2.6 and v2.7 trained on SAAINT-DB, and the shipped model.

    nice python benchmarks/releases.py --sources ../shared/data --out RELEASES --texts docs/examples

The networks have the full width and number of epochs, in the form of the first releases (one mean a
molecule), with the built-in encoder, on antigen clusters kept apart. Each is released, verified,
dry-run and published to a bare git remote (git-lfs) and to a server that speaks the hub's API
(tests/hub_server.py), pulled from both, and asked for the pairs of its check: the answers must be
the same to the last digit. A finished run is left as it is. The commands are printed as they are
run; ``published.json`` says what was seen.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl

from abag.files import write_json, write_parquet
from abag_lab.benchmarks.saaint import saaint_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

POOLED = ["network.antibody.pooling=mean", "network.antigen.pooling=mean"]
RELEASES = {
    # name of the release -> what is released, version, and what people state of it
    "abag-v2.6": ("v2.6", "0.1.0-beta", []),
    "abag-v2.7": ("v2.7", "0.2.0-beta", ["--earlier", "release-v2.6", "--new",
                                         "The recipe v2.7 after v2.6, on the same split."]),
    "abag-pairs": ("shipped", "0.2.0", []),
}  # fmt: skip
TEXTS = ("README.md", "RELEASE_NOTES.md", "LICENCES.md", "LICENSE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--texts", type=Path, help="folder that gets the texts of each release")
    options = parser.parse_args()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "saaint.parquet").exists():
        write_parquet(out / "saaint.parquet", saaint_table(options.sources).frame)
    train_both(out)
    published = {name: one_release(out, name) for name in RELEASES}
    write_json(out / "published.json", published)
    print(json.dumps(published, indent=1))
    for model, _, stated in RELEASES.values() if options.texts else ():
        (options.texts / model).mkdir(parents=True, exist_ok=True)
        for name in (*TEXTS, *(["COMPARISON.md"] if stated else [])):
            shutil.copyfile(out / f"release-{model}" / name, options.texts / model / name)


def abag(out: Path, *words: str, **environment: str) -> str:
    """Run a command of the package in the folder ``out``, and print it."""
    print("abag", *(f"'{word}'" if " " in word else word for word in words), flush=True)
    command = [sys.executable, "-m", "abag", *words]
    finished = subprocess.run(
        command,
        cwd=out,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return finished.stdout


def train_both(out: Path) -> None:
    if not (out / "split.parquet").exists():
        shares = ("--train", "0.8", "--val", "0.1", "--test", "0.1")
        abag(out, "split", "saaint.parquet", "--strategy", "antigen-cluster", *shares,
             "--seed", "0", "--out", "split.parquet")  # fmt: skip
    for recipe in ("v2.6", "v2.7"):
        if (out / recipe / "report.html").exists():
            continue
        settings = [word for setting in POOLED for word in ("--set", setting)]
        abag(out, "train", "saaint.parquet", "--recipe", recipe, "--split", "split.parquet",
             "--encoder", "builtin", *settings, "--store", "store", "--out", recipe)  # fmt: skip


def one_release(out: Path, name: str) -> dict[str, object]:
    """Make, verify, dry-run, publish twice, pull twice, ask all three."""
    from hub_server import TOKEN, Served

    model, version, stated = RELEASES[name]
    folder, revision = f"release-{model}", f"{name}@{version}"
    abag(out, "release", model, "--version", version, "--name", name, *stated, "--out", folder,
         "--overwrite")  # fmt: skip
    abag(out, "release", "verify", folder)
    remote = out / f"{name}.git"
    for old in (remote, out / f"{folder}.publish", out / "shelves" / name):
        shutil.rmtree(old, ignore_errors=True)
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    address = f"file://{remote.resolve()}"
    to_git = ("release", "publish", folder, "--git", address)
    steps = {"git": abag(out, *to_git, "--dry-run").splitlines()}
    abag(out, *to_git)
    answers = {"release": answers_of(out, folder, folder)}
    shelf = {"ABAG_MODELS": str((out / "shelves" / name / "git").resolve())}
    abag(out, "pull", f"{address}@v{version}", **shelf)
    abag(out, "release", "verify", revision, **shelf)
    answers["git"] = answers_of(out, folder, revision, **shelf)
    with Served() as hub:
        environment = {"HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1",
                "ABAG_MODELS": str((out / "shelves" / name / "hub").resolve())}  # fmt: skip
        to_hub = ("release", "publish", folder, "--hub", f"examples/{name}", "--endpoint",
                  hub.address)  # fmt: skip
        steps["hub"] = abag(out, *to_hub, "--dry-run", **environment).splitlines()
        abag(out, *to_hub, **environment)
        abag(out, "pull", f"examples/{revision}", "--endpoint", hub.address, **environment)
        answers["hub"] = answers_of(out, folder, f"examples/{revision}", **environment)
    same = all(answer == answers["release"] for answer in answers.values())
    if not same:
        raise SystemExit(f"{name}: another place gives other answers: {answers}")
    return {"pairs": len(answers["release"]), "same": same,
            "steps": {route: len(answer) for route, answer in steps.items()}}  # fmt: skip


def answers_of(out: Path, folder: str, model: str, **environment: str) -> list[float]:
    """Predictions (pKd) of a model for the pairs that the release carries."""
    (out / "answers.csv").unlink(missing_ok=True)
    table = f"{folder}/check/pairs.csv"
    abag(out, "predict", "--model", model, "--table", table, "--out", "answers.csv", **environment)
    return pl.read_csv(out / "answers.csv")["pkd"].to_list()


if __name__ == "__main__":
    main()
