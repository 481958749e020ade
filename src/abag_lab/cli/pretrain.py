"""``abag pretrain``: train the built-in encoder on the published sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.errors import OptionError, installed


def pretrain(
    *,
    sources: Annotated[Path | None, Parameter(env_var="ABAG_DATA_SOURCES")] = None,
    out: Path | None = None,
    resume: Path | None = None,
    config: Path | None = None,
    set: Annotated[tuple[str, ...], Parameter(negative=())] = (),  # noqa: A002
    minutes: float | None = None,
    finish: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Train the built-in encoder by masked language modelling.

    A new run needs --sources and --out. A run that was stopped, by --minutes or by force, goes
    on with --resume and ends with the same weights as one that was not. When all steps are done
    the run folder holds weights.safetensors, card.md, perplexity.json and loss_curve.png; the
    folder is an encoder by itself.

    Args:
        sources: folder with one folder for each published source.
        out: folder of a new run.
        resume: folder of a run to go on with.
        config: JSON recipe, such as recipes/pretrain-builtin.json.
        set: key=value of the recipe to change; repeat it for several. A resumed run takes new
            steps, threads and intervals only.
        minutes: train for about so long, then stop with a checkpoint; building the corpus of a
            new run comes before and is not counted.
        finish: with --resume, train no more and make weights and card from the last checkpoint.
        json: print one JSON object.
    """
    if (out is None) == (resume is None):
        raise OptionError("give --out for a new run or --resume for an old one, one of the two")
    if minutes is not None and not minutes > 0:
        raise OptionError(f"--minutes is {minutes}; give more than 0")
    if finish and (resume is None or set or minutes is not None):
        raise OptionError("--finish goes with --resume alone")
    if resume is not None and config is not None:
        raise OptionError("--config is for a new run; change a resumed one with --set")
    if out is not None and sources is None:
        raise OptionError("name the folder of the sources: --sources or ABAG_DATA_SOURCES")
    installed("torch", 'pre-training needs PyTorch: pip install "abag[network]"')
    from abag_lab.pretraining import run as runs
    from abag_lab.pretraining.config import load_config, parse_settings

    seconds = None if minutes is None else 60 * minutes
    if out is not None and sources is not None:
        outcome = runs.pretrain(sources, out, load_config(config, set), seconds)
    elif resume is not None and finish:
        outcome = runs.finish(resume)
    elif resume is not None:
        outcome = runs.resume(resume, parse_settings(set), seconds)
    steps, done = outcome.steps, outcome.finished
    folder = outcome.run
    loss = "" if outcome.loss is None else f" (training loss {outcome.loss:.3f} nats)"
    text = f"{steps:,} steps done in {folder}{loss}" + (
        ": weights.safetensors, card.md"
        if done
        else f"; go on with abag pretrain --resume {folder}"
    )
    emit({"run": str(folder), "steps": steps, "finished": done, "loss": outcome.loss}, text, json)
