"""Fit the mutation-effect model that the package ships, and score it on assays it never saw.

    python benchmarks/mutation_effect.py SOURCES --seal         what is set aside, and its digest
    python benchmarks/mutation_effect.py SOURCES --out FOLDER   fit on the open part, and save
    python benchmarks/mutation_effect.py SOURCES --open         open assays, each cluster left out
    python benchmarks/mutation_effect.py SOURCES --sealed       the shipped model, sealed part
    python benchmarks/mutation_effect.py SOURCES --others       the same, rows that may not ship

Fitting takes some minutes: numbering 19,000 human chains for the repertoire is most of it. The last
three print, for each assay, Spearman's correlation beside that of BLOSUM62 and of the number of
mutations, and in pKd the root mean square error, the mean measured and predicted, and how many
values lie within 1.645 deviations. Rows at a bound are not scored. The sealed part is opened once
for each model that ships; docs/models/mutation-effect.md lists the openings.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from abag.model.mutation_effect import MutationEffect, ParentAntibody, load_mutation_effect
from abag.model.mutation_effect.features import FEATURES
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scale import exposure
from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.mutation_effect.assays import library, read_assays
from abag_lab.mutation_effect.complexes import complex_clusters, families_and_antigens
from abag_lab.mutation_effect.design import Design, design
from abag_lab.mutation_effect.designed import read_designed
from abag_lab.mutation_effect.fitting import POWER, blind_weights, families_of, fit
from abag_lab.mutation_effect.sealed import digest, parts
from abag_lab.sources.build import choose_sources, read_source

REPERTOIRE = "oas_paired/paired_1_val_set.csv.gz"
OTHERS = {
    "cr9114_dms": ("germline-H1", "mature-H1", "mature-H3", "mature-FluB"),
    "titeseq_4420": ("Tite-Seq",),
    "alphaseq_14": ("14H", "14L"),
    "ranibizumab_cdrh3": ("R3 over R2",),
    "trastuzumab_her2_dms": ("CDR-H3",),
}
FEWEST = 5
"""An assay with fewer values is not scored."""


def fit_shipped(sources: Path, out: Path) -> None:
    chains = pl.read_csv(sources / REPERTOIRE)
    repertoire = Repertoire.of(
        [chain for column in chains.columns for chain in chains[column] if chain]
    )
    opened, sealed = parts(read_assays(sources))
    designs = [design(assay, repertoire) for assay in opened]
    facts = {
        "repertoire": f"{chains.height} paired human antibodies of OAS",
        "sealed": [assay.name for assay in sealed],
        "sealed_digest": digest(sealed, [assay.name for assay in sealed]),
    }
    families = families_and_antigens(opened)[0]
    model = fit(designs, repertoire, families, complex_clusters(opened), facts)
    model.save(out)
    print(model.model_id, model.scale)
    for name, weight in zip(FEATURES, model.weights * model.scale.slope, strict=True):
        print(f"{name:20s}{weight:8.3f}")


def seal(sources: Path) -> None:
    _, sealed = parts(read_assays(sources))
    for assay in sealed:
        print(f"{assay.name:36}{len(assay.delta):6}")
    print(digest(sealed, [assay.name for assay in sealed]))


def score_open(sources: Path) -> None:
    """By weights that never saw the cluster of the assay; slope and errors are the shipped ones."""
    model = load_mutation_effect()
    opened, _ = parts(read_assays(sources))
    designs = {assay.name: design(assay, model.repertoire) for assay in opened}
    clusters = complex_clusters(opened)
    solved = families_of(list(designs.values()), families_and_antigens(opened)[0])
    weights = blind_weights(solved, clusters)

    def blind(assay: VariantAssay, assay_design: Design) -> np.ndarray:
        return model.scale.level(assay_design.total(weights[clusters[assay.name]], POWER))

    table(opened, model, blind)


def score(assays: Iterable[VariantAssay]) -> None:
    """By the shipped model, with what it remembers."""
    model = load_mutation_effect()

    def served(assay: VariantAssay, _: Design) -> np.ndarray:
        parent = ParentAntibody.of(assay.parent_heavy, assay.parent_light, assay.antigen)
        return model.predict(parent, assay.table).delta_pkd

    table(assays, model, served)


def others(sources: Path) -> Iterable[VariantAssay]:
    """Assays whose licence keeps them out of shipped weights."""
    yield from (assay for assay in read_designed(sources) if not assay.shippable)
    for source, names in OTHERS.items():
        rows = read_source(choose_sources(sources, [source])[0], sources)[0].table
        stopped = pl.col("heavy").str.contains("*", literal=True)
        rows = rows.filter(~stopped & pl.col("heavy").is_not_null())
        for name in names:
            assay_rows = rows.filter(pl.col("assay") == f"{source}/{name}")
            wild = assay_rows.filter(pl.col("mutations") == "").height
            parent = None if wild else commonest(assay_rows["heavy"])
            yield library(f"{source}/{name}", assay_rows, parent, most=3_000)


def commonest(chains: pl.Series) -> str:
    length = chains.str.len_chars().mode().sort()[0]
    columns = zip(*(chain for chain in chains if len(chain) == length), strict=True)
    return "".join(max(sorted(set(column)), key=column.count) for column in columns)


def table(
    assays: Iterable[VariantAssay],
    model: MutationEffect,
    predict: Callable[[VariantAssay, Design], np.ndarray],
) -> None:
    print(
        f"{'assay':36}{'rows':>6}{'ours':>7}{'BLOSUM62':>9}{'fewer':>7}{'RMSE':>7}{'mean':>7}"
        f"{'ours':>7}{'covered':>8}"
    )
    lines_by_origin: dict[bool, list[list[float]]] = {True: [], False: []}
    for assay in assays:
        assay_design = design(assay, model.repertoire)
        scored = (assay_design.changes.mutations > 0) & ~assay.censored
        if scored.sum() < FEWEST:
            continue
        delta = predict(assay, assay_design)
        severity = assay_design.changes.total(assay_design.changes.features)[
            :, list(FEATURES).index("severity")
        ]
        scores = (delta, severity, -assay_design.changes.mutations.astype(float))
        ranks = [correlation(values[scored], assay.delta[scored]) for values in scores]
        line = f"{assay.name:36}{scored.sum():6}" + "{:7.2f}{:9.2f}{:7.2f}".format(*ranks)
        errors = [np.nan, np.nan]
        if assay.absolute:
            deviation = model.scale.deviation(
                exposure(assay_design.changes), assay_design.changes.mutations
            )
            error = (assay.delta - delta)[scored]
            errors = [
                float(np.sqrt((error**2).mean())),
                float((np.abs(error) <= 1.645 * deviation[scored]).mean()),
            ]
            means = assay.delta[scored].mean(), delta[scored].mean()
            line += "{:7.2f}{:7.2f}{:7.2f}{:8.2f}".format(errors[0], *means, errors[1])
        print(line, flush=True)
        lines_by_origin[assay.designed].append([*ranks, *errors])
    for designed, lines in lines_by_origin.items():
        if lines:
            means = np.nanmean(np.array(lines), axis=0)
            origin = "designed or evolved" if designed else "other"
            print(
                f"mean of {len(lines)} {origin:27}"
                + "{:7.3f}{:9.3f}{:7.3f}{:7.2f}{:>14}{:8.2f}".format(*means[:4], "", means[4])
            )


def correlation(some: Sequence[float], others: Sequence[float]) -> float:
    return float(spearmanr(some, others)[0]) if np.ptp(some) and np.ptp(others) else 0.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sources", type=Path)
    arguments.add_argument("--out", type=Path)
    for name in ("seal", "open", "sealed", "others"):
        arguments.add_argument(f"--{name}", action="store_true")
    options = arguments.parse_args()
    if options.seal:
        seal(options.sources)
    if options.out:
        fit_shipped(options.sources, options.out)
    if options.open:
        score_open(options.sources)
    if options.sealed:
        score(parts(read_assays(options.sources))[1])
    if options.others:
        score(others(options.sources))


if __name__ == "__main__":
    main()
