from pathlib import Path

import numpy as np
import polars as pl
import pytest

import abag
from abag.errors import MissingFileError, SchemaError, SequenceError, TableError
from abag.inference.outputs import COLUMNS
from abag.inference.predictor import Predictor
from abag.model.assay_gp.model import AssayGP
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.baselines.mean import Mean
from abag.model.baselines.one_hot_ridge import OneHotRidge
from synthetic_pairs import HEAVY, LIGHT, assay_table, canonical, complexes_table

TABLE = complexes_table(30)
CH1 = (
    "ASTKGPSVFPLAPSSKSTSGGTAALGCLVKDYFPEPVTVSWNSGALTSGVHTFPAVLQSSGLYSLSSVVTV"
    "PSSSLGTQTYICNVNHKPSNTKVDKKV"
)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(KmerRidge().fit(TABLE))


def test_one_pair_and_a_table_give_the_same_number(predictor: Predictor) -> None:
    table = predictor.predict_table(TABLE)
    for place in range(5):
        row = TABLE.row(place, named=True)
        one = predictor.predict_pair(row["heavy"], row["light"], row["antigen"])
        assert one.pkd == table["pkd"][place]
        assert one.kd_molar == pytest.approx(10.0 ** -table["pkd"][place])


def test_the_table_of_predictions_has_the_documented_columns(predictor: Predictor) -> None:
    found = predictor.predict_table(TABLE)
    assert dict(found.schema) == COLUMNS
    assert found["row"].to_list() == TABLE["source_row"].to_list()
    assert found["model_id"].unique().to_list() == [predictor.model_id]


def test_known_pairs_raise_no_domain_flag(predictor: Predictor) -> None:
    row = TABLE.row(1, named=True)
    prediction = predictor.predict_pair(row["heavy"], row["light"], row["antigen"])
    assert prediction.flags == ()
    assert prediction.nearest_similarity == pytest.approx(1.0)


def test_what_is_new_is_flagged(predictor: Predictor) -> None:
    prediction = predictor.predict_pair(HEAVY, None, "MKTAYIAKQRWWWW")
    assert set(prediction.flags) == {
        "light_missing", "antibody_not_in_training", "antigen_not_in_training",
    }  # fmt: skip


def test_constant_domains_are_trimmed_and_flagged(predictor: Predictor) -> None:
    bare = predictor.predict_pair(HEAVY, LIGHT, TABLE["antigen"][0].to_list())
    whole = predictor.predict_pair(HEAVY + CH1, LIGHT, TABLE["antigen"][0].to_list())
    assert "constant_domain_trimmed" in whole.flags
    assert whole.pkd == bare.pkd


def test_a_single_chain_is_parted(predictor: Predictor) -> None:
    antigen = TABLE["antigen"][0].to_list()
    scfv = predictor.predict_pair(HEAVY + "GGGGSGGGGSGGGGS" + LIGHT, None, antigen)
    assert scfv.pkd == predictor.predict_pair(HEAVY, LIGHT, antigen).pkd
    assert "light_missing" not in scfv.flags


def test_the_order_of_antigen_chains_matters_only_to_the_flag(predictor: Predictor) -> None:
    one = predictor.predict_pair(HEAVY, LIGHT, ["MKTAYIAKQR", "WWHHCCDDEE"])
    other = predictor.predict_pair(HEAVY, LIGHT, ["WWHHCCDDEE", "MKTAYIAKQR"])
    assert one.pkd == pytest.approx(other.pkd, abs=1e-12)


@pytest.mark.parametrize(
    ("heavy", "antigen", "words"),
    [
        ("EVQL*VES", "MKTAYI", "stop codon"),
        (HEAVY, "MKT1AYI", "'1' at residue 4"),
        (HEAVY, "ACGT" * 20, "nucleotides"),
        ("MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ" * 4, "MKTAYI", "no antibody variable domain"),
        ("", "MKTAYI", "no antibody chain"),
    ],
)
def test_a_chain_that_cannot_be_read_is_refused(
    predictor: Predictor, heavy: str, antigen: str, words: str
) -> None:
    with pytest.raises(SequenceError, match=words):
        predictor.predict_pair(heavy, None, antigen)


def faulty() -> pl.DataFrame:
    return TABLE.with_columns(
        heavy=pl.when(pl.col("source_row").is_in([4, 9])).then(pl.lit("EVQ1")).otherwise("heavy")
    )


def test_all_faults_of_a_table_are_named_at_once(predictor: Predictor) -> None:
    with pytest.raises(TableError) as caught:
        predictor.predict_table(faulty(), path="pairs.csv")
    assert [problem.row for problem in caught.value.problems] == [4, 9]
    assert "pairs.csv: 2 problems" in str(caught.value)


def test_keep_going_leaves_faulty_rows_empty(predictor: Predictor) -> None:
    found = predictor.predict_table(faulty(), keep_going=True)
    clean = predictor.predict_table(TABLE)
    bad = found["row"].is_in([4, 9])
    assert found.filter(bad)["pkd"].null_count() == 2
    assert found.filter(bad)["problem"].null_count() == 0
    assert found.filter(~bad).equals(clean.filter(~bad))


def test_a_table_with_nothing_but_faults_keeps_going(predictor: Predictor) -> None:
    found = predictor.predict_table(TABLE.with_columns(heavy=pl.lit("EVQ1")), keep_going=True)
    assert found["pkd"].null_count() == TABLE.height


def test_rows_that_the_model_refuses_are_problems_of_those_rows() -> None:
    predictor = Predictor(OneHotRidge().fit(assay_table(30)))
    pairs = assay_table(3).with_columns(heavy=pl.Series([HEAVY, HEAVY[1:], HEAVY]))
    found = predictor.predict_table(pairs, keep_going=True)
    assert found["pkd"].is_null().to_list() == [False, True, False]
    assert "119 residues" in found["problem"][1]


def test_a_rank_is_not_dressed_up_as_a_kd() -> None:
    predictor = Predictor(Mean(target="rank_score").fit(assay_table(10)))
    prediction = predictor.predict_pair(HEAVY, LIGHT, "MKTAYI")
    assert (prediction.pkd, prediction.kd_molar, prediction.kd) == (None, None, None)
    assert prediction.rank_score == pytest.approx(assay_table(10)["rank_score"].mean())


def test_a_table_may_give_the_antigen_as_text_and_leave_out_the_light_chain(
    predictor: Predictor,
) -> None:
    pairs = pl.DataFrame({"heavy": [HEAVY], "antigen": ["MKTAYIAKQR"]})
    found = predictor.predict_table(pairs)
    assert found["row"].to_list() == [1]
    assert found["pkd"][0] == predictor.predict_pair(HEAVY, None, "MKTAYIAKQR").pkd


def test_missing_columns_are_named(predictor: Predictor) -> None:
    with pytest.raises(SchemaError, match="needs the columns 'heavy'"):
        predictor.predict_table(pl.DataFrame({"VH": [HEAVY]}))


def test_python_users_load_and_predict(tmp_path: Path) -> None:
    KmerRidge().fit(TABLE).save(tmp_path / "m")
    predictor = abag.load(tmp_path / "m")
    one = abag.predict(predictor, heavy=HEAVY, light=LIGHT, antigen="MKTAYI")
    assert one == abag.predict(tmp_path / "m", HEAVY, LIGHT, "MKTAYI")
    with pytest.raises(MissingFileError):
        abag.load(tmp_path / "nowhere")


def test_a_long_table_is_predicted_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abag.inference.predictor._STEP_ROWS", 7)
    predictor = Predictor(KmerRidge().fit(TABLE))
    stepped = predictor.predict_table(TABLE)
    monkeypatch.undo()
    assert stepped.equals(predictor.predict_table(TABLE))


def without_antigen() -> pl.DataFrame:
    return pl.DataFrame(
        {"heavy": [HEAVY], "antigen": [[]]}, schema_overrides={"antigen": pl.List(pl.String)}
    )


def test_a_pair_without_an_antigen_is_refused_by_a_model_of_pairs() -> None:
    predictor = Predictor(Mean().fit(canonical({"pkd": [7.0, 8.0]})))
    with pytest.raises(TableError, match="row 1: no antigen sequence"):
        predictor.predict_table(without_antigen())
    found = predictor.predict_table(without_antigen(), keep_going=True)
    assert "no antigen sequence" in found["problem"][0]
    assert found["pkd"][0] is None


def test_a_model_that_never_saw_an_antigen_needs_none() -> None:
    predictor = Predictor(Mean().fit(canonical({"pkd": [7.0, 8.0], "antigen": [[], []]})))
    found = predictor.predict_table(without_antigen())
    assert "antigen_unknown" in found["flags"][0].to_list()
    assert np.isfinite(found["pkd"][0])


def test_a_model_of_an_assay_is_served_with_its_own_intervals() -> None:
    table = assay_table(16)
    model = AssayGP(target="pkd").fit(table)
    pairs = table.select("heavy", "light", "antigen")[:3]
    shown = Predictor(model, level=0.8).predict_table(pairs)
    expected = model.distribution(pairs, 0.8)
    assert shown["pkd"].to_list() == expected.median.tolist()
    assert shown["pkd_lower"].to_list() == expected.lower.tolist()
    assert shown["pkd_upper"].to_list() == expected.upper.tolist()
    assert shown["domain"].null_count() == 3
    one = Predictor(model, level=0.8).predict_pair(HEAVY, LIGHT, "MKT")
    assert one.pkd_lower is not None
    assert f" (80 % {one.pkd_lower:.1f} to " in one.in_words()
    order = AssayGP(target="rank_score").fit(table)
    assert Predictor(order).predict_table(pairs)["pkd_lower"].null_count() == 3
