"""What starting costs: importing, touching the public names, and the first token.

Each sample is a new isolated interpreter (``-I``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

_TOUCH = {
    "urllib3": "import urllib3; urllib3.PoolManager()",
    "generated": (
        "import ultracart\n"
        "from ultracart import ApiClient, OauthApi\n"
        "from ultracart.configuration import Configuration\n"
        "from ultracart import OauthTokenResponse, OauthRevokeSuccessResponse\n"
        "from ultracart import ErrorResponse, Error\n"
        "from ultracart.rest import ApiException\n"
    ),
    "generated4": (
        "from ultracart import ApiClient, Configuration, ApiException\n"
        "from ultracart.apis import OauthApi\n"
        "from ultracart.model.oauth_token_response import OauthTokenResponse\n"
        "from ultracart.model.oauth_revoke_success_response import OauthRevokeSuccessResponse\n"
    ),
    "authlib": "from authlib.integrations.requests_client import OAuth2Session; OAuth2Session('x')",
    "requests-oauthlib": "from requests_oauthlib import OAuth2Session; OAuth2Session('x')",
}
_OWN_TOUCH = (
    "import ultracart\n"
    "ultracart.Configuration, ultracart.ApiClient, ultracart.OauthApi\n"
    "import ultracart.models\n"
    "[getattr(ultracart.models, n) for n in ultracart.models.__all__]\n"
    "import ultracart.exceptions\n"
    "[getattr(ultracart, n) for n in ultracart.__all__ if n.endswith(('Error', 'Exception'))]\n"
)
_IMPORT = {
    "urllib3": "import urllib3",
    "generated": "import ultracart",
    "generated4": "import ultracart",
    "authlib": "from authlib.integrations.requests_client import OAuth2Session",
    "requests-oauthlib": "from requests_oauthlib import OAuth2Session",
}
_MEASURE = """
import sys, time
sys.path[:0] = %r
before = len(sys.modules)
started = time.process_time()
%s
ended = time.process_time()
print('{"ms": %%f, "modules": %%d, "urllib3": %%d}' %% (
    (ended - started) * 1e3, len(sys.modules) - before, 'urllib3' in sys.modules))
"""
_FIRST_TOKEN = """
import sys
sys.path[:0] = %r
from libraries import LIBRARIES
assert LIBRARIES[%r](%r, %r).warm()()
"""
# Nobody is asked: the token is fresh.
_HOST = "https://ultracart.example/rest/v2"
HERE = str(Path(__file__).parent)


def environment() -> dict[str, str]:
    """This process's, without proxies: some libraries would pay for looking at them."""
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


def import_statement(library: str) -> str:
    return _IMPORT[library]


def touch_statement(library: str, own: bool) -> str:
    return _OWN_TOUCH if own else _TOUCH[library]


def statement_cost(statement: str, path: str | None) -> dict[str, float]:
    """Milliseconds and modules that ``statement`` takes in a new interpreter."""
    code = _MEASURE % ([path] if path else [], statement)
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment())
    cost: dict[str, float] = json.loads(done.stdout)
    return cost


def first_token(library: str, host: str, ca_file: str, path: str | None) -> dict[str, float]:
    """Milliseconds, CPU and wall, of a process that starts, gets one token over TLS and ends."""
    code = _FIRST_TOKEN % ([*([path] if path else []), HERE], library, host, ca_file)
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-I", "-c", code], env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError("the cold start of %s failed" % library)
    return {"cpu": (usage.ru_utime + usage.ru_stime) * 1e3, "wall": wall * 1e3}


def command(arguments: list[str], home: str) -> float:
    """CPU milliseconds of ``ultracart`` with these arguments, for a user with this home."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ultracart", *arguments],
        env={**environment(), "HOME": home, "XDG_DATA_HOME": home, "ULTRACART_HOST": _HOST},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError("ultracart %s failed" % " ".join(arguments))
    return (usage.ru_utime + usage.ru_stime) * 1e3


def store_login(home: str) -> None:
    """A login with a fresh token, as ``ultracart login`` keeps it."""
    code = (
        "from ultracart.oauth import Token\n"
        "from ultracart.oauth.cli_logins import Login, open_login_store\n"
        "store = open_login_store()\n"
        "store.save(Login(%r, 'app', 'default').key, Token('access', 'refresh', 4e9))\n"
        "store.close()\n"
    ) % _HOST
    place = {**environment(), "HOME": home, "XDG_DATA_HOME": home}
    subprocess.run([sys.executable, "-c", code], env=place, check=True)
