"""Hyper-parameter search with Optuna: every trial is a run, judged by the validation part alone.

STUDY holds ``study.json`` (what is searched), ``study.db`` (Optuna's SQLite file), a folder for
each trial below ``trials``, ``trials.csv`` and ``best.toml``, a recipe that `abag train` reads.
The test part is never read: train the best recipe once to look at it. A search that was killed
goes on; the trial that it was in is resumed from its own state.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from abag.encoders.protocol import Encoder
from abag.errors import AbagError, FileFormatError, OptionError, installed
from abag.files import (
    locked,
    make_folder,
    read_json,
    replacing,
    require_own,
    sha256_of,
    write_csv,
    write_json,
    write_text,
)
from abag.progress import task
from abag.training.engine.validation import HIGHER_IS_BETTER
from abag.training.recipe import Recipe, parse_recipe
from abag.training.run import TrainedRun, resume, train
from abag.training.setup import Options, Sources

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial, TrialState

Encoders = tuple[Encoder, Encoder]

DATABASE: Final = "study.db"
STUDY: Final = "abag"
DEFAULTS: Final[tuple[str, ...]] = (
    "optimiser.lr=1e-5:1e-2:log",
    "optimiser.weight_decay=1e-6:1e-1:log",
    "network.fusion.dropout=0.0:0.4",
    "network.head.dropout=0.0:0.5",
    "batch.size=16,32,64",
)
"""Searched where no range is given."""


@dataclass(frozen=True, slots=True)
class Range:
    """Values that one key of the recipe may have."""

    key: str
    choices: tuple[Any, ...] = ()
    """Values to choose from; empty where it is an interval."""
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    """Whole numbers only."""

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read ``key=low:high``, ``key=low:high:log`` or ``key=a,b,c``.

        Raises:
            OptionError: it is none of these.
        """
        key, equals, values = (part.strip() for part in text.partition("="))
        shown = f"--search {text!r}"
        if not (key and equals and values):
            raise OptionError(f"{shown} is not KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=A,B,C")
        if ":" not in values:
            choices = tuple(_value(choice) for choice in values.split(","))
            if len(choices) < 2:
                raise OptionError(f"{shown} leaves nothing to choose; give two values or more")
            return cls(key, choices)
        low, high, *scale = values.split(":")
        try:
            ends = float(low), float(high)
        except ValueError:
            raise OptionError(f"{shown}: {low!r} and {high!r} are no numbers") from None
        if not (math.isfinite(ends[0]) and ends[0] < ends[1] < math.inf) or scale not in (
            [],
            ["log"],
        ):
            raise OptionError(f"{shown}: give LOW below HIGH, and nothing or log after them")
        if scale and ends[0] <= 0:
            raise OptionError(f"{shown}: a logarithmic range begins above 0")
        whole_numbers = all(isinstance(_value(end), int) for end in (low, high))
        return cls(key, (), *ends, log=bool(scale), whole=whole_numbers)

    def draw(self, trial: Trial) -> Any:
        """A value for a trial."""
        if self.choices:
            return trial.suggest_categorical(self.key, list(self.choices))
        if self.whole:
            return trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)


@dataclass(frozen=True, slots=True)
class TunedStudy:
    """Result of a search."""

    folder: Path
    metric: str
    trials: int
    failed: int
    best_trial: int | None
    best: float | None
    settings: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "folder": str(self.folder)}


def tune(
    recipe: Recipe,
    sources: Sources,
    out: Path,
    trials: int,
    search: Sequence[str] = (),
    options: Options | None = None,
    encoders: Encoders | None = None,
) -> TunedStudy:
    """Search until the study in ``out`` has ``trials`` finished trials.

    Args:
        recipe: what is not searched.
        sources: table and split; without a store, embeddings are kept in ``out/store``.
        out: new folder, or that of a study with the same recipe, files and search.
        trials: finished trials that the study is to have, earlier ones counted in.
        search: ranges, see :meth:`Range.parse`; by default :data:`DEFAULTS`.
        options: device, notes.
        encoders: opened ones, in place of those that the recipe names.

    Raises:
        OptionError: a range that no recipe allows, or ``out`` holds another study.
        UnavailableError: Optuna is not installed.
    """
    if trials < 1:
        raise OptionError(f"--trials is {trials}; give 1 or more")
    ranges = [Range.parse(text) for text in search or DEFAULTS]
    _require_valid_ends(recipe, ranges)
    content = _study_content(recipe, sources, ranges)
    _require_folder(out, content)
    make_folder(out)
    sources = replace(sources, store=sources.store or out / "store")
    quiet = replace(options or Options(), test=False, audit=False, report=False, trackers=())
    with locked(out, "searched"):
        study = _study(out, content, recipe)
        return _Search(study, recipe, sources, out, ranges, quiet, encoders).until(trials)


@dataclass(frozen=True)
class _Search:
    study: Study
    recipe: Recipe
    sources: Sources
    out: Path
    ranges: Sequence[Range]
    options: Options
    encoders: Encoders | None

    def until(self, trials: int) -> TunedStudy:
        """Carry out trials until so many are finished, earlier ones counted in."""
        results = self._write_results()
        with task(f"trials of {self.recipe.name}", trials) as bar:
            bar.advance(results.trials)
            while results.trials < trials:
                self._next_trial()
                results = self._write_results()
                bar.advance()
        return results

    def _next_trial(self) -> None:
        """Carry out a trial, or the one that a kill left behind."""
        from optuna.trial import Trial, TrialState

        study = self.study
        unfinished = self._trials(TrialState.RUNNING)
        trial = Trial(study, unfinished[0]._trial_id) if unfinished else study.ask()
        number = trial.number
        values = {
            searched.key: self._draw_value(trial, index)
            for index, searched in enumerate(self.ranges)
        }
        try:
            value = self._run(number, values).best
        except AbagError as error:
            if self.options.tell is not None:
                self.options.tell(f"trial {number} failed: {error}")
            study.tell(number, state=TrialState.FAIL)
            failed = len(self._trials(TrialState.FAIL))
            # Where every trial fails, the cause is not the values that were drawn.
            if failed >= 3 and not self._trials(TrialState.COMPLETE):
                raise OptionError(
                    f"the first {failed} trials all failed, the last one so: {error}"
                ) from None
            return
        failed_state = TrialState.FAIL if value is None else None
        study.tell(number, value, failed_state)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)

    def _draw_value(self, trial: Trial, index: int) -> Any:
        """A value for a trial: the one that it has, or one that a stop could not change.

        What the sampler draws depends on the seed, the trial's number, the place of the key and
        the results of earlier trials, and on nothing that a process remembers.
        """
        from optuna.samplers import TPESampler

        entropy = [self.recipe.seed, trial.number, index]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        self.study.sampler = TPESampler(seed=seed)
        return self.ranges[index].draw(trial)

    def _run(self, number: int, values: Mapping[str, Any]) -> TrainedRun:
        run = self.out / "trials" / f"{number:04d}"
        if (run / "run.json").exists():
            return resume(run, self.options, encoders=self.encoders)
        chosen = with_values(self.recipe, values)
        return train(chosen, self.sources, run, self.options, self.encoders)

    def _write_results(self) -> TunedStudy:
        """Write ``trials.csv`` and ``best.toml``; returns where the study stands."""
        from optuna.trial import TrialState

        recipe, trials = self.recipe, self._trials()
        rows = [
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                f"val_{recipe.stopping.metric}": trial.value,
                **{searched.key: _text(trial.params.get(searched.key)) for searched in self.ranges},
            }
            for trial in trials
        ]
        if rows:
            write_csv(self.out / "trials.csv", pl.DataFrame(rows, infer_schema_length=None))
        finished = len(self._trials(TrialState.COMPLETE))
        best = self.study.best_trial if finished else None
        settings = {} if best is None else dict(best.params)
        if best is not None:
            chosen = with_values(recipe, settings)
            chosen = chosen.model_copy(update={"name": f"{recipe.name}-tuned"})
            write_text(self.out / "best.toml", toml(chosen.as_json()))
        return TunedStudy(
            folder=self.out,
            metric=recipe.stopping.metric,
            trials=finished,
            failed=len(self._trials(TrialState.FAIL)),
            best_trial=None if best is None else best.number,
            best=None if best is None else best.value,
            settings=settings,
        )


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with other values at dotted keys; raises OptionError for one it does not allow."""
    content = recipe.as_json()
    for key, value in values.items():
        level: Any = content
        *above, last = key.split(".")
        try:
            for part in above:
                level = level[int(part) if isinstance(level, list) else part]
            level[int(last) if isinstance(level, list) else last] = value
        except (KeyError, ValueError, IndexError, TypeError):
            raise OptionError(f"--search {key}: the recipe has no such place") from None
    return parse_recipe(content, f"{recipe.name} with {dict(values)}")


def _require_valid_ends(recipe: Recipe, ranges: Sequence[Range]) -> None:
    """Both ends of every range must make a recipe."""
    keys = [searched.key for searched in ranges]
    if len(set(keys)) < len(keys):
        raise OptionError(f"--search names a key twice: {', '.join(sorted(keys))}")
    for searched in ranges:
        ends = searched.choices or (
            (int(searched.low), int(searched.high))
            if searched.whole
            else (searched.low, searched.high)
        )
        for value in ends:
            with_values(recipe, {searched.key: value})


def _study_content(recipe: Recipe, sources: Sources, ranges: Sequence[Range]) -> dict[str, Any]:
    """What ``study.json`` holds: plain values."""
    content = {
        "recipe": recipe.as_json(),
        "table_sha256": sha256_of(sources.table),
        "split_sha256": sha256_of(sources.split),
        "holdout": sources.holdout,
        "search": [asdict(searched) for searched in ranges],
    }
    return dict(json.loads(json.dumps(content)))


def _require_folder(out: Path, content: Mapping[str, Any]) -> None:
    """Raise OptionError unless ``out`` is free, or holds this very search."""
    path = out / "study.json"
    if not path.exists():
        require_own(out, (), "a search", overwrite=False)
        return
    earlier = read_json(path)
    if not isinstance(earlier, dict):
        raise FileFormatError(f"{path} describes no search; name another folder")
    if differing := [key for key in content if earlier.get(key) != content[key]]:
        raise OptionError(
            f"{out} holds a search of another {', '.join(differing)}; name another folder"
        )


def _study(out: Path, content: Mapping[str, Any], recipe: Recipe) -> Study:
    """A new study in ``out``, or the one that it holds."""
    optuna = installed("optuna", 'the search needs Optuna: pip install "abag[training]"')
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _require_folder(out, content)
    if not (out / "study.json").exists():
        write_json(out / "study.json", content, seal=True)
    higher = HIGHER_IS_BETTER[recipe.stopping.metric]
    path = out / DATABASE
    try:
        if not path.exists():
            # Optuna makes its tables in many steps; a kill between them would leave no study.
            with replacing(path, apart=True) as temporary:
                storage = optuna.storages.RDBStorage(f"sqlite:///{temporary.resolve()}")
                optuna.create_study(
                    storage=storage,
                    study_name=STUDY,
                    direction="maximize" if higher else "minimize",
                )
                storage.engine.dispose()
        study: Study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{path.resolve()}")
    except Exception as error:  # Optuna hands on whatever its database raises
        raise FileFormatError(f"{path} is no readable study ({error})") from None
    return study


def toml(content: Mapping[str, Any], above: str = "") -> str:
    """Plain values as TOML: what `abag train --recipe` reads; None is left out."""
    plain = {k: v for k, v in content.items() if not _is_part(v) and v is not None}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for key, value in content.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            lines += ["", f"[{name}]", toml(value, f"{name}.")]
        elif _is_part(value):
            lines += [f"\n[[{name}]]\n{toml(item, f'{name}.')}" for item in value]
    return "\n".join(lines).strip() + "\n"


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text.strip()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
