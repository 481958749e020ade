"""Each path of the page from end to end, in a real browser, against a running service."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from served_page import ANTIGEN, HEAVY, LIGHT, Running, measured

CAMPAIGN = "first campaign"
Keep = Callable[[Any, str], None]


def downloaded(page: Any, button: str) -> bytes:
    """What a button saves."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).first.click()
    content: bytes = Path(waiting.value.path()).read_bytes()
    return content


def test_a_pair_is_asked_about_from_an_example(page: Any, running: Running, photograph: Keep):
    page.goto(running.address)
    page.wait_for_selector("select option:nth-child(2)", state="attached")
    page.get_by_label("Example").select_option(index=1)
    page.wait_for_selector(".CDR3")
    page.get_by_role("button", name="Ask").click()
    assert page.wait_for_selector(".big").inner_text().startswith("KD ")
    assert "pKd" in page.locator("svg.scale").get_attribute("aria-label")
    photograph(page, "page-pair")


def test_where_nothing_says_that_a_pair_binds_its_kd_says_so(page: Any, running: Running):
    page.goto(running.address)
    page.get_by_label("Heavy chain, VHH or scFv").fill(HEAVY)
    page.get_by_label("Light chain").fill(LIGHT)
    page.get_by_label("Antigen").fill(
        "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINS"
    )
    page.get_by_role("button", name="Ask").click()
    assert page.wait_for_selector(".big").inner_text().endswith(", if it binds")


def test_the_chains_of_a_file_are_filled_in_one_after_the_other(
    page: Any, running: Running, tmp_path: Path
):
    table, other = tmp_path / "pairs.csv", HEAVY.replace("WGGDGFYAMDY", "WGGDAFYAMDY")
    rows = [f"one,{HEAVY},{LIGHT},{ANTIGEN}|{ANTIGEN}", f"two,{other},{LIGHT},"]
    table.write_text("\n".join(["name,VH,VL,antigen", *rows]))
    page.goto(running.address)
    page.get_by_label("Or a file").set_input_files(table)
    page.get_by_text("2 antibodies; the first is filled in").wait_for()
    assert page.get_by_label("Light chain").input_value() == LIGHT
    assert page.get_by_label("Antigen").input_value() == f"{ANTIGEN}\n{ANTIGEN}"
    page.get_by_label("Example").select_option(label="two")
    assert page.get_by_label("Heavy chain, VHH or scFv").input_value() == other
    without = tmp_path / "without.csv"
    without.write_text("name,remark\na,none")
    page.get_by_label("Or a file").set_input_files(without)
    page.locator(".wrong", has_text="“heavy chain or VHH”").wait_for()


def test_a_chain_shows_its_numbers_and_a_prediction_what_carries_it(page: Any, running: Running):
    page.goto(running.address)
    page.get_by_label("Heavy chain, VHH or scFv").fill(HEAVY)
    page.get_by_text("Numbers of its residues").click()
    row = page.locator("tbody tr", has_text="52A").first.locator("td").all_inner_texts()
    assert row[:3] == ["P", "58", "52A"]  # CDR2 is IYPTNGYT from IMGT 56
    page.get_by_label("Antigen").fill(ANTIGEN)
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("button", name="What carries this prediction?").click()
    page.get_by_role("heading", name="What carries this prediction").wait_for()
    assert page.get_by_label("importance along the heavy chain").locator("rect").count() == 120


def test_an_assay_is_learnt_and_gives_a_plate_that_survives_a_kill(
    page: Any, running: Running, tmp_path: Path, photograph: Keep
):
    table = tmp_path / "assay.csv"
    table.write_text(measured(header="Clone,VH,VL,binding"))
    page.goto(f"{running.address}#assay")
    page.get_by_role("textbox", name="Name").fill(CAMPAIGN)
    page.get_by_label("Your measurements").set_input_files(table)
    page.wait_for_selector("table.columns")
    assert page.get_by_label("VH is taken for").input_value() == "heavy"
    page.get_by_label("binding is taken for").select_option("value")
    page.get_by_text("the quantity of the values is not named").wait_for()
    page.get_by_label("What was measured").select_option("KD")
    page.get_by_label("Unit of the values").fill("pKd")
    page.get_by_label("Unit of the values").press("Tab")
    page.locator(".wrong", has_text="row 1").first.wait_for(state="detached")
    photograph(page, "page-columns")
    page.get_by_role("button", name="Learn", exact=True).click()
    page.wait_for_selector("progress")
    running.kill()
    time.sleep(1.0)
    running.start(running.port)
    page.reload()  # the address of the page names the job
    page.wait_for_selector("h2:has-text('Choose the next plate')")
    assert page.get_by_label("learning curve").locator("circle").count() >= 2
    page.get_by_label("Wells", exact=True).fill("8")
    page.get_by_label("Controls").fill("1")
    page.get_by_role("button", name="Propose").click()
    page.wait_for_selector("h2:has-text('The latest plate')")
    wells = page.locator(".plate > :not(.edge):not(.empty)").all_inner_texts()
    assert len(wells) == 9
    assert all(re.search(r"[A-Z]\d+[A-Z]|parent", well) for well in wells)
    exchange_wells(page, wells)
    photograph(page, "page-plate")
    give_the_results_back(page, tmp_path, photograph)


def exchange_wells(page: Any, before: list[str]) -> None:
    """A marked well gets another variant, or all but those that are kept; the rest stays."""
    wells = page.locator(".plate > :not(.edge):not(.empty)")
    page.locator(".plate > button").nth(2).click()
    assert page.get_by_text("1 well marked.").is_visible()
    page.get_by_role("button", name="Exchange the marked wells").click()
    page.wait_for_selector("progress")
    page.wait_for_selector("h2:has-text('The latest plate')")
    after = wells.all_inner_texts()
    assert [one for one in range(9) if after[one] != before[one]] == [2]
    for kept in (0, 1, 2, 3, 4, 6, 7):
        page.locator(".plate > button").nth(kept).click()
    assert page.get_by_text("7 wells marked.").is_visible()
    page.get_by_role("button", name="Keep the marked wells").click()
    page.wait_for_selector("progress")
    page.wait_for_selector("h2:has-text('The latest plate')")
    last = wells.all_inner_texts()
    assert [one for one in range(9) if last[one] != after[one]] == [5]


def give_the_results_back(page: Any, tmp_path: Path, photograph: Keep) -> None:
    """What the wells measured, by their names; the plate is then judged."""
    plate = list(csv.DictReader(io.StringIO(downloaded(page, "Save proposed.csv").decode())))
    assert downloaded(page, "Save proposed.fasta").startswith(b">R1-P1-A1_H ")
    page.get_by_role("button", name="Make Excel and robot files").click()
    page.get_by_role("button", name="Save plate.xlsx").wait_for()
    assert downloaded(page, "Save plate.xlsx").startswith(b"PK")
    results = tmp_path / "results.csv"
    values = [
        f"{well['name']};{7.0 + 0.2 * i:.2f}".replace(".", ",") for i, well in enumerate(plate)
    ]
    results.write_text("\n".join(["name;pKd", *values]))
    page.get_by_label("Results of the plate").set_input_files(results)
    page.locator("table.columns td", has_text="R1-P1-A1").wait_for()
    learn = page.get_by_role("button", name="Learn from them")
    learn.click()
    page.locator(".wrong", has_text="(“Decimal sign”: comma)").wait_for()
    page.get_by_label("Decimal sign").last.select_option("comma")  # the file is still there
    learn.click()
    page.wait_for_selector("h2:has-text('Predicted and measured')")
    seen = page.get_by_label("round 1: predicted against measured for 8 variants")
    assert seen.locator("circle").count() == 8
    photograph(page, "page-rounds")
    page.get_by_role("button", name="Draw the heat map").click()
    page.wait_for_selector("svg.heat")
    assert page.locator("svg.heat circle.measured").count() > 8


def test_rows_with_faults_are_set_aside_by_a_click_and_shown_with_their_reason(
    page: Any, running: Running, tmp_path: Path
):
    table = tmp_path / "assay.csv"
    table.write_text(measured(8) + f"\nodd,{HEAVY.replace('EVQ', 'E4Q')},{LIGHT},8.0")
    page.goto(f"{running.address}#assay")
    page.get_by_role("textbox", name="Name").fill("with a fault")
    page.get_by_label("Your measurements").set_input_files(table)
    page.wait_for_selector("table.columns")
    page.get_by_role("button", name="Learn", exact=True).click()
    page.get_by_role("button", name="Set these rows aside").click()
    page.get_by_text("1 rows that were set aside, and why").wait_for()
    assert page.get_by_text("9 kept, 1 set aside").is_visible()


def test_a_scan_marks_what_was_measured_and_is_saved_as_a_slide(
    page: Any, running: Running, photograph: Keep
):
    page.goto(f"{running.address}#scan")
    page.get_by_label("Heavy chain, VHH or scFv").fill(HEAVY)
    page.get_by_label("Light chain").fill(LIGHT)
    page.get_by_label("Antigen").fill(ANTIGEN)
    page.get_by_label("Only these CDRs").fill("H3")
    page.get_by_role("button", name="Scan", exact=True).click()
    page.wait_for_selector("svg.heat")
    labels = page.locator("svg.heat text").all_text_contents()
    assert "H Y113 · 100a" in labels  # IMGT 113 is Kabat 100a
    photograph(page, "page-scan")
    assert downloaded(page, "Save slide (PNG)")[16:24] == (1920).to_bytes(4) + (1080).to_bytes(4)
    drawn = downloaded(page, "Save slide (SVG)").decode()
    assert 'viewBox="0 0 1600 900"' in drawn
    assert drawn.count("<title>") == 13 * 19


def test_a_table_is_predicted_sorted_and_filtered(
    page: Any, running: Running, tmp_path: Path, photograph: Keep
):
    table = tmp_path / "pairs.csv"
    rows = [f"a{i},{HEAVY},{LIGHT},{ANTIGEN}" for i in range(3)]
    table.write_text("\n".join(["name,heavy,light,antigen", *rows]))
    page.goto(f"{running.address}#table")
    page.get_by_label("The table").set_input_files(table)
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("table.sorted")
    assert page.locator("table.sorted tbody tr").count() == 3
    page.get_by_role("button", name="pKd", exact=True).click()
    assert page.locator("th[aria-sort=descending]").count() == 1
    verdict = page.get_by_label("Verdict").locator("option").nth(1).inner_text()
    page.get_by_label("Verdict").select_option(verdict)
    assert page.get_by_text("3 of 3 rows").is_visible()
    photograph(page, "page-table")


def test_a_program_asks_the_service_with_the_names_of_the_local_functions(
    running: Running, tmp_path: Path
):
    import abag
    import abag.client

    client = abag.Client(running.address)
    here = abag.predict(heavy=HEAVY, light=LIGHT, antigen=ANTIGEN)
    assert client.predict(HEAVY, LIGHT, ANTIGEN) == here
    table = tmp_path / "pairs.csv"
    table.write_text(f"heavy,light,antigen\n{HEAVY},{LIGHT},{ANTIGEN}\n")
    assert client.predict_table(table, tmp_path / "out.csv")["predicted"] == 1
    assert f"{here.pkd}" in (tmp_path / "out.csv").read_text()
    with pytest.raises(abag.client.ServiceError, match="no amino acid"):
        client.predict("HELLO WORLD 42", None, ANTIGEN)
