import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from abag.data.splits import make_split
from abag.errors import ModelError, OptionError
from abag.evaluation.evaluation import evaluate
from abag.evaluation.held_out import Candidate
from abag.files import write_parquet
from abag.inference.predictor import Predictor
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.fitting import TrainingRows
from abag.model.protocol import load_model
from abag.uncertainty.served import SERVED, ServedModel, fit_served
from synthetic_domain import families_table

TABLE = families_table(100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("served")
    write_parquet(place / "table.parquet", TABLE)
    fit_served("kmer-ridge", TrainingRows(place / "table.parquet"), place / "m", folds=3)
    return place / "m"


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_the_folder_serves_with_and_without_its_calibration(folder: Path) -> None:
    served = ServedModel.load(folder)
    assert served.calibration is not None
    assert load_model(folder).model_id == served.model.model_id
    assert "| variant of a measured pair |" in (folder / "card.md").read_text()


def test_the_served_prediction_is_the_evaluated_one(tmp_path: Path) -> None:
    """From a table, a split and a saved folder to the very same bits as the evaluation's."""
    write_parquet(tmp_path / "t.parquet", TABLE)
    split = make_split(TABLE, "antigen-cluster", folds=3)
    split.save(tmp_path / "s.parquet")
    held_out = evaluate([Candidate("ours", KmerRidge)], TABLE, split, resamples=100).held_out
    evaluated = dict(zip(held_out.table["record_id"], held_out.predictions["ours"], strict=True))
    for fold in split.test_parts:
        rows = TrainingRows(tmp_path / "t.parquet", tmp_path / "s.parquet", holdout=fold)
        fit_served("kmer-ridge", rows, tmp_path / fold, folds=2)
        test = split.part_table(TABLE, fold).frame.sample(fraction=1, shuffle=True, seed=1)
        served = Predictor.load(tmp_path / fold).predict_table(test)
        assert served["pkd"].to_list() == [evaluated[record] for record in test["record_id"]]


@pytest.mark.parametrize("name", ["weights.safetensors", "uncertainty.safetensors", "model.json"])
def test_a_changed_file_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        ServedModel.load(copy)


def test_changed_figures_are_refused(copy: Path) -> None:
    content = json.loads((copy / SERVED).read_text())
    content["figures"]["variant of a measured pair"]["rmse"] = 0.1
    (copy / SERVED).write_text(json.dumps(content))
    with pytest.raises(ModelError, match="was changed after it was saved"):
        ServedModel.load(copy)


def test_a_missing_and_an_added_file_are_refused(copy: Path) -> None:
    (copy / "other.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"other\.bin"):
        ServedModel.load(copy)
    (copy / "other.bin").unlink()
    (copy / "uncertainty.safetensors").unlink()
    with pytest.raises(ModelError, match=r"uncertainty\.safetensors is missing"):
        ServedModel.load(copy)


def test_the_calibration_of_another_model_is_refused(copy: Path, tmp_path: Path) -> None:
    KmerRidge(ridge=5.0).fit(TABLE).save(tmp_path / "other")
    for name in ("model.json", "weights.safetensors"):
        shutil.copy(tmp_path / "other" / name, copy / name)
    with pytest.raises(ModelError, match="checksum differs"):
        ServedModel.load(copy)


def test_the_card_may_be_rewritten(copy: Path) -> None:
    (copy / "card.md").write_text("# ours\n")
    assert ServedModel.load(copy).calibration is not None


def test_the_same_table_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    rows = TrainingRows(folder.parent / "table.parquet")
    fit_served("kmer-ridge", rows, tmp_path / "again", folds=3)
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_folder_is_overwritten_only_when_asked_and_only_if_it_is_ours(copy: Path) -> None:
    served = ServedModel.load(copy)
    with pytest.raises(ModelError, match="--overwrite"):
        served.save(copy)
    served.save(copy, overwrite=True)
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="other files"):
        served.save(copy, overwrite=True)
    assert (copy / "notes.txt").exists()


def test_a_rank_has_no_error_in_pkd(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="rank score"):
        fit_served("mean", TrainingRows(tmp_path / "t"), tmp_path / "m", {"target": "rank_score"})


def test_a_model_alone_has_no_interval(tmp_path: Path) -> None:
    KmerRidge().fit(TABLE).save(tmp_path / "m")
    predictor = Predictor.load(tmp_path / "m")
    row = TABLE.row(0, named=True)
    one = predictor.predict_pair(row["heavy"], row["light"], row["antigen"])
    assert (one.pkd_lower, one.level, one.domain) == (None, None, None)
    with pytest.raises(ModelError, match="--calibrate"):
        predictor.predict_pair(row["heavy"], row["light"], row["antigen"], abstain=True)


def test_predictions_carry_interval_verdict_and_measured_error(folder: Path) -> None:
    predictor = Predictor.load(folder)
    found = predictor.predict_table(TABLE)
    assert set(found["domain"]) == {"variant of a measured pair"}
    figures = ServedModel.load(folder).calibration.as_json()["variant of a measured pair"]  # type: ignore[union-attr]
    assert found["group_rmse"].unique().to_list() == [figures["rmse"]]
    assert found["group_rows"].unique().to_list() == [figures["rows"]]
    inside = found.select(
        (pl.col("pkd_lower") <= pl.col("pkd")) & (pl.col("pkd") <= pl.col("pkd_upper"))
    )
    assert inside.to_series().all()


def test_a_lower_level_gives_a_narrower_interval(folder: Path) -> None:
    row = TABLE.row(0, named=True)
    pair = (row["heavy"], row["light"], row["antigen"])
    wide = Predictor.load(folder).predict_pair(*pair)
    narrow = Predictor.load(folder, level=0.5).predict_pair(*pair)
    assert narrow.pkd == wide.pkd
    assert narrow.pkd_upper - narrow.pkd_lower < wide.pkd_upper - wide.pkd_lower  # type: ignore[operator]


def test_abstaining_refuses_what_the_model_does_not_know(folder: Path) -> None:
    predictor = Predictor.load(folder)
    row = TABLE.row(0, named=True)
    far = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ" * 2
    with pytest.raises(ModelError, match="abstained: known antibody, other antigen"):
        predictor.predict_pair(row["heavy"], row["light"], far, abstain=True)
    pairs = pl.concat([TABLE[:1], TABLE[:1].with_columns(antigen=pl.lit([far]))])
    found = predictor.predict_table(pairs, abstain=True)
    assert found["pkd"].is_null().to_list() == [False, True]
    assert found["pkd_lower"].is_null().to_list() == [False, True]
    assert found["domain"].to_list() == [
        "variant of a measured pair",
        "known antibody, other antigen",
    ]
