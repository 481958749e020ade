"""``abag tune``: search the settings of a recipe, by the validation part alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit


def tune(
    table: Path,
    *,
    recipe: str,
    split: Path,
    out: Path,
    trials: int = 20,
    search: Annotated[list[str] | None, Parameter(negative=())] = None,
    holdout: str | None = None,
    encoder: str | None = None,
    antibody_encoder: str | None = None,
    antigen_encoder: str | None = None,
    store: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Search the settings of a recipe with Optuna; the test part is never read.

    The same command goes on with a search that was stopped. OUT/best.toml is a recipe to train.

    Args:
        table: Canonical table (.parquet).
        recipe: v2.5, v2.6, v2.7, v2.8, default, or a .toml file.
        split: Split of this table from `abag split`.
        out: Folder of the study.
        trials: Finished trials that the study shall have, earlier ones counted in.
        search: Range of a key, as optimiser.lr=1e-5:1e-2:log or batch.size=16,32; repeat it.
            Without it: learning rate, weight decay, both dropouts, batch size.
        holdout: Test part of a split with folds: its rows are left out.
        encoder: Encoder of both sides in place of the recipe's, such as builtin.
        antibody_encoder: Encoder of the antibody in place of the recipe's.
        antigen_encoder: Encoder of the antigen in place of the recipe's.
        store: Folder of embeddings; without it they are kept in OUT/store.
        set_: A setting of the recipe that is not searched, as stopping.epochs=10.
        device: auto, cpu, cuda or cuda:1.
        json: Print one JSON object.
    """
    from abag.apps.cli.networks.train import chosen_recipe, note, require_torch

    require_torch()
    from abag.training.setup import Options, Sources
    from abag.training.tune import tune as run_study

    sides = (antibody_encoder or encoder, antigen_encoder or encoder)
    study = run_study(
        chosen_recipe(recipe, set_ or [], *sides),
        Sources(table, split, holdout, store),
        out,
        trials,
        search or (),
        Options(device=device, tell=note),
    )
    best = "no trial succeeded" if study.best is None else (
        f"best: trial {study.best_trial}, validation {study.metric} {study.best:.3f}"
    )  # fmt: skip
    values = "".join(f"\n  {key} = {value}" for key, value in study.settings.items())
    text = f"{study.trials} trials in {out}, {study.failed} failed\n{best}{values}"
    emit(study.as_json(), f"{text}\nrecipe: {out / 'best.toml'}", json)
