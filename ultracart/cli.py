# PYTHON_ARGCOMPLETE_OK
"""The entry point of the command ``ultracart``; Ctrl-C stops it without a traceback."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130  # 128 + SIGINT, as shells count


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments; default: those of the process.

    Returns:
        The exit status: 0 done, 1 failed, 2 no command, 130 stopped by Ctrl-C.

    Raises:
        SystemExit: with status 2 for wrong usage, 0 for ``--help`` and ``--version``.
    """
    try:
        # Import inside `try`: the import takes long enough for a Ctrl-C to interrupt it.
        status: int = import_module(".commands.program", __package__).run(argv)
    except KeyboardInterrupt:
        # Ignore a second Ctrl-C: it would interrupt the exit with a traceback.
        signal = import_module("signal")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if sys.stderr is not None:  # pragma: no branch - it was closed
            print("ultracart: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return status
