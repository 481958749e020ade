"""The ``abag`` command. Each command lives in a file of its own and is imported when called."""

# Nothing is imported here that takes time: Ctrl-C is caught from the first moment of main() on.
from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cyclopts import App, UnusedCliTokensError

USER_ERROR = 2
STOPPED = 130

COMMANDS: dict[str, str] = {
    # name on the command line -> import path and one line of help
    "predict": "abag.apps.cli.predict:predict",
    "screen": "abag.apps.cli.screen:screen",
    "explain": "abag.apps.cli.explain:explain",
    "fit": "abag.apps.cli.fit:fit",
    "evaluate": "abag.apps.cli.evaluate:evaluate",
    "split": "abag.apps.cli.splits.split:split",
    "audit": "abag.apps.cli.splits.audit:audit",
    "number": "abag.apps.cli.number:number",
    "data": "abag.apps.cli.data:app",
    "demo": "abag.apps.cli.demo:demo",
    "encoders": "abag.apps.cli.encoding.encoders:app",
    "embed": "abag.apps.cli.encoding.embed:embed",
    "store": "abag.apps.cli.encoding.store:app",
    "serve": "abag.apps.cli.serve:serve",
    "adapt": "abag.apps.cli.maturation.adapt:adapt",
    "scan": "abag.apps.cli.maturation.scan:scan",
    "propose": "abag.apps.cli.maturation.propose:propose",
    "order": "abag.apps.cli.maturation.order:order",
    "recipes": "abag.apps.cli.networks.recipes:recipes",
    "train": "abag.apps.cli.networks.train:train",
    "compare": "abag.apps.cli.networks.compare:compare",
    "tune": "abag.apps.cli.networks.tune:tune",
    "release": "abag.apps.cli.release.making:app",
    "pull": "abag.apps.cli.release.pulling:pull",
    "models": "abag.apps.cli.release.pulling:models",
}

HELP: dict[str, str] = {
    "predict": "Predict pKd for one antibody-antigen pair or for a table of pairs.",
    "screen": "Screen a library of thousands or millions: the best kept, resumable, also on Ray.",
    "explain": "Show which positions of the antibody carry a prediction, by mutating each of them.",
    "fit": "Fit a model on the training part of a split and save it.",
    "evaluate": "Score models on held-out rows: metrics.json, test_predictions.csv, report.html.",
    "split": "Divide a table so that training and test share no antibody, antigen or complex.",
    "audit": "Measure what leaks across a split, and say whether to believe its figures.",
    "number": "IMGT numbers, CDRs and chain types of antibody sequences.",
    "data": "Build, import, check and merge tables of measurements.",
    "demo": "Predictions, an assay, a scan, a plate and its score, in one go.",
    "encoders": "The encoders known by name; published weights that are fetched once.",
    "embed": "Residue embeddings of a file's antibodies and antigens into a store.",
    "store": "Look into an embedding store, verify it, merge its shards.",
    "recipes": "The recipes that a network is trained by, explained.",
    "train": "Train a network by a recipe; killed at any moment, it goes on from there.",
    "compare": "Trained runs side by side on the same test rows: table, page, picture.",
    "tune": "Search the settings of a recipe, by the validation part alone; resumable.",
    "release": "From a run or a model to a folder that others can use: card, notes, sums.",
    "pull": "Fetch a released model from a hub, a git remote or a folder.",
    "models": "List the models that are here, with their cards.",
    "adapt": "Fit a model to a few dozen measured variants, and say how far to trust it.",
    "propose": "Choose the variants to measure next: a plate with a reason for each.",
    "serve": "Serve the page and the REST interface to browsers and programs.",
    "order": "What to order and pipette for a plate: DNA, plate map, pick lists, a library.",
    "scan": "Predict every single mutant of an antibody: table, heat map, interactive page.",
}

_BEHIND_AN_OPTION = {
    "predict": "give a table of pairs, or of the variants of a --parent, by --table FILE",
    "explain": "give a file of the antibody by --parent FILE",
    "scan": "give a file of the antibody by --parent FILE",
    "propose": "give a model by --model FOLDER",
}
"""Command -> how it takes a file that stands behind no option."""


def build_app(command: str = "") -> App:
    """The command tree; no command module is imported until it is called.

    ``command`` is the one to be run; where it is abag's own, those of other packages are not added.
    """
    from cyclopts import App

    from abag.version import VERSION

    app = App(
        name="abag",
        version=VERSION,
        help="How tightly does an antibody bind an antigen, and how far can the number be trusted?",
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for name, path in COMMANDS.items():
        app.command(path, name=name, help=HELP[name])
    if command not in COMMANDS:
        from abag.apps.cli.contributed import add_contributed

        add_contributed(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the user's mistakes end with exit status 2 and one message."""
    try:
        _open_streams()
        message = _run(list(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        # Whoever read the output has gone; nothing more may be written to it, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would cut the clearing up
        _say("abag: stopped")
        sys.exit(STOPPED)
    if message:
        _say(f"abag: error: {message}")
        sys.exit(USER_ERROR)


def _run(arguments: list[str]) -> str:
    """Run a command; returns what the user did wrong."""
    from cyclopts import CycloptsError, UnusedCliTokensError

    from abag.errors import AbagError, printable

    try:
        build_app(*arguments[:1])(arguments, exit_on_error=False, print_error=False)
    except AbagError as error:
        return str(error)
    except UnusedCliTokensError as error:
        return printable(f"{_unused(error)} (--help lists what there is)")
    except CycloptsError as error:
        return printable(f"{error} (--help lists what there is)")
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return printable(f"{where}{error.strerror or error}")
    except MemoryError:
        return "there is not enough memory for this; give a smaller file, or part it"
    return ""


def _unused(error: UnusedCliTokensError) -> str:
    command = " ".join(error.command_chain or ())
    tokens = ", ".join(map(repr, error.unused_tokens or ()))
    mend = _BEHIND_AN_OPTION.get(command, "leave it out, or put its option before it")
    return f"{tokens}: `abag {command}` takes no argument here; {mend}"


def _open_streams() -> None:
    """Give a process whose standard streams are closed new ones that lead nowhere.

    Otherwise the next file that is opened becomes standard error, and messages land in it.
    """
    handle = os.open(os.devnull, os.O_RDWR)
    while handle <= 2:
        handle = os.open(os.devnull, os.O_RDWR)
    os.close(handle)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def emit(content: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print ``content`` as one JSON object, or ``text``, on standard output."""
    import json

    from abag.errors import printable

    plain = json.dumps(content, sort_keys=True, allow_nan=False) if as_json else printable(text)
    print(plain, flush=True)


def tell(text: str) -> None:
    """Print a line on standard error, where one is open."""
    from abag.errors import printable

    try:
        print(printable(text), file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        return


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):  # nobody can be told
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
