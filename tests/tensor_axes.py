"""Checks the axes that signatures give their tensors, at every call; in tests alone.

``Float[Tensor, "pairs width"]`` in a signature of encoders, networks or training is checked for its
type of number and its axes, and axes of one name must have one length in a call. Other annotations
are left to the type checker.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

from jaxtyping import install_import_hook

ROOMS = (
    "abag.model.network",
    "abag.model.inverse_folding.network",
    "abag.training.engine",
    "abag.encoders.adapters",
)


def install() -> None:
    """Check every function of :data:`ROOMS` that is imported from now on."""
    install_import_hook(list(ROOMS), f"{__name__}.checked")


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, raising TypeError where a tensor is not what its annotation says."""
    notes = getattr(function, "__annotations__", {})
    if not any("[Tensor" in str(note) for note in notes.values()):
        return function
    signature, hints = inspect.signature(function), dict[str, Any]()

    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        if not hints:
            hints.update({name: resolved(note, function) for name, note in notes.items()})
        bound = signature.bind(*arguments, **named)
        for name, value in bound.arguments.items():
            require(value, hints.get(name), name)
        result = function(*arguments, **named)
        require(result, hints.get("return"), "what is returned")
        return result

    return wrapper


def resolved(note: Any, function: Callable[..., Any]) -> Any:
    """An annotation as a type; None for one that is known to type checkers alone."""
    if not isinstance(note, str):
        return note
    try:
        return eval(note, function.__globals__)
    except (NameError, TypeError, AttributeError):
        return None


def require(value: Any, hint: Any, name: str) -> None:
    """Raise TypeError unless a tensor, or each of a tuple, has the axes of its annotation."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next((part for part in parts if hasattr(part, "dim_str")), None)
        if value is None:
            return
    if typing.get_origin(hint) is tuple and Ellipsis not in parts:
        for place, (one, part) in enumerate(zip(value, parts, strict=True)):
            require(one, part, f"{name}[{place}]")
    elif hasattr(hint, "dim_str") and not isinstance(value, hint):
        shape = f"{value.dtype} {tuple(value.shape)}" if hasattr(value, "shape") else type(value)
        raise TypeError(f"{name} is {shape}, not {hint.__name__}")
