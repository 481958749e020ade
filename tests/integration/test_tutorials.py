"""Every code block of the tutorials runs, in the order of the page, beside the page's own files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"
PAGES = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.M | re.S)


def script_of(page: Path) -> str:
    """The blocks of a page as one script of the shell; Python ones share their variables."""
    lines, python = ["set -eu"], ""
    for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "bash":
            lines.append(code)
            continue
        python += code
        lines.append(f"{sys.executable} - <<'END_OF_BLOCK'\n{python}END_OF_BLOCK")
    return "\n".join(lines)


def test_each_tutorial_has_blocks_of_both_kinds_or_a_command():
    assert len(PAGES) == 3
    assert all(len(BLOCK.findall(page.read_text(encoding="utf-8"))) >= 3 for page in PAGES)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_runs_as_it_stands(page: Path, tmp_path: Path):
    if page.stem.endswith("published-model") and shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed (apt install git-lfs)")
    for file in FOLDER.glob("*.csv"):
        shutil.copy(file, tmp_path)
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "abag").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m abag "$@"\n')
    (commands / "abag").chmod(0o755)
    told = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}",
            "ABAG_MODELS": str(tmp_path / "shelf")}  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", script_of(page)], cwd=tmp_path, env=told, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
