"""Serve ``app.py`` of the current directory: ``python serve_tutorial.py PORT``, WSGI or ASGI."""

from __future__ import annotations

import inspect
import sys

from app import app  # type: ignore[import-not-found]  # the tutorial's program


def main(port: int) -> None:
    if inspect.iscoroutinefunction(type(app).__call__):
        import uvicorn

        uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
    else:
        from werkzeug.serving import run_simple

        run_simple("127.0.0.1", port, app, threaded=True)


main(int(sys.argv[1]))
