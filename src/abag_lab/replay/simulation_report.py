"""``abag simulate``: campaigns on published landscapes or a user's own, with files and picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from abag.engines import Engine
from abag.errors import OptionError
from abag.files import replacing, write_csv, write_json, write_text
from abag.maturation.assay.file import AssayFile, read_assay
from abag.pictures import picture_file
from abag.progress import track
from abag_lab.mutation_effect.blind import BlindPriors
from abag_lab.replay.landscapes import LANDSCAPES, Landscape, read_landscapes, with_values
from abag_lab.replay.simulation import OURS, RIDGE, PickingStrategy, Plan, Replay, simulate
from abag_lab.replay.simulation_summary import Summary, curve_of, table_text

_COLOURS: Final = ("#0b6e4f", "#8fc9ae", "#c1440e", "#e8b09a", "#7d7d7d", "#4a2a7b")


@dataclass(frozen=True, slots=True)
class Simulation:
    """A finished simulation and where it lies."""

    summary: Summary
    folder: Path

    def as_json(self) -> dict[str, Any]:
        """Figures and folder."""
        return {**self.summary.as_json(), "folder": str(self.folder)}


def landscapes_of(
    table: Path | None, assay_file: AssayFile | None, sources: Path | None, names: Sequence[str]
) -> tuple[Landscape, ...]:
    """A user's own assay, or published landscapes; exactly one of the two.

    Published ones come with the global model learnt without their cluster. Whether the shipped
    one has learnt from a user's assay is not known, so that campaigns on it go without.

    Raises:
        OptionError: neither or both are given, or a landscape that is not known.
        TableError, ModelError: the user's file cannot be read as an assay.
    """
    if (table is None) == (sources is None):
        raise OptionError("give a file of measured variants, or --sources FOLDER, one of the two")
    if table is not None:
        if names:
            raise OptionError("--landscapes chooses among published ones; leave it out")
        assay = read_assay(table, assay_file)
        return (Landscape(table.stem, with_values(assay.table), source=assay),)
    folder = sources or Path()
    published = list(read_landscapes(folder, names or list(LANDSCAPES)))
    priors = BlindPriors.of(folder)
    chosen = track(published, "learning the global model without each landscape")
    return tuple(replace(landscape, prior=priors.without(landscape.table)) for landscape in chosen)


def run_simulation(
    landscapes: Sequence[Landscape],
    out: Path,
    *,
    plan: Plan,
    arms: Sequence[PickingStrategy],
    seeds: Sequence[int],
    engine: Engine | None = None,
) -> Simulation:
    """Replay all campaigns and write curves.csv, simulation.json, table.md and curves.png.

    ``engine`` does the replays. A start from the most natural variants needs torch.

    Finished replays in ``out`` are not run again, so that an interrupted run goes on.
    """
    replays = simulate(landscapes, out, arms, plan, seeds, engine)
    simulation = Simulation(Summary(tuple(replays), plan, tuple(arms)), out)
    write_csv(out / "curves.csv", simulation.summary.curves())
    write_json(out / "simulation.json", simulation.as_json())
    write_text(out / "table.md", table_text(simulation.summary))
    draw_curves(simulation.summary, out / "curves.png")
    return simulation


_LABEL_INCHES: Final = 1.5


@picture_file
def draw_curves(summary: Summary, path: Path) -> None:
    """Share of the best variants found, by round, one panel a landscape; 95 % over seeds."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = summary.landscapes
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        wide = 2.7 * columns + 0.4
        label_columns = legend_columns(wide, len(summary.names))
        lines = -(-len(summary.names) // label_columns)
        canvas = Figure(figsize=(wide, 2.2 * rows + 0.5 + 0.2 * lines), layout="constrained")
        panels = np.atleast_1d(canvas.subplots(rows, columns, sharex=True)).ravel()
        for panel, name in zip(panels, names, strict=False):
            _panel(panel, summary, name)
        for panel in panels[len(names) :]:
            panel.set_axis_off()
        for panel in panels[max(0, len(names) - columns) : len(names)]:
            panel.tick_params(labelbottom=True)  # nothing stands below it
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(
            handles, labels, loc="outside lower center", ncols=label_columns, frameon=False
        )
        with replacing(path) as temporary:
            canvas.savefig(temporary, format="png", dpi=100, metadata={"Software": None})


def legend_columns(width_inches: float, labels: int) -> int:
    """Labels that have room beside each other below a picture of this width."""
    return max(1, min(labels, int(width_inches / _LABEL_INCHES)))


def _panel(axes: Any, summary: Summary, name: str) -> None:
    measured = summary.of(name, summary.names[0])[0].measured
    for strategy, colour in zip(summary.names, _COLOURS, strict=False):
        points = curve_of(summary, name, strategy, _share)
        mean = [point.mean for point in points]
        axes.plot(measured, mean, color=colour, label=strategy, marker="o", markersize=2.5)
        if strategy in (OURS, RIDGE) and points[0].lower is not None:
            low = [max(0.0, point.lower or 0.0) for point in points]
            high = [min(1.0, point.upper or 0.0) for point in points]
            axes.fill_between(measured, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_title(name, fontsize=8.5, loc="left", fontweight="bold")
    axes.set_xticks(measured)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("variants measured")
    axes.set_ylabel("share of the best found")


def _share(replay: Replay, step: int) -> float:
    return replay.hits[step] / replay.top
