"""What people state of a release: its name and version, and what nobody can read from artefacts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from abag.data.tables import SHIPPABLE_LICENCES
from abag.errors import OptionError
from abag.model.artefact import ShelfName

_VERSION: Final = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?")


@dataclass(frozen=True, slots=True)
class Intent:
    """Options of `abag release`; everything else is read from the artefacts."""

    version: str
    """Such as 1.0.0, or 0.2.0-beta of a pre-release."""
    name: str | None = None
    """Name of the release; by default that of the recipe or model."""
    date: str | None = None
    """Of the release, such as 2026-11-28; by default SOURCE_DATE_EPOCH or today."""
    licence: str = "MIT"
    """Licence of the weights, as SPDX names it."""
    author: tuple[str, ...] = ("The abag authors",)
    """Who made it; repeat it for several."""
    homepage: str = ""
    """Address of the project."""
    new: tuple[str, ...] = ()
    """A line on what is new; repeat it. Its numbers must be in the artefacts."""
    migration: tuple[str, ...] = ()
    """A line on what users must change; repeat it."""
    pull_from: str = ""
    """What people give to `abag pull`; by default NAME@VERSION."""
    earlier: tuple[Path, ...] = ()
    """Earlier release to compare with: a folder or NAME@REVISION; repeat it."""
    compare_on: Path | None = None
    """Table of measured rows (.parquet) to compare on; by default the test rows of the run."""

    def checked(self) -> Intent:
        """The same; raises OptionError for a version, date, licence or name that cannot be."""
        if not _VERSION.fullmatch(self.version):
            raise OptionError(
                f"--version {self.version!r} is no version; give 1.2.3, or 1.2.3-beta of a "
                "pre-release"
            )
        allowed = sorted(SHIPPABLE_LICENCES - {"own-data"})
        if self.licence not in allowed:
            raise OptionError(f"--licence {self.licence!r} is none of {', '.join(allowed)}")
        if self.date is not None:
            try:
                datetime.fromisoformat(self.date)
            except ValueError:
                raise OptionError(f"--date {self.date!r} is no date such as 2026-11-28") from None
        if self.name is not None and ShelfName.read(self.name).revision is not None:
            raise OptionError(f"--name {self.name!r} has a revision; that is --version")
        return self
