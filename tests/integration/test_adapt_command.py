"""From a measured plate to a model and to predictions of candidates, by the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.data.splits import make_split
from abag.files import write_parquet
from command_line import run
from synthetic_pairs import HEAVY, LIGHT, assay_table

ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"


def users_table(rows: int) -> pl.DataFrame:
    table = assay_table(rows)
    error = np.random.default_rng(0).normal(0.0, 0.3, rows)
    kd = pl.Series(10 ** (9 - (table["pkd"].to_numpy() + error)))
    return table.select("heavy", "light").with_columns(
        pl.lit(ANTIGEN).alias("antigen"), kd.alias("KD (nM)")
    )


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    users_table(32).write_csv(tmp_path / "plate.csv")
    return tmp_path / "plate.csv"


def test_a_plate_becomes_predictions(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("adapt", plate, "--out", tmp_path / "mine", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"]["grade"] in ("good", "weak")
    assert Path(answer["report"]).is_file()
    candidates = tmp_path / "candidates.csv"
    assay_table(10, seed=5).select("heavy", "light").with_columns(
        antigen=pl.lit(ANTIGEN)
    ).write_csv(candidates)
    out = tmp_path / "predictions.csv"
    assert run("predict", "--model", tmp_path / "mine", "--table", candidates, "--out", out) == 0
    predicted = pl.read_csv(out)["pkd"].to_numpy()
    true = assay_table(10, seed=5)["pkd"].to_numpy()
    assert np.corrcoef(predicted, true)[0, 1] > 0.5
    capsys.readouterr()
    assert run("predict", "--model", tmp_path / "mine", "--heavy", HEAVY, "--light", LIGHT) == 0
    assert capsys.readouterr().out.startswith("pKd ")  # a model of one assay needs no antigen


def test_the_model_is_evaluated_beside_the_baselines(tmp_path: Path) -> None:
    table = assay_table(60)
    write_parquet(tmp_path / "table.parquet", table)
    make_split(table, "random", folds=3, seed=0).save(tmp_path / "split.parquet")
    code = run(
        "evaluate", tmp_path / "table.parquet", "--split", tmp_path / "split.parquet",
        "--model", "assay-gp", "--model", "one-hot-ridge", "--out", tmp_path / "evaluation",
        "--bootstrap", "100",
    )  # fmt: skip
    assert code == 0
    assert (tmp_path / "evaluation" / "report.html").is_file()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.with_columns(heavy=pl.lit(HEAVY), light=pl.lit(LIGHT)), "one variant only"),
        (lambda t: t.with_columns(pl.lit(5.0).alias("KD (nM)")), "are equal"),
        (lambda t: t.with_columns(pl.lit(">10000").alias("KD (nM)")), "are censored"),
        (lambda t: t.rename({"KD (nM)": "KD"}), "the unit of the values is not named"),
        (
            lambda t: t.with_columns(unit=pl.Series(["nM", "furlong"] * 16)).rename(
                {"KD (nM)": "KD"}
            ),
            "furlong",
        ),
    ],
)
def test_a_bad_plate_ends_with_status_two_and_names_the_fault(
    spoil: object, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(spoil)
    spoil(users_table(32)).write_csv(tmp_path / "bad.csv")
    assert run("adapt", tmp_path / "bad.csv", "--out", tmp_path / "model") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
