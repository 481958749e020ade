"""What the page says names what the page has: its fields, and no option of a command."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import abag
from served_page import HEAVY, LIGHT, Running, measured

Said = Callable[[list[str]], list[str]]
SOURCE = Path(abag.__file__).parent
READERS = ("data/formats", "data/mutation_column.py", "data/engineered", "units", "files")
"""Rooms whose errors a table can meet on the page."""
OTHERS = ("antibody", "inference", "maturation")
OPTION = re.compile(r"(?<![\w-])--[a-z]")
ONLY_TYPED = {"out", "labels", "resume"}
"""Options of these rooms that speak of the command's own files."""


def messages(rooms: tuple[str, ...]) -> Iterator[str]:
    """Every text of some rooms that names an option, a value standing in for what is filled in."""
    paths = (path for room in rooms for path in (SOURCE / room).rglob("*.py"))
    files = [SOURCE / room for room in rooms if room.endswith(".py")]
    for path in [*paths, *files]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
        parts = {
            id(part) for one in ast.walk(tree) if isinstance(one, ast.JoinedStr)
            for part in one.values
        }  # fmt: skip
        for one in ast.walk(tree):
            if id(one) in told | parts:
                continue
            if text := text_of(one):
                yield text


def text_of(node: ast.AST) -> str:
    """A text of the source that names an option; otherwise nothing."""
    text = ""
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(p.value) if isinstance(p, ast.Constant) else "Xy1" for p in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    return text if OPTION.search(text) else ""


@pytest.fixture(scope="module")
def in_page_words(browser: Any, running: Running) -> Iterator[Said]:
    """Texts as the page says them."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(running.address)
    yield lambda texts: page.evaluate(
        "async (texts) => { const { inPageWords } = await import('/page/words.js'); "
        "return texts.map(inPageWords); }",
        texts,
    )
    context.close()


def test_no_message_of_any_room_keeps_an_option(in_page_words: Said):
    texts = sorted(set(messages(READERS + OTHERS)))
    assert len(texts) > 80
    said = in_page_words(texts)
    assert [one for one in said if OPTION.search(one) or "`abag" in one] == []


def test_what_a_table_can_meet_is_a_field_of_the_page(in_page_words: Said):
    texts = sorted(set(messages(READERS)))
    said = in_page_words(texts)
    typed = [
        text for text, one in zip(texts, said, strict=True)
        if "of the command line" in one
        and not set(re.findall(r"--([a-z-]+)", text)) & ONLY_TYPED
    ]  # fmt: skip
    assert typed == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("so (--map decimal:=comma)", "so (“Decimal sign”: comma)"),
        ('(--map highest_concentration:="10 uM")', "(“Highest concentration tested”: 10 uM)"),
        ("--unit='-log10 nM'; --unit", "“Unit of the values”: -log10 nM; “Unit of the values”"),
        ("which: --map heavy='VH chain'", "which: column VH chain as “heavy chain or VHH”"),
        ("Map it: --map value=COLUMN, with", "Map it: a column as “measured value”, with"),
        ("set them aside (--quarantine).", "set them aside (“Set rows with problems aside”)."),
        ("start with `abag adapt A.csv --campaign`", "start with “Give the results back”"),
        ("EVQ--LV or A --not", "EVQ--LV or A “not” of the command line"),
        ("KD 3 nM", "KD 3 nM"),
    ],
)  # fmt: skip
def test_options_become_the_labels_of_fields(in_page_words: Said, said: str, shown: str):
    assert in_page_words([said]) == [shown]


def test_a_cell_of_the_users_table_stays_as_it_is(page: Any, running: Running, tmp_path: Path):
    table = tmp_path / "odd.csv"
    table.write_text(measured(header="--unit nM,heavy,light,KD (nM)"))
    open_assay(page, running, table)
    assert page.locator("table.columns th[scope=row]").first.inner_text() == "--unit nM"


def open_assay(page: Any, running: Running, table: Path) -> None:
    page.goto(f"{running.address}#assay")
    page.get_by_label("Your measurements").set_input_files(table)
    page.locator("table.columns, .wrong[role=alert]").first.wait_for()


def workbook(path: Path) -> Path:
    made = openpyxl.Workbook()
    for line in (("well", "operator", "volume"), ("A1", "anna", 20), ("A2", "bert", 20)):
        made.active.append(line)
    sheet = made.create_sheet("results")
    for line in measured().splitlines():
        sheet.append(line.split(","))
    made.save(path)
    return path


def written(path: Path, header: str, first: str = "v", encoding: str = "utf-8") -> Path:
    path.write_bytes(measured(header=header).replace("\nv", f"\n{first}").encode(encoding))
    return path


@pytest.mark.parametrize("kind", ["a workbook of several sheets", "another encoding", "a unit"])
def test_a_file_that_needs_a_word_says_which_field_and_is_read_with_it(
    page: Any, running: Running, tmp_path: Path, kind: str
):
    table, label, value = {
        "a workbook of several sheets": lambda: (
            workbook(tmp_path / "two.xlsx"), "Sheet of the workbook", "results",
        ),
        "another encoding": lambda: (
            written(tmp_path / "old.csv", "name,heavy,light,pKd", "né", "cp1252"),
            "Encoding of the text", "cp1252",
        ),
        "a unit": lambda: (
            written(tmp_path / "bare.csv", "name,heavy,light,KD"), "Unit of the values", "pKd",
        ),
    }[kind]()  # fmt: skip
    open_assay(page, running, table)
    complaint = page.locator(".wrong", has_text=f"“{label}”")
    complaint.wait_for()
    assert not OPTION.search(page.locator("main").inner_text())
    field = page.get_by_label(label, exact=True)
    assert field.is_visible()  # the folded part is open where the file needs it
    if field.evaluate("one => one.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)
        field.press("Tab")
    complaint.wait_for(state="detached")
    assert page.get_by_label("heavy is taken for").input_value() == "heavy"


def test_commas_and_cells_without_binding_are_read_by_the_fields_that_their_errors_name(
    page: Any, running: Running, tmp_path: Path
):
    table = tmp_path / "european.csv"
    lines = measured(8, header="name;heavy;light;KD (nM)").splitlines()
    rows = [line.replace(",", ";").replace(".", ",") for line in lines]
    weak = HEAVY.replace("WGGDGFYAMDY", "WGGDAFYAMDY")
    table.write_text("\n".join([*rows, f"weak;{weak};{LIGHT};no binding"]))
    open_assay(page, running, table)
    page.get_by_role("textbox", name="Name").fill("with commas")
    learn = page.get_by_role("button", name="Learn", exact=True)
    learn.click()
    page.locator(".wrong", has_text="(“Decimal sign”: comma)").wait_for()
    page.get_by_label("Decimal sign").select_option("comma")
    learn.click()
    page.locator(
        ".wrong", has_text="(“Highest concentration tested”: 10 uM, or =COLUMN)"
    ).wait_for()
    assert not OPTION.search(page.locator("main").inner_text())
    page.get_by_label("Highest concentration tested").fill("10 uM")
    learn.click()
    page.get_by_text("10 rows read, 10 kept, 0 set aside.").wait_for()


def test_a_job_is_deleted_from_the_list(page: Any, running: Running, tmp_path: Path):
    table = tmp_path / "nothing.csv"
    table.write_text("name,heavy\na,HELLO")
    page.goto(f"{running.address}#table")
    page.get_by_label("The table").set_input_files(table)
    page.get_by_role("button", name="Predict").click()
    page.locator(".wrong[role=alert]", has_text="nothing.csv").last.wait_for()
    assert not OPTION.search(page.locator("main").inner_text())
    page.goto(f"{running.address}#jobs")
    delete = page.get_by_role("button", name="Delete Table of pairs")
    delete.first.wait_for()
    before = page.locator("main .card").count()
    delete.first.click()
    page.get_by_text("Deleted.").wait_for()
    assert page.locator("main .card").count() == before - 1
