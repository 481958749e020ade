"""What the AbBiBench benchmark writes: JSON, a Markdown page, a picture, and scores row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.files import replacing, write_csv, write_json, write_text
from abag.pages import markdown_table
from abag.pictures import picture_file
from abag_lab.benchmarks.abbibench_scores import Correlations, Figure

Reals = NDArray[np.float64]

OURS: Final = "abag"
BASELINES: Final = ("fewer mutations", "BLOSUM62", "repertoire")
INVERTED: Final = frozenset({"1mhp", "1mlc"})
"""Assays whose published score is larger for weaker binding."""
SCORES: Final = "{}_benchmarking_data_abag_scores.csv"
"""AbBiBench's name and columns for a model's scores of one assay."""
SHOWN: Final = (
    "ESMIF1", "ProteinMPNN", "Antifold", "-FoldX dG", "SaProt", "ESM2", "CurrAb", "ProSST",
    "AntiBERTy", "ESM3-Open",
)  # fmt: skip

COMPARED: Final = ("ESMIF1", "ProteinMPNN", "ESM2", "AntiBERTy", "BLOSUM62", "fewer mutations")


@dataclass(frozen=True, slots=True)
class AssayResult:
    """One assay: what was left out, and every model's scores of its rows."""

    name: str
    variants: pl.DataFrame
    """As published: ``mut_heavy_chain_seq`` and ``binding_score``."""
    truth: Reals
    scores: Mapping[str, Reals]
    left_out: tuple[str, ...]
    trained_on: int
    """Rows of the training assays that were kept."""


@dataclass(frozen=True, slots=True)
class AbBiBenchmark:
    """All assays, the correlations, and where the files lie."""

    results: tuple[AssayResult, ...]
    correlations: Correlations
    folder: Path

    def as_json(self) -> dict[str, Any]:
        """For ``--json`` and abbibench.json."""
        return {
            "assays": {
                result.name: {
                    "rows": len(result.truth),
                    "left_out": list(result.left_out),
                    "trained_on_rows": result.trained_on,
                }
                for result in self.results
            },
            **self.correlations.as_json(OURS),
            "folder": str(self.folder),
        }


def write_report(benchmark: AbBiBenchmark, out: Path) -> None:
    """Write abbibench.json, abbibench.md, abbibench.png, and scores/ in AbBiBench's format."""
    for result in benchmark.results:
        table = result.variants.with_columns(
            pl.Series("log-likelihood", result.scores[OURS], dtype=pl.Float64)
        )
        write_csv(out / "scores" / SCORES.format(result.name), table)
    write_json(out / "abbibench.json", benchmark.as_json())
    write_text(out / "abbibench.md", page(benchmark))
    _picture(benchmark, out / "abbibench.png")


def page(benchmark: AbBiBenchmark) -> str:
    """The Markdown page: every model by mean, intervals of ours, and what was left out."""
    correlations = benchmark.correlations
    lines = [
        "# AbBiBench, zero-shot",
        "",
        "Spearman's correlation with the corrected labels, 95 % bootstrap intervals over rows. "
        "`1mhp` and `1mlc` are published with the wrong sign, `aayl*` as a logarithm of a "
        "logarithm; corrected for every model. `1mlc` and `2fjg` are enrichments. The last column "
        "is the mean against the labels as published.",
        "",
        *markdown_table(
            ("model", *correlations.assays, "mean", "as published"),
            [
                (
                    f"**{model}**" if model == OURS else model.replace("|", " "),
                    *(
                        _value_text(correlations.figure(assay, model))
                        for assay in correlations.assays
                    ),
                    _interval_text(correlations.mean(model)),
                    f"{correlations.mean_as_published(model):.3f}",
                )
                for model in correlations.ranked()
            ],
        ),
        *("", f"Intervals of {OURS}:", ""),
        *markdown_table(
            ("assay", "rows", "Spearman", "trained on", "without"),
            [
                (
                    result.name,
                    f"{len(result.truth):,}",
                    _interval_text(correlations.figure(result.name, OURS)),
                    f"{result.trained_on:,} rows",
                    ", ".join(result.left_out) or "nothing: no training assay is related",
                )
                for result in benchmark.results
            ],
        ),
        *("", *_differences(benchmark), ""),
    ]
    inverted = ", ".join(name for name in correlations.assays if name in INVERTED)
    if inverted:
        lines += [f"Sign turned: {inverted}.", ""]
    return "\n".join(lines)


def _differences(benchmark: AbBiBenchmark) -> list[str]:
    """Differences of means from well-known models, with all assays and without each of them."""
    correlations = benchmark.correlations
    peers = [name for name in COMPARED if name in correlations.ranked()]
    lines = []
    for peer in peers:
        figure = correlations.advantage(OURS, peer)
        lines.append(f"- mean of {OURS} minus mean of {peer}: {_interval_text(figure)}")
    lines += [
        "",
        "Intervals are over the rows of these assays and say nothing of other antibodies. The same "
        "differences without one of the assays:",
        "",
    ]
    rows = []
    for assay in correlations.assays:
        values = [correlations.advantage_without(assay, OURS, peer) for peer in peers]
        rows.append((assay, *("–" if value is None else f"{value:+.3f}" for value in values)))
    return [*lines, *markdown_table(("without", *peers), rows)]


def _value_text(figure: Figure | None) -> str:
    return "–" if figure is None else f"{figure.value:.2f}"


def _interval_text(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


@picture_file
def _picture(benchmark: AbBiBenchmark, path: Path) -> None:
    """Correlations of the best-known models as a heat map."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    correlations = benchmark.correlations
    models = [name for name in correlations.ranked() if name in (OURS, *SHOWN, *BASELINES)]
    values = np.stack([correlations.values[:, correlations.models.index(name)] for name in models])
    with_mean = np.concatenate([values, values.mean(axis=1, keepdims=True)], axis=1)
    figure, axes = pyplot.subplots(
        figsize=(1.6 + 0.85 * with_mean.shape[1], 0.9 + 0.36 * len(models))
    )
    axes.imshow(with_mean, cmap="RdBu", vmin=-0.8, vmax=0.8, aspect="auto")
    for row, column in np.ndindex(*with_mean.shape):
        value = with_mean[row, column]
        colour = "white" if abs(value) > 0.5 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(with_mean.shape[1]), [*correlations.assays, "mean"], fontsize=8)
    axes.set_yticks(range(len(models)), models, fontsize=8)
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == OURS else "normal")
    axes.axvline(with_mean.shape[1] - 1.5, color="black", linewidth=1)
    axes.set_title("AbBiBench zero-shot, Spearman, corrected labels", fontsize=9)
    figure.tight_layout()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata={"Software": None}, format="png")
    pyplot.close(figure)
