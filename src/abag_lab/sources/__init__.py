"""Published sources, one small adapter each. A new one is a file in one of the packages here."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from abag_lab.sources import complexes, designed, libraries
from abag_lab.sources.published import Source


def _declared_sources() -> list[Source]:
    """Every ``SOURCE``, and each of ``SOURCES``, in the modules of the packages."""
    names = [
        f"{package.__name__}.{module.name}"
        for package in (complexes, designed, libraries)
        for module in iter_modules(package.__path__)
    ]
    return [
        source
        for module in map(import_module, names)
        for source in (getattr(module, "SOURCE", None), *getattr(module, "SOURCES", ()))
        if source is not None
    ]


SOURCES: Final[dict[str, Source]] = {
    source.name: source for source in sorted(_declared_sources(), key=lambda source: source.name)
}
"""Every adapter by the name of its source."""
