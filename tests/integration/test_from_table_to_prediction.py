"""The whole way of a user, command by command: the same input gives the same bytes."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import abag
from abag.apps.cli import main
from synthetic_pairs import complexes_table

REPLICATES = 5


def run(*words: object) -> dict[str, Any]:
    """What a command prints with ``--json``: one JSON object and nothing else."""
    with redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as stop:
        main([*map(str, words), "--json"])
    assert not stop.value.code
    content: dict[str, Any] = json.loads(out.getvalue())
    return content


def measurements() -> str:
    """A user's CSV of 90 pairs, five of them measured twice, one a bound."""
    table = complexes_table(90)
    kd_nm = [10 ** (9.0 - pkd) for pkd in table["pkd"]]
    rows = [
        f"{heavy},{light or ''},{antigen[0]},{kd!r}"
        for heavy, light, antigen, kd in zip(
            table["heavy"], table["light"], table["antigen"].to_list(), kd_nm, strict=True
        )
    ]
    again = [f"{row.rpartition(',')[0]},{2 * kd_nm[i]!r}" for i, row in enumerate(rows[:5])]
    bound = f"{rows[7].rpartition(',')[0]},>10000"
    return "\n".join(["VH,VL,target,KD (nM)", *rows, *again, bound, ""])


def whole_way(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    csv, table, merged = folder / "mine.csv", folder / "table.parquet", folder / "merged.parquet"
    csv.write_text(measurements(), encoding="utf-8")
    names = ("--map", "heavy=VH", "--map", "light=VL", "--map", "antigen=target")
    split, model = folder / "split.parquet", folder / "model"
    return {
        "import": run("data", "import", csv, "--out", table, *names),
        "merge": run("data", "merge", table, "--out", merged),
        "check": run("data", "check", merged),
        "split": run(
            "split", merged, "--strategy", "antigen-cluster", "--folds", 3, "--out", split
        ),
        "audit": run("audit", merged, "--split", split, "--out", folder / "audit"),
        "evaluate": run(
            "evaluate", merged, "--split", split, "--model", "kmer-ridge",
            "--out", folder / "run", "--bootstrap", 100,
        ),
        "fit": run("fit", merged, "--model", "kmer-ridge", "--out", model),
        "predict": run(
            "predict", "--model", model, "--table", csv, *names,
            "--out", folder / "predictions.csv",
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole way was gone once."""
    folder = tmp_path_factory.mktemp("way") / "first"
    (folder.parent / "said.json").write_text(json.dumps(whole_way(folder)), encoding="utf-8")
    return folder


def test_a_table_becomes_a_report_and_predictions_twice_alike(here: Path, tmp_path: Path) -> None:
    first, second = here, tmp_path / "second"
    said = json.loads((here.parent / "said.json").read_text(encoding="utf-8"))
    whole_way(second)

    (summary,) = said["import"]["sources"]
    assert (summary["rows_in"], summary["kept"], summary["censored"]) == (96, 96, 1)
    assert said["merge"]["rows_in"] == 96
    assert said["merge"]["replicates"] >= REPLICATES
    assert said["split"]["parts"].keys() == {"fold-0", "fold-1", "fold-2"}
    audit = json.loads((first / "audit" / "audit.json").read_text())
    assert audit["is_leaky"] is said["audit"]["is_leaky"]
    assert audit["shares"]["antigen"] == 0.0
    assert said["evaluate"]["split_digest"] == said["split"]["digest"]
    metrics = json.loads((first / "run" / "metrics.json").read_text())
    assert metrics["evaluations"][0]["subject"] == "kmer-ridge"
    assert (first / "run" / "report.html").read_text().lstrip().startswith("<!doctype html>")
    assert said["predict"]["predicted"] == 96
    assert said["predict"]["model_id"] == said["fit"]["model_id"]

    made = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert {"table.parquet", "merged.parquet", "split.parquet", "predictions.csv"} <= {
        str(path) for path in made
    }
    assert len(made) == 16
    for path in made:
        assert (first / path).read_bytes() == (second / path).read_bytes(), path


def test_python_gives_the_numbers_of_the_command_line(here: Path) -> None:
    predicted = pl.read_csv(here / "predictions.csv")
    table = complexes_table(90)
    predictor = abag.load(here / "model")
    for row in (0, 1, 89):
        heavy, light = table["heavy"][row], table["light"][row]
        antigen = table["antigen"][row].to_list()
        one = abag.predict(predictor, heavy, light, antigen)
        assert one.pkd == predicted["pkd"][row]
        assert one.kd == predicted["kd"][row]
        assert one.kd_molar == pytest.approx(10 ** -(one.pkd or 0.0), rel=1e-12)
        words = ["--heavy", heavy, "--antigen", antigen[0]] + (["--light", light] if light else [])
        said = run("predict", "--model", here / "model", *words)
        assert said == one.as_json()


def test_sequences_alone_are_predicted_with_one_antigen_for_all(here: Path, tmp_path: Path) -> None:
    table = complexes_table(90)
    heavy, light, antigen = table["heavy"][1], table["light"][1], table["antigen"][1][0]
    fasta = tmp_path / "mine.fasta"
    fasta.write_text(f">mine_VH\n{heavy}\n>mine_VL\n{light}\n", encoding="utf-8")
    said = run(
        "predict", "--model", here / "model", "--table", fasta,
        "--antigen", antigen,
    )  # fmt: skip
    (found,) = said["predictions"]
    assert found["antibody_name"] == "mine"
    assert found["pkd"] == pl.read_csv(here / "predictions.csv")["pkd"][1]


def test_rows_of_an_airr_table_without_a_partner_are_named(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = complexes_table(90)
    heavy, light, antigen = table["heavy"][1], table["light"][1], table["antigen"][1][0]
    airr = tmp_path / "cells.tsv"
    airr.write_text(
        "sequence_id\tv_call\tproductive\tcell_id\tsequence_alignment_aa\n"
        f"a\tIGHV3-66\tT\tc1\t{heavy}\nb\tIGKV1-39\tT\tc1\t{light}\nc\tIGHV1-2\tT\tc2\t{heavy}\n",
        encoding="utf-8",
    )
    with pytest.raises(SystemExit) as stop:
        main(
            ["predict", "--model", str(here / "model"), "--table", str(airr),
             "--antigen", antigen, "--json"]
        )  # fmt: skip
    captured = capsys.readouterr()
    assert not stop.value.code
    said = json.loads(captured.out)
    assert said["rows"] == said["predicted"] == 1
    assert "row 4" in said["left_out"][0]
    assert "left out: row 4" in captured.err
