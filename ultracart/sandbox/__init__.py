"""The sandbox: an UltraCart OAuth server on your own machine.

It needs Flask and Authlib, which the extra ``sandbox`` brings. Without them
``import ultracart.sandbox`` raises :exc:`ImportError` that says so; the rest of the SDK does not
need them. The sandbox shares no code with the client, so that one mistake cannot make both agree.

    from ultracart.sandbox import Sandbox

    with Sandbox() as sandbox:
        print(sandbox.host)  # http://127.0.0.1:PORT/rest/v2
        callback = sandbox.authorize(merchant="DEMO")  # a merchant allows access
"""

from __future__ import annotations

try:
    from .applications import Application
    from .faults import Fault, Faults
    from .recording import Counters, RecordedRequest
    from .resources import Answer
    from .server import Sandbox
except ModuleNotFoundError as _missing:
    raise ImportError(
        "the sandbox needs Flask and Authlib: python -m pip install 'Flask<4' 'Authlib<2'"
    ) from _missing

__all__ = ["Answer", "Application", "Counters", "Fault", "Faults", "RecordedRequest", "Sandbox"]
