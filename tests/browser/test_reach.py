"""Every page for everybody: by axe, on a phone, by the keyboard alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from served_page import ANTIGEN, HEAVY, LIGHT, Running, measured

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
NO_AXE = "axe-core is not installed: npm install --no-save --prefix tests/browser axe-core"
PAGES = ("pair", "assay", "scan", "table", "jobs")
PHONE = 390


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each page that a command writes."""
    folder = tmp_path_factory.mktemp("written")
    table = folder / "assay.csv"
    table.write_text(measured())

    def abag(*arguments: object) -> None:
        command = [sys.executable, "-m", "abag", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True)

    abag("adapt", table, "--out", folder / "model", "--map", "antigen_unknown:=true")
    # One loop alone: axe takes a minute for the cells of all residues.
    abag("scan", "--model", folder / "model", "--cdrs", "H3", "--out", folder / "scan")
    plate = folder / "plate"
    abag("propose", "--model", folder / "model", "--n", 20, "--controls", 1, "--out", plate)
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


def serious(page: Any) -> list[str]:
    """What axe finds that is serious or critical."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


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


def test_a_pair_is_asked_about_by_the_keyboard_alone(page: Any, running: Running):
    page.goto(running.address)
    page.wait_for_selector("select option:nth-child(2)", state="attached")

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.labels?.[0]?.textContent || "
                             "document.activeElement.textContent") == name:  # fmt: skip
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"{name} does not show that it has the focus"
                return
        raise AssertionError(f"{name} is not reached by Tab")

    tab_to("Example")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".CDR3")
    tab_to("Ask")
    page.keyboard.press("Enter")
    assert page.wait_for_selector(".big").inner_text().startswith("KD ")
    tab_to("What carries this prediction?")


def test_every_input_has_a_name(page: Any, running: Running):
    for name in PAGES:
        page.goto(f"{running.address}#{name}")
        page.wait_for_selector("h1")
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input,textarea,select')].filter((one) => "
            "!one.labels.length && !one.ariaLabel).length"
        )
        assert unnamed == 0, name
