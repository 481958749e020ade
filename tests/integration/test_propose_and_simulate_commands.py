"""From a measured plate to the next one and back, and campaigns replayed, by the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag_lab.replay.landscapes import read_landscapes
from command_line import run
from synthetic_pairs import HEAVY, LIGHT, assay_table, hydrophobicity_rule

ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
NARROW = ("--positions", "H:28,H:30,H:54,H:99,H:101,H:103", "--letters", "AWKDF")


def write_assay(path: Path, chains: pl.DataFrame) -> Path:
    pkd = np.array([hydrophobicity_rule(heavy) for heavy in chains["heavy"]])
    error = np.random.default_rng(0).normal(0.0, 0.2, len(pkd))
    chains.select("heavy", "light").with_columns(
        pl.lit(ANTIGEN).alias("antigen"), pl.Series("KD (nM)", 10 ** (9 - pkd - error))
    ).write_csv(path)
    return path


@pytest.mark.slow
def test_the_loop_closes_by_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    start = write_assay(tmp_path / "start.csv", assay_table(24))
    assert run("adapt", start, "--campaign", mine, "--json") == 0
    assert json.loads(capsys.readouterr().out)["campaign"]["rounds"][0]["status"] == "measured"
    assert run("propose", "--campaign", mine, "--n", 12, "--liabilities", "flag", *NARROW) == 0
    proposed = mine / "round-01" / "proposed.csv"
    assert pl.read_csv(proposed).height == 12
    table = pl.read_csv(proposed)
    unknown = [
        heavy for heavy in table["heavy"] if set(_at(heavy)) - set("AWKDF")
    ]  # a place that keeps the parent's residue has no worth in the made-up rule
    known = table.filter(~pl.col("heavy").is_in(unknown))
    if known.height:
        results = write_assay(tmp_path / "results.csv", known)
        assert run("adapt", results, "--campaign", mine) == 0
        assert "round 1 of" in capsys.readouterr().out
    other = write_assay(tmp_path / "other.csv", assay_table(4, seed=77))
    assert run("adapt", other, "--campaign", mine) == 2
    assert run("adapt", other, "--campaign", mine, "--out", tmp_path / "x") == 2


def _at(heavy: str) -> str:
    return "".join(heavy[place] for place in (27, 29, 53, 98, 100, 102))


@pytest.mark.slow
def test_a_model_gives_a_plate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, plate = tmp_path / "model", tmp_path / "plate"
    start = write_assay(tmp_path / "start.csv", assay_table(24))
    assert run("adapt", start, "--out", model) == 0
    common = ("propose", "--model", model, "--n", 8, *NARROW)
    capsys.readouterr()
    assert run(*common, "--out", plate, "--heavy", HEAVY, "--light", LIGHT, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["proposals"]) == 8
    assert answer["parent"]["heavy"] == HEAVY
    table = pl.read_csv(plate / "proposed.csv")
    assert not set(table["heavy"]) & set(assay_table(24)["heavy"])
    assert run(*common, "--out", plate) == 2
    assert "holds a plate" in capsys.readouterr().err
    for options, words in [
        (("--out", tmp_path / "p", "--light", LIGHT), "--heavy and --light"),
        (("--out", tmp_path / "p", "--freeze", "H:900"), "--freeze H:900"),
        (("--out", tmp_path / "p", "--acquisition", "luck"), "unknown choice 'luck'"),
        (("--out", tmp_path / "p", "--heavy", "AAAA"), "heavy"),
        ((), "--out is missing"),
        (("--campaign", tmp_path), "leave out --model"),
    ]:
        assert run(*common, *options) == 2
        told = capsys.readouterr().err
        assert told.startswith("abag: error: ")
        assert words in told


def test_only_a_model_of_an_assay_proposes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from abag.model.protocol import create_model

    create_model("one-hot-ridge").fit(assay_table(10)).save(tmp_path / "ridge")
    assert run("propose", "--model", tmp_path / "ridge", "--out", tmp_path / "p") == 2
    assert "chosen by a model of your own assay" in capsys.readouterr().err
    assert run("propose", "--model", tmp_path / "nothing", "--out", tmp_path / "p") == 2
    assert run("propose", "--out", tmp_path / "p") == 2
    assert "--model is missing" in capsys.readouterr().err


SMALL = ("--start", 10, "--rounds", 2, "--batch", 6, "--seeds", 2, "--top", 0.05)


def test_campaigns_are_replayed_on_a_users_own_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_assay(tmp_path / "dms.csv", assay_table(120))
    assert run("simulate", path, "--out", tmp_path / "sim", *SMALL, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    shares = answer["mean_share_of_top"]
    assert set(shares) == {
        "assay-gp", "assay-gp greedy", "one-hot-ridge", "one-hot-ridge greedy", "random"
    }  # fmt: skip
    assert shares["assay-gp"][0] == shares["random"][0]
    curves = pl.read_csv(tmp_path / "sim" / "curves.csv")
    assert curves.height == 5 * 2 * 3
    assert curves.filter(pl.col("round") == 2)["measured"].unique().to_list() == [22]
    assert (tmp_path / "sim" / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert "| **mean** |" in (tmp_path / "sim" / "table.md").read_text()
    first = (tmp_path / "sim" / "simulation.json").read_bytes()
    assert run("simulate", path, "--out", tmp_path / "sim", *SMALL) == 0
    assert (tmp_path / "sim" / "simulation.json").read_bytes() == first


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "one of the two"),
        (("{table}", "--sources", "."), "one of the two"),
        (("{table}", "--landscapes", "1mlc"), "leave it out"),
        (("{table}", "--start", 2), "5 variants are the fewest"),
        (("{table}", "--seeds", 0), "at least one seed"),
        (("{table}",), "has 40 variants, and the campaign would measure 120"),
        (("--sources", ".", "--landscapes", "moon"), "unknown landscape 'moon'"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[object, ...], words: str
) -> None:
    path = write_assay(tmp_path / "dms.csv", assay_table(40))
    given = [path if one == "{table}" else one for one in options]
    assert run("simulate", *given, "--out", tmp_path / "sim") == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert words in told


@pytest.mark.sources
@pytest.mark.slow
def test_more_of_the_best_are_found_than_by_chance_on_a_published_landscape(
    sources_dir: Path, tmp_path: Path
) -> None:
    from abag.maturation.propose.acquisition import Policy
    from abag_lab.replay.simulation import Plan, draw_pool, replay, strategies

    (landscape,) = read_landscapes(sources_dir, ["2fjg"])
    plan = Plan(most=1_000)
    pool = draw_pool(landscape, plan, seed=11)
    ours, *_, chance = (replay(pool, arm, plan, 11) for arm in strategies(Policy()))
    assert ours.hits[-1] > chance.hits[-1]
