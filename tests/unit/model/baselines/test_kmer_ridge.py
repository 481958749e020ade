from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.pair_similarity import count_kmers
from synthetic_pairs import complexes_table


def cosines(molecules: list[tuple[str, ...]]) -> NDArray[np.float64]:
    """Cosines of square-rooted counts, written densely."""
    roots = np.sqrt(count_kmers(molecules).sparse().toarray())
    norms = np.linalg.norm(roots, axis=1)
    norms[norms == 0.0] = 1.0
    unit = roots / norms[:, None]
    return unit @ unit.T


def dense_kernel(table: pl.DataFrame) -> NDArray[np.float64]:
    heavy = cosines([(c[:130],) for c in table["heavy"]])
    light = cosines([(c[:120],) if c else () for c in table["light"]])
    antigen = cosines([tuple(c) for c in table["antigen"].to_list()])
    return (
        0.4 * heavy + 0.2 * light + 0.2 * antigen + 0.6 * heavy * antigen
        + 0.3 * heavy * light * antigen
    )  # fmt: skip


def by_hand(table: pl.DataFrame, train: int, ridge: float) -> NDArray[np.float64]:
    """Kernel ridge as the textbook has it, no rows merged."""
    kernel, target = dense_kernel(table), table["pkd"].to_numpy()
    mean = target[:train].mean()
    inside = kernel[:train, :train] + ridge * np.eye(train)
    return mean + kernel[train:, :train] @ np.linalg.solve(inside, target[:train] - mean)


def test_predictions_agree_with_the_textbook_formula() -> None:
    table = complexes_table(60)
    found = KmerRidge(ridge=0.1).fit(table[:40]).predict(table[40:])
    assert np.allclose(found, by_hand(table, 40, 0.1), atol=1e-10)


def test_merging_copies_changes_nothing() -> None:
    table = complexes_table(40)
    copies = pl.concat([table[:25], table[:10].with_columns(pl.col("pkd") + 0.5), table[:5]])
    both = pl.concat([copies, table[25:]])
    found = KmerRidge(ridge=0.03).fit(copies).predict(table[25:])
    assert np.allclose(found, by_hand(both, 40, 0.03), atol=1e-9)


def test_a_larger_ridge_draws_predictions_to_the_mean() -> None:
    table = complexes_table(40)
    spreads = [KmerRidge(ridge=r).fit(table).predict(table).std() for r in (0.01, 1.0, 100.0, 1e6)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 1e-3


def test_residues_behind_the_variable_domain_do_not_count() -> None:
    table = complexes_table(30)
    model = KmerRidge(heavy_residues=120, light_residues=107).fit(table)
    longer = table.with_columns(pl.col("heavy") + "ASTKGPSVFPLAP", pl.col("light") + "RTVAAPSV")
    assert np.array_equal(model.predict(longer), model.predict(table))


def test_a_sample_is_drawn_where_there_are_too_many_rows() -> None:
    model = KmerRidge(max_rows=20, seed=1).fit(complexes_table(50))
    assert (model.training.rows_exact, model.training.rows_used) == (50, 20)


def test_similarity_is_one_for_a_training_pair_and_less_for_a_new_one() -> None:
    table = complexes_table(40)
    model = KmerRidge().fit(table[:30])
    answer = model.answer(table[:30])
    values, own = answer.value, answer.pair
    assert np.allclose(own, 1.0, atol=1e-12)
    assert np.array_equal(values, model.predict(table[:30]))
    new = table[:5].with_columns(antigen=pl.lit(["WWWWHHHHWWWWCCCC"]))
    similarity = model.answer(new).pair
    assert ((similarity > 0.0) & (similarity < 0.95)).all()


def saaint_triples(folder: Path) -> pl.DataFrame:
    """Distinct (heavy, light, antigen) triples with the median pKd and the first PDB id."""
    raw = pl.read_csv(folder / "saaint_db" / "saaintdb_affinity_only_rows.csv", infer_schema=False)
    return (
        raw.filter(pl.col("Ag_seq").is_not_null())
        .select(
            heavy=pl.col("H_seq").str.slice(0, 130),
            light=pl.col("L_seq").str.slice(0, 120),
            antigen=pl.col("Ag_seq").str.split("|"),
            pkd=9.0 - pl.col("Affinity_KD(nM)").cast(pl.Float64).log10(),
            pdb="PDB_ID",
        )
        .with_columns(key=pl.col("antigen").list.join("|"))
        .group_by("heavy", "light", "key", maintain_order=True)
        .agg(pl.col("antigen").first(), pl.col("pkd").median(), pl.col("pdb").first())
    )


@pytest.mark.slow
@pytest.mark.sources
def test_the_published_figures_of_saaint_db_come_out_again(sources_dir: Path) -> None:
    from sklearn.model_selection import GroupKFold, KFold

    table = saaint_triples(sources_dir)
    target = table["pkd"].to_numpy()
    assert table.height == 1420
    schemes = {
        0.754: KFold(10, shuffle=True, random_state=0).split(target),
        0.553: GroupKFold(10).split(target, groups=table["pdb"].to_numpy()),
    }
    for published, folds in schemes.items():
        found = np.zeros(table.height)
        for train, test in folds:
            found[test] = KmerRidge(ridge=0.1).fit(table[train]).predict(table[test])
        assert np.corrcoef(found, target)[0, 1] == pytest.approx(published, abs=0.005)
