"""abag: how tightly an antibody binds an antigen (pKd), and how far to trust the number."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
