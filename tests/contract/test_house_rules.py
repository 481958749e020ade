"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
HEAVY = ("torch", "scipy", "sklearn", "matplotlib", "polars", "pyhmmer", "numpy", "pydantic")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def statements_of(path: Path) -> tuple[ast.AST, ...]:
    """All statements, at any depth: what is inside an expression is none."""
    statements: list[ast.AST] = list(tree_of(path).body)
    for node in statements:  # it grows
        inside = (ast.stmt, ast.ExceptHandler, ast.match_case)
        statements += [child for child in ast.iter_child_nodes(node) if isinstance(child, inside)]
    return tuple(statements)


def test_a_module_stays_below_four_hundred_lines():
    long = {path: len(text_of(path).splitlines()) for path in MODULES}
    assert not {path.relative_to(SOURCE): lines for path, lines in long.items() if lines > 400}


def test_a_function_fits_on_a_screen():
    """At most 60 lines, with its signature and docstring."""
    functions = {
        f"{path.relative_to(SOURCE).as_posix()}:{node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in statements_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }
    assert not {name: length for name, length in functions.items() if length > 60}


def test_a_tensor_in_a_signature_names_its_axes():
    """Containers of any tensors (``dict[str, Tensor]``: the parameters of a network) have none."""
    bare = [
        f"{path.relative_to(SOURCE).as_posix()}:{node.name}: {ast.unparse(note)}"
        for path in MODULES
        for node in statements_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for note in [*(one.annotation for one in signature_of(node)), node.returns]
        if note is not None and has_bare_tensor(note)
    ]
    assert not bare


def signature_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def has_bare_tensor(note: ast.expr) -> bool:
    """Whether an annotation is a tensor, a tuple of them, or either of these or None."""
    match note:
        case ast.Name("Tensor") | ast.Attribute(attr="Tensor"):
            return True
        case ast.BinOp(left, ast.BitOr(), right):
            return has_bare_tensor(left) or has_bare_tensor(right)
        case ast.Subscript(ast.Name("tuple"), ast.Tuple(parts)):
            return any(has_bare_tensor(part) for part in parts)
    return False


def test_a_name_means_one_class():
    names = [
        node.name
        for path in MODULES
        for node in statements_of(path)
        if isinstance(node, ast.ClassDef)
    ]
    counts = Counter(names)
    assert not {name: count for name, count in counts.items() if count > 1}


def test_a_package_has_at_most_twelve_modules():
    inside = [path for path in MODULES if path.name != "__init__.py"]
    counts = Counter(path.parent.relative_to(SOURCE).as_posix() for path in inside)
    assert not {name: count for name, count in counts.items() if count > 12}


def test_tests_are_the_same_in_every_process_and_at_any_second():
    """Workers must collect the same tests: nothing outside functions depends on time or process."""
    unsteady = {"time", "monotonic", "perf_counter", "now", "today", "utcnow", "uuid1", "uuid4",
                "getpid", "urandom", "mkdtemp", "gettempdir", "hash", "id"}  # fmt: skip
    for path in TESTS:
        for node in at_import(tree_of(path)):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func).rpartition(".")[2]
                keywords = {keyword.arg for keyword in node.keywords}
                assert name not in unsteady, f"{path}:{node.lineno}: {name}"
                # A gzip file holds the time at which it was made.
                assert ast.unparse(node.func) != "gzip.compress" or "mtime" in keywords, (
                    f"{path}:{node.lineno}: gzip.compress without mtime"
                )
                if name == "parametrize":
                    assert not any(
                        isinstance(argument, ast.Set | ast.SetComp) for argument in node.args
                    ), f"{path}:{node.lineno}: a set has another order in each process"


def at_import(tree: ast.Module) -> list[ast.AST]:
    """What runs when a module is imported: all but the bodies of functions."""
    left: list[ast.AST] = list(tree.body)
    nodes: list[ast.AST] = []
    while left:
        node = left.pop()
        nodes.append(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            left += [*node.decorator_list, *node.args.defaults]
        elif not isinstance(node, ast.Lambda):
            left += ast.iter_child_nodes(node)
    return nodes


def test_every_test_asserts_something():
    for path in TESTS:
        functions = {n.name: n for n in statements_of(path) if isinstance(n, ast.FunctionDef)}
        for name, node in functions.items():
            if name.startswith("test_"):
                assert asserts(node, functions, {name}), f"{path}: {name} asserts nothing"


def asserts(node: ast.AST, functions: dict[str, ast.FunctionDef], visited: set[str]) -> bool:
    """Whether a function asserts, by itself or by a function of its module that it calls."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            return True
        if isinstance(part, ast.Call):
            called = ast.unparse(part.func)
            name = called.rpartition(".")[2]
            if name in {"raises", "warns"} or name.startswith("assert_"):
                return True
            if called.startswith("expect(") or name == "wait_for_selector":
                return True  # what a browser shows
            if name in functions.keys() - visited and asserts(
                functions[name], functions, visited | {name}
            ):
                return True
    return False


ANSWERS = {"predict", "predict_pair", "predict_fold", "answer", "sound_answer", "distribution"}


def test_rows_are_held_out_in_one_place_alone():
    """A loop that fits a model and asks it, by itself or by its module's functions, is a second.

    Rows are held out by ``abag.model.cross_validation``, which shows a learner no test row.
    """
    second_loops = [
        f"{path.relative_to(SOURCE).as_posix()}:{loop.lineno}"
        for path in MODULES
        if "fit" in text_of(path) and any(name in text_of(path) for name in ANSWERS)
        for loop in fitting_loops(tree_of(path))
    ]
    assert not second_loops


def test_a_second_way_of_holding_rows_out_would_be_found():
    spread = """
def score(model, train, test):
    return model.fit(train).predict(test)
def validate(folds):
    return [score(Model(), train, test) for train, test in folds]
"""
    written_out = """
for train, test in folds:
    model = build().fit(train)
    found.append(sound_answer(model, test))
"""
    learners = """
def learn(train):
    model = build().fit(train)
    return model.predict
for fold in folds:
    cross_validate([fold], {"": learn}, "one fold")
"""
    assert [len(fitting_loops(ast.parse(text))) for text in (spread, written_out, learners)] == [
        1,
        1,
        0,
    ]


def fitting_loops(tree: ast.Module) -> list[ast.AST]:
    """Loops and comprehensions that both fit and ask."""
    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    loops = (ast.For, ast.While, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)
    all_loops = [node for node in ast.walk(tree) if isinstance(node, loops)]
    return [
        loop
        for loop in all_loops
        if "fit" in (called := names_called(loop, functions, set())) and called & ANSWERS
    ]


def names_called(
    node: ast.AST, functions: dict[str, ast.FunctionDef], visited: set[str]
) -> set[str]:
    """Names of what is called in a node, and in the functions of its module that it calls."""
    names = {
        ast.unparse(part.func).rpartition(".")[2]
        for part in ast.walk(node)
        if isinstance(part, ast.Call)
    }
    for name in names & functions.keys() - visited:
        names |= names_called(functions[name], functions, visited | names)
    return names


def test_no_module_has_a_name_that_says_nothing():
    empty_words = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
    assert not [p for p in MODULES if p.stem in empty_words]


WEAK_NAMES = {"found", "told", "said", "given", "asked", "seen", "made", "meant", "drawn", "named",
              "held", "which", "what", "read", "one"}  # fmt: skip
"""Names that fit any value, and so say of none what it is."""


def test_a_name_says_what_its_value_is():
    """A local, a loop variable, a parameter or a field is called by the noun of what it holds."""
    weak = {
        path.relative_to(SOURCE).as_posix(): names
        for path in MODULES
        if (names := weak_names(ast.walk(tree_of(path))))
    }
    assert not weak


def test_a_weak_name_would_be_found_wherever_it_is_bound():
    bound = """
class Answer:
    said: str
    def read(self, asked, *given, **named):
        self.seen = asked
        for which, (what, _) in pairs:
            told = made = [one for one in given]
        with opened() as held, (lambda drawn: drawn):
            pass
        if (found := held):
            raise found
        try:
            import meanings as meant
        except ValueError as read:
            pass
"""
    assert {name.partition(":")[2] for name in weak_names(ast.walk(ast.parse(bound)))} == WEAK_NAMES
    assert not weak_names(ast.walk(ast.parse("def read(path):\n    return path.found(given=path)")))


def weak_names(nodes: Iterable[ast.AST]) -> list[str]:
    """Lines and names of :data:`WEAK_NAMES` that are bound; functions may bear a verb."""
    names = [(getattr(node, "lineno", 0), bound_name(node)) for node in nodes]
    return [f"{line}:{name}" for line, name in names if name in WEAK_NAMES]


def bound_name(node: ast.AST) -> str | None:
    """The name that a node gives to a value: an attribute of ``self`` is a field."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.alias(asname=name):
            return name
        case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
            return name
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return name
    return None


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


NAMES = {name_of(path) for path in MODULES}


def imported_by(path: Path) -> set[str]:
    imports: set[str] = set()
    for node in statements_of(path):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # ``from package import module`` means the module, not the package that leads to it.
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            imports |= names & NAMES or {str(node.module)}
    return imports


def test_nothing_is_pickled():
    for path in MODULES:
        names = {
            alias.name.split(".")[0]
            for node in statements_of(path)
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
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "LOADED []" in finished.stdout


def test_no_two_files_of_tests_have_one_name() -> None:
    """Pytest imports them by their names, and takes the second for the first."""
    names = Counter(path.name for path in TESTS if path.name.startswith("test_"))
    assert not [name for name, files in names.items() if files > 1]
