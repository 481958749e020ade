"""Campaigns replayed on a landscape that was measured in full.

The landscape is the laboratory: ``start`` variants drawn at random are revealed, then every round
a strategy proposes ``batch`` others, which are revealed in turn. All strategies of a seed start
from the same variants. Counted are the largest value found and the variants found among the best
1 % of the pool (:class:`abag_lab.replay.simulation_models.Pool`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from abag.engines import Engine, Here, Work
from abag.errors import AbagError, OptionError, require_seed
from abag.files import read_json, require_own, write_json
from abag.maturation.propose.acquisition import Policy
from abag.progress import task
from abag_lab.replay.landscapes import Landscape
from abag_lab.replay.simulation_models import Believer, Pool, assay_gp_belief, one_hot_ridge_belief

Rows = NDArray[np.int64]

FirstPlate: TypeAlias = Literal["random", "natural", "predicted"]
FIRST_PLATES: Final[tuple[str, ...]] = get_args(FirstPlate)
FEWEST_START: Final = 5
FILES: Final = ("replays", "curves.csv", "simulation.json", "table.md", "curves.png")
"""What the folder of a simulation holds."""


@dataclass(frozen=True, slots=True)
class PickingStrategy:
    """A way of proposing: a model and a policy, or chance where there is no model."""

    name: str
    model: str | None
    policy: Policy = field(default_factory=Policy)
    first: FirstPlate = "random"
    """What is measured first: random variants, the most natural ones, or those that the global
    model ranks highest."""

    def __post_init__(self) -> None:
        """Raise OptionError for an unknown model or first plate."""
        if self.model is not None and self.model not in _MODELS:
            raise OptionError(f"unknown model {self.model!r}; known are {', '.join(_MODELS)}")
        if self.first not in FIRST_PLATES:
            known = ", ".join(FIRST_PLATES[1:])
            raise OptionError(f"--first-plate is {self.first!r}; known are {known}")


_MODELS: Final[Mapping[str, Believer]] = {
    "assay-gp": assay_gp_belief,
    "one-hot-ridge": one_hot_ridge_belief,
}


OURS: Final = "assay-gp"
RIDGE: Final = "one-hot-ridge"
CHANCE: Final = "random"


def strategies(
    policy: Policy, others: Sequence[Policy] = (), first: Sequence[FirstPlate] = ()
) -> tuple[PickingStrategy, ...]:
    """Ours with a policy, against one-hot ridge with the same, both greedy, and chance.

    Args:
        policy: That of ours and of the ridge.
        others: Further policies for ours.
        first: First plates that ours starts from besides random ones; FolDE starts from the most
            natural variants (arXiv 2510.24053).
    """
    greedy = Policy("greedy", "none")
    arms = [
        PickingStrategy(OURS, OURS, policy),
        PickingStrategy(f"{OURS} greedy", OURS, greedy),
        PickingStrategy(RIDGE, RIDGE, policy),
        PickingStrategy(f"{RIDGE} greedy", RIDGE, greedy),
        PickingStrategy(CHANCE, None, greedy),
        *(PickingStrategy(f"{OURS} {other.acquisition}", OURS, other) for other in others),
        *(PickingStrategy(f"{OURS} {plate} start", OURS, policy, plate) for plate in first),
    ]
    return tuple({arm.name: arm for arm in arms}.values())


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of a campaign, and of the pool."""

    start: int = 24
    rounds: int = 4
    batch: int = 24
    most: int = 5_000
    """Larger landscapes are drawn down to this many rows, each seed its own."""
    share: float = 0.01
    """Share of the pool that counts as best."""
    noise: float = 0.0
    """Added to what is measured, never to what counts: its standard deviation over the pool's."""

    def __post_init__(self) -> None:
        """Raise OptionError for sizes that make no campaign."""
        if self.start < FEWEST_START:
            raise OptionError(f"--start is {self.start}; {FEWEST_START} variants are the fewest")
        if self.rounds < 1 or self.batch < 1:
            raise OptionError("give at least one round, and one variant a round")
        if not (np.isfinite(self.noise) and self.noise >= 0):
            raise OptionError(f"--noise is {self.noise:g}; give a number from 0, such as 0.5")
        if not 0 < self.share < 1:
            raise OptionError(f"--top is {self.share:g}; give a share above 0 and below 1")
        if self.most < self.wells + 1:
            raise OptionError(
                f"a pool of {self.most} variants is measured in full by {self.wells} wells; "
                "allow a larger pool, or fewer rounds"
            )

    @property
    def wells(self) -> int:
        """Variants measured by the end."""
        return self.start + self.rounds * self.batch


@dataclass(frozen=True, slots=True)
class Replay:
    """One campaign: its hits and largest value after the start and after each round."""

    landscape: str
    strategy: str
    seed: int
    pool: int
    top: int
    """Variants that count as best, ties of the last included."""
    measured: tuple[int, ...]
    hits: tuple[int, ...]
    tenths: tuple[int, ...]
    """Measured variants among the best tenth of the pool: FolDE's measure."""
    best: tuple[float, ...]
    best_possible: float
    blind_rounds: int
    """Rounds that were filled by chance, because the measured values taught nothing."""


def draw_pool(landscape: Landscape, plan: Plan, seed: int) -> Pool:
    """The pool of a seed; raises OptionError where the landscape is too small for the plan."""
    table = landscape.table
    if table.height > plan.most:
        rows = np.random.default_rng([seed, 1]).choice(table.height, plan.most, replace=False)
        table = table[np.sort(rows).tolist()]
    pool = Pool.of(landscape.name, table, plan.share, landscape.prior)
    if pool.size <= plan.wells:
        raise OptionError(
            f"{landscape.name} has {pool.size} variants, and the campaign would measure "
            f"{plan.wells}; make it smaller with --start, --rounds or --batch"
        )
    return pool


def replay(pool: Pool, strategy: PickingStrategy, plan: Plan, seed: int) -> Replay:
    """Run one campaign; the same seed starts every strategy from the same variants."""
    require_seed(seed)
    measured = _first_plate(pool, strategy.first, plan.start, seed)
    noisy_pool = pool.measured_with(plan.noise, seed)
    history = [measured]
    blind = 0
    for number in range(plan.rounds):
        chosen = _propose(noisy_pool, strategy, plan.batch, measured, seed + 1_000 * number)
        if chosen is None:
            rng = np.random.default_rng([seed, 3, number])
            chosen = rng.choice(pool.free(measured), plan.batch, replace=False)
            blind += strategy.model is not None
        measured = np.concatenate([measured, chosen])
        history.append(measured)
    return Replay(
        pool.name, strategy.name, seed, pool.size, int(pool.top.sum()),
        tuple(len(rows) for rows in history),
        tuple(int(pool.top[rows].sum()) for rows in history),
        tuple(int(pool.tenth[rows].sum()) for rows in history),
        tuple(float(pool.values[rows].max()) for rows in history),
        float(pool.values.max()), blind,
    )  # fmt: skip


def _first_plate(pool: Pool, kind: FirstPlate, count: int, seed: int) -> Rows:
    if kind == "random":
        return np.random.default_rng([seed, 2]).choice(pool.size, count, replace=False)
    return pool.natural(count) if kind == "natural" else pool.predicted(count)


def _propose(
    pool: Pool, strategy: PickingStrategy, count: int, measured: Rows, seed: int
) -> Rows | None:
    if strategy.model is None:
        return None
    candidates = _MODELS[strategy.model](pool, np.sort(measured))
    if candidates is None or len(candidates[1]) < count:
        return None
    belief, rows = candidates
    chosen: Rows = rows[strategy.policy.choose(belief, count, seed).rows]
    return chosen


def simulate(
    landscapes: Sequence[Landscape],
    out: Path,
    arms: Sequence[PickingStrategy],
    plan: Plan,
    seeds: Sequence[int],
    engine: Engine | None = None,
) -> list[Replay]:
    """Every strategy on every landscape and seed; finished replays are kept and not run again.

    ``engine`` does the replays; without it this process, one after another.

    Raises:
        OptionError: no seed, or a landscape too small for the plan.
        FileFormatError, OptionError: ``out`` is a file, or holds other files.
    """
    if not seeds:
        raise OptionError("give at least one seed")
    for seed in seeds:
        require_seed(seed)
    require_own(out, FILES, "a simulation", overwrite=True)
    replays: list[Replay] = []
    for landscape in landscapes:
        digest = landscape.digest
        wanted = [(seed, arm) for seed in seeds for arm in arms]
        paths = [out / "replays" / _file_name(landscape.name, arm, seed) for seed, arm in wanted]
        keys = [_replay_key(arm, plan, digest) for _, arm in wanted]
        saved = [_finished_replay(path, key) for path, key in zip(paths, keys, strict=True)]
        missing = [number for number, finished in enumerate(saved) if finished is None]
        work = Work("abag_lab.replay.simulation:replayed", (landscape, plan))
        with task(f"campaigns on {landscape.name}", len(missing)) as bar:
            for at, finished in (engine or Here()).answers(
                work, [wanted[number] for number in missing]
            ):
                number = missing[at]
                content = {"key": keys[number], "replay": asdict(finished)}
                write_json(paths[number], content, seal=True)
                saved[number] = finished
                bar.advance()
        replays += [finished for finished in saved if finished is not None]
    return replays


def replayed(shared: tuple[Landscape, Plan], piece: tuple[int, PickingStrategy]) -> Replay:
    """One campaign of a landscape: the piece of work of an engine."""
    (landscape, plan), (seed, arm) = shared, piece
    key = (landscape.digest, plan, seed)
    if not _last_pool or _last_pool[0][0] != key:
        _last_pool[:] = [(key, draw_pool(landscape, plan, seed))]
    return replay(_last_pool[0][1], arm, plan, seed)


_last_pool: list[tuple[tuple[str, Plan, int], Pool]] = []
"""The pool of the last campaign: those of a seed share it, and follow each other."""


def _replay_key(arm: PickingStrategy, plan: Plan, digest: str) -> dict[str, Any]:
    return {"strategy": asdict(arm), "plan": asdict(plan), "landscape": digest}


def _file_name(name: str, arm: PickingStrategy, seed: int) -> str:
    return f"{name}_{arm.name}_{seed}.json".replace(" ", "-").replace("/", "-")


def _finished_replay(path: Path, key: Mapping[str, Any]) -> Replay | None:
    """A finished replay of the same plan, or None where there is none."""
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        if content["key"] != key:
            return None
        fields = content["replay"]
        for name in ("measured", "hits", "tenths", "best"):
            fields[name] = tuple(fields[name])
        return Replay(**fields)
    except (AbagError, KeyError, TypeError):
        return None
