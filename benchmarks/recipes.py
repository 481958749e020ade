"""Train every recipe on SAAINT-DB with the built-in encoder, and compare them: docs/recipes.md.

    nice python benchmarks/recipes.py --sources ../shared/data --out RECIPES [--quick]

``--antibody-encoder antiberty`` puts another encoder in the antibody's place (after ``abag encoders
fetch``); the antigen keeps the built-in one, and the runs bear the encoder's name.

Two splits of the de-duplicated rows (80 % train, 10 % validation, 10 % test): random rows, and
antigen clusters kept apart. Two forms of the recipes: ``residues``, attention over residues with
the fusion scaled down to what two CPU cores can do (width 64, 16 epochs), and ``pooled``, the
releases' own form (one mean a molecule) at their full width and number of epochs. v2.8 has both
its stages. Embeddings are made once. A run that was stopped is resumed, a finished one is left as
it is, so the command may be called until it is done. The tables of ``abag compare`` are written
beside the runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from abag import progress
from abag.data.splits import make_split
from abag.files import write_parquet
from abag.training.recipe import load_recipe
from abag.training.run import resume, train
from abag.training.setup import Options, Sources
from abag_lab.benchmarks.saaint import saaint_table

SPLITS = ("antigen-cluster", "random")
BUILTIN = "builtin"
SMALL = [
    "network.fusion.width=64", "network.fusion.heads=4", "stopping.epochs=16",
    "schedule.cosine_epochs=16",
]  # fmt: skip
POOLED = ["network.antibody.pooling=mean", "network.antigen.pooling=mean"]
RUNS: dict[str, tuple[str, list[str]]] = {
    # name of the run -> recipe and settings
    "v2.5-pooled": ("v2.5", []),
    "v2.6-pooled": ("v2.6", POOLED),
    "v2.7-pooled": ("v2.7", POOLED),
    "v2.8-pooled": ("v2.8", POOLED),
    "default-pooled": ("default", POOLED),
    "default-residues": ("default", SMALL),
    "v2.6-residues": ("v2.6", [*SMALL, "schedule.warmup_epochs=2"]),
    "v2.7-residues": ("v2.7", [*SMALL, "schedule.patience=3"]),
    # Its batch of 256 over residues takes 19 GB: four of 64 make a step here.
    "v2.8-residues": ("v2.8", [*SMALL, "batch.size=64", "batch.accumulate=4"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of runs")
    parser.add_argument("--seed", type=int, help="of all runs (default: that of each recipe)")
    parser.add_argument("--antibody-encoder", default=BUILTIN, help="such as antiberty")
    parser.add_argument("--quick", action="store_true", help="one epoch each: does it run at all?")
    options = parser.parse_args()
    progress.silence()
    table = options.out / "saaint.parquet"
    if not table.exists():
        write_parquet(table, saaint_table(options.sources).frame)
    runs = [run_all(options, table, name) for name in options.only or RUNS]
    compare_all(options.out, [run for of_one in runs for run in of_one])


def run_all(options: argparse.Namespace, table: Path, name: str) -> list[Path]:
    """The run ``name`` on each split."""
    out, runs = options.out, []
    recipe, recipe_settings = RUNS[name]
    encoder = options.antibody_encoder
    encoders = [f"network.antibody.id={encoder}", f"network.antigen.id={BUILTIN}"]
    settings = [*encoders, *recipe_settings, *(["stopping.epochs=1"] if options.quick else [])]
    if encoder != BUILTIN:
        name = f"{name}-{encoder}"
    if options.seed is not None:
        name, settings = f"{name}-seed{options.seed}", [*settings, f"seed={options.seed}"]
    for strategy in SPLITS:
        split = out / f"{strategy}.parquet"
        if not split.exists():
            from abag.data.build import load_table

            make_split(load_table(table), strategy, fractions=(0.8, 0.1, 0.1)).save(split)
        run = out / strategy / name
        chosen = load_recipe(recipe, [*settings, f"name={name}"])
        carry_out(run, chosen, Sources(table, split, store=out / "store"))
        runs.append(run)
    return runs


def carry_out(run: Path, recipe, sources: Sources) -> None:
    options = Options(audit=False, tell=lambda text: print(f"  {text}", flush=True))
    print(run, flush=True)
    if (run / "training_summary.json").exists() and (run / "report.html").exists():
        return
    if (run / "run.json").exists():
        trained = resume(run, options)
    else:
        trained = train(recipe, sources, run, replace(options, audit=False))
    figures = {key: trained.test[key]["value"] for key in ("spearman", "rmse") if trained.test}
    print(f"  {trained.epochs} epochs, {trained.status}: {json.dumps(figures)}", flush=True)


def compare_all(out: Path, runs: list[Path]) -> None:
    try:
        from abag.training.compare import compare_runs
    except ImportError:
        sys.exit("no comparison in this abag")
    for strategy in SPLITS:
        of_split = [run for run in runs if run.parent.name == strategy]
        if len(of_split) > 1:
            compare_runs(of_split, out / f"compare-{strategy}")


if __name__ == "__main__":
    main()
