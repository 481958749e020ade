"""Checks the axes that signatures give their tensors, at every call; in tests alone.

``Float[Tensor, "pairs width"]`` in a signature of encoders, networks or training is checked for its
type of number and its axes, and axes of one name must have one length in a call. Other annotations
are left to the type checker. What was right for types and shapes is right for them in every later
call, so only calls with new ones are looked at closely.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from typing import Any

ROOMS = (
    "abag.model.network",
    "abag.model.inverse_folding.network",
    "abag.training.engine",
    "abag.encoders.adapters",
)


def install() -> None:
    """Check every function of :data:`ROOMS` that is imported from now on."""
    sys.meta_path.insert(0, Finder())


class Finder(PathFinder):
    """Finds the modules of :data:`ROOMS` and leaves all others to Python."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(ROOMS):
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            source = spec.loader.get_data(spec.loader.path)
            if b"[Tensor" in source:
                spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


class Loader(SourceFileLoader):
    """Decorates each function and each class of a module, whatever the module does with them."""

    def path_stats(self, path: Any) -> Any:
        raise OSError("the bytecode that lies beside the source has no checks")

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> Any:
        tree = Decorated().visit(ast.parse(data, path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class Decorated(ast.NodeTransformer):
    """``@checked`` on every function, under its other decorators, and on top of every class."""

    mark = f"__import__({__name__!r}).checked"

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list.append(ast.parse(self.mark, mode="eval").body)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list.insert(0, ast.parse(self.mark, mode="eval").body)
        return self.generic_visit(node)


def checked(function: Any) -> Any:
    """A function, or a dataclass, that raises TypeError where a tensor is not as annotated."""
    if isinstance(function, type):
        if dataclasses.is_dataclass(function) and "__init__" in vars(function):
            function.__init__ = checked(function.__init__)  # type: ignore[misc]
        return function
    notes = getattr(function, "__annotations__", {})
    if not any("[Tensor" in str(note) for note in notes.values()):
        return function
    check = functools.cache(lambda: Check(function))
    passed = set[Any]()

    @functools.wraps(function)
    def wrapper(*arguments: Any, **keywords: Any) -> Any:
        shapes = (*map(form, arguments), *((name, form(value)) for name, value in keywords.items()))
        if shapes not in passed:
            check()(arguments, keywords)
            passed.add(shapes)
        result = function(*arguments, **keywords)
        both = shapes, form(result)
        if both not in passed:
            check()(arguments, keywords, returned=[result])
            passed.add(both)
        return result

    return wrapper


def form(value: Any) -> Any:
    """What a check depends on: types, and the numbers and shapes of arrays."""
    if isinstance(value, tuple):
        return tuple(map(form, value))
    return type(value), getattr(value, "dtype", None), getattr(value, "shape", None)


class Check:
    """The annotations of a function, as a check of one call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.signature = inspect.signature(function)
        notes = function.__annotations__
        self.hints = {name: resolved(note, function) for name, note in notes.items()}

    def __call__(
        self, arguments: Sequence[Any], keywords: dict[str, Any], returned: Sequence[Any] = ()
    ) -> None:
        from jaxtyping import jaxtyped

        bound = self.signature.bind(*arguments, **keywords)
        with jaxtyped("context"):  # axes of one name have one length in here
            for name, value in bound.arguments.items():
                require(value, self.hints.get(name), name)
            for value in returned:
                require(value, self.hints.get("return"), "what is returned")


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
        for place, (part_value, part) in enumerate(zip(value, parts, strict=True)):
            require(part_value, part, f"{name}[{place}]")
    elif hasattr(hint, "dim_str") and not isinstance(value, hint):
        shape = f"{value.dtype} {tuple(value.shape)}" if hasattr(value, "shape") else type(value)
        raise TypeError(f"{name} is {shape}, not {hint.__name__}")
