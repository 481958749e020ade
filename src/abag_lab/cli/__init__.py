"""Commands of the workshop; ``abag`` finds them by the entry point ``abag.commands``."""

from __future__ import annotations

from typing import Final

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    # name on the command line -> import path and one line of help
    "benchmark": (
        "abag_lab.cli.benchmark:app",
        "Make the published comparison tables again, one command each.",
    ),
    "data build": (
        "abag_lab.cli.data:build",
        "Make the canonical table of all or chosen published sources.",
    ),
    "data sources": (
        "abag_lab.cli.data:sources",
        "List the published sources that abag can read, with licence and where to get them.",
    ),
    "pretrain": (
        "abag_lab.cli.pretrain:pretrain",
        "Train the built-in encoder by masked language modelling; resumable.",
    ),
    "simulate": (
        "abag_lab.cli.simulate:simulate",
        "Replay campaigns on measured landscapes: ours, one-hot ridge, greedy, chance.",
    ),
}
