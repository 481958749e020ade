"""The few-shot benchmark as a page and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from abag.evaluation.reporting.drawing import ACCENT, FAINT, MUTED, SECOND, figure, svg
from abag.files import replacing, write_text
from abag.pages import Table, page
from abag.pictures import picture, picture_file
from abag_lab.replay.fewshot_scores import FLOORS, OURS, FewShotBenchmark

_SHOWN: Final = (OURS, "one-hot-ridge", "kmer-ridge")
_COLOURS: Final = dict(zip(_SHOWN, (ACCENT, MUTED, SECOND), strict=True))
_PLAIN: Final = {ACCENT: "#0b6e6e", MUTED: "#8a8a8a", SECOND: "#b5651d", FAINT: "#bbbbbb"}
_COLUMNS: Final = 4


def write_report(benchmark: FewShotBenchmark, out: Path) -> None:
    """Write ``fewshot.html`` and ``fewshot.png`` into the folder."""
    rows = max(1, -(-len(benchmark.names("landscape")) // _COLUMNS))
    write_text(out / "fewshot.html", _page(benchmark, _panels(benchmark, rows)))
    _save(benchmark, rows, out / "fewshot.png")


@picture
def _panels(benchmark: FewShotBenchmark, rows: int) -> str:
    with figure(2.1 * rows) as (canvas, axes):
        axes.remove()
        _curves(canvas, benchmark, rows, _COLOURS)
        return svg(canvas, "Spearman by number of training rows, one panel a landscape")


@picture_file
def _save(benchmark: FewShotBenchmark, rows: int, path_png: Path) -> None:
    import matplotlib.pyplot as plt

    canvas = plt.figure(figsize=(2.6 * _COLUMNS, 2.2 * rows), layout="constrained")
    _curves(canvas, benchmark, rows, {name: _PLAIN[c] for name, c in _COLOURS.items()})
    with replacing(path_png) as path:
        canvas.savefig(path, format="png", dpi=150, metadata={"Software": None})
    plt.close(canvas)


def _curves(canvas: Any, benchmark: FewShotBenchmark, rows: int, colours: dict[str, str]) -> None:
    sizes = [size for size in benchmark.names("size") if size.isdigit()]
    for panel, name in enumerate(benchmark.names("landscape"), start=1):
        axes = canvas.add_subplot(rows, _COLUMNS, panel)
        for model in _SHOWN:
            spreads = [benchmark.spread(name, model, size) for size in sizes]
            known = [(int(s), *f) for s, f in zip(sizes, spreads, strict=True) if f is not None]
            if not known:
                continue
            at, mean, low, high = np.array(known).T
            axes.plot(at, mean, color=colours[model], marker="o", markersize=3, label=model)
            axes.fill_between(at, low, high, color=colours[model], alpha=0.15, linewidth=0)
        axes.set_xscale("log")
        axes.set_xticks([int(s) for s in sizes], sizes)
        axes.minorticks_off()
        axes.set_title(name)
        if panel == 1:
            axes.legend(fontsize=6.5, loc="best")
        if panel % _COLUMNS == 1:
            axes.set_ylabel("Spearman")


def _page(benchmark: FewShotBenchmark, picture: str) -> str:
    names, seeds = benchmark.names("landscape"), benchmark.settings["seeds"]
    tables = []
    for size in benchmark.names("size"):
        rows = [
            (model, *(_cell(benchmark.of(name, model, size)) for name in names),
             _cell(benchmark.mean(model, size)))
            for model in benchmark.names("model")
        ]  # fmt: skip
        covered = [benchmark.of(name, OURS, size, "coverage") for name in names]
        rows.append((f"{OURS}: share in 90 % intervals", *map(_cell, covered), ""))
        for floor in FLOORS:
            gains = [gained(benchmark, name, floor, size) for name in names]
            rows.append((f"{OURS} minus {floor}, 95 % interval", *gains, ""))
        title = f"n = {size}" if size.isdigit() else size
        tables.append(Table(title, ("model", *names, "mean"), tuple(rows)))
    return page(
        "fewshot",
        title="Few-shot benchmark",
        lede="Spearman's correlation on the last 20 % of a permutation of each landscape after "
        f"training on its first n rows; mean over seeds {seeds[0]} to {seeds[-1]}, shaded from "
        "the lowest to the highest.",
        picture=picture,
        tables=tables,
    )


def gained(benchmark: FewShotBenchmark, landscape: str, floor: str, size: str) -> str:
    """Ours less a floor, with half of the 95 % interval over seeds where there are several."""
    gain = benchmark.gain(landscape, floor, size)
    if gain is None:
        return "–"
    reach = "" if gain.upper is None else f"±{gain.upper - gain.mean:.2f}"
    return f"{gain.mean:+.2f}{reach}"


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
