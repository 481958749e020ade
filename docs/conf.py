"""How the documentation site is built (`make docs`)."""

from __future__ import annotations

import sys
from pathlib import Path

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
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"


# The reference that comes from the code is made before anything is read.
write_reference(Path(__file__).parent / "reference")
