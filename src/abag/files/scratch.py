"""A folder for the time of a block, below the system's temporary directory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abag.files.recovery import sweep, take, temporary_prefix


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder and remove it; those of processes that were killed are removed, too."""
    name = Path(tempfile.gettempdir()) / "pieces"
    sweep(name)
    folder = Path(tempfile.mkdtemp(dir=name.parent, prefix=temporary_prefix(name)))
    handle = os.open(folder, os.O_RDONLY)
    try:
        take(handle)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)
