import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.apps.cli import main
from abag.data.splits import make_split
from abag.data.tables import SCHEMA
from abag.files import write_parquet

PLAIN = {
    "source": "made_up", "source_file": "none", "source_row": 2, "quantity": "KD",
    "raw_value": "1", "raw_unit": "nM", "relation": "=", "replicates": 1, "assay": "one",
    "licence": "own-data", "flags": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table of made-up chains, with a split in folds and one in parts."""
    generator = np.random.default_rng(0)
    antigens = ["".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 80)) for _ in range(8)]
    rows = []
    for place in range(96):
        heavy = "EVQLVESGGGLVQ" + "".join(generator.choice(list("ADEFGKLS"), 60))
        pkd = 6.0 + 0.4 * (place % 8) + 0.1 * heavy.count("E") + generator.normal(0, 0.1)
        rows.append(
            {**PLAIN, "record_id": f"r{place}", "heavy": heavy, "antigen": [antigens[place % 8]],
             "antigen_name": f"antigen {place % 8}", "pkd": pkd, "pkd_lower": pkd,
             "pkd_upper": pkd}
        )  # fmt: skip
    table = pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], schema=SCHEMA)
    here = tmp_path_factory.mktemp("evaluate")
    write_parquet(here / "table.parquet", table)
    make_split(table, "random", folds=4).save(here / "folds.parquet")
    make_split(table, "random", fractions=(0.7, 0.1, 0.2)).save(here / "parts.parquet")
    return here


def fit(folder: Path, model: str, out: Path, *arguments: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(
            ["fit", str(folder / "table.parquet"), "--model", model, "--out", str(out), *arguments]
        )
    assert not stop.value.code


def call(folder, capsys, *arguments):
    """Exit status, standard output and standard error of ``abag evaluate``."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(folder / "table.parquet"), "--bootstrap", "100", *arguments])
    captured = capsys.readouterr()
    return stop.value.code or 0, captured.out, captured.err


def test_a_named_model_is_fitted_on_each_fold_with_baselines_beside(folder, capsys, tmp_path):
    status, out, _ = call(
        folder, capsys, "--split", str(folder / "folds.parquet"), "--model", "nearest-neighbour",
        "--out", str(tmp_path / "run"), "--json",
    )  # fmt: skip
    assert status == 0
    content = json.loads(out)
    assert content["subject"] == "nearest-neighbour"
    assert {name for name, model in content["models"].items() if model["baseline"]} == {
        "mean", "antigen-mean", "kmer-ridge",
    }  # fmt: skip
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())["evaluations"][0]
    assert metrics["rows"]["exact"] == 96
    assert metrics["audit"]["verdict"].startswith("leaks")
    assert metrics["models"]["kmer-ridge"]["settings"]["ridge"] == 0.1
    assert metrics["split"]["strategy"] == "random"
    assert metrics["provenance"]["table file"] == "table.parquet"
    assert "data:image/png;base64," in (tmp_path / "run" / "report.html").read_text()


def test_a_saved_model_is_tested_on_the_part_it_did_not_see(folder, capsys, tmp_path):
    saved = tmp_path / "mine"
    fit(folder, "kmer-ridge", saved, "--split", str(folder / "parts.parquet"))
    status, out, _ = call(
        folder, capsys, "--split", str(folder / "parts.parquet"), "--model", str(saved),
        "--out", str(tmp_path / "run"), "--no-audit",
    )  # fmt: skip
    assert status == 0
    assert "mine" in out
    table = pl.read_csv(tmp_path / "run" / "test_predictions.csv", infer_schema_length=None)
    assert set(table["fold"]) == {"test"}
    by_model = table.pivot("model", index="record_id", values="pred")
    # The saved model and the same baseline fitted here on the same rows agree.
    assert by_model["mine"].to_numpy() == pytest.approx(by_model["kmer-ridge"].to_numpy())


@pytest.mark.parametrize("split", ["folds.parquet", None])
def test_a_model_fitted_with_another_split_or_none_is_refused(folder, capsys, tmp_path, split):
    saved = tmp_path / "mine"
    with_split = ["--split", str(folder / split), "--holdout", "fold-1"] if split else []
    fit(folder, "mean", saved, *with_split)
    status, _, err = call(
        folder, capsys, "--split", str(folder / "parts.parquet"), "--model", str(saved),
        "--out", str(tmp_path / "run"),
    )  # fmt: skip
    assert status == 2
    assert "may have seen the test rows" in err
    assert not (tmp_path / "run").exists()


def test_a_model_fitted_without_one_fold_is_tested_on_that_fold(folder, capsys, tmp_path):
    saved = tmp_path / "mine"
    fit(folder, "mean", saved, "--split", str(folder / "folds.parquet"), "--holdout", "fold-2")
    status, _, _ = call(
        folder, capsys, "--split", str(folder / "folds.parquet"), "--model", str(saved),
        "--out", str(tmp_path / "run"), "--no-audit",
    )  # fmt: skip
    assert status == 0
    table = pl.read_csv(tmp_path / "run" / "test_predictions.csv", infer_schema_length=None)
    assert set(table["fold"]) == {"fold-2"}


def test_a_model_fitted_on_the_test_part_is_refused(folder, capsys, tmp_path):
    saved = tmp_path / "mine"
    fit(folder, "mean", saved, "--split", str(folder / "parts.parquet"), "--part", "test")
    status, _, err = call(
        folder, capsys, "--split", str(folder / "parts.parquet"), "--model", str(saved),
        "--out", str(tmp_path / "run"),
    )  # fmt: skip
    assert status == 2
    assert "leaves no part to test it on" in err


@pytest.mark.parametrize(
    ("model", "out", "message"),
    [
        ("kmer-rigde", "run", "did you mean 'kmer-ridge'"),
        ("mean", "file", "is a file; name a folder"),
    ],
)
def test_a_wrong_option_is_named(folder, capsys, tmp_path, model, out, message):
    (tmp_path / "file").write_text("x")
    status, _, err = call(
        folder, capsys, "--split", str(folder / "folds.parquet"), "--model", model,
        "--out", str(tmp_path / out),
    )  # fmt: skip
    assert status == 2
    assert message in err


def test_a_split_of_another_table_is_refused(folder, capsys, tmp_path):
    table = pl.read_parquet(folder / "table.parquet")
    make_split(table[:50], "random", folds=4).save(tmp_path / "other.parquet")
    status, _, err = call(
        folder, capsys, "--split", str(tmp_path / "other.parquet"), "--model", "mean",
        "--out", str(tmp_path / "run"),
    )  # fmt: skip
    assert status == 2
    assert "made for another table" in err
