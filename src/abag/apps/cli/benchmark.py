"""``abag benchmark``: make the published comparison tables again, one command each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from abag.apps.cli.output import emit

if TYPE_CHECKING:
    from abag.evaluation.saaint import SaaintBenchmark

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
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """SAAINT-DB under three splits: random, structures disjoint, antigen clusters disjoint.

    Args:
        sources: Folder that holds the folder `saaint_db` (also read from ABAG_DATA_SOURCES).
        out: Folder for the report, the metrics, the predictions, the table and the splits.
        model: Models to compare; repeat the option (default: kmer-ridge). Baselines are beside.
        rows: `deduplicated` (one row a heavy-light-antigen triple) or `published` (every row).
        folds: Folds of each split.
        seed: Seed of splits, models and bootstrap.
        bootstrap: Number of bootstrap resamples of antigen clusters.
        json: Print one JSON object.
    """
    from abag.evaluation.saaint import benchmark_saaint

    done = benchmark_saaint(
        sources,
        out,
        models=model or ["kmer-ridge"],
        rows=rows,
        folds=folds,
        seed=seed,
        resamples=bootstrap,
    )
    emit(done.as_json(), saaint_text(done), json)


def saaint_text(done: SaaintBenchmark) -> str:
    """The three splits as a table, and in words what they mean together."""
    from abag.evaluation.wording import compare, number

    lines = [f"SAAINT-DB, {done.rows} rows: {done.distinct} rows, pooled Pearson / RMSE (pKd)", ""]
    names = [model.name for model in done.evaluations[0].models]
    lines.append(f"{'model':<20}" + "".join(f"{one.name:>28}" for one in done.evaluations))
    for name in names:
        cells = []
        for one in done.evaluations:
            pooled = one.model(name).pooled
            pair = [number(pooled[key].score.value, 3) for key in ("pearson", "rmse")]
            cells.append(f"{' / '.join(pair):>28}")
        lines.append(f"{name:<20}" + "".join(cells))
    lines += ["", *compare(done.evaluations, done.evaluations[0].subject.name)]
    return "\n".join([*lines, "", f"report: {done.files.report}"])
