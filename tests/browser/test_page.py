"""The page in a real browser, against a running service, each path from end to end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: install it from the system's packages"
)

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)
LONG = 240_000


class Running:
    """A service in a process of its own, which may be killed and started anew."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.start()

    def start(self, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "abag", "serve", "--data", str(self.data), "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        found = re.search(r"http://\S+:(\d+)/", self.process.stdout.readline())
        assert found is not None
        self.address, self.port = found[0], int(found[1])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    service = Running(tmp_path_factory.mktemp("served") / "data")
    yield service
    service.process.terminate()
    service.process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, running: Running) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(LONG)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda m: faults.append(m.text) if "Content Security" in m.text else None)
    yield opened
    context.close()
    assert not faults


def measured(rows: int = 24) -> str:
    """Variants of one antibody: what stands at 101 and 105 of the heavy chain counts."""
    lines = ["name,heavy,light,pKd"]
    letters = "ADEFGHIKLNQRSTVWY"
    for i in range(rows):
        place, letter = (100, 104, 107, 54)[i % 4], letters[i % len(letters)]
        heavy = HEAVY[:place] + letter + HEAVY[place + 1 :]
        lines.append(f"v{i},{heavy},{LIGHT},{8.5 - 0.12 * letters.index(letter):.2f}")
    return "\n".join([*lines, f"parent,{HEAVY},{LIGHT},8.9"])


def test_a_pair_is_asked_about_from_an_example(page: Any, running: Running):
    page.goto(running.address)
    page.wait_for_selector("select option:nth-child(2)", state="attached")
    page.get_by_label("Example").select_option(index=1)
    page.wait_for_selector(".CDR3")
    page.get_by_role("button", name="Ask").click()
    assert page.wait_for_selector(".big").inner_text().startswith("KD ")
    assert "pKd" in page.locator("svg.scale").get_attribute("aria-label")


def test_a_chain_that_cannot_be_read_is_said_beside_the_form(page: Any, running: Running):
    page.goto(running.address)
    page.get_by_label("Heavy chain, VHH or scFv").fill("NOT A CHAIN 42")
    page.get_by_label("Antigen").fill("MKTAYIAKQRQISFVKSHFSRQ")
    page.get_by_role("button", name="Ask").click()
    page.locator(".wrong[role=alert]", has_text="no amino acid").wait_for()
    assert "no amino acid" in page.locator(".wrong[role=alert]").inner_text()


def test_the_page_fits_a_phone_and_the_keyboard(browser: Any, running: Running):
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page = context.new_page()
    for name in ("pair", "assay", "scan", "table", "jobs"):
        page.goto(f"{running.address}#{name}")
        page.wait_for_selector("h1")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"#{name} is {width} wide"
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input,textarea,select')].filter((one) => "
            "!one.labels.length && !one.ariaLabel).length"
        )
        assert unnamed == 0, f"#{name} has inputs without a label"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "A"
    context.close()


def test_an_assay_is_learnt_and_gives_a_plate_that_survives_a_kill(
    page: Any, running: Running, tmp_path: Path
):
    table = tmp_path / "assay.csv"
    table.write_text(measured())
    page.goto(f"{running.address}#assay")
    page.get_by_role("textbox", name="Name").fill("first campaign")
    page.get_by_label("Your measurements").set_input_files(table)
    page.get_by_role("button", name="Learn", exact=True).click()
    page.wait_for_selector("progress")
    running.kill()
    time.sleep(1.0)
    running.start(running.port)
    page.reload()  # the address of the page names the job
    page.wait_for_selector("h2:has-text('Choose the next plate')")
    page.get_by_label("Wells").fill("8")
    page.get_by_role("button", name="Propose").click()
    page.wait_for_selector("h2:has-text('The latest plate')")
    wells = page.locator(".plate > span:not(.edge):not(.empty)").all_inner_texts()
    assert len(wells) == 8
    assert all(re.search(r"[A-Z]\d+[A-Z]|parent", well) for well in wells)


def test_a_table_is_predicted_sorted_and_filtered(page: Any, running: Running, tmp_path: Path):
    table = tmp_path / "pairs.csv"
    rows = [f"a{i},{HEAVY},{LIGHT},MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ" for i in range(3)]
    table.write_text("\n".join(["name,heavy,light,antigen", *rows]))
    page.goto(f"{running.address}#table")
    page.get_by_label("The table").set_input_files(table)
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("table")
    assert page.locator("tbody tr").count() == 3
    page.get_by_role("button", name="pkd", exact=True).click()
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_a_program_asks_the_service_with_the_names_of_the_local_functions(
    running: Running, tmp_path: Path
):
    import abag
    import abag.client

    client = abag.Client(running.address)
    antigen = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
    here = abag.predict(heavy=HEAVY, light=LIGHT, antigen=antigen)
    assert client.predict(HEAVY, LIGHT, antigen) == here
    table = tmp_path / "pairs.csv"
    table.write_text(f"heavy,light,antigen\n{HEAVY},{LIGHT},{antigen}\n")
    assert client.predict_table(table, tmp_path / "out.csv")["predicted"] == 1
    assert f"{here.pkd}" in (tmp_path / "out.csv").read_text()
    with pytest.raises(abag.client.ServiceError, match="no amino acid"):
        client.predict("HELLO WORLD 42", None, antigen)


def test_a_scan_that_runs_is_cancelled(page: Any, running: Running):
    page.goto(f"{running.address}#scan")
    page.get_by_label("Heavy chain, VHH or scFv").fill(HEAVY)
    page.get_by_label("Antigen").fill("MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ")
    page.get_by_role("button", name="Scan").click()
    page.get_by_role("button", name="Cancel").click()
    assert page.wait_for_selector("text=Cancelled.").is_visible()
