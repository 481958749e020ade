"""One call: corpus, training, held-out perplexity, weights and card, in one run folder.

The folder holds ``config.json``, ``corpus.parquet``, ``corpus.json`` (manifest),
``checkpoint.safetensors`` and the one before, ``loss_curve.csv`` and ``.png`` and, once finished,
``weights.safetensors``, ``perplexity.json``, ``card.json`` and ``card.md``.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from abag.errors import FileFormatError, MissingFileError, OptionError
from abag.files import (
    LOCK,
    locked,
    read_json,
    read_parquet,
    require_folder,
    write_json,
    write_parquet,
)
from abag.training.setup import require_new_run
from abag_lab.pretraining.config import CHANGEABLE, PretrainConfig, parse_config
from abag_lab.pretraining.corpora.corpus import SCHEMA, build_corpus, corpus_digest

if TYPE_CHECKING:
    from abag.encoders.adapters.builtin_model import BuiltinModel
    from abag_lab.pretraining.loop import PretrainingProgress


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of :func:`pretrain` or :func:`resume`."""

    run: Path
    finished: bool
    """Whether weights and card were made."""
    steps: int
    loss: float | None
    """Training loss (nats) of the last row of the curve."""


def pretrain(
    sources: Path, run: Path, config: PretrainConfig, seconds: float | None = None
) -> Outcome:
    """Build the corpus of ``sources`` and train a new run in the folder ``run``.

    Raises:
        OptionError: ``run`` holds a run or other files already.
        FileFormatError: ``run`` cannot be made, as below a file.
        MissingFileError: ``sources`` holds none of the corpus sources.
    """
    new = not run.exists()
    require_new_run(run, "config.json", ("corpus.parquet", "corpus.json"))
    with locked(run, "trained"):
        try:
            table, manifest = build_corpus(
                sources, held_out_share=config.held_out_share, seed=config.seed
            )
        except BaseException:
            if new:
                (run / LOCK).unlink(missing_ok=True)
                run.rmdir()
            raise
        write_parquet(run / "corpus.parquet", table)
        write_json(run / "corpus.json", manifest, seal=True)
        write_json(run / "config.json", config.model_dump(), seal=True)
        return _train(run, config, table, manifest, None, seconds)


def resume(
    run: Path, settings: dict[str, Any] | None = None, seconds: float | None = None
) -> Outcome:
    """Go on with a run from its last whole checkpoint, or from its start if it has none.

    ``settings`` may change only what :data:`abag_lab.pretraining.config.CHANGEABLE` names; a change
    is recorded with the step at which it was made.
    """
    old = _config_of(run)
    changed = {k: v for k, v in (settings or {}).items() if getattr(old, k, None) != v}
    config = parse_config({**old.model_dump(), **changed})
    if refused := sorted(set(changed) - CHANGEABLE):
        raise OptionError(
            f"a resumed run cannot change {', '.join(refused)}; only "
            f"{', '.join(sorted(CHANGEABLE))}. Start a new run"
        )
    table, manifest = _corpus_of(run)
    with locked(run, "trained"):
        return _train(run, config, table, manifest, changed, seconds)


def _config_of(run: Path) -> PretrainConfig:
    require_folder(run)
    path = run / "config.json"
    if not path.exists():
        raise MissingFileError(
            f"{run} is no run of abag pretrain (it has no config.json); start one with --out"
        )
    content = read_json(path)
    if not isinstance(content, dict):
        raise FileFormatError(f"{path} holds no settings; start a new run")
    return parse_config(content)


def _corpus_of(run: Path) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The corpus of a run and its manifest, which must belong together."""
    path = run / "corpus.parquet"
    table, _ = read_parquet(path)
    if dict(table.schema) != SCHEMA:
        raise FileFormatError(f"{path} is not the corpus of a run; start a new run")
    manifest = read_json(run / "corpus.json")
    if not isinstance(manifest, dict) or manifest.get("digest") != corpus_digest(table):
        raise FileFormatError(
            f"{path} is not the corpus that {run / 'corpus.json'} describes; one of them was "
            f"changed. Copy both again, or start a new run"
        )
    return table, manifest


def _identity(config: PretrainConfig, manifest: dict[str, Any]) -> dict[str, str]:
    """Digest of the settings and the corpus, which may not change in a run."""
    fixed = {k: v for k, v in config.model_dump().items() if k not in CHANGEABLE}
    text = json.dumps([fixed, manifest["digest"]], sort_keys=True)
    return {"run": hashlib.sha256(text.encode()).hexdigest()}


def _train(
    run: Path,
    config: PretrainConfig,
    table: pl.DataFrame,
    manifest: dict[str, Any],
    changed: dict[str, Any] | None,
    seconds: float | None,
) -> Outcome:
    from abag_lab.pretraining.loop import CHECKPOINT, PretrainingTrainer, first_state
    from abag_lab.pretraining.perplexity import held_out_masks
    from abag_lab.pretraining.views import items_of

    identity, state = _identity(config, manifest), first_state(config)
    if changed is not None:
        with suppress(MissingFileError):
            CHECKPOINT.read(run, identity, state.restore)
    progress = state.progress
    if config.steps < progress.step:
        raise OptionError(
            f"steps={config.steps}: {run} has done {progress.step} already; give as many or more"
        )
    if changed:
        progress.changes.append({"step": progress.step, **changed})
        write_json(run / "config.json", config.model_dump(), seal=True)
    held_out = table.filter("held_out")
    sample = held_out.sample(
        min(config.evaluate_molecules, held_out.height), seed=config.seed, shuffle=True
    )
    trainer = PretrainingTrainer(
        state=state,
        run=run,
        identity=identity,
        device=next(state.network.parameters()).device,
        config=config,
        items=items_of(table.filter(~pl.col("held_out"))),
        held_out=[molecule.masked for molecule in held_out_masks(sample, config)],
    )
    finished = trainer.train(seconds)
    return finish(run) if finished else _outcome(run, progress, finished=False)


def _outcome(run: Path, progress: PretrainingProgress, finished: bool) -> Outcome:
    loss = progress.curve[-1]["loss"] if progress.curve else None
    return Outcome(run, finished, progress.step, loss)


def finish(run: Path) -> Outcome:
    """Turn the last checkpoint into weights, perplexities, picture and card.

    Works on a run that was cut short as well; the card says at which step.

    Raises:
        MissingFileError: the run has no checkpoint yet.
    """
    from abag_lab.pretraining.card import hardware_in_words, make_card, render_card
    from abag_lab.pretraining.curve import draw_curve, write_curve
    from abag_lab.pretraining.loop import CHECKPOINT, first_state
    from abag_lab.pretraining.perplexity import measure
    from abag_lab.pretraining.weights import save_weights

    config = _config_of(run)
    table, manifest = _corpus_of(run)
    state = first_state(config)
    CHECKPOINT.read(run, _identity(config, manifest), state.restore)
    model, progress = cast("BuiltinModel", state.network), state.progress
    revision = save_weights(run / "weights.safetensors", model)
    result = measure(model, table, config)
    write_json(run / "perplexity.json", result)
    write_curve(run, progress.curve)
    baselines = {name: result["all"][name] for name in ("unigram", "trigram")}
    draw_curve(run / "loss_curve.png", progress.curve, baselines)
    card = make_card(
        config, manifest, progress, model.count(), revision, result, hardware_in_words()
    )
    write_json(run / "card.json", card)
    render_card(run / "card.md", card)
    return _outcome(run, progress, finished=True)
