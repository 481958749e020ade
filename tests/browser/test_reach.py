"""Every page for everybody: by axe, on a phone, by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from served_page import ANTIGEN, AXE, HEAVY, LIGHT, Running, measured, serious

NO_AXE = "axe-core is not installed: npm install --no-save --prefix tests/browser axe-core"
PAGES = ("pair", "assay", "scan", "table", "jobs")
PHONE = 390


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each page that a command writes."""
    folder = tmp_path_factory.mktemp("written")
    table = folder / "assay.csv"
    table.write_text(measured())

    model, plate = folder / "model", folder / "plate"
    assert run("adapt", table, "--out", model, "--map", "antigen_unknown:=true") == 0
    # One loop alone: axe takes a minute for the cells of all residues.
    assert run("scan", "--model", model, "--cdrs", "H3", "--out", folder / "scan") == 0
    assert run("propose", "--model", model, "--n", 8, "--controls", 1, "--out", plate) == 0
    return {
        "report": folder / "model-report" / "report.html",
        "scan": folder / "scan" / "scan.html",
        "plate": plate / "plate.html",
        "compare": compared(folder / "compare.html"),
    }


def compared(path: Path) -> Path:
    """The page of `abag compare`, of a table as wide as three runs make it."""
    from abag.pages import Cell, Table, page

    row = ("a-run-with-a-long-name", *[Cell("0.123", "0.012 to 0.345")] * 8)
    table = Table("Runs", ("run", *[f"figure {i}" for i in range(8)]), (row,) * 3, "A note.")
    path.write_text(page("compare", title="Runs", table=table, faults=["a fault"], picture=""))
    return path


def asked_about_a_pair(page: Any, running: Running) -> None:
    page.goto(running.address)
    page.get_by_label("Heavy chain, VHH or scFv").fill(HEAVY)
    page.get_by_label("Light chain").fill(LIGHT)
    page.get_by_label("Antigen").fill(ANTIGEN)
    page.get_by_role("button", name="Ask").click()
    page.wait_for_selector(".big")


@pytest.mark.skipif(not AXE.exists(), reason=NO_AXE)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_page(
    opened: Callable[..., Any], running: Running, scheme: str
):
    page = opened(scheme=scheme)
    asked_about_a_pair(page, running)
    assert serious(page) == []
    for name in PAGES[1:]:
        page.goto(f"{running.address}#{name}")
        page.wait_for_selector("h1")
        assert serious(page) == [], name


@pytest.mark.skipif(not AXE.exists(), reason=NO_AXE)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_pages_of_commands(
    opened: Callable[..., Any], written: dict[str, Path], scheme: str
):
    page = opened(scheme=scheme)
    found = {}
    for name, path in written.items():
        page.goto(path.as_uri())
        found[name] = serious(page)
    assert found == {key: [] for key in written}


def width(page: Any) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found


def test_no_page_scrolls_sideways_on_a_phone(
    opened: Callable[..., Any], running: Running, written: dict[str, Path],
    photograph: Callable[[Any, str], None],
):  # fmt: skip
    page = opened(width=PHONE, height=844)
    widths = {}
    asked_about_a_pair(page, running)
    widths["answer"] = width(page)
    photograph(page, "phone-answer")
    for name in PAGES:
        page.goto(f"{running.address}#{name}")
        page.wait_for_selector("h1")
        widths[name] = width(page)
    for name, path in written.items():
        page.goto(path.as_uri())
        widths[f"{name}.html"] = width(page)
        photograph(page, f"phone-{name}")
    assert widths == dict.fromkeys(widths, PHONE)


def tab_to(page: Any, name: str) -> None:
    """Press Tab until an input or button of this name has the focus, and shows it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.labels?.[0]?.textContent.trim() || "
                         "document.activeElement.textContent.trim()") == name:  # fmt: skip
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{name} does not show that it has the focus"
            return
    raise AssertionError(f"{name} is not reached by Tab")


def press(page: Any, button: str) -> None:
    tab_to(page, button)
    page.keyboard.press("Enter")


def type_into(page: Any, field: str, text: str) -> None:
    tab_to(page, field)
    page.keyboard.insert_text(text)


def choose_file(page: Any, field: str, path: Path) -> None:
    with page.expect_file_chooser() as waiting:
        press(page, field)
    waiting.value.set_files(path)


def test_a_pair_is_asked_about_by_the_keyboard_alone(page: Any, running: Running):
    page.goto(running.address)
    page.wait_for_selector("select option:nth-child(2)", state="attached")
    tab_to(page, "Example")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".CDR3")
    press(page, "Ask")
    assert page.wait_for_selector(".big").inner_text().startswith("KD ")
    tab_to(page, "What carries this prediction?")


def test_a_scan_is_asked_for_by_the_keyboard_alone(page: Any, running: Running):
    page.goto(f"{running.address}#scan")
    page.wait_for_selector("h1")
    for field, text in (("Heavy chain, VHH or scFv", HEAVY), ("Light chain", LIGHT)):
        type_into(page, field, text)
    type_into(page, "Antigen", ANTIGEN)
    type_into(page, "Only these CDRs", "H3")
    press(page, "Scan")
    page.wait_for_selector("svg.heat")


def test_a_table_is_predicted_by_the_keyboard_alone(page: Any, running: Running, tmp_path: Path):
    table = tmp_path / "pairs.csv"
    table.write_text(f"name,heavy,light,antigen\na,{HEAVY},{LIGHT},{ANTIGEN}")
    page.goto(f"{running.address}#table")
    page.wait_for_selector("h1")
    choose_file(page, "The table", table)
    page.wait_for_selector("table.columns")
    press(page, "Predict")
    page.wait_for_selector("table.sorted")
    press(page, "pKd")
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_an_assay_is_given_and_stopped_by_the_keyboard_alone(
    page: Any, running: Running, tmp_path: Path
):
    table = tmp_path / "assay.csv"
    table.write_text(measured())
    page.goto(f"{running.address}#assay")
    page.wait_for_selector("h1")
    type_into(page, "Name", "by keyboard")
    choose_file(page, "Your measurements", table)
    page.wait_for_selector("table.columns")
    press(page, "Learn")
    page.wait_for_selector("progress")
    press(page, "Cancel")
    page.wait_for_selector("progress", state="detached")


def test_every_input_has_a_name(page: Any, running: Running):
    for name in PAGES:
        page.goto(f"{running.address}#{name}")
        page.wait_for_selector("h1")
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input,textarea,select')].filter((one) => "
            "!one.labels.length && !one.ariaLabel).length"
        )
        assert unnamed == 0, name
