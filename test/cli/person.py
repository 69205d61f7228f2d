"""Decides what a person does in the browser: reads the consent page and presses a button.

Run by the commands under test, through the environment variable BROWSER.
"""

from __future__ import annotations

import re
import sys
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener


def answer(url: str, decision: str, user_code: str = "") -> str:
    """Press Allow or Deny, for a device's code if one is given; returns the page one ends on."""
    browser = build_opener(HTTPCookieProcessor())
    page = browser.open(url).read().decode("utf-8")
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
