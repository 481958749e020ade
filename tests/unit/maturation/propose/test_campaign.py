"""A campaign in a folder: rounds kept apart, results that belong, nothing half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.errors import CampaignError, TableError
from abag.maturation.adapt import adaptation as adapt
from abag.maturation.adapt import skill
from abag.maturation.assay.file import AssayFile
from abag.maturation.propose import candidates, proposals
from abag.maturation.propose.campaign import open_campaign, propose_round, take_results
from abag.maturation.propose.proposals import Request
from synthetic_pairs import HEAVY, LIGHT, assay_table, hydrophobicity_rule

REQUEST = Request(count=6, most=2, cdrs=("H3",))
ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
START = AssayFile((f"antigen:={ANTIGEN}",), unit="nM", quantity="KD")
TOLD = AssayFile(unit="nM", quantity="KD")


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Small searches, and no encoder."""
    small = candidates.SearchSizes(10, 20, 5, 10, 1, 10, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            proposals, "find_candidates",
            lambda *given: candidates.find_candidates(*given, sizes=small),
        )  # fmt: skip
        patch.setattr(proposals, "naturalness_of", lambda *given, **more: None)
        patch.setattr(adapt, "learning_curve", lambda *given, **more: [])
        patch.setattr(
            adapt, "measure_skill",
            lambda *given, **more: skill.measure_skill(*given, folds=2, **more)[:1],
        )  # fmt: skip
        yield


def write_results(path: Path, chains: pl.DataFrame) -> Path:
    """KD in nM by the made-up rule, with a little noise."""
    rng = np.random.default_rng(len(chains))
    pkd = np.array([_rule(heavy) for heavy in chains["heavy"]]) + rng.normal(0, 0.05, len(chains))
    chains.select("heavy", "light").with_columns(pl.Series("KD", 10 ** (9 - pkd))).write_csv(path)
    return path


def _rule(heavy: str) -> float:
    try:
        return hydrophobicity_rule(heavy)
    except KeyError:
        return 8.0


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("campaign")
    start = write_results(place / "start.csv", assay_table(20))
    take_results(place / "mine", start, told=START)
    return place


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """A campaign that has begun, each test its own copy."""
    shutil.copytree(begun / "mine", tmp_path / "mine")
    return tmp_path / "mine"


def test_a_file_starts_a_campaign_with_a_model_of_it(folder: Path) -> None:
    campaign = open_campaign(folder)
    assert [one.status for one in campaign.rounds] == ["measured"]
    assert campaign.target == "pkd"
    assert (folder / "round-00" / "model" / "model.json").is_file()
    assert (folder / "round-00" / "report" / "report.html").is_file()
    assert campaign.rounds[0].state["rows_so_far"] == 20


def test_the_loop_closes(folder: Path, tmp_path: Path) -> None:
    campaign, plate = propose_round(folder, REQUEST)
    assert [one.status for one in campaign.rounds] == ["measured", "proposed"]
    proposed = pl.read_csv(folder / "round-01" / "proposed.csv")
    assert proposed["name"][0] == "R1-P1-A1"
    assert len(plate.chosen) == 6
    results = write_results(tmp_path / "results.csv", proposed)
    campaign, done = take_results(folder, results, told=TOLD)
    assert [one.status for one in campaign.rounds] == ["measured", "measured"]
    assert campaign.latest.state["rows_so_far"] == 26
    assert done.model.training.rows_used == 26
    again = propose_round(folder, REQUEST)[1]
    before = set(proposed["heavy"]) | set(assay_table(20)["heavy"])
    assert not before & {one.heavy for one in again.chosen}


@pytest.mark.parametrize(("verdict", "told"), [("chance", True), ("weak", False)])
def test_a_plate_of_a_model_without_skill_says_so(folder: Path, verdict: str, told: bool) -> None:
    state = folder / "round-00" / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "verdict": verdict}))
    _, plate = propose_round(folder, REQUEST)
    assert any("no better than chance" in note for note in plate.notes) is told
    page = (folder / "round-01" / "plate.html").read_text()
    assert ("no better than chance" in page) is told


def test_results_of_variants_that_were_not_proposed_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    propose_round(folder, REQUEST)
    strange = write_results(tmp_path / "other.csv", assay_table(4, seed=9))
    with pytest.raises(CampaignError, match=r"4 variants that round 1 did not propose .row 2"):
        take_results(folder, strange, told=TOLD)
    assert open_campaign(folder).latest.status == "proposed"
    campaign, _ = take_results(folder, strange, told=TOLD, allow_unproposed=True)
    assert campaign.latest.state["rows_so_far"] == 24


def test_a_round_is_open_until_its_results_are_in(folder: Path, tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.csv", assay_table(3))
    with pytest.raises(CampaignError, match="no other is proposed"):
        take_results(folder, results, told=TOLD)
    propose_round(folder, REQUEST)
    with pytest.raises(CampaignError, match=r"round 1 of .* has no results"):
        propose_round(folder, REQUEST)
    _, found = propose_round(folder, Request(3, 1, cdrs=("H3",)), overwrite=True)
    assert pl.read_csv(folder / "round-01" / "proposed.csv").height == len(found.chosen) == 3


def test_repeats_and_the_parent_belong_to_every_round(folder: Path, tmp_path: Path) -> None:
    propose_round(folder, REQUEST, controls=1)
    proposed = pl.read_csv(folder / "round-01" / "proposed.csv").select("heavy", "light")
    rows = pl.concat([proposed, assay_table(2).select("heavy", "light")])
    campaign, _ = take_results(folder, write_results(tmp_path / "r.csv", rows), told=TOLD)
    assert campaign.latest.state["rows"] == 9


def test_results_may_give_mutations_alone_or_names_of_the_plate(
    folder: Path, tmp_path: Path
) -> None:
    propose_round(folder, REQUEST, controls=1)
    proposed = pl.read_csv(folder / "round-01" / "proposed.csv")
    values = proposed.with_columns(pl.Series("KD", np.linspace(1.0, 9.0, proposed.height)))
    for number, columns in enumerate((("mutations",), ("name",), ("name", "mutations"))):
        path = tmp_path / f"r{number}.csv"
        values.select(*columns, "KD").write_csv(path)
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(folder, copy)
        campaign, _ = take_results(copy, path, told=TOLD)
        rows = pl.read_parquet(campaign.latest.folder / "measured.parquet")
        assert rows["heavy"].to_list() == proposed["heavy"].to_list()
        assert rows["light"].to_list() == proposed["light"].to_list()
    values.select(pl.col("well").alias("name"), "KD").write_csv(tmp_path / "wells.csv")
    campaign, _ = take_results(folder, tmp_path / "wells.csv", told=TOLD)
    rows = pl.read_parquet(campaign.latest.folder / "measured.parquet")
    assert rows["heavy"].to_list() == proposed["heavy"].to_list()


def test_a_name_that_is_not_on_the_plate_is_named(folder: Path, tmp_path: Path) -> None:
    propose_round(folder, REQUEST)
    path = tmp_path / "r.csv"
    path.write_text("name,KD\nR1-P1-A1,3\nR7-P1-A1,4\n")
    with pytest.raises(TableError, match=r"row 3, column 'name': 'R7-P1-A1' is no variant"):
        take_results(folder, path, told=TOLD)


def test_a_campaign_is_about_one_antigen(tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.csv", assay_table(12))
    pl.read_csv(path).with_columns(antigen=pl.Series([ANTIGEN, ANTIGEN[::-1]] * 6)).write_csv(path)
    with pytest.raises(CampaignError, match=r"2 antigens.* a campaign for each.*--out MODELS"):
        take_results(tmp_path / "mine", path, told=TOLD)
    assert not (tmp_path / "mine").exists()


def test_another_antigen_is_refused(folder: Path, tmp_path: Path) -> None:
    propose_round(folder, REQUEST)
    path = write_results(tmp_path / "r.csv", assay_table(3))
    table = pl.read_csv(path).with_columns(antigen=pl.lit("MKTAYIAKQRQISFVKSHFSRQLEERLGL"))
    table.write_csv(path)
    with pytest.raises(CampaignError, match="on another antigen"):
        take_results(folder, path, told=TOLD, allow_unproposed=True)


def test_another_quantity_is_refused(folder: Path, tmp_path: Path) -> None:
    propose_round(folder, REQUEST)
    path = write_results(tmp_path / "r.csv", assay_table(3))
    pl.read_csv(path).rename({"KD": "IC50"}).write_csv(path)
    with pytest.raises(CampaignError, match="values of IC50, and the campaign is about KD"):
        take_results(folder, path, told=AssayFile(unit="nM"))


def test_a_round_that_was_cut_short_does_not_count(folder: Path, tmp_path: Path) -> None:
    propose_round(folder, REQUEST)
    proposed = pl.read_csv(folder / "round-01" / "proposed.csv")
    (folder / "round-01" / "model").mkdir()
    (folder / "round-01" / "model" / "junk").write_text("x")
    (folder / "round-02").mkdir()
    (folder / "round-02" / "proposed.csv").write_text("half")
    assert len(open_campaign(folder).rounds) == 2
    results = write_results(tmp_path / "r.csv", proposed)
    assert take_results(folder, results, told=TOLD)[0].latest.status == "measured"
    assert propose_round(folder, REQUEST)[0].latest.number == 2


def test_a_start_that_fails_leaves_no_campaign_and_may_be_tried_again(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("heavy,light,KD (nM)\n" + f"{HEAVY},{LIGHT},often\n" * 6)
    with pytest.raises(TableError):
        take_results(tmp_path / "c", bad)
    (tmp_path / "c" / "round-00").mkdir(parents=True)
    with pytest.raises(CampaignError, match="is no campaign"):
        open_campaign(tmp_path / "c")
    start = write_results(tmp_path / "start.csv", assay_table(20))
    assert take_results(tmp_path / "c", start, told=START)[0].latest.number == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "damaged"),
        ('{"format": "other"}', "damaged"),
        (json.dumps({"format": "abag-campaign", "format_version": 9,
                     "parent": {"heavy": "A", "light": None}, "assay": "a", "target": "pkd",
                     "antigen": []}), "has format abag-campaign 9"),
    ],
)  # fmt: skip
def test_a_damaged_campaign_is_refused(folder: Path, content: str, words: str) -> None:
    (folder / "campaign.json").write_text(content)
    with pytest.raises(CampaignError, match=words):
        open_campaign(folder)


def test_a_folder_of_other_things_is_no_campaign(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    start = write_results(tmp_path / "start.csv", assay_table(20))
    with pytest.raises(CampaignError, match="is no campaign"):
        take_results(tmp_path, start, told=START)
    assert (tmp_path / "notes.txt").read_text() == "mine"
