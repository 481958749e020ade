"""A campaign in a folder: rounds kept apart, results that belong, nothing half-written."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.apps.cli.maturation.order import order
from abag.errors import AbagError, BusyError, CampaignError, OptionError, TableError
from abag.files import locked, read_json, undisturbed, write_json
from abag.maturation.adapt import adaptation as adapt
from abag.maturation.adapt import skill
from abag.maturation.assay.file import AssayFile
from abag.maturation.campaign.folder import open_campaign
from abag.maturation.campaign.intake import take_results
from abag.maturation.campaign.rounds import propose_round
from abag.maturation.campaign.scorecard import interval_scale
from abag.maturation.plate.wells import Layout
from abag.maturation.propose import candidates, proposals
from abag.maturation.propose.proposals import Proposals
from abag.maturation.propose.request import Request
from abag.model.assay_gp.model import AssayGP
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
    take_results(place / "mine", start, assay_file=START)
    return place


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """A campaign that has begun, each test its own copy."""
    shutil.copytree(begun / "mine", tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture(scope="module")
def once(begun: Path) -> Proposals:
    """The first plate of the campaign, proposed in a folder that no test changes."""
    shutil.copytree(begun / "mine", begun / "asked")
    return propose_round(begun / "asked", REQUEST)[1]


@pytest.fixture
def plate(begun: Path, once: Proposals, tmp_path: Path) -> Path:
    """A campaign whose first plate is open, each test its own copy."""
    shutil.copytree(begun / "asked", tmp_path / "plate")
    return tmp_path / "plate"


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
    campaign, done = take_results(folder, results, assay_file=TOLD)
    assert [one.status for one in campaign.rounds] == ["measured", "measured"]
    assert campaign.latest.state["rows_so_far"] == 26
    assert done.model.training.rows_used == 26
    again = propose_round(folder, REQUEST)[1]
    before = set(proposed["heavy"]) | set(assay_table(20)["heavy"])
    assert not before & {one.heavy for one in again.chosen}


@pytest.mark.parametrize(("verdict", "told"), [("chance", True), ("weak", False)])
def test_a_plate_of_a_model_without_skill_says_so(folder: Path, verdict: str, told: bool) -> None:
    state = folder / "round-00" / "state.json"
    write_json(state, {**read_json(state), "verdict": verdict}, seal=True)
    _, plate = propose_round(folder, REQUEST)
    assert any("no better than chance" in note for note in plate.notes) is told
    page = (folder / "round-01" / "plate.html").read_text()
    assert ("no better than chance" in page) is told


@pytest.mark.usefixtures("no_pictures")
def test_results_of_variants_that_were_not_proposed_are_refused(
    plate: Path, tmp_path: Path
) -> None:
    strange = write_results(tmp_path / "other.csv", assay_table(4, seed=9))
    with pytest.raises(CampaignError, match=r"4 variants that round 1 did not propose .row 2"):
        take_results(plate, strange, assay_file=TOLD)
    assert open_campaign(plate).latest.status == "proposed"
    campaign, _ = take_results(plate, strange, assay_file=TOLD, allow_unproposed=True)
    assert campaign.latest.state["rows_so_far"] == 24


def test_a_round_is_open_until_its_results_are_in(folder: Path, tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.csv", assay_table(3))
    with pytest.raises(CampaignError, match="no other is proposed"):
        take_results(folder, results, assay_file=TOLD)
    propose_round(folder, REQUEST)
    with pytest.raises(CampaignError, match=r"round 1 of .* has no results"):
        propose_round(folder, REQUEST)
    _, found = propose_round(folder, Request(3, 1, cdrs=("H3",)), overwrite=True)
    assert pl.read_csv(folder / "round-01" / "proposed.csv").height == len(found.chosen) == 3


@pytest.mark.usefixtures("no_pictures")
def test_repeats_and_the_parent_belong_to_every_round(folder: Path, tmp_path: Path) -> None:
    propose_round(folder, REQUEST, layout=Layout(controls=1))
    proposed = pl.read_csv(folder / "round-01" / "proposed.csv").select("heavy", "light")
    rows = pl.concat([proposed, assay_table(2).select("heavy", "light")])
    campaign, _ = take_results(folder, write_results(tmp_path / "r.csv", rows), assay_file=TOLD)
    assert campaign.latest.state["rows"] == 9


@pytest.mark.usefixtures("no_pictures")
def test_results_may_give_mutations_alone_or_names_of_the_plate(
    folder: Path, tmp_path: Path
) -> None:
    propose_round(folder, REQUEST, layout=Layout(controls=1))
    proposed = pl.read_csv(folder / "round-01" / "proposed.csv")
    values = proposed.with_columns(pl.Series("KD", np.linspace(1.0, 9.0, proposed.height)))
    for number, columns in enumerate((("mutations",), ("name",), ("name", "mutations"))):
        path = tmp_path / f"r{number}.csv"
        values.select(*columns, "KD").write_csv(path)
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(folder, copy)
        campaign, _ = take_results(copy, path, assay_file=TOLD)
        rows = pl.read_parquet(campaign.latest.folder / "measured.parquet")
        assert rows["heavy"].to_list() == proposed["heavy"].to_list()
        assert rows["light"].to_list() == proposed["light"].to_list()
    values.select(pl.col("well").alias("name"), "KD").write_csv(tmp_path / "wells.csv")
    campaign, _ = take_results(folder, tmp_path / "wells.csv", assay_file=TOLD)
    rows = pl.read_parquet(campaign.latest.folder / "measured.parquet")
    assert rows["heavy"].to_list() == proposed["heavy"].to_list()


def test_a_name_that_is_not_on_the_plate_is_named(plate: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("name,KD\nR1-P1-A1,3\nR7-P1-A1,4\n")
    with pytest.raises(TableError, match=r"row 3, column 'name': 'R7-P1-A1' is no variant"):
        take_results(plate, path, assay_file=TOLD)


def test_a_campaign_is_about_one_antigen(tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.csv", assay_table(12))
    pl.read_csv(path).with_columns(antigen=pl.Series([ANTIGEN, ANTIGEN[::-1]] * 6)).write_csv(path)
    with pytest.raises(CampaignError, match=r"2 antigens.* a campaign for each.*--out MODELS"):
        take_results(tmp_path / "mine", path, assay_file=TOLD)
    assert not (tmp_path / "mine").exists()


@pytest.mark.usefixtures("no_pictures")
def test_a_file_of_results_counts_once(folder: Path, tmp_path: Path) -> None:
    path = write_results(tmp_path / "more.csv", assay_table(15, seed=3))
    once, _ = take_results(folder, path, assay_file=TOLD, allow_unproposed=True)
    with pytest.raises(CampaignError, match=r"in .* already, in round 1"):
        take_results(folder, path, assay_file=TOLD, allow_unproposed=True)
    assert open_campaign(folder).as_json() == once.as_json()


def test_another_antigen_is_refused(plate: Path, tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.csv", assay_table(3))
    table = pl.read_csv(path).with_columns(antigen=pl.lit("MKTAYIAKQRQISFVKSHFSRQLEERLGL"))
    table.write_csv(path)
    with pytest.raises(CampaignError, match="on another antigen"):
        take_results(plate, path, assay_file=TOLD, allow_unproposed=True)


def test_another_quantity_is_refused(plate: Path, tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.csv", assay_table(3))
    pl.read_csv(path).rename({"KD": "IC50"}).write_csv(path)
    with pytest.raises(CampaignError, match="values of IC50, and the campaign is about KD"):
        take_results(plate, path, assay_file=AssayFile(unit="nM"))


@pytest.mark.usefixtures("no_pictures")
def test_a_round_that_was_cut_short_does_not_count(plate: Path, tmp_path: Path) -> None:
    proposed = pl.read_csv(plate / "round-01" / "proposed.csv")
    (plate / "round-01" / "model").mkdir()
    (plate / "round-01" / "model" / "junk").write_text("x")
    (plate / "round-02").mkdir()
    (plate / "round-02" / "proposed.csv").write_text("half")
    assert len(open_campaign(plate).rounds) == 2
    results = write_results(tmp_path / "r.csv", proposed)
    assert take_results(plate, results, assay_file=TOLD)[0].latest.status == "measured"
    assert propose_round(plate, REQUEST)[0].latest.number == 2


@pytest.mark.usefixtures("no_pictures")
def test_a_start_that_fails_leaves_no_campaign_and_may_be_tried_again(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("heavy,light,KD (nM)\n" + f"{HEAVY},{LIGHT},often\n" * 6)
    with pytest.raises(TableError):
        take_results(tmp_path / "c", bad)
    (tmp_path / "c" / "round-00").mkdir(parents=True)
    with pytest.raises(CampaignError, match="is no campaign"):
        open_campaign(tmp_path / "c")
    start = write_results(tmp_path / "start.csv", assay_table(20))
    assert take_results(tmp_path / "c", start, assay_file=START)[0].latest.number == 0


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
        take_results(tmp_path, start, assay_file=START)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def proposed(folder: Path, number: int = 1) -> pl.DataFrame:
    """Wells of a round."""
    return pl.read_csv(folder / f"round-{number:02d}" / "proposed.csv")


def test_a_plate_is_sealed_before_it_is_measured(folder: Path) -> None:
    campaign, plate = propose_round(folder, REQUEST)
    seal = folder / "round-01" / "seal.json"
    digest = hashlib.sha256(seal.read_bytes()).hexdigest()
    assert campaign.latest.state["seal_sha256"] == digest
    wells = json.loads(seal.read_text())["wells"]
    assert [one["predicted"] for one in wells] == [one.predicted for one in plate.chosen]
    assert all(one["lower_90"] < one["upper_90"] and one["reason"] for one in wells)


def test_a_seal_that_was_changed_afterwards_is_refused(plate: Path, tmp_path: Path) -> None:
    seal = plate / "round-01" / "seal.json"
    content = json.loads(seal.read_text())
    content["wells"][0]["predicted"] += 0.5
    seal.write_text(json.dumps(content))
    results = write_results(tmp_path / "r.csv", proposed(plate))
    with pytest.raises(CampaignError, match="is not what was sealed"):
        take_results(plate, results, assay_file=TOLD)


@pytest.mark.usefixtures("no_pictures")
def test_the_seal_is_read_and_not_the_table_that_people_edit(plate: Path, tmp_path: Path) -> None:
    table = proposed(plate)
    (plate / "round-01" / "proposed.csv").write_text("name,heavy\nR1-P1-A1,ACDEF\n")
    results = tmp_path / "r.csv"
    table.select("name", KD=pl.lit(3.0)).write_csv(results)
    campaign, _ = take_results(plate, results, assay_file=TOLD)
    assert campaign.latest.measured()["heavy"].to_list() == table["heavy"].to_list()


def test_the_scorecard_compares_what_was_foretold_with_what_came(
    plate: Path, once: Proposals, tmp_path: Path
) -> None:
    told = {one.heavy: one for one in once.chosen}
    results = write_results(tmp_path / "r.csv", proposed(plate))
    take_results(plate, results, assay_file=TOLD)
    card = json.loads((plate / "scorecard.json").read_text())
    (first,) = card["rounds"]
    measured = {one["name"]: one["measured"] for one in first["variants"]}
    wells = {row["name"]: row["heavy"] for row in proposed(plate).iter_rows(named=True)}
    inside = sum(
        told[wells[name]].lower_90 <= value <= told[wells[name]].upper_90
        for name, value in measured.items()
    )
    assert first["inside_90"] == inside == card["inside_90"]
    best = once.expected.best_so_far
    assert first["over_best"]["seen"] == sum(value > best for value in measured.values())
    assert first["over_best"]["expected"] == pytest.approx(
        sum(one.chance_over_best for one in once.chosen)
    )
    assert set(first["other_plates"]) == {"random", "singles"}
    page = (plate / "scorecard.html").read_text()
    assert f"{inside} of 6 measurements lie in their 90 % interval" in page
    assert first["seal_sha256"] in page


@pytest.mark.usefixtures("no_pictures")
def test_wells_beyond_their_intervals_make_the_next_intervals_wider(
    plate: Path, tmp_path: Path
) -> None:
    """All six wells come out far above what was foretold: the next plate knows less."""
    rows = proposed(plate)
    upper = rows["upper_90"].to_numpy()
    far = upper + 2.0 * (upper - rows["predicted"].to_numpy())
    path = tmp_path / "results.csv"
    rows.select("heavy", "light").with_columns(pl.Series("KD", 10 ** (9 - far))).write_csv(path)
    campaign, _ = take_results(plate, path, assay_file=TOLD)
    scale, wells = interval_scale(campaign)
    assert wells == 6
    assert scale == pytest.approx(3.0 ** (6 / 16), rel=0.02)
    _, found = propose_round(plate, REQUEST)
    seal = open_campaign(plate).latest.seal
    assert seal is not None
    assert seal.interval_scale == found.interval_scale == scale
    assert any("times as wide as the model's" in note for note in found.notes)
    model = AssayGP.load(plate / "round-01" / "model")
    alone = model.distribution(pl.DataFrame({"heavy": [found.chosen[0].heavy],
                                             "light": [found.chosen[0].light]}))  # fmt: skip
    assert found.chosen[0].upper_90 > alone.upper[0]


@pytest.mark.usefixtures("no_pictures")
def test_rows_in_are_rows_kept_and_rows_set_aside(plate: Path, tmp_path: Path) -> None:
    rows = proposed(plate)
    values = ["5", "7", "", "failed", "2", "3"]
    path = tmp_path / "results.csv"
    rows.select("name").with_columns(pl.Series("KD", values)).write_csv(path)
    told = replace(TOLD, mapping=("antibody_name=name",))
    campaign, done = take_results(plate, path, assay_file=told)
    aside = pl.read_csv(plate / "round-01" / "set_aside.csv")
    assert aside["reason"].to_list() == ["not measured yet", "failed"]
    assert aside["antibody_name"].to_list() == [rows["name"][2], rows["name"][3]]
    state = campaign.latest.state
    assert (state["rows"], state["rows_set_aside"]) == (4, 2)
    assert "6 rows in the file: 4 kept, 2 set aside (set_aside.csv of the round says why)" in (
        done.notes
    )


def test_a_file_may_hold_some_of_the_plate_and_the_rest_may_come_late(
    plate: Path, tmp_path: Path
) -> None:
    table = proposed(plate)
    campaign, done = take_results(
        plate, write_results(tmp_path / "a.csv", table[:4]), assay_file=TOLD
    )
    assert campaign.latest.status == "measured"
    assert campaign.latest.state["pending"] == table["name"].to_list()[4:]
    assert any("2 variants of the plate pending" in note for note in done.notes)
    _, second = propose_round(plate, REQUEST)
    assert not {one.heavy for one in second.chosen} & set(table["heavy"])
    late = write_results(tmp_path / "b.csv", table[4:])
    campaign, done = take_results(plate, late, assay_file=TOLD)
    assert [one.status for one in campaign.rounds] == ["measured", "measured", "proposed"]
    assert campaign.rounds[1].state["pending"] == []
    assert done.model.training.rows_used == 26
    batches = [one["batch"] for one in campaign.rounds[1].state["batches"]]
    assert batches == ["R0", "R1", "R1 (2)"]
    card = json.loads((plate / "scorecard.json").read_text())
    assert card["rounds"][0]["measured"] == 6
    last = write_results(tmp_path / "c.csv", proposed(plate, 2))
    campaign, done = take_results(plate, last, assay_file=TOLD)
    assert done.model.training.rows_used == 32
    assert [one.status for one in campaign.rounds] == ["measured"] * 3


def test_wells_may_fail_or_be_empty(plate: Path, tmp_path: Path) -> None:
    names = proposed(plate)["name"].to_list()
    path = tmp_path / "r.csv"
    values = ["3", "5", "8", "failed", "", "12"]
    path.write_text("name,KD\n" + "".join(f"{n},{v}\n" for n, v in zip(names, values,
                    strict=True)))  # fmt: skip
    campaign, _ = take_results(plate, path, assay_file=TOLD, failed=[names[5]])
    state = campaign.latest.state
    assert state["failed"] == [names[3], names[5]]
    assert state["pending"] == [names[4]]
    assert state["rows"] == 3
    again = {one.heavy for one in propose_round(plate, REQUEST)[1].chosen}
    assert not again & set(proposed(plate)["heavy"])
    with pytest.raises(CampaignError, match="--failed R9-P1-A1: no plate"):
        take_results(plate, path, assay_file=TOLD, failed=["R9-P1-A1"])


@pytest.mark.usefixtures("no_pictures")
def test_a_plate_that_reads_higher_is_put_on_the_scale_of_the_first(
    plate: Path, tmp_path: Path
) -> None:
    table = pl.concat([proposed(plate).select("heavy", "light"), assay_table(8)[["heavy",
                       "light"]]])  # fmt: skip
    results = write_results(tmp_path / "r.csv", table)
    shifted = pl.read_csv(results).with_columns(pl.col("KD") / 10**0.8)
    shifted.with_columns(batch=pl.lit("tuesday")).write_csv(results)
    campaign, done = take_results(plate, results, assay_file=TOLD)
    first, second = campaign.latest.state["batches"]
    assert first["offset"] == 0.0
    assert second["batch"] == "R1-tuesday"
    assert second["offset"] == pytest.approx(0.8, abs=0.1)
    assert any("batch R1-tuesday reads +0." in note for note in done.notes)
    raw = campaign.latest.measured()["pkd"].to_numpy()
    taught = campaign.training().filter(pl.col("record_id").str.starts_with("round-01"))["pkd"]
    assert (raw - taught.to_numpy()) == pytest.approx(second["offset"])


def test_wells_that_are_not_wanted_are_exchanged(plate: Path) -> None:
    before = proposed(plate)
    old = open_campaign(plate).latest.state["seal_sha256"]
    campaign, _ = propose_round(plate, REQUEST, exclude=["R1-P1-A2", "A5"])
    after = proposed(plate)
    assert after["name"].to_list() == before["name"].to_list()
    same = [a == b for a, b in zip(before["heavy"], after["heavy"], strict=True)]
    assert same == [True, False, True, True, False, True]
    assert not set(after["heavy"].to_list()[1::3]) & set(before["heavy"])
    assert campaign.latest.state["replaced_seals"] == [old]
    assert campaign.latest.state["seal_sha256"] != old
    with pytest.raises(OptionError, match="--exclude Z9: no variant of the open plate"):
        propose_round(plate, REQUEST, exclude=["Z9"])


def test_an_order_stands_as_a_whole_and_goes_with_its_plate(plate: Path, tmp_path: Path) -> None:
    pytest.importorskip("python_codon_tables")
    here = plate / "round-01"
    order(plate)
    order(plate, out=tmp_path / "apart")
    assert {path.name for path in (here / "order").iterdir()} == {*order_files()}
    with pytest.raises(OptionError, match="holds an order; name a new folder, or add --overwrite"):
        order(plate)
    order(plate, overwrite=True)
    (tmp_path / "apart" / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match="other files than an order"):
        order(plate, out=tmp_path / "apart", overwrite=True)
    (here / ".order.abag-killed00").mkdir()
    (here / "mine.txt").write_text("taken along")
    propose_round(plate, REQUEST, exclude=["A5"])
    left = {path.name for path in here.iterdir()}
    assert "mine.txt" in left
    assert not {"order", ".order.abag-killed00"} & left


def order_files() -> tuple[str, ...]:
    from abag.maturation.plate.order import FILES

    return FILES


def test_an_order_and_an_exchange_of_its_plate_do_not_mix(plate: Path) -> None:
    pytest.importorskip("python_codon_tables")
    with undisturbed(plate / "round-01"):
        with pytest.raises(BusyError, match="being used"):
            order(plate)
        with pytest.raises(BusyError, match="being used"):
            propose_round(plate, REQUEST, exclude=["A5"])
    assert not (plate / "round-01" / "order").exists()
    order(plate)


def test_a_campaign_that_another_process_changes_is_refused_and_left_as_it_is(
    folder: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    more = write_results(tmp_path / "more.csv", assay_table(4, seed=9))
    with locked(folder, "changed"):
        with pytest.raises(BusyError, match="being changed by process"):
            propose_round(folder, REQUEST)
        with pytest.raises(BusyError, match="wait for it"):
            take_results(folder, more, assay_file=TOLD, allow_unproposed=True)
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before


@pytest.mark.parametrize(
    "name", ["campaign.json", "round-00/state.json", "round-00/training.parquet"]
)
def test_a_changed_letter_of_a_campaign_is_refused(folder: Path, name: str) -> None:
    path = folder / name
    content = path.read_bytes()
    place = content.rindex(b"EVQL") if b"EVQL" in content else len(content) // 2
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(AbagError, match=path.name):
        propose_round(folder, REQUEST)


@pytest.mark.usefixtures("no_pictures")
def test_files_of_another_round_or_campaign_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    take_results(
        other, write_results(tmp_path / "s.csv", assay_table(20, seed=3)), assay_file=START
    )
    kept = (folder / "round-00" / "training.parquet").read_bytes()
    (folder / "round-00" / "training.parquet").write_bytes(
        (other / "round-00" / "training.parquet").read_bytes()
    )
    with pytest.raises(AbagError, match="not the file that was written for this round"):
        propose_round(folder, REQUEST)
    (folder / "round-00" / "training.parquet").write_bytes(kept)
    shutil.rmtree(folder / "round-00" / "model")
    shutil.copytree(other / "round-00" / "model", folder / "round-00" / "model")
    with pytest.raises(CampaignError, match="not the model of this round"):
        propose_round(folder, REQUEST)
