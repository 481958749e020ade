"""The documentation site builds without a warning: every link leads somewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path):
    for name in ("sphinx", "myst_parser", "furo", "fastapi"):
        pytest.importorskip(name)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, str(DOCS), str(tmp_path / "site")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for page in ("index", "reference/command-line", "tutorials/spreadsheet-to-plate"):
        assert (tmp_path / "site" / f"{page}.html").is_file()
