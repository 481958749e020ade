"""``abag simulate``: campaigns replayed on landscapes that were measured in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli import emit, tell
from abag.apps.cli.options.assay import NOTHING_SAID, AssayOptions
from abag.engines import ANYWHERE, WorkPlace
from abag.errors import OptionError

if TYPE_CHECKING:
    from abag.maturation.assay.file import Assay
    from abag_lab.replay.simulation_report import Simulation


def simulate(
    assay_file: Path | None = None,
    *,
    sources: Path | None = None,
    landscapes: Annotated[list[str] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    assay_options: Annotated[AssayOptions, Parameter(name="*")] = NOTHING_SAID,
    start: int = 24,
    rounds: int = 4,
    batch: int = 24,
    top: float = 0.01,
    most: int = 5_000,
    seeds: int = 5,
    first_seed: int = 0,
    acquisition: str = "ucb",
    diversity: str = "none",
    beta: float = 1.0,
    noise: float = 0.0,
    first_plate: Annotated[list[str] | None, Parameter(negative=())] = None,
    where_done: Annotated[WorkPlace, Parameter(name="*")] = ANYWHERE,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Replay campaigns where every variant was measured: ours, one-hot ridge, greedy and chance.

    Args:
        assay_file: A file of yours with several hundred measured variants or more.
        sources: Folder with the published sources, instead of a file.
        landscapes: Which published landscapes, by commas or repeated (default: all).
        out: Folder for curves.csv, simulation.json, table.md, curves.png; a stopped run goes on.
        assay_options: What you say of your file.
        start: Variants drawn at random that are measured first.
        rounds: Rounds of proposals after that.
        batch: Variants a round.
        top: Share of the pool that counts as best; ties of the last count too.
        most: Larger landscapes are drawn down to this many variants, each seed its own.
        seeds: Number of campaigns of each strategy.
        first_seed: The first seed.
        acquisition: ei, ucb, top-set, thompson or greedy; more, by commas, are tried with ours.
        diversity: For ucb and ei: believer, penalty or none.
        beta: For ucb: deviations added to the mean.
        noise: Noise added to what is measured, as a share of the values' deviation.
        first_plate: Also start ours from the most natural variants (natural, needs the extra
            network), or from the best by the global model (predicted).
        where_done: Where the work is done.
        json: Print one JSON object.
    """
    from abag.maturation.propose.acquisition import Policy
    from abag_lab.replay.simulation import Plan, strategies
    from abag_lab.replay.simulation_report import landscapes_of, run_simulation

    folder, numbers = _folder_and_seeds(out, seeds, first_seed)
    policy, *others = (Policy(name, diversity, beta) for name in _split([acquisition]) or [""])  # type: ignore[arg-type]
    arms = strategies(policy, others, _split(first_plate))  # type: ignore[arg-type]
    plan = Plan(start, rounds, batch, most, top, noise)
    chosen = landscapes_of(assay_file, assay_options.assay_file(), sources, _split(landscapes))
    engine = where_done.engine()
    simulation = run_simulation(chosen, folder, plan=plan, arms=arms, seeds=numbers, engine=engine)
    for source in filter(None, (landscape.source for landscape in chosen)):
        _report_rows(source, folder)
    emit(simulation.as_json(), _simulation_text(simulation), json)


def _split(texts: list[str] | None) -> list[str]:
    """Values that were given by commas or repeated."""
    return [name.strip() for text in texts or [] for name in text.split(",") if name.strip()]


def _folder_and_seeds(out: Path | None, seeds: int, first_seed: int) -> tuple[Path, range]:
    if out is None:
        raise OptionError("--out is missing: name a folder for the campaigns")
    if seeds < 1 or first_seed < 0:
        raise OptionError("--seeds asks for at least one seed, and --first-seed for one from 0")
    return out, range(first_seed, first_seed + seeds)


def _report_rows(assay: Assay, folder: Path) -> None:
    """Tell how many rows were kept and set aside, and write those set aside."""
    from abag.files import write_csv

    kept, aside = assay.rows, assay.aside.height
    tell(f"rows: {kept + aside} in = {kept} kept + {aside} set aside")
    for note in assay.notes:
        tell(f"note: {note}")
    if aside:
        write_csv(folder / "set_aside.csv", assay.aside.sort("source_row"))


def _simulation_text(simulation: Simulation) -> str:
    from abag_lab.replay.simulation import CHANCE, OURS, RIDGE

    summary, plan = simulation.summary, simulation.summary.plan
    lines = [
        f"share of the best {plan.share:.0%} found after {plan.start} variants at random and "
        f"{plan.rounds} rounds of {plan.batch}",
        "",
    ]
    width = max(map(len, summary.landscapes))
    lines.append("  ".join([" " * width, *summary.names]))
    for name in summary.landscapes:
        cells = (
            f"{summary.share(name, strategy).mean:.2f}".rjust(len(strategy))
            for strategy in summary.names
        )
        lines.append("  ".join([name.ljust(width), *cells]))
    for other in (RIDGE, CHANCE):
        more, equal, fewer = summary.wins(OURS, other)
        lines.append(f"{OURS} against {other}: more on {more}, equal on {equal}, fewer on {fewer}")
    return "\n".join([*lines, f"curves: {simulation.folder / 'curves.png'}"])
