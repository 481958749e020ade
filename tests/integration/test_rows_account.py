"""Rows in = rows kept + rows set aside at every door; what is set aside is in a file and told."""

from __future__ import annotations

import io
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import polars as pl
import pytest

from command_line import run
from synthetic_pairs import HEAVY, LIGHT

ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYV"
GOOD = [f"H:{HEAVY[i]}{i + 1}{to}" for i in (31, 32, 53, 98, 101) for to in "SK"]
ROWS_IN = 16


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven rows that can be read, and five that cannot: each for another reason."""
    good = [("WT", "1"), *((text, str(2 + i)) for i, text in enumerate(GOOD))]
    bad = [("1-Mar", "3"), ("isotype control", "9"), ("Y33Q", "nd"), ("T54A", "-5"),
           ("H:Q33A", "3")]  # fmt: skip
    text = "".join(f"c{i},{name},{kd}\n" for i, (name, kd) in enumerate([*good, *bad]))
    path = tmp_path_factory.mktemp("variants") / "variants.csv"
    path.write_text(f"name,mutations,KD (nM)\n{text}")
    return path


PARENT = ("--parent-heavy", HEAVY, "--parent-light", LIGHT, "--quarantine")


def test_adapt_accounts_for_every_row(
    variants: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("adapt", variants, "--out", tmp_path / "model", *PARENT) == 0
    assert "rows: 16 in = 11 kept + 5 set aside" in capsys.readouterr().out
    aside = pl.read_csv(tmp_path / "model-report" / "set_aside.csv")
    assert aside["source_row"].sort().to_list() == [13, 14, 15, 16, 17]
    assert aside["reason"].null_count() == 0


@pytest.fixture(scope="module")
def begun(variants: Path) -> tuple[Path, str]:
    """A campaign that the variants began, which no test changes, and what was told of it."""
    folder = variants.parent / "campaign"
    with redirect_stdout(io.StringIO()) as told:
        assert run("adapt", variants, "--campaign", folder, *PARENT) == 0
    return folder, told.getvalue()


def test_a_campaign_accounts_for_every_row(begun: tuple[Path, str]) -> None:
    folder, told = begun
    assert "5 set aside" in told
    aside = pl.read_csv(folder / "round-00" / "set_aside.csv")
    assert aside["source_row"].sort().to_list() == [13, 14, 15, 16, 17]


def test_the_results_of_a_plate_account_for_every_row(
    begun: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(begun[0], tmp_path / "campaign"))
    assert run("propose", "--campaign", folder, "--n", 4) == 0
    plate = pl.read_csv(folder / "round-01" / "proposed.csv")
    names = plate.filter(pl.col("mutations") != "")["name"].head(4).to_list()
    values = dict(zip(names, ["3.1", "", "2-5", "nonsense"], strict=True))
    text = "".join(f"{name},{value}\n" for name, value in values.items())
    results = tmp_path / "results.csv"
    results.write_text(f"name,KD (nM)\n{text}")
    capsys.readouterr()
    assert run("adapt", results, "--campaign", folder, "--quarantine") == 0
    assert "4 rows in the file: 1 kept, 3 set aside" in capsys.readouterr().out
    aside = pl.read_csv(folder / "round-01" / "set_aside.csv")
    assert aside["source_row"].sort().to_list() == [3, 4, 5]
    assert aside["reason"].null_count() == 0


def test_a_replay_accounts_for_every_row(
    variants: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ("--start", 5, "--rounds", 1, "--batch", 2, "--seeds", 1, "--top", 0.2)
    assert run("simulate", variants, "--out", tmp_path / "replay", *PARENT, *small) == 0
    told = capsys.readouterr()
    assert "rows: 16 in = 11 kept + 5 set aside" in told.out + told.err
    aside = pl.read_csv(tmp_path / "replay" / "set_aside.csv")
    assert aside["source_row"].sort().to_list() == [13, 14, 15, 16, 17]


def test_an_import_accounts_for_every_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = ["1", "2 nM", "NB", "", "1-5", "<3", "5 uM", "mean"]
    text = "".join(f"c{i},{HEAVY},{LIGHT},{ANTIGEN},{v}\n" for i, v in enumerate(values))
    path = tmp_path / "t.csv"
    path.write_text(f"name,heavy,light,antigen,KD (nM)\n{text}")
    out = tmp_path / "t.parquet"
    assert run("data", "import", path, "--out", out, "--quarantine") == 0
    said = capsys.readouterr().out
    kept = pl.read_parquet(out)
    (aside,) = [pl.read_parquet(p) for p in tmp_path.glob("t*quarantine*.parquet")]
    assert (kept.height, aside.height) == (3, 5)
    assert "rows in 8 = kept 3 + set aside 5" in said
    assert sorted([*kept["source_row"], *aside["source_row"]]) == list(range(2, 10))


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """One cell with both chains, and three rows that make no pair."""
    fields = "sequence_id\tcell_id\tlocus\tproductive\tsequence_alignment_aa"
    chains = [("c1", "IGH", HEAVY), ("c1", "IGK", LIGHT), ("c2", "IGH", HEAVY),
              ("c3", "IGK", LIGHT), ("c4", "TRB", LIGHT)]  # fmt: skip
    rows = [f"s{i}\t{cell}\t{locus}\tT\t{letters}" for i, (cell, locus, letters) in
            enumerate(chains)]  # fmt: skip
    path = tmp_path / "cells.tsv"
    path.write_text("\n".join([fields, *rows]) + "\n")
    return path


def test_an_embedding_accounts_for_every_row(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ("--store", tmp_path / "store", "--antigen", ANTIGEN)
    assert run("embed", cells, *told) == 0
    said = capsys.readouterr().out
    assert "1 pair kept, 3 rows of the file left out" in said
    assert [row for row in ("row 4", "row 5", "row 6") if f"left out: {row}" in said] == [
        "row 4", "row 5", "row 6",
    ]  # fmt: skip


def test_a_prediction_accounts_for_every_row(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p.csv"
    told = ("--antigen", ANTIGEN)
    assert run("predict", "--table", cells, "--out", out, *told) == 0
    said = capsys.readouterr().err
    assert pl.read_csv(out).height == 1
    left_out = [line for line in said.splitlines() if line.startswith("left out: row")]
    rows_left = [line.split(":")[1].split(",")[0].strip() for line in left_out]
    assert sorted(rows_left) == ["row 4", "row 5", "row 6"]
