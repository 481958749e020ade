"""Commands as a user calls them, without a process of their own."""

from abag.apps.cli import main


def run(*arguments: object) -> int:
    """The exit status of ``abag`` with these arguments."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0
