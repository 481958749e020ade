"""How the documentation site is built (`make docs`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from generate import write_reference

from abag import __version__

project = "abag"
author = "The abag authors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"abag {__version__}"
exclude_patterns = ["_build", "examples/*/*"]
nitpicky = False
# Options are written with two hyphens, not with a dash.
smartquotes = False
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"


# The reference that comes from the code is made before anything is read.
write_reference(Path(__file__).parent / "reference")

LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#\s]+)[^)]*\)")


def name_what_is_outside(app: Any, page: str, source: list[str]) -> None:
    """Links to files of the repository that are no pages: the site names them by their path."""
    docs = Path(app.srcdir)
    folder = (docs / page).parent

    def named(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if target.is_relative_to(docs):
            return link[0]
        return f"{link[1]} (`{target.relative_to(docs.parent)}`)"

    source[0] = LINK.sub(named, source[0])


def setup(app: Any) -> None:
    """Tell Sphinx of it."""
    app.connect("source-read", name_what_is_outside)
