"""What goes wrong in a day: kills, reloads, second thoughts, other users, faulty input."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from abag.apps.service.server import make_key
from served_page import ANTIGEN, HEAVY, LIGHT, Running


def scan(page: Any, address: str) -> None:
    """Begin a scan that takes a while."""
    page.goto(f"{address}#scan")
    page.get_by_label("Heavy chain, VHH or scFv").fill(HEAVY)
    page.get_by_label("Antigen").fill(ANTIGEN)
    page.get_by_role("button", name="Scan", exact=True).click()
    page.wait_for_selector("progress")


def shows(page: Any, text: str) -> None:
    """The page says so, sooner or later."""
    said = page.get_by_text(text).first
    said.wait_for()
    assert said.is_visible()


def worker_of(data: Path) -> int:
    """Process of the job that runs."""
    for _ in range(600):
        with sqlite3.connect(data / "jobs.sqlite") as jobs:
            row = jobs.execute("select pid from jobs where state = 'running'").fetchone()
        if row and row[0]:
            return int(row[0])
        time.sleep(0.1)
    raise AssertionError("no job runs")


def test_a_scan_that_runs_is_cancelled(page: Any, running: Running):
    scan(page, running.address)
    page.get_by_role("button", name="Cancel").click()
    assert page.wait_for_selector("text=Cancelled.").is_visible()


def test_a_worker_that_is_killed_is_said_and_the_service_goes_on(page: Any, running: Running):
    scan(page, running.address)
    os.killpg(worker_of(running.data), signal.SIGKILL)
    shows(page, "the command ended without an answer")
    page.goto(running.address)
    page.goto(f"{running.address}#jobs")
    shows(page, "failed, asked")


def test_a_page_that_is_loaded_anew_still_follows_its_job(page: Any, running: Running):
    scan(page, running.address)
    page.reload()
    page.get_by_role("button", name="Cancel").click()
    shows(page, "Cancelled.")


def test_a_chain_that_cannot_be_read_is_said_beside_the_form(page: Any, running: Running):
    page.goto(running.address)
    page.get_by_label("Heavy chain, VHH or scFv").fill("NOT A CHAIN 42")
    page.get_by_label("Antigen").fill(ANTIGEN)
    page.get_by_role("button", name="Ask").click()
    shows(page, "no amino acid")


def test_a_file_that_is_no_table_and_one_that_is_too_large_are_said(
    page: Any, running: Running, tmp_path: Path
):
    page.goto(f"{running.address}#assay")
    odd, large = tmp_path / "odd.xlsx", tmp_path / "large.csv"
    odd.write_bytes(b"this is no workbook")
    large.write_bytes(b"A" * 33 * 2**20)
    page.get_by_label("Your measurements").set_input_files(odd)
    said = page.locator(".wrong[role=alert]", has_text="odd.xlsx")
    said.wait_for()
    assert str(running.data) not in said.inner_text()
    page.get_by_label("Your measurements").set_input_files(large)
    shows(page, "at most 32 megabytes")


def test_a_service_that_does_not_answer_is_said_and_nothing_is_lost(page: Any, running: Running):
    page.goto(running.address)
    page.get_by_label("Heavy chain, VHH or scFv").fill(HEAVY)
    page.get_by_label("Antigen").fill(ANTIGEN)
    running.kill()
    page.get_by_role("button", name="Ask").click()
    shows(page, "The service does not answer")
    running.start(running.port)
    page.get_by_role("button", name="Ask").click()
    page.wait_for_selector(".big")


def test_limits_of_the_service_are_said_where_they_are_met(
    opened: Callable[..., Any], tmp_path: Path
):
    service = Running(tmp_path / "data", "--most-waiting", "1")
    page, other = opened(), opened()
    scan(page, service.address)
    other.goto(f"{service.address}#scan")
    other.get_by_label("Heavy chain, VHH or scFv").fill(HEAVY)
    other.get_by_role("button", name="Scan", exact=True).click()
    shows(other, "1 jobs wait already, 1 are allowed; wait, or cancel some")
    service.stop()
    hasty = Running(tmp_path / "hasty", "--job-minutes", "0.01")
    scan(page, hasty.address)
    shows(page, "it ran longer than 0.01 minutes; make it smaller")
    hasty.stop()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[Running, dict[str, str]]]:
    """A service of two users."""
    data = tmp_path / "data"
    keys = {name: make_key(data, name) for name in ("anna", "bert")}
    service = Running(data)
    yield service, keys
    service.stop()


def test_two_users_see_their_own_jobs_alone(
    opened: Callable[..., Any], shared: tuple[Running, dict[str, str]]
):
    service, keys = shared
    pages = {name: opened() for name in keys}
    for name, page in pages.items():
        page.goto(f"{service.address}#jobs")
        shows(page, "asks for a key")
        page.get_by_text("Key", exact=True).click()
        page.get_by_label("API key").fill(keys[name])
        page.get_by_role("button", name="Keep").click()
        shows(page, "There are none yet.")
    scan(pages["anna"], service.address)
    where = pages["anna"].url
    pages["bert"].goto(service.address)
    pages["bert"].goto(where)  # the address of anna's job
    shows(pages["bert"], "there is no job")
    pages["bert"].goto(f"{service.address}#jobs")
    shows(pages["bert"], "There are none yet.")
    pages["anna"].get_by_role("button", name="Cancel").click()
    shows(pages["anna"], "Cancelled.")


def test_names_that_hold_a_script_are_shown_as_text(page: Any, running: Running, tmp_path: Path):
    table = tmp_path / "pairs.csv"
    name = "<img src=x onerror=alert(1)>"
    table.write_text(f"name,heavy,light,antigen\n{name},{HEAVY},{LIGHT},{ANTIGEN}\n")
    page.goto(f"{running.address}#table")
    page.get_by_label("The table").set_input_files(table)
    page.get_by_role("button", name="Predict").click()
    page.locator("tbody td", has_text=name).wait_for()
    assert page.locator("tbody img").count() == 0  # a window that it opens is a fault of the page
