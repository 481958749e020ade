"""abag: how tightly an antibody binds an antigen (pKd), and how far to trust the number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abag.version import VERSION

if TYPE_CHECKING:
    from abag.client import Client
    from abag.data.formats.own_tables import OwnTable, read_table
    from abag.inference import load, predict
    from abag.inference.predictor import Prediction, Predictor

__version__ = VERSION

__all__ = [
    "Client",
    "OwnTable",
    "Prediction",
    "Predictor",
    "__version__",
    "load",
    "predict",
    "read_table",
]

_PUBLIC = {
    "Client": "abag.client",
    "load": "abag.inference",
    "predict": "abag.inference",
    "read_table": "abag.data.formats.own_tables",
    "OwnTable": "abag.data.formats.own_tables",
    "Prediction": "abag.inference.predictor",
    "Predictor": "abag.inference.predictor",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that ``import abag`` stays instant."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'abag' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
