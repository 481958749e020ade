"""``abag benchmark``: make the published comparison tables again, one command each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from abag.apps.cli import emit
from abag.engines import ANYWHERE, WorkPlace

if TYPE_CHECKING:
    from abag_lab.benchmarks.abbibench_report import AbBiBenchmark
    from abag_lab.benchmarks.saaint import SaaintBenchmark
    from abag_lab.door.benchmark import DoorFigures
    from abag_lab.replay.fewshot_scores import FewShotBenchmark

app = App(name="benchmark", help="Make the published comparison tables again, one command each.")


@app.command
def saaint(
    *,
    sources: Annotated[Path, Parameter(env_var="ABAG_DATA_SOURCES")],
    out: Path,
    model: Annotated[list[str], Parameter(negative=())] | None = None,
    rows: str = "deduplicated",
    folds: int = 10,
    seed: int = 0,
    bootstrap: int = 1000,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """SAAINT-DB under three splits: random, structures disjoint, antigen clusters disjoint.

    Args:
        sources: Folder that holds the folder `saaint_db` (also read from ABAG_DATA_SOURCES).
        out: Folder for the report, the metrics, the predictions, the table and the splits.
        model: Models to compare; repeat the option (default: pairs and kmer-ridge). Baselines
            are beside.
        rows: `deduplicated` (one row a heavy-light-antigen triple) or `published` (every row).
        folds: Folds of each split.
        seed: Seed of splits, models and bootstrap.
        bootstrap: Number of bootstrap resamples of antigen clusters.
        overwrite: Replace an earlier benchmark in that folder.
        json: Print one JSON object.
    """
    from abag_lab.benchmarks.saaint import MODELS, benchmark_saaint

    benchmark = benchmark_saaint(
        sources,
        out,
        models=model or MODELS,
        rows=rows,
        folds=folds,
        seed=seed,
        resamples=bootstrap,
        overwrite=overwrite,
    )
    emit(benchmark.as_json(), saaint_text(benchmark), json)


def saaint_text(benchmark: SaaintBenchmark) -> str:
    """The three splits as a table, and in words what they mean together."""
    from abag.evaluation.reporting.wording import compare, number

    lines = [
        f"SAAINT-DB, {benchmark.rows} rows: {benchmark.distinct} rows, pooled Pearson / RMSE (pKd)",
        "",
    ]
    names = [model.name for model in benchmark.evaluations[0].models]
    lines.append(
        f"{'model':<20}" + "".join(f"{evaluation.name:>28}" for evaluation in benchmark.evaluations)
    )
    for name in names:
        cells = []
        for evaluation in benchmark.evaluations:
            pooled = evaluation.model(name).pooled
            pair = [number(pooled[key].score.value, 3) for key in ("pearson", "rmse")]
            cells.append(f"{' / '.join(pair):>28}")
        lines.append(f"{name:<20}" + "".join(cells))
    lines += ["", *compare(benchmark.evaluations, benchmark.evaluations[0].subject.name)]
    return "\n".join([*lines, "", f"report: {benchmark.files.report}"])


@app.command
def door(
    *,
    sources: Annotated[Path, Parameter(env_var="ABAG_DATA_SOURCES")],
    out: Path,
    opened: Annotated[bool, Parameter(negative=())] = False,
    folds: int = 5,
    seed: int = 0,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """The model behind `abag predict`: open and sealed figures, by verdict and inside sets.

    Args:
        sources: Folder that holds one folder a source (also read from ABAG_DATA_SOURCES).
        out: Folder for the figures, the held-out rows and the log of openings.
        opened: Also measure on the sealed part: once for each model that is to ship.
        folds: Folds of complexes and of antigen clusters.
        seed: Seed of samples and splits.
        json: Print one JSON object.
    """
    from abag_lab.door.benchmark import benchmark_door

    figures = benchmark_door(sources, out, opened=opened, folds=folds, seed=seed)
    emit(figures.as_json(), door_text(figures), json)


def door_text(figures: DoorFigures) -> str:
    """Tables of scores, verdicts, sets and evidence for binding."""
    from abag_lab.door.report import door_lines

    return "\n".join(door_lines(figures))


@app.command
def fewshot(
    *,
    sources: Annotated[Path, Parameter(env_var="ABAG_DATA_SOURCES")],
    out: Path,
    assays: Annotated[list[str], Parameter(negative=())] | None = None,
    seeds: int = 5,
    first_seed: int = 0,
    quick: Annotated[bool, Parameter(negative=())] = False,
    ablations: Annotated[bool, Parameter(negative=())] = False,
    whole: bool = True,
    transfer: Annotated[bool, Parameter(negative=())] = False,
    published: Annotated[bool, Parameter(negative=())] = False,
    most_rows: int = 4_000,
    where_done: Annotated[WorkPlace, Parameter(name="*")] = ANYWHERE,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Ranking after 24, 96 and 384 measured variants, and after 80 %: ours beside the ridges.

    Args:
        sources: Folder with the published sources (also read from ABAG_DATA_SOURCES).
        out: Folder for the page, the picture, fewshot.json and the scores; a run that was
            interrupted goes on there.
        assays: Landscapes; repeat the option (default: the six open AbBiBench assays; `all`).
        seeds: Number of permutations of each landscape.
        first_seed: The first of them.
        quick: Two seeds, without 80 %.
        ablations: Also each kernel alone, and each part left out.
        whole: Also train on the first 80 %.
        transfer: Also new positions, and more mutations than in training.
        published: Also with published weights: AntiBERTy, and ProteinMPNN where the complex is
            known (needs the extra network; fetch them by `abag encoders fetch`).
        most_rows: Of the first 80 %, train on the first of these.
        where_done: Where the work is done.
        json: Print one JSON object.
    """
    from abag_lab.replay.fewshot_benchmark import Protocol, benchmark_fewshot
    from abag_lab.replay.landscapes import ABBIBENCH, LANDSCAPES

    names = [name for item in assays or ABBIBENCH for name in item.split(",")]
    protocol = Protocol.of(
        seeds=seeds,
        first_seed=first_seed,
        quick=quick,
        ablations=ablations,
        whole=whole,
        transfer=transfer,
        published=published,
        most_rows=most_rows,
    )
    chosen = list(LANDSCAPES) if names == ["all"] else names
    benchmark = benchmark_fewshot(sources, out, protocol, chosen, where_done.engine())
    emit(benchmark.as_json(), fewshot_text(benchmark), json)


def fewshot_text(benchmark: FewShotBenchmark) -> str:
    """Spearman by model and number of training rows, coverage, and the lead over each floor."""
    from abag_lab.replay.fewshot_report import gained
    from abag_lab.replay.fewshot_scores import FLOORS, OURS

    def shown(value: float | None) -> str:
        return f"{'–' if value is None else f'{value:.2f}':>12}"

    names, seeds = benchmark.names("landscape"), benchmark.settings["seeds"]
    lines = [f"Spearman on the last 20 %, mean over seeds {seeds[0]} to {seeds[-1]}", ""]
    head = "".join(f"{name[-11:]:>12}" for name in (*names, "mean"))
    for size in benchmark.names("size"):
        lines.append(f"{'n = ' + size:<18}{head}")
        for model in benchmark.names("model"):
            values = [benchmark.of(name, model, size) for name in names]
            lines.append(
                f"{model:<18}" + "".join(map(shown, [*values, benchmark.mean(model, size)]))
            )
        covered = [benchmark.of(name, OURS, size, "coverage") for name in names]
        lines.append(f"{'in 90 % interval':<18}" + "".join(map(shown, covered)))
        for floor in FLOORS:
            gains = "".join(f"{gained(benchmark, name, floor, size):>12}" for name in names)
            lines.append(f"{'- ' + floor:<18}{gains}")
        lines.append("")
    return "\n".join([*lines, f"scores: {benchmark.folder}"])


@app.command
def abbibench(
    *,
    sources: Annotated[Path, Parameter(env_var="ABAG_DATA_SOURCES")],
    out: Path,
    assays: Annotated[list[str], Parameter(negative=())] | None = None,
    seed: int = 0,
    bootstrap: int = 1000,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Zero-shot ranking on the open AbBiBench assays, beside the peers' published scores.

    Args:
        sources: Folder with the published sources (also read from ABAG_DATA_SOURCES).
        out: Folder for abbibench.json, .md and .png, and our scores of every row.
        assays: Assays; repeat the option (default: all seven).
        seed: Seed of the bootstrap.
        bootstrap: Number of bootstrap resamples of rows.
        json: Print one JSON object.
    """
    from abag_lab.benchmarks.abbibench import ASSAYS, benchmark_abbibench

    names = [name for item in assays or ASSAYS for name in item.split(",")]
    benchmark = benchmark_abbibench(sources, out, assays=names, seed=seed, resamples=bootstrap)
    emit(benchmark.as_json(), abbibench_text(benchmark), json)


def abbibench_text(benchmark: AbBiBenchmark) -> str:
    """Spearman by model and assay, best mean first, and the differences of means."""
    from abag_lab.benchmarks.abbibench_report import page

    return "\n".join([page(benchmark), f"files: {benchmark.folder}"])


@app.command(name="log-odds")
def log_odds(
    *,
    sources: Annotated[Path, Parameter(env_var="ABAG_DATA_SOURCES")],
    out: Path,
    terms: Annotated[list[str], Parameter(negative=())] | None = None,
    opened: Annotated[bool, Parameter(negative=())] = False,
    seed: int = 0,
    bootstrap: int = 1000,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """What log-odds of published encoders and of the complex add, without a measurement.

    Args:
        sources: Folder with the published sources (also read from ABAG_DATA_SOURCES).
        out: Folder for log-odds.json, .md and the scores; a run that was stopped goes on there.
        terms: builtin, antiberty, sapiens or structure; repeat the option (default: all).
        opened: Also measure on the sealed part: once for each term that is to ship.
        seed: Seed of the bootstrap.
        bootstrap: Number of bootstrap resamples of rows.
        json: Print one JSON object.
    """
    from abag_lab.benchmarks.log_odds import TERMS, benchmark_log_odds, page

    names = [name for item in terms or TERMS for name in item.split(",")]
    figures = benchmark_log_odds(
        sources, out, terms=names, opened=opened, seed=seed, resamples=bootstrap
    )
    by_term = {f"{part.term}, {part.part}": part.as_json() for part in figures}
    emit(by_term, "\n".join([page(figures), f"files: {out}"]), json)
