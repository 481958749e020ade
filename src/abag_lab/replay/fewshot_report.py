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


def write_report(done: FewShotBenchmark, out: Path) -> None:
    """Write ``fewshot.html`` and ``fewshot.png`` into the folder."""
    rows = max(1, -(-len(done.names("landscape")) // _COLUMNS))
    write_text(out / "fewshot.html", _page(done, _panels(done, rows)))
    _save(done, rows, out / "fewshot.png")


@picture
def _panels(done: FewShotBenchmark, rows: int) -> str:
    with figure(2.1 * rows) as (drawn, axes):
        axes.remove()
        _curves(drawn, done, rows, _COLOURS)
        return svg(drawn, "Spearman by number of training rows, one panel a landscape")


@picture_file
def _save(done: FewShotBenchmark, rows: int, place: Path) -> None:
    import matplotlib.pyplot as plt

    plain = plt.figure(figsize=(2.6 * _COLUMNS, 2.2 * rows), layout="constrained")
    _curves(plain, done, rows, {name: _PLAIN[c] for name, c in _COLOURS.items()})
    with replacing(place) as path:
        plain.savefig(path, format="png", dpi=150, metadata={"Software": None})
    plt.close(plain)


def _curves(drawn: Any, done: FewShotBenchmark, rows: int, colours: dict[str, str]) -> None:
    sizes = [size for size in done.names("size") if size.isdigit()]
    for place, name in enumerate(done.names("landscape"), start=1):
        axes = drawn.add_subplot(rows, _COLUMNS, place)
        for model in _SHOWN:
            found = [done.spread(name, model, size) for size in sizes]
            known = [(int(s), *f) for s, f in zip(sizes, found, strict=True) if f is not None]
            if not known:
                continue
            at, mean, low, high = np.array(known).T
            axes.plot(at, mean, color=colours[model], marker="o", markersize=3, label=model)
            axes.fill_between(at, low, high, color=colours[model], alpha=0.15, linewidth=0)
        axes.set_xscale("log")
        axes.set_xticks([int(s) for s in sizes], sizes)
        axes.minorticks_off()
        axes.set_title(name)
        if place == 1:
            axes.legend(fontsize=6.5, loc="best")
        if place % _COLUMNS == 1:
            axes.set_ylabel("Spearman")


def _page(done: FewShotBenchmark, picture: str) -> str:
    names, seeds = done.names("landscape"), done.settings["seeds"]
    tables = []
    for size in done.names("size"):
        rows = [
            (model, *(_cell(done.of(name, model, size)) for name in names),
             _cell(done.mean(model, size)))
            for model in done.names("model")
        ]  # fmt: skip
        covered = [done.of(name, OURS, size, "coverage") for name in names]
        rows.append((f"{OURS}: share in 90 % intervals", *map(_cell, covered), ""))
        for floor in FLOORS:
            gains = [gained(done, name, floor, size) for name in names]
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


def gained(done: FewShotBenchmark, landscape: str, floor: str, size: str) -> str:
    """Ours less a floor, with half of the 95 % interval over seeds where there are several."""
    found = done.gain(landscape, floor, size)
    if found is None:
        return "–"
    reach = "" if found.upper is None else f"±{found.upper - found.mean:.2f}"
    return f"{found.mean:+.2f}{reach}"


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
