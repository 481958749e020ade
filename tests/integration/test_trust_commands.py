"""Intervals, verdicts and explanations by the commands that a user types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abag.files import write_parquet
from command_line import run
from synthetic_domain import families_table

TABLE = families_table(80)
ROW = TABLE.row(0, named=True)
PAIR = ("--heavy", ROW["heavy"], "--light", ROW["light"], "--antigen", ROW["antigen"][0])
FAR = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALP"


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trust")
    write_parquet(place / "table.parquet", TABLE)
    asked = ("fit", place / "table.parquet", "--model", "kmer-ridge", "--calibrate")
    assert run(*asked, "--calibration-folds", 3, "--out", place / "m") == 0
    return place / "m"


def test_fitting_tells_what_was_measured(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = model.parent / "table.parquet"
    asked = ("fit", table, "--model", "kmer-ridge", "--calibrate", "--calibration-folds", 2)
    assert run(*asked, "--out", model.parent / "again") == 0
    assert "90% intervals cover" in capsys.readouterr().out
    assert run(*asked, "--out", model.parent / "again", "--overwrite", "--json") == 0
    content = printed(capsys)
    assert content["calibration_protocol"]["folds"] == 2
    assert content["calibration"]["variant of a measured pair"]["rows"] > 0


def test_a_pair_is_told_with_interval_and_verdict(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "--model", model, *PAIR) == 0
    text = capsys.readouterr().out
    assert "(90 % " in text
    assert (
        "this antibody, or one from which it differs little, was measured on this antigen" in text
    )
    assert run("predict", "--model", model, *PAIR, "--level", 0.5, "--json") == 0
    content = printed(capsys)
    assert content["level"] == 0.5
    assert content["pkd_lower"] < content["pkd"] < content["pkd_upper"]
    assert content["domain"] == "variant of a measured pair"


def test_abstaining_ends_with_the_reason(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    far = (*PAIR[:5], FAR)
    assert run("predict", "--model", model, *far, "--abstain") == 2
    assert "abstained: known antibody, other antigen" in capsys.readouterr().err
    assert run("predict", "--model", model, *PAIR, "--abstain") == 0


def test_a_table_has_the_columns_of_trust(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{ROW['heavy']},{ROW['light']},{antigen}" for antigen in (ROW["antigen"][0], FAR)]
    (tmp_path / "pairs.csv").write_text("\n".join(["heavy,light,antigen", *lines]) + "\n")
    asked = ("predict", "--model", model, "--table", tmp_path / "pairs.csv")
    assert run(*asked, "--out", tmp_path / "p.csv", "--abstain", "--json") == 0
    assert printed(capsys)["problems"] == 1
    found = pl.read_csv(tmp_path / "p.csv")
    assert found["domain"].to_list() == [
        "variant of a measured pair",
        "known antibody, other antigen",
    ]
    assert found["pkd"].is_null().to_list() == [False, True]
    assert "outside what the model knows" in found["problem"][1]
    assert found["group_rows"][0] > 0


@pytest.mark.parametrize("level", ["0", "1", "90"])
def test_a_level_outside_0_to_1_is_refused(
    model: Path, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    assert run("predict", "--model", model, *PAIR, "--level", level) == 2
    assert "give a share above 0 and below 1" in capsys.readouterr().err


def test_a_prediction_is_explained_and_drawn(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("explain", "--model", model, *PAIR, "--substitutes", "AW", "--out", tmp_path / "e")
    assert run(*asked) == 0
    assert "in the CDRs" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == [
        "explanation.json", "importance.csv", "importance.png",
    ]  # fmt: skip
    assert run(*asked[:-2], "--json") == 0
    assert len(printed(capsys)["positions"]) == len(ROW["heavy"]) + len(ROW["light"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain",), "--heavy is missing"),
        (("explain", "--heavy", ROW["heavy"]), "--antigen is missing"),
        (("explain", "--heavy", "EVQ", "--structure", "x.pdb"), "not both"),
        (("explain", "--structure", "nowhere.pdb"), "there is no file nowhere.pdb"),
        (("explain", *PAIR, "--substitutes", "B"), "letters of amino acids"),
        (("predict", "x.fasta", "--parent", "y.fasta"), "'x.fasta': `abag predict` takes no"),
        (("predict", "x.fasta"), "variants of a --parent, by --table FILE"),
        (
            ("predict", *PAIR, "--parent", "y.fasta", "--top", "3"),
            "--top, --parent: only with --table",
        ),
        (("explain", "x.fasta"), "give a file of the antibody by --parent FILE"),
        (
            ("split", "a.parquet", "b.parquet", "--strategy", "random", "--out", "s.parquet"),
            "'b.parquet': `abag split` takes no argument",
        ),
    ],
)
def test_a_mistake_is_named_with_its_mend(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err
