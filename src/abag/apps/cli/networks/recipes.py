"""``abag recipes``: the recipes that a network can be trained by."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from abag.apps.cli import emit

if TYPE_CHECKING:
    from abag.training.recipe import Recipe


def recipes(
    name: str | None = None,
    /,
    *,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """List the training recipes, or explain one: every setting, and what differs from its release.

    Args:
        name: A recipe, such as v2.7, or a .toml file; all are listed without it.
        set_: A setting to change first, as optimiser.lr=5e-4; repeat it for several.
        json: Print one JSON object.
    """
    from abag.errors import OptionError
    from abag.training.recipe import load_recipe, recipe_names

    if name is None:
        if set_:
            raise OptionError("--set changes one recipe; name it, for example: abag recipes v2.7")
        by_name = {key: load_recipe(key) for key in recipe_names()}
        content = {key: recipe.as_json() for key, recipe in by_name.items()}
        emit(content, "\n".join(f"{key:8} {by_name[key].title}" for key in by_name), json)
        return
    recipe = load_recipe(name, set_ or [])
    emit(recipe.as_json(), _explained(recipe), json)


def _explained(recipe: Recipe) -> str:
    from abag.training.recipe import Recipe

    lines = [f"{recipe.name}: {recipe.title}"]
    if recipe.differs:
        lines += ["", "How it differs from its namesake:", *(f"  - {d}" for d in recipe.differs)]
    lines += ["", "Settings (change one with --set KEY=VALUE):"]
    shown = recipe.as_json()
    for key in ("name", "title", "differs"):
        shown.pop(key)
    rows = [(key, dumps(value), _description(Recipe, key)) for key, value in _flat(shown)]
    width = max(len(f"{key} = {value}") for key, value, _ in rows)
    lines += [f"  {f'{key} = {value}':{width}}  {text}".rstrip() for key, value, text in rows]
    return "\n".join(lines)


def _flat(content: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Settings as ``optimiser.lr`` and value."""
    if isinstance(content, dict):
        items = list(content.items())
    elif isinstance(content, list) and any(isinstance(item, dict) for item in content):
        items = [(str(index), item) for index, item in enumerate(content)]
    else:
        return [(prefix, content)]
    return [
        pair for key, value in items for pair in _flat(value, f"{prefix}.{key}" if prefix else key)
    ]


def _description(kind: Any, key: str) -> str:
    """The description of a field that is declared at ``key``; empty for a part or a choice."""
    from abag.training.recipe import field_description

    return field_description(kind, key.split("."))
