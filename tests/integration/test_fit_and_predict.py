"""From a table to a model to predictions, by the commands that a user types."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abag.apps.cli import main
from abag.data.splits import make_split
from abag.files import write_parquet
from abag.model.protocol import load_model
from synthetic_pairs import HEAVY, LIGHT, complexes_table

ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_parquet(tmp_path / "table.parquet", complexes_table(60))
    return tmp_path / "table.parquet"


@pytest.fixture
def model(tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    run("fit", table, "--model", "kmer-ridge", "--out", tmp_path / "model")
    capsys.readouterr()
    return tmp_path / "model"


def run(*arguments: object) -> None:
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        if end.code not in (0, None):
            raise


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


def test_a_pair_is_predicted_for_people_and_machines(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = ("predict", "--model", model, "--heavy", HEAVY, "--light", LIGHT, "--antigen", ANTIGEN)
    run(*pair)
    text = capsys.readouterr().out
    run(*pair, "--json")
    content = printed(capsys)
    assert f"pKd {content['pkd']:.2f}" in text
    assert content["kd"] in text
    assert content["model_id"] == load_model(model).model_id
    assert "antigen_not_in_training" in content["flags"]


def test_several_antigen_chains_are_given_by_repeating_the_option(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = ("predict", "--model", model, "--heavy", HEAVY, "--json", "--antigen", ANTIGEN)
    run(*pair)
    one = printed(capsys)
    run(*pair, "--antigen", "WWHHCCDDEEWWHHCC")
    assert printed(capsys)["pkd"] != one["pkd"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_predicted_row_by_row(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    pairs = complexes_table(5).select(
        pl.col("heavy").alias("my VH"), pl.col("light").alias("my VL"),
        pl.col("antigen").list.join("|").alias("target"),
    )  # fmt: skip
    pairs.write_csv(tmp_path / "pairs.csv")
    out = tmp_path / f"predictions.{ending}"
    run(
        "predict", "--model", model, "--table", tmp_path / "pairs.csv", "--out", out, "--json",
        "--map", "heavy=my VH", "--map", "light=my VL", "--map", "antigen=target",
    )  # fmt: skip
    assert printed(capsys)["predicted"] == 5
    found = pl.read_csv(out) if ending == "csv" else pl.read_parquet(out)
    expected = load_model(model).predict(complexes_table(5))
    assert found["pkd"].to_list() == pytest.approx(expected.tolist(), abs=1e-12)
    assert found["row"].to_list() == [2, 3, 4, 5, 6]


def test_faulty_rows_stop_everything_unless_one_keeps_going(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs, out = tmp_path / "pairs.csv", tmp_path / "p.csv"
    pairs.write_text(f"heavy,antigen\n{HEAVY},{ANTIGEN}\nEVQ1,{ANTIGEN}\n{HEAVY},MK*T\n")
    asked = ("predict", "--model", model, "--table", pairs, "--out", out)
    message = fails(capsys, *asked)
    assert "row 3" in message
    assert "row 4" in message
    assert not out.exists()
    run(*asked, "--keep-going")
    found = pl.read_csv(out)
    assert found["pkd"].is_null().to_list() == [False, True, True]
    assert "residue 4" in found["problem"][1]


def test_a_model_learns_from_the_training_part_alone(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = complexes_table(60)
    split = make_split(rows, "random", folds=3, seed=1)
    split.save(tmp_path / "split.parquet")
    run(
        "fit", table, "--model", "mean", "--out", tmp_path / "m", "--split",
        tmp_path / "split.parquet", "--holdout", "fold-1", "--json",
    )  # fmt: skip
    training = printed(capsys)["training"]
    expected = rows.filter(pl.col("record_id").is_in(list(split.training_ids("fold-1"))))
    assert training["rows"] == expected.height == 40
    assert training["target_mean"] == pytest.approx(expected["pkd"].mean())
    assert training["origin"]["split_digest"] == split.digest
    message = fails(
        capsys, "fit", table, "--model", "mean", "--out", tmp_path / "n", "--split",
        tmp_path / "split.parquet",
    )  # fmt: skip
    assert "--holdout fold-0" in message


def test_a_split_of_train_and_test_needs_no_part(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = make_split(complexes_table(60), "random", fractions=(0.5, 0.0, 0.5))
    split.save(tmp_path / "split.parquet")
    asked = ("fit", table, "--model", "mean", "--json", "--split", tmp_path / "split.parquet")
    run(*asked, "--out", tmp_path / "m")
    assert printed(capsys)["training"]["rows"] == 30
    run(*asked, "--out", tmp_path / "n", "--part", "test")
    assert printed(capsys)["training"]["origin"]["part"] == "test"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict",), "--heavy is missing"),
        (("predict", "--model", "{model}", "--heavy", HEAVY), "--antigen is missing"),
        (("predict", "--model", "{model}", "--table", "{table}"), "--out is missing"),
        (("predict", "--model", "{model}", "--table", "{table}", "--out", "p.txt"), ".parquet"),
        (("predict", "--model", "{table}", "--heavy", HEAVY, "--antigen", ANTIGEN), "is a file"),
        (("fit", "{table}", "--out", "x"), "--model is missing"),
        (("fit", "{table}", "--model", "kmer-rige", "--out", "x"), "did you mean 'kmer-ridge'"),
        (("fit", "{table}", "--model", "mean", "--out", "{model}"), "--overwrite"),
        (("fit", "{table}", "--model", "mean", "--out", "x", "--assay", "no"), "assay 'no'"),
        (("fit", "{table}", "--model", "mean", "--out", "x", "--part", "test"), "--split"),
        (("fit", "{table}", "--model", "mean", "--out", "x", "--set", "shrink=1"), "no setting"),
    ],
)  # fmt: skip
def test_a_mistake_ends_with_status_two_and_the_mend(
    model: Path,
    table: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    filled = [text.format(model=model, table=table) for text in arguments]
    assert words in fails(capsys, *filled)


def test_importing_abag_loads_nothing_heavy() -> None:
    code = "import abag, sys; print([m for m in ('numpy', 'polars') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("shipped", [True, False])
def test_predicting_a_pair_loads_nothing_that_tables_and_fits_need(
    model: Path, shipped: bool
) -> None:
    of = "" if shipped else f"{str(model)!r}, "
    unwanted = (
        *("sklearn", "scipy", "matplotlib", "pyarrow", "Bio.SearchIO"),
        *("abag.data.formats", "abag.data.splits", "abag.uncertainty.out_of_fold"),
    )
    code = (
        "import abag, sys; "
        f"abag.predict({of}{HEAVY!r}, None, {ANTIGEN!r}); "
        f"print([m for m in {unwanted!r} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
