"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
MODULES = sorted(SOURCE.rglob("*.py"))
HEAVY = ("torch", "scipy", "sklearn", "matplotlib", "polars", "pyhmmer", "numpy", "pydantic")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_stays_below_four_hundred_lines(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_function_fits_on_a_screen(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = [
        f"{node.name}: {body_lines(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > 50
    ]
    assert not long, f"functions over 50 lines (without docstring): {long}"


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if documented and len(node.body) == 1:
        return 0
    start = node.body[1].lineno if documented else first.lineno
    return (node.end_lineno or start) - start + 1


def test_no_module_has_a_name_that_says_nothing():
    said_nothing = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
    assert not [p for p in MODULES if p.stem in said_nothing]


def test_no_modules_import_each_other_in_a_circle():
    """Imports inside functions and those for type checkers count too."""
    left = {name_of(path): imported_by(path) for path in MODULES}
    known = set(left)
    left = {name: imports & known - {name} for name, imports in left.items()}
    while free := [name for name, imports in left.items() if not imports & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"a circle, or modules that lead into one: {sorted(left)}"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")


def imported_by(path: Path) -> set[str]:
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    found: set[str] = set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # ``from package import module`` means the module, not the package that leads to it.
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = names & {name_of(module) for module in MODULES}
            found |= modules or {str(node.module)}
        nodes += ast.iter_child_nodes(node)
    return found


def test_nothing_is_pickled():
    for path in MODULES:
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in (
                node.names if isinstance(node, ast.Import) else [ast.alias(name=node.module or "")]
            )
        }
        assert not names & {"pickle", "joblib", "dill", "cloudpickle", "shelve"}, path


def test_help_and_import_load_nothing_heavy():
    script = (
        "import sys, abag\n"
        "from abag.apps.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "LOADED []" in done.stdout
