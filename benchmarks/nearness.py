"""What tells how far off the global model is: identity, k-mer cosine or embedding distance?

    python benchmarks/nearness.py TABLE.parquet [--folds 10] [--rows ROWS.parquet]

TABLE is a canonical table of distinct pairs with a pKd. Under each of three schemes of folds the
model predicts the rows that it was not fitted on, and each is compared with the rows that it was
fitted on. Printed: rank correlation of each measure with the absolute error, the risk-coverage
area of scales that are fitted with it on the other folds, and how often intervals made with them
hold. Needs torch (for the built-in encoder). With --rows the held-out rows are kept there, and
read from there if they are there already.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

from abag.data.build import load_table
from abag.data.similarity import antigen_clusters
from abag.data.splits import make_split
from abag.data.tables import Measurements
from abag.progress import task
from abag.uncertainty.calibration import NEW_ANTIGENS, ScoreDistribution
from abag.uncertainty.domain import DomainIndex, Verdict
from abag_lab.old_global.model import GlobalModel

Reals = NDArray[np.float64]
SCHEMES = ("random", "complex", "antigen-cluster")
SIDES = {
    "identity": ("antibody_identity", "antigen_identity"),
    "k-mer cosine": ("antibody_kmers", "antigen_kmers"),
    "embedding": ("antibody_embedding", "antigen_embedding"),
    "embedding, not centred": ("antibody_raw", "antigen_raw"),
}
SCALES = {
    "the model's own": (),
    "with identity (shipped)": SIDES["identity"],
    "with k-mer cosine": SIDES["k-mer cosine"],
    "with embedding": SIDES["embedding"],
    "with identity and k-mer cosine": SIDES["identity"] + SIDES["k-mer cosine"],
    "with identity and embedding": SIDES["identity"] + SIDES["embedding"],
    "with identity and embedding, not centred, as ranks": (
        *SIDES["identity"], "antibody_raw_rank", "antigen_raw_rank",
    ),
}  # fmt: skip
REPEATS = 1_000
LEVEL = 0.9


def embeddings(table: Measurements) -> dict[str, Reals]:
    """Mean over the residues of each row's antibody and antigen, each of shape (rows, width)."""
    from abag.encoders.adapters.opening import open_encoder
    from abag.encoders.protocol import Molecule, Role

    encoder = open_encoder("builtin")

    def means(role: Role, molecules: list[tuple[str, ...]]) -> Reals:
        known: dict[tuple[str, ...], Reals] = {}
        with task(f"embedding, {role.value}", len(molecules)) as bar:
            for chains in molecules:
                if chains not in known:
                    inputs = [chains] if role is Role.ANTIBODY else [(chain,) for chain in chains]
                    encoded = encoder.encode([Molecule(role, molecule) for molecule in inputs])
                    rows = np.concatenate([molecule.rows for molecule in encoded])
                    known[chains] = rows.astype(np.float64).mean(axis=0)
                bar.advance()
        return np.stack([known[chains] for chains in molecules])

    pairs = zip(table["heavy"], table["light"], strict=True)
    antibodies = [(heavy, light) if light else (heavy,) for heavy, light in pairs]
    antigens = [tuple(chains) for chains in table["antigen"].to_list()]
    return {
        "antibody": means(Role.ANTIBODY, antibodies),
        "antigen": means(Role.ANTIGEN, antigens),
    }


def nearest(test: Reals, train: Reals) -> Reals:
    """Largest cosine of each test vector to a training vector."""
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (test, train)]
    return np.asarray((units[0] @ units[1].T).max(axis=1))


def held_out(table: Measurements, folds: int) -> pl.DataFrame:
    """Each row of each scheme: error, the model's own scale, and how near the training rows are."""
    labels = antigen_clusters(table["antigen"].to_list())
    vectors = embeddings(table)
    parts = []
    with task("fitting", len(SCHEMES) * folds) as bar:
        for scheme in SCHEMES:
            split = make_split(table, scheme, folds=folds, seed=0, antigen_labels=labels)
            for fold, train, test in split.fold_tables(table):
                bar.describe(f"{scheme} {fold}")
                parts.append(
                    one_fold(table, train, test, vectors).with_columns(
                        scheme=pl.lit(scheme),
                        fold=pl.lit(fold),
                        cluster=test["antigen"].list.join("/").replace_strict(labels),
                    )
                )
                bar.advance()
    return pl.concat(parts)


def one_fold(
    table: Measurements, train: Measurements, test: Measurements, vectors: dict[str, Reals]
) -> pl.DataFrame:
    """The test rows of a fold."""
    model = GlobalModel().fit(train)
    answer = model.answer(test)
    known = DomainIndex.of(train).familiarity(test)
    row_of = {record: row for row, record in enumerate(table["record_id"])}
    rows = {name: [row_of[i] for i in part["record_id"]] for name, part in
            (("train", train), ("test", test))}  # fmt: skip
    measures = {}
    for role, all_rows in vectors.items():
        ours, theirs = all_rows[rows["test"]], all_rows[rows["train"]]
        measures[f"{role}_raw"] = nearest(ours, theirs)
        centre = theirs.mean(axis=0)
        measures[f"{role}_embedding"] = nearest(ours - centre, theirs - centre)
    return test.select("record_id", "pkd").with_columns(
        prediction=pl.Series(answer.value),
        error=pl.Series(np.abs(answer.value - test["pkd"].to_numpy())),
        scale=pl.Series(answer.spread),
        pair=pl.Series(answer.pair),
        verdict=pl.Series([verdict.value for verdict in known.verdicts]),
        antibody_identity=pl.Series(known.antibody),
        antigen_identity=pl.Series(known.antigen),
        antibody_kmers=pl.Series(answer.antibody),
        antigen_kmers=pl.Series(answer.antigen),
        **{name: pl.Series(values) for name, values in measures.items()},
    )


def with_ranks(rows: pl.DataFrame) -> pl.DataFrame:
    """Ranks 0 to 1 of the embeddings that are not centred: their cosines are all near 1."""
    raw = pl.col(SIDES["embedding, not centred"])
    return rows.with_columns((raw.rank() / pl.len()).name.suffix("_rank"))


def spearman(first: Reals, second: Reals) -> float:
    """Rank correlation; 0 where one side is constant."""
    ranks = [rankdata(values) for values in (first, second)]
    if min(values.std() for values in ranks) == 0.0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def partial(error: Reals, measure: Reals, controls: Sequence[Reals]) -> float:
    """Rank correlation of what linear regression on the ranks of ``controls`` leaves of both."""
    others = np.stack([np.ones(len(error)), *(rankdata(values) for values in controls)], axis=1)
    left = []
    for values in (rankdata(error), rankdata(measure)):
        left.append(values - others @ np.linalg.lstsq(others, values, rcond=None)[0])
    if min(values.std() for values in left) < 1e-9:
        return 0.0
    return float(np.corrcoef(*left)[0, 1])


def slopes(rows: pl.DataFrame, columns: Sequence[str]) -> Reals:
    """Slopes of log scale, none negative, as :func:`abag.uncertainty.calibration.fit_nearness`."""
    if not columns:
        return np.zeros(0)
    error = rows["error"].to_numpy() / rows["scale"].to_numpy()
    error = np.maximum(error, 1e-3 * error.mean())
    levels = np.eye(4)[[list(Verdict).index(Verdict(v)) for v in rows["verdict"]]]
    levels = levels[:, levels.any(axis=0)]
    design = np.hstack([levels, -rows.select(columns).to_numpy()])
    count = len(columns)

    def loss(parameters: Reals) -> tuple[float, Reals]:
        linear = design @ parameters
        ratio = error * np.exp(-linear)
        gradient = design.T @ (1.0 - ratio)
        gradient[-count:] += 2.0 * parameters[-count:]
        return float((linear + ratio).sum() + (parameters[-count:] ** 2).sum()), gradient

    start = np.zeros(design.shape[1])
    bounds = [(None, None)] * levels.shape[1] + [(0.0, 5.0)] * count
    optimum = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(optimum.x[-count:])


def scaled(rows: pl.DataFrame, columns: Sequence[str], slope: Reals) -> Reals:
    """Scale of the error of each row."""
    closeness = rows.select(columns).to_numpy() @ slope if columns else 0.0
    return np.asarray(rows["scale"].to_numpy() * np.exp(-closeness))


def cross_fitted(rows: pl.DataFrame, columns: Sequence[str]) -> tuple[Reals, Reals]:
    """Scale and half width of each row of a scheme, calibrated on the rows of the other folds."""
    scale, half = np.empty(rows.height), np.full(rows.height, np.inf)
    for fold in rows["fold"].unique().sort():
        inside = (rows["fold"] == fold).to_numpy()
        others, test = rows.filter(~pl.Series(inside)), rows.filter(pl.Series(inside))
        slope = slopes(others, columns)
        scale[inside] = scaled(test, columns, slope)
        score = others["error"].to_numpy() / scaled(others, columns, slope)
        for verdict in test["verdict"].unique():
            same_verdict = (others["verdict"] == verdict).to_numpy()
            unit = "cluster" if Verdict(verdict) in NEW_ANTIGENS else "record_id"
            names = others.filter(pl.Series(same_verdict))[unit].to_list()
            most = ScoreDistribution.of(score[same_verdict], names).quantile(LEVEL)
            test_rows = inside & (rows["verdict"] == verdict).to_numpy()
            half[test_rows] = most * scale[test_rows]
    return scale, half


def area(error: Reals, scale: Reals) -> float:
    """Area under the risk-coverage curve: mean over k of the mean error of the k surest rows."""
    surest_first = error[np.argsort(scale, kind="stable")]
    return float((np.cumsum(surest_first) / np.arange(1, len(surest_first) + 1)).mean())


def interval(
    rows: pl.DataFrame, compute: Callable[[NDArray[np.int64]], float]
) -> tuple[float, float, float]:
    """Value, and 95 % of it under resampling of antigen clusters (seed 0)."""
    names, owner = np.unique(rows["cluster"].to_numpy().astype(np.str_), return_inverse=True)
    members = [np.flatnonzero(owner == number) for number in range(len(names))]
    rng = np.random.default_rng(0)
    resampled = [
        compute(np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))]))
        for _ in range(REPEATS)
    ]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return compute(np.arange(rows.height)), float(low), float(high)


def print_correlations(scheme: str, rows: pl.DataFrame) -> None:
    """Spearman of |error| with each measure, and what is left of it beside identities and scale."""
    error = rows["error"].to_numpy()
    controls = [rows[name].to_numpy() for name in ("scale", *SIDES["identity"])]
    measures = {"the model's own scale": rows["scale"].to_numpy(), "pair": -rows["pair"].to_numpy()}
    for name, columns in SIDES.items():
        for column in columns:
            measures[f"{name}, {column.split('_')[0]}"] = -rows[column].to_numpy()
    for name, values in measures.items():
        alone = interval(rows, lambda i, v=values: spearman(error[i], v[i]))
        beside = interval(
            rows, lambda i, v=values: partial(error[i], v[i], [g[i] for g in controls])
        )
        print(f"| {scheme} | {name} | {written(alone)} | {written(beside)} |", flush=True)


def print_scales(scheme: str, rows: pl.DataFrame) -> None:
    """Area under the risk-coverage curve, and coverage and width, with each scale."""
    error = rows["error"].to_numpy()
    fitted = {name: cross_fitted(rows, columns) for name, columns in SCALES.items()}
    shipped = fitted["with identity (shipped)"][0]
    print(f"| {scheme} | nothing known: {error.mean():.3f}; the errors themselves: "
          f"{area(error, error):.3f} | | | |")  # fmt: skip
    for name, (scale, half) in fitted.items():
        score = interval(rows, lambda i, s=scale: area(error[i], s[i]))
        less = interval(rows, lambda i, s=scale: area(error[i], s[i]) - area(error[i], shipped[i]))
        finite = np.isfinite(half)
        print(
            f"| {scheme} | {name} | {written(score, 3)} | {written(less, 3)} | "
            f"{(error <= half).mean():.1%} | {2.0 * half[finite].mean():.2f} |",
            flush=True,
        )


def print_thirds(scheme: str, rows: pl.DataFrame) -> None:
    """Coverage of the shipped intervals by verdict, in thirds of embedding similarity."""
    _, half = cross_fitted(rows, SIDES["identity"])
    covered = rows["error"].to_numpy() <= half
    for verdict in Verdict:
        for column in SIDES["embedding"]:
            rows_of_verdict = np.flatnonzero((rows["verdict"] == verdict.value).to_numpy())
            if len(rows_of_verdict) < 60:
                continue
            order = rows_of_verdict[
                np.argsort(rows[column].to_numpy()[rows_of_verdict], kind="stable")
            ]
            shares = " | ".join(
                f"{covered[part].mean():.1%} of {len(part)}" for part in np.array_split(order, 3)
            )
            print(f"| {scheme} | {verdict} | {column.split('_')[0]} | {shares} |", flush=True)


def written(figure: tuple[float, float, float], digits: int = 2) -> str:
    """Value and interval."""
    value, low, high = (f"{number:.{digits}f}" for number in figure)
    return f"{value} ({low} to {high})"


def main() -> None:
    """Print all tables."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("table", type=Path)
    arguments.add_argument("--folds", type=int, default=10)
    arguments.add_argument("--rows", type=Path)
    options = arguments.parse_args()
    if options.rows and options.rows.exists():
        rows = pl.read_parquet(options.rows)
    else:
        rows = held_out(
            load_table(options.table).filter(pl.col("pkd").is_not_null()), options.folds
        )
        if options.rows:
            rows.write_parquet(options.rows)
    for title, show in (
        ("| folds | measure | Spearman with error | beside scale and identities |",
         print_correlations),
        ("| folds | scale | area | less that of the shipped | 90 % cover | width |", print_scales),
        ("| folds | verdict | side | farthest third | middle | nearest |", print_thirds),
    ):  # fmt: skip
        print(f"\n{title}")
        for scheme in SCHEMES:
            show(scheme, with_ranks(rows.filter(pl.col("scheme") == scheme)))


if __name__ == "__main__":
    main()
