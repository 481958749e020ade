"""``python -m abag`` is the ``abag`` command."""

from abag.apps.cli import main

main()
