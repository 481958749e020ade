"""One call: rows, embeddings, training, the test part once, and every artefact in one folder.

RUN holds ``recipe.json``, ``run.json`` (what it started from and how it stands),
``state.safetensors`` (complete, to resume from) and the one before, ``training_history.csv``; once
finished ``checkpoint.safetensors`` (the kept weights alone), ``model`` (for ``abag predict``),
``metrics.json``, ``test_predictions.csv``, ``training_history.png``, ``training_summary.json``
and ``report.html``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from abag.encoders.devices import chosen_device
from abag.encoders.protocol import Encoder
from abag.errors import AbagError, FileFormatError, MissingFileError
from abag.files import locked
from abag.model.network.inputs import PairFeatures
from abag.model.network.network import AffinityNetwork, make_network
from abag.training.engine.checkpoint import STATE, NetworkState, Progress, copied
from abag.training.engine.data import TrainingData
from abag.training.engine.engine import make_adamw
from abag.training.engine.loop import Trainer
from abag.training.engine.plan import BatchPlan
from abag.training.engine.schedule import Plateau
from abag.training.engine.validation import HIGHER_IS_BETTER
from abag.training.engine.world import World
from abag.training.history import write_history, write_summary
from abag.training.monitors import Monitor
from abag.training.recipe import Recipe
from abag.training.setup import (
    Options,
    Setup,
    Sources,
    begin,
    read_run,
    read_setup,
    require_new_run,
    write_run,
)
from abag.training.trackers import open_trackers

if TYPE_CHECKING:
    from abag.training.trackers import Tracker


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """Result of a call of :func:`train` or :func:`resume`."""

    run: Path
    finished: bool
    steps: int
    epochs: int
    metric: str
    """Validation figure that chose the kept weights."""
    best: float | None
    best_epoch: int
    status: str
    """``stable``, ``unstable``, or ``training`` while it is not finished."""
    reasons: tuple[str, ...]
    test: dict[str, Any]
    """Figures of the test part; empty while it is not finished."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "run": str(self.run), "reasons": list(self.reasons)}


def train(
    recipe: Recipe,
    sources: Sources,
    out: Path,
    options: Options | None = None,
    encoders: tuple[Encoder, Encoder] | None = None,
) -> TrainedRun:
    """Train a recipe in the new folder ``out``.

    Args:
        recipe: what to train.
        sources: table, split and where encoders lie.
        out: new folder.
        options: device, time limit, trackers.
        encoders: opened ones for antibody and antigen, in place of those the recipe names.

    Raises:
        SchemaError, SplitError, ModelError: the rows do not suit the recipe; nothing is written.
        OptionError: ``out`` is taken.
        FileFormatError: ``out`` cannot be written.
    """
    options = options or Options()
    with _joined_world(options.device) as (device, world):
        setup = read_setup(recipe, sources, device, encoders)
        if world.is_first:
            require_new_run(out)
        world.wait()
        with _locked_run(out, world):
            if world.is_first:
                begin(out, setup, options.trackers)
            return _carry_out(out, setup, options, world)


def resume(
    run: Path,
    options: Options | None = None,
    *,
    table: Path | None = None,
    split: Path | None = None,
    encoders: tuple[Encoder, Encoder] | None = None,
) -> TrainedRun:
    """Go on with a run from its last whole state, or from its start where it has none.

    ``table`` and ``split`` say where the files lie now, if they were moved; their content must be
    what the run started from.

    Raises:
        FileFormatError: recipe, table, split or encoders differ from those of the run.
    """
    options = options or Options()
    recipe, sources, content = read_run(run)
    trackers = tuple(dict.fromkeys([*content.get("trackers", ()), *options.trackers]))
    options = replace(options, trackers=trackers)
    sources = replace(sources, table=table or sources.table, split=split or sources.split)
    with _joined_world(options.device) as (device, world):
        setup = read_setup(recipe, sources, device, encoders)
        STATE.require(run, content.get("identity", {}), setup.identity)
        with _locked_run(run, world):
            if world.is_first and list(trackers) != content.get("trackers"):
                write_run(run, setup, trackers, "training")
            return _carry_out(run, setup, options, world)


@contextmanager
def _joined_world(name: str) -> Iterator[tuple[torch.device, World]]:
    """The device, and the world of processes, joined for the length of the block."""
    device = chosen_device(name)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", World.local_rank())
    world = World.join(device)
    try:
        yield device, world
    finally:
        world.leave()


@contextmanager
def _locked_run(run: Path, world: World) -> Iterator[None]:
    """Lock the folder of a run; an error of the system names the run, and how to continue it."""
    try:
        with locked(run, "trained") if world.is_first else nullcontext():
            yield
    except AbagError:
        raise
    except OSError as error:
        path = error.filename or run
        raise FileFormatError(
            f"{path} cannot be written or read: {error.strerror or error}; the last saved state "
            f"of {run} is whole. Free space or mend the folder, then go on with --resume {run}"
        ) from None


def _carry_out(run: Path, setup: Setup, options: Options, world: World) -> TrainedRun:
    """Embed, train from where the run is, and finish it if training has ended."""
    for note in setup.rows.notes if world.is_first else ():
        _tell(options, f"note: {note}")
    seconds = options.seconds
    if setup.recipe.adaptation is not None:
        from abag.training.adaptation import adapt_encoders

        began, network = time.monotonic(), make_trained_network(setup)
        adapted = adapt_encoders(run, setup, network, options, world)
        if adapted is None:
            return _outcome(run, setup, first_state(network, setup.recipe), {}, finished=False)
        setup = adapted
        seconds = None if seconds is None else max(0.0, seconds - (time.monotonic() - began))
    data = make_data(setup, world)
    data.plan.require_world(world.size)
    network = make_trained_network(setup).to(setup.device)
    state = first_state(network, setup.recipe)
    with suppress(MissingFileError):
        STATE.read(run, setup.identity, state.restore)
    trackers = open_trackers(options.trackers if world.is_first else (), run, setup.recipe)

    def on_epoch(row: dict[str, Any]) -> None:
        write_history(run, state.progress.history)
        for tracker in trackers:
            tracker.log(row)

    trainer = Trainer(
        data=data,
        state=state,
        run=run,
        identity=setup.identity,
        device=setup.device,
        world=world,
        save_steps=options.save_steps,
        on_epoch=on_epoch,
        warn=lambda text: _tell(options, f"warning: {text}"),
    )
    finished = trainer.train(seconds)
    try:
        if finished and world.is_first:
            return _finish(trainer, setup, options, trackers)
        return _outcome(run, setup, state, {}, finished=finished)
    finally:
        for tracker in trackers:
            tracker.close()


def _finish(
    trainer: Trainer, setup: Setup, options: Options, trackers: Sequence[Tracker]
) -> TrainedRun:
    from abag.training.finish import write_artefacts

    run, state = trainer.run, trainer.state
    trainer.network.load_state_dict(state.best)
    write_history(run, state.progress.history)
    summary = write_summary(run, state.progress, state.monitor)
    test = write_artefacts(trainer, setup, options)
    for tracker in trackers:
        tracker.finish({key: value["value"] for key, value in test.items()}, summary)
    write_run(run, setup, options.trackers, summary["status"], finished=True)
    return _outcome(run, setup, state, test, finished=True)


def make_data(setup: Setup, world: World | None = None) -> TrainingData:
    """Embed the rows of a run, each distinct chain once, and plan the order of its batches."""
    world = world or World()

    def embedded() -> PairFeatures:
        encoders = setup.antibody_encoder, setup.antigen_encoder
        return PairFeatures.of(
            setup.rows.table, *encoders, setup.recipe.network, setup.sources.store
        )

    # With a store the first process fills it and the others read it.
    if setup.sources.store is None or world.is_first:
        features = embedded()
    world.wait()
    if setup.sources.store is not None and not world.is_first:
        features = embedded()
    recipe, lengths = setup.recipe, features.lengths.sum(axis=1)
    plan = BatchPlan.of(setup.rows, lengths, recipe.sampler, recipe.batch, recipe.seed)
    return TrainingData(recipe, setup.rows, on_device(features, setup.device), plan)


def on_device(features: PairFeatures, device: torch.device) -> PairFeatures:
    """Move the embeddings to a GPU where they take less than half of its free memory."""
    if device.type != "cuda" or features.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return features
    return features.to(device)


def make_trained_network(setup: Setup) -> AffinityNetwork:
    """The network of a run with its first weights, drawn from the seed."""
    rows, recipe = setup.rows, setup.recipe
    network = make_network(
        recipe.network,
        setup.antibody_encoder.facts.width,
        setup.antigen_encoder.facts.width,
        len(rows.assays),
        recipe.seed,
    )
    network.centre(rows.mean_pkd)
    for code, (mean, scale) in enumerate(rows.assay_scales, start=1):
        network.centre_assay(code, mean, scale, rows.mean_pkd)
    return network


def first_state(network: AffinityNetwork, recipe: Recipe) -> NetworkState:
    """The state before the first step."""
    higher, optimiser = HIGHER_IS_BETTER[recipe.stopping.metric], recipe.optimiser
    return NetworkState(
        network=network,
        optimiser=make_adamw(
            network.parameters(), optimiser.lr, optimiser.weight_decay, fused=True
        ),
        progress=Progress(),
        monitor=Monitor(recipe.monitor),
        plateau=Plateau(recipe.schedule, higher),
        ema=copied(network.state_dict().items()) if recipe.optimiser.ema else {},
    )


def _outcome(
    run: Path, setup: Setup, state: NetworkState, test: dict[str, Any], *, finished: bool
) -> TrainedRun:
    progress = state.progress
    verdict = state.monitor.verdict(progress.best_epoch or None)
    return TrainedRun(
        run=run,
        finished=finished,
        steps=progress.step,
        epochs=len(progress.history),
        metric=setup.recipe.stopping.metric,
        best=progress.best,
        best_epoch=progress.best_epoch,
        status=verdict.status if finished else "training",
        reasons=verdict.reasons if finished else (),
        test=test,
    )


def _tell(options: Options, text: str) -> None:
    if options.tell is not None:
        options.tell(text)
