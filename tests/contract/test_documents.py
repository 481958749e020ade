"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from abag.apps.cli import COMMANDS
from abag.data.tables import COLUMNS
from abag_lab.sources import SOURCES

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_data_contract_names_every_column_as_the_schema_does():
    page = (ROOT / "docs" / "data-contract.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (yes|no) \| (.+) \|$", page, re.MULTILINE)
    expected = [(c.name, str(c.dtype), "yes" if c.required else "no", c.meaning) for c in COLUMNS]
    assert rows == expected


def test_every_source_is_listed_with_its_licence():
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    for source in SOURCES.values():
        assert re.search(rf"^\| `{source.name}` \|.*{re.escape(source.licence)}", page, re.M)


def test_the_adapter_that_the_page_shows_reads_its_file(tmp_path: Path):
    page = (ROOT / "docs" / "add-a-source.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    shown: dict[str, Any] = {}
    exec(compile(code, "add-a-source.md", "exec"), shown)
    lines = [
        "clone,vh,vl,kd_nm,target_a,target_b",
        "a,EVQL,DIQM,3.5,MKTAY,",
        "b,EVQL,DIQM,1e4,MKTAY,GSHM",
    ]
    (tmp_path / "affinities.csv").write_text("\n".join(lines), encoding="utf-8")
    (table,) = shown["SOURCE"].reader(tmp_path)
    rows = table.frame.select("antibody_name", "value", "relation", "antigen").rows()
    assert rows == [("a", "3.5", None, ["MKTAY"]), ("b", "1e4", ">", ["MKTAY", "GSHM"])]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_place_in_the_command_page(name: str):
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"`abag {name}" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
