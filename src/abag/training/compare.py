"""Finished runs side by side on the same test rows: Markdown, one HTML page, one picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from abag.errors import FileFormatError, MissingFileError, OptionError, SplitError
from abag.files import (
    new_result,
    read_json,
    replacing,
    require_folder,
    require_own,
    write_json,
    write_text,
)
from abag.pages import Table, page
from abag.pictures import picture_file


@dataclass(frozen=True)
class ComparedRun:
    """One finished run."""

    name: str
    folder: Path
    metrics: Mapping[str, Any]

    @property
    def split(self) -> tuple[str, str]:
        """Digest of the split, and the part that was tested."""
        return str(self.metrics["split"]["digest"]), str(self.metrics["split"]["part"])

    def test(self, key: str) -> Mapping[str, Any]:
        """A test figure with its interval, if it has one."""
        figure: Mapping[str, Any] = self.metrics["test"].get(key, {"value": None})
        return figure


@dataclass(frozen=True)
class Comparison:
    """Runs on one split and the files they were compared in."""

    runs: tuple[ComparedRun, ...]
    folder: Path

    def as_json(self) -> dict[str, Any]:
        """The table as plain values."""
        digest, part = self.runs[0].split
        return {
            "split": {"digest": digest, "part": part,
                      "strategy": self.runs[0].metrics["split"]["strategy"]},
            "test_rows": self.runs[0].test("prediction_sd").get("n"),
            "runs": {run.name: {c.key: c.plain(run) for c in COLUMNS} for run in self.runs},
            "folder": str(self.folder),
        }  # fmt: skip


@dataclass(frozen=True)
class RunColumn:
    """One column of the table."""

    key: str
    title: str
    text: Callable[[ComparedRun], str]
    plain: Callable[[ComparedRun], Any]


COMPARISON_FILES: Final = ("compare.json", "compare.md", "compare.html", "compare.png")


def compare_runs(runs: Sequence[Path], out: Path, *, overwrite: bool = False) -> Comparison:
    """Compare finished runs; writes ``compare.md``, ``.html``, ``.png`` and ``.json`` to ``out``.

    Raises:
        MissingFileError, FileFormatError: a folder is no finished run.
        SplitError: the runs were tested on different rows.
        OptionError: fewer than two runs, or one twice, or ``out`` holds other files, or an
            earlier comparison without ``overwrite``.
    """
    require_own(out, COMPARISON_FILES, "a comparison", overwrite=overwrite)
    if len(runs) < 2:
        raise OptionError("name two runs or more to compare")
    if len({run.resolve() for run in runs}) < len(runs):
        raise OptionError("a run is named twice")
    compared = [read_compared(run) for run in runs]
    _require_one_split(compared)
    comparison = Comparison(tuple(_with_names(compared)), out)
    with new_result(out, COMPARISON_FILES, "a comparison", overwrite=overwrite) as new_folder:
        write_json(new_folder / "compare.json", comparison.as_json())
        write_text(new_folder / "compare.md", markdown(comparison))
        write_text(new_folder / "compare.html", page_of(comparison))
        draw(comparison, new_folder / "compare.png")
    return comparison


def read_compared(run: Path) -> ComparedRun:
    """Read the figures of a finished run."""
    require_folder(run)
    path = run / "metrics.json"
    if not path.exists():
        raise MissingFileError(
            f"{run} has no metrics.json: it is no finished run; finish it with "
            f"abag train --resume {run}"
        )
    metrics = read_json(path)
    if not isinstance(metrics, dict) or "training" not in metrics or "split" not in metrics:
        raise FileFormatError(f"{path} is not that of a training run")
    if not metrics.get("test"):
        raise FileFormatError(f"{run} was not tested (a trial of abag tune): it cannot be compared")
    return ComparedRun(str(metrics["recipe"]), run, metrics)


def _require_one_split(runs: Sequence[ComparedRun]) -> None:
    first = runs[0]
    for run in runs[1:]:
        if run.split != first.split:
            ours, theirs = (f"{r.split[0][:12]}, part {r.split[1]!r}" for r in (first, run))
            raise SplitError(
                f"{first.folder} and {run.folder} were tested on different rows (split {ours}, and "
                f"{theirs}): their figures say nothing about each other. Train both on one split"
            )


def _with_names(runs: Sequence[ComparedRun]) -> list[ComparedRun]:
    """Runs by recipe; by folder where two are of one recipe."""
    names = [run.name for run in runs]
    return [
        ComparedRun(run.folder.name, run.folder, run.metrics) if names.count(run.name) > 1 else run
        for run in runs
    ]


def _score_column(key: str, title: str, digits: int = 2) -> RunColumn:
    def text(run: ComparedRun) -> str:
        figure = run.test(key)
        if figure["value"] is None:
            return f"undefined ({figure.get('reason', 'no figure')})"
        ends = figure.get("interval")
        shown = f"{figure['value']:.{digits}f}"
        return shown + (f" ({ends[0]:.{digits}f} to {ends[1]:.{digits}f})" if ends else "")

    def plain(run: ComparedRun) -> Any:
        figure = run.test(key)
        return {"value": figure["value"], "interval": figure.get("interval")}

    return RunColumn(key, title, text, plain)


def _run_column(key: str, title: str, part: str, shown: Callable[[Any], str]) -> RunColumn:
    def plain(run: ComparedRun) -> Any:
        return run.metrics[part].get(key)

    def text(run: ComparedRun) -> str:
        value = plain(run)
        return "undefined" if value is None else shown(value)

    return RunColumn(key, title, text, plain)


def _distinct(run: ComparedRun) -> str:
    return f"{run.test('distinct_predictions')['value']} of {run.test('distinct_inputs')['value']}"


def _encoders(run: ComparedRun) -> str:
    names = [encoder["id"] for encoder in json.loads(run.metrics["encoders"])]
    return names[0] if names[0] == names[1] else " + ".join(names)


COLUMNS: Final = (
    RunColumn("encoders", "encoders", _encoders, _encoders),
    _score_column("spearman", "Spearman"),
    _score_column("pearson", "Pearson"),
    _score_column("rmse", "RMSE (pKd)"),
    _score_column("recall", "recall at 9"),
    _run_column("recall_sd", "sd of recall over epochs", "training", lambda v: f"{v:.3f}"),
    _run_column("largest_recall_jump", "largest jump of it", "training", lambda v: f"{v:.3f}"),
    RunColumn("distinct", "distinct predictions", _distinct, _distinct),
    RunColumn(
        "share_out_of_range",
        "out of [4, 14]",
        lambda run: f"{100 * run.test('share_out_of_range')['value']:.1f} %",
        lambda run: run.test("share_out_of_range")["value"],
    ),
    _run_column("status", "status", "training", str),
    _run_column("total_epochs", "epochs", "training", str),
    _run_column("rows_per_second", "rows/s", "training", lambda v: f"{v:,.0f}"),
    _run_column("trained_parameters", "trained parameters", "size", lambda v: f"{v:,}"),
    _run_column("checkpoint_bytes", "size on disk", "size", lambda v: f"{v / 1e6:.1f} MB"),
)


def lede(comparison: Comparison) -> str:
    """Tested rows and split, in a sentence."""
    first = comparison.runs[0]
    split, rows = first.metrics["split"], first.test("prediction_sd").get("n")
    return (
        f"Tested on {rows} rows, part {split['part']!r} of the split {split['strategy']} "
        f"({split['digest'][:12]}). Figures in brackets are 95 % intervals of the bootstrap over "
        "whole clusters; one run and one seed each."
    )


def markdown(comparison: Comparison) -> str:
    """The table as Markdown: a row for each figure, a column for each run."""
    head = ["", *(run.name for run in comparison.runs)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for column in COLUMNS:
        cells = [column.title, *(column.text(run) for run in comparison.runs)]
        lines.append(f"| {' | '.join(cells)} |")
    faults = _faults(comparison)
    return "\n".join([lede(comparison), "", *lines, "", *(f"- {text}" for text in faults)]) + "\n"


def _faults(comparison: Comparison) -> list[str]:
    return [
        f"{run.name} is {run.metrics['training']['status']}: "
        + "; ".join(run.metrics["training"]["reasons"])
        for run in comparison.runs
        if run.metrics["training"]["reasons"]
    ]


def page_of(comparison: Comparison) -> str:
    """The table as one self-contained HTML page."""
    header = ("", *(run.name for run in comparison.runs))
    rows = tuple((c.title, *(c.text(run) for run in comparison.runs)) for c in COLUMNS)
    return page(
        "compare",
        title="Recipes compared",
        lede=lede(comparison),
        table=Table("Figures of the test part", header, rows),
        faults=_faults(comparison),
    )


@picture_file
def draw(comparison: Comparison, path: Path) -> None:
    """Dots with intervals for the leading figures, and the recall of each epoch's neighbour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    runs = comparison.runs
    panels = (("spearman", "Spearman"), ("pearson", "Pearson"), ("rmse", "RMSE (pKd)"),
              ("recall", "recall at 9"))  # fmt: skip
    size = (11, 1.4 + 0.42 * len(runs))
    figure = Figure(figsize=size, dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for axes, (key, title) in zip(
        figure.subplots(1, len(panels), sharey=True), panels, strict=True
    ):
        for row, run in enumerate(runs):
            figures = run.test(key)
            if figures["value"] is None:
                continue
            if ends := figures.get("interval"):
                axes.hlines(row, *ends, color="#0072B2", lw=2)
            unstable = run.metrics["training"]["status"] != "stable"
            axes.plot(figures["value"], row, "o", color="#D55E00" if unstable else "#0072B2")
        axes.set_yticks(range(len(runs)), [run.name for run in runs])
        axes.set_ylim(len(runs) - 0.5, -0.5)
        axes.set_title(title, fontsize=10)
        axes.grid(axis="x", color="#dddddd", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("test figures, 95 % intervals; orange: unstable", fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
