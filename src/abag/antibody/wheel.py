"""Parts of ANARCI's wheel, taken without its package: that imports BioPython, which costs 0.1 s."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from abag.errors import UnavailableError


def wheel_folder() -> Path:
    """Where ANARCI is installed.

    Raises:
        UnavailableError: it is not.
    """
    found = find_spec("anarci")
    if found is None or not found.submodule_search_locations:
        raise UnavailableError(
            "antibody numbering needs the package anarci; install it with: pip install anarci"
        )
    return Path(next(iter(found.submodule_search_locations)))


@cache
def wheel_part(name: str) -> Any:
    """The module ``germlines`` (V and J genes) or ``schemes`` (rules of numbering).

    Raises:
        UnavailableError: ANARCI is not installed, or has no such module.
    """
    path = wheel_folder() / f"{name}.py"
    spec = spec_from_file_location(f"abag_anarci_{name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UnavailableError(
            f"the anarci package has no {path.name}; reinstall it from its wheel"
        )
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
