"""Opening an address in the user's browser, from a process of its own.

The browser gets no terminal, which a text browser would take over and a graphical one would write
to; none of this package's environment variables, which hold secrets; and no descriptor of ours.
"""

from __future__ import annotations

import os
import subprocess  # nosec B404 - of this Python alone, see below
import sys
import threading
from collections.abc import Callable

# -I: neither the working directory nor PYTHONPATH can put another module in webbrowser's place.
_OPEN = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
_TEXT_BROWSERS = frozenset("browsh elinks links links2 lynx netrik retawq w3m www-browser".split())
_SCREENS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
_OURS = "ULTRACART_"


def open_browser(address: str, failed: Callable[[], object]) -> None:
    """Open ``address``, without waiting; ``failed()`` is called where no browser takes it.

    The address stands in the arguments of processes, where every user of the machine can read it:
    it must not hold a secret.
    """
    environment = _environment()
    # In a frozen application, sys.executable is the application, not Python.
    if getattr(sys, "frozen", False) or not sys.executable or not _has_screen(environment):
        failed()
        return
    try:
        process = subprocess.Popen(  # noqa: S603  # nosec B603 - no shell, an address of ours
            [sys.executable, "-I", "-c", _OPEN, address],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A session of its own: no access to our terminal, and no Ctrl-C from it.
            start_new_session=True,
        )
    except OSError:
        failed()
        return

    def watch() -> None:
        # webbrowser waits for a browser that BROWSER names, so this may take as long as it runs.
        if process.wait() != 0:
            failed()

    threading.Thread(target=watch, daemon=True).start()


def _environment() -> dict[str, str]:
    """Our environment, without our secrets and without what makes Python take a text browser."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    found.pop("TERM", None)
    if found.get("BROWSER"):
        choices = found["BROWSER"].split(os.pathsep)
        found["BROWSER"] = os.pathsep.join(filter(_is_graphical, choices))
    return found


def _is_graphical(command: str) -> bool:
    program = (command.split() or [""])[0]
    return bool(program) and os.path.basename(program) not in _TEXT_BROWSERS


def _has_screen(environment: dict[str, str]) -> bool:
    if not sys.platform.startswith("linux"):  # pragma: no cover - the tests run on Linux
        return True
    return any(environment.get(name) for name in _SCREENS)
