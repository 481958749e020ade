"""``abag scan`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from abag.model.assay_gp.model import AssayGP
from command_line import run
from synthetic_pairs import HEAVY, LIGHT, assay_table


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mine"
    AssayGP(target="pkd").fit(assay_table(60)).save(folder)
    return folder


def test_a_scan_is_predicted_again_from_its_fasta(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "scan"
    code = run(
        "scan", "--heavy", HEAVY, "--light", LIGHT, "--model", model, "--out", out,
        "--positions", "H:107-110", "--numbering", "imgt", "--exclude-cysteine", "--json",
    )  # fmt: skip
    assert code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["mutants"] == 4 * 18
    scanned = pl.read_csv(out / "scan.csv")
    assert set(scanned["wild_type"]) == set("WGD")
    again = tmp_path / "again.csv"
    assert run("predict", "--model", model, "--table", out / "scan.fasta", "--out", again) == 0
    predicted = pl.read_csv(again)
    assert predicted["antibody_name"].to_list() == scanned["mutation"].to_list()
    differences = (predicted["pkd"] - scanned["value"]).abs()
    assert differences.max() < 1e-3  # type: ignore[operator]


def test_people_read_the_best_mutants_and_where_the_page_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run("scan", "--heavy", HEAVY, "--cdrs", "H1,H2", "--out", tmp_path / "out") == 0
    text = capsys.readouterr().out
    assert "304 mutants of antibody; " in text
    assert "scan.html" in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--heavy", HEAVY], "--out is missing"),
        (["--out", "OUT"], "name the antibody by --heavy"),
        (["--heavy", HEAVY, "--cdrs", "L1", "--out", "OUT"], "has no light chain"),
        (["--heavy", HEAVY, "--positions", "H:900", "--out", "OUT"], "no position 900"),
        (["--heavy", HEAVY, "--model", "nowhere", "--out", "OUT"], "nowhere"),
        (["--parent", "nowhere.csv", "--out", "OUT"], "nowhere.csv"),
        (["--heavy", HEAVY, "--light", HEAVY, "--out", "OUT"], "both chains are heavy"),
    ],
)
def test_a_mistake_ends_with_status_two_and_writes_nothing(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    assert run("scan", *(str(out) if text == "OUT" else text for text in arguments)) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()
