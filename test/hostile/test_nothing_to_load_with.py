"""Late imports when no descriptor is left, or when the interpreter is shutting down."""

from __future__ import annotations

from typing import Any

import pytest

from .server import Peer, answer
from .test_processes import EXHAUST_DESCRIPTORS, run

FIRST_CALL = """
for attempt in range(2):
    try: api.oauth_me(); print("worked")
    except ultracart.ApiException as error: print(type(error).__name__, error.request_sent)
    except BaseException as error: print("foreign", repr(error))
release()
print(api.oauth_me().merchant_id)
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("loaded", [False, True], ids=["nothing loaded", "transport loaded"])
def test_out_of_descriptors_in_the_first_call(
    serve: Any, authority: Any, scheme: str, loaded: bool
) -> None:
    tls = authority.context() if scheme == "https" else None
    server = serve(answer('{"merchant_id":"M"}'), tls=tls)
    script = "configuration.ssl_ca_cert = %r\n" % authority.path
    script += "import ultracart.rest\n" * loaded
    script += EXHAUST_DESCRIPTORS + FIRST_CALL
    done = run(server, script)
    assert done.stdout.splitlines() == ["ApiConnectionError False"] * 2 + ["M"], done.stderr


WARM = """
api.oauth_me()
finders = sys.meta_path
def release(): pass
"""
LOSSES = {
    "descriptors": EXHAUST_DESCRIPTORS,
    "finders": "sys.meta_path = None\n",  # as when Python is about to end
}
REFUSED = """
def refused():
    try: api.oauth_access_token("c", "refresh_token", refresh_token="planted-refresh")
    except ultracart.ApiException as error: print(type(error).__name__, error.status, error.error)
refused()
"""
REGAINED = """
release()
sys.meta_path = finders
refused()
"""


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_an_error_response_has_its_class_where_nothing_can_be_imported(
    serve: Any, loss: str
) -> None:
    def step(peer: Peer) -> None:
        me = "/me" in peer.server.requests[-1].line
        refusal = answer('{"error":"invalid_grant"}', "400 Bad Request")
        peer.send(answer('{"merchant_id":"M"}') if me else refusal)

    done = run(serve(step), WARM + loss + REFUSED + REGAINED)
    assert done.stdout.splitlines() == ["InvalidGrantError 400 invalid_grant"] * 2, done.stderr


OPERATIONS = {
    "download": 'client.call_api("/x", "GET", response_type="file")',
    "upload": 'client.call_api("/x", "POST", files={"a": os.devnull})',
    "date": 'client.call_api("/x", "GET", response_type="date")',
    "background": 'client.call_api("/x", "GET", async_req=True).get(30)',
    "date that is not there": 'client.call_api("/x", "GET", response_type="datetime")',
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_what_few_calls_need_is_loaded_or_refused(serve: Any, operation: str) -> None:
    server = serve(answer('"2026-05-09"'))
    script = "client = api.api_client\nclient.call_api('/x', 'GET')\n" + EXHAUST_DESCRIPTORS
    script += f"""
def attempt():
    try: print("done", bool({operation}))
    except ultracart.ApiException as error: print(type(error).__name__, error.body)
attempt()
release()
attempt()
"""
    done = run(server, script)
    first, second = done.stdout.splitlines()
    assert second == "done True", done.stderr
    kept = '"2026-05-09"' if "datetime" in operation else "None"
    assert first in ("done True", "ApiConnectionError " + kept)


def test_a_part_that_is_not_whole_yet_is_refused(serve: Any) -> None:
    """As for a signal handler that calls amid the first call of its process."""
    script = """
import types
sys.modules["ultracart.rest"] = types.ModuleType("ultracart.rest")
try: api.oauth_me()
except ultracart.ApiConnectionError as error: print(error.request_sent, error)
del sys.modules["ultracart.rest"]
print(api.oauth_me().merchant_id)
"""
    done = run(serve(answer('{"merchant_id":"M"}')), script)
    refused, worked = done.stdout.splitlines()
    assert refused.startswith("False ultracart.rest cannot be loaded: AttributeError"), done.stderr
    assert worked == "M"
