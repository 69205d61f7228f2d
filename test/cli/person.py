"""A person at the browser, who reads the consent page and presses a button.

Run by the commands under test, through the environment variable BROWSER.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, build_opener


class _ToNowhere(HTTPRedirectHandler):
    """Stays at an address of another server, as a browser does that cannot reach it."""

    def redirect_request(self, *arguments: Any) -> Any:
        request, url = arguments[0], arguments[-1]
        if urlsplit(url).netloc != request.host:
            raise _LeftAlone(url)
        return super().redirect_request(*arguments)


class _LeftAlone(Exception):
    """The address that a browser ended on."""


def callback(url: str, decision: str) -> str:
    """Press Allow or Deny; returns the address in the address bar of a browser far away."""
    try:
        answer(url, decision, handlers=[_ToNowhere()])
    except _LeftAlone as address:
        return str(address)
    raise AssertionError("the browser went nowhere")


def answer(url: str, decision: str, user_code: str = "", handlers: Sequence[Any] = ()) -> str:
    """Press Allow or Deny, for a device's code if one is given; returns the page one ends on."""
    browser = build_opener(HTTPCookieProcessor(), *handlers)
    opened = browser.open(url)
    # The address that a command opens leads on to the consent page.
    url = opened.geturl()
    page = opened.read().decode("utf-8")
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found, page
    form = {"form_token": found.group(1), "merchant": "DEMO", "decision": decision}
    if user_code:
        form["user_code"] = user_code
    ended = browser.open(url, urlencode(form).encode("ascii"))
    text: str = ended.read().decode("utf-8")
    return text


if __name__ == "__main__":
    answer(sys.argv[2], sys.argv[1])
