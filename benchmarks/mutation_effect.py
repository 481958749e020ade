"""Fit the mutation-effect model that the package ships, and score it on assays it never saw.

    python benchmarks/mutation_effect.py SOURCES --out FOLDER     fit, and save into a new folder
    python benchmarks/mutation_effect.py SOURCES --others         the shipped model on other assays

The first takes a minute or two: numbering 19,000 human chains for the repertoire is most of it.
The second prints Spearman's correlation, beside that of BLOSUM62 and of the number of mutations,
and how many measured differences lie within 1.645 deviations. Their rows may not be shipped in
weights (non-commercial or without a licence); nothing is learnt from them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from abag.model.mutation_effect import load_mutation_effect
from abag.model.mutation_effect.features import FEATURES
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scales import blosum62
from abag.model.mutation_effect.variants import lay
from abag_lab.mutation_effect.assays import read_assays
from abag_lab.mutation_effect.complexes import complex_clusters
from abag_lab.mutation_effect.design import design
from abag_lab.mutation_effect.fitting import fit
from abag_lab.sources.build import choose_sources, read_source

REPERTOIRE = "oas_paired/paired_1_val_set.csv.gz"
OTHERS = {
    "cr9114_dms": ("germline-H1", "mature-H1", "mature-H3", "mature-FluB"),
    "titeseq_4420": ("Tite-Seq",),
    "alphaseq_14": ("14H", "14L"),
    "ranibizumab_cdrh3": ("R3 over R2",),
    "trastuzumab_her2_dms": ("CDR-H3",),
}
VALUE = pl.coalesce("rank_score", "rank_upper", "rank_lower", "pkd", "pkd_upper", "pkd_lower")


def fit_shipped(sources: Path, out: Path) -> None:
    chains = pl.read_csv(sources / REPERTOIRE)
    repertoire = Repertoire.of(
        [chain for column in chains.columns for chain in chains[column] if chain]
    )
    assays = read_assays(sources)
    designs = [design(assay, repertoire) for assay in assays]
    facts = {"repertoire": f"{chains.height} paired human antibodies of OAS"}
    model = fit(designs, repertoire, complex_clusters(assays), facts)
    model.save(out)
    print(model.model_id, model.scale, model.training["left_out_spearman"])
    for name, weight in zip(FEATURES, model.weights * model.scale.slope, strict=True):
        print(f"{name:20s}{weight:8.3f}")


def score_others(sources: Path) -> None:
    print(f"{'assay':36}{'rows':>8}{'ours':>8}{'BLOSUM62':>10}{'fewer':>8}{'covered':>9}")
    for source, names in OTHERS.items():
        table = read_source(choose_sources(sources, [source])[0], sources)[0].table
        for name in names:
            score_one(f"{source}/{name}", table.filter(pl.col("assay") == f"{source}/{name}"))


def score_one(name: str, rows: pl.DataFrame) -> None:
    rows = rows.with_columns(pl.col("light").fill_null(""), value=VALUE)
    stopped = pl.col("heavy").str.contains("*", literal=True)
    rows = rows.filter(pl.col("value").is_not_null() & ~stopped)
    wild = rows.filter(pl.col("mutations") == "")
    heavy, light = (
        wild[chain][0] if wild.height else commonest(rows[chain]) for chain in ("heavy", "light")
    )
    same = (pl.col("heavy").str.len_chars() == len(heavy)) & (
        pl.col("light").str.len_chars() == len(light)
    )
    rows = rows.filter(same)
    model = load_mutation_effect()
    delta, deviation = model.delta_distribution(heavy, light, rows.select("heavy", "light"))
    severity, count = np.zeros(rows.height), np.zeros(rows.height)
    for chain, parent in (("heavy", heavy), ("light", light)):
        if parent:
            known = ParentChain.of(parent)
            laid = lay(rows[chain].to_list(), known)
            own = np.minimum(known.residues, 19)[:, None]
            table = np.zeros((len(parent), 22))
            matrix = blosum62()[own[:, 0]]
            table[:, :20] = matrix - np.take_along_axis(matrix, own, axis=1)
            severity += laid.total(table)
            count += laid.mutations(known)
    value = rows["value"].to_numpy()
    scores = (delta, severity, -count)
    figures = [spearmanr(one, value)[0] if np.ptp(one) else 0.0 for one in scores]
    covered = ""
    if wild.height and rows["quantity"][0] == "KD":
        base = rows.filter(pl.col("mutations") == "")["value"].mean()
        mutant = count > 0
        error = np.abs(value - base - delta)[mutant]
        covered = f"{(error <= 1.645 * deviation[mutant]).mean():9.2f}"
    ours, blosum, fewer = figures
    print(f"{name:36}{rows.height:8}{ours:8.3f}{blosum:10.3f}{fewer:8.3f}{covered}")


def commonest(chains: pl.Series) -> str:
    length = chains.str.len_chars().mode().sort()[0]
    kept = [chain for chain in chains if len(chain) == length]
    columns = zip(*kept, strict=True)
    return "".join(max(sorted(set(column)), key=column.count) for column in columns)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sources", type=Path)
    arguments.add_argument("--out", type=Path)
    arguments.add_argument("--others", action="store_true")
    given = arguments.parse_args()
    if given.out:
        fit_shipped(given.sources, given.out)
    if given.others:
        score_others(given.sources)


if __name__ == "__main__":
    main()
